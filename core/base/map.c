/*
 * The hash map: entries in order of insertion, and a table of slots (open addressing, linear probing) that
 * holds their numbers. A removed entry leaves a grave in its slot until the table is built again.
 */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define EMPTY 0u /* else entry number + 1 */
#define GRAVE UINT32_MAX

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static bool seeded;

static void make_seed(void)
{
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
		/* Early in boot: weaker, never fatal. */
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		seed[0] = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)(uintptr_t)&now;
		seed[1] = (uint64_t)getpid() << 32 ^ (uint64_t)now.tv_sec;
	}
	seed[1] |= 1;
	__atomic_store_n(&seeded, true, __ATOMIC_RELEASE);
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load64(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline uint64_t load32(const unsigned char *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Multiply and fold, 16 bytes a step; both factors depend on the seed, so no input can force a zero. */
static inline uint64_t hash_by(const uint64_t by[2], const void *data, size_t len)
{
	static const uint64_t odd1 = UINT64_C(0xd6e8feb86659fd93), odd2 = UINT64_C(0xa0761d6478bd642f);
	const unsigned char *p = data;
	uint64_t h = by[0] ^ odd1, a, b;
	size_t left = len;

	for (; left > 16; p += 16, left -= 16)
		h = mix(load64(p) ^ by[1], load64(p + 8) ^ h);
	if (left >= 8) {
		a = load64(p);
		b = load64(p + left - 8);
	} else if (left >= 4) {
		a = load32(p);
		b = load32(p + left - 4);
	} else if (left) {
		a = (uint64_t)p[0] << 16 | (uint64_t)p[left / 2] << 8 | p[left - 1];
		b = 0;
	} else {
		a = b = 0;
	}
	h = mix(a ^ by[1], b ^ h);
	return mix(h ^ odd2, (uint64_t)len ^ odd1 ^ by[1]);
}

uint64_t neap_hash(const void *data, size_t len)
{
	if (__builtin_expect(!__atomic_load_n(&seeded, __ATOMIC_ACQUIRE), 0))
		pthread_once(&seed_once, make_seed);
	return hash_by(seed, data, len);
}

uint64_t neap_hash_lasting(const void *data, size_t len)
{
	static const uint64_t always[2] = { UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xbf58476d1ce4e5b9) };

	return hash_by(always, data, len);
}

/* The slot that holds `key`, or NULL. */
static uint32_t *find(const struct neap_map *map, struct neap_str key, uint64_t hash)
{
	size_t mask = map->slot_count - 1;

	if (!map->slot_count)
		return NULL;
	for (size_t i = hash & mask; map->slots[i] != EMPTY; i = (i + 1) & mask) {
		const struct neap_map_entry *entry;

		if (map->slots[i] == GRAVE)
			continue;
		entry = &map->entries[map->slots[i] - 1];
		if (entry->hash == hash && entry->key.len == key.len &&
		    (!key.len || memcmp(entry->key.data, key.data, key.len) == 0))
			return &map->slots[i];
	}
	return NULL;
}

static void place(struct neap_map *map, uint64_t hash, size_t number)
{
	size_t mask = map->slot_count - 1, i = hash & mask;

	while (map->slots[i] != EMPTY)
		i = (i + 1) & mask;
	map->slots[i] = (uint32_t)(number + 1);
}

/* Room for one entry more. Entries and graves fill at most half of the slots. */
static void make_room(struct neap_map *map)
{
	size_t kept = 0;

	for (size_t i = 0; i < map->count; i++)
		if (map->entries[i].value)
			map->entries[kept++] = map->entries[i];
	map->count = map->live = kept;
	if (kept >= map->size / 2) { /* else many were removed: the room will do */
		map->size = map->size ? map->size * 2 : 8;
		if (map->size >= UINT32_MAX / 2)
			neap_out_of_memory();
		map->entries = neap_realloc(map->entries, map->size * sizeof(*map->entries));
		free(map->slots);
		map->slot_count = map->size * 2;
		map->slots = neap_alloc(map->slot_count * sizeof(*map->slots));
	}
	memset(map->slots, 0, map->slot_count * sizeof(*map->slots));
	for (size_t i = 0; i < map->count; i++)
		place(map, map->entries[i].hash, i);
}

void *neap_map_get(const struct neap_map *map, struct neap_str key)
{
	const uint32_t *slot;

	if (!map->live)
		return NULL;
	slot = find(map, key, neap_hash(key.data, key.len));
	return slot ? map->entries[*slot - 1].value : NULL;
}

void **neap_map_slot(struct neap_map *map, struct neap_str key)
{
	uint64_t hash = neap_hash(key.data, key.len);
	const uint32_t *slot = find(map, key, hash);

	if (slot)
		return &map->entries[*slot - 1].value;
	if (map->count == map->size)
		make_room(map);
	place(map, hash, map->count);
	map->entries[map->count] = (struct neap_map_entry){ key, hash, NULL };
	map->live++;
	return &map->entries[map->count++].value;
}

void *neap_map_put(struct neap_map *map, struct neap_str key, void *value)
{
	void **slot = neap_map_slot(map, key), *former = *slot;

	*slot = value;
	return former;
}

void *neap_map_remove(struct neap_map *map, struct neap_str key)
{
	uint32_t *slot = find(map, key, neap_hash(key.data, key.len));
	void *former;

	if (!slot)
		return NULL;
	former = map->entries[*slot - 1].value;
	map->entries[*slot - 1].value = NULL;
	*slot = GRAVE;
	map->live--;
	return former;
}

void neap_map_clear(struct neap_map *map)
{
	if (map->slots)
		memset(map->slots, 0, map->slot_count * sizeof(*map->slots));
	map->count = map->live = 0;
}

void neap_map_done(struct neap_map *map)
{
	free(map->entries);
	free(map->slots);
	*map = (struct neap_map){ 0 };
}
