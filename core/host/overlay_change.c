/*
 * The overlay's transparent changes: what is there is looked up, what the machine would refuse is refused
 * now, and the state that the change leads to is held together with the change. It must not know how or
 * whether changes land. Of permissions it knows nothing either: the machine answers for those when it is
 * asked.
 */
#include <errno.h>

#include "base/path.h"
#include "host/overlay_parts.h"

#define UNKNOWN_KIND NEAP_OVERLAY_UNKNOWN_KIND
#define NEW_FILE_MODE 0644
#define NEW_DIRECTORY_MODE 0755
#define TARGET_MAX 4095

/* ---- what is there ----------------------------------------------------------------------------------- */

static struct neap_overlay_state unknown_by(uint32_t cause)
{
	return (struct neap_overlay_state){
		.kind = UNKNOWN_KIND,
		.fill = NEAP_OVERLAY_UNSURE,
		.cause = cause,
		.mode = NEAP_KEEP,
		.uid = NEAP_KEEP,
		.gid = NEAP_KEEP,
	};
}

static int ask_machine(struct neap_overlay *overlay, const char *path, struct neap_overlay_state *ret,
		       struct neap_error **err)
{
	const struct neap_view *below = neap_overlay_below(overlay);
	struct neap_stat stat;
	int r = below->reads->stat(below, path, &stat, err);

	if (r != 0)
		return r;
	*ret = (struct neap_overlay_state){
		.kind = stat.kind,
		.mount = stat.mount,
		.mode = stat.mode,
		.uid = stat.uid,
		.gid = stat.gid,
		.links = stat.links,
		.stamp = stat.stamp,
		.machines = stat.kind == NEAP_FILE_REGULAR,
		.content.size = stat.size,
	};
	return 0;
}

/* Nothing leads to `path`. While something is pending that is not known: what is missing may come yet. */
static int without_parent(struct neap_overlay *overlay, const char *operation, const char *path,
			  const struct neap_overlay_way *way, struct neap_overlay_state *ret,
			  struct neap_error **err)
{
	if (way->end == NEAP_OVERLAY_REMOVED || !neap_overlay_pends(overlay))
		return neap_error_errno(err, ENOENT, "%s %s", operation, path);
	if (way->end == NEAP_OVERLAY_ABSENT) {
		neap_overlay_tree_mark(&overlay->tree, way->stop, overlay->pending);
		neap_overlay_turn(overlay); /* of what is not at the path of the change */
	}
	*ret = unknown_by(overlay->pending);
	return 0;
}

/* Where `path` is and what is there before a change; of kind UNKNOWN_KIND when that is not known. */
static int look(struct neap_overlay *overlay, const char *operation, const char *path,
		struct neap_overlay_place *place, struct neap_overlay_state *ret, struct neap_error **err)
{
	struct neap_error *local NEAP_AUTO_ERROR = NULL;
	bool pends = neap_overlay_pends(overlay);
	int r = neap_overlay_locate(overlay, path, place, &local);

	overlay->asked = path;

	if (r == 0)
		switch (place->where) {
		case NEAP_OVERLAY_AT_STATE:
			*ret = *place->state;
			return 0;
		case NEAP_OVERLAY_AT_UNKNOWN:
			*ret = unknown_by(place->cause);
			return 0;
		case NEAP_OVERLAY_AT_NOTHING:
			if (place->way->end != NEAP_OVERLAY_DIRECTORY)
				return without_parent(overlay, operation, path, place->way, ret, err);
			*ret = (struct neap_overlay_state){ .kind = NEAP_FILE_ABSENT };
			break;
		case NEAP_OVERLAY_AT_MACHINE:
			r = ask_machine(overlay, place->path, ret, &local);
			break;
		}
	else
		*place = (struct neap_overlay_place){ .where = NEAP_OVERLAY_AT_UNKNOWN, .path = path };
	if (pends && (r != 0 || ret->kind == NEAP_FILE_ABSENT)) {
		const struct neap_overlay_state *state =
			neap_overlay_tree_get(&overlay->tree, neap_str(place->path));

		*ret = state ? *state : unknown_by(overlay->pending);
		return 0;
	}
	if (r < 0)
		neap_error_pass(err, &local);
	return r;
}

