/*
 * Facts: what a machine is, as far as recipes may ask. None of them is volatile: each stays what it is until
 * somebody changes the machine, so what a plan has read still holds when it is applied.
 *
 * Names, kinds and texts of facts are engine/facts.h's; here they are asked of a machine.
 */
#pragma once

#include "base/value.h"
#include "host/host.h"

enum neap_fact { /* in the order of their names */
		 NEAP_FACT_ADDRESSES,
		 NEAP_FACT_ARCH,
		 NEAP_FACT_CPUS,
		 NEAP_FACT_DOMAIN,
		 NEAP_FACT_FQDN,
		 NEAP_FACT_HOSTNAME,
		 NEAP_FACT_INTERFACES,
		 NEAP_FACT_KERNEL,
		 NEAP_FACT_MACHINE_ID,
		 NEAP_FACT_MEMORY_MB,
		 NEAP_FACT_OS_CODENAME,
		 NEAP_FACT_OS_ID,
		 NEAP_FACT_OS_ID_LIKE,
		 NEAP_FACT_OS_NAME,
		 NEAP_FACT_OS_VERSION,
		 NEAP_FACT_COUNT,
};

struct neap_fact_answer {
	bool asked;
	struct neap_value value; /* NEAP_NIL: the machine has none … */
	const char *why;         /* … and this is why */
};

/*
 * Asks for one fact and fills in all that the same question answers: three of a file cost one look at it.
 * What files say (names, os, machine id) comes through the view, so from below its root; the rest is of the
 * kernel that runs, whatever the root. Only a machine that runs is called as its kernel says when no file
 * says it. No name is ever looked up in the network.
 */
int neap_facts_ask(const struct neap_view *view, enum neap_fact fact, struct neap_arena *arena,
		   struct neap_fact_answer answers[NEAP_FACT_COUNT], struct neap_error **err);

/* ---- facts_net.c: addresses and interfaces ---- */

int neap_facts_ask_net(struct neap_arena *arena, struct neap_value *ret_addresses,
		       struct neap_value *ret_interfaces, struct neap_error **err);
