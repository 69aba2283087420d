/*
 * neap.directory: a directory with its owner, group and mode, and, when asked, without what no resource owns.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/attributes.h"
#include "engine/resource.h"

enum { PATH, ENSURE, OWNER, GROUP, MODE, PURGE, RECURSE, PARAM_COUNT };

#define LEFT_NAMED 3 /* directories that a purge leaves are named up to this number */

struct directory_want {
	struct neap_want base;
	const char *path;
	unsigned ensure;
	const char *owner, *group;
	uint32_t mode;
	bool purge, recurse;
};

struct path_list {
	const char **items;
	size_t count, size;
};

struct directory_have {
	struct neap_stat stat;
	struct neap_attributes_state attributes;
	struct neap_parents parents;
	struct path_list entries;      /* everything that goes, each directory before what is in it */
	struct path_list trees, names; /* purge: the topmost of them; directories, and others */
	struct path_list left;         /* purge: directories that stay for want of recurse */
};

static void add(struct path_list *list, struct neap_arena *arena, const char *path)
{
	if (list->count == list->size) {
		size_t size = list->size ? 2 * list->size : 16;
		const char **items = neap_arena_array_of(arena, const char *, size);
		if (list->count)
			memcpy(items, list->items, list->count * sizeof *items);
		list->items = items;
		list->size = size;
	}
	list->items[list->count++] = path;
}

/* ---- what has to go ---------------------------------------------------------------------------------- */

struct frame { /* a directory whose entries are being looked at */
	const char *path;
	const struct neap_entry *entries;
	size_t count, next;
	bool doomed; /* all of it goes */
};

struct walk {
	const struct neap_view *view;
	const struct neap_context *ctx;
	struct directory_have *have;
	bool recurse;
	struct frame *frames;
	size_t depth, size;
};

static int enter(struct walk *walk, const char *path, bool doomed, struct neap_error **err)
{
	struct frame frame = { .path = path, .doomed = doomed };
	struct neap_entry *entries;

	int r = neap_view_list(walk->view, path, walk->ctx->scratch, &entries, &frame.count, err);
	if (r)
		return r;
	frame.entries = entries;
	if (walk->depth == walk->size) {
		size_t size = walk->size ? 2 * walk->size : 8;
		struct frame *frames = neap_arena_array_of(walk->ctx->scratch, struct frame, size);
		if (walk->depth)
			memcpy(frames, walk->frames, walk->depth * sizeof *frames);
		walk->frames = frames;
		walk->size = size;
	}
	walk->frames[walk->depth++] = frame;
	return 0;
}

/* Looks into a directory of which all goes. What is mounted there is nobody's leftover. */
static int enter_doomed(struct walk *walk, const char *path, struct neap_error **err)
{
	struct neap_stat stat;

	int r = neap_view_stat(walk->view, path, &stat, err);
	if (r)
		return r;
	if (stat.mount) {
		neap_error_set(err, "remove %s: something is mounted there", path);
		return neap_error_hint(err, "unmount it, or declare it as a resource so that it stays");
	}
	return enter(walk, path, true, err);
}

/* One entry: whether it goes, and whether to look into it. */
static int consider(struct walk *walk, const char *path, const struct neap_entry *entry, bool doomed,
		    struct neap_error **err)
{
	struct neap_arena *arena = walk->ctx->scratch;
	struct directory_have *have = walk->have;
	bool directory = entry->kind == NEAP_FILE_DIRECTORY;
	struct neap_stat stat;

	/* Of an owned one, too, it matters whether it is a directory to look into. */
	if (entry->unsure && (doomed || walk->recurse || !walk->ctx->owned(walk->ctx->engine, path)))
		return neap_view_stat(walk->view, path, &stat, err); /* unknown, and why */
	if (!doomed) {
		if (walk->ctx->owned(walk->ctx->engine, path))
			return directory && walk->recurse ? enter(walk, path, false, err) : 0;
		if (directory && !walk->recurse) {
			add(&have->left, arena, path);
			return 0;
		}
		add(directory ? &have->trees : &have->names, arena, path);
	}
	add(&have->entries, arena, path);
	return directory ? enter_doomed(walk, path, err) : 0;
}

