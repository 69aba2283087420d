/* The packet filter of the real machine: what its two files share. Private to local_firewall.c and
 * local_rules.c. */
#pragma once

#include "host/firewall.h"
#include "host/local.h"

#define NEAP_SAVE_MAX ((size_t)64 << 20) /* what iptables-save prints */

enum neap_local_variant { NEAP_VARIANT_UNKNOWN, NEAP_VARIANT_NFT, NEAP_VARIANT_LEGACY, NEAP_VARIANT_OTHER };

struct neap_local_book;

struct neap_local_firewall {
	struct neap_ruleset *sets[NEAP_TABLES_MAX];     /* NULL: not looked at since the last change */
	struct neap_local_book *books[NEAP_TABLES_MAX]; /* NULL: none yet */
	struct neap_arena *arena;                       /* of the books */
	struct {
		enum neap_local_variant variant; /* UNKNOWN: not looked since the last change */
		struct stat program;             /* iptables-save, behind all links */
		bool mixed;                      /* there are tables of the other variant too */
	} families[2];
	int scratch; /* network namespace in which rules are tried; -1: none yet */
};

/* The forms of rules, by chain and text. */
struct neap_local_book {
	struct neap_map forms;
	const char *stamp; /* of all that they hang on; NULL: not looked at yet */
	bool fresh;        /* nothing has changed since it was compared */
};

struct neap_local_firewall *neap_local_firewall(struct neap_local *local);
enum neap_local_variant neap_local_variant(struct neap_local *local, enum neap_family family);
/* "iptables" or "ip6tables", and what goes on. */
const char *neap_local_tool(enum neap_family family, const char *end, struct neap_arena *arena);
/* `bytes` as standard input: a descriptor, or negative. */
int neap_local_input(const struct neap_buf *bytes, struct neap_error **err);
/* What the tool has said, as one line, and the line of its input that it names (0: none). */
const char *neap_local_said(const struct neap_process_result *result, struct neap_arena *arena,
			    size_t *ret_line);
