/*
 * What the overlay's files share: the overlay itself, and locating a path in it. Private to overlay*.c.
 *
 *	overlay.c         life, steps, landing, opaque changes
 *	overlay_read.c    locating and reads
 *	overlay_change.c  transparent changes
 *	overlay_system.c  what is no file: queries, settings of the kernel, values made in an apply
 *	overlay_net*.c    links, addresses, routes: what follows from each change
 *	overlay_firewall.c  rules of the packet filter
 *	overlay_bytes.c   what a plan has written over
 *	overlay_fetch.c   the network, and checksums of what is held
 *	overlay_units.c   units of the service manager
 *	overlay_confirm.c changes that are taken back unless they are confirmed
 *	overlay_tree.c    what is held, and where ways lead
 */
#pragma once

#include "base/vec.h"
#include "host/accounts.h"
#include "host/overlay.h"
#include "host/overlay_bytes.h"
#include "host/overlay_firewall.h"
#include "host/overlay_tree.h"

struct neap_overlay_net;
/* Units in a plan, and the files of units that are held. */
struct neap_overlay_foreseen;
struct neap_overlay_units {
	struct neap_map foreseen; /* unit → what its last job leads to */
	struct neap_map files; /* what goes by a unit's name → the number of its last change that is held */
	size_t seen;           /* changes held that `files` knows of */
	bool reload, reload_before;       /* the manager has read the files anew; … before this step */
	size_t reloaded, reloaded_before; /* … when so many changes were held */
	/* … when so many were held, and it is not known; and the step that may have made it so. 0: never */
	size_t unsettled, unsettled_before;
	uint32_t unsettled_by, unsettled_by_before;
	NEAP_VEC(struct neap_overlay_unit_undo {
		struct neap_str name;
		void *before; /* NULL: nothing */
	})
	log; /* of the step */
};

struct neap_overlay {
	struct neap_host host; /* first */
	struct neap_machine *machine;
	enum neap_overlay_mode mode;
	uint32_t step, pending, moved, moved_any;
	bool opaque;     /* the step has made an opaque change */
	uint32_t cause;  /* of the last NEAP_UNKNOWN */
	uint64_t turns;  /* changes, and what else may make a read answer otherwise */
	uint64_t steady; /* since this turn there were only the last ones of `held` */

	struct neap_arena *arena; /* all that is held */
	struct neap_overlay_tree tree;
	struct neap_overlay_pool pool; /* of a plan */
	NEAP_VEC(struct neap_change) held;
	uint64_t bytes;
	size_t held_before; /* the step */
	uint64_t bytes_before;
	uint64_t landed; /* changes, before those that are held */
	uint64_t behind; /* all that the step stands on was held before this change of the run */

	const struct neap_commit *commit;
	struct neap_accounts *accounts;
	struct neap_overlay_firewall *firewall;
	struct neap_buf path; /* of the place located last */
	const char *asked;    /* by the change under way; the caller's */
	struct neap_arena *scratch;
	struct neap_overlay_units units;
	struct neap_overlay_net *net; /* once something of it is changed; else the machine's is true */
	struct neap_map cached;       /* in a plan, which keeps nothing: kind/key → content */
};

static inline struct neap_overlay *neap_overlay_of(const struct neap_view *view)
{
	/* The view is the first member of the host, the host that of the overlay. */
	return (struct neap_overlay *)(uintptr_t)view;
}

static inline bool neap_overlay_pends(const struct neap_overlay *overlay)
{
	return overlay->pending != NEAP_NO_STEP;
}

/* Something else than a change that is held may make any read answer otherwise. */
static inline void neap_overlay_turn(struct neap_overlay *overlay)
{
	overlay->steady = ++overlay->turns;
}

static inline const struct neap_view *neap_overlay_below(const struct neap_overlay *overlay)
{
	return &overlay->machine->view;
}

enum neap_overlay_where {
	NEAP_OVERLAY_AT_MACHINE, /* ask it, with `path` */
	NEAP_OVERLAY_AT_STATE,   /* held; kind ABSENT or unknown too */
	NEAP_OVERLAY_AT_NOTHING, /* absent: in a directory made here, or because nothing leads there */
	NEAP_OVERLAY_AT_UNKNOWN, /* in a directory whose entries are not known */
};

struct neap_overlay_place {
	enum neap_overlay_where where;
	const char *path; /* canonical; good until the next place is located */
	const struct neap_overlay_state *state;
	const struct neap_overlay_way *way; /* to the directory above; NULL for "/" */
	uint32_t cause;                     /* AT_UNKNOWN */
};

/* Which layer answers for `path`. Errors are those of the way there. */
int neap_overlay_locate(struct neap_overlay *overlay, const char *path, struct neap_overlay_place *ret,
			struct neap_error **err);
/* Entries of the canonical directory `path`, which is one: the machine's when `through`, and those held. */
int neap_overlay_list(struct neap_overlay *overlay, const char *path, bool through, struct neap_arena *arena,
		      struct neap_entry **ret, size_t *ret_count, struct neap_error **err);

/* Something outside is about to look: what is held lands. Negative when the step must not go on. */
int neap_overlay_land_first(struct neap_overlay *overlay, const char *doing, const char *what,
			    struct neap_error **err);
/* An opaque change is about to be made. Negative when it must not be. */
int neap_overlay_about(struct neap_overlay *overlay, struct neap_error **err);
/* What a read ends with: `r` of the machine's, bent by what is pending. `absent`: nothing is there. Takes
 * *local. */
