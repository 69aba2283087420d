/*
 * The part of neap's state where bytes from elsewhere lie until they are where they belong: downloads/NAME.
 * It must not know what they are; whether they are right is for who reads them to find out.
 *
 * Nothing here is synced. One run at a time holds the lock, so a file in it belongs to this run or to a dead
 * one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "host/state_parts.h"

#define FOLDER "downloads"
#define KEPT (7 * 24 * 3600) /* seconds without a change */

int neap_state_download(struct neap_state *state, const char *name, char **ret_path, struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf path = { 0 };
	int at = neap_state_sub_directory(state->fd, FOLDER), fd = -1;
	struct stat st;

	neap_buf_printf(&path, "%s/" FOLDER "/%s", state->directory, name);
	if (at >= 0)
		fd = openat(at, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0) {
		neap_error_errno(err, errno, "open %s", path.data);
	} else if (!S_ISREG(st.st_mode)) {
		neap_error_set(err, "open %s: it is no regular file", path.data);
		close(fd);
		fd = -1;
	} else {
		*ret_path = path.data;
		path = (struct neap_buf){ 0 };
	}
	if (at >= 0)
		close(at);
	return fd;
}

void neap_state_download_done(struct neap_state *state, const char *path)
{
	int at = openat(state->fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (at < 0)
		return;
	unlinkat(at, strrchr(path, '/') + 1, 0);
	close(at);
	unlinkat(state->fd, FOLDER, AT_REMOVEDIR); /* only when it was the last */
}

void neap_state_sweep_downloads(struct neap_state *state)
{
	int fd = openat(state->fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	time_t now = time(NULL);
	struct dirent *entry;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
		    (st.st_mtime < now - KEPT || st.st_mtime > now + KEPT))
			unlinkat(fd, entry->d_name, 0);
	closedir(dir);
	unlinkat(state->fd, FOLDER, AT_REMOVEDIR);
}
