/*
 * A group of changes, landed in order: all bytes are staged first and synced at once, then everything takes
 * its place by renames, then the changed directories are synced. Killed at any point, each file is the old
 * one or the new one. It must not know why a change is made.
 *
 * A validating program runs when its file's turn to land has come: all before it has landed, so it sees a
 * directory as the file will find it.
 *
 * Of several WRITEs of one path only the last is staged and lands, at its place in the order. When its step
 * may not go on, the last one before it that may is staged late and lands there instead. One with `validate`
 * is superseded by none: its step asked for a verdict.
 *
 * Account files land under their lock. /etc/passwd is what makes an account, so no entry of it may stand on
 * the disk before its group or its password: of the other files a WRITE before the last one of /etc/passwd is
 * not superseded by one after it.
 *
 * Rules of the packet filter land by tables: all changes of one table as one batch, at the place of the
 * first, but for those that stand on something that lands after it.
 */
#include "host/local.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/path.h"
#include "host/firewall.h"
#include "host/process.h"

#define FSYNC_MAX 3 /* up to so many files are synced one by one */
#define VALIDATE_TIMEOUT 300
#define NONE UINT32_MAX

struct item {
	const struct neap_change *change;
	struct neap_local_temp temp;
	uint32_t earlier; /* the change of the same path that this WRITE supersedes, or NONE */
	uint32_t moved;   /* the first change of the path that makes, removes or links it, up to this one, or
			     NONE */
	uint32_t pick;    /* of the WRITE and those that it supersedes: the one that is staged, or NONE */
	uint64_t stamp; /* of the file that will be replaced, as it was when the plan for it was made; 0: any
			 */
	bool absent;    /* and then nothing was there */
	bool superseded;
	bool fresh; /* what stands there now is not what will be replaced */
	bool out;   /* has failed, or may not go on */
	bool landed;
	uint32_t parted;      /* account files: the WRITE before it that it does not supersede, or NONE */
	uint32_t keystone;    /* the next WRITE of /etc/passwd that lands, or NONE */
	uint32_t batch, mate; /* FIREWALL: the first of its batch, the next one in it, or NONE */
};

struct group {
	struct neap_local *local;
	const struct neap_commit *commit;
	struct neap_local_dirty *dirty;
	struct item *items;
	uint32_t count;
	struct neap_map paths; /* path -> last item of it + 1 */
	struct neap_str last;  /* directory that was staged for last, and its stage */
	struct neap_local_stage *last_stage;
	uint32_t held[FSYNC_MAX];      /* staged files still open */
	uint32_t files;                /* staged */
	bool disturbed;                /* a program has run: what was staged may be gone */
	uint32_t waiting;              /* for the lock: this item */
	int lock;                      /* of the account files, or -1 */
	struct neap_error *locked_out; /* why it could not be had */
};

static bool may(const struct group *group, const struct item *item)
{
	return !item->out && group->commit->may(group->commit->ctx, item->change->step);
}

static void fail(const struct group *group, struct item *item, struct neap_error **err)
{
	struct neap_error *taken = *err;

	*err = NULL;
	item->out = true;
	group->commit->failed(group->commit->ctx, item->change->step, taken);
}

/* ---- before: who supersedes whom ----------------------------------------------------------------------- */

/* Of /etc/passwd the last WRITE lands, and those that nothing supersedes. */
static void find_keystones(struct group *group)
{
	uint32_t next = NONE;

	for (uint32_t i = group->count; i-- > 0;) {
		enum neap_accounts_write accounts = group->items[i].change->accounts;

		group->items[i].keystone = next;
		if (accounts == NEAP_ACCOUNTS_PINNED ||
		    (accounts == NEAP_ACCOUNTS_LAST && (next == NONE || group->items[i].change->validate)))
			next = i;
	}
}

