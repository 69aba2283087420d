/*
 * The bytes of files that a plan holds. Nothing of a plan lands, so what a later step writes over is dead: a
 * thousand users in one /etc/passwd shall not be a thousand files in memory. (An apply needs every version
 * until the group has landed, and lands before they are too many.) It must not know what is in them.
 */
#include "host/overlay_bytes.h"

#include <stdlib.h>
#include <string.h>

#define WORTH_IT 4096 /* smaller ones go into the arena */

struct neap_overlay_bytes {
	struct neap_overlay_bytes *next, *previous;
	size_t size;
	char data[];
};

static void wipe(struct neap_overlay_bytes *bytes)
{
	explicit_bzero(bytes->data, bytes->size);
	free(bytes);
}

static void drop(struct neap_overlay_pool *pool, struct neap_overlay_bytes *bytes)
{
	if (bytes->next)
		bytes->next->previous = bytes->previous;
	if (bytes->previous)
		bytes->previous->next = bytes->next;
	else
		pool->first = bytes->next;
	wipe(bytes);
}

const char *neap_overlay_bytes_keep(struct neap_overlay_pool *pool, const char *data, size_t size,
				    struct neap_overlay_bytes **ret)
{
	struct neap_overlay_bytes *bytes;

	*ret = NULL;
	if (size < WORTH_IT)
		return NULL;
	bytes = neap_alloc(sizeof(*bytes) + size + 1);
	*bytes = (struct neap_overlay_bytes){ .next = pool->first, .size = size };
	memcpy(bytes->data, data, size);
	bytes->data[size] = '\0';
	if (pool->first)
		pool->first->previous = bytes;
	pool->first = bytes;
	neap_vec_push(&pool->fresh, bytes);
	*ret = bytes;
	return bytes->data;
}

void neap_overlay_bytes_replaced(struct neap_overlay_pool *pool, struct neap_overlay_bytes *bytes)
{
	if (bytes)
		neap_vec_push(&pool->stale, bytes);
}

void neap_overlay_bytes_step(struct neap_overlay_pool *pool)
{
	for (size_t i = 0; i < pool->stale.count; i++)
		drop(pool, pool->stale.items[i]);
	pool->stale.count = pool->fresh.count = 0;
}

void neap_overlay_bytes_undo(struct neap_overlay_pool *pool)
{
	for (size_t i = 0; i < pool->fresh.count; i++)
		drop(pool, pool->fresh.items[i]);
	pool->stale.count = pool->fresh.count = 0;
}

void neap_overlay_bytes_done(struct neap_overlay_pool *pool)
{
	for (struct neap_overlay_bytes *bytes = pool->first, *next; bytes; bytes = next) {
		next = bytes->next;
		wipe(bytes);
	}
	pool->first = NULL;
	neap_vec_done(&pool->stale);
	neap_vec_done(&pool->fresh);
}
