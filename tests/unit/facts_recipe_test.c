/* neap.facts as recipes see it, and secrets that a command prints. */
#include "recipe_fixture.h"

#include "base/document.h"

static unsigned asked;

/* A machine with a name, two systems of numbers and an interface. */
static int ask(void *ctx, enum neap_fact fact, struct neap_arena *arena,
	       struct neap_fact_answer answers[NEAP_FACT_COUNT], struct neap_error **err)
{
	static struct neap_value list[] = { { .kind = NEAP_STRING, .text = { "10.0.0.1", 8, NULL, 0 } } };
	static struct neap_pair link[] = { { { "mac", 3 },
					     { .kind = NEAP_STRING, .text = { "02:00", 5, NULL, 0 } } } };
	static struct neap_pair links[] = { { { "eth0", 4 }, { .kind = NEAP_MAP, .map = { link, 1 } } } };

	(void)ctx, (void)arena;
	asked++;
	answers[fact].asked = true;
	switch (fact) {
	case NEAP_FACT_HOSTNAME:
		answers[fact].value = neap_value_string("web1");
		return 0;
	case NEAP_FACT_CPUS:
		answers[fact].value = (struct neap_value){ .kind = NEAP_INTEGER, .integer = 4 };
		return 0;
	case NEAP_FACT_ADDRESSES:
		answers[fact].value = (struct neap_value){ .kind = NEAP_LIST, .list = { list, 1 } };
		return 0;
	case NEAP_FACT_INTERFACES:
		answers[fact].value = (struct neap_value){ .kind = NEAP_MAP, .map = { links, 1 } };
		return 0;
	case NEAP_FACT_OS_ID:
		answers[fact].value = neap_value_string("debian");
		return 0;
	case NEAP_FACT_KERNEL:
		return neap_error_set(err, "uname: no");
	default:
		answers[fact].why = "for no reason";
		return 0;
	}
}

static int facts_setup(void **state)
{
	struct recipe *recipe;

	if (recipe_setup(state) < 0)
		return -1;
	recipe = *state;
	recipe->facts = neap_facts_new(ask, NULL);
	asked = 0;
	return 0;
}

static int facts_teardown(void **state)
{
	struct recipe *recipe = *state;

	neap_facts_free(recipe->facts);
	return recipe_teardown(state);
}

static void facts__are_plain_values(void **state)
{
	recipe_prints(*state,
		      "local f = neap.facts print(f.hostname .. '!', f.cpus + 1, f.os.id, f.addresses[1],"
		      " #f.addresses, f.interfaces.eth0.mac, f.domain)",
		      "web1!\t5\tdebian\t10.0.0.1\t1\t02:00\tnil");
	recipe_prints(*state, "print(neap.facts, neap.facts.os, math.type(neap.facts.cpus))",
		      "facts\tfacts\tinteger");
}

static void facts__unread_ones_are_not_asked_for(void **state)
{
	recipe_ok(*state, "local f = neap.facts local os = f.os");
	assert_int_equal(asked, 0);
	recipe_ok(*state, "local a, b = neap.facts.hostname, neap.facts.hostname");
	assert_int_equal(asked, 1);
}

static void facts__cannot_be_changed(void **state)
{
	static const char *const tries[] = { "neap.facts.hostname = 'x'", "neap.facts.os.id = 1",
					     "neap.facts.new = 1", "neap.facts.os.new = 1" };

	for (size_t i = 0; i < 4; i++)
		recipe_fails(*state, tries[i], "a fact of the machine cannot be assigned", NULL);
	recipe_prints(*state,
		      "neap.facts.addresses[1] = 'x' print(neap.facts.addresses[1],"
		      " getmetatable(neap.facts))",
		      "10.0.0.1\tfalse");
	recipe_fails(*state, "rawset(neap.facts, 'a', 1)",
		     "bad argument #1 to 'rawset' (table expected, got facts)", NULL);
}

