/* The command line: what is understood, and how what is not is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/cli.h"

static struct neap_arena *arena;
static struct neap_cli_options options;
static struct neap_error *err;

/* Words up to NULL. 0 or negative; `options` or `err` is set. */
static int parse(const char *word, ...)
{
	char *argv[32] = { "neap" };
	int argc = 1;
	va_list words;
	va_start(words, word);
	for (; word; word = va_arg(words, const char *))
		argv[argc++] = neap_arena_strdup(arena, word);
	va_end(words);
	neap_cli_options_done(&options);
	options = (struct neap_cli_options){ 0 };
	neap_error_free(err);
	err = NULL;
	return neap_cli_parse(arena, argc, argv, &options, &err);
}

#define refused(said, hinted, ...)                                                                           \
	do {                                                                                                 \
		assert_true(parse(__VA_ARGS__, NULL) < 0);                                                   \
		assert_string_equal(err->message, said);                                                     \
		assert_string_equal(err->hint ? err->hint : "", hinted);                                     \
	} while (0)

static void cli__options_and_recipe_come_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(parse("--root", "/r", "-v", "plan", "--diff", "site.lua", "--format=json", "-Da=b",
			       "-D", "c=d=e", "-vq", NULL),
			 0);
	assert_ptr_equal(options.verb, &neap_cli_plan);
	assert_string_equal(options.operand, "site.lua");
	assert_string_equal(options.root, "/r");
	assert_int_equal(options.verbose, 2);
	assert_true(options.diff && options.quiet);
	assert_int_equal(options.format, NEAP_CLI_JSON);
	assert_int_equal(options.params.count, 2);
	assert_string_equal(options.params.items[1].name, "c");
	assert_string_equal(options.params.items[1].value, "d=e");
}

static void cli__words_after_two_dashes_are_no_options(void **state)
{
	(void)state;
	assert_int_equal(parse("plan", "--", "--diff", NULL), 0);
	assert_string_equal(options.operand, "--diff");
	assert_false(options.diff);
	assert_int_equal(parse("plan", "-", NULL), 0);
	assert_string_equal(options.operand, "-");
}

static void cli__params_are_sorted_and_the_last_of_a_name_wins(void **state)
{
	(void)state;
	assert_int_equal(parse("plan", "x", "-Db=1", "-Da=", "-Db=2", "-Dc=3", "-Db=4", NULL), 0);
	assert_int_equal(options.params.count, 3);
	assert_string_equal(options.params.items[0].name, "a");
	assert_string_equal(options.params.items[0].value, "");
	assert_string_equal(options.params.items[1].value, "4");
	assert_string_equal(options.params.items[2].name, "c");
	refused("-D takes name=value, not \"color\"", "as in -D color=blue", "plan", "x", "-D", "color");
	refused("-D takes name=value, not \"=x\"", "as in -D color=blue", "plan", "x", "-D=x");
}

static void cli__wrong_words_get_the_nearest_right_one(void **state)
{
	(void)state;
	refused("unknown option --foramt", "did you mean --format?", "plan", "--foramt", "json", "x");
	refused("unknown option -z", "neap help lists the options", "plan", "-z", "x");
	refused("unknown verb \"appli\"", "did you mean neap apply?", "appli", "x");
	refused("unknown verb \"zzzzzzzz\"", "neap help lists the verbs", "zzzzzzzz");
	refused("--format takes text or json, not \"jsn\"", "did you mean json?", "plan", "--format", "jsn",
		"x");
	refused("--format takes dot, mermaid or json, not \"text\"", "", "graph", "--format=text", "x");
}

static void cli__what_does_not_exist_yet_is_refused_by_name(void **state)
{
	(void)state;
	refused("--plan does not exist yet in neap " NEAP_VERSION, "", "apply", "--plan", "f", "x");
	refused("--inventory does not exist yet in neap " NEAP_VERSION, "", "plan", "--inventory=f", "x");
	refused("-l does not exist yet in neap " NEAP_VERSION, "", "plan", "-l", "h", "x");
	refused("neap show does not exist yet in neap " NEAP_VERSION, "", "show");
}

