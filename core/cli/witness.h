/*
 * Who hears of a run beside its report: neap's state, which says afterwards how the last run went, and
 * whoever was asked for: --events, --metrics,
 * --log.
 */
#pragma once

#include "cli/session.h"

struct neap_state;
struct neap_feed;
struct neap_metric;
struct neap_log;

struct neap_cli_witness {
	struct neap_cli_session *session; /* NULL: it has not begun */
	enum neap_run_mode mode;
	char id[NEAP_RANDOM_ID_SIZE]; /* of the run */
	int64_t started, ended;       /* milliseconds since 1970 */
	double began;                 /* of a clock that nobody sets, in seconds */
	struct neap_run_observer observer;
	struct neap_feed *events;     /* NULL: nobody asked */
	uint8_t *told;                /* by resource: what the events say of it; 0: nothing yet */
	struct neap_log *log;         /* or NULL */
	bool log_failed;              /* and somebody was told */
	bool *logged;                 /* by resource: the log knows that it has failed */
	const char *metrics;          /* the file, or NULL */
	struct neap_metric *measured; /* by resource */
};

/* First of all: from here on time is counted. 0 or an exit code, with what is wrong already said. */
int neap_cli_witness_begin(struct neap_cli_witness *witness, struct neap_cli_session *session,
			   enum neap_run_mode mode);
/* The run has the lock: `state` is open. */
void neap_cli_witness_locked(struct neap_cli_witness *witness, struct neap_state *state);
/*
 * All is done but the printing. `run` NULL: it did not come to one; `state` NULL: nor to the lock. `where`:
 * the state directory. What cannot be told anybody is a warning and no failure.
 */
void neap_cli_witness_end(struct neap_cli_witness *witness, const struct neap_run *run,
			  struct neap_state *state, const char *where, int code);

/* ---- for witness*.c ------------------------------------------------------------------------------------ */

int64_t neap_cli_witness_now(void);    /* milliseconds since 1970 */
double neap_cli_witness_seconds(void); /* of the clock of `began` */
/* A warning, on standard error; takes the error. */
void neap_cli_witness_warn(struct neap_error **err);

/* witness_events.c. 0, or negative with *err. */
int neap_cli_events_begin(struct neap_cli_witness *witness, struct neap_error **err);
void neap_cli_events_done(struct neap_cli_witness *witness, const struct neap_run *run, uint32_t number);
void neap_cli_events_end(struct neap_cli_witness *witness, const struct neap_run *run, int code);

/* witness_metrics.c, likewise. */
int neap_cli_metrics_begin(struct neap_cli_witness *witness, struct neap_error **err);
void neap_cli_metrics_measured(struct neap_cli_witness *witness, const struct neap_run *run, uint32_t number,
			       const char *label, double value);
void neap_cli_metrics_end(struct neap_cli_witness *witness, const struct neap_run *run, const char *where,
			  int code);

/* witness_log.c, likewise. */
int neap_cli_log_begin(struct neap_cli_witness *witness, struct neap_error **err);
void neap_cli_log_done(struct neap_cli_witness *witness, const struct neap_run *run, uint32_t number);
void neap_cli_log_end(struct neap_cli_witness *witness, const struct neap_run *run, int code);