/* Whether the WRITE `number` does not supersede what is `before` it. */
static bool is_parted(const struct group *group, uint32_t before, uint32_t number)
{
	const struct neap_change *change = group->items[before].change;

	if (group->items[number].change->accounts == NEAP_ACCOUNTS_FIRST)
		return group->items[before].keystone < number;
	return change->accounts == NEAP_ACCOUNTS_PINNED;
}

static void link_paths(struct group *group)
{
	find_keystones(group);
	for (uint32_t i = 0; i < group->count; i++) {
		struct item *item = &group->items[i], *before = NULL;
		enum neap_change_kind kind = item->change->kind;
		struct neap_str path = neap_str(item->change->path);
		uintptr_t last = (uintptr_t)neap_map_put(&group->paths, path, (void *)(uintptr_t)(i + 1));

		if (last)
			before = &group->items[last - 1];
		if (before && before->moved != NONE)
			item->moved = before->moved;
		else if (kind != NEAP_CHANGE_WRITE && kind != NEAP_CHANGE_ATTRIBUTES)
			item->moved = i;
		item->fresh = before && before->moved != NONE;
		if (!before) {
			item->stamp = item->change->stamp;
			item->absent = item->change->absent;
			continue;
		}
		if (kind == NEAP_CHANGE_WRITE && is_parted(group, (uint32_t)(last - 1), i)) {
			item->parted = (uint32_t)(last - 1);
			continue;
		}
		item->parted = before->parted;
		/* A chain WRITE, ATTRIBUTES, WRITE: the last one says it all. */
		if (kind == NEAP_CHANGE_ATTRIBUTES && before->change->kind == NEAP_CHANGE_ATTRIBUTES &&
		    before->earlier != NONE)
			item->earlier = (uint32_t)(last - 1);
		else if ((kind == NEAP_CHANGE_ATTRIBUTES || kind == NEAP_CHANGE_WRITE) &&
			 before->change->kind == NEAP_CHANGE_WRITE && !before->change->validate)
			item->earlier = (uint32_t)(last - 1);
		else if (kind == NEAP_CHANGE_WRITE && before->change->kind == NEAP_CHANGE_ATTRIBUTES &&
			 before->earlier != NONE)
			item->earlier = (uint32_t)(last - 1);
		/* What those before it in the group leave out says what must still be there. */
		if (kind == NEAP_CHANGE_WRITE && item->earlier == (uint32_t)(last - 1)) {
			item->stamp = before->stamp;
			item->absent = before->absent;
		}
		if (kind == NEAP_CHANGE_WRITE)
			for (uint32_t j = item->earlier; j != NONE && !group->items[j].superseded;
			     j = group->items[j].earlier)
				group->items[j].superseded = true;
	}
}

/* A batch of rules that others may join: `end` is the first change after its first that is not of it. */
struct open_batch {
	uint32_t first, last;
	uint64_t end;
};

/* Whether the change can be made where the batch is: all that it stands on is before that, or in it. */
static bool joins(const struct group *group, const struct open_batch *batch, uint32_t number)
{
	const struct neap_change *change = group->items[number].change;

	if (batch->first == NONE || change->behind > batch->end)
		return false;
	for (uint32_t i = number; i-- > 0 && group->items[i].change->step == change->step;)
		if (group->items[i].batch != batch->first)
			return false;
	return true;
}

static void link_batches(struct group *group)
{
	struct open_batch open[NEAP_TABLES_MAX];

	for (size_t i = 0; i < NEAP_TABLES_MAX; i++)
		open[i] = (struct open_batch){ NONE, NONE, 0 };
	for (uint32_t i = 0; i < group->count; i++) {
		const struct neap_change *change = group->items[i].change;
		struct open_batch *batch;

		if (change->kind != NEAP_CHANGE_FIREWALL)
			continue;
		batch = &open[neap_table_number(&change->table)];
		if (joins(group, batch, i))
			group->items[batch->last].mate = i;
		else
			*batch = (struct open_batch){ i, i, change->serial };
		group->items[i].batch = batch->first;
		batch->last = i;
		if (batch->end == change->serial)
			batch->end++;
	}
}

/* ---- staging ------------------------------------------------------------------------------------------- */

