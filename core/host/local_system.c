/*
 * The real machine where it is more than files: programs, settings of the kernel, the clock, and neap's own
 * cache. It must not know plans or resources.
 */
#include "host/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/process.h"

#define SETTING_MAX ((size_t)64 << 10)
#define CACHED_MAX ((off_t)64 << 20)
#define HOSTNAME NEAP_KERNEL_ROOT "/kernel/hostname"

/* ---- programs ------------------------------------------------------------------------------------------ */

static int execute(struct neap_local *local, const struct neap_process *process, bool read_only,
		   struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err)
{
	struct neap_process_place place = { .root = local->root[0] ? local->root : NULL,
					    .read_only = read_only,
					    .stop = read_only ? local->machine.watch.stop : NULL };
	struct neap_identity identity;

	neap_local_units_rest(local);
	if (process->user) {
		int r = neap_identity_find(&local->machine.view, process->user, arena, &identity, err);

		if (r != 0)
			return r < 0 ? neap_error_prefix(err, "run %s", process->argv[0]) : r;
		place.identity = &identity;
	}
	return neap_process_run(process, &place, arena, ret, err);
}

/* A program may have moved anything: nothing that was seen before it is believed after it. */
int neap_local_run(struct neap_machine *machine, const struct neap_process *process, struct neap_arena *arena,
		   struct neap_process_result *ret, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	int rc = execute(local, process, false, arena, ret, err);

	neap_local_changed(local);
	return rc;
}

void neap_local_changed(struct neap_local *local)
{
	neap_local_forget(local);
	neap_local_answers_drop(local);
	neap_local_net_drop(local);
	neap_local_units_drop(local);
	neap_accounts_drop(local->accounts);
}

void neap_local_answers_drop(struct neap_local *local)
{
	neap_local_firewall_drop(local);
	if (!local->answers.count)
		return;
	neap_map_done(&local->answers);
	neap_arena_reset(local->answer_arena);
}

/* The words of a command and all that bears on its answer, as one key. */
static struct neap_str key_of(const struct neap_process *process, struct neap_buf *buf)
{
	for (const char *const *word = process->argv; *word; word++)
		neap_buf_append(buf, *word, strlen(*word) + 1);
	neap_buf_printf(buf, "%s%c%s", process->directory ? process->directory : "", '\0',
			process->user ? process->user : "");
	return (struct neap_str){ buf->data, buf->len };
}

int neap_local_query(const struct neap_view *view, const struct neap_process *process,
		     struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);
	NEAP_AUTO_BUF struct neap_buf buf = { 0 };
	struct neap_process_result *answer;
	struct neap_str key;
	int rc;

	if (!process->shared || process->settings)
		return execute(local, process, true, arena, ret, err);
	key = key_of(process, &buf);
	answer = neap_map_get(&local->answers, key);
	if (!answer) {
		answer = neap_arena_new_of(local->answer_arena, struct neap_process_result);
		rc = execute(local, process, true, local->answer_arena, answer, err);
		if (rc != 0)
			return rc;
		key.data = neap_arena_copy(local->answer_arena, key.data, key.len);
		neap_map_put(&local->answers, key, answer);
	}
	*ret = *answer;
	return 0;
}

/* ---- the kernel ---------------------------------------------------------------------------------------- */

int64_t neap_local_clock(const struct neap_view *view)
{
	(void)view;
	return (int64_t)time(NULL);
}

bool neap_local_running(const struct neap_view *view)
{
	return !neap_local_of(view)->root[0];
}

static int refuse_tree(struct neap_local *local, const char *path, struct neap_error **err)
{
	return neap_error_set(err, "%s: %s is a tree of files and has no kernel of its own", path,
			      local->root);
}

/* Reads what the kernel says in one go; its files say nothing of their size. */
int neap_local_kernel(const struct neap_view *view, const char *path, struct neap_arena *arena,
		      const char **ret, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);
	NEAP_AUTO_BUF struct neap_buf buf = { 0 };
	struct utsname names;
	ssize_t got;
	int fd;

	if (local->root[0])
		return refuse_tree(local, path, err);
	if (strcmp(path, HOSTNAME) == 0 && uname(&names) == 0) {
		*ret = neap_arena_strdup(arena, names.nodename);
		return 0;
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*ret = NULL;
		return 0;
	}
	if (fd < 0)
		return neap_error_errno(err, errno, "open %s", path);
	do {
		got = read(fd, neap_buf_reserve(&buf, 4096), 4096);
		if (got > 0)
			buf.len += (size_t)got;
	} while ((got > 0 && buf.len < SETTING_MAX) || (got < 0 && errno == EINTR));
	if (got < 0) {
		neap_error_errno(err, errno, "read %s", path);
		close(fd);
		return -1;
	}
	close(fd);
	while (buf.len && buf.data[buf.len - 1] == '\n')
		buf.len--;
	*ret = neap_arena_copy(arena, buf.data, buf.len);
	return 0;
}

int neap_local_land_kernel(struct neap_local *local, const struct neap_change *change,
			   struct neap_error **err)
{
	const struct neap_content *value = &change->content;
	ssize_t done;
	int fd;

	if (local->root[0])
		return refuse_tree(local, change->path, err);
	if (strcmp(change->path, HOSTNAME) == 0)
		return sethostname(value->data, (size_t)value->size) < 0
			       ? neap_error_errno(err, errno, "set the host name to %s", value->data)
			       : 0;
	fd = open(change->path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return neap_error_errno(err, errno, "open %s", change->path);
	done = write(fd, value->data, (size_t)value->size);
	if (done != (ssize_t)value->size) {
		neap_error_errno(err, done < 0 ? errno : EIO, "write \"%s\" to %s", value->data,
				 change->path);
		close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* ---- neap's cache -------------------------------------------------------------------------------------- */

void neap_host_local_cache(struct neap_machine *machine, const char *state_directory)
{
	struct neap_local *local = neap_local_of(&machine->view);
	NEAP_AUTO_BUF struct neap_buf path = { 0 };

	neap_buf_printf(&path, "%s/cache", state_directory);
	free(local->cache);
	local->cache = path.data;
	path = (struct neap_buf){ 0 };
}

/* Nothing here is a reason to fail: what cannot be read is not there. */
void neap_local_cached(const struct neap_view *view, const char *kind, const char *key,
		       struct neap_arena *arena, struct neap_content *ret)
{
	struct neap_local *local = neap_local_of(view);
	NEAP_AUTO_BUF struct neap_buf path = { 0 };
	struct stat st;
	char *bytes;
	ssize_t got;
	int fd;

	if (!local->cache || !neap_state_cache_name(kind, key))
		return;
	neap_buf_printf(&path, "%s/%s-%s", local->cache, kind, key);
	fd = open(path.data, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* What is not ours may have been planted. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == local->uid && !(st.st_mode & 022) &&
	    st.st_size <= CACHED_MAX) {
		bytes = neap_arena_bytes(arena, (size_t)st.st_size + 1);
		got = pread(fd, bytes, (size_t)st.st_size, 0);
		if (got == st.st_size) {
			bytes[got] = '\0';
			*ret = (struct neap_content){ .data = bytes, .size = (uint64_t)got };
		}
	}
	close(fd);
}

void neap_local_cache(struct neap_machine *machine, const char *kind, const char *key, const void *data,
		      size_t len)
{
	struct neap_local *local = neap_local_of(&machine->view);

	if (local->state && len <= (size_t)CACHED_MAX)
		neap_state_cache(local->state, kind, key, data, len);
}
