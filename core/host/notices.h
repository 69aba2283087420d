/*
 * Notifications that are not delivered yet, and outlive a run: who changes something that others have to be
 * refreshed for says so before the change is made, durably; who has been refreshed is taken off. What a run
 * that failed, was killed or lost its power has left is delivered by the next one. Delivered twice does no
 * harm, lost would.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct neap_notice {
	const char *address; /* of the resource that is to be refreshed */
	const char *cause;   /* of the one that changes or has changed; the same for its own change */
	const char *recipe;  /* whose resources these are: a real path, or "@name" */
	int64_t since;       /* seconds since 1970 */
	bool noop;           /* its resource is only to be told of: nobody will refresh it */
};

/* Where they are kept. Of one address one notice is enough: of several the last says whether it is noop. */
struct neap_notices {
	void *ctx;
	/* Those that earlier runs have left, oldest first. */
	const struct neap_notice *items;
	size_t count;
	/* Both NULL: they are only looked at (a plan). `owe` is durable when it returns; `settle` need not
	 * be, and cannot fail. */
	int (*owe)(void *ctx, const struct neap_notice *notices, size_t count, struct neap_error **err);
	void (*settle)(void *ctx, const char *address);
};

/*
 * Of the machine: the file `journal` in neap's state, see state_journal.c. What is torn or damaged is left
 * out; *ret_damaged counts records that were whole once.
 */
struct neap_state;
int neap_state_journal_open(struct neap_state *state, struct neap_arena *arena, struct neap_notices *ret,
			    size_t *ret_damaged, struct neap_error **err);
/* To look only, without the lock: no state, no notices. */
int neap_state_journal_read(const char *directory, struct neap_arena *arena, struct neap_notices *ret,
			    size_t *ret_damaged, struct neap_error **err);
