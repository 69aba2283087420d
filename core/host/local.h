/*
 * The real machine, below a root directory: what its files (local*.c) share. Nothing else includes this but
 * state.c, which needs the tree remover.
 *
 *	local.c         reads, and the table of functions
 *	local_system.c  programs, settings of the kernel, neap's cache
 *	local_net.c     links, addresses, routes
 *	local_fetch.c   what servers have
 *	local_units.c   what the service manager says of units
 *	local_jobs.c    what it is told to do
 *	local_reasons.c  why a unit is not as it should be afterwards
 *	local_walk.c    from a path to an open directory, resolving links inside the root
 *	local_stage.c   staging directories and the temps in them
 *	local_commit.c  a group of changes: stage, sync, validate, land, sync
 *	local_land.c    one change taking its place
 *	local_firewall.c  rules of the packet filter: what is there, and their landing
 *	local_rules.c     what iptables makes of a rule
 *	local_accounts.c  the lock under which account files land
 *	local_tree.c    emptying a directory of leftovers
 *	local_confirm.c changes that are taken back unless they are confirmed
 *	local_timer.c   the clock of these
 */
#pragma once

#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#include "base/map.h"
#include "base/vec.h"
#include "host/accounts.h"
#include "host/confirm.h"
#include "host/machine.h"
#include "host/state.h"

#define NEAP_LOCAL_OURS UINT32_MAX /* no uid: ground of root, the caller or the root directory's owner */
#define NEAP_STAGE_PREFIX ".neap-stage-"
#define NEAP_TEMP_PREFIX ".neap-tmp-"

/* An open directory (O_PATH). */
struct neap_local_dir {
	int fd;
	unsigned refs;
	char *path;       /* below the root, through no link: "/" or "/a/b" */
	uint32_t foreign; /* the unprivileged user whose ground this is, or NEAP_LOCAL_OURS */
	dev_t device;
	uint64_t mount;   /* 0: not asked yet */
	uint64_t touched; /* the commit that changed it last */
	struct neap_local *local;
};

/* The bytes of the file that was read last, when it is large. */
struct neap_local_snapshot {
	char *data; /* NULL: none */
	size_t size;
	dev_t device;
	ino_t inode;
	struct timespec mtime, ctime;
};

/* Where temps lie before they get their names: a private directory on the target's file system. */
struct neap_local_stage {
	uint64_t mount;
	dev_t device;
	char *where; /* directory it lies in */
	char name[64];
	int fd;                        /* -1: not there now */
	struct neap_local_dir *parent; /* while fd is open */
	uint32_t next;                 /* number of the next temp */
	bool known;                    /* uid and gid are those of what is made in it */
	uint32_t uid, gid;
};

struct neap_local {
	struct neap_machine machine; /* first */
	char *root;                  /* its real path; "" for "/" */
	struct neap_state *state;
	uint32_t uid, gid, owner; /* the caller; the root directory's owner */
	struct neap_accounts *accounts;

	struct neap_local_dir *top;
	struct neap_map dirs;            /* directory as asked -> neap_local_dir, each holding a reference */
	struct neap_map links;           /* links that these ways have followed */
	struct neap_arena *keys;         /* of both maps */
	size_t open, limit;              /* directories */
	struct neap_local_dir *last_dir; /* the last one asked for, and its path; NULL: none */
	char last[PATH_MAX];
	size_t last_len;

	struct neap_local_snapshot snapshot;

	/* What shared queries have said, by argv, until something may have changed. */
	struct neap_map answers;
	struct neap_arena *answer_arena;
	struct neap_local_net *net;           /* links, addresses, routes; NULL: nobody has asked */
	struct neap_local_units *units;       /* NULL: nobody has asked yet */
	struct neap_local_firewall *firewall; /* the same */
	char *cache;                          /* directory of neap's cache, or NULL */
	NEAP_VEC(char *) downloads;           /* whole ones that have not landed yet, by path */

	const char *program;     /* takes changes back; NULL: none */
	struct neap_armed armed; /* what waits; no id: nothing. `what` is the caller's */
	struct neap_buf how;     /* it is taken back */
	int64_t land_until;      /* of what is armed and has not landed yet; 0: nothing is */
	bool armed_by_manager;   /* it has set the clock */

	NEAP_VEC(struct neap_local_stage *) stages;
	uint64_t commits;
};

static inline struct neap_local *neap_local_of(const struct neap_view *view)
{
	/* The view is the first member of the machine, that of the local. */
	return (struct neap_local *)(uintptr_t)view;
}

/* ---- local_system.c ---- */

int neap_local_run(struct neap_machine *machine, const struct neap_process *process, struct neap_arena *arena,
		   struct neap_process_result *ret, struct neap_error **err);
int neap_local_query(const struct neap_view *view, const struct neap_process *process,
		     struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err);