/* Fills entries, trees, names and left. `doomed`: all that is in `path` goes, else what no resource owns. */
static int find_removals(const struct neap_view *view, const struct neap_context *ctx, const char *path,
			 bool recurse, bool doomed, struct directory_have *have, struct neap_error **err)
{
	struct walk walk = { .view = view, .ctx = ctx, .have = have, .recurse = recurse };

	int r = doomed ? enter_doomed(&walk, path, err) : enter(&walk, path, false, err);
	while (r == 0 && walk.depth > 0) {
		struct frame *frame = &walk.frames[walk.depth - 1];
		if (frame->next == frame->count) {
			walk.depth--;
			continue;
		}
		const struct neap_entry *entry = &frame->entries[frame->next++];
		const char *slash = strcmp(frame->path, "/") == 0 ? "" : "/";
		const char *child =
			neap_arena_printf(ctx->scratch, "%s%s%s", frame->path, slash, entry->name);
		r = consider(&walk, child, entry, frame->doomed, err);
	}
	return r;
}

/* ---- the type ---------------------------------------------------------------------------------------- */

static int directory_check(const void *wanted, struct neap_error **err)
{
	const struct directory_want *want = wanted;
	/* A path that is not valid has been refused before; it is then not given. */
	bool root = neap_given(want, PATH) && strcmp(want->path, "/") == 0;

	if (want->ensure == NEAP_ABSENT) {
		if (neap_absent_check(want, OWNER, MODE, err) < 0)
			return -1;
		if (want->purge) {
			neap_error_set(err, "purge has no meaning with ensure = \"absent\"");
			return neap_error_hint(err,
					       "recurse = true removes a directory with all that is in it");
		}
	} else if (want->recurse && !want->purge) {
		neap_error_set(err, "recurse has no meaning without purge = true or ensure = \"absent\"");
		return neap_error_hint(err,
				       "owner, group and mode are of the directory alone; declare what is in "
				       "it as resources of its own");
	}
	if (root && (want->purge || want->ensure == NEAP_ABSENT))
		return neap_error_set(err, "/ cannot be %s", want->purge ? "purged" : "absent");
	return 0;
}

static void directory_claim(const void *wanted, struct neap_claims *claims)
{
	const struct directory_want *want = wanted;

	neap_claim_path(claims, want->path, NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_ATTRIBUTES,
			want->ensure == NEAP_ABSENT);
}

static int refuse_kind(const struct directory_want *want, enum neap_file_kind kind, struct neap_error **err)
{
	if (kind == NEAP_FILE_LINK) {
		neap_error_set(err, "%s is a link, not a directory", want->path);
		return neap_error_hint(err,
				       "neap.link owns links; name the directory it points to, or remove it "
				       "with neap.link { path = \"%s\", ensure = \"absent\" }",
				       want->path);
	}
	if (kind == NEAP_FILE_REGULAR) {
		neap_error_set(err, "%s is a regular file, not a directory", want->path);
		return neap_error_hint(err, "remove it with neap.file { path = \"%s\", ensure = \"absent\" }",
				       want->path);
	}
	neap_error_set(err, "%s is a device, fifo or socket, not a directory", want->path);
	return neap_error_hint(err, "neap.directory leaves these alone; remove it by hand if it should go");
}

static int read_absent(const struct neap_view *view, const struct neap_context *ctx,
		       const struct directory_want *want, struct directory_have *have,
		       struct neap_error **err)
{
	struct neap_entry *entries;
	size_t count;

	if (have->stat.kind == NEAP_FILE_ABSENT)
		return 0;
	if (want->recurse)
		return find_removals(view, ctx, want->path, true, true, have, err);
	int r = neap_view_list(view, want->path, ctx->scratch, &entries, &count, err);
	size_t first = 0;
	while (r == 0 && first < count && entries[first].unsure)
		first++;
	if (r || count == 0)
		return r;
	if (first == count) { /* whether it is empty is not known */
		const char *child = neap_arena_printf(ctx->scratch, "%s/%s", want->path, entries[0].name);
		return neap_view_stat(view, child, &have->stat, err);
	}
	neap_error_set(err, "%s is not empty: it holds %s%s", want->path, entries[first].name,
		       count > 1 ? " and more" : "");
	return neap_error_hint(err, "recurse = true removes it with all that is in it");
}