static void facts__missing_ones_are_errors_at_their_line(void **state)
{
	recipe_fails(*state, "local x = neap.facts.hostnam", "there is no fact \"hostnam\"",
		     "did you mean \"hostname\"?");
	recipe_fails(*state, "local x = neap.facts.fqdn", "this machine has no fact \"fqdn\": for no reason",
		     "--facts FILE can say it in the place of the machine");
	recipe_fails(*state, "local x = neap.facts.kernel", "fact kernel: uname: no", NULL);
	recipe_fails(*state, "local x = neap.facts[1]", "facts have names, a number is none", NULL);
	recipe_fails(*state, "local x = neap.facts.os .. ''",
		     "attempt to concatenate a facts value (field 'os')", NULL);
}

static void facts__pairs_walks_those_there_are_in_order(void **state)
{
	recipe_fails(*state, "for k in pairs(neap.facts) do end", "fact kernel: uname: no", NULL);
	recipe_prints(*state, "for k, v in pairs(neap.facts.os) do print(k, v) end", "id\tdebian");
	recipe_prints(*state, "for k, v in pairs(neap.facts.interfaces) do print(k, v.mac) end",
		      "eth0\t02:00");
}

static void facts__branches_are_values_for_encoders(void **state)
{
	recipe_prints(*state, "print(neap.json.encode { a = neap.facts.os, b = neap.facts.interfaces })",
		      "{\"a\":{\"id\":\"debian\"},\"b\":{\"eth0\":{\"mac\":\"02:00\"}}}\n");
	recipe_fails(*state, "neap.json.encode(neap.facts)", "neap.json.encode: fact kernel: uname: no",
		     NULL);
	recipe_fails(*state, "neap.template({ text = '<%= neap.facts.os %>' }, { neap = neap })",
		     "line 1 of the template: <%= neap.facts.os %> is a table of facts", NULL);
	recipe_prints(*state, "print(neap.template({ text = '<%= f.hostname %>' }, { f = neap.facts }))",
		      "web1");
}

static void facts__what_a_recipe_has_read_is_known_afterwards(void **state)
{
	static const struct {
		const char *body, *used;
	} cases[] = {
		{ "local os = neap.facts.os local d = neap.facts.domain", "{}\n" },
		{ "local a = neap.facts.os.id, neap.facts.addresses",
		  "{\"addresses\":[\"10.0.0.1\"],\"os\":{\"id\":\"debian\"}}\n" },
		{ "for k in pairs(neap.facts.interfaces) do end",
		  "{\"interfaces\":{\"eth0\":{\"mac\":\"02:00\"}}}\n" },
		{ "neap.json.encode(neap.facts.os)", "{\"os\":{\"id\":\"debian\"}}\n" },
		{ "pcall(function() return neap.facts.fqdn end)", "{}\n" },
	};
	struct recipe *recipe = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct neap_value used, text;

		neap_facts_free(recipe->facts);
		recipe->facts = neap_facts_new(ask, NULL);
		recipe_ok(recipe, cases[i].body);
		used = neap_facts_used(recipe->facts, recipe->arena);
		assert_int_equal(neap_json_write(recipe->arena, &used, false, &text, NULL), 0);
		assert_string_equal(text.text.data, cases[i].used);
	}
}

/* ---- secrets ----------------------------------------------------------------------------------------- */

static void secret__of_a_command_is_what_it_prints(void **state)
{
	struct recipe *recipe = *state;

	recipe_write(recipe, "sub/word", "deep\n");
	recipe_write(recipe, "sub/init.lua",
		     "local neap = require 'neap'\nreturn neap.secret { command = { 'cat', 'word' } }\n");
	recipe_ok(recipe,
		  "neap.thing { path = '/a', content = neap.secret { command = { 'printf', 'a b\\n\\n' } } }"
		  "neap.thing { path = '/b', content = require 'sub' .. '!' }");
	assert_string_equal(thing(recipe, 0)->content.data, "a b\n");
	assert_int_equal(thing(recipe, 0)->content.span_count, 1);
	assert_int_equal(thing(recipe, 0)->content.spans[0].len, 4);
	assert_string_equal(thing(recipe, 1)->content.data, "deep!");
	assert_int_equal(thing(recipe, 1)->content.spans[0].len, 4);
}

