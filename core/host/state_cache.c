/*
 * The part of neap's state that can always be made again: cache/KIND-KEY. It must not know what is kept.
 *
 * Nothing here is synced: after a power cut an entry may be torn, so who reads one checks it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "host/state_parts.h"

#define KEPT 100 /* of one kind */

static bool is_name(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return len > 0 && len <= 100 && !text[len] && text[0] != '.';
}

bool neap_state_cache_name(const char *kind, const char *key)
{
	return is_name(kind) && !strchr(kind, '-') && is_name(key);
}

/* When there are too many of a kind, the oldest goes. */
static void prune(int at, const char *kind)
{
	char oldest[NAME_MAX + 1] = "";
	struct timespec time = { 0 };
	size_t len = strlen(kind), count = 0;
	struct dirent *entry;
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		struct stat st;

		if (strncmp(entry->d_name, kind, len) != 0 || entry->d_name[len] != '-' ||
		    fstatat(at, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (count++ && (st.st_mtim.tv_sec > time.tv_sec ||
				(st.st_mtim.tv_sec == time.tv_sec && st.st_mtim.tv_nsec >= time.tv_nsec)))
			continue;
		time = st.st_mtim;
		snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
	}
	closedir(dir);
	if (count > KEPT)
		unlinkat(at, oldest, 0);
}

void neap_state_cache(struct neap_state *state, const char *kind, const char *key, const void *data,
		      size_t len)
{
	NEAP_AUTO_BUF struct neap_buf name = { 0 };
	const char *bytes = data;
	size_t done = 0;
	int at, fd;

	if (!neap_state_cache_name(kind, key))
		return;
	at = neap_state_sub_directory(state->fd, "cache");
	if (at < 0)
		return;
	neap_buf_printf(&name, "%s-%s", kind, key);
	/* One run at a time holds the lock: the name is ours. */
	unlinkat(at, ".new", 0);
	fd = openat(at, ".new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	while (fd >= 0 && done < len) {
		ssize_t wrote = write(fd, bytes + done, len - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			break;
		done += (size_t)wrote;
	}
	if (fd >= 0) {
		close(fd);
		if (done < len || renameat(at, ".new", at, name.data) < 0)
			unlinkat(at, ".new", 0);
		prune(at, kind);
	}
	close(at);
}
