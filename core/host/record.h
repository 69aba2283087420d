/*
 * How the last run went and what is under way, as neap's state tells it from one run to the next. Written by
 * an apply that holds the lock (state_record.c); read by whoever asks, without a lock (state_look.c).
 *
 * Knows nothing of resources: counts have names, failures have addresses. Nothing here is secret: who writes
 * it has masked it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/random.h"

struct neap_state;

struct neap_record_count {
	const char *name;
	unsigned count;
};

struct neap_record_failure { /* what is not known: NULL, 0 */
	const char *address, *file, *message, *hint;
	int line;
};
#define NEAP_RECORD_FAILURES 100 /* so many are kept */

struct neap_record {
	char id[NEAP_RANDOM_ID_SIZE]; /* of the run */
	const char *recipe, *version;
	const char *tags; /* of a selection, or NULL */
	int64_t pid;
	int64_t started, ended; /* milliseconds since 1970 */
	int64_t last_success;   /* likewise, of this or an earlier run; 0: there was none */
	int exit_code;
	int signal;       /* that stopped it, or 0 */
	unsigned timeout; /* seconds after which it was stopped, or 0 */
	const struct neap_record_count *counts;
	size_t count_count; /* 0: no resource was looked at */
	const struct neap_record_failure *failures;
	size_t failure_count, failed; /* kept ones; all */
};

/* Whether such a run is a success. */
static inline bool neap_record_is_well(const struct neap_record *record)
{
	return record->exit_code == 0 || record->exit_code == 2;
}

/* Says who holds the lock, for who asks, and for the day after this run was killed. Best effort. */
void neap_record_begin(struct neap_state *state, const char *id, const char *recipe);
/* The run has ended. A record without a success of its own keeps the last one that is known. Not synced:
 * after a power cut it may be that of an earlier run. */
int neap_record_end(struct neap_state *state, const struct neap_record *record, struct neap_error **err);
/*
 * As _end, of an apply that has not come to the lock: its recipe is wrong. Only where a run has been before
 * and none is under way: for this no directory is made, and nobody waited for.
 */
int neap_record_refused(const char *directory, const char *root, const struct neap_record *record,
			struct neap_error **err);

enum neap_run_mark {
	NEAP_MARK_NONE,
	NEAP_MARK_RUNNING, /* it holds the lock */
	NEAP_MARK_KILLED,  /* it has ended without saying how */
};

struct neap_look {
	bool there; /* false: there is no state directory */
	enum neap_run_mark mark;
	/* of the run of the mark; what is not known: 0, "" */
	int64_t pid, since; /* seconds since 1970 */
	const char *recipe;
	bool rebooted; /* KILLED: the machine has been started again since */
	bool recorded; /* what follows is known */
	struct neap_record record;
};
/* What can be seen in a state directory. Takes no lock and changes nothing. Negative when something there
 * cannot be read, or is not as neap writes it. */
int neap_record_look(const char *directory, const char *root, struct neap_arena *arena, struct neap_look *ret,
		     struct neap_error **err);
