/* What people and scripts get to see of a run: made by hand here, so that every case can be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/diff.h"
#include "engine/emit.h"
#include "engine/event.h"
#include "engine/report.h"

static struct neap_arena *arena;
static const struct neap_resource_type type = { .name = "file" };

/* ---- a run of at most eight resources ----------------------------------------------------------------- */

struct fixture {
	struct neap_graph graph;
	struct neap_run run;
	struct neap_resource resources[8];
	struct neap_result results[8];
	struct neap_edge edges[8];
	struct neap_join join;
	uint32_t order[9], in_first[10];
	struct neap_want want;
};

static struct fixture *fixture(enum neap_run_mode mode)
{
	struct fixture *f = neap_arena_new_of(arena, struct fixture);
	f->run.mode = mode;
	f->run.graph = &f->graph;
	f->run.results = f->results;
	f->graph.arena = arena;
	f->graph.resources.items = f->resources;
	f->graph.edges.items = f->edges;
	f->graph.joins.items = &f->join;
	f->graph.order = f->order;
	f->graph.in_first = f->in_first;
	f->join.name = "j1";
	return f;
}

static struct neap_result *add(struct fixture *f, const char *name, enum neap_action action)
{
	uint32_t number = (uint32_t)f->graph.resources.count++;
	f->resources[number] = (struct neap_resource){
		.type = &type,
		.index = number,
		.name = name,
		.address = neap_arena_printf(arena, "file[%s]", name),
		.at = { "site.lua", (int)number + 1 },
		.want = &f->want,
	};
	f->order[f->graph.node_count++] = number;
	f->results[number].action = action;
	f->results[number].cause = UINT32_MAX;
	if (f->run.mode == NEAP_RUN_APPLY && action != NEAP_ACTION_NONE)
		f->results[number].outcome = NEAP_OUTCOME_CHANGED;
	return &f->results[number];
}

/* Edges come sorted by `to`. */
static void edge(struct fixture *f, uint32_t from, uint32_t to, enum neap_why why, bool refresh)
{
	f->edges[f->graph.edges.count++] = (struct neap_edge){ from, to, why, refresh, { 0 } };
	for (uint32_t i = to + 1; i < 10; i++)
		f->in_first[i] = (uint32_t)f->graph.edges.count;
}

static struct neap_diff *diff(void)
{
	struct neap_diff *diff = neap_arena_new_of(arena, struct neap_diff);
	diff->arena = arena;
	return diff;
}

static void keep(struct neap_result *result, const struct neap_diff *diff)
{
	result->changes = diff->entries;
	result->change_count = diff->count;
	result->reason = diff->reason;
}

static void content(struct neap_diff *diff, const char *before, struct neap_text after, bool hide)
{
	struct neap_content *old = neap_arena_new_of(arena, struct neap_content);
	struct neap_content *new = neap_arena_new_of(arena, struct neap_content);
	struct neap_text *text = neap_arena_new_of(arena, struct neap_text);
	*text = after;
	*old = (struct neap_content){ .data = before, .size = before ? strlen(before) : 0 };
	*new = (struct neap_content){ .data = after.data, .size = after.len };
	neap_diff_content(diff, "content", before ? old : NULL, new, text, hide);
}

static const char *text(struct fixture *f, struct neap_report_options options)
{
	char *data = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&data, &len);
	if (!options.width)
		options.width = 60;
	neap_report_text(out, &f->run, &options);
	fclose(out);
	const char *copy = neap_arena_copy(arena, data, len);
	free(data);
	return copy;
}

static const char *failures(struct fixture *f)
{
	char *data = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&data, &len);
	neap_report_failures_text(out, &f->run, false);
	fclose(out);
	const char *copy = neap_arena_copy(arena, data, len);
	free(data);
	return copy;
}

static const char *json_text(struct fixture *f)
{
	char *data = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&data, &len);
	struct neap_param_value param = { "color", "blue" };
	struct neap_report_options options = { .recipe = "site.lua", .params = &param, .param_count = 1 };
	neap_report_json(out, &f->run, &options);
	fclose(out);
	const char *copy = neap_arena_copy(arena, data, len);
	free(data);
	return copy;
}

