/*
 * What the files of the memory machine share: the machine itself. Private to memory*.c.
 *
 *	memory.c        files, accounts, programs, settings of the kernel, the network
 *	memory_net.c    links, and which change is which
 *	memory_net_ways.c  addresses, routes, neighbours
 *	memory_bytes.c  bytes of wanted content
 *	memory_firewall.c  the packet filter
 *	memory_units.c  the service manager
 *	memory_confirm.c  changes that are taken back unless they are confirmed
 */
#pragma once

#include "base/map.h"
#include "host/accounts.h"
#include "host/machine.h"
#include "host/memory_net.h"

struct thing {
	enum neap_file_kind kind;
	uint32_t mode, uid, gid;
	const char *data; /* of a file; a link's target */
	size_t size;
	struct thing *parent;    /* "/" is its own */
	struct neap_map entries; /* of a directory: name → thing */
	struct neap_str name;
	struct thing *next; /* of all things, for the end */
};

struct memory {
	struct neap_machine machine; /* first */
	struct neap_arena *arena;
	struct thing *root, *all;
	uint64_t calls, fail;
	int errnum;
	bool dies; /* not only that call fails, but all from it on */
	neap_host_memory_run_fn *run;
	void *run_ctx;
	const char *out, *errors; /* of the program under way */
	struct neap_map settings; /* of the kernel: path → value */
	struct neap_map tables;   /* of the packet filter: path → ruleset */
	struct neap_map cache;    /* kind/key → content */
	struct neap_map network;  /* URL, or host:port → content */
	struct neap_memory_net net;
	int64_t clock;
	struct neap_accounts *accounts;

	bool unconfirmed; /* nobody confirms anything */
	struct {
		bool waits, net;
		struct neap_buf rules; /* how they are taken back */
		NEAP_VEC(struct neap_memory_link) links;
		NEAP_VEC(struct neap_net_address) addresses;
		NEAP_VEC(struct neap_net_route) routes;
		NEAP_VEC(struct neap_net_neighbour) neighbours;
	} armed;

	bool manager;             /* one runs */
	struct neap_map units;    /* those that the manager knows: name → its own */
	struct neap_map faults;   /* name → how its jobs end */
	struct neap_map expected; /* names, each its own value */
	struct neap_buf jobs;
};

static inline struct memory *neap_memory_of(const struct neap_view *view)
{
	/* The view is the first member of the machine, that of the memory. */
	return (struct memory *)(uintptr_t)view;
}

/* Counts a call. Whether this is the one that has to fail. */
bool neap_memory_has_to_fail(struct memory *memory);
/* What is at `path`, links on the way followed; NULL: nothing, or nothing leads there. Not counted. */
const struct thing *neap_memory_at(struct memory *memory, const char *path);

/* ---- memory_bytes.c ---- */

/* An errno. */
int neap_memory_bytes(const struct neap_content *content, struct neap_arena *arena, const char **ret,
		      size_t *ret_size);

/* ---- memory_firewall.c ---- */

int neap_memory_ruleset(const struct neap_view *view, const struct neap_table *table,
			const struct neap_ruleset **ret, struct neap_error **err);
int neap_memory_rule_form(const struct neap_view *view, const struct neap_table *table,
			  const struct neap_ruleset *set, const struct neap_rule_wish *wish,
			  const struct neap_rule_others *others, struct neap_arena *arena,
			  struct neap_rule_form *ret, struct neap_error **err);
const char *neap_memory_firewall_name(const struct neap_view *view, enum neap_family family,
				      struct neap_arena *arena);
struct neap_ruleset *neap_memory_table(struct memory *memory, const struct neap_table *table);
int neap_memory_land_firewall(struct memory *memory, const struct neap_change *change); /* an errno */
void neap_memory_tables_done(struct memory *memory);

/* ---- memory_confirm.c ---- */

int neap_memory_arm(struct neap_machine *machine, const char *what, const struct neap_confirm *confirm,
		    const struct neap_change *changes, size_t count, struct neap_error **err);
int neap_memory_await(struct neap_machine *machine, const struct neap_confirm *confirm,
		      struct neap_error **err);
int neap_memory_revert(struct neap_machine *machine, struct neap_error **err);
void neap_memory_confirm_done(struct memory *memory);

/* ---- memory_units.c ---- */

bool neap_memory_manager(const struct neap_view *view);
int neap_memory_unit_read(const struct neap_view *view, const char *name, struct neap_arena *arena,
			  struct neap_unit_state *ret, struct neap_error **err);
void neap_memory_units_expected(const struct neap_view *view, const char *const *names, size_t count);
int neap_memory_unit(struct neap_machine *machine, const struct neap_unit_job *job, struct neap_error **err);
int neap_memory_units_reload(struct neap_machine *machine, struct neap_error **err);
/* A change of `path` has landed. */
void neap_memory_units_changed(struct memory *memory, const char *path);
void neap_memory_units_done(struct memory *memory);
