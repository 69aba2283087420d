/* The hash map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"

static int a, b, c;

static void map__an_empty_one_holds_nothing(void **state)
{
	struct neap_map map = { 0 };

	(void)state;
	assert_null(neap_map_get(&map, NEAP_STR("x")));
	assert_null(neap_map_remove(&map, NEAP_STR("x")));
	neap_map_clear(&map);
	assert_int_equal(map.live, 0);
	neap_map_done(&map);
}

static void map__put_sets_replaces_and_returns_the_former(void **state)
{
	struct neap_map map = { 0 };

	(void)state;
	assert_null(neap_map_put(&map, NEAP_STR("x"), &a));
	assert_ptr_equal(neap_map_put(&map, NEAP_STR("x"), &b), &a);
	assert_ptr_equal(neap_map_get(&map, NEAP_STR("x")), &b);
	assert_int_equal(map.live, 1);
	assert_int_equal(map.count, 1);
	neap_map_done(&map);
}

static void map__keys_are_bytes_with_a_length(void **state)
{
	struct neap_map map = { 0 };

	(void)state;
	neap_map_put(&map, NEAP_STR(""), &a);
	neap_map_put(&map, NEAP_STR("\0"), &b);
	neap_map_put(&map, NEAP_STR("\0\0"), &c);
	assert_ptr_equal(neap_map_get(&map, NEAP_STR("")), &a);
	assert_ptr_equal(neap_map_get(&map, (struct neap_str){ NULL, 0 }), &a);
	assert_ptr_equal(neap_map_get(&map, NEAP_STR("\0")), &b);
	assert_ptr_equal(neap_map_get(&map, NEAP_STR("\0\0")), &c);
	assert_null(neap_map_get(&map, NEAP_STR("\0\0\0")));
	neap_map_done(&map);
}

static void map__slot_is_get_else_put(void **state)
{
	struct neap_map map = { 0 };
	void **slot = neap_map_slot(&map, NEAP_STR("x"));

	(void)state;
	assert_null(*slot);
	*slot = &a;
	assert_ptr_equal(*neap_map_slot(&map, NEAP_STR("x")), &a);
	assert_ptr_equal(neap_map_get(&map, NEAP_STR("x")), &a);
	assert_int_equal(map.live, 1);
	neap_map_done(&map);
}

static void map__walk_is_in_order_of_insertion(void **state)
{
	struct neap_map map = { 0 };
	static const char *const keys[] = { "one", "two", "three", "four", "five" };
	char walked[64] = "";

	(void)state;
	for (size_t i = 0; i < 5; i++)
		neap_map_put(&map, neap_str(keys[i]), &a);
	neap_map_remove(&map, NEAP_STR("two"));
	neap_map_put(&map, NEAP_STR("one"), &b); /* keeps its place */
	neap_map_put(&map, NEAP_STR("two"), &b); /* comes last now */
	for (size_t i = 0; i < map.count; i++)
		if (map.entries[i].value)
			strcat(strcat(walked, map.entries[i].key.data), " ");
	assert_string_equal(walked, "one three four five two ");
	assert_int_equal(map.live, 5);
	neap_map_done(&map);
}

static void map__clear_keeps_nothing_but_memory(void **state)
{
	struct neap_map map = { 0 };
	const void *memory;

	(void)state;
	neap_map_put(&map, NEAP_STR("x"), &a);
	neap_map_put(&map, NEAP_STR("y"), &a);
	neap_map_remove(&map, NEAP_STR("y"));
	memory = map.entries;
	neap_map_clear(&map);
	assert_null(neap_map_get(&map, NEAP_STR("x")));
	assert_int_equal(map.count, 0);
	neap_map_put(&map, NEAP_STR("y"), &b);
	assert_ptr_equal(neap_map_get(&map, NEAP_STR("y")), &b);
	assert_ptr_equal(map.entries, memory);
	neap_map_done(&map);
}