static json_t *json(struct fixture *f)
{
	json_error_t error;
	json_t *root = json_loads(json_text(f), JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("%s at %d:%d", error.text, error.line, error.column);
	return root;
}

static json_t *change(json_t *root, size_t resource, size_t number)
{
	json_t *item = json_array_get(json_object_get(root, "resources"), resource);
	return json_array_get(json_object_get(item, "changes"), number);
}

#define PLAIN ((struct neap_report_options){ 0 })

/* ---- text --------------------------------------------------------------------------------------------- */

static void report__nothing_to_do_is_one_line(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	assert_string_equal(text(f, PLAIN), "nothing to change: the recipe declares no resource\n");
	add(f, "/a", NEAP_ACTION_NONE);
	f->run.summary.unchanged = 1;
	assert_string_equal(text(f, PLAIN), "nothing to change: 1 resource as wanted\n");
	assert_string_equal(text(f, (struct neap_report_options){ .quiet = true }), "");
}

static void report__text_of_a_plan(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	neap_diff_string(d, "ensure", "absent", "present");
	content(d, NULL, neap_text("hello world\n"), false);
	neap_diff_mode(d, "mode", NEAP_KEEP, 0644);
	neap_diff_string(d, "owner", NULL, "root");
	neap_diff_reason(d, "makes /etc/app");
	keep(add(f, "/etc/app/motd", NEAP_ACTION_CREATE), d);
	d = diff();
	neap_diff_mode(d, "mode", 0644, 0600);
	content(d, "a\nb\n", neap_text("a\nc\nd\n"), false);
	keep(add(f, "/etc/b", NEAP_ACTION_UPDATE), d);
	add(f, "/etc/c", NEAP_ACTION_NONE);
	f->run.summary = (struct neap_summary){ .create = 1, .update = 1, .unchanged = 1 };
	assert_string_equal(text(f, PLAIN), "plan: 1 to create, 1 to update, 1 unchanged\n"
					    "\n"
					    "+ create    file[/etc/app/motd]                   site.lua:1\n"
					    "    mode 0644, owner root\n"
					    "    content  \"hello world\\n\"\n"
					    "    (makes /etc/app)\n"
					    "~ update    file[/etc/b]                          site.lua:2\n"
					    "    mode     0644 -> 0600\n"
					    "    content  2 lines added, 1 removed (6 bytes, was 4)\n"
					    "\n"
					    "--diff shows the texts line by line\n");
	assert_string_equal(text(f, (struct neap_report_options){ .quiet = true }),
			    "plan: 1 to create, 1 to update, 1 unchanged\n");
	assert_non_null(strstr(text(f, (struct neap_report_options){ .verbose = 1 }),
			       "= unchanged file[/etc/c]                          site.lua:3\n"));
}

static void report__diff_shows_the_lines(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	content(d, "a\nb\n", neap_text("a\nc\n"), false);
	keep(add(f, "/b", NEAP_ACTION_UPDATE), d);
	f->run.summary.update = 1;
	assert_string_equal(text(f, (struct neap_report_options){ .diff = true }),
			    "plan: 1 to update\n"
			    "\n"
			    "~ update    file[/b]                              site.lua:1\n"
			    "    content  1 line added, 1 removed (4 bytes, was 4)\n"
			    "    @@ -1,2 +1,2 @@\n"
			    "     a\n"
			    "    -b\n"
			    "    +c\n");
}

static struct neap_text with_secret(void)
{
	static const struct neap_span span = { 9, 15 };
	return (struct neap_text){ "user=bob\nhunter2\nhunter3\nend\n", 29, &span, 1 };
}

static void report__secrets_and_what_they_replace_are_never_shown(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	content(d, "user=bob\nhunter1\n", with_secret(), false);
	keep(add(f, "/b", NEAP_ACTION_UPDATE), d);
	d = diff();
	content(d, "0ld", neap_text("new and public\n"), true);
	keep(add(f, "/c", NEAP_ACTION_UPDATE), d);
	f->run.summary.update = 2;
	const char *folded = text(f, PLAIN);
	const char *shown = text(f, (struct neap_report_options){ .diff = true, .verbose = 3 });
	const char *document = json_text(f);
	const char *all[] = { folded, shown, document };
	for (size_t i = 0; i < 3; i++) {
		assert_null(strstr(all[i], "hunter"));
		assert_null(strstr(all[i], "0ld"));
		assert_null(strstr(all[i], "29")); /* not even how long it is */
	}
	assert_non_null(strstr(folded, "content  3 lines, secrets among them; before is hidden\n"));
	assert_non_null(strstr(shown, "    (before is hidden: what follows holds secrets)\n"
				      "    +user=bob\n    +(secret)\n    +end\n"));
	assert_non_null(strstr(shown, "    (before is hidden: others may not read the file)\n"
				      "    +new and public\n"));
	assert_non_null(strstr(folded, "    content  (hidden) -> \"new and public\\n\"\n"));

	json_t *root = json(f);
	assert_true(json_is_null(json_object_get(change(root, 0, 0), "after")));
	assert_true(json_is_null(json_object_get(change(root, 0, 0), "before")));
	assert_true(json_is_true(json_object_get(change(root, 0, 0), "secret")));
	assert_true(json_is_null(json_object_get(change(root, 1, 0), "before")));
	assert_string_equal(json_string_value(json_object_get(change(root, 1, 0), "after")),
			    "new and public\n");
	json_decref(root);
}

static void report__what_a_file_holds_cannot_steer_the_terminal(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	content(d, "\033[2Ja\r\n\xff\n",
		neap_text("\x9b"
			  "b\n\xc2\x9b"
			  "c\xe2\x80\xae\nd\n"),
		false);
	neap_diff_string(d, "group", "\033]0;x\007", "g");
	keep(add(f, "/b\033[31m", NEAP_ACTION_UPDATE), d);
	f->results[0].reason = "\033c";
	f->run.summary.update = 1;
	const char *shown = text(f, (struct neap_report_options){ .diff = true });
	for (const unsigned char *p = (const unsigned char *)shown; *p; p++)
		assert_true(*p >= 0x20 || *p == '\n');
	assert_true(neap_str_is_utf8(neap_str(shown)));
	assert_non_null(strstr(shown, "-\\x1b[2Ja\\r\n"));
	assert_non_null(strstr(shown, "-\\xff\n"));
	assert_non_null(strstr(shown, "+\\x9bb\n"));
	assert_non_null(strstr(shown, "+\\u{9b}c\\u{202e}\n"));
}

static void report__long_values_are_cut_unless_verbose(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	char *longer = neap_arena_printf(arena, "%0200d", 7);
	neap_diff_string(d, "line", "short", longer);
	keep(add(f, "/b", NEAP_ACTION_UPDATE), d);
	f->run.summary.update = 1;
	const char *cut = text(f, PLAIN);
	for (const char *line = cut; *line;) {
		size_t len = strcspn(line, "\n");
		assert_true(neap_emit_columns(line, len) <= 60);
		line += len + 1;
	}
	assert_non_null(strstr(cut, "    line  short\n       -> 0000"));
	assert_non_null(strstr(cut, "0…\n"));
	assert_non_null(strstr(text(f, (struct neap_report_options){ .verbose = 1 }), longer));
}

static void report__lists_show_what_comes_and_goes(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	const char *before[] = { "a", "b", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10" },
		   *after[] = { "b", "c" };
	neap_diff_list(d, "entries", before, 12, after, 2);
	keep(add(f, "/b", NEAP_ACTION_UPDATE), d);
	f->run.summary.update = 1;
	const char *shown = text(f, PLAIN);
	assert_non_null(strstr(shown, "    entries  - a\n             - 1\n"));
	assert_non_null(strstr(shown, "             … 1 more (-v)\n             + c\n"));
	assert_null(strstr(shown, " b\n"));
}

/* A script gets all of it, and so does who asks for it by -v; who does not is told how much is left. */
static void report__a_list_is_whole_but_in_short_text(void **state)
{
	(void)state;
	enum { MANY = 20000 };
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	static const char *items[MANY];
	for (unsigned i = 0; i < MANY; i++)
		items[i] = neap_arena_printf(arena, "192.0.2.%u of many", i);
	neap_diff_list(d, "peers", items, MANY - 1, items + 1, MANY - 1);
	neap_diff_list(d, "peers", items, MANY - 1, items + 1, MANY - 1); /* as two files say it */
	neap_diff_list(d, "along", items, 300, NULL, 0);
	keep(add(f, "/b", NEAP_ACTION_UPDATE), d);
	f->run.summary.update = 1;
	const char *shown = text(f, PLAIN);
	assert_non_null(
		strstr(shown, "    peers  - 192.0.2.0 of many\n           + 192.0.2.19999 of many\n"));
	assert_non_null(strstr(shown, "           - 192.0.2.9 of many\n           … 290 more (-v)\n"));
	shown = text(f, (struct neap_report_options){ .verbose = 1 });
	assert_non_null(strstr(shown, "           - 192.0.2.299 of many\n"));
	assert_null(strstr(shown, "more"));
	json_t *root = json(f);
	json_t *before = json_object_get(change(root, 0, 0), "before"),
	       *after = json_object_get(change(root, 0, 0), "after");
	assert_int_equal(json_array_size(before), MANY - 1);
	assert_int_equal(json_array_size(after), MANY - 1);
	assert_string_equal(json_string_value(json_array_get(after, MANY - 2)), items[MANY - 1]);
	assert_int_equal(json_array_size(json_object_get(change(root, 0, 1), "before")), 300);
	json_decref(root);
}

/* Several words stand bare where they end with the line; what could be taken for something else is quoted. */
static void report__words_of_a_list_are_quoted_where_they_must_be(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	const char *items[] = { "route default on eth1", " a", "a ", "a  b", "a, b", "", "a\nb" };
	neap_diff_list(d, "along", items, 7, NULL, 0);
	keep(add(f, "/b", NEAP_ACTION_UPDATE), d);
	f->run.summary.update = 1;
	assert_non_null(strstr(text(f, PLAIN), "    along  - route default on eth1\n"
					       "           - \" a\"\n"
					       "           - \"a \"\n"
					       "           - \"a  b\"\n"
					       "           - \"a, b\"\n"
					       "           - \"\"\n"
					       "           - \"a\\nb\"\n"));
}

static void report__lists_of_the_same_say_how_they_differ(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	const char *before[] = { "a", "b", "b" }, *after[] = { "b", "a" };
	neap_diff_list(d, "rules", before, 2, after, 2);
	neap_diff_list(d, "twice", before, 3, after, 2);
	keep(add(f, "/b", NEAP_ACTION_UPDATE), d);
	f->run.summary.update = 1;
	const char *shown = text(f, PLAIN);
	assert_non_null(strstr(shown, "    rules  (another order)\n"));
	assert_non_null(strstr(shown, "    twice  (the same, not as often)\n"));
}

static void report__verdict_comes_again_below_a_long_body(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	for (int i = 0; i < 4; i++) {
		struct neap_diff *d = diff();
		neap_diff_mode(d, "mode", 0644, 0600);
		neap_diff_string(d, "owner", "a", "b");
		keep(add(f, "/x", NEAP_ACTION_UPDATE), d);
	}
	f->run.summary.update = 4;
	const char *shown = text(f, PLAIN);
	assert_int_equal(strncmp(shown, "plan: 4 to update\n\n", 19), 0);
	assert_string_equal(shown + strlen(shown) - 19, "\nplan: 4 to update\n");
}

static void report__failures_say_where_and_why(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_APPLY);
	add(f, "/a", NEAP_ACTION_CREATE);
	struct neap_result *failed = add(f, "/x", NEAP_ACTION_UPDATE);
	failed->outcome = NEAP_OUTCOME_FAILED;
	neap_error_errno(&failed->error, 13, "open /x");
	neap_error_hint(&failed->error, "run as root");
	struct neap_result *skipped = add(f, "/y", NEAP_ACTION_NONE);
	skipped->outcome = NEAP_OUTCOME_SKIPPED;
	skipped->cause = 1;
	add(f, "/z", NEAP_ACTION_NONE)->outcome = NEAP_OUTCOME_NOT_DONE;
	f->run.summary = (struct neap_summary){ .create = 1, .failed = 1, .skipped = 1, .not_done = 1 };
	assert_string_equal(text(f, PLAIN), "apply failed: 1 failed, 1 skipped, 1 not done, 1 created\n"
					    "\n"
					    "+ created   file[/a]                              site.lua:1\n"
					    "x failed    file[/x] (site.lua:2): open /x: Permission denied\n"
					    "    run as root\n"
					    "/ skipped   file[/y]                              site.lua:3\n"
					    "    because file[/x] failed\n"
					    "/ not done  file[/z]                              site.lua:4\n");
	f->run.signal = 2;
	assert_int_equal(strncmp(text(f, PLAIN), "stopped by SIGINT: 1 failed, ", 29), 0);
	assert_string_equal(failures(f), "file[/x] (site.lua:2): open /x: Permission denied\n"
					 "    run as root\n"
					 "stopped by SIGINT before file[/z] (site.lua:4): 1 not done\n");
	json_t *stopped = json(f);
	assert_string_equal(json_string_value(json_object_get(json_object_get(stopped, "stopped"), "signal")),
			    "INT");
	json_decref(stopped);
	f->run.signal = 0;
	f->run.timeout = 600;
	assert_int_equal(strncmp(text(f, PLAIN), "timed out after 10m: 1 failed, ", 31), 0);
	assert_non_null(
		strstr(failures(f), "timed out after 10m before file[/z] (site.lua:4): 1 not done\n"));
	stopped = json(f);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(stopped, "stopped"), "timeout")),
			 600);
	json_decref(stopped);
	f->run.timeout = 0;

	json_t *root = json(f), *resources = json_object_get(root, "resources");
	json_t *item = json_array_get(resources, 1);
	assert_string_equal(json_string_value(json_object_get(item, "outcome")), "failed");
	assert_string_equal(json_string_value(json_object_get(item, "action")), "error"); /* as in a plan */
	assert_string_equal(json_string_value(json_object_get(item, "error")), "open /x: Permission denied");
	assert_string_equal(json_string_value(json_object_get(item, "hint")), "run as root");
	assert_string_equal(json_string_value(json_object_get(json_array_get(resources, 2), "cause")),
			    "file[/x]");
	json_decref(root);

	f->run.mode = NEAP_RUN_PLAN;
	root = json(f);
	item = json_array_get(json_object_get(root, "resources"), 1);
	assert_string_equal(json_string_value(json_object_get(item, "action")), "error");
	item = json_array_get(json_object_get(root, "resources"), 2);
	assert_string_equal(json_string_value(json_object_get(item, "action")), "error");
	assert_null(json_object_get(item, "outcome"));
	json_decref(root);
	neap_error_free(failed->error);
}

