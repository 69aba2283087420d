/*
 * A bound on CPU time for code that may not end: the evaluation of a recipe, types written in Lua. One at a
 * time.
 *
 *	neap_watchdog_start(5, expired, ctx, &err);
 *	… run the code …
 *	neap_watchdog_stop();
 *
 * `expired` is called in a signal handler: first after `seconds` of CPU time of this process, to ask the
 * code to stop, then every half second, because it does not listen. What it calls must be safe there.
 */
#pragma once

#include <stdbool.h>

#include "engine/problem.h"

typedef void neap_watchdog_fn(void *ctx, unsigned expiry); /* 1: the first; 2: it did not help … */

int neap_watchdog_start(unsigned seconds, neap_watchdog_fn *expired, void *ctx, struct neap_error **err);
void neap_watchdog_stop(void); /* does nothing when none runs */

/*
 * The last resort, callable from `expired`: writes the errors that were found so far and `last`, as text to
 * stderr or as the document of docs/schema/errors.schema.json to stdout, and leaves. `run`: it was no
 * evaluation, which changes nothing, but a run, which is left as if it had been killed.
 */
void neap_watchdog_exit(const struct neap_problems *problems, const struct neap_problem *last, bool json,
			bool run, int code) __attribute__((noreturn));
