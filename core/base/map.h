/*
 * A hash map from byte strings to pointers; keys are not copied and must outlive the map. Order of
 * insertion is kept for walking. Hashing is seeded once a process, so that no input can be built to collide.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct neap_map {
	struct neap_map_entry *entries; /* in order of insertion; value NULL: removed */
	size_t count, size;
	uint32_t *slots;
	size_t slot_count;
	size_t live; /* entries whose value is not NULL */
};

struct neap_map_entry {
	struct neap_str key;
	uint64_t hash;
	void *value;
};

uint64_t neap_hash(const void *data, size_t len);
/* The same in every run, so that what was written to a file is seen to be whole. Only chance is a match for
 * it: where somebody could gain by a forgery it wants to be a digest. */
uint64_t neap_hash_lasting(const void *data, size_t len);

void *neap_map_get(const struct neap_map *map, struct neap_str key); /* NULL when absent */
/* Sets or replaces; `value` must not be NULL. Returns the former value or NULL. */
void *neap_map_put(struct neap_map *map, struct neap_str key, void *value);
/* The slot of `key`, made with value NULL when new: one look-up for "get, else put". Valid until the next
 * put. */
void **neap_map_slot(struct neap_map *map, struct neap_str key);
void *neap_map_remove(struct neap_map *map, struct neap_str key);
void neap_map_clear(struct neap_map *map); /* keeps the memory */
void neap_map_done(struct neap_map *map);
