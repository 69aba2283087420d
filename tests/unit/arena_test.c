/* Memory that is freed all at once, and what happens when there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/vec.h"

static void arena__memory_is_zeroed_and_aligned(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();

	(void)state;
	for (int round = 0; round < 2; round++) { /* the second time over used bytes */
		for (size_t size = 1; size < 3000; size += 7) {
			char *odd = neap_arena_bytes(arena, 3);
			unsigned char *p = neap_arena_alloc(arena, size);

			memset(odd, 0xff, 3);
			assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(p[i], 0);
			memset(p, 0xff, size);
		}
		neap_arena_reset(arena);
	}
}

static void arena__allocations_do_not_overlap(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 2047, 2048, 4096, 5000, 100000, 3000000 };
	enum { COUNT = 400 };
	unsigned char *all[COUNT];
	size_t len[COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		len[i] = sizes[i * 7 % (i % 50 ? 10 : 12)];
		all[i] = i % 2 ? neap_arena_alloc(arena, len[i]) : (void *)neap_arena_bytes(arena, len[i]);
		assert_non_null(all[i]);
		memset(all[i], (int)i & 0xff, len[i]);
	}
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < len[i]; j++)
			if (all[i][j] != (i & 0xff))
				fail_msg("allocation %zu was overwritten at %zu", i, j);
}

static void arena__used_counts_what_was_handed_out(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	size_t sum = 0;

	(void)state;
	assert_int_equal(neap_arena_used(arena), 0);
	for (size_t i = 0; i < 100; i++) {
		neap_arena_bytes(arena, 1000 * i);
		sum += 1000 * i;
	}
	neap_arena_bytes(arena, 5000000); /* a chunk of its own */
	assert_int_equal(neap_arena_used(arena), sum + 5000000);
	neap_arena_reset(arena);
	assert_int_equal(neap_arena_used(arena), 0);
	neap_arena_bytes(arena, 5);
	assert_int_equal(neap_arena_used(arena), 5);
}

static void arena__reset_of_a_fresh_one_is_allowed(void **state)
{
	struct neap_arena *arena = neap_arena_new();

	(void)state;
	neap_arena_reset(arena);
	assert_non_null(neap_arena_alloc(arena, 0));
	neap_arena_reset(arena);
	neap_arena_free(arena);
	neap_arena_free(NULL);
}

static void arena__wipe_overwrites_on_reset(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	const char *again;
	char *secret;

	(void)state;
	secret = neap_arena_strdup(arena, "hunter2 hunter2 hunter2");
	neap_arena_wipe(arena);
	neap_arena_reset(arena);
	again = neap_arena_bytes(arena, 24); /* the same place, and not zeroed by bytes() */
	assert_ptr_equal(again, secret);
	for (size_t i = 0; i < 24; i++)
		assert_int_equal(again[i], 0);
}

static void arena__rewind_gives_back_what_came_since(void **state)
{
	static const size_t sizes[] = { 0, 8, 3000, 5000, 100000, 3000000 };
	enum { COUNT = sizeof(sizes) / sizeof(*sizes) };

	(void)state;
	for (size_t before = 0; before < COUNT; before++) {
		for (size_t after = 0; after < COUNT; after++) {
			NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
			struct neap_arena_mark outer = neap_arena_mark(arena), inner;
			char *kept = NULL;
			size_t used;

			if (before) {
				kept = neap_arena_bytes(arena, 10);
				memset(kept, 'k', 10);
				kept = neap_arena_bytes(arena, sizes[before]);
				memset(kept, 'k', sizes[before]);
			}
			used = neap_arena_used(arena);
			inner = neap_arena_mark(arena);
			for (int round = 0; round < 3; round++) {
				char *first = neap_arena_bytes(arena, 1);

				for (size_t i = 0; i < 5; i++) /* some fit, some bring chunks */
					memset(neap_arena_bytes(arena, sizes[(after + i) % COUNT]), 'x',
					       sizes[(after + i) % COUNT]);
				neap_arena_rewind(arena, inner);
				assert_int_equal(neap_arena_used(arena), used);
				if (round)
					assert_ptr_equal(neap_arena_bytes(arena, 1), first);
				neap_arena_rewind(arena, inner);
				for (size_t i = 0; kept && i < sizes[before]; i++)
					assert_int_equal(kept[i], 'k');
			}
			neap_arena_rewind(arena, outer);
			assert_int_equal(neap_arena_used(arena), 0);
			memset(neap_arena_alloc(arena, 9000), 'x', 9000);
		}
	}
}

static void arena__wipe_overwrites_on_rewind(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	struct neap_arena_mark mark;
	char *secret;

	(void)state;
	neap_arena_wipe(arena);
	assert_string_equal(neap_arena_strdup(arena, "kept"), "kept");
	mark = neap_arena_mark(arena);
	secret = neap_arena_strdup(arena, "hunter2");
	neap_arena_rewind(arena, mark);
	assert_ptr_equal(neap_arena_bytes(arena, 8), secret);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(secret[i], 0);
}

static void arena__printf_takes_any_length(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();

	(void)state;
	for (int len = 250; len < 260; len++) { /* around the buffer on the stack */
		const char *text = neap_arena_printf(arena, "%*s|%d", len, "x", 7);

		assert_int_equal(strlen(text), len + 2);
		assert_string_equal(text + len - 1, "x|7");
	}
}

static void arena__copy_adds_a_nul(void **state)
{
	NEAP_AUTO_ARENA struct neap_arena *arena = neap_arena_new();
	const char *copy = neap_arena_copy(arena, "a\0b", 3);

	(void)state;
	assert_memory_equal(copy, "a\0b", 4);
	assert_string_equal(neap_arena_copy(arena, NULL, 0), "");
}

static void arena__out_of_memory_says_one_line_and_exits_4(void **state)
{
	char text[100] = "";
	int pipes[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		dup2(pipes[1], STDERR_FILENO);
		neap_out_of_memory();
	}
	close(pipes[1]);
	assert_true(read(pipes[0], text, sizeof(text) - 1) > 0);
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 4);
	assert_string_equal(text, "neap: out of memory\n");
}

static void vec__keeps_items_while_it_grows(void **state)
{
	NEAP_VEC(size_t) numbers = { 0 };

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		neap_vec_push(&numbers, i * 3);
	assert_int_equal(numbers.count, 1000);
	assert_true(numbers.size >= 1000 && numbers.size <= 2000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(numbers.items[i], i * 3);
	neap_vec_done(&numbers);
	assert_null(numbers.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena__memory_is_zeroed_and_aligned),
		cmocka_unit_test(arena__allocations_do_not_overlap),
		cmocka_unit_test(arena__used_counts_what_was_handed_out),
		cmocka_unit_test(arena__reset_of_a_fresh_one_is_allowed),
		cmocka_unit_test(arena__wipe_overwrites_on_reset),
		cmocka_unit_test(arena__rewind_gives_back_what_came_since),
		cmocka_unit_test(arena__wipe_overwrites_on_rewind),
		cmocka_unit_test(arena__printf_takes_any_length),
		cmocka_unit_test(arena__copy_adds_a_nul),
		cmocka_unit_test(arena__out_of_memory_says_one_line_and_exits_4),
		cmocka_unit_test(vec__keeps_items_while_it_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
