/*
 * What an overlay holds: states by canonical path, how each step can be taken back, and where a path leads
 * over both layers. Private to overlay*.c. It reads the machine and knows nothing of changes' rules, of
 * landing, or of who asks.
 *
 * A canonical path goes through no link. Held states win; where nothing is held the machine shows through,
 * unless the directory was made here (empty) or is not known.
 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "host/host.h"

/* What a directory holds besides the states held below it. */
enum neap_overlay_fill {
	NEAP_OVERLAY_THROUGH, /* what the machine has there */
	NEAP_OVERLAY_EMPTY,   /* nothing: it was made here */
	NEAP_OVERLAY_UNSURE,  /* not known: see cause */
};

#define NEAP_OVERLAY_UNKNOWN_KIND ((enum neap_file_kind)(NEAP_FILE_OTHER + 1))

struct neap_overlay_state {
	bool held;     /* false: taken back, as if it were not in the table */
	bool machines; /* REGULAR: only the attributes are ours, the bytes are the machine's */
	bool mount;
	enum neap_file_kind kind; /* or NEAP_OVERLAY_UNKNOWN_KIND */
	enum neap_overlay_fill fill;
	uint32_t cause;          /* of what is not known */
	uint32_t mode, uid, gid; /* NEAP_KEEP: not known */
	uint64_t links, stamp;
	struct neap_content content;
	struct neap_overlay_bytes *bytes; /* of the content, where they can be given back */
	const char *target;
};

struct neap_overlay_node {
	struct neap_str path; /* canonical, NUL-terminated */
	struct neap_overlay_state state;
	struct neap_overlay_node *sibling; /* next below the same parent */
	uint64_t logged;                   /* the step in whose log the former state lies */
};

enum neap_overlay_end {
	NEAP_OVERLAY_DIRECTORY, /* or something unknown that may be one: fill UNSURE */
	NEAP_OVERLAY_ABSENT,    /* by the machine, or in a directory made here */
	NEAP_OVERLAY_REMOVED,   /* by a held state: known even where much is pending */
	NEAP_OVERLAY_FILE,      /* no directory: what is below it is ENOTDIR */
};

/* Where a path leads when it is taken as a directory: its last component is followed too. */
struct neap_overlay_way {
	struct neap_str asked;
	struct neap_str path; /* canonical; beyond an end that is no directory: as text */
	struct neap_str stop; /* where another end than a directory was met */
	enum neap_overlay_end end;
	enum neap_overlay_fill fill;   /* DIRECTORY */
	uint32_t cause;                /* UNSURE */
	unsigned links;                /* followed so far */
	bool twisted;                  /* has left a directory by ".." */
	uint64_t made, removed, moved; /* generations it belongs to */
};

struct neap_overlay_tree {
	const struct neap_view *machine;
	struct neap_arena *arena; /* of everything held; owned by the overlay */
	struct neap_map nodes;    /* canonical path → node */
	struct neap_map children; /* canonical path of a directory → its first node */
	size_t active;            /* nodes whose state is held */
	uint64_t step;
	NEAP_VEC(struct neap_overlay_undo {
		struct neap_overlay_node *node;
		struct neap_overlay_state before;
	})
	log;

	/* Ways found, by path as asked. One that ends in a directory is good until a link or something
	 * unknown moves, or that directory is removed (it has to be empty for that, so no way goes on through
	 * it); one that does not, until anything is made or removed. */
	struct neap_arena *ways_arena;
	struct neap_map ways;
	uint64_t made, removed, moved;
	bool structural; /* a directory or link was made, replaced or removed since the last forgetting */
	struct neap_buf at, rest, probe;
	struct neap_arena *scratch;
};

void neap_overlay_tree_init(struct neap_overlay_tree *tree, const struct neap_view *machine,
			    struct neap_arena *arena);
void neap_overlay_tree_done(struct neap_overlay_tree *tree);

/* The state held at a canonical path, or NULL. */
const struct neap_overlay_state *neap_overlay_tree_get(const struct neap_overlay_tree *tree,
						       struct neap_str path);
/* Holds a state; `before` is the kind that was there. Everything `state` points to lies in the arena. */
void neap_overlay_tree_set(struct neap_overlay_tree *tree, struct neap_str path, enum neap_file_kind before,
			   const struct neap_overlay_state *state);
/* Nothing is known any more of a canonical path and what is below it. */
void neap_overlay_tree_mark(struct neap_overlay_tree *tree, struct neap_str path, uint32_t cause);
/* Drops what is held below a canonical path. */
void neap_overlay_tree_drop_below(struct neap_overlay_tree *tree, struct neap_str path);
/* The nodes right below a canonical path, by `sibling`; skip those not held. */
const struct neap_overlay_node *neap_overlay_tree_below(const struct neap_overlay_tree *tree,
							struct neap_str path);

/* A step begins: what it does from here on can be taken back. */
void neap_overlay_tree_begin(struct neap_overlay_tree *tree);
void neap_overlay_tree_undo(struct neap_overlay_tree *tree);
/* Nothing is held any more. The caller resets the arena afterwards. */
void neap_overlay_tree_forget(struct neap_overlay_tree *tree);
/* The machine may have changed by other hands: ways are found again. */
void neap_overlay_tree_stale(struct neap_overlay_tree *tree);

/* Follows `asked`; *ret stays good until the next call. Errors are the machine's, or ELOOP. */
int neap_overlay_tree_follow(struct neap_overlay_tree *tree, struct neap_str asked,
			     const struct neap_overlay_way **ret, struct neap_error **err);
