/* Paths of the managed machine, as text. Nothing here looks at a file system. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/*
 * Absolute, no "..", no NUL, no "//", no "/./", no trailing "/" (but "/" itself), at most 4095 bytes, each
 * component at most 255. Removes what can be removed; says what cannot be.
 * *ret is NUL-terminated, in `arena`.
 */
int neap_path_normalise(struct neap_arena *arena, struct neap_str path, struct neap_str *ret,
			struct neap_error **err);

/* Of a normalised path: "/" for "/x"; the path itself for "/". */
struct neap_str neap_path_parent(struct neap_str path);
struct neap_str neap_path_name(struct neap_str path); /* last component; "" for "/" */
/* Whether `path` lies below `directory` (not: is it). */
bool neap_path_below(struct neap_str path, struct neap_str directory);
