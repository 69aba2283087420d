/*
 * Arenas: chunks that grow geometrically, a pointer that moves. Also the one answer to "no memory".
 * Knows nothing of what is stored.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
static void poison(void *p, size_t len)
{
	__asm__("" : "+r"(p)); /* else gcc takes fresh memory for something that is read here */
	__asan_poison_memory_region(p, len);
}

static void unpoison(void *p, size_t len)
{
	__asm__("" : "+r"(p));
	__asan_unpoison_memory_region(p, len);
}
#else
static void poison(void *p, size_t len)
{
	(void)p, (void)len;
}

static void unpoison(void *p, size_t len)
{
	(void)p, (void)len;
}
#endif

#define FIRST_CHUNK ((size_t)4096)
#define LAST_CHUNK ((size_t)1 << 20) /* chunks stop growing here */

struct chunk {
	struct chunk *next;
	size_t size; /* of data */
	size_t used; /* of chunks that are not the current one */
	alignas(max_align_t) char data[];
};

struct neap_arena {
	struct chunk *current; /* head of the list */
	struct chunk
		*spare;  /* given back by a rewind, so that steps at a chunk's end do not call malloc each */
	char *pos, *end; /* the free part of `current` */
	size_t used;     /* in all chunks but `current` */
	size_t next_size;
	bool wipe;
};

void neap_out_of_memory(void)
{
	static const char text[] = "neap: out of memory\n";
	const struct rlimit none = { 0, 0 };

	/* No core file: it could hold secrets. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
		/* There is nobody left to tell. */
	}
	_exit(4);
}

void *neap_alloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		neap_out_of_memory();
	return p;
}

void *neap_realloc(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);

	if (!p)
		neap_out_of_memory();
	return p;
}

void neap_free_auto(void *pointer_to_pointer)
{
	void **p = pointer_to_pointer;

	free(*p);
	*p = NULL;
}

struct neap_arena *neap_arena_new(void)
{
	struct neap_arena *arena = neap_alloc(sizeof(*arena));

	*arena = (struct neap_arena){ .next_size = FIRST_CHUNK };
	return arena;
}

static void chunk_clean(const struct neap_arena *arena, struct chunk *chunk)
{
	size_t used = chunk == arena->current ? (size_t)(arena->pos - chunk->data) : chunk->used;

	unpoison(chunk->data, chunk->size);
	if (arena->wipe)
		explicit_bzero(chunk->data, used);
}

void neap_arena_free(struct neap_arena *arena)
{
	if (!arena)
		return;
	for (struct chunk *chunk = arena->current, *next; chunk; chunk = next) {
		next = chunk->next;
		chunk_clean(arena, chunk);
		free(chunk);
	}
	free(arena->spare);
	free(arena);
}

void neap_arena_auto(struct neap_arena **arena)
{
	neap_arena_free(*arena);
	*arena = NULL;
}

void neap_arena_reset(struct neap_arena *arena)
{
	struct chunk *keep = arena->current;

	for (struct chunk *chunk = arena->current; chunk; chunk = chunk->next)
		if (chunk->size > keep->size)
			keep = chunk;
	for (struct chunk *chunk = arena->current, *next; chunk; chunk = next) {
		next = chunk->next;
		chunk_clean(arena, chunk);
		if (chunk != keep)
			free(chunk);
	}
	arena->current = keep;
	arena->used = 0;
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
		arena->pos = keep->data;
		arena->end = keep->data + keep->size;
		poison(keep->data, keep->size);
	}
}

void neap_arena_wipe(struct neap_arena *arena)
{
	arena->wipe = true;
}

size_t neap_arena_used(const struct neap_arena *arena)
{
	return arena->used + (arena->current ? (size_t)(arena->pos - arena->current->data) : 0);
}

static struct chunk *chunk_new(size_t size)
{
	struct chunk *chunk = neap_alloc(sizeof(*chunk) + size);

	chunk->next = NULL;
	chunk->size = size;
	chunk->used = 0;
	poison(chunk->data, size);
	return chunk;
}

