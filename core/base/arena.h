/*
 * Memory that is freed all at once: one arena for a run, one scratch arena for a step.
 *
 * Nothing here returns NULL: when memory runs out the program says so in one line and leaves by _exit
 * without a core file, because every write of neap is atomic and every run can be repeated.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct neap_arena;

struct neap_arena *neap_arena_new(void);
void neap_arena_free(struct neap_arena *arena); /* NULL is allowed */
/* Gives all memory back to the arena for reuse; pointers into it are dead. Overwrites what was used when
 * `wipe` was asked for with neap_arena_wipe(). */
void neap_arena_reset(struct neap_arena *arena);
/* From now on reset and free overwrite the bytes first: the arena holds secrets. */
void neap_arena_wipe(struct neap_arena *arena);
/* A point to come back to: rewind gives back all that was handed out since. Marks nest like a stack. */
struct neap_arena_mark {
	void *chunk, *behind;
	size_t used;
};
struct neap_arena_mark neap_arena_mark(const struct neap_arena *arena);
void neap_arena_rewind(struct neap_arena *arena, struct neap_arena_mark mark);
/* Bytes handed out since new or reset. */
size_t neap_arena_used(const struct neap_arena *arena);

/* Zeroed, aligned for any type. Size 0 gives a valid pointer. */
void *neap_arena_alloc(struct neap_arena *arena, size_t size);
/* As alloc(), neither zeroed nor aligned: for bytes. */
char *neap_arena_bytes(struct neap_arena *arena, size_t size);
/* A copy with a NUL after it (not counted in `len`). */
char *neap_arena_copy(struct neap_arena *arena, const void *data, size_t len);
char *neap_arena_strdup(struct neap_arena *arena, const char *text);
char *neap_arena_printf(struct neap_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
char *neap_arena_vprintf(struct neap_arena *arena, const char *format, va_list args);

#define neap_arena_new_of(arena, type) ((type *)neap_arena_alloc((arena), sizeof(type)))
#define neap_arena_array_of(arena, type, count) ((type *)neap_arena_alloc((arena), sizeof(type) * (count)))

void neap_arena_auto(struct neap_arena **arena);
#define NEAP_AUTO_ARENA __attribute__((cleanup(neap_arena_auto)))

/* malloc, realloc that never return NULL, for what outlives no arena. */
void *neap_alloc(size_t size);
void *neap_realloc(void *old, size_t size);
void neap_out_of_memory(void) __attribute__((noreturn));
void neap_free_auto(void *pointer_to_pointer);
#define NEAP_AUTO_FREE __attribute__((cleanup(neap_free_auto)))