/* Who makes something at `place`. */
static int creator(struct neap_overlay *overlay, const struct neap_overlay_place *place, uint32_t *ret_uid,
		   uint32_t *ret_gid, struct neap_error **err)
{
	const struct neap_overlay_state *state;
	struct neap_overlay_state parent = unknown_by(0);

	neap_overlay_below(overlay)->reads->caller(neap_overlay_below(overlay), ret_uid, ret_gid);
	if (!place->way || place->way->end != NEAP_OVERLAY_DIRECTORY)
		return 0;
	state = neap_overlay_tree_get(&overlay->tree, place->way->path);
	if (state)
		parent = *state;
	else if (place->way->fill == NEAP_OVERLAY_THROUGH &&
		 ask_machine(overlay, place->way->path.data, &parent,
			     neap_overlay_pends(overlay) ? NULL : err) < 0 &&
		 !neap_overlay_pends(overlay))
		return -1;
	if (parent.kind == NEAP_FILE_DIRECTORY && parent.mode != NEAP_KEEP && (parent.mode & 02000) &&
	    parent.gid != NEAP_KEEP)
		*ret_gid = parent.gid;
	return 0;
}

/* ---- holding ----------------------------------------------------------------------------------------- */

static struct neap_change *hold_change(struct neap_overlay *overlay, enum neap_change_kind kind,
				       const char *path)
{
	const char *canonical = neap_arena_strdup(overlay->arena, path);
	uint64_t serial = overlay->landed + overlay->held.count;

	overlay->turns++;
	neap_vec_push(&overlay->held,
		      (struct neap_change){
			      .kind = kind,
			      .step = overlay->step,
			      .path = canonical,
			      .asked = strcmp(path, overlay->asked) == 0
					       ? canonical
					       : neap_arena_strdup(overlay->arena, overlay->asked),
			      .mode = NEAP_KEEP,
			      .uid = NEAP_KEEP,
			      .gid = NEAP_KEEP,
			      .serial = serial,
			      .behind = overlay->behind,
		      });
	return &overlay->held.items[overlay->held.count - 1];
}

/* `state` takes the place of `was`; the change that leads to it is held. */
static struct neap_change *hold(struct neap_overlay *overlay, enum neap_change_kind kind, const char *path,
				const struct neap_overlay_state *was, struct neap_overlay_state *state)
{
	struct neap_str canonical = neap_str(path);
	struct neap_change *change;

	state->held = true;
	if ((was->kind == UNKNOWN_KIND || was->fill == NEAP_OVERLAY_UNSURE) && state->kind != UNKNOWN_KIND &&
	    state->kind != NEAP_FILE_DIRECTORY)
		neap_overlay_tree_drop_below(&overlay->tree, canonical);
	neap_overlay_tree_set(&overlay->tree, canonical, was->kind, state);
	if (was->kind == NEAP_FILE_REGULAR || was->kind == NEAP_FILE_ABSENT)
		neap_accounts_touch(overlay->accounts, path);
	/* Not when only owner and mode of a directory change. */
	if ((was->kind != NEAP_FILE_REGULAR && was->kind != NEAP_FILE_ABSENT &&
	     (kind != NEAP_CHANGE_ATTRIBUTES || was->fill != state->fill || was->kind != state->kind)) ||
	    state->kind == NEAP_FILE_LINK)
		neap_accounts_drop(overlay->accounts); /* a way to the accounts may have changed */
	change = hold_change(overlay, kind, path);
	change->absent = was->kind == NEAP_FILE_ABSENT && !was->held;
	return change;
}

/* The bytes are copied: what is held outlives the step's memory. Large ones without a source too. */
static void copy_content(struct neap_arena *arena, const struct neap_content *content,
			 struct neap_content *ret)
{
	*ret = *content;
	if (content->source)
		ret->source = neap_arena_strdup(arena, content->source);
	if (content->data || (!content->size && !content->unknown))
		ret->data = neap_arena_copy(arena, content->size ? content->data : "", content->size);
	if (content->data && content->size > NEAP_CONTENT_MAX)
		neap_digest(content->data, content->size, ret->digest);
}

