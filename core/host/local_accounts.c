/*
 * The lock of the account files: what lckpwdf() takes, and with it useradd, passwd, vipw, systemd-sysusers
 * and the rest, a write lock on /etc/.pwd.lock. (The files passwd.lock and so on that shadow's tools make
 * beside it are made under it.) It must not know what the files hold.
 *
 * It belongs to the open file, not to the process, so that nothing else here can lose it by closing another.
 */
#include "host/local.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define LOCK "/etc/.pwd.lock"
#define WAIT_SECONDS 15 /* as lckpwdf() */
#define LOOK_NANOSECONDS 50000000

static int open_lock(struct neap_local *local, struct neap_error **err)
{
	struct neap_local_dir *dir;
	const char *name;
	int fd;

	if (neap_local_parent(local, "lock", LOCK, &dir, &name, err) < 0)
		return -1;
	if (!dir)
		return neap_error_errno(err, ENOENT, "lock " LOCK);
	fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	return fd < 0 ? neap_error_errno(err, errno, "lock " LOCK) : fd;
}

static int told_who(int fd, struct neap_error **err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
		neap_error_set(err, "lock " LOCK ": process %ld has held it for %d seconds", (long)lock.l_pid,
			       WAIT_SECONDS);
	else
		neap_error_set(err, "lock " LOCK ": another program has held it for %d seconds",
			       WAIT_SECONDS);
	return neap_error_hint(err,
			       "useradd, passwd, vipw or the like is at work on the accounts: run neap again "
			       "when it has ended");
}

int neap_local_accounts_lock(struct neap_local *local, bool (*go_on)(void *ctx), void *ctx, int *ret,
			     struct neap_error **err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const struct timespec pause = { .tv_nsec = LOOK_NANOSECONDS };
	struct timespec now, end;
	int fd = open_lock(local, err);

	if (fd < 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WAIT_SECONDS;
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		int errnum = errno;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (errnum != EAGAIN && errnum != EACCES && errnum != EINTR)
			neap_error_errno(err, errnum, "lock " LOCK);
		else if (!go_on(ctx))
			neap_error_set(err, "lock " LOCK ": not waited for any longer");
		else if (now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec))
			told_who(fd, err);
		else {
			nanosleep(&pause, NULL);
			continue;
		}
		close(fd);
		return -1;
	}
	*ret = fd;
	return 0;
}
