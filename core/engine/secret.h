/*
 * Secrets of the evaluating machine: read from a file or an environment variable, or what a command prints;
 * marked as secret, and nowhere else to be seen: not in the recipe's digest, not in an error.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#define NEAP_SECRET_MAX ((size_t)64 << 10)

/*
 * The bytes of a regular file, at most NEAP_SECRET_MAX, without one trailing newline; an empty one is an
 * error. Errors call it `shown`. *ret_exposed: others than its owner and group may read it. `arena` will be
 * wiped.
 */
int neap_secret_file(struct neap_arena *arena, const char *path, const char *shown, struct neap_text *ret,
		     bool *ret_exposed, struct neap_error **err);
/* Not set or empty is an error. */
int neap_secret_environment(struct neap_arena *arena, const char *name, struct neap_text *ret,
			    struct neap_error **err);
/* What a command prints, at most NEAP_SECRET_MAX, without one trailing newline. It runs in `directory`, and
 * changes nothing: see neap_view_query(). No error says what it printed. `stop` set: it is ended; or NULL. */
#define NEAP_SECRET_TIMEOUT 30 /* seconds */
int neap_secret_command(struct neap_arena *arena, const char *const *argv, const char *directory,
			const volatile sig_atomic_t *stop, struct neap_text *ret, struct neap_error **err);