static void report__unknown_and_refresh_name_their_cause(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	add(f, "/a", NEAP_ACTION_RUN);
	add(f, "/b", NEAP_ACTION_UNKNOWN)->cause = 0;
	add(f, "/c", NEAP_ACTION_REFRESH)->refresh = NEAP_YES;
	add(f, "/d", NEAP_ACTION_UNKNOWN)->refresh = NEAP_MAYBE;
	edge(f, 0, 2, NEAP_WHY_SUBSCRIBE, true);
	edge(f, 1, 3, NEAP_WHY_SUBSCRIBE, true);
	f->run.summary = (struct neap_summary){ .run = 1, .unknown = 2, .refresh = 1 };
	assert_string_equal(text(f, PLAIN), "plan: 1 to run, 1 to refresh, 2 unknown\n"
					    "\n"
					    "! run       file[/a]                              site.lua:1\n"
					    "? unknown   file[/b]                              site.lua:2\n"
					    "    not known until file[/a] has been applied\n"
					    "@ refresh   file[/c]                              site.lua:3\n"
					    "    because file[/a] changes\n"
					    "? unknown   file[/d]                              site.lua:4\n"
					    "    may refresh: file[/b] may change\n");
}

static void report__color_is_only_there_when_asked_for(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	add(f, "/a", NEAP_ACTION_CREATE);
	f->run.summary.create = 1;
	assert_null(strchr(text(f, PLAIN), '\033'));
	assert_non_null(strstr(text(f, (struct neap_report_options){ .color = true }), "\033[32m+ create"));
}