static int directory_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			  void *had, struct neap_error **err)
{
	const struct directory_want *want = wanted;
	struct directory_have *have = had;

	int r = neap_view_stat(view, want->path, &have->stat, err);
	if (r)
		return r;
	bool there = have->stat.kind == NEAP_FILE_DIRECTORY;
	if (!there && have->stat.kind != NEAP_FILE_ABSENT)
		return refuse_kind(want, have->stat.kind, err);
	if (want->ensure == NEAP_ABSENT)
		return read_absent(view, ctx, want, have, err);

	struct neap_attributes attributes = {
		.owner = neap_given(want, OWNER) ? want->owner : NULL,
		.group = neap_given(want, GROUP) ? want->group : NULL,
		.mode = neap_given(want, MODE) ? want->mode : NEAP_KEEP,
	};
	r = neap_attributes_read(view, ctx->scratch, &attributes, there ? &have->stat : NULL,
				 &have->attributes, err);
	if (r)
		return r;
	if (!there)
		return neap_parents_read(view, ctx->scratch, want->path, &have->parents, err);
	if (want->purge)
		return find_removals(view, ctx, want->path, want->recurse, false, have, err);
	return 0;
}

static void diff_left(const struct path_list *left, struct neap_diff *diff)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	for (size_t i = 0; i < left->count && i < LEFT_NAMED; i++) {
		if (i)
			neap_buf_puts(&text, ", ");
		neap_buf_puts(&text, left->items[i]);
	}
	if (left->count > LEFT_NAMED)
		neap_buf_printf(&text, " and %zu more", left->count - LEFT_NAMED);
	neap_diff_reason(diff, "leaves %s %s, as recurse is not set",
			 left->count == 1 ? "directory" : "directories", text.data);
}

static int directory_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			  struct neap_diff *diff, struct neap_error **err)
{
	const struct directory_want *want = wanted;
	const struct directory_have *have = had;
	bool there = have->stat.kind == NEAP_FILE_DIRECTORY;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (!there)
			return 0;
		neap_diff_ensure(diff, NEAP_ABSENT);
	} else {
		if (!there)
			neap_diff_ensure(diff, NEAP_PRESENT);
		neap_attributes_diff(&have->attributes, diff);
		neap_parents_diff(&have->parents, diff);
	}
	size_t count = have->entries.count;
	if (count > 0) {
		neap_diff_list(diff, "entries", have->entries.items, count, NULL, 0);
		neap_diff_reason(diff, "removes %zu %s%s", count, count == 1 ? "entry" : "entries",
				 want->purge ? " that no resource owns" : "");
	}
	if (have->left.count > 0 && !neap_diff_empty(diff))
		diff_left(&have->left, diff);
	return 0;
}

/* Nothing is known of what is there. */
static int apply_blindly(struct neap_host *host, const struct directory_want *want, struct neap_error **err)
{
	struct neap_attributes attributes = {
		.owner = neap_given(want, OWNER) ? want->owner : NULL,
		.group = neap_given(want, GROUP) ? want->group : NULL,
	};
	uint32_t uid, gid, mode = neap_given(want, MODE) ? want->mode : NEAP_KEEP;
	struct neap_stat stat;
	int r;

	if (want->ensure == NEAP_ABSENT)
		return want->recurse ? neap_host_remove_tree(host, want->path, err)
				     : neap_host_rmdir(host, want->path, err);
	if (neap_attributes_numbers(&host->view, &attributes, &uid, &gid, err) < 0 ||
	    neap_host_mkdir_parents(host, want->path, err) < 0)
		return -1;
	/* It may be known to be there, and only what is in it is not. */
	r = neap_view_stat(&host->view, want->path, &stat, err);
	if (r < 0)
		return r;
	r = r == 0 && stat.kind == NEAP_FILE_DIRECTORY
		    ? neap_host_attributes(host, want->path, mode, uid, gid, err)
		    : neap_host_mkdir(host, want->path, mode, uid, gid, err);
	if (r == 0 && want->purge)
		r = neap_host_unsettle(host, want->path, err);
	return r;
}

