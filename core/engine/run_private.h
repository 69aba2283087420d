/* What run.c, step.c and landing.c share. */
#pragma once

#include "base/map.h"
#include "base/path.h"
#include "base/vec.h"
#include "engine/alias.h"
#include "engine/diff.h"
#include "engine/run.h"
#include "host/overlay.h"

enum neap_owed {
	NEAP_NOT_OWED,
	NEAP_OWED_QUEUED, /* not written down yet */
	NEAP_OWED_WRITTEN,
};

struct node {
	uint32_t blocked_by; /* resource that failed and that this stands on, or is; NEAP_NO_STEP */
	uint32_t pending;    /* nearest opaque change before it that a plan did not run; NEAP_NO_STEP */
	uint32_t moved;      /* nearest step before it that changes or may change something; NEAP_NO_STEP */
	uint32_t held;       /* the landing at which it is seen whether it may go on; 0: none */
	uint64_t behind; /* its changes, and those that it stands on, are held before this one of the run */
	enum neap_maybe changed;
	enum neap_maybe refresh;        /* what its notifiers say */
	bool opaque;                    /* it made such a change itself */
	enum neap_owed owed;            /* a refresh, beyond the run; of a list: those it leads to */
	const struct neap_notice *left; /* by an earlier run; or NULL */
	uint32_t owed_for;              /* whose change it is owed for */
	bool touched;                   /* something of its change has come about, or may have */
	bool itself;                    /* it is (also) for its own change that it is to be refreshed */
};

struct acted {
	const struct neap_resource_type *type;
	uint32_t step;
};

struct type_memo {
	const struct neap_resource_type *type;
	bool pends; /* of those behind something that has not happened yet */
	struct neap_memo memo;
};

struct maker { /* of secrets */
	uint32_t resource;
	uint64_t stamp; /* of its file, as it was read last */
};

struct owed {
	uint32_t to, from;
};

struct step;

struct run {
	struct neap_run pub; /* first */
	struct neap_run_options options;
	bool plan;
	struct neap_arena *arena;     /* results, and what each kept step read */
	struct neap_arena *passing;   /* see neap_context */
	struct neap_machine *machine; /* under the overlay */
	struct neap_host *overlay;
	struct node *nodes;
	struct neap_commit commit;
	struct step *acting; /* the one whose apply is under way */
	struct neap_aliases *aliases;
	struct neap_map changed;  /* paths changed so far, without links: as they were named */
	NEAP_VEC(uint32_t) group; /* resources done since the last landing, in order */
	NEAP_VEC(uint32_t) queue; /* scratch of block() */
	/* Types that are changed together: the last step of each that in this plan would have changed
	 * something. */
	NEAP_VEC(struct acted) acted;
	NEAP_VEC(const struct neap_resource_type *) prefetched;
	NEAP_VEC(struct type_memo *) memos;
	NEAP_VEC(struct owed) owed; /* not written down yet */
	uint32_t landings;          /* number of the next one */
	uint32_t landing;           /* the step whose changes are landing */
	uint32_t moved;             /* the last step that changes or may change something */
	bool verifying;             /* the group has landed and is read back */
	bool over;                  /* all have had their turn */
	struct {
		uint32_t step;
		size_t count;
		struct neap_buf names;
	} made;                        /* what has come about of the last step of which something has */
	bool masks;                    /* the secrets among the parameters are known as such */
	NEAP_VEC(struct maker) makers; /* then: who has outputs that are */
};

/* A resource whose turn it is. */
struct step {
	struct run *run;
	uint32_t number;
	const struct neap_resource *resource;
	struct neap_result *result;
	struct node *node;
	struct neap_context context;
	void *have;
	struct neap_diff diff;
	uint64_t unknown;            /* parameters that cannot be known yet, as bits */
	const char *note;            /* static: why nothing is done */
	struct neap_arena_mark mark; /* what was made since may go when nothing is done */
};