/* ---- json --------------------------------------------------------------------------------------------- */

static void assert_sorted(const json_t *value)
{
	const char *key, *last = "";
	json_t *child;
	size_t i;
	if (json_is_array(value)) {
		json_array_foreach(value, i, child) assert_sorted(child);
	} else if (json_is_object(value)) {
		for (void *at = json_object_iter((json_t *)(uintptr_t)value); at;
		     at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
			key = json_object_iter_key(at);
			assert_true(strcmp(last, key) < 0);
			last = key;
			assert_sorted(json_object_iter_value(at));
		}
	}
}

static void report__json_keys_are_sorted_and_the_id_is_of_the_rest(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_APPLY);
	struct neap_diff *d = diff();
	content(d, "a\n", neap_text("b\n"), false);
	keep(add(f, "/a", NEAP_ACTION_UPDATE), d);
	add(f, "/b", NEAP_ACTION_NONE);
	edge(f, 0, 1, NEAP_WHY_REQUIRE, false);
	edge(f, 2, 1, NEAP_WHY_REQUIRE, false);
	edge(f, 0, 2, NEAP_WHY_REQUIRE, false);
	f->graph.joins.count = 1;
	f->order[f->graph.node_count++] = 2;
	f->run.summary = (struct neap_summary){ .update = 1, .unchanged = 1 };

	const char *first = json_text(f);
	assert_string_equal(first, json_text(f));
	json_t *root = json(f);
	assert_sorted(root); /* jansson keeps the order of the text */
	json_t *item = json_array_get(json_object_get(root, "resources"), 1);
	json_t *by = json_object_get(item, "requires");
	assert_string_equal(json_string_value(json_object_get(json_array_get(by, 0), "address")), "file[/a]");
	assert_string_equal(json_string_value(json_object_get(json_array_get(by, 0), "why")), "require");
	assert_string_equal(json_string_value(json_object_get(json_array_get(by, 1), "group")), "j1");
	json_t *group = json_object_get(json_object_get(root, "groups"), "j1");
	assert_string_equal(json_string_value(json_array_get(group, 0)), "file[/a]");

	char *copy = strdup(first), *id = strstr(copy, "\"id\":\""), hex[NEAP_DIGEST_HEX_SIZE];
	uint8_t digest[NEAP_DIGEST_SIZE];
	memmove(id, strchr(id, '\n') + 1, strlen(strchr(id, '\n')));
	neap_digest(copy, strlen(copy), digest);
	neap_digest_hex(digest, hex);
	assert_string_equal(json_string_value(json_object_get(root, "id")), hex);
	free(copy);

	f->results[0].action = NEAP_ACTION_CREATE;
	json_t *other = json(f);
	assert_string_not_equal(json_string_value(json_object_get(other, "id")), hex);
	json_decref(other);
	json_decref(root);
}

