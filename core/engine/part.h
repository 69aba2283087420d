/*
 * What the types that own a part of a file have in common: how the file is read, where something new goes in
 * it, what is said of it and how it is written. Here is no knowledge of any such type, nor of what a part is.
 */
#pragma once

#include "base/lines.h"
#include "engine/attributes.h"
#include "engine/resource.h"

struct neap_part_file {           /* part of a have struct */
	struct neap_arena *arena; /* of `content`, and for what is rewritten of it: the context's `passing` */
	struct neap_stat stat;
	struct neap_content content; /* empty when the file is absent */
	struct neap_parents parents;
	struct neap_content result; /* the whole file as it shall be; data NULL: as it is */
};

/* The file with its bytes; the parents that are missing, when it is absent and the part is wanted. A link, a
 * directory, and more than 1 MB are errors. */
int neap_part_read(const struct neap_view *view, const struct neap_context *ctx, const char *path,
		   bool wanted, struct neap_part_file *ret, struct neap_error **err);
static inline struct neap_str neap_part_text(const struct neap_part_file *file)
{
	return (struct neap_str){ file->content.data, file->content.size };
}
void neap_part_begin(const struct neap_part_file *file, struct neap_rewrite *rewrite);
/* A slice of the file, for a diff. */
struct neap_content neap_part_slice(const struct neap_context *ctx, struct neap_str slice);
/* Ends the rewriting of the file. More than 1 MB is an error. */
int neap_part_end(struct neap_part_file *file, const char *path, struct neap_rewrite *rewrite,
		  struct neap_error **err);
/* What writing the result does beside the part: makes the file and its parents (`made` says more of that, or
 * NULL), breaks hard links, shows what is `secret` to who may read the file. */
void neap_part_diff(const struct neap_part_file *file, const char *made, bool secret, struct neap_diff *diff);
/* Writes the result. A file that is there keeps owner and mode; a new one is 0600 when what goes into it is
 * `secret`. `known` false: a parameter that goes into it is not given yet, so what its bytes will be is
 * unknown. */
int neap_part_write(struct neap_host *host, const char *path, const struct neap_part_file *file, bool secret,
		    bool known, struct neap_error **err);
/* The same as an apply: `file` NULL when what is there is not known. */
int neap_part_apply(struct neap_host *host, const char *path, const struct neap_part_file *file,
		    unsigned ensure, bool secret, bool known, struct neap_error **err);
/* Content for a write whose parameters are not all given, so that what its bytes will be is unknown. */
int neap_part_unknown(struct neap_host *host, struct neap_arena *arena, struct neap_content *ret,
		      struct neap_error **err);
/* For an apply that knows nothing of what is there: the file will be, and the way to it. */
int neap_part_write_blindly(struct neap_host *host, const char *path, struct neap_error **err);

/* ---- where something new goes ------------------------------------------------------------------------ */

enum neap_place_kind { NEAP_PLACE_END, NEAP_PLACE_BEFORE, NEAP_PLACE_AFTER };
struct neap_place {
	enum neap_place_kind kind;
	size_t at;     /* byte */
	size_t number; /* of the line before or after which it is */
};
/*
 * Before (after) the last line that a pattern fits, else at the end. One of the patterns or both are NULL.
 * Nothing goes into a block that neap keeps: the place is before (after) the whole of it.
 */
int neap_place_find(const char *path, struct neap_str text, const struct neap_pattern *before,
		    const struct neap_pattern *after, struct neap_place *ret, struct neap_error **err);
/* "at the end", "before line 3" */
void neap_place_diff(const struct neap_place *place, struct neap_diff *diff);

/* What stands between the mark of a comment and the name, in the lines around a block that neap keeps. */
#define NEAP_BLOCK_BEGIN " BEGIN neap: "
#define NEAP_BLOCK_END " END neap: "
/* Whether the line at `at` is of such a block; its first and its last line. */
bool neap_block_around(struct neap_str text, struct neap_line at, struct neap_line *ret_begin,
		       struct neap_line *ret_end);