void neap_step(struct run *run, uint32_t number);
/* As neap_step() for each of `numbers`, resources of one type that has apply_all, none of which stands on
 * another: looked at together and changed together. batch.c */
void neap_batch(struct run *run, const uint32_t *numbers, size_t count);

/* What both are made of. */
void neap_step_begin(struct step *step, struct run *run, uint32_t number);
/* The overlay works for this step from now on. */
void neap_step_at(const struct step *step);
int neap_step_resolve(struct step *step, struct neap_error **err);
/* What the look says becomes the result. */
void neap_step_record(struct step *step, bool known);
/* What the step has changed and not landed yet must be its own. */
int neap_step_owns(const struct step *step, struct neap_error **err);
/* What the step's changes take along is part of the result, once they have been made and before they land. */
void neap_step_along(struct step *step, bool known);
int neap_step_protected(const struct step *step, struct neap_error **err);
/* `r` and `failure` (taken) come from a try; in an apply more follow as often as `retries` says. */
int neap_step_retry(struct step *step, int r, struct neap_error *failure, struct neap_error **err);
double neap_step_now(void);

/* Whether the guards of a resource let it be touched: 1 yes; 0 no, and *ret_reason (static) says which says
 * so; negative; NEAP_GUARD_UNKNOWN: behind something that has not happened in this plan, see
 * neap_view_cause(). guard.c */
#define NEAP_GUARD_UNKNOWN 2
int neap_guards(const struct run *run, const struct neap_resource *resource, const char **ret_reason,
		struct neap_error **err);
/* A look that failed has not failed, but was ended by what stops the run. */
bool neap_step_is_stopped(const struct run *run, const struct neap_error *err);
/* What has been done is looked at to its end, whatever is to stop the run: until _resume(), which is given
 * what this returns. */
const volatile sig_atomic_t *neap_step_unstoppable(struct run *run);
void neap_step_resume(struct run *run, const volatile sig_atomic_t *stop);
/* Reads and compares once more. 0: as wanted; negative: *err says what still differs. */
int neap_step_verify(struct run *run, uint32_t number, struct neap_error **err);
/* The resource's result is final: tells the observer. */
void neap_step_done(struct run *run, uint32_t number);

/* ---- notices.c ----------------------------------------------------------------------------------------- */

/* Who was left unrefreshed by earlier runs is notified. */
void neap_notices_init(struct run *run);
/* `number` is about to change: everybody it notifies is owed a refresh; `itself`: so is it. */
void neap_notices_owe(struct run *run, uint32_t number, bool itself);
/* Writes that down, durably, before anything changes. */
int neap_notices_write(void *run, struct neap_error **err);
/* The result of `number` is final. */
void neap_notices_done(struct run *run, uint32_t number);
/* `number` has failed or was skipped: who is owed a refresh for nothing else but its change is owed none. */
void neap_notices_withdraw(struct run *run, uint32_t number);
/* The summary is made. */
void neap_notices_end(struct run *run);
/* Why it is refreshed, when an earlier run owes it; NULL. In the run's arena. */
const char *neap_notices_reason(const struct run *run, uint32_t number);

/* No secret that is known shows in `err`, whoever said it. masking.c */
void neap_masking_mask(struct run *run, struct neap_error *err);

/* An error of `step` says what of it has come about. */
void neap_landing_tell_made(const struct run *run, uint32_t step, struct neap_error *err);

void neap_landing_init(struct run *run);
/* Lands what the overlay holds and reads it back. */
void neap_landing_land(struct run *run);
/* `number` has failed (takes err): so has, by skipping, everything that stands on it. */
void neap_landing_fail(struct run *run, uint32_t number, struct neap_error *err);
/* As the next one, for types whose things can go with others', after the last landing. */
void neap_landing_verify_apply(struct run *run);
void neap_landing_verify_plan(struct run *run);
