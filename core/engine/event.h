/*
 * --events: what happens in a run, an object a line, by docs/schema/events.schema.json. Names of parameters
 * but never their values, so nothing has to be masked; errors are masked where they are made.
 *
 * Each of these appends one line. Long texts are cut, so that a line nearly always goes into a pipe as a
 * whole.
 */
#pragma once

#include "engine/report.h"

struct neap_event {      /* what every line begins with */
	const char *run; /* its id */
	int64_t time;    /* milliseconds since 1970 */
};

struct neap_event_begin {
	enum neap_run_mode mode;
	const char *recipe; /* as given on the command line */
	const char *tags;   /* likewise, or NULL */
	int64_t pid;
};
void neap_event_begin(struct neap_buf *buf, const struct neap_event *event,
		      const struct neap_event_begin *begin);
/* Something that keeps the run from beginning, mostly an error of the recipe. */
void neap_event_error(struct neap_buf *buf, const struct neap_event *event,
		      const struct neap_problem *problem);
void neap_event_resource(struct neap_buf *buf, const struct neap_event *event, const struct neap_run *run,
			 uint32_t number);
struct neap_event_end {
	const struct neap_run *run; /* NULL: it did not come to one */
	unsigned timeout;           /* seconds that were over before there was a run, or 0 */
	int exit_code;
	double seconds;
};
void neap_event_end(struct neap_buf *buf, const struct neap_event *event, const struct neap_event_end *end);