/* Whether the group itself makes, removes or links the directory `path` before `item`. */
static bool group_moves(const struct group *group, struct neap_str path, const struct item *item)
{
	uintptr_t last = (uintptr_t)neap_map_get(&group->paths, path);
	uint32_t moved = last ? group->items[last - 1].moved : NONE;

	return moved != NONE && moved < (uint32_t)(item - group->items);
}

/* The staging directory for `item`, found from the nearest directory that is there and stays there. */
static int stage_of(struct group *group, const struct item *item, struct neap_local_stage **ret,
		    struct neap_error **err)
{
	const struct neap_change *change = item->change;
	const char *operation = neap_local_operation(change);
	struct neap_str parent = neap_path_parent(neap_str(change->path)), at = parent;
	struct neap_local_dir *dir = NULL;

	if (group->last_stage && group->last_stage->fd >= 0 && neap_str_equal(group->last, parent)) {
		*ret = group->last_stage;
		return 0;
	}
	while (true) {
		while (at.len > 1 && group_moves(group, at, item))
			at = neap_path_parent(at);
		if (neap_local_dir(group->local, operation, change->path, at, &dir, err) < 0)
			return -1;
		if (dir)
			break;
		at = neap_path_parent(at);
	}
	if (neap_local_stage(group->local, dir, operation, change->path, ret, err) < 0)
		return -1;
	group->last = parent;
	group->last_stage = *ret;
	return 0;
}

/* The regular file that stands where `item` will be written, open for its attributes: *ret, or -1. */
static int open_replaced(const struct group *group, const struct item *item, int *ret,
			 struct neap_error **err)
{
	const char *path = item->change->path, *name;
	struct neap_local_dir *dir;
	struct stat st;

	*ret = -1;
	if (item->fresh || group_moves(group, neap_path_parent(neap_str(path)), item))
		return 0;
	if (neap_local_parent(group->local, "write", path, &dir, &name, err) < 0)
		return -1;
	if (!dir)
		return 0;
	if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : neap_error_errno(err, errno, "stat %s", path);
	if (S_ISDIR(st.st_mode))
		return neap_error_set(err, "write %s: is a directory", path);
	if (!S_ISREG(st.st_mode))
		return 0;
	*ret = openat(dir->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*ret < 0 && errno != ENOENT && errno != ELOOP)
		return neap_error_errno(err, errno, "open %s to keep its extended attributes", path);
	return 0;
}

static int stage_write(struct group *group, struct item *item, struct neap_local_stage *stage,
		       struct neap_error **err)
{
	int old, rc;

	if (open_replaced(group, item, &old, err) < 0)
		return -1;
	rc = neap_local_stage_file(stage, item->change, old, &item->temp, err);
	if (old >= 0)
		close(old);
	return rc;
}

static int stage_item(struct group *group, struct item *item, struct neap_error **err)
{
	struct neap_local_stage *stage;

	if (stage_of(group, item, &stage, err) < 0)
		return -1;
	switch (item->change->kind) {
	case NEAP_CHANGE_WRITE:
		return stage_write(group, item, stage, err);
	case NEAP_CHANGE_MKDIR:
		return neap_local_stage_dir(stage, item->change, &item->temp, err);
	default:
		return neap_local_stage_link(stage, item->change, &item->temp, err);
	}
}

/* Keeps a staged file open for its sync as long as they are few. */
static void hold(struct group *group, uint32_t number)
{
	struct item *item = &group->items[number];

	if (group->files < FSYNC_MAX) {
		group->held[group->files++] = number;
		return;
	}
	for (uint32_t i = 0; group->files == FSYNC_MAX && i < FSYNC_MAX; i++) {
		struct neap_local_temp *temp = &group->items[group->held[i]].temp;

		if (temp->fd >= 0)
			close(temp->fd);
		temp->fd = -1;
	}
	close(item->temp.fd);
	item->temp.fd = -1;
	group->files++;
}

