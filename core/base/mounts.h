/*
 * Mounts as text: lines of fstab(5) and of /proc/PID/mountinfo (proc(5)). Bytes in, bytes out.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

/* A line of fstab; strings in the arena, unescaped. */
struct neap_fstab_entry {
	const char *device, *path, *fstype, *options, *dump, *pass;
};
/* False for a comment, a blank line, and what is no entry. */
bool neap_fstab_parse(struct neap_str line, struct neap_arena *arena, struct neap_fstab_entry *ret);
/* The line, blanks in its fields escaped. */
const char *neap_fstab_line(const struct neap_fstab_entry *entry, struct neap_arena *arena);

/* A mount as the kernel lists it. */
struct neap_mount {
	const char *number;  /* of the device, "8:1" */
	const char *root;    /* what of the file system is seen */
	const char *path;    /* where */
	const char *options; /* of the mount */
	const char *fstype, *source;
	const char *super; /* options of the file system */
};
/* False for what is no such line. */
bool neap_mount_parse(struct neap_str line, struct neap_arena *arena, struct neap_mount *ret);

/* Whether a list of options "a,b=c" has `name`, alone or with a value. */
bool neap_mount_has(const char *options, const char *name);
/*
 * The first of `wanted` that a mount is seen not to have: of the options that every file system has (ro,
 * nosuid and their opposites …). What the kernel does not show, or shows otherwise, is not looked at. NULL:
 * none.
 */
const char *neap_mount_lacks(const struct neap_mount *mount, const char *wanted, struct neap_arena *arena);
