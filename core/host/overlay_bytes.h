/* Bytes that a plan holds until a later step writes over them. Private to overlay*.c. */
#pragma once

#include "base/vec.h"

struct neap_overlay_bytes;
struct neap_overlay_pool {
	struct neap_overlay_bytes *first;
	NEAP_VEC(struct neap_overlay_bytes *) stale; /* written over by this step, which may be taken back */
	NEAP_VEC(struct neap_overlay_bytes *) fresh; /* of this step */
};

/* A copy, NUL-terminated; NULL when it is too small to matter. */
const char *neap_overlay_bytes_keep(struct neap_overlay_pool *pool, const char *data, size_t size,
				    struct neap_overlay_bytes **ret);
/* This step has written over them. NULL is allowed. */
void neap_overlay_bytes_replaced(struct neap_overlay_pool *pool, struct neap_overlay_bytes *bytes);
/* A step begins: what the last one has done stands. */
void neap_overlay_bytes_step(struct neap_overlay_pool *pool);
/* The step is taken back. */
void neap_overlay_bytes_undo(struct neap_overlay_pool *pool);
void neap_overlay_bytes_done(struct neap_overlay_pool *pool);