static void report__json_of_large_and_binary_values_is_size_and_digest(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	struct neap_diff *d = diff();
	char *large = neap_arena_bytes(arena, 70001);
	memset(large, 'a', 70000);
	large[70000] = 0;
	struct neap_content huge = { .size = 5000000000, .digest = { 0xab } };
	content(d, "\xff", neap_text(large), false);
	content(d, large, neap_text("public\n"), true);
	neap_diff_content(d, "content", &huge, &huge, NULL, true);
	neap_diff_content(d, "content", &huge, &huge, NULL, false);
	neap_diff_unknown(d, "target");
	keep(add(f, "/a", NEAP_ACTION_UPDATE), d);
	f->run.summary.update = 1;
	json_t *root = json(f);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(change(root, 0, 0), "before"), "size")),
		1);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(change(root, 0, 0), "before"), "sha256")),
		"a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(change(root, 0, 0), "after"), "size")),
		70000);
	json_t *hidden = json_object_get(change(root, 0, 1), "before");
	assert_int_equal(json_integer_value(json_object_get(hidden, "size")), 70000);
	assert_null(json_object_get(hidden, "sha256"));
	hidden = json_object_get(change(root, 0, 2), "before");
	assert_int_equal(json_integer_value(json_object_get(hidden, "size")), 5000000000);
	assert_null(json_object_get(hidden, "sha256"));
	assert_non_null(json_object_get(json_object_get(change(root, 0, 2), "after"), "sha256"));
	assert_non_null(json_object_get(json_object_get(change(root, 0, 3), "before"), "sha256"));
	assert_true(json_is_true(json_object_get(change(root, 0, 4), "unknown")));
	json_decref(root);
}

