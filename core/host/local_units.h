/*
 * What local_units.c, local_jobs.c and local_reasons.c share: the service manager, what it has said, and a
 * job of it.
 */
#pragma once

#include "host/bus.h"
#include "host/local.h"

struct neap_local_units {
	bool there;
	struct neap_bus *bus;
	unsigned seconds;  /* for an answer */
	const char *files; /* where the administrator's lie */
	const char *group; /* the control group that neap is in; NULL: not looked at */
	struct neap_arena *names;
	NEAP_VEC(const char *) expected; /* in order */
	struct neap_map numbers;         /* name → number of its place among those, from 1 on */
	struct neap_arena *answers;
	struct neap_map known; /* name → state, until something may have changed */
	size_t together;       /* so many are asked for by the next question */
};

struct neap_local_units *neap_local_units(struct neap_local *local);
/* For tests: a manager at this address of D-Bus is taken for the machine's. Texts are borrowed. */
void neap_local_units_at(struct neap_machine *machine, const char *address, const char *files,
			 unsigned seconds);
int neap_local_no_manager(const char *doing, const char *what, struct neap_error **err);
/* The text at a place of a row of an answer; "" where it has none. */
const char *neap_local_cell(const struct neap_value *row, size_t column);
enum neap_unit_active neap_local_active(const char *text);
/* Whether the answer is that the caller may not. */
bool neap_local_denied(const struct neap_bus_call *call);

/* ---- local_reasons.c ---- */

struct neap_local_job {
	struct neap_local_units *units;
	const struct neap_unit_job *asked;
	const char *verb;
	const char *name; /* of the unit, as the manager says it */
	uint64_t since;   /* microseconds since 1970 */
	struct neap_arena *arena;
};

#define NEAP_LOCAL_AUTO_RESTART "auto-restart" /* and what newer ones put behind it */

bool neap_local_is_error(const struct neap_bus_call *call, const char *name);
/* The text that came back; NULL: none. */
const char *neap_local_text(const struct neap_bus_call *call);
/* These return -1, with an error that says why. */
int neap_local_deny(const char *verb, const char *name, struct neap_error **err);
int neap_local_refused(const struct neap_local_job *job, const struct neap_bus_call *call,
		       struct neap_error **err);
int neap_local_job_failed(const struct neap_local_job *job, const char *result, struct neap_error **err);
int neap_local_job_late(const struct neap_local_job *job, unsigned seconds, struct neap_error **err);
/* Looks whether the unit is as the job should have left it. `heard`: the manager says that it is done. */
int neap_local_job_check(const struct neap_local_job *job, bool heard, struct neap_error **err);
