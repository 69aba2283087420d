/*
 * What local_units.c and local_jobs.c share: the service manager, and what it has said. Private to these two;
 * tests may give it another address.
 */
#pragma once

#include "host/bus.h"
#include "host/local.h"

struct neap_local_units {
	bool there;
	struct neap_bus *bus;
	unsigned seconds;  /* for an answer */
	const char *files; /* where the administrator's lie */
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
