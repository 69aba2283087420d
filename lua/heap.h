/*
 * The memory of one evaluation: what Lua allocates, with a limit. Small blocks come from chunks and free
 * lists by size, because a recipe makes a great many of them; all of it goes at once at the end.
 *
 * Knows nothing of Lua but the signature of its allocator. At the limit it refuses: Lua then collects its
 * garbage and asks once more; a second refusal is the end, and sticks (`over`), so that a recipe cannot
 * catch it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NEAP_LUA_HEAP_STEP 16
#define NEAP_LUA_HEAP_SMALL 512 /* larger blocks are on their own */

struct neap_lua_heap {
	size_t limit, used;
	bool over;
	void (*refused)(void *ctx); /* called at each refusal; may not allocate */
	void *ctx;
	/* private */
	const void *refused_block;
	size_t refused_size;
	bool refusing;
	size_t held;
	char *pos, *end;
	void *chunks;
	void *large;
	void *free_lists[NEAP_LUA_HEAP_SMALL / NEAP_LUA_HEAP_STEP + 1];
};

/* lua_Alloc; `ud` is the heap. */
void *neap_lua_heap_realloc(void *heap, void *block, size_t old_size, size_t new_size);
void neap_lua_heap_done(struct neap_lua_heap *heap);