/* Stages the last of the WRITEs from `from` back that may go on; which, or NONE. */
static uint32_t stage_chain(struct group *group, uint32_t from)
{
	for (uint32_t i = from; i != NONE; i = group->items[i].earlier) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct item *item = &group->items[i];

		if (item->change->kind != NEAP_CHANGE_WRITE || !may(group, item))
			continue;
		if (stage_item(group, item, &err) == 0)
			return i;
		fail(group, item, &err);
	}
	return NONE;
}

static void stage_all(struct group *group)
{
	for (uint32_t i = 0; i < group->count; i++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct item *item = &group->items[i];

		switch (item->change->kind) {
		case NEAP_CHANGE_WRITE:
			if (item->superseded)
				break;
			item->pick = stage_chain(group, i);
			if (item->pick != NONE)
				hold(group, item->pick);
			break;
		case NEAP_CHANGE_MKDIR:
		case NEAP_CHANGE_SYMLINK:
			if (may(group, item) && stage_item(group, item, &err) < 0)
				fail(group, item, &err);
			break;
		default:
			break;
		}
	}
}

static int sync_files(struct group *group, struct neap_error **err)
{
	if (group->files <= FSYNC_MAX) {
		for (uint32_t i = 0; i < group->files; i++) {
			struct item *item = &group->items[group->held[i]];

			if (fsync(item->temp.fd) < 0)
				return neap_error_errno(err, errno, "sync the new %s", item->change->path);
		}
		return 0;
	}
	for (size_t i = 0; i < group->local->stages.count; i++) {
		const struct neap_local_stage *stage = group->local->stages.items[i];

		if (stage->fd >= 0 && syncfs(stage->fd) < 0)
			return neap_error_errno(err, errno, "sync the file system of %s", stage->where);
	}
	return 0;
}

/* ---- validation ---------------------------------------------------------------------------------------- */

static char *replace_all(struct neap_arena *arena, const char *text, const char *what, const char *with)
{
	NEAP_AUTO_BUF struct neap_buf buf = { 0 };
	const char *hit;

	while ((hit = strstr(text, what))) {
		neap_buf_append(&buf, text, (size_t)(hit - text));
		neap_buf_puts(&buf, with);
		text = hit + strlen(what);
	}
	neap_buf_puts(&buf, text);
	return neap_arena_copy(arena, buf.data, buf.len);
}

/* The first lines of what the program said, as one line. */
static const char *first_lines(struct neap_arena *arena, const char *said)
{
	static const size_t limit = 400;
	unsigned lines = 1;
	char *text = neap_arena_alloc(arena, 2 * limit + sizeof "…");
	size_t len = 0, n = strnlen(said, limit), i;

	while (n && ((unsigned char)said[n] & 0xc0) == 0x80) /* it would be cut in a character */
		n--;
	for (i = 0; i < n; i++) {
		if (said[i] == '\n') {
			if (!said[i + 1] || lines++ == 3)
				break;
			text[len++] = ';';
			text[len++] = ' ';
		} else {
			text[len++] = iscntrl((unsigned char)said[i]) ? ' ' : said[i];
		}
	}
	text[len] = '\0';
	if (!neap_str_is_utf8(neap_str(text)))
		for (size_t j = 0; j < len; j++)
			if ((unsigned char)text[j] >= 0x80)
				text[j] = '?';
	if (i == n && said[n])
		memcpy(text + len, "…", sizeof "…");
	return text;
}

/* Programs like to quote what they dislike, in whatever shape: of a file that not everybody may read, nothing
 * of what they say is repeated. */
static int rejected(const struct neap_change *change, const char *command, int status, const char *said,
		    const char *staged, struct neap_arena *arena, struct neap_error **err)
{
	if (!said[0])
		return neap_error_set(err, "validate %s: %s: exit %d", change->path, command, status);
	if (change->secret || !(change->mode & 0004))
		return neap_error_set(err, "validate %s: %s: exit %d (its output is not shown: the file %s)",
				      change->path, command, status,
				      change->secret ? "holds secrets" : "is not for everybody");
	said = replace_all(arena, said, staged, change->path);
	return neap_error_set(err, "validate %s: %s: exit %d: %s", change->path, command, status,
			      first_lines(arena, said));
}

