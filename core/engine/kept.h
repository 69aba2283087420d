/*
 * What a resource of the kernel's state keeps for the boot: files of its own and, where neap's units bring it
 * back, that unit and the link by which it is enabled, which all who keep something by it share. Whoever
 * comes first makes these; the others find them there.
 *
 * Nothing of it is started or read anew: what is in force is made another way, and first. Knows no resource
 * type and no manager.
 */
#pragma once

#include "engine/owned.h"
#include "engine/whole.h"

enum neap_persist { /* by the choices below */
		    NEAP_PERSIST_NOT,
		    NEAP_PERSIST_UNIT,
		    NEAP_PERSIST_NETWORKD,
};
/* For a parameter NEAP_PARAM_OR_FALSE. */
extern const char *const neap_persist_net[];   /* all three */
extern const char *const neap_persist_rules[]; /* without networkd */
#define NEAP_PERSIST_NET_DOC                                                                                 \
	"By what it is there again after a boot: a unit of neap's, or systemd-networkd, which has to be "    \
	"enabled. With `false` by nothing: what was kept goes."
#define NEAP_PERSIST_RULES_DOC                                                                               \
	"By what it is there again after a boot: a unit of neap's. With `false` by nothing: what was kept "  \
	"goes."

/* A unit of neap's own that runs once at boot and makes what the files in its directory say. */
struct neap_kept_unit {
	const char *name, *directory;
	const char *path, *link; /* its file, and the link that enables it */
	const char *text;
};
extern const struct neap_kept_unit neap_kept_network; /* lines of ip(8) */
extern const struct neap_kept_unit
	neap_kept_iptables; /* lines of iptables-restore(8), each behind a number */

struct neap_kept_file {
	const char *param; /* the entry of a plan */
	const char *path;
	struct neap_str text; /* no bytes (data NULL): it shall not be there */
	bool found;           /* its path is known only to read(): it is not claimed by it */
	bool former;          /* of what had the name before: nor is this one */
};

struct neap_kept {
	const struct neap_kept_file *files;
	size_t count;                      /* 0: nothing is looked at */
	const struct neap_kept_unit *unit; /* or NULL */
	bool absent;                       /* the resource shall be */
};

struct neap_kept_state { /* part of a have struct */
	struct neap_kept kept;
	struct neap_owned_state *present; /* by file: of one that shall be there */
	struct neap_whole_state *gone;    /* of one that shall not */
	const char **empty;               /* the directory in which then nothing will be left, or NULL */
	struct neap_owned_state unit;
	const char *target;          /* where the unit's link leads; NULL: there is none */
	struct neap_parents parents; /* of the link */
	bool enabled, running;
};

void neap_kept_claim(const struct neap_kept *kept, struct neap_claims *claims);
/* Whether a resource keeps something by the unit, for the boot, in a file of this name. */
int neap_kept_has(const struct neap_view *view, const struct neap_kept_unit *unit, const char *name,
		  bool *ret, struct neap_error **err);
/* `ret` goes on pointing to what `kept` does. 0, negative, NEAP_UNKNOWN. */
int neap_kept_read(const struct neap_view *view, const struct neap_context *ctx, const struct neap_kept *kept,
		   struct neap_kept_state *ret, struct neap_error **err);
/* After what is in force: entries by file, "persistent.unit" and "persistent.enabled". */
void neap_kept_diff(const struct neap_kept_state *state, struct neap_diff *diff);
int neap_kept_apply(struct neap_host *host, const struct neap_kept_state *state, struct neap_error **err);
/* What is there is not known: all of it. */
int neap_kept_make(struct neap_host *host, const struct neap_kept *kept, struct neap_error **err);