int neap_overlay_settle(struct neap_overlay *overlay, int r, bool absent, struct neap_error **local,
			struct neap_error **err);

extern const struct neap_reads neap_overlay_reads;

int neap_overlay_write(struct neap_host *host, const char *path, const struct neap_file_write *file,
		       struct neap_error **err);
/* Whether the caller may change this part of the machine; `what` is the object. */
bool neap_overlay_allows(const struct neap_overlay *overlay, enum neap_right right, const char *what);
/* 0; else the error is that `doing` (to `what`, or NULL) is not permitted. */
int neap_overlay_may(struct neap_overlay *overlay, enum neap_right right, const char *doing, const char *what,
		     struct neap_error **err);
int neap_overlay_attributes(struct neap_host *host, const char *path, uint32_t mode, uint32_t uid,
			    uint32_t gid, struct neap_error **err);
int neap_overlay_mkdir(struct neap_host *host, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
		       struct neap_error **err);
int neap_overlay_symlink(struct neap_host *host, const char *path, const char *target,
			 struct neap_error **err);
int neap_overlay_unlink(struct neap_host *host, const char *path, struct neap_error **err);
int neap_overlay_rmdir(struct neap_host *host, const char *path, struct neap_error **err);
int neap_overlay_unsettle(struct neap_host *host, const char *path, struct neap_error **err);

int neap_overlay_query(const struct neap_view *view, const struct neap_process *process,
		       struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err);
int64_t neap_overlay_clock(const struct neap_view *view);
bool neap_overlay_running(const struct neap_view *view);
int neap_overlay_kernel_read(const struct neap_view *view, const char *path, struct neap_arena *arena,
			     const char **ret, struct neap_error **err);
void neap_overlay_cached(const struct neap_view *view, const char *kind, const char *key,
			 struct neap_arena *arena, struct neap_content *ret);
int neap_overlay_kernel(struct neap_host *host, const char *path, const char *value, struct neap_error **err);
int neap_overlay_make(struct neap_host *host, neap_make_fn *make, void *ctx, struct neap_arena *arena,
		      struct neap_content *ret, struct neap_error **err);
void neap_overlay_cache(struct neap_host *host, const char *kind, const char *key, const void *data,
			size_t len);
int neap_overlay_fetch(struct neap_host *host, const struct neap_fetch *fetch, struct neap_arena *arena,
		       struct neap_content *ret, struct neap_error **err);
int neap_overlay_wait(struct neap_host *host, const struct neap_probe *probe, struct neap_error **err);
int neap_overlay_confirm(struct neap_host *host, const struct neap_confirm *confirm, struct neap_error **err);
int neap_overlay_net_read(const struct neap_view *view, unsigned parts, const struct neap_net **ret,
			  struct neap_error **err);
int neap_overlay_net_settle(const struct neap_view *view, int r, bool absent, struct neap_error **local,
			    struct neap_error **err);
int neap_overlay_net(struct neap_host *host, const struct neap_net_change *change, struct neap_error **err);
/* A step begins; its changes are taken back; all that is held has landed, or the machine may have moved. */
void neap_overlay_net_begin(struct neap_overlay *overlay);
void neap_overlay_net_undo(struct neap_overlay *overlay);
void neap_overlay_net_forget(struct neap_overlay *overlay);
/* Of the link whose setting `path` is: whether it is made here (*ret_step: by whom), or gone. */
enum neap_overlay_fate { NEAP_OVERLAY_AS_IT_IS, NEAP_OVERLAY_MADE, NEAP_OVERLAY_GONE };
enum neap_overlay_fate neap_overlay_net_fate(const struct neap_overlay *overlay, const char *path,
					     uint32_t *ret_step);
/* A change of the network, computed, to land with the others. */
void neap_overlay_hold_net(struct neap_overlay *overlay, const struct neap_net_change *change);
bool neap_overlay_manager(const struct neap_view *view);
int neap_overlay_unit_read(const struct neap_view *view, const char *name, struct neap_arena *arena,
			   struct neap_unit_state *ret, struct neap_error **err);
void neap_overlay_units_expected(const struct neap_view *view, const char *const *names, size_t count);
int neap_overlay_unit(struct neap_host *host, const struct neap_unit_job *job, struct neap_error **err);
int neap_overlay_units_reload(struct neap_host *host, struct neap_error **err);
void neap_overlay_units_unsettle(struct neap_host *host);
void neap_overlay_units_step(struct neap_overlay *overlay); /* once held_before is the step's */
void neap_overlay_units_undo(struct neap_overlay *overlay);
void neap_overlay_units_forget(struct neap_overlay *overlay);
void neap_overlay_units_done(struct neap_overlay *overlay);

/* The checksum of content that is held, and known. */
int neap_overlay_sum(const struct neap_content *content, enum neap_checksum_kind kind,
		     struct neap_checksum *ret, struct neap_error **err);
/* The state of a setting of the kernel takes the place of what was; the change is held. */
void neap_overlay_hold_kernel(struct neap_overlay *overlay, const char *path,
			      const struct neap_overlay_state *was, const char *value);
/* `chain` and `rule` are those of the overlay. */
void neap_overlay_hold_firewall(struct neap_overlay *overlay, const struct neap_table *table,
				enum neap_firewall_change change, const char *chain, const char *rule);