static int validate(struct group *group, const struct item *item, struct neap_error **err)
{
	const struct neap_change *change = item->change;
	const struct neap_local_stage *stage = item->temp.stage;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf command = { 0 };
	struct neap_process process = { .timeout = VALIDATE_TIMEOUT };
	/* Of this machine, also for a file below --root: it is given the whole path. */
	struct neap_process_place place = { 0 };
	struct neap_process_result result;
	char name[NEAP_LOCAL_TEMP_NAME];
	const char **argv, *staged;
	size_t count = 0;
	int rc;

	while (change->validate[count])
		count++;
	argv = neap_arena_array_of(arena, const char *, count + 1);
	neap_local_temp_name(&item->temp, change->path, name);
	staged = neap_arena_printf(arena, "%s%s/%s/%s", group->local->root,
				   stage->where[1] ? stage->where : "", stage->name, name);
	for (size_t i = 0; i < count; i++) {
		argv[i] = replace_all(arena, change->validate[i], "%s", staged);
		neap_buf_printf(&command, "%s%s", i ? " " : "", change->validate[i]);
	}
	process.argv = argv;
	rc = neap_process_run(&process, &place, arena, &result, err);
	group->disturbed = true;
	neap_local_stages_check(group->local);
	if (rc < 0)
		return neap_error_prefix(err, "validate %s", change->path);
	if (result.status)
		return rejected(change, command.data, result.status,
				result.errors[0] ? result.errors : result.out, staged, arena, err);
	if (neap_local_temp_intact(&item->temp, change))
		return 0;
	neap_error_set(err, "write %s: validate changed the new file: it is not put in place", change->path);
	return neap_error_hint(err, "%s may only look at it", command.data);
}

/* ---- landing ------------------------------------------------------------------------------------------- */

static int back_up(const struct group *group, const char *path, struct neap_error **err)
{
	struct neap_local_dir *dir;
	const char *name;
	struct stat st;
	int fd, rc;

	if (neap_local_parent(group->local, "back up", path, &dir, &name, err) < 0)
		return -1;
	if (!dir || fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	fd = openat(dir->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return neap_error_errno(err, errno, "back up %s", path);
	rc = neap_state_backup(group->local->state, path, fd, err);
	close(fd);
	return rc;
}

/* A validating program before this one may have taken the temp away. */
static int stage_again(struct group *group, struct item *item, struct neap_error **err)
{
	if (!group->disturbed || neap_local_temp_there(&item->temp, item->change))
		return 0;
	neap_local_temp_discard(&item->temp, item->change);
	if (stage_item(group, item, err) < 0)
		return -1;
	if (item->temp.fd >= 0 && fsync(item->temp.fd) < 0)
		return neap_error_errno(err, errno, "sync the new %s", item->change->path);
	return 0;
}

static bool go_on(void *ctx)
{
	const struct group *group = ctx;

	return group->commit->may(group->commit->ctx, group->items[group->waiting].change->step);
}

/* Once for the group, from its first account file on. */
static int lock_accounts(struct group *group, const struct item *item, struct neap_error **err)
{
	if (!item->change->accounts || group->lock >= 0)
		return 0;
	group->waiting = (uint32_t)(item - group->items);
	if (!group->locked_out &&
	    neap_local_accounts_lock(group->local, go_on, group, &group->lock, &group->locked_out) == 0)
		return 0;
	struct neap_error *copy = neap_error_copy(group->locked_out);

	neap_error_prefix(&copy, "write %s", item->change->path);
	return neap_error_pass(err, &copy);
}

static void unlock_accounts(struct group *group)
{
	if (group->lock >= 0)
		close(group->lock);
	neap_error_free(group->locked_out);
}

/* `backup`: this WRITE or one that it supersedes wants the old bytes kept. */
static int land_write(struct group *group, struct item *item, bool backup, struct neap_error **err)
{
	const struct item *like = item;

	/* One that it does not supersede has failed: then it is as that one would have found it. */
	if (item->parted != NONE && !group->items[item->parted].landed)
		like = &group->items[item->parted];
	if (lock_accounts(group, item, err) < 0)
		return -1;
	if (stage_again(group, item, err) < 0)
		return -1;
	if (item->change->validate && validate(group, item, err) < 0)
		return -1;
	if (neap_local_check_stamp(group->local, item->change, like->stamp, err) < 0)
		return -1;
	if (backup && back_up(group, item->change->path, err) < 0)
		return -1;
	return neap_local_land_temp(group->local, group->dirty, item->change, &item->temp, like->absent, err);
}

/* Staged after the common sync: has one of its own. */
static uint32_t stage_late(struct group *group, uint32_t from)
{
	uint32_t pick;

	while ((pick = stage_chain(group, from)) != NONE) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct item *item = &group->items[pick];

		if (fsync(item->temp.fd) == 0)
			break;
		neap_error_errno(&err, errno, "sync the new %s", item->change->path);
		neap_local_temp_discard(&item->temp, item->change);
		fail(group, item, &err);
	}
	return pick;
}

static void end(const struct group *group, struct item *item, int rc, struct neap_error **err)
{
	if (rc < 0)
		fail(group, item, err);
	else if (group->commit->made)
		group->commit->made(group->commit->ctx, item->change);
}

static void land_attributes(struct group *group, struct item *item)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	if (may(group, item))
		end(group, item, neap_local_land_attributes(group->local, group->dirty, item->change, &err),
		    &err);
}

