/*
 * One run of a graph on an overlay: a plan (thrown away) or an apply (landed in groups). The same loop.
 */
#pragma once

#include <signal.h>

#include "engine/graph.h"
#include "host/machine.h"
#include "host/notices.h"

enum neap_run_mode { NEAP_RUN_PLAN, NEAP_RUN_APPLY };

enum neap_outcome {
	NEAP_OUTCOME_UNCHANGED, /* in a plan: see action */
	NEAP_OUTCOME_CHANGED,
	NEAP_OUTCOME_FAILED,   /* in a plan: could not be planned */
	NEAP_OUTCOME_SKIPPED,  /* something it stands on failed */
	NEAP_OUTCOME_NOT_DONE, /* the run was stopped before it */
};
const char *neap_outcome_name(enum neap_outcome outcome);

enum neap_maybe { NEAP_NO, NEAP_YES, NEAP_MAYBE };

struct neap_change_entry { /* one parameter that differs */
	const char *param;
	struct neap_value before, after; /* NEAP_NIL: absent */
	bool hide_before;                /* holds secrets, or others may not read it */
	bool unknown;                    /* after is not known yet */
	/* content too large for a value: size and digest instead of before / after */
	const struct neap_content *large_before, *large_after;
};

struct neap_result {
	enum neap_action action;
	enum neap_outcome outcome;
	enum neap_maybe refresh;
	const struct neap_change_entry *changes;
	size_t change_count;
	const char *reason;       /* or NULL */
	struct neap_error *error; /* FAILED */
	uint32_t cause;           /* SKIPPED, UNKNOWN: the resource behind it, or NEAP_NO_STEP */
	float seconds;
};

struct neap_summary { /* resources, by action; apply: what was really done */
	unsigned create, update, remove, run, refresh, unknown, unchanged, failed, skipped, not_done;
};

struct neap_run {
	enum neap_run_mode mode;
	const struct neap_graph *graph;
	struct neap_result *results; /* by resource index */
	struct neap_summary summary;
	int signal;           /* that stopped it, or 0 */
	unsigned timeout;     /* seconds after which it was stopped, or 0; set by who has set options.stop */
	const bool *selected; /* by resource index; NULL: all */
};

/* Whether a resource is part of the run: one that is not has no result. */
static inline bool neap_run_selected(const struct neap_run *run, uint32_t resource)
{
	return !run->selected || run->selected[resource];
}

/* Called when a resource is done with (NULL allowed); for progress. */
struct neap_run_observer {
	void *ctx;
	void (*begin)(void *ctx, const struct neap_run *run, uint32_t resource);
	void (*done)(void *ctx, const struct neap_run *run, uint32_t resource);
	/* Something long goes on in the resource begun last: bytes; total 0: not known. */
	void (*bytes)(void *ctx, const struct neap_run *run, uint64_t done, uint64_t total);
	/* The resource begun last waits for somebody, who is to know this. */
	void (*waits)(void *ctx, const struct neap_run *run, const char *text);
	/* What the type of a resource measures, at each look; `label` NULL: there is nothing to measure. */
	void (*measured)(void *ctx, const struct neap_run *run, uint32_t resource, const char *label,
			 double value);
};

struct neap_run_options {
	enum neap_run_mode mode;
	const struct neap_run_observer *observer;
	const volatile sig_atomic_t *stop;  /* set to a signal number: no new step is begun, and one
					       that only waits is ended */
	const char *state_directory;        /* neap's own: a purge spares it; or NULL */
	const struct neap_notices *notices; /* refreshes that are owed beyond the run; or NULL */
	const char *recipe;                 /* whose they are, see neap_notice; or NULL */
	const bool *selected; /* by resource index, closed under what they stand on; NULL: all */
};

/* What `tags` select, and in *ret_needed how many more those stand on. The array is the caller's to free.
 * NULL with *err when a tag is nobody's. */
bool *neap_run_select(const struct neap_graph *graph, const char *const *tags, size_t count,
		      size_t *ret_selected, size_t *ret_needed, struct neap_error **err);

/* Never fails as a whole: what failed is in the results. Free with neap_run_free. */
struct neap_run *neap_run(const struct neap_graph *graph, struct neap_machine *machine,
			  const struct neap_run_options *options);
void neap_run_free(struct neap_run *run);
/* Nothing failed, nothing was left undone. */
bool neap_run_is_well(const struct neap_run *run);
/* It is well, and there was nothing to do. */
bool neap_run_is_empty(const struct neap_run *run);
/* Exit code by the contract (0, 2, 4, 6, 128+n). */
int neap_run_exit_code(const struct neap_run *run, bool detailed);
