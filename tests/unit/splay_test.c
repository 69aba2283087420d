/* How long a machine waits before it begins: always as long, and each at its own time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/splay.h"

static void splay__is_the_same_for_the_same_machine_and_recipe(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(neap_cli_splay_ms("d4c7", "/etc/neap/site", 1800),
				 neap_cli_splay_ms("d4c7", "/etc/neap/site", 1800));
	assert_int_not_equal(neap_cli_splay_ms("d4c7", "/etc/neap/site", 1800),
			     neap_cli_splay_ms("d4c8", "/etc/neap/site", 1800));
	assert_int_not_equal(neap_cli_splay_ms("d4c7", "/etc/neap/site", 1800),
			     neap_cli_splay_ms("d4c7", "/etc/neap/other", 1800));
	/* The two names do not run into each other. */
	assert_int_not_equal(neap_cli_splay_ms("ab", "c", 1800), neap_cli_splay_ms("a", "bc", 1800));
	/* It must not be another one in the next version, or a fleet would run twice in one night. */
	assert_int_equal(neap_cli_splay_ms("d4c7", "/etc/neap/site", 1800), 521540);
}

static void splay__spreads_a_fleet_evenly(void **state)
{
	enum { MACHINES = 12000, SECONDS = 1800, PARTS = 12 };
	unsigned parts[PARTS] = { 0 };

	(void)state;
	for (int i = 0; i < MACHINES; i++) {
		char machine[33];

		snprintf(machine, sizeof machine, "%032x", i);
		int64_t wait = neap_cli_splay_ms(machine, "/etc/neap/site", SECONDS);
		assert_in_range(wait, 0, SECONDS * 1000 - 1);
		parts[wait * PARTS / (SECONDS * 1000)]++;
	}
	/* 1000 each, give or take five times what chance gives and takes. */
	for (int i = 0; i < PARTS; i++)
		assert_in_range(parts[i], 840, 1160);
}

static void splay__grows_with_the_duration_and_never_reaches_it(void **state)
{
	static const unsigned durations[] = { 1, 2, 60, 86400, UINT32_MAX };
	int64_t before = -1;

	(void)state;
	for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
		int64_t wait = neap_cli_splay_ms("d4c7", "site.lua", durations[i]);

		assert_true(wait > before && wait < (int64_t)durations[i] * 1000);
		before = wait;
	}
	assert_int_equal(neap_cli_splay_ms("d4c7", "site.lua", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splay__is_the_same_for_the_same_machine_and_recipe),
		cmocka_unit_test(splay__spreads_a_fleet_evenly),
		cmocka_unit_test(splay__grows_with_the_duration_and_never_reaches_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