int64_t neap_local_clock(const struct neap_view *view);
bool neap_local_running(const struct neap_view *view);
int neap_local_kernel(const struct neap_view *view, const char *path, struct neap_arena *arena,
		      const char **ret, struct neap_error **err);
int neap_local_land_kernel(struct neap_local *local, const struct neap_change *change,
			   struct neap_error **err);
void neap_local_cached(const struct neap_view *view, const char *kind, const char *key,
		       struct neap_arena *arena, struct neap_content *ret);
void neap_local_cache(struct neap_machine *machine, const char *kind, const char *key, const void *data,
		      size_t len);
/* Anything may have changed: nothing that was seen is believed any more. */
void neap_local_changed(struct neap_local *local);
/* ---- local_rights.c ---- */

bool neap_local_may(const struct neap_view *view, enum neap_right right, const char *path);

/* Something has changed: what queries have said counts no more. */
void neap_local_answers_drop(struct neap_local *local);

/* ---- local_net.c ---- */

int neap_local_net(const struct neap_view *view, unsigned parts, const struct neap_net **ret,
		   struct neap_error **err);
int neap_local_land_net(struct neap_local *local, const struct neap_net_change *change,
			struct neap_error **err);
void neap_local_net_drop(struct neap_local *local); /* it may have changed */
void neap_local_net_free(struct neap_local *local);
/* ---- local_firewall.c, local_rules.c ---- */

int neap_local_ruleset(const struct neap_view *view, const struct neap_table *table,
		       const struct neap_ruleset **ret, struct neap_error **err);
const char *neap_local_firewall_name(const struct neap_view *view, enum neap_family family,
				     struct neap_arena *arena);
int neap_local_rule_form(const struct neap_view *view, const struct neap_table *table,
			 const struct neap_ruleset *set, const struct neap_rule_wish *wish,
			 const struct neap_rule_others *others, struct neap_arena *arena,
			 struct neap_rule_form *ret, struct neap_error **err);
/* All of one table: all or none. */
int neap_local_land_firewall(struct neap_local *local, const struct neap_change *const *changes, size_t count,
			     struct neap_error **err);
/* Rules may have changed: what was read counts no more. */
void neap_local_firewall_drop(struct neap_local *local);
void neap_local_firewall_free(struct neap_local *local);

/* One iptables-restore of `text`, that makes `count` changes of the table. `until`: it ends by then, and with
 * neap; milliseconds of neap_confirm_clock(), or 0. */
int neap_local_restore(const struct neap_table *table, const struct neap_buf *text, size_t count,
		       int64_t until, struct neap_error **err);

/* ---- local_confirm.c ---- */

int neap_local_arm(struct neap_machine *machine, const char *what, const struct neap_confirm *confirm,
		   const struct neap_change *changes, size_t count, struct neap_error **err);
int neap_local_await(struct neap_machine *machine, const struct neap_confirm *confirm,
		     struct neap_error **err);
int neap_local_revert(struct neap_machine *machine, struct neap_error **err);

/* ---- local_fetch.c ---- */

int neap_local_fetch(struct neap_machine *machine, const struct neap_fetch *fetch, struct neap_arena *arena,
		     struct neap_content *ret, struct neap_error **err);
int neap_local_wait(struct neap_machine *machine, const struct neap_probe *probe, struct neap_error **err);
/* The change has landed: where its bytes came from is needed no more. */
void neap_local_fetched(struct neap_local *local, const struct neap_change *change);
void neap_local_fetched_all(struct neap_local *local); /* at the end of a run */

/* ---- local_units.c ---- */

bool neap_local_manager(const struct neap_view *view);
int neap_local_unit_read(const struct neap_view *view, const char *name, struct neap_arena *arena,
			 struct neap_unit_state *ret, struct neap_error **err);
void neap_local_units_expected(const struct neap_view *view, const char *const *names, size_t count);
/* Something has changed: what the manager has said counts no more. */
void neap_local_units_drop(struct neap_local *local);
/* Something that may take long comes. */
void neap_local_units_rest(struct neap_local *local);
void neap_local_units_free(struct neap_local *local);

/* ---- local_jobs.c ---- */

int neap_local_unit(struct neap_machine *machine, const struct neap_unit_job *job, struct neap_error **err);
int neap_local_units_reload(struct neap_machine *machine, struct neap_error **err);

/* ---- local_walk.c ---- */

/* The directory at `path` (normalised). Success with *ret NULL: there is none. Borrowed: good until the next
 * call, or take a reference. Errors read "OPERATION OBJECT: reason". */
int neap_local_dir(struct neap_local *local, const char *operation, const char *object, struct neap_str path,
		   struct neap_local_dir **ret, struct neap_error **err);
/* The directory above `path`, and the last component, which points into `path` ("." for the root itself). */
int neap_local_parent(struct neap_local *local, const char *operation, const char *path,
		      struct neap_local_dir **ret, const char **ret_name, struct neap_error **err);
