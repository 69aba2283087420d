/*
 * A machine is what lies under the overlay: it is read like every view, and changed only by committing a
 * group of changes that the overlay has collected. Two exist: the real one below a root directory
 * (host_local) and one made of tables (host_memory).
 */
#pragma once

#include <signal.h>

#include "host/host.h"

enum neap_change_kind {
	NEAP_CHANGE_WRITE,
	NEAP_CHANGE_ATTRIBUTES,
	NEAP_CHANGE_MKDIR,
	NEAP_CHANGE_SYMLINK,
	NEAP_CHANGE_UNLINK,
	NEAP_CHANGE_RMDIR,
	NEAP_CHANGE_KERNEL,   /* `path` below /proc/sys, content */
	NEAP_CHANGE_FIREWALL, /* `path` names the table for people */
	NEAP_CHANGE_NET,      /* `net`; `path` is a name for it, and no path */
};

/* Everything is resolved: `path` goes through no link, mode and owners are numbers (KEEP only for
 * ATTRIBUTES). Bytes belong to the overlay and stay until the commit returns. */
struct neap_change {
	enum neap_change_kind kind;
	uint32_t step; /* whose change this is */
	const char *path;
	const char *asked;                 /* the path as the step named it */
	struct neap_content content;       /* WRITE */
	uint64_t stamp;                    /* WRITE: of the regular file that was there; 0: not known */
	bool absent;                       /* WRITE, SYMLINK: nothing was there */
	uint32_t mode, uid, gid;           /* WRITE, MKDIR, ATTRIBUTES; SYMLINK: the owner */
	const char *target;                /* SYMLINK */
	const char *const *validate;       /* WRITE */
	bool backup, secret;               /* WRITE */
	enum neap_accounts_write accounts; /* WRITE */
	const struct neap_net_change *net; /* NET */
	/* FIREWALL */
	enum neap_firewall_change firewall;
	struct neap_table table;
	const char *chain, *rule;
	/* The place of the change among all of the run; and all that its step stands on was held before this
	 * one. */
	uint64_t serial, behind;
};

/* How a commit talks to the engine. */
struct neap_commit {
	void *ctx;
	/* Called by the overlay before a group lands and before an opaque change is made. Negative: it must
	 * not be. May be NULL. */
	int (*about)(void *ctx, struct neap_error **err);
	/* Called by the overlay before what a step under way has changed so far lands, as something outside
	 * is about to look. Negative: the step has to end, and it does not land. May be NULL. */
	int (*midway)(void *ctx, struct neap_error **err);
	/* Whether `step` may go on: false once it or something it stands on has failed. Asked before each
	 * change. */
	bool (*may)(void *ctx, uint32_t step);
	/* The change has come about, and stays. May be NULL. */
	void (*made)(void *ctx, const struct neap_change *change);
	/* A change of `step` failed: the target is as it was before that change. Takes the error. */
	void (*failed)(void *ctx, uint32_t step, struct neap_error *err);
	/* What `step` is called, for people. May be NULL. */
	const char *(*name)(void *ctx, uint32_t step);
	/* Called by the overlay after each landing. `err` (borrowed) not NULL: the group failed as a whole.
	 */
	void (*landed)(void *ctx, const struct neap_error *err);
};

/* Who runs a machine may want to hear how far something long is, and to end it. All may be NULL. */
struct neap_machine_watch {
	const volatile sig_atomic_t *stop; /* set: fetching, waiting, jobs and queries end, with EINTR */
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* bytes; total 0: not known */
	void (*waits)(void *ctx, const char *text);                 /* for somebody: what he is to know */
	void *ctx;
};

struct neap_machine {
	struct neap_view view; /* first */
	const struct neap_machine_ops *ops;
	struct neap_machine_watch watch;
};

struct neap_machine_ops {
	/*
	 * Lands the changes in order. Reports each failure by `commit->failed`; returns negative only when
	 * the group as a whole failed (a sync): then every step of it counts as failed. Durable when it
	 * returns.
	 */
	int (*commit)(struct neap_machine *, const struct neap_change *changes, size_t count,
		      const struct neap_commit *commit, struct neap_error **err);
	int (*run)(struct neap_machine *, const struct neap_process *, struct neap_arena *,
		   struct neap_process_result *, struct neap_error **err);
	/* May be NULL: nothing is kept. */
	void (*cache)(struct neap_machine *, const char *kind, const char *key, const void *data, size_t len);
	int (*fetch)(struct neap_machine *, const struct neap_fetch *, struct neap_arena *,
		     struct neap_content *, struct neap_error **);
	int (*wait)(struct neap_machine *, const struct neap_probe *, struct neap_error **);
	/*
	 * A change that is taken back unless it is confirmed, one at a time. `arm`: what would take `changes`
	 * back is made out from what is there now and written down, and a clock set that does not need this
	 * process. Negative: it is not, and they must not be made. Then they are committed. `await`: 0 once
	 * they are confirmed, and the clock is stopped; negative: they have been taken back, or *err says
	 * what could not be. `revert`: they are, at once; `err` as before, if something could not be.
	 */
	int (*arm)(struct neap_machine *, const char *what, const struct neap_confirm *,
		   const struct neap_change *changes, size_t count, struct neap_error **err);
	int (*await)(struct neap_machine *, const struct neap_confirm *, struct neap_error **err);
	int (*revert)(struct neap_machine *, struct neap_error **err);
	int (*unit)(struct neap_machine *, const struct neap_unit_job *, struct neap_error **);
	int (*units_reload)(struct neap_machine *, struct neap_error **);
	void (*free)(struct neap_machine *);
};

