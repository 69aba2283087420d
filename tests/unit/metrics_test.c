/* Numbers for Prometheus: whatever a label holds, the file is one that is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/metrics.h"

static const char *text(struct neap_arena *arena, const struct neap_metrics *metrics)
{
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	neap_report_metrics(&buf, metrics);
	return neap_arena_copy(arena, buf.data, buf.len);
}

static void metrics__of_a_run_without_resources_say_when_and_how_it_ended(void **state)
{
	struct neap_arena *arena = neap_arena_new();
	struct neap_metrics metrics = {
		.exit_code = 1,
		.ended = 1795658677007,
		.seconds = 0.0304,
		.last_success = 1000000000999,
		.pending = 2,
	};
	(void)state;
	assert_string_equal(
		text(arena, &metrics),
		"# HELP neap_build_info A metric that is always 1, labelled with the version of neap.\n"
		"# TYPE neap_build_info gauge\n"
		"neap_build_info{version=\"" NEAP_VERSION "\"} 1\n"
		"# HELP neap_last_run_timestamp_seconds When the last run ended, however it went.\n"
		"# TYPE neap_last_run_timestamp_seconds gauge\n"
		"neap_last_run_timestamp_seconds 1795658677.007\n"
		"# HELP neap_last_success_timestamp_seconds When the last apply ended in which nothing "
		"failed; 0 if "
		"there was none.\n"
		"# TYPE neap_last_success_timestamp_seconds gauge\n"
		"neap_last_success_timestamp_seconds 1000000000.999\n"
		"# HELP neap_run_duration_seconds How long the last run took.\n"
		"# TYPE neap_run_duration_seconds gauge\n"
		"neap_run_duration_seconds 0.03\n"
		"# HELP neap_run_exit_code The exit code of the last run.\n"
		"# TYPE neap_run_exit_code gauge\n"
		"neap_run_exit_code 1\n"
		"# HELP neap_pending_notifications Resources that are still to be refreshed because of what "
		"earlier "
		"runs changed.\n"
		"# TYPE neap_pending_notifications gauge\n"
		"neap_pending_notifications 2\n");
	/* What is not known is not there. */
	metrics.last_success = metrics.pending = -1;
	assert_null(strstr(text(arena, &metrics), "success"));
	assert_null(strstr(text(arena, &metrics), "pending"));
	neap_arena_free(arena);
}

static void metrics__of_resources_are_there_for_every_state_and_once(void **state)
{
	static const struct neap_measure a = { .metric = "neap_a_seconds", .help = "A.", .label = "path" };
	static const struct neap_measure b = { .metric = "neap_b_bytes", .help = "B.", .label = "name" };
	const struct neap_metric measured[] = {
		{ &b, "z", 1 },
		{ &a, "new\nline", 2 },
		{ &a, "q\"b\\", 1795658677 },
		{ &a, "\xff\xc3\xa4", 4 },
		{ &a, "\\xff\xc3\xa4", 5 },
		{ &a, "new\nline", 6 },
		{ &b, "a", 0.5 },
	};
	const struct neap_run run = { .summary = { .create = 1, .update = 2, .failed = 3, .unknown = 4 } };
	const struct neap_metrics metrics = {
		.run = &run,
		.measured = measured,
		.measured_count = sizeof measured / sizeof *measured,
	};
	struct neap_arena *arena = neap_arena_new();
	const char *all = text(arena, &metrics), *resources = strstr(all, "neap_resources{");
	(void)state;
	assert_non_null(resources);
	assert_string_equal(resources,
			    "neap_resources{state=\"create\"} 1\n"
			    "neap_resources{state=\"delete\"} 0\n"
			    "neap_resources{state=\"failed\"} 3\n"
			    "neap_resources{state=\"not_done\"} 0\n"
			    "neap_resources{state=\"refresh\"} 0\n"
			    "neap_resources{state=\"run\"} 0\n"
			    "neap_resources{state=\"skipped\"} 0\n"
			    "neap_resources{state=\"unchanged\"} 0\n"
			    "neap_resources{state=\"unknown\"} 4\n"
			    "neap_resources{state=\"update\"} 2\n"
			    "# HELP neap_drift_resources Resources that the last run found other than "
			    "wanted, without those that failed.\n"
			    "# TYPE neap_drift_resources gauge\n"
			    "neap_drift_resources 7\n"
			    "# HELP neap_a_seconds A.\n"
			    "# TYPE neap_a_seconds gauge\n"
			    "neap_a_seconds{path=\"\\\\xff\xc3\xa4\"} 5\n"
			    "neap_a_seconds{path=\"new\\nline\"} 2\n"
			    "neap_a_seconds{path=\"q\\\"b\\\\\"} 1795658677\n"
			    "# HELP neap_b_bytes B.\n"
			    "# TYPE neap_b_bytes gauge\n"
			    "neap_b_bytes{name=\"a\"} 0.5\n"
			    "neap_b_bytes{name=\"z\"} 1\n");
	neap_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics__of_a_run_without_resources_say_when_and_how_it_ended),
		cmocka_unit_test(metrics__of_resources_are_there_for_every_state_and_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
