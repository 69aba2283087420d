/* What the files of the graph share: graph.c fills, claims.c adds edges, graph_order.c sorts. */
#pragma once

#include "engine/graph.h"

#define NEAP_GRAPH_NONE UINT32_MAX
/* While building, the number of a join: how many resources there will be is not known yet. */
#define NEAP_GRAPH_JOIN ((uint32_t)1 << 31)

struct neap_regex;

/* Accounts: claims_account.c */
struct neap_need {
	uint32_t resource;
	enum neap_account_kind kind;
	const char *name;
};

struct neap_member {
	uint32_t resource;
	const char *group, *user;
};

struct neap_after { /* who comes after all that lies below a directory */
	uint32_t resource;
	struct neap_str directory;
};

struct neap_link_need {
	uint32_t resource;
	const char *name;
	enum neap_link_claim claim;
};

struct neap_reach { /* who needs a way to an address */
	uint32_t resource;
	struct neap_net_ip ip;
};

struct claim;
struct neap_claims {
	struct neap_graph *graph;
	uint32_t resource; /* that claims */
	/* The directory last looked at and what is claimed at or above it: neighbours cost one walk. */
	struct neap_str last;
	const struct claim *last_found;
	/* Instead of collecting: does the resource claim this path? */
	const char *probe;
	bool probed;
	NEAP_VEC(struct neap_need) needs;
	NEAP_VEC(struct neap_member) members;
	struct neap_map joined;  /* resource, group, user */
	struct neap_map only[2]; /* users, groups -> resource + 1 */
	NEAP_VEC(struct neap_after) afters;
	struct neap_map links;    /* name -> who makes it */
	struct neap_map networks; /* network -> who makes it reachable */
	struct neap_map sole;     /* words -> resource + 1 */
	struct neap_map boots;    /* unit -> who needs it at boot, and who leaves it out */
	NEAP_VEC(struct neap_link_need) link_needs;
	NEAP_VEC(struct neap_reach) reaches;
	bool lens[2][129];                     /* of those networks, IPv4 and IPv6 */
	NEAP_VEC(struct neap_after) anywheres; /* after the owners of the directories in it */
};

struct neap_pending {      /* a target given by an address that was not declared yet */
	uint32_t resource; /* which names it */
	uint32_t node;     /* itself or a join */
	enum neap_relation relation;
	const char *address;
};

struct neap_graph_build {
	uint32_t open;         /* resource between begin and end */
	uint64_t tried;        /* its parameters given, well or badly */
	size_t first_error;    /* of problems, when it was begun */
	NEAP_VEC(bool) broken; /* by resource: has a problem of its own, and claims nothing */
	NEAP_VEC(struct neap_pending) pending;
	NEAP_VEC(struct neap_regex *) regexes; /* to free */
	struct neap_buf list;                  /* scratch for the key of a list */
	struct neap_map joins;                 /* lists of targets already joined; value: join number + 1 */
	struct neap_map parts;                 /* path and part claimed; value: resource + 1 */
	struct neap_map anywhere;              /* directory, "/" and a name, see neap_claim_anywhere() */
	struct neap_map above;                 /* directories above what is owned, once somebody asks */
	bool above_made;
	bool trees;   /* some path is claimed with all that is below it */
	size_t hints; /* names that may still be compared for "did you mean" */
};

static inline void neap_graph_edge(struct neap_graph *graph, uint32_t from, uint32_t to, enum neap_why why,
				   bool refresh, struct neap_position at)
{
	neap_vec_push(&graph->edges, (struct neap_edge){ from, to, why, refresh, at });
}

/* The node's final number, also while building (and all joins are known). */
static inline uint32_t neap_graph_numbered(const struct neap_graph *graph, uint32_t node)
{
	return node & NEAP_GRAPH_JOIN ? (uint32_t)graph->resources.count + (node & ~NEAP_GRAPH_JOIN) : node;
}

/* "site.lua:3", for a message about another place. */
const char *neap_graph_where(struct neap_graph *graph, uint32_t resource);

/* Name and address from the KEY parameters; without all of them "type[?]". graph_address.c */
void neap_graph_address(struct neap_graph *graph, struct neap_resource *resource, bool complete);
/* Whether two resources of one type have the same KEY values (not: the same text of them). */
bool neap_graph_same_key(const struct neap_resource *a, const struct neap_resource *b);
/* Of an address that nothing has, but `asking` itself; NULL when none is near or too many were looked for. */
const char *neap_graph_nearest(struct neap_graph *graph, const char *address, uint32_t asking);

/* Asks the resource's type what it owns. graph.c */
void neap_graph_claim(struct neap_resource *resource, struct neap_claims *claims);
/* What the resource's OWNER parameters need; then the edges of all who need an account. claims_account.c */
void neap_claims_owners(struct neap_claims *claims, const struct neap_resource *resource);
void neap_claims_order_accounts(struct neap_claims *claims);
void neap_claims_accounts_done(struct neap_claims *claims);
/* The edges of all who make or need links and ways; and an end to it. claims_net.c */
void neap_claims_order_net(struct neap_claims *claims);
/* The edges of all who come after a directory, from what is claimed of it; and an end to it. claims_after.c
 */
void neap_claims_order_after(struct neap_claims *claims);
/* Whether `resource` names an account, as an owner, that `maker` makes. */
bool neap_claims_needs(const struct neap_claims *claims, uint32_t resource, uint32_t maker);
/* "file[/x] (site.lua:3)" */
const char *neap_claims_named(struct neap_claims *claims, uint32_t number);

/* Collects claims, finds conflicts, adds edges. claims.c */
void neap_claims_collect(struct neap_graph *graph);

/* A new join; its number while building. graph.c */
uint32_t neap_graph_join(struct neap_graph *graph);
/* Each of `after` comes after all of `first`, but for those that one of the latter stands on. Both are
 * numbers of resources, each once; nobody is in both. */
struct neap_wish {
	const uint32_t *first, *after;
	size_t first_count, after_count;
};
/* An earlier wish goes before a later one that contradicts it. graph_after.c */
void neap_graph_order_after(struct neap_graph *graph, const struct neap_wish *wishes, size_t count);

/* Numbers the joins, sorts edges, removes equal ones, fills in_first … order. graph_order.c */
void neap_graph_sort(struct neap_graph *graph);
/* `left[n]`: whether node n could not be ordered. Adds a problem for each knot of nodes. graph_cycle.c */
void neap_graph_report_cycles(struct neap_graph *graph, const bool *left);
