/* Who hears of a run beside its report: neap's state, which says afterwards how the last run went. */
#pragma once

#include "cli/session.h"

struct neap_state;

struct neap_cli_witness {
	const struct neap_cli_options *options;
	char id[NEAP_RANDOM_ID_SIZE]; /* of the run */
	int64_t started;              /* milliseconds since 1970 */
};

/* First of all: from here on time is counted. */
void neap_cli_witness_begin(struct neap_cli_witness *witness, const struct neap_cli_options *options);
/* The run has the lock: `state` is open. */
void neap_cli_witness_locked(struct neap_cli_witness *witness, struct neap_state *state);
/*
 * All is done but the printing. `run` NULL: it did not come to one; `state` NULL: nor to the lock. `where`:
 * the state directory. What cannot be told anybody is a warning and no failure.
 */
void neap_cli_witness_end(struct neap_cli_witness *witness, const struct neap_cli_session *session,
			  const struct neap_run *run, struct neap_state *state, const char *where, int code);