static void report__json_survives_bytes_that_are_not_utf8(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	add(f, "/\xff\"\\\x01\n", NEAP_ACTION_NONE);
	f->run.summary.unchanged = 1;
	json_t *root = json(f);
	json_t *item = json_array_get(json_object_get(root, "resources"), 0);
	assert_string_equal(json_string_value(json_object_get(item, "name")), "/\\xff\"\\\x01\n");
	json_decref(root);
}

/* ---- problems ----------------------------------------------------------------------------------------- */

static void report__a_hint_that_quotes_lines_shows_each_on_its_own(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_APPLY);
	struct neap_result *failed = add(f, "/x", NEAP_ACTION_UPDATE);
	failed->outcome = NEAP_OUTCOME_FAILED;
	neap_error_set(&failed->error, "start it: failed");
	neap_error_quote(&failed->error, "its journal:", "first\n\nlast \x1b[31m\n");
	f->run.summary = (struct neap_summary){ .failed = 1 };
	assert_string_equal(text(f, PLAIN), "apply failed: 1 failed\n"
					    "\n"
					    "x failed    file[/x] (site.lua:1): start it: failed\n"
					    "    its journal:\n"
					    "    first\n"
					    "    \n"
					    "    last \\x1b[31m\n");
	neap_error_free(failed->error);
	failed->error = NULL;
}