static void cli__an_option_of_another_verb_says_whose_it_is(void **state)
{
	(void)state;
	refused("neap plan has no option --detailed-exitcode", "it is for neap apply", "plan",
		"--detailed-exitcode", "x");
	refused("neap check has no option --diff", "it is for neap plan, apply", "check", "--diff", "x");
	refused("neap version has no option -D", "it is for neap plan, apply, check, graph", "version",
		"-Da=b");
}

static void cli__values_must_be_there_where_one_is_taken_and_only_there(void **state)
{
	(void)state;
	refused("--root needs a value: DIR", "", "plan", "x", "--root");
	refused("--root needs a value: DIR", "", "plan", "x", "--root=");
	refused("-D needs a value: name=value", "", "plan", "x", "-D");
	refused("--diff takes no value", "", "plan", "--diff=yes", "x");
}

static void cli__one_recipe_no_more_no_less(void **state)
{
	(void)state;
	refused("neap plan: no recipe given",
		"neap plan RECIPE: a file, a directory with an init.lua, or @name", "plan");
	refused("neap apply takes one recipe, not \"a\" and \"b\"", "", "apply", "a", "b");
	refused("neap version takes no \"a\"", "", "version", "a");
	refused("no verb given", "neap help lists them", "-v");
	assert_int_equal(parse("plan", "--help", NULL), 0);
	assert_true(options.help);
	assert_int_equal(parse("--help", NULL), 0);
	assert_int_equal(parse("--version", NULL), 0);
	assert_ptr_equal(options.verb, &neap_cli_version);
}

static void cli__durations_have_units(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned seconds;
	} good[] = { { "0s", 0 },     { "30s", 30 },    { "5m", 300 },      { "2h", 7200 },
		     { "1d", 86400 }, { "1w", 604800 }, { "1y", 31536000 }, { "4294967295s", 4294967295u } };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(parse("apply", "x", "--lock-wait", good[i].text, NULL), 0);
		assert_int_equal(options.lock_wait, good[i].seconds);
	}
	refused("--lock-wait takes a duration, not \"30\"", "a number and s, m, h, d, w or y, as in 30s",
		"apply", "x", "--lock-wait=30");
	refused("--lock-wait takes a duration, not \"s\"", "a number and s, m, h, d, w or y, as in 30s",
		"apply", "x", "--lock-wait=s");
	refused("--lock-wait takes a duration, not \"-1s\"", "a number and s, m, h, d, w or y, as in 30s",
		"apply", "x", "--lock-wait=-1s");
	refused("--lock-wait: 200y is too long", "", "apply", "x", "--lock-wait=200y");
	refused("--lock-wait: 4294967296s is too long", "", "apply", "x", "--lock-wait=4294967296s");
	assert_true(parse("apply", "x", "--lock-wait=99999999999999999999999999s", NULL) < 0);
	refused("--eval-timeout: at least 1s", "", "plan", "x", "--eval-timeout=0s");
}

/* Every option shows on the screen of each verb that takes it, and no line is wider than a terminal. */
static void cli__screens_fit_a_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; neap_cli_verbs[i]; i++) {
		char *data = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&data, &len);
		neap_cli_print_help(out);
		neap_cli_print_verb_help(out, neap_cli_verbs[i]);
		fclose(out);
		for (const char *line = data; *line;) {
			size_t width = strcspn(line, "\n");
			if (width > 80)
				fail_msg("%.*s", (int)width, line);
			line += width + 1;
		}
		assert_non_null(strstr(data, "--help"));
		free(data);
	}
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
	neap_cli_options_done(&options);
	neap_error_free(err);
	neap_arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cli__options_and_recipe_come_in_any_order),
		cmocka_unit_test(cli__words_after_two_dashes_are_no_options),
		cmocka_unit_test(cli__params_are_sorted_and_the_last_of_a_name_wins),
		cmocka_unit_test(cli__wrong_words_get_the_nearest_right_one),
		cmocka_unit_test(cli__what_does_not_exist_yet_is_refused_by_name),
		cmocka_unit_test(cli__an_option_of_another_verb_says_whose_it_is),
		cmocka_unit_test(cli__values_must_be_there_where_one_is_taken_and_only_there),
		cmocka_unit_test(cli__one_recipe_no_more_no_less),
		cmocka_unit_test(cli__durations_have_units),
		cmocka_unit_test(cli__screens_fit_a_terminal),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