struct neap_local_dir *neap_local_dir_ref(struct neap_local_dir *dir);
void neap_local_dir_unref(struct neap_local_dir *dir);
/* A number for the mount it lies on; never 0. */
uint64_t neap_local_dir_mount(struct neap_local_dir *dir);
/* What stood at `path` is gone or replaced: forgets the ways through it. */
void neap_local_moved(struct neap_local *local, const char *path);
void neap_local_forget(struct neap_local *local); /* all ways */

/* ---- local_stage.c ---- */

struct neap_local_temp {
	struct neap_local_stage *stage; /* NULL: none */
	uint32_t number;
	bool nested; /* in a directory of its own, under its last name */
	int fd;      /* a file's, for the sync; -1 */
	struct {     /* a nested one as it was made */
		dev_t device;
		ino_t inode;
		mode_t mode;
		uint32_t uid, gid;
		struct timespec mtime, ctime;
	} made;
};

/* The staging directory for targets in `dir`, an existing directory. */
int neap_local_stage(struct neap_local *local, struct neap_local_dir *dir, const char *operation,
		     const char *path, struct neap_local_stage **ret, struct neap_error **err);
/* The temp of a WRITE. `old`: the regular file that it will replace, open, or -1. */
int neap_local_stage_file(struct neap_local_stage *stage, const struct neap_change *change, int old,
			  struct neap_local_temp *ret, struct neap_error **err);
int neap_local_stage_dir(struct neap_local_stage *stage, const struct neap_change *change,
			 struct neap_local_temp *ret, struct neap_error **err);
int neap_local_stage_link(struct neap_local_stage *stage, const struct neap_change *change,
			  struct neap_local_temp *ret, struct neap_error **err);
/* The temp's name below its stage. */
#define NEAP_LOCAL_TEMP_NAME 300
void neap_local_temp_name(const struct neap_local_temp *temp, const char *path,
			  char ret[NEAP_LOCAL_TEMP_NAME]);
/* Removes the temp of a change that will not land; nothing when there is none. */
void neap_local_temp_discard(struct neap_local_temp *temp, const struct neap_change *change);
/* Whether something still has the temp's name. */
bool neap_local_temp_there(const struct neap_local_temp *temp, const struct neap_change *change);
/* Whether a nested temp is still the file that was made, with the bytes that were written. */
bool neap_local_temp_intact(const struct neap_local_temp *temp, const struct neap_change *change);
/* Gives up the staging directories that have been removed under us: who needs one again makes it anew. */
void neap_local_stages_check(struct neap_local *local);
/* Removes all staging directories in use. Returns whether all went. */
bool neap_local_stages_done(struct neap_local *local);

/* ---- local_land.c ---- */

/* What has been changed and must be made durable. */
#define NEAP_LOCAL_SYNC_MAX 8
struct neap_local_dirty {
	struct {
		dev_t device;
		int fd;
	} items[NEAP_LOCAL_SYNC_MAX];
	size_t count;
	bool systems;    /* too many: whole file systems, one item each */
	bool everything; /* not even that is possible */
};
void neap_local_touch(struct neap_local_dirty *dirty, struct neap_local_dir *dir);
int neap_local_sync(struct neap_local_dirty *dirty, struct neap_error **err); /* and closes */

int neap_local_land_temp(struct neap_local *local, struct neap_local_dirty *dirty,
			 const struct neap_change *change, struct neap_local_temp *temp, bool absent,
			 struct neap_error **err);
/* Whether the file that `change` replaces is still the one with `stamp` (0: any will do). */
int neap_local_check_stamp(struct neap_local *local, const struct neap_change *change, uint64_t stamp,
			   struct neap_error **err);
uint64_t neap_local_stamp(const struct stat *st);
int neap_local_land_attributes(struct neap_local *local, struct neap_local_dirty *dirty,
			       const struct neap_change *change, struct neap_error **err);
int neap_local_land_removal(struct neap_local *local, struct neap_local_dirty *dirty,
			    const struct neap_change *change, struct neap_error **err);
/* Mode of what `fd` (O_PATH) holds open. */
int neap_local_chmod(int fd, uint32_t mode);
/* "write", "mkdir" …: how errors call a change. */
const char *neap_local_operation(const struct neap_change *change);

/* ---- local_commit.c ---- */

int neap_local_commit(struct neap_machine *machine, const struct neap_change *changes, size_t count,
		      const struct neap_commit *commit, struct neap_error **err);

/* ---- local_accounts.c ---- */

/* Takes the lock of the account files, waiting for it while `go_on` says so; close(*ret) gives it back. */
int neap_local_accounts_lock(struct neap_local *local, bool (*go_on)(void *ctx), void *ctx, int *ret,
			     struct neap_error **err);

/* ---- local_tree.c ---- */

/* Removes everything in the directory `fd`. Follows no link, enters no mount point, does not recurse. */
int neap_local_empty(int fd);