static void report__problems_name_place_resource_and_hint(void **state)
{
	(void)state;
	struct neap_problems problems = { .arena = arena };
	neap_problem_add(&problems, (struct neap_position){ "site.lua", 12 }, "file[/etc/x]",
			 "unknown parameter \"ownr\"");
	neap_problem_hint(&problems, "did you mean owner?");
	neap_problem_add(&problems, (struct neap_position){ 0 }, NULL, "bad \033[31m");
	neap_problem_warn(&problems, (struct neap_position){ "site.lua", 3 }, "-D color is never read");
	char *data = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&data, &len);
	neap_report_problems_text(out, &problems, false);
	fclose(out);
	assert_string_equal(data, "site.lua:3: warning: -D color is never read\n"
				  "site.lua:12: file[/etc/x]: unknown parameter \"ownr\"\n"
				  "    did you mean owner?\n"
				  "bad \\x1b[31m\n"
				  "2 errors; nothing was applied\n");
	free(data);
	out = open_memstream(&data, &len);
	neap_report_problems_json(out, &problems);
	fclose(out);
	json_t *root = json_loads(data, JSON_REJECT_DUPLICATES, NULL);
	assert_sorted(root);
	json_t *first = json_array_get(json_object_get(root, "errors"), 0);
	assert_int_equal(json_array_size(json_object_get(root, "errors")), 2);
	assert_string_equal(json_string_value(json_object_get(first, "file")), "site.lua");
	assert_int_equal(json_integer_value(json_object_get(first, "line")), 12);
	assert_string_equal(json_string_value(json_object_get(first, "address")), "file[/etc/x]");
	assert_string_equal(json_string_value(json_object_get(first, "hint")), "did you mean owner?");
	json_decref(root);
	free(data);
	neap_vec_done(&problems.errors);
	neap_vec_done(&problems.warnings);
}

/* ---- graph -------------------------------------------------------------------------------------------- */

static void report__graph_formats_escape_names_and_give_reasons(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_PLAN);
	add(f, "/a\"b\\", NEAP_ACTION_NONE);
	add(f, "/c<d>", NEAP_ACTION_NONE);
	edge(f, 0, 1, NEAP_WHY_AUTOREQUIRE, false);
	const char *wanted[] = {
		[NEAP_GRAPH_DOT] =
			"\t\"file[/a\\\"b\\\\]\" -> \"file[/c<d>]\" [label=\"autorequire\", style=dashed];\n",
		[NEAP_GRAPH_MERMAID] = "\tr1[\"file[/c#60;d#62;]\"]\n\tr0 -.->|autorequire| r1\n",
		[NEAP_GRAPH_JSON] =
			"\"requires\":[{\"address\":\"file[/a\\\"b\\\\]\",\"why\":\"autorequire\"}]",
	};
	for (unsigned format = 0; format < 3; format++) {
		char *data = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&data, &len);
		neap_report_graph(out, &f->graph, format);
		fclose(out);
		if (!strstr(data, wanted[format]))
			fail_msg("%s", data);
		if (format == NEAP_GRAPH_JSON) {
			json_t *root = json_loads(data, JSON_REJECT_DUPLICATES, NULL);
			assert_non_null(root);
			assert_sorted(root);
			json_decref(root);
		}
		free(data);
	}
}

/* ---- events ------------------------------------------------------------------------------------------- */

static json_t *event_of(struct fixture *f, uint32_t number)
{
	const struct neap_event event = { .run = "0123456789abcdef0123456789abcdef", .time = 951826154999 };
	struct neap_buf line NEAP_AUTO_BUF = { 0 };
	json_error_t error;
	neap_event_resource(&line, &event, &f->run, number);
	assert_int_equal(line.data[line.len - 1], '\n');
	assert_ptr_equal(strchr(line.data, '\n'), line.data + line.len - 1);
	json_t *root = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		fail_msg("%s in %s", error.text, line.data);
	return root;
}

static const char *member(const json_t *root, const char *name)
{
	return json_string_value(json_object_get(root, name));
}

