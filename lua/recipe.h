/*
 * Evaluates a recipe: Lua in, graph out. The one entry of this folder; lua.h appears nowhere else in neap.
 *
 * Evaluation is a sandbox: it reads recipe files, templates and secrets through engine/source.h, and changes
 * nothing. It is bounded: CPU time, memory. See docs/contract.md. While it runs it owns the timer and the
 * signal of engine/watchdog.h; a recipe that is stuck inside one C function of Lua's (a pattern) half a
 * second after its time ends the process, with the errors found so far and exit code 1.
 */
#pragma once

#include <signal.h>

#include "engine/facts.h"
#include "engine/graph.h"
#include "engine/report.h"
#include "engine/source.h"

struct neap_recipe_options {
	struct neap_sources *sources;
	const struct neap_param_value *params; /* -D; last wins, already sorted and unique */
	size_t param_count;
	struct neap_facts *facts; /* of the machine; NULL: there is no neap.facts */
	unsigned timeout;         /* seconds of CPU; 0: 5 */
	size_t memory;            /* bytes; 0: 512 MB */
	bool json;                /* what ends the process tells it as a document on stdout */
	/* Set: what is waited for is ended; see neap_recipe_stop(). `stop_message` says why. NULL: never. */
	const volatile sig_atomic_t *stop;
	const char *stop_message;
};

/* Fills the graph and finishes it. 0, or -1 when graph->problems has errors. A parameter never read is a
 * warning there. */
int neap_recipe_evaluate(const struct neap_recipe_options *options, struct neap_graph *graph);

/* Ends an evaluation that is under way at its next instruction, with options.stop_message as its error; for a
 * signal handler. False: there is none. To be called again each second: the tenth call ends the process, as
 * when its CPU time is over (exit code 4). */
bool neap_recipe_stop(void);
