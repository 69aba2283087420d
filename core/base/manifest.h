/*
 * What an archive holds, learnt in one pass over it: of each name its kind, mode, and the digest of its
 * bytes. With it the files on a machine can be verified without the archive being unpacked again. It depends
 * on nothing but the archive's bytes, so it can be kept by their digest.
 */
#pragma once

#include <stdbool.h>

#include "base/archive.h"
#include "base/digest.h"

struct neap_manifest_entry {
	struct neap_str name;       /* NUL-terminated, never empty */
	enum neap_member_kind kind; /* not HARD: that is a FILE with the bytes of another */
	uint32_t mode;
	uint32_t ordinal; /* FILE: the number, from 0, of the member that has its bytes */
	bool shared;      /* FILE: not the only one of this ordinal */
	uint64_t size;
	uint8_t digest[NEAP_DIGEST_SIZE]; /* FILE */
	const char *target;               /* LINK */
};

struct neap_manifest {
	struct neap_manifest_entry *entries; /* each name once, in the order of the archive */
	size_t count;
};

/* Reads all of `archive`. Of two members of one name and kind the last one counts; a name that is two kinds
 * of thing is an error. */
int neap_manifest_make(struct neap_archive *archive, struct neap_arena *arena, struct neap_manifest *ret,
		       struct neap_error **err);

/* For keeping it; the bytes say themselves whether they are whole. */
void neap_manifest_encode(const struct neap_manifest *manifest, struct neap_buf *ret);
/* False for anything but what encode() has made. Borrows from `data` nothing. */
bool neap_manifest_decode(struct neap_str data, struct neap_arena *arena, struct neap_manifest *ret);
