/*
 * A tar archive, read once from front to back (libarchive): plain, or compressed with gzip, bzip2, xz or
 * zstd. Opens nothing itself: its bytes come from a callback. Of the many things such a file can hold it
 * gives names, kinds, modes and bytes; owners, times, attributes and ACLs are ignored.
 *
 * Names are bytes as they stand in the archive, without "./", "//" and a "/" at the end. Refused, with the
 * name where there is one: names that are absolute or hold "..", archives that are cut off or damaged, that
 * are no tar, that unpack to far more than an archive honestly can, and those beyond the bounds below.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

#define NEAP_ARCHIVE_MEMBERS 1000000
#define NEAP_ARCHIVE_NAMES ((uint64_t)128 << 20) /* bytes of all names and targets */
/* What unpacks to more than this, and to more than so many times its own size, is a bomb. */
#define NEAP_ARCHIVE_BOMB ((uint64_t)1 << 30)
#define NEAP_ARCHIVE_RATIO 1000

struct neap_archive_input {
	void *ctx;
	uint64_t size; /* of all there is to read */
	/* Bytes read, 0 at the end, negative with *err. */
	ssize_t (*read)(void *ctx, void *bytes, size_t size, struct neap_error **err);
};

enum neap_member_kind {
	NEAP_MEMBER_FILE,
	NEAP_MEMBER_DIRECTORY,
	NEAP_MEMBER_LINK,  /* symbolic */
	NEAP_MEMBER_HARD,  /* another name of the member `target` */
	NEAP_MEMBER_OTHER, /* device, fifo, socket */
};

struct neap_member {
	struct neap_str name; /* NUL-terminated; empty: the directory that all the others are in */
	enum neap_member_kind kind;
	uint32_t mode;          /* 07777 */
	uint64_t size;          /* FILE */
	struct neap_str target; /* LINK: as it is; HARD: a name. NUL-terminated */
};

/* A name as an error may show it: not too long, nothing that a terminal would obey. Returns `ret`. */
#define NEAP_ARCHIVE_SHOWN 208
const char *neap_archive_shown(const char *name, char ret[NEAP_ARCHIVE_SHOWN]);

struct neap_archive;

/* `input` must outlive it. */
int neap_archive_open(const struct neap_archive_input *input, struct neap_archive **ret,
		      struct neap_error **err);
/* *ret is good until the next call; NULL at the end. The end is reached only by an archive that is whole: its
 * end mark and the check sums of its compression have been seen, and its input has been read up. */
int neap_archive_next(struct neap_archive *archive, const struct neap_member **ret, struct neap_error **err);
/* The bytes of the member that next() gave last: as many as its size says, then 0. Holes read as zeros. */
ssize_t neap_archive_read(struct neap_archive *archive, void *bytes, size_t size, struct neap_error **err);
void neap_archive_close(struct neap_archive *archive); /* NULL is allowed */