static void report__an_event_names_parameters_and_no_values(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_APPLY);
	struct neap_diff *d = diff();
	neap_diff_mode(d, "mode", 0644, 0600);
	content(d, "before\n", neap_text("after\n"), false);
	neap_diff_reason(d, "because");
	neap_diff_promise(d, "it has been", "it will be");
	neap_diff_reason(d, "because");
	neap_diff_reason(d, "so");
	assert_string_equal(d->reason, "because; it will be; so");
	assert_string_equal(d->done, "because; it has been; so");
	d->reason = "because";
	struct neap_result *result = add(f, "/b\xff\n", NEAP_ACTION_UPDATE);
	keep(result, d);
	result->refresh = NEAP_MAYBE;
	result->seconds = 1.5f;
	json_t *root = event_of(f, 0);
	assert_string_equal(member(root, "address"), "file[/b\\xff\n]");
	assert_string_equal(member(root, "action"), "update");
	assert_string_equal(member(root, "outcome"), "changed");
	assert_string_equal(member(root, "reason"), "because");
	assert_string_equal(member(root, "refresh"), "unknown");
	assert_string_equal(member(root, "time"), "2000-02-29T12:09:14.999Z");
	assert_string_equal(member(root, "run"), "0123456789abcdef0123456789abcdef");
	assert_true(json_real_value(json_object_get(root, "seconds")) == 1.5);
	char *all = json_dumps(root, 0);
	assert_non_null(strstr(all, "\"changes\": [\"mode\", \"content\"]"));
	assert_null(strstr(all, "after"));
	assert_null(strstr(all, "before"));
	free(all);
	json_decref(root);
}

static void report__an_event_is_no_longer_than_a_pipe_takes_at_once(void **state)
{
	(void)state;
	struct fixture *f = fixture(NEAP_RUN_APPLY);
	struct neap_result *failed = add(f, "/x", NEAP_ACTION_UPDATE);
	char text[10000];
	for (size_t i = 0; i + 3 < sizeof text; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	failed->outcome = NEAP_OUTCOME_FAILED;
	failed->reason = text;
	neap_error_set(&failed->error, "%s", text);
	neap_error_hint(&failed->error, "%s", text);
	json_t *root = event_of(f, 0);
	static const char *const names[] = { "error", "hint", "reason" };
	for (size_t i = 0; i < 3; i++) {
		const char *cut = member(root, names[i]);
		assert_in_range(strlen(cut), 998, 1003);
		assert_string_equal(cut + strlen(cut) - 3, "\xe2\x80\xa6"); /* … */
		assert_null(strstr(cut, "\\x"));
	}
	char *all = json_dumps(root, 0);
	assert_true(strlen(all) < 4096);
	free(all);
	json_decref(root);
	neap_error_free(failed->error);
}

static int set_up(void **state)
{
	(void)state;
	arena = neap_arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	neap_arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report__nothing_to_do_is_one_line),
		cmocka_unit_test(report__text_of_a_plan),
		cmocka_unit_test(report__diff_shows_the_lines),
		cmocka_unit_test(report__secrets_and_what_they_replace_are_never_shown),
		cmocka_unit_test(report__what_a_file_holds_cannot_steer_the_terminal),
		cmocka_unit_test(report__long_values_are_cut_unless_verbose),
		cmocka_unit_test(report__lists_show_what_comes_and_goes),
		cmocka_unit_test(report__a_list_is_whole_but_in_short_text),
		cmocka_unit_test(report__words_of_a_list_are_quoted_where_they_must_be),
		cmocka_unit_test(report__lists_of_the_same_say_how_they_differ),
		cmocka_unit_test(report__verdict_comes_again_below_a_long_body),
		cmocka_unit_test(report__failures_say_where_and_why),
		cmocka_unit_test(report__unknown_and_refresh_name_their_cause),
		cmocka_unit_test(report__color_is_only_there_when_asked_for),
		cmocka_unit_test(report__json_keys_are_sorted_and_the_id_is_of_the_rest),
		cmocka_unit_test(report__json_of_large_and_binary_values_is_size_and_digest),
		cmocka_unit_test(report__json_survives_bytes_that_are_not_utf8),
		cmocka_unit_test(report__a_hint_that_quotes_lines_shows_each_on_its_own),
		cmocka_unit_test(report__problems_name_place_resource_and_hint),
		cmocka_unit_test(report__graph_formats_escape_names_and_give_reasons),
		cmocka_unit_test(report__an_event_names_parameters_and_no_values),
		cmocka_unit_test(report__an_event_is_no_longer_than_a_pipe_takes_at_once),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