static const char *const *copy_argv(struct neap_arena *arena, const char *const *argv)
{
	const char **copy;
	size_t count = 0;

	if (!argv)
		return NULL;
	while (argv[count])
		count++;
	copy = neap_arena_array_of(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		copy[i] = neap_arena_strdup(arena, argv[i]);
	return copy;
}

static uint32_t chosen(uint32_t wanted, uint32_t otherwise)
{
	return wanted == NEAP_KEEP ? otherwise : wanted;
}

static int refuse_mount(const char *operation, const char *path, struct neap_error **err)
{
	neap_error_errno(err, EBUSY, "%s %s: something is mounted there", operation, path);
	return neap_error_hint(err, "in a container: /etc/hosts, /etc/resolv.conf; unmount it, or change its "
				    "source");
}

/* ---- changes ----------------------------------------------------------------------------------------- */

/* Whom root's rights are not with: what the machine would refuse for that is refused now. */
static bool is_plain_user(const struct neap_overlay *overlay, uint32_t *ret_uid)
{
	uint32_t gid;

	neap_overlay_below(overlay)->reads->caller(neap_overlay_below(overlay), ret_uid, &gid);
	return *ret_uid != 0;
}

/* As look(), for a change of the directory's entries. */
static int look_to_change(struct neap_overlay *overlay, const char *operation, const char *path,
			  struct neap_overlay_place *place, struct neap_overlay_state *ret,
			  struct neap_error **err)
{
	const struct neap_view *below = neap_overlay_below(overlay);
	int r = look(overlay, operation, path, place, ret, err);
	uint32_t uid;

	if (r != 0 || ret->kind == UNKNOWN_KIND || !place->way || !below->reads->writable ||
	    !is_plain_user(overlay, &uid) || place->way->end != NEAP_OVERLAY_DIRECTORY ||
	    neap_overlay_tree_get(&overlay->tree, place->way->path))
		return r;
	r = below->reads->writable(below, place->way->path.data, err);
	return r < 0 ? neap_error_prefix(err, "%s %s", operation, path) : 0;
}

static int check_owner(struct neap_overlay *overlay, const char *path, uint32_t owner,
		       struct neap_error **err)
{
	uint32_t uid;

	if (!is_plain_user(overlay, &uid) || owner == uid || owner == NEAP_KEEP)
		return 0;
	neap_error_errno(err, EPERM, "give %s to user %u", path, owner);
	return neap_error_hint(err, "only root may: run neap as root, or leave out what belongs to others");
}

int neap_overlay_write(struct neap_host *host, const char *path, const struct neap_file_write *file,
		       struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_overlay_state was, state = { .kind = NEAP_FILE_REGULAR, .links = 1 };
	struct neap_overlay_place place;
	struct neap_change *change;
	int r = look_to_change(overlay, "write", path, &place, &was, err);

	if (r != 0)
		return r;
	if (was.kind == NEAP_FILE_DIRECTORY)
		return neap_error_errno(err, EISDIR, "write %s", path);
	if (was.mount)
		return refuse_mount("write", path, err);
	if (was.kind != NEAP_FILE_REGULAR && was.kind != UNKNOWN_KIND)
		was.mode = was.uid = was.gid = NEAP_KEEP; /* nothing of it is kept */
	state.mode = chosen(file->mode, chosen(was.mode, NEW_FILE_MODE)) & 07777;
	state.uid = chosen(file->uid, was.uid);
	state.gid = chosen(file->gid, was.gid);
	if (state.uid == NEAP_KEEP || state.gid == NEAP_KEEP) {
		uint32_t uid, gid;

		r = creator(overlay, &place, &uid, &gid, err);
		if (r != 0)
			return r;
		state.uid = chosen(state.uid, uid);
		state.gid = chosen(state.gid, gid);
	}
	if (check_owner(overlay, path, state.uid, err) < 0)
		return -1;
	if (overlay->mode == NEAP_OVERLAY_PLAN && file->content.data &&
	    file->content.size <= NEAP_CONTENT_MAX)
		state.content = (struct neap_content){
			.data = neap_overlay_bytes_keep(&overlay->pool, file->content.data,
							file->content.size, &state.bytes),
			.size = file->content.size,
		};
	if (!state.bytes)
		copy_content(overlay->arena, &file->content, &state.content);
	neap_overlay_bytes_replaced(&overlay->pool, was.held ? was.bytes : NULL);
	state.cause = overlay->step; /* of content that is not known */
	change = hold(overlay, NEAP_CHANGE_WRITE, place.path, &was, &state);
	change->content = state.content;
	change->mode = state.mode;
	change->uid = state.uid;
	change->gid = state.gid;
	change->validate = copy_argv(overlay->arena, file->validate);
	change->backup = file->backup;
	change->secret = file->secret;
	if (was.kind == NEAP_FILE_REGULAR && !was.held)
		change->stamp = file->stamp ? file->stamp : was.stamp;
	change->accounts = file->accounts ? file->accounts : neap_account_landing(place.path);
	overlay->bytes += state.content.size;
	return 0;
}

int neap_overlay_attributes(struct neap_host *host, const char *path, uint32_t mode, uint32_t uid,
			    uint32_t gid, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_overlay_place place;
	struct neap_overlay_state was, state;
	struct neap_change *change;
	uint32_t caller;
	int r = look(overlay, "set owner and mode of", path, &place, &was, err);

	if (r != 0)
		return r;
	if (was.kind == NEAP_FILE_ABSENT)
		return neap_error_errno(err, ENOENT, "set owner and mode of %s", path);
	if (was.kind == NEAP_FILE_LINK)
		return neap_error_errno(err, ELOOP, "set owner and mode of %s: it is a link", path);
	state = was;
	state.mode = mode == NEAP_KEEP ? was.mode : mode & 07777;
	state.uid = chosen(uid, was.uid);
	state.gid = chosen(gid, was.gid);
	if (was.uid != NEAP_KEEP && is_plain_user(overlay, &caller) && was.uid != caller) {
		neap_error_errno(err, EPERM, "set owner and mode of %s, which belongs to user %u", path,
				 was.uid);
		return neap_error_hint(err, "only its owner or root may");
	}
	if (check_owner(overlay, path, uid, err) < 0)
		return -1;
	change = hold(overlay, NEAP_CHANGE_ATTRIBUTES, place.path, &was, &state);
	change->mode = mode == NEAP_KEEP ? NEAP_KEEP : mode & 07777;
	change->uid = uid;
	change->gid = gid;
	return 0;
}

int neap_overlay_mkdir(struct neap_host *host, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
		       struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_overlay_state was, state = { .kind = NEAP_FILE_DIRECTORY, .fill = NEAP_OVERLAY_EMPTY };
	struct neap_overlay_place place;
	struct neap_change *change;
	uint32_t caller_uid, caller_gid;
	int r = look_to_change(overlay, "mkdir", path, &place, &was, err);

	if (r != 0)
		return r;
	if (was.kind != NEAP_FILE_ABSENT && was.kind != UNKNOWN_KIND)
		return neap_error_errno(err, EEXIST, "mkdir %s", path);
	r = creator(overlay, &place, &caller_uid, &caller_gid, err);
	if (r != 0)
		return r;
	if (was.kind == UNKNOWN_KIND) {
		state.fill = NEAP_OVERLAY_UNSURE;
		state.cause = was.cause;
	}
	state.mode = chosen(mode, NEW_DIRECTORY_MODE) & 07777;
	state.uid = chosen(uid, caller_uid);
	state.gid = chosen(gid, caller_gid);
	if (check_owner(overlay, path, state.uid, err) < 0)
		return -1;
	change = hold(overlay, NEAP_CHANGE_MKDIR, place.path, &was, &state);
	change->mode = state.mode;
	change->uid = state.uid;
	change->gid = state.gid;
	return 0;
}

int neap_overlay_symlink(struct neap_host *host, const char *path, const char *target,
			 struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_overlay_state was, state = { .kind = NEAP_FILE_LINK, .mode = 0777, .links = 1 };
	struct neap_overlay_place place;
	struct neap_change *change;
	int r = look_to_change(overlay, "link", path, &place, &was, err);

	if (r != 0)
		return r;
	if (was.kind == NEAP_FILE_DIRECTORY)
		return neap_error_errno(err, EISDIR, "link %s", path);
	if (was.mount)
		return refuse_mount("link", path, err);
	if (!*target)
		return neap_error_errno(err, ENOENT, "link %s: the target is empty", path);
	if (strlen(target) > TARGET_MAX)
		return neap_error_errno(err, ENAMETOOLONG, "link %s", path);
	r = creator(overlay, &place, &state.uid, &state.gid, err);
	if (r != 0)
		return r;
	state.target = neap_arena_strdup(overlay->arena, target);
	change = hold(overlay, NEAP_CHANGE_SYMLINK, place.path, &was, &state);
	change->target = state.target;
	change->uid = state.uid;
	change->gid = state.gid;
	return 0;
}

int neap_overlay_unlink(struct neap_host *host, const char *path, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_overlay_state was, state = { .kind = NEAP_FILE_ABSENT };
	struct neap_overlay_place place;
	int r = look_to_change(overlay, "remove", path, &place, &was, err);

	if (r != 0)
		return r;
	if (was.kind == NEAP_FILE_ABSENT)
		return neap_error_errno(err, ENOENT, "remove %s", path);
	if (was.kind == NEAP_FILE_DIRECTORY)
		return neap_error_errno(err, EISDIR, "remove %s", path);
	if (was.mount)
		return refuse_mount("remove", path, err);
	hold(overlay, NEAP_CHANGE_UNLINK, place.path, &was, &state);
	return 0;
}

/* 0: empty, or not known to be otherwise. */
static int check_empty(struct neap_overlay *overlay, const struct neap_overlay_place *place,
		       const struct neap_overlay_state *was, struct neap_error **err)
{
	struct neap_error *local NEAP_AUTO_ERROR = NULL;
	struct neap_entry *entries;
	size_t count = 0;
	bool sure = false;
	int r;

	if (was->kind == UNKNOWN_KIND || was->fill == NEAP_OVERLAY_UNSURE)
		return 0;
	r = neap_overlay_list(overlay, place->path, was->fill == NEAP_OVERLAY_THROUGH, overlay->scratch,
			      &entries, &count, &local);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (!entries[i].unsure)
			sure = true;
	neap_arena_reset(overlay->scratch);
	if (sure)
		return neap_error_errno(err, ENOTEMPTY, "rmdir %s", place->path);
	if (r < 0 && !neap_overlay_pends(overlay))
		return neap_error_pass(err, &local);
	if (r != 0 || count)
		neap_overlay_tree_drop_below(&overlay->tree, neap_str(place->path));
	return 0;
}

int neap_overlay_rmdir(struct neap_host *host, const char *path, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_overlay_state was, state = { .kind = NEAP_FILE_ABSENT };
	struct neap_overlay_place place;
	int r = look_to_change(overlay, "rmdir", path, &place, &was, err);

	if (r != 0)
		return r;
	if (was.kind == NEAP_FILE_ABSENT)
		return neap_error_errno(err, ENOENT, "rmdir %s", path);
	if (was.kind != NEAP_FILE_DIRECTORY && was.kind != UNKNOWN_KIND)
		return neap_error_errno(err, ENOTDIR, "rmdir %s", path);
	if (was.mount)
		return refuse_mount("rmdir", path, err);
	if (!place.path[1])
		return neap_error_errno(err, EBUSY, "rmdir %s", path);
	r = check_empty(overlay, &place, &was, err);
	if (r != 0)
		return r;
	hold(overlay, NEAP_CHANGE_RMDIR, place.path, &was, &state);
	return 0;
}

int neap_overlay_unsettle(struct neap_host *host, const char *path, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_overlay_state was, state;
	struct neap_overlay_place place;
	int r = look(overlay, "open", path, &place, &was, err);

	if (r != 0 || was.kind != NEAP_FILE_DIRECTORY)
		return r;
	state = was;
	state.fill = NEAP_OVERLAY_UNSURE;
	state.cause = overlay->step;
	hold(overlay, NEAP_CHANGE_ATTRIBUTES, place.path, &was, &state);
	neap_overlay_tree_stale(&overlay->tree); /* ways through it know how it was filled */
	return 0;
}

void neap_overlay_hold_net(struct neap_overlay *overlay, const struct neap_net_change *change)
{
	struct neap_net_change *copy = neap_arena_new_of(overlay->arena, struct neap_net_change);
	const char *name = neap_net_object(change, overlay->arena);

	*copy = *change;
	overlay->asked = name;
	hold_change(overlay, NEAP_CHANGE_NET, name)->net = copy;
}

void neap_overlay_hold_kernel(struct neap_overlay *overlay, const char *path,
			      const struct neap_overlay_state *was, const char *value)
{
	struct neap_overlay_state state = { .kind = NEAP_FILE_REGULAR };
	struct neap_change *change;

	state.content = (struct neap_content){ .data = neap_arena_strdup(overlay->arena, value),
					       .size = strlen(value) };
	overlay->asked = path;
	change = hold(overlay, NEAP_CHANGE_KERNEL, path, was, &state);
	change->content = state.content;
}

void neap_overlay_hold_firewall(struct neap_overlay *overlay, const struct neap_table *table,
				enum neap_firewall_change what, const char *chain, const char *rule)
{
	const char *path = neap_firewall_path(table, NULL, overlay->scratch);
	struct neap_change *change;

	overlay->asked = path;
	change = hold_change(overlay, NEAP_CHANGE_FIREWALL, path);
	change->firewall = what;
	change->table = (struct neap_table){ table->family, neap_arena_strdup(overlay->arena, table->name) };
	change->chain = chain;
	change->rule = rule;
	neap_arena_reset(overlay->scratch);
}
