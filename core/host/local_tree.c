/*
 * Emptying a directory of leftovers. It must not know what the directory was for.
 *
 * Two descriptors whatever the depth: a directory found below the top's directories is moved up to the top
 * and emptied from there.
 */
#include "host/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static DIR *open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Removes what is not a directory with something in it; such ones move up to `top`. */
static int sweep(int top, DIR *dir, unsigned *number)
{
	const struct dirent *entry;

	while (errno = 0, (entry = readdir(dir))) {
		char name[48];
		int fd = dirfd(dir);

		if (is_dots(entry->d_name) || unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return -1;
		if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return -1;
		do
			snprintf(name, sizeof(name), "leftover-%u", (*number)++);
		while (renameat2(fd, entry->d_name, top, name, RENAME_NOREPLACE) < 0 && errno == EEXIST);
		if (faccessat(top, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return -1;
	}
	return errno ? -1 : 0;
}

int neap_local_empty(int fd)
{
	unsigned number = 0;
	bool more = true;

	while (more) {
		DIR *top = open_dir(fd, ".");
		const struct dirent *entry;

		if (!top)
			return -1;
		more = false;
		while (errno = 0, (entry = readdir(top))) {
			DIR *dir;
			int rc, errnum;

			if (is_dots(entry->d_name) || unlinkat(fd, entry->d_name, 0) == 0)
				continue;
			more = true;
			if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0)
				continue;
			dir = errno == ENOTEMPTY || errno == EEXIST ? open_dir(fd, entry->d_name) : NULL;
			rc = dir ? sweep(fd, dir, &number) : -1;
			errnum = errno;
			if (dir)
				closedir(dir);
			/* One that is still not empty is met again in the next round. */
			if (rc == 0 && unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY) {
				errnum = errno;
				rc = -1;
			}
			if (rc < 0) {
				closedir(top);
				errno = errnum;
				return -1;
			}
		}
		closedir(top);
	}
	return 0;
}