static void secret__command_runs_once_in_an_evaluation(void **state)
{
	struct recipe *recipe = *state;

	recipe_ok(recipe, "for i = 1, 2 do neap.thing { path = '/' .. i, content ="
			  " neap.secret { command = { 'cat', '/proc/sys/kernel/random/uuid' } } } end"
			  " neap.thing { path = '/3', content ="
			  " neap.secret { command = { 'cat', '-u', '/proc/sys/kernel/random/uuid' } } }");
	assert_string_equal(thing(recipe, 0)->content.data, thing(recipe, 1)->content.data);
	assert_string_not_equal(thing(recipe, 0)->content.data, thing(recipe, 2)->content.data);
}

static void secret__command_that_fails_says_nothing_of_its_output(void **state)
{
	struct recipe *recipe = *state;
	static const struct {
		const char *command, *message;
	} cases[] = {
		{ "'sh', '-c', 'echo hush; echo hush >&2; exit 3'",
		  "secret: the command sh ended with exit code 3" },
		{ "'sh', '-c', 'echo hush; kill -9 $$'", "secret: the command sh ended with exit code 137" },
		{ "'sh', '-c', 'head -c 65537 /dev/zero'", "secret: the command sh printed more than 64 KB" },
		{ "'true'", "secret: the command true printed nothing" },
		{ "'printf', '\\r\\n'", "secret: the command printf printed nothing" },
		{ "'/nonexistent'", "secret: run /nonexistent: No such file or directory" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[200];

		snprintf(body, sizeof(body), "neap.secret { command = { %s } }", cases[i].command);
		recipe_fails(recipe, body, cases[i].message, NULL);
		assert_null(strstr(recipe->printed, "hush"));
	}
	recipe_ok(recipe,
		  "neap.thing { path = '/a', content = neap.secret { command = { 'head', '-c', '65536',"
		  " '/dev/zero' } } }");
	assert_int_equal(thing(recipe, 0)->content.len, 65536);
}

static void secret__command_changes_nothing_as_root(void **state)
{
	struct recipe *recipe = *state;

	if (geteuid() != 0)
		skip();
	recipe_fails(recipe, "neap.secret { command = { 'sh', '-c', 'echo x >touched && echo done' } }",
		     "secret: the command sh ended with exit code 2", NULL);
	assert_int_equal(access(neap_arena_printf(recipe->arena, "%s/touched", recipe->directory), F_OK), -1);
}

static void secret__command_is_a_list_of_words(void **state)
{
	static const char list[] = "neap.secret { command = … } takes a list: the program and its arguments";

	recipe_fails(*state, "neap.secret { command = 'id' }", list, NULL);
	recipe_fails(*state, "neap.secret { command = {} }", list, NULL);
	recipe_fails(*state, "neap.secret { command = { a = 'b' } }", list, NULL);
	recipe_fails(*state, "neap.secret { command = { '' } }",
		     "neap.secret { command = … } names no program", NULL);
	recipe_fails(*state, "neap.secret { command = { 'id', 1 } }",
		     "neap.secret: command[2] is no word of a command", NULL);
	recipe_fails(*state, "neap.secret { command = { 'id', 'a\\0b' } }",
		     "neap.secret: command[2] is no word of a command", NULL);
	recipe_fails(
		*state, "neap.secret { command = { 'id', neap.secret { value = 'x' } } }",
		"neap.secret: command[2] is secret or not known yet, and everybody on the machine may see "
		"the words of a command",
		NULL);
	recipe_fails(*state, "neap.secret { command = { 'id', print } }",
		     "neap.secret: command[2]: a function cannot be a value", NULL);
}

#define facts_test(function) cmocka_unit_test_setup_teardown(function, facts_setup, facts_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		facts_test(facts__are_plain_values),
		facts_test(facts__unread_ones_are_not_asked_for),
		facts_test(facts__cannot_be_changed),
		facts_test(facts__missing_ones_are_errors_at_their_line),
		facts_test(facts__pairs_walks_those_there_are_in_order),
		facts_test(facts__branches_are_values_for_encoders),
		facts_test(facts__what_a_recipe_has_read_is_known_afterwards),
		recipe_test(secret__of_a_command_is_what_it_prints),
		recipe_test(secret__command_runs_once_in_an_evaluation),
		recipe_test(secret__command_that_fails_says_nothing_of_its_output),
		recipe_test(secret__command_changes_nothing_as_root),
		recipe_test(secret__command_is_a_list_of_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
