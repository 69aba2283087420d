/*
 * A file to which lines are appended as things happen, and that others read meanwhile: a log, a pipe. It must
 * not know what the lines say.
 *
 * Each line is one write, so that a line of another process does not come into it, and none is waited for
 * long: nobody who reads, or does not, nor a full disk, is in the way of the run. What could not be written
 * is lost.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct neap_feed;

/* `path` "-": standard error. The file is made when absent, 0600. A pipe that nobody reads is no error here.
 */
int neap_feed_open(const char *path, struct neap_feed **ret, struct neap_error **err);
void neap_feed_close(struct neap_feed *feed); /* NULL is allowed */
/* `data` ends in a newline. Negative when it is lost; *err is set the first time only. */
int neap_feed_line(struct neap_feed *feed, const char *data, size_t len, struct neap_error **err);