/*
 * The real machine below the directory `root` ("/" for itself). `state` may be NULL for a host that is only
 * read (a plan): then nothing can be committed.
 */
struct neap_state;
int neap_host_local_new(const char *root, struct neap_state *state, struct neap_machine **ret,
			struct neap_error **err);

/* Where neap_view_cached() looks: below this state directory. Not said: nowhere. */
void neap_host_local_cache(struct neap_machine *local, const char *state_directory);

/*
 * A machine made of tables. Every call has an index, counted from 1 over reads and commits' changes alike;
 * one can be told to fail.
 */
int neap_host_memory_new(struct neap_machine **ret);
void neap_host_memory_fail(struct neap_machine *memory, uint64_t call,
			   int errnum); /* 0: none; counts from now */
/* The power goes at that call: from then on nothing works and nothing changes. 0: it is back. */
void neap_host_memory_die(struct neap_machine *memory, uint64_t call);
uint64_t neap_host_memory_calls(const struct neap_machine *memory); /* since new or _fail() */
/* Puts something there without counting; makes parents. `data` for files and links' targets. */
void neap_host_memory_put(struct neap_machine *memory, const char *path, enum neap_file_kind kind,
			  uint32_t mode, uint32_t uid, uint32_t gid, const char *data, size_t len);
/* What neap_host_run() and neap_view_query() do on it: called with the machine; NULL: exit code 0. */
typedef int neap_host_memory_run_fn(struct neap_machine *memory, const struct neap_process *process,
				    void *ctx);
void neap_host_memory_on_run(struct neap_machine *memory, neap_host_memory_run_fn *run, void *ctx);

/* What a query or a run prints: set by the function above it. */
void neap_host_memory_say(struct neap_machine *memory, const char *out, const char *errors);
/* A rule of its packet filter, or with `rule` NULL a chain, put there or taken away, without counting. */
void neap_host_memory_rule(struct neap_machine *memory, const struct neap_table *table, const char *chain,
			   const char *rule, bool there);
/* A setting of the kernel, without counting. `value` NULL: there is none. */
void neap_host_memory_kernel(struct neap_machine *memory, const char *name, const char *value);
/* A change of its network as if by other hands, without counting: 0 or an errno. A link without a kind is a
 * device. */
int neap_host_memory_net(struct neap_machine *memory, const struct neap_net_change *change);
void neap_host_memory_clock(struct neap_machine *memory, int64_t now);
/* What its network has at a URL, or "HOST:PORT" for somebody who listens; data NULL: nothing any more. */
void neap_host_memory_serve(struct neap_machine *memory, const char *url, const char *data, size_t len);

/*
 * Its service manager, which is there unless it is taken away. It knows the units that are put here, and
 * those whose files lie in /etc/systemd/system or /usr/lib/systemd/system (a link to /dev/null masks, so does
 * an empty file). A change of the files of a unit that it knows makes that one stale until it reads them
 * anew.
 */
void neap_host_memory_manager(struct neap_machine *memory, bool there);
/* A unit, without counting; `state` NULL: not known any more. A file is not made. */
void neap_host_memory_unit(struct neap_machine *memory, const char *name,
			   const struct neap_unit_state *state);
/* From now on starting (and restarting, reloading) it ends so: "failed (exit-code, status 1)", and it is in
 * `failed`. NULL: it is well again. The error's hint is "its journal" unless the job is secret. */
void neap_host_memory_unit_fails(struct neap_machine *memory, const char *name, const char *result);
/* Whether its changes that wait for a confirmation get one; it does until it is said. */
void neap_host_memory_confirms(struct neap_machine *memory, bool confirms);
/* The clock of one that waits has run out, whoever armed it: it is taken back. Whether one waited. */
bool neap_host_memory_expire(struct neap_machine *memory);
/* What the manager was told to do since the last call, a line each: "start a.service", "reload the manager";
 * behind a job of a stale unit ", stale", of a secret one ", secret". */
const char *neap_host_memory_jobs(struct neap_machine *memory);
/* Whether the unit is among those expected (neap_view_units_expected()). */
bool neap_host_memory_expects(const struct neap_machine *memory, const char *name);

static inline void neap_machine_free(struct neap_machine *machine)
{
	if (machine)
		machine->ops->free(machine);
}