/* Against a table of flags, with many removals, so that graves and rebuilding take part. */
static void map__agrees_with_a_table_over_random_steps(void **state)
{
	enum { KEYS = 500, STEPS = 200000 };
	static char names[KEYS][16];
	static int *table[KEYS];
	struct neap_map map = { 0 };
	size_t live = 0, present;
	uint64_t random = 88172645463325252;

	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		snprintf(names[i], sizeof(names[i]), "key%zu", i);
	for (size_t step = 0; step < STEPS; step++) {
		size_t k;
		int *value;

		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		k = random % KEYS;
		value = random & 1 << 20 ? &a : &b;
		switch (random >> 32 & 3) {
		case 0:
			assert_ptr_equal(neap_map_remove(&map, neap_str(names[k])), table[k]);
			live -= table[k] != NULL;
			table[k] = NULL;
			break;
		case 1:
			assert_ptr_equal(neap_map_put(&map, neap_str(names[k]), value), table[k]);
			live += table[k] == NULL;
			table[k] = value;
			break;
		default:
			assert_ptr_equal(neap_map_get(&map, neap_str(names[k])), table[k]);
		}
		assert_int_equal(map.live, live);
	}
	present = 0;
	for (size_t i = 0; i < map.count; i++)
		present += map.entries[i].value != NULL;
	assert_int_equal(present, live);
	/* Graves do not make it grow. */
	assert_true(map.size <= 4 * KEYS);
	neap_map_done(&map);
}

static void map__many_keys_are_all_found(void **state)
{
	enum { COUNT = 100000 };
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_map map = { 0 };
	const char **keys = calloc(COUNT, sizeof(*keys));

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		keys[i] = neap_arena_printf(arena, "cp1/file[/etc/kubernetes/manifests/%zu.yaml]", i);
		neap_map_put(&map, neap_str(keys[i]), &keys[i]);
	}
	for (size_t i = 0; i < COUNT; i++)
		assert_ptr_equal(neap_map_get(&map, neap_str(keys[i])), &keys[i]);
	assert_int_equal(map.live, COUNT);
	neap_map_done(&map);
	free(keys);
}

static void every_byte_counts(uint64_t (*hash)(const void *data, size_t len))
{
	unsigned char data[70] = { 0 };

	for (size_t len = 1; len < sizeof(data); len++) {
		uint64_t zero = hash(data, len);

		assert_true(zero == hash(data, len));
		assert_true(zero != hash(data, len - 1));
		for (size_t i = 0; i < len; i++) {
			data[i] = 1;
			if (zero == hash(data, len))
				fail_msg("byte %zu of %zu does not count", i, len);
			data[i] = 0;
		}
	}
}

static void hash__every_byte_and_the_length_count(void **state)
{
	(void)state;
	every_byte_counts(neap_hash);
	every_byte_counts(neap_hash_lasting);
}

static void hash__a_lasting_one_is_the_same_in_every_run(void **state)
{
	(void)state;
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		assert_true(neap_hash_lasting("-A INPUT -j ACCEPT", 18) == UINT64_C(0x56acdc85157b5ac2));
}

static void hash__low_bits_spread(void **state)
{
	static unsigned buckets[1024];
	char key[32];

	(void)state;
	for (int i = 0; i < 65536; i++) {
		int len = snprintf(key, sizeof(key), "/srv/%d/x", i);

		buckets[neap_hash(key, (size_t)len) & 1023]++;
	}
	for (size_t i = 0; i < 1024; i++) /* 64 expected, standard deviation 8 */
		assert_in_range(buckets[i], 8, 130);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map__an_empty_one_holds_nothing),
		cmocka_unit_test(map__put_sets_replaces_and_returns_the_former),
		cmocka_unit_test(map__keys_are_bytes_with_a_length),
		cmocka_unit_test(map__slot_is_get_else_put),
		cmocka_unit_test(map__walk_is_in_order_of_insertion),
		cmocka_unit_test(map__clear_keeps_nothing_but_memory),
		cmocka_unit_test(map__agrees_with_a_table_over_random_steps),
		cmocka_unit_test(map__many_keys_are_all_found),
		cmocka_unit_test(hash__every_byte_and_the_length_count),
		cmocka_unit_test(hash__a_lasting_one_is_the_same_in_every_run),
		cmocka_unit_test(hash__low_bits_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
