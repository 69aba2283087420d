/* See swap.h. */
#include "host/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

/* "DIR/", or "" for the working directory. */
static struct neap_str directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return (struct neap_str){ path, slash ? (size_t)(slash - path) + 1 : 0 };
}

int neap_swap_check(const char *path, struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf directory = { 0 };
	struct neap_str above = directory_of(path);
	struct stat st;

	neap_buf_append(&directory, above.len ? above.data : "./", above.len ? above.len : 2);
	/* A directory with a slash behind it: anything else is an error. */
	if (access(directory.data, W_OK | X_OK) < 0)
		return neap_error_errno(err, errno, "write %s: %s", path, directory.data);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : neap_error_errno(err, errno, "write %s", path);
	if (!S_ISREG(st.st_mode))
		return neap_error_set(err, "write %s: what is there is no regular file", path);
	return 0;
}

int neap_swap_write(const char *path, const void *data, size_t len, struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf name = { 0 };
	struct neap_str directory = directory_of(path);
	int fd, errnum = 0;

	neap_buf_append(&name, directory.data, directory.len);
	neap_buf_puts(&name, ".neap-new-XXXXXX");
	fd = mkostemp(name.data, O_CLOEXEC);
	if (fd < 0)
		return neap_error_errno(err, errno, "write %s", path);
	errno = 0;
	if (write(fd, data, len) != (ssize_t)len)
		errnum = errno ? errno : ENOSPC;
	else if (fchmod(fd, 0644) < 0)
		errnum = errno;
	if (close(fd) < 0 && !errnum)
		errnum = errno;
	if (!errnum && rename(name.data, path) < 0)
		errnum = errno;
	if (!errnum)
		return 0;
	unlink(name.data);
	return neap_error_errno(err, errnum, "write %s", path);
}
