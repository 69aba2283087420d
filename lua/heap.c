/* See heap.h. Chunks are never given back before the end; a freed small block waits in the list of its size.
 */
#include "lua/heap.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

#define CHUNK_SIZE ((size_t)256 << 10)

struct chunk {
	struct chunk *next;
	alignas(max_align_t) char data[];
};

struct large {
	struct large *prev, *next;
	alignas(max_align_t) char data[];
};

struct free_block {
	struct free_block *next;
};

static size_t class_of(size_t size)
{
	return (size + NEAP_LUA_HEAP_STEP - 1) / NEAP_LUA_HEAP_STEP;
}

static struct large *large_of(void *block)
{
	return (struct large *)((char *)block - offsetof(struct large, data));
}

static void large_link(struct neap_lua_heap *heap, struct large *large)
{
	large->prev = NULL;
	large->next = heap->large;
	if (large->next)
		large->next->prev = large;
	heap->large = large;
}

static void large_unlink(struct neap_lua_heap *heap, struct large *large)
{
	if (large->prev)
		large->prev->next = large->next;
	else
		heap->large = large->next;
	if (large->next)
		large->next->prev = large->prev;
}

static void *small_alloc(struct neap_lua_heap *heap, size_t class)
{
	struct free_block *block = heap->free_lists[class];
	size_t size = class * NEAP_LUA_HEAP_STEP;
	void *ret;

	if (block) {
		heap->free_lists[class] = block->next;
		return block;
	}
	if ((size_t)(heap->end - heap->pos) < size) {
		struct chunk *chunk = neap_alloc(sizeof(*chunk) + CHUNK_SIZE);

		chunk->next = heap->chunks;
		heap->chunks = chunk;
		heap->held += CHUNK_SIZE;
		heap->pos = chunk->data;
		heap->end = chunk->data + CHUNK_SIZE;
	}
	ret = heap->pos;
	heap->pos += size;
	return ret;
}

static void block_free(struct neap_lua_heap *heap, void *block, size_t size)
{
	if (size <= NEAP_LUA_HEAP_SMALL) {
		struct free_block *freed = block;

		freed->next = heap->free_lists[class_of(size)];
		heap->free_lists[class_of(size)] = freed;
	} else {
		struct large *large = large_of(block);

		large_unlink(heap, large);
		neap_free_auto(&large);
	}
}

static void *block_alloc(struct neap_lua_heap *heap, size_t size)
{
	if (size <= NEAP_LUA_HEAP_SMALL)
		return small_alloc(heap, class_of(size));
	struct large *large = neap_alloc(sizeof(*large) + size);

	large_link(heap, large);
	return large->data;
}

/* Whether `more` bytes would be too much. What lies in free lists of other sizes counts when it gets absurd.
 */
static bool too_much(const struct neap_lua_heap *heap, size_t more)
{
	return more > heap->limit || heap->used > heap->limit - more || heap->held / 2 > heap->limit;
}

static void *refuse(struct neap_lua_heap *heap, const void *block, size_t size)
{
	if (heap->refusing && heap->refused_block == block && heap->refused_size == size)
		heap->over = true;
	heap->refusing = true;
	heap->refused_block = block;
	heap->refused_size = size;
	if (heap->refused)
		heap->refused(heap->ctx);
	return NULL;
}

void *neap_lua_heap_realloc(void *ud, void *block, size_t old_size, size_t new_size)
{
	struct neap_lua_heap *heap = ud;
	void *ret;

	if (!block)
		old_size = 0; /* it was a kind of object */
	if (new_size == 0) {
		if (block) {
			heap->used -= old_size;
			block_free(heap, block, old_size);
		}
		return NULL;
	}
	if (new_size > old_size && too_much(heap, new_size - old_size))
		return refuse(heap, block, new_size);
	heap->used += new_size - old_size;
	if (new_size > old_size)
		heap->refusing = false;
	if (!block)
		return block_alloc(heap, new_size);
	if (old_size > NEAP_LUA_HEAP_SMALL && new_size > NEAP_LUA_HEAP_SMALL) {
		struct large *large = large_of(block);

		large_unlink(heap, large);
		large = neap_realloc(large, sizeof(*large) + new_size);
		large_link(heap, large);
		return large->data;
	}
	if (old_size <= NEAP_LUA_HEAP_SMALL && new_size <= NEAP_LUA_HEAP_SMALL &&
	    class_of(old_size) == class_of(new_size))
		return block;
	ret = block_alloc(heap, new_size);
	memcpy(ret, block, old_size < new_size ? old_size : new_size);
	block_free(heap, block, old_size);
	return ret;
}

void neap_lua_heap_done(struct neap_lua_heap *heap)
{
	for (struct chunk *chunk = heap->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		neap_free_auto(&chunk);
	}
	for (struct large *large = heap->large, *next; large; large = next) {
		next = large->next;
		neap_free_auto(&large);
	}
	memset(heap, 0, sizeof(*heap));
}
