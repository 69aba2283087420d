/*
 * A bound on CPU time for code that may not end: the evaluation of a recipe. One at a time.
 *
 *	neap_watchdog_start(5, expired, ctx, &err);
 *	… run the code …
 *	neap_watchdog_stop();
 *
 * `expired` is called in a signal handler: first after `seconds` of CPU time of this process, to ask the
 * code to stop, then every half second, because it does not listen. What it calls must be safe there.
 */
#pragma once

#include "base/error.h"

typedef void neap_watchdog_fn(void *ctx, unsigned expiry); /* 1: the first; 2: it did not help … */

int neap_watchdog_start(unsigned seconds, neap_watchdog_fn *expired, void *ctx, struct neap_error **err);
void neap_watchdog_stop(void); /* does nothing when none runs */

/* The last resort, callable from `expired`: writes "file:line: message" and the hint to stderr, leaves with
 * exit code 1. `file` and `hint` may be NULL. Evaluation changes nothing, so nothing is left half done. */
void neap_watchdog_exit(const char *file, int line, const char *message, const char *hint)
	__attribute__((noreturn));
