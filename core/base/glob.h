/*
 * Patterns for names with slashes in them:
 *
 *	*        any bytes but "/", also none
 *	**       any bytes
 *	?        one byte, not "/"
 *	[a-z]    one byte of a set, not "/"; [!a-z] one that is not in it
 *	\x       x itself
 *
 * Bytes, no locale. Matching takes no longer than name times pattern, whatever the pattern.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#define NEAP_GLOB_MAX 1024 /* bytes of a pattern */

struct neap_glob;

/* In `arena`. The error says what is wrong with the pattern, not which parameter it is of. */
int neap_glob_new(const char *pattern, struct neap_arena *arena, const struct neap_glob **ret,
		  struct neap_error **err);
const char *neap_glob_text(const struct neap_glob *glob);
/* Whether the pattern fits `name`, or a directory above it ("a/b" takes "a/b/c" with it). */
bool neap_glob_covers(const struct neap_glob *glob, struct neap_str name);
