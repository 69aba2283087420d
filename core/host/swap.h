/*
 * A small file for others to read, replaced at one moment: who reads it sees the old one or the new one
 * whole. It must not know what is in it. Nothing is synced: it is made again soon.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* Whether neap_swap_write() could do it: the directory is there, and what stands at `path` is a regular file
 * or nothing. */
int neap_swap_check(const char *path, struct neap_error **err);
/* Mode 0644. The file that comes has a name of its own beside it until then, which begins with a point. */
int neap_swap_write(const char *path, const void *data, size_t len, struct neap_error **err);