static void land_chain(struct group *group, uint32_t last)
{
	uint32_t pick = group->items[last].pick;
	NEAP_VEC(uint32_t) after = { 0 };
	bool backup = false;

	for (uint32_t i = last; i != NONE; i = group->items[i].earlier)
		backup = backup || group->items[i].change->backup;
	while (pick != NONE) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct item *item = &group->items[pick];

		if (may(group, item)) {
			if (land_write(group, item, backup, &err) == 0) {
				group->items[last].landed = true;
				/* Those that it supersedes are in it. */
				for (uint32_t i = pick; i != NONE; i = group->items[i].earlier)
					if (!group->items[i].out)
						end(group, &group->items[i], 0, NULL);
				break;
			}
			fail(group, item, &err);
		}
		neap_local_temp_discard(&item->temp, item->change);
		item->out = true;
		pick = stage_late(group, item->earlier);
	}
	/* What an earlier one has landed still gets the attributes set between it and the last. */
	for (uint32_t i = last; i != pick && i != NONE; i = group->items[i].earlier)
		if (group->items[i].change->kind == NEAP_CHANGE_ATTRIBUTES)
			neap_vec_push(&after, i);
	while (after.count)
		land_attributes(group, &group->items[after.items[--after.count]]);
	neap_vec_done(&after);
}

/* Fails all who are in it: none of it was done. */
static void fail_batch(const struct group *group, uint32_t first, const struct neap_error *err)
{
	for (uint32_t i = first; i != NONE; i = group->items[i].mate) {
		struct neap_error *copy NEAP_AUTO_ERROR = NULL;

		if (group->items[i].out)
			continue;
		copy = neap_error_copy(err);
		fail(group, &group->items[i], &copy);
	}
}

static void land_batch(struct group *group, uint32_t first)
{
	NEAP_VEC(const struct neap_change *) changes = { 0 };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	if (group->items[first].batch != first)
		return;
	for (uint32_t i = first; i != NONE; i = group->items[i].mate) {
		struct item *item = &group->items[i];

		item->out = !may(group, item);
		if (!item->out)
			neap_vec_push(&changes, item->change);
	}
	if (changes.count && neap_local_land_firewall(group->local, changes.items, changes.count, &err) < 0)
		fail_batch(group, first, err);
	else
		for (uint32_t i = first; i != NONE; i = group->items[i].mate)
			if (!group->items[i].out)
				end(group, &group->items[i], 0, NULL);
	neap_vec_done(&changes);
}

