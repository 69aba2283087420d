/*
 * What the service manager is asked to do with a unit: start or stop it, read its files anew, restart it; and
 * what a plan says of that. Knows no resource type, and of the unit's files only whether they change.
 */
#pragma once

#include "engine/diff.h"

enum neap_unit_wanted {
	NEAP_UNIT_LEFT, /* as it is */
	NEAP_UNIT_RUNNING,
	NEAP_UNIT_STOPPED,
};

struct neap_unit_running {
	const char *name;
	bool is_template; /* which does not run */
	enum neap_unit_wanted wanted;
	bool restarts;    /* when its own files change */
	bool reloads;     /* and does not restart, when it is notified */
	unsigned timeout; /* seconds; 0: as is usual */
	bool secret;      /* its files hold one */
};

struct neap_unit_running_state { /* part of a have struct */
	bool manager;            /* one runs here */
	struct neap_unit_state is;
	bool notified;
	/* Said by who knows its files: */
	bool changes; /* what a manager reads */
	bool masked;  /* here, and will be */
	bool others;  /* of a template: its instances may be known to the manager */
	bool passes;  /* it never is, it only happens: of Type=oneshot, without RemainAfterExit */
};

/* 0, negative, NEAP_UNKNOWN. */
int neap_unit_running_read(const struct neap_view *view, const struct neap_context *ctx,
			   const struct neap_unit_running *running, struct neap_unit_running_state *ret,
			   struct neap_error **err);
bool neap_unit_running_active(const struct neap_unit_running_state *state);
/* Whether its file has to be asked if it only passes. */
bool neap_unit_running_may_pass(const struct neap_context *ctx, const struct neap_unit_running_state *state);

/* Whether it is to be started or stopped. */
bool neap_unit_running_differs(const struct neap_unit_running *running,
			       const struct neap_unit_running_state *state);
/* Whether it would be restarted if somebody, or its own files, said that it has to take notice of something.
 */
bool neap_unit_running_can_restart(const struct neap_unit_running *running,
				   const struct neap_unit_running_state *state);
/* Entries "state" and "loaded". */
void neap_unit_running_diff(const struct neap_unit_running *running,
			    const struct neap_unit_running_state *state, struct neap_diff *diff);
/* What its change does to what runs: reasons, and whether it is restarted. */
void neap_unit_running_diff_change(const struct neap_unit_running *running,
				   const struct neap_unit_running_state *state, struct neap_diff *diff);

/* Has the manager read its files, where it has to be told. */
int neap_unit_running_reload(struct neap_host *host, const struct neap_unit_running *running,
			     const struct neap_unit_running_state *state, struct neap_error **err);
/* Starts or stops it. `state` NULL: what is there is not known. */
int neap_unit_running_apply(struct neap_host *host, const struct neap_unit_running *running,
			    const struct neap_unit_running_state *state, struct neap_error **err);
/* A file of it may have been changed by somebody else, who says so. */
int neap_unit_running_refresh(struct neap_host *host, const struct neap_context *ctx,
			      const struct neap_unit_running *running, struct neap_error **err);
