/*
 * What the types share whose resources are a state of the kernel, as it is now (`live`) and at every boot
 * (`persistent`): the parameters `persist`, `confirm_within` and `confirm_probe`, and in what order the two
 * halves are looked at, told and changed. Of its own a type has the live half, and by what the other is made:
 *
 *	struct x_want { struct neap_want base; … struct neap_live_want live; };
 *	struct x_have { struct neap_live_have live; … };
 *
 *	static const struct neap_live live = { .persist = PERSIST, .check = …, … };
 *
 *	NEAP_LIVE_PARAMS(struct x_want, …)      in its table, at PERSIST, CONFIRM_WITHIN and CONFIRM_PROBE
 *	NEAP_LIVE_TYPE(live)                    in its const struct
 */
#pragma once

#include "engine/confirm.h"
#include "engine/kept_net.h"
#include "engine/kept_rules.h"

struct neap_live_want {   /* anywhere in the want struct */
	unsigned persist; /* enum neap_persist */
	struct neap_confirm_want confirm;
};

struct neap_live_have {  /* first in the have struct */
	bool looked;     /* at the live half: else there is none, as in an image */
	bool answerable; /* there is somebody to confirm what is changed there */
	struct neap_kept_state kept;
};

struct neap_live {
	unsigned persist;    /* the place of that parameter */
	bool refuses_images; /* without persist the live half is asked for in one, which is an error */
	/* As of a resource type, and only of the live half. */
	int (*check)(const void *want, struct neap_error **err);
	void (*claim)(const void *want, struct neap_claims *claims);
	int (*read)(const struct neap_view *view, const struct neap_context *ctx, const void *want,
		    void *have, struct neap_error **err);
	void (*diff)(const struct neap_context *ctx, const void *want, const void *have,
		     struct neap_diff *diff);
	int (*apply)(struct neap_host *host, const struct neap_context *ctx, const void *want,
		     const void *have, struct neap_error **err);
	/* One of the two, asked only where persist is given: what is kept. `ret` knows its type and persist.
	 * In check and claim there is no context yet. */
	void (*net)(const void *want, struct neap_arena *arena, struct neap_kept_net *ret);
	void (*rules)(const struct neap_context *ctx, const void *want, struct neap_kept_rules *ret);
};

#define NEAP_LIVE_PARAMS(want_type, persist_choices, persist_doc)                                            \
	[PERSIST] = {                                                                                        \
		.name = "persist",                                                                           \
		.kind = NEAP_PARAM_CHOICE,                                                                   \
		.flags = NEAP_PARAM_OR_FALSE,                                                                \
		.doc = persist_doc,                                                                          \
		.choices = persist_choices,                                                                  \
		.fallback = "what is kept is not looked at",                                                 \
		.offset = offsetof(want_type, live.persist),                                                 \
	},                                                                                                   \
	NEAP_CONFIRM_PARAMS(CONFIRM_WITHIN, CONFIRM_PROBE, want_type, live.confirm)

#define NEAP_LIVE_TYPE(of)                                                                                   \
	.check = neap_live_check, .claim = neap_live_claim, .read = neap_live_read, .diff = neap_live_diff,  \
	.apply = neap_live_apply, .live = &(of)

int neap_live_check(const void *want, struct neap_error **err);
void neap_live_claim(const void *want, struct neap_claims *claims);
int neap_live_read(const struct neap_view *view, const struct neap_context *ctx, const void *want, void *have,
		   struct neap_error **err);
int neap_live_diff(const struct neap_context *ctx, const void *want, const void *have, struct neap_diff *diff,
		   struct neap_error **err);
int neap_live_apply(struct neap_host *host, const struct neap_context *ctx, const void *want,
		    const void *have, struct neap_error **err);