static void land(struct group *group, uint32_t number)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct item *item = &group->items[number];
	int rc;

	if (item->superseded)
		return;
	switch (item->change->kind) {
	case NEAP_CHANGE_WRITE:
		land_chain(group, number);
		return;
	case NEAP_CHANGE_ATTRIBUTES:
		land_attributes(group, item);
		return;
	case NEAP_CHANGE_MKDIR:
	case NEAP_CHANGE_SYMLINK:
		if (!item->temp.stage)
			return;
		if (may(group, item)) {
			rc = stage_again(group, item, &err);
			if (rc == 0)
				rc = neap_local_land_temp(group->local, group->dirty, item->change,
							  &item->temp, item->absent, &err);
			end(group, item, rc, &err);
		}
		neap_local_temp_discard(&item->temp, item->change);
		return;
	case NEAP_CHANGE_UNLINK:
	case NEAP_CHANGE_RMDIR:
		if (may(group, item))
			end(group, item,
			    neap_local_land_removal(group->local, group->dirty, item->change, &err), &err);
		return;
	case NEAP_CHANGE_FIREWALL:
		land_batch(group, number);
		return;
	case NEAP_CHANGE_KERNEL:
		if (may(group, item))
			end(group, item, neap_local_land_kernel(group->local, item->change, &err), &err);
		return;
	case NEAP_CHANGE_NET:
		if (may(group, item))
			end(group, item, neap_local_land_net(group->local, item->change->net, &err), &err);
		return;
	}
}

/* What the kernel has may have changed. */
static bool moves_kernel(const struct neap_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind == NEAP_CHANGE_NET || changes[i].kind == NEAP_CHANGE_KERNEL)
			return true;
	return false;
}

int neap_local_commit(struct neap_machine *machine, const struct neap_change *changes, size_t count,
		      const struct neap_commit *commit, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	struct neap_local_dirty dirty = { 0 };
	struct group group = { .local = local, .commit = commit, .dirty = &dirty, .lock = -1 };
	int rc;

	if (!local->state)
		return neap_error_set(err, "commit: this machine was opened to be read only");
	if (count >= UINT32_MAX)
		return neap_error_set(err, "commit: too many changes");
	local->commits++;
	neap_local_answers_drop(local);
	if (moves_kernel(changes, count))
		neap_local_net_drop(local);
	neap_local_units_drop(local);
	neap_local_units_rest(local);
	group.count = (uint32_t)count;
	group.items = neap_alloc((count ? count : 1) * sizeof(*group.items));
	for (uint32_t i = 0; i < group.count; i++)
		group.items[i] = (struct item){
			.change = &changes[i],
			.temp.fd = -1,
			.earlier = NONE,
			.moved = NONE,
			.pick = NONE,
			.parted = NONE,
			.batch = NONE,
			.mate = NONE,
		};
	link_paths(&group);
	link_batches(&group);
	stage_all(&group);
	rc = sync_files(&group, err);
	for (uint32_t i = 0; i < group.count; i++)
		if (rc == 0)
			land(&group, i);
		else
			neap_local_temp_discard(&group.items[i].temp, &changes[i]);
	unlock_accounts(&group);
	neap_map_done(&group.paths);
	if (neap_local_sync(&dirty, err) < 0)
		rc = -1;
	for (uint32_t i = 0; rc == 0 && local->downloads.count && i < group.count; i++)
		if (!group.items[i].out)
			neap_local_fetched(local, &changes[i]);
	free(group.items);
	/* Should the record not be emptied, it names what is gone: the next run finds nothing there. */
	if (neap_local_stages_done(local))
		neap_state_forget_stages(local->state, NULL);
	for (size_t i = 0; i < count; i++)
		neap_accounts_touch(local->accounts, changes[i].path);
	return rc;
}
