/* See feed.h. */
#include "host/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

#define PATIENCE_MS 1000 /* for a reader that is slow, in a whole run */

struct neap_feed {
	char *path;
	int fd;       /* -1: a pipe that nobody has opened to read */
	bool pipe;    /* or a terminal, a socket: what is not read has to wait */
	bool own;     /* opened here */
	bool torn;    /* half a line stands at the end */
	bool told;    /* that lines are lost */
	int patience; /* milliseconds that are left */
};

static int open_file(const char *path)
{
	/* Without O_NONBLOCK a pipe would keep us waiting for its reader. */
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
}

/* A run that died, or a disk that was full, may have left half a line at the end. */
static bool ends_torn(const char *path, const struct stat *st)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat now;
	char last = '\n';

	if (fd < 0)
		return false;
	if (fstat(fd, &now) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino && now.st_size > 0 &&
	    pread(fd, &last, 1, now.st_size - 1) != 1)
		last = '\n';
	close(fd);
	return last != '\n';
}

int neap_feed_open(const char *path, struct neap_feed **ret, struct neap_error **err)
{
	bool own = strcmp(path, "-") != 0;
	struct stat st = { 0 };
	int fd = own ? open_file(path) : STDERR_FILENO, errnum = errno;

	if (own && fd < 0 && errnum == ENXIO && stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		errnum = 0;
	else if (fd >= 0 && fstat(fd, &st) < 0)
		errnum = errno;
	else if (fd >= 0)
		errnum = 0;
	/* Appended to a disk it would be the end of a file system. */
	if (!errnum && S_ISBLK(st.st_mode))
		errnum = EINVAL;
	if (errnum) {
		neap_error_errno(err, errnum, "open %s to append to it", path);
		if (own && fd >= 0)
			close(fd);
		return -1;
	}
	*ret = neap_alloc(sizeof(**ret));
	**ret = (struct neap_feed){
		.fd = fd,
		.pipe = !S_ISREG(st.st_mode),
		.own = own,
		.torn = S_ISREG(st.st_mode) && st.st_size > 0 && ends_torn(path, &st),
		.patience = PATIENCE_MS,
	};
	(*ret)->path = memcpy(neap_alloc(strlen(path) + 1), path, strlen(path) + 1);
	return 0;
}

void neap_feed_close(struct neap_feed *feed)
{
	if (!feed)
		return;
	if (feed->own && feed->fd >= 0)
		close(feed->fd);
	free(feed->path);
	free(feed);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A slow reader may catch up, as long as patience lasts. */
static bool wait_for_room(struct neap_feed *feed)
{
	struct pollfd fd = { .fd = feed->fd, .events = POLLOUT };
	int64_t began = now_ms();
	int r;

	if (feed->patience <= 0)
		return false;
	r = poll(&fd, 1, feed->patience);
	feed->patience -= (int)(now_ms() - began);
	return r > 0;
}

/* The whole line or nothing of it, as far as that can be had. 0, or an errno. */
static int put(struct neap_feed *feed, const char *data, size_t len)
{
	while (true) {
		ssize_t put = write(feed->fd, data, len);

		if (put == (ssize_t)len) {
			feed->torn = false;
			return 0;
		}
		if (put >= 0) { /* the disk is full within it */
			feed->torn = feed->torn || put > 0;
			return ENOSPC;
		}
		if (errno == EINTR || (errno == EAGAIN && wait_for_room(feed)))
			continue;
		return errno;
	}
}

/* More than a pipe takes at once may be torn by another writer, and may find room for a part only. */
static int put_line(struct neap_feed *feed, const char *data, size_t len)
{
	NEAP_AUTO_BUF struct neap_buf buf = { 0 };
	int errnum;

	if (feed->pipe && feed->own && len > PIPE_BUF)
		return EMSGSIZE;
	if (feed->fd < 0)
		feed->fd = open_file(feed->path);
	if (feed->fd < 0)
		return errno;
	/* Half a line is ended before the next one. */
	if (feed->torn) {
		neap_buf_putc(&buf, '\n');
		neap_buf_append(&buf, data, len);
		data = buf.data;
		len = buf.len;
	}
	errnum = put(feed, data, len);
	if (errnum == EPIPE && feed->own) { /* the reader is gone; another one may come */
		close(feed->fd);
		feed->fd = -1;
	}
	return errnum;
}

int neap_feed_line(struct neap_feed *feed, const char *data, size_t len, struct neap_error **err)
{
	int errnum = put_line(feed, data, len);

	if (!errnum)
		return 0;
	if (!feed->told && (errnum == ENXIO || errnum == EPIPE))
		neap_error_set(err, "write %s: nobody reads it; what comes meanwhile is lost", feed->path);
	else if (!feed->told && errnum == EAGAIN)
		neap_error_set(err, "write %s: it is read too slowly; what does not fit is lost", feed->path);
	else if (!feed->told)
		neap_error_errno(err, errnum, "write %s: what comes meanwhile is lost", feed->path);
	feed->told = true;
	return -1;
}