static int directory_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			   const void *had, struct neap_error **err)
{
	const struct directory_want *want = wanted;
	const struct directory_have *have = had;
	(void)ctx;

	if (!have)
		return apply_blindly(host, want, err);
	if (want->ensure == NEAP_ABSENT)
		return have->entries.count > 0 ? neap_host_remove_tree(host, want->path, err)
					       : neap_host_rmdir(host, want->path, err);

	const struct neap_attributes_state *state = &have->attributes;
	if (have->stat.kind == NEAP_FILE_ABSENT) {
		if (have->parents.count > 0 && neap_host_mkdir_parents(host, want->path, err) < 0)
			return -1;
		return neap_host_mkdir(host, want->path, state->mode, state->uid, state->gid, err);
	}
	if (state->differ &&
	    neap_host_attributes(host, want->path, state->mode, state->uid, state->gid, err) < 0)
		return -1;
	for (size_t i = 0; i < have->names.count; i++)
		if (neap_host_unlink(host, have->names.items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < have->trees.count; i++)
		if (neap_host_remove_tree(host, have->trees.items[i], err) < 0)
			return -1;
	return 0;
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The directory, as an absolute path. Directories on the way may be links; the last one may not.",
		.offset = offsetof(struct directory_want, path),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the directory is to be there. `\"absent\"` removes an empty one, and with "
		       "`recurse = true` one with all that is in it.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct directory_want, ensure),
	},
	[OWNER] = {
		.name = "owner",
		.kind = NEAP_PARAM_OWNER,
		.doc = "The user it belongs to, by name or number.",
		.fallback = "left alone; a new directory belongs to who runs neap",
		.offset = offsetof(struct directory_want, owner),
	},
	[GROUP] = {
		.name = "group",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_GROUP,
		.doc = "The group it belongs to, by name or number.",
		.fallback = "left alone; a new directory gets the group of who runs neap, or that of a set-group-ID "
			    "directory above",
		.offset = offsetof(struct directory_want, group),
	},
	[MODE] = {
		.name = "mode",
		.kind = NEAP_PARAM_MODE,
		.doc = "Permission bits as an octal string, such as `\"0750\"`. Of this directory only, never of what is "
		       "in it.",
		.fallback = "left alone; a new directory gets 0755",
		.offset = offsetof(struct directory_want, mode),
	},
	[PURGE] = {
		.name = "purge",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether files and links directly in it that no resource of the recipe owns are removed. "
		       "Directories in it are left, and the plan names them, unless `recurse = true`.",
		.fallback = "false",
		.offset = offsetof(struct directory_want, purge),
	},
	[RECURSE] = {
		.name = "recurse",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "With `purge`: directories that hold nothing owned are removed whole, and those that do are "
		       "purged too. With `ensure = \"absent\"`: what is in the directory goes with it.",
		.fallback = "false",
		.offset = offsetof(struct directory_want, recurse),
	},
};

static const char description[] =
	"A directory: that it is there, whose it is, who may enter it; and, if you wish, that nothing\n"
	"lies in it that the recipe does not know.\n"
	"\n"
	"- Missing parent directories are made (0755). They, and what is in the directory, keep their\n"
	"  own owner and mode.\n"
	"- A link at `path` is an error, also when it leads to a directory: removing or purging\n"
	"  through it would surprise. So is a file there.\n"
	"- `ensure = \"absent\"` fails on a directory that is not empty, unless `recurse = true`.\n"
	"  Mount points are not removed.\n"
	"- `purge` spares every path that a resource anywhere in the recipe owns, and neap's own.\n"
	"  Links are removed, never followed.\n"
	"- Whatever is removed is in the plan as `entries`, each directory before what is in it.\n";

static const char example[] =
	"neap.directory { path = \"/etc/app/conf.d\", mode = \"0750\", group = \"app\", purge = true }\n"
	"neap.file { path = \"/etc/app/conf.d/main.conf\", content = \"port = 80\\n\" }\n"
	"neap.directory { path = \"/var/cache/old-app\", ensure = \"absent\", recurse = true }\n";

extern const struct neap_resource_type neap_type_directory;
const struct neap_resource_type neap_type_directory = {
	.name = "directory",
	.summary = "a directory: owner, group, mode, and what may lie in it",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct directory_want),
	.have_size = sizeof(struct directory_have),
	.check = directory_check,
	.claim = directory_claim,
	.read = directory_read,
	.diff = directory_diff,
	.apply = directory_apply,
};
