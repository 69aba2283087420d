/*
 * What the types whose changes may cut off who makes them share: the parameters `confirm_within` and
 * `confirm_probe`, and what is done with them. live.h has all of it for types of the kernel's state; another
 * has a `struct neap_confirm_want confirm` in its want, two rows in its table, and calls
 *
 *	neap_confirm_check     in check()
 *	neap_confirm_claim     in claim()
 *	neap_confirm_answerable  in read()
 *	neap_confirm_diff      in diff(), once what differs in force is said
 *	neap_confirm_changes   in apply(), once what is in force has been changed, and before what is kept
 */
#pragma once

#include "engine/diff.h"

struct neap_confirm_want {
	int64_t within; /* seconds; 0: not given */
	struct neap_strings probe;
};

/* The rows of the table: their places, and the struct with its member. */
#define NEAP_CONFIRM_PARAMS(within_place, probe_place, want_type, member)                                    \
	[within_place] = {                                                                                   \
		.name = "confirm_within",                                                                    \
		.kind = NEAP_PARAM_DURATION,                                                                 \
		.flags = NEAP_PARAM_KNOWN,                                                                   \
		.min = 1,                                                                                    \
		.max = NEAP_CONFIRM_MAX,                                                                     \
		.doc = NEAP_CONFIRM_WITHIN_DOC,                                                              \
		.fallback = "it stays at once",                                                              \
		.offset = offsetof(want_type, member.within),                                                \
	},                                                                                                   \
	[probe_place] = {                                                                                    \
		.name = "confirm_probe",                                                                     \
		.kind = NEAP_PARAM_ARGV,                                                                     \
		.flags = NEAP_PARAM_KNOWN,                                                                   \
		.doc = NEAP_CONFIRM_PROBE_DOC,                                                               \
		.fallback = "somebody says `neap confirm`",                                                  \
		.offset = offsetof(want_type, member.probe),                                                 \
	}

#define NEAP_CONFIRM_MAX 86400 /* seconds */
#define NEAP_CONFIRM_WITHIN_DOC                                                                              \
	"What is changed in force is taken back unless it is confirmed in this time, also when neap is "     \
	"killed."
#define NEAP_CONFIRM_PROBE_DOC                                                                               \
	"A command that confirms it by exit code 0: that the way in still works. It only looks, and is run " \
	"each "                                                                                              \
	"second."

int neap_confirm_check(const struct neap_confirm_want *want, struct neap_error **err);
/* It comes after whoever makes the probe. */
void neap_confirm_claim(const struct neap_confirm_want *want, struct neap_claims *claims);
/* Whether the probe can be run at all, as far as is known. */
bool neap_confirm_answerable(const struct neap_view *view, const struct neap_confirm_want *want);
/* Where something differs: that it will be waited for; and an error where nobody could answer. */
int neap_confirm_diff(const struct neap_confirm_want *want, bool answerable, struct neap_diff *diff,
		      struct neap_error **err);
int neap_confirm_changes(struct neap_host *host, const struct neap_confirm_want *want,
			 struct neap_error **err);