/* The current chunk has no room for `size` bytes. */
static char *grow(struct neap_arena *arena, size_t size)
{
	struct chunk *chunk;

	if (size > PTRDIFF_MAX - sizeof(*chunk))
		neap_out_of_memory();
	if (arena->current && size >= arena->next_size / 2) {
		/* A chunk of its own, behind the current one, which goes on being filled. */
		chunk = chunk_new(size);
		chunk->used = size;
		chunk->next = arena->current->next;
		arena->current->next = chunk;
		arena->used += size;
		return chunk->data;
	}
	if (arena->spare && arena->spare->size >= size) {
		chunk = arena->spare;
		arena->spare = NULL;
	} else {
		chunk = chunk_new(size > arena->next_size ? size : arena->next_size);
		if (arena->next_size < LAST_CHUNK)
			arena->next_size *= 2;
	}
	if (arena->current) {
		arena->current->used = (size_t)(arena->pos - arena->current->data);
		arena->used += arena->current->used;
	}
	chunk->next = arena->current;
	arena->current = chunk;
	arena->pos = chunk->data + size;
	arena->end = chunk->data + chunk->size;
	return chunk->data;
}

struct neap_arena_mark neap_arena_mark(const struct neap_arena *arena)
{
	struct chunk *chunk = arena->current;

	return (struct neap_arena_mark){ .chunk = chunk,
					 .behind = chunk ? chunk->next : NULL,
					 .used = chunk ? (size_t)(arena->pos - chunk->data) : 0 };
}

void neap_arena_rewind(struct neap_arena *arena, struct neap_arena_mark mark)
{
	struct chunk *kept = mark.chunk;

	while (arena->current != kept) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the marked chunk is on the way */
		struct chunk *chunk = arena->current, *next = chunk->next;

		chunk_clean(arena, chunk);
		arena->current = next;
		if (next) { /* what chunk_clean() reads of the current chunk */
			arena->pos = next->data + next->used;
			arena->end = next->data + next->size;
			arena->used -= next->used;
		} else {
			arena->pos = arena->end = NULL;
		}
		chunk->used = 0;
		poison(chunk->data, chunk->size);
		if (!arena->spare || arena->spare->size < chunk->size) {
			free(arena->spare);
			arena->spare = chunk;
		} else {
			free(chunk);
		}
	}
	if (!kept)
		return;
	while (kept->next != mark.behind) { /* chunks of their own, put behind it since */
		struct chunk *chunk = kept->next;

		kept->next = chunk->next;
		arena->used -= chunk->used;
		chunk_clean(arena, chunk);
		free(chunk);
	}
	if (arena->wipe)
		explicit_bzero(kept->data + mark.used, (size_t)(arena->pos - kept->data) - mark.used);
	arena->pos = kept->data + mark.used;
	poison(arena->pos, (size_t)(arena->end - arena->pos));
}

void *neap_arena_alloc(struct neap_arena *arena, size_t size)
{
	size_t gap = -(uintptr_t)arena->pos & (alignof(max_align_t) - 1);
	size_t room = (size_t)(arena->end - arena->pos);
	char *p;

	if (__builtin_expect(gap <= room && size <= room - gap && arena->current, 1)) {
		p = arena->pos + gap;
		arena->pos = p + size;
	} else {
		p = grow(arena, size);
	}
	unpoison(p, size);
	return memset(p, 0, size);
}

char *neap_arena_bytes(struct neap_arena *arena, size_t size)
{
	char *p;

	if (__builtin_expect(size <= (size_t)(arena->end - arena->pos) && arena->current, 1)) {
		p = arena->pos;
		arena->pos += size;
	} else {
		p = grow(arena, size);
	}
	unpoison(p, size);
	return p;
}

char *neap_arena_copy(struct neap_arena *arena, const void *data, size_t len)
{
	char *p = neap_arena_bytes(arena, len + 1);

	if (len)
		memcpy(p, data, len);
	p[len] = '\0';
	return p;
}

char *neap_arena_strdup(struct neap_arena *arena, const char *text)
{
	return neap_arena_copy(arena, text, strlen(text));
}

char *neap_arena_vprintf(struct neap_arena *arena, const char *format, va_list args)
{
	char small[256];
	va_list again;
	char *p;
	int len;

	va_copy(again, args);
	len = vsnprintf(small, sizeof(small), format, args);
	if (len < 0)
		neap_out_of_memory(); /* over INT_MAX bytes: there is no other way to fail */
	if ((size_t)len < sizeof(small)) {
		p = neap_arena_copy(arena, small, (size_t)len);
	} else {
		p = neap_arena_bytes(arena, (size_t)len + 1);
		vsnprintf(p, (size_t)len + 1, format, again);
	}
	if (arena->wipe)
		explicit_bzero(small, sizeof(small));
	va_end(again);
	return p;
}

char *neap_arena_printf(struct neap_arena *arena, const char *format, ...)
{
	va_list args;
	char *p;

	va_start(args, format);
	p = neap_arena_vprintf(arena, format, args);
	va_end(args);
	return p;
}
