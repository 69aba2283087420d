/*
 * The members of an archive at their places on a machine, below one directory: what of them differs, and how
 * it is put right. Writes through no link that lies below that directory, and touches nothing but the
 * members.
 */
#pragma once

#include "base/members.h"
#include "engine/unpack.h"

enum neap_placed_difference {
	NEAP_PLACED_MISSING = 1 << 0,
	NEAP_PLACED_KIND = 1 << 1, /* a link where a file is to be, or a file where a link is */
	NEAP_PLACED_CONTENT = 1 << 2,
	NEAP_PLACED_MODE = 1 << 3,
	NEAP_PLACED_OWNER = 1 << 4,
	NEAP_PLACED_GOES = 1 << 5, /* is there, and is not to be */
};

struct neap_placed {
	const struct neap_wanted_member *wanted;
	const char *path;
	unsigned differs;
	uint32_t mode, old_mode; /* as it is to be; as it is, NEAP_KEEP when it is not there */
	/* What goes: */
	bool mount;
	size_t above,
		going; /* the member it lies in, NEAP_PLACED_TOP for the destination; how many in it go */
};
#define NEAP_PLACED_TOP SIZE_MAX

struct neap_placing {
	const char *path;            /* the destination */
	uint32_t uid, gid;           /* of all, NEAP_KEEP: as it is */
	struct neap_placed *members; /* in the order of neap_members_choose() */
	size_t count;
	/* Filled in by looking: */
	size_t differ, found; /* members that differ; that are there in some shape */
	size_t files;         /* whose bytes are to be written */
	uint64_t bytes;       /* of them */
	bool empties;         /* to be absent: nothing is left in the destination */
};

bool neap_placed_is_directory(const struct neap_placed *member);
/* "bin/etcd (content, mode 0644)": its name, and what is other than it should be. */
const char *neap_placed_text(const struct neap_placed *member, struct neap_arena *arena);

/* What of the members is not as it should be. `there`: the destination is a directory. 0, negative,
 * NEAP_UNKNOWN. */
int neap_placing_look(struct neap_placing *placing, const struct neap_view *view, bool there,
		      struct neap_arena *arena, struct neap_error **err);
/* What of them is there, to go: files and links, and directories in which nothing else is then. */
int neap_placing_look_absent(struct neap_placing *placing, const struct neap_view *view,
			     struct neap_arena *arena, struct neap_error **err);
/* Where the truth is not known: all that is not surely right differs, or goes. */
int neap_placing_guess(struct neap_placing *placing, const struct neap_view *view, bool absent,
		       struct neap_error **err);

/* A kind that a member of the archive cannot take the place of. Returns -1. */
int neap_placing_refuse(const char *path, enum neap_file_kind is, const char *wanted,
			struct neap_error **err);

/* Makes what differs. The destination is there. */
int neap_placing_make(const struct neap_placing *placing, struct neap_host *host, struct neap_unpack *unpack,
		      struct neap_arena *arena, struct neap_error **err);
/* Removes what goes, but not the destination. */
int neap_placing_remove(const struct neap_placing *placing, struct neap_host *host, struct neap_error **err);
