/* Facts: what is asked of a machine, the tree that a recipe walks, and the file that replaces a machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>

#include "base/document.h"
#include "engine/facts.h"
#include "host/machine.h"

struct fixture {
	struct neap_machine *machine;
	struct neap_arena *arena;
	struct neap_facts *facts;
	struct neap_problems problems;
	unsigned asked;
};

static int ask(void *ctx, enum neap_fact fact, struct neap_arena *arena,
	       struct neap_fact_answer answers[NEAP_FACT_COUNT], struct neap_error **err)
{
	struct fixture *f = ctx;

	f->asked++;
	return neap_facts_ask(&f->machine->view, fact, arena, answers, err);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	neap_host_memory_new(&f->machine);
	f->arena = neap_arena_new();
	f->facts = neap_facts_new(ask, f);
	f->problems.arena = f->arena;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neap_facts_free(f->facts);
	neap_machine_free(f->machine);
	neap_vec_done(&f->problems.errors);
	neap_vec_done(&f->problems.warnings);
	neap_arena_free(f->arena);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *path, const char *text)
{
	if (text)
		neap_host_memory_put(f->machine, path, NEAP_FILE_REGULAR, 0644, 0, 0, text, strlen(text));
}

/* Everything is forgotten. */
static void again(struct fixture *f)
{
	neap_machine_free(f->machine);
	neap_facts_free(f->facts);
	neap_host_memory_new(&f->machine);
	f->facts = neap_facts_new(ask, f);
}

/* By its name with points. 0 and *ret, which may be NULL, or the error. */
static int step(struct fixture *f, const char *name, struct neap_facts_node **ret, struct neap_error **err)
{
	struct neap_facts_node *node = neap_facts_root(f->facts);

	while (node) {
		size_t len = strcspn(name, ".");

		if (neap_facts_step(f->facts, node, (struct neap_str){ name, len }, &node, err) < 0)
			return -1;
		if (!name[len])
			break;
		name += len + 1;
	}
	*ret = node;
	return 0;
}

/* The text of a fact, NULL: nil, or "error: …". */
static const char *fact(struct fixture *f, const char *name)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_facts_node *node;

	if (step(f, name, &node, &err) < 0)
		return neap_arena_printf(f->arena, "error: %s%s%s", err->message, err->hint ? " | " : "",
					 err->hint ? err->hint : "");
	if (!node)
		return NULL;
	if (node->state == NEAP_FACTS_BRANCH)
		return "a branch";
	if (node->value.kind == NEAP_INTEGER)
		return neap_arena_printf(f->arena, "%lld", (long long)node->value.integer);
	if (node->value.kind == NEAP_LIST) {
		const char *text = "";

		for (size_t i = 0; i < node->value.list.count; i++)
			text = neap_arena_printf(f->arena, "%s[%.*s]", text,
						 (int)node->value.list.items[i].text.len,
						 node->value.list.items[i].text.data);
		return text;
	}
	assert_int_equal(node->value.kind, NEAP_STRING);
	return neap_arena_copy(f->arena, node->value.text.data, node->value.text.len);
}

static void is(const char *got, const char *wanted)
{
	if (!got || !wanted) {
		if (got != wanted)
			fail_msg("got %s, wanted %s", got ? got : "nil", wanted ? wanted : "nil");
		return;
	}
	if (strncmp(got, wanted, strlen(wanted)) != 0 || (wanted[0] != 'e' && strcmp(got, wanted) != 0))
		fail_msg("got %s, wanted %s", got, wanted);
}

#define NO_HOSTNAME "error: this machine has no fact \"hostname\": "
#define NO_FQDN "error: this machine has no fact \"fqdn\": "

static void facts__names_come_from_files_and_never_from_the_network(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *hostname, *hosts, *kernel; /* what is there */
		const char *name, *fqdn, *domain;
	} cases[] = {
		{ "web1\n", "127.0.1.1\tweb1.example.org web1\n", "other", "web1", "web1.example.org",
		  "example.org" },
		{ "# ours\n\n  web1.example.org  \r\n", "10.0.0.1 web1.other.net web1\n", NULL, "web1",
		  "web1.example.org", "example.org" },
		{ "web1", "10.0.0.1 web1 www web1.example.org\n", NULL, "web1", "web1.example.org",
		  "example.org" },
		{ "web1", "10.0.0.1 WEB1.example.org\n", NULL, "web1", "WEB1.example.org", "example.org" },
		{ "web1", "::1 localhost web1\n10.0.0.1 web1.b.org web1\n10.0.0.1 web1.c.org\n", NULL, "web1",
		  "web1.b.org", "b.org" },
		{ "web1", "#10.0.0.1 web1.example.org\n10.0.0.1 web11.example.org x # web1.example.org\n",
		  NULL, "web1", NO_FQDN "neither /etc/hostname nor /etc/hosts gives web1 a name", NULL },
		{ "web1", NULL, NULL, "web1", NO_FQDN "there is no /etc/hosts", NULL },
		{ "web1", "10.0.0.1 web1. web1..org\nweb1.example.org\n", NULL, "web1", NO_FQDN, NULL },
		{ NULL, NULL, "kern.example.org", "kern", "kern.example.org", "example.org" },
		{ "\n# none\n", NULL, "kern", "kern", NO_FQDN, NULL },
		{ NULL, NULL, "(none)", NO_HOSTNAME "there is no /etc/hostname",
		  NO_FQDN "there is no /etc/hostname", NULL },
		{ "\n", NULL, NULL, NO_HOSTNAME "/etc/hostname is empty", NO_FQDN, NULL },
		{ "two words", NULL, NULL, NO_HOSTNAME "what /etc/hostname says is no host name", NO_FQDN,
		  NULL },
		{ ".web", NULL, NULL, NO_HOSTNAME, NO_FQDN, NULL },
		{ "web\x1b[2J", NULL, NULL, NO_HOSTNAME, NO_FQDN, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		again(f);
		put(f, "/etc/hostname", cases[i].hostname);
		put(f, "/etc/hosts", cases[i].hosts);
		neap_host_memory_kernel(f->machine, "kernel.hostname", cases[i].kernel);
		is(fact(f, "hostname"), cases[i].name);
		is(fact(f, "fqdn"), cases[i].fqdn);
		is(fact(f, "domain"), cases[i].domain);
	}
}

static void facts__os_release_is_read_as_the_shell_reads_it(void **state)
{
	struct fixture *f = *state;

	put(f, "/usr/lib/os-release",
	    "# comment\nID=debian\nVERSION_ID=\"12\"\nID_LIKE='rhel fedora'\nPRETTY_NAME=\"A \\\"b\\\" \\$c "
	    "\\d 'e'\"\n"
	    "VERSION_CODENAME=bookworm\r\nVERSION_ID_X=9\nNAME=broken quote\"\n");
	neap_host_memory_put(f->machine, "/etc/os-release", NEAP_FILE_LINK, 0777, 0, 0,
			     "../usr/lib/os-release", 21);
	is(fact(f, "os.id"), "debian");
	is(fact(f, "os.version"), "12");
	is(fact(f, "os.codename"), "bookworm");
	is(fact(f, "os.id_like"), "[rhel][fedora]");
	is(fact(f, "os.name"), "A \"b\" $c \\d 'e'");
	assert_int_equal(f->asked, 1);
	again(f);
	put(f, "/etc/os-release", "ID=\nVERSION_ID=a b\nPRETTY_NAME='open\n");
	is(fact(f, "os.id"), "linux");
	is(fact(f, "os.name"), "Linux");
	is(fact(f, "os.id_like"), "");
	is(fact(f, "os.codename"), NULL);
	is(fact(f, "os.version"), NULL);
	again(f);
	is(fact(f, "os.version"), NULL);
	is(fact(f, "os.id"),
	   "error: this machine has no fact \"os.id\": there is no /etc/os-release | --facts");
}

static void facts__machine_id_is_32_digits_or_none(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";
	struct fixture *f = *state;
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "0123456789abcdef0123456789abcdef\n", id },
		{ "0123456789abcdef0123456789abcdef", id },
		{ "", "error: this machine has no fact \"machine_id\": /etc/machine-id is empty" },
		{ "uninitialized\n",
		  "error: this machine has no fact \"machine_id\": /etc/machine-id holds no machine id" },
		{ "0123456789abcdef0123456789abcdefa\n",
		  "error: this machine has no fact \"machine_id\": /e" },
		{ NULL, "error: this machine has no fact \"machine_id\": there is no /etc/machine-id" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		again(f);
		put(f, "/etc/machine-id", cases[i].text);
		is(fact(f, "machine_id"), cases[i].wanted);
	}
}

static void facts__of_the_kernel_are_what_it_says(void **state)
{
	struct fixture *f = *state;
	struct utsname names;
	const char *addresses = fact(f, "addresses");

	uname(&names);
	is(fact(f, "arch"), names.machine);
	is(fact(f, "kernel"), names.release);
	is(fact(f, "cpus"), neap_arena_printf(f->arena, "%ld", sysconf(_SC_NPROCESSORS_ONLN)));
	assert_true(strtoll(fact(f, "memory_mb"), NULL, 10) > 16);
	assert_null(strstr(addresses, "[127."));
	assert_null(strstr(addresses, "[::1]"));
	assert_null(strstr(addresses, "[fe80"));
	is(fact(f, "interfaces"), "a branch");
	assert_memory_equal(fact(f, "interfaces.lo"), "error", 5);
}

static void facts__cost_one_question_each_group_and_nothing_unasked(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/hostname", "web1.example.org\n");
	is(fact(f, "os"), "a branch");
	is(fact(f, "nosuch"), "error");
	assert_int_equal(f->asked, 0);
	assert_int_equal(neap_host_memory_calls(f->machine), 0);
	is(fact(f, "hostname"), "web1");
	is(fact(f, "fqdn"), "web1.example.org");
	is(fact(f, "hostname"), "web1");
	assert_int_equal(f->asked, 1);
}

static void facts__every_failing_read_is_an_error_that_names_the_fact(void **state)
{
	static const char *const names[] = { "fqdn", "os.id", "machine_id" };
	struct fixture *f = *state;
	unsigned failed = 0;

	for (size_t i = 0; i < 3; i++) {
		for (uint64_t call = 1;; call++) {
			const char *got;

			again(f);
			put(f, "/etc/hostname", "web1\n");
			put(f, "/etc/hosts", "10.0.0.1 web1.example.org\n");
			put(f, "/etc/os-release", "ID=x\n");
			put(f, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
			neap_host_memory_fail(f->machine, call, EIO);
			got = fact(f, names[i]);
			if (strncmp(got, "error", 5) != 0)
				break;
			is(got, neap_arena_printf(f->arena, "error: fact %s: ", names[i]));
			failed++;
		}
	}
	assert_true(failed > 10);
}

static void facts__every_known_one_can_be_asked_for_and_is_of_its_kind(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/hostname", "web1.example.org\n");
	put(f, "/etc/os-release", "VERSION_ID=1\nVERSION_CODENAME=c\n");
	put(f, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	for (size_t i = 0; i < NEAP_FACT_COUNT; i++) {
		const struct neap_fact_info *info = &neap_facts_known[i];
		struct neap_facts_node *node = NULL;

		assert_int_equal(step(f, info->name, &node, NULL), 0);
		assert_non_null(node);
		assert_string_equal(neap_facts_name(node, f->arena), info->name);
		assert_int_equal(info->doc[strlen(info->doc) - 1], '.');
		if (i > 0)
			assert_true(strcmp(neap_facts_known[i - 1].name, info->name) < 0);
		if (info->kind == NEAP_FACT_INTERFACE_MAP) {
			assert_int_equal(node->state, NEAP_FACTS_BRANCH);
			continue;
		}
		assert_int_equal(node->state, NEAP_FACTS_LEAF);
		assert_int_equal(node->value.kind, info->kind == NEAP_FACT_STRING    ? NEAP_STRING
						   : info->kind == NEAP_FACT_INTEGER ? NEAP_INTEGER
										     : NEAP_LIST);
	}
}

static void facts__missing_ones_are_errors_with_what_was_meant(void **state)
{
	struct fixture *f = *state;

	is(fact(f, "hostnam"), "error: there is no fact \"hostnam\" | did you mean \"hostname\"?");
	is(fact(f, "codename"), "error: there is no fact \"codename\" | did you mean \"os.codename\"?");
	is(fact(f, "os.idd"), "error: there is no fact \"os.idd\" | did you mean \"os.id\"?");
	is(fact(f, "colour"), "error: there is no fact \"colour\" | neap facts lists them; those of a site "
			      "come from --facts FILE");
	is(fact(f, "os."), "error: there is no fact \"os.\" | neap facts lists them");
}

/* ---- --facts FILE ------------------------------------------------------------------------------------ */

static int replace(struct fixture *f, const char *name, const char *text)
{
	f->problems.errors.count = 0;
	return neap_facts_replace(f->facts, name, neap_str(text), &f->problems);
}

static void facts__file_replaces_all_of_the_machines(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/hostname", "machine.example.org\n");
	assert_int_equal(replace(f, "f.yaml",
				 "hostname: web1\ncpus: 4\nos: { id: debian, codename: ~ }\n"
				 "site:\n  role: web\n  racks: [a, b]\n"),
			 0);
	is(fact(f, "hostname"), "web1");
	is(fact(f, "cpus"), "4");
	is(fact(f, "site.role"), "web");
	is(fact(f, "site.racks"), "[a][b]");
	is(fact(f, "os.codename"), NULL);
	is(fact(f, "os.version"), NULL);
	is(fact(f, "domain"), NULL);
	is(fact(f, "fqdn"), "error: f.yaml has no fact \"fqdn\" | --facts replaces all facts");
	is(fact(f, "sit"), "error: f.yaml has no fact \"sit\" | did you mean \"site\"?");
	is(fact(f, "site.rol"), "error: f.yaml has no fact \"site.rol\" | did you mean \"site.role\"?");
	assert_int_equal(f->asked, 0);
	assert_int_equal(neap_host_memory_calls(f->machine), 0);
}

static void facts__file_is_json_by_its_name_or_its_first_byte(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(replace(f, "f", "\n\t{\"a\": \"\\ud83d\\ude00\"}\n"), 0);
	is(fact(f, "a"), "\xf0\x9f\x98\x80");
	assert_int_equal(replace(f, "f.json", "a: 1\n"), -1);
	assert_int_equal(replace(f, "f.yaml", "a: 1\n"), 0);
	is(fact(f, "a"), "1");
}

static void facts__wrong_kinds_in_a_file_are_all_told_with_their_lines(void **state)
{
	static const struct {
		int line;
		const char *message;
	} wanted[] = {
		{ 1, "fact os.version is a string, not an integer" },
		{ 2, "fact addresses is a list of strings, and something in it is none" },
		{ 4, "fact interfaces is a map of names to { addresses = { strings }, mac = string }, and "
		     "something in it is not so" },
		{ 7, "fact cpus is an integer, not a string" },
		{ 8, "fact hostname is a string, not a list" },
	};
	struct fixture *f = *state;

	assert_int_equal(replace(f, "f.yaml",
				 "os: {id: debian, version: 12}\n"
				 "addresses: [10.0.0.1, 7]\n"
				 "x: { cpus: 1, hostname: [] }\n"
				 "interfaces:\n"
				 "  eth0: { mac: [] }\n"
				 "y: [cpus, hostname, 1]\n"
				 "cpus: '4'\n"
				 "hostname:\n- a\n"),
			 -1);
	assert_int_equal(f->problems.errors.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(f->problems.errors.items[i].message, wanted[i].message);
		assert_string_equal(f->problems.errors.items[i].at.file, "f.yaml");
		assert_int_equal(f->problems.errors.items[i].at.line, wanted[i].line);
	}
	assert_string_equal(f->problems.errors.items[0].hint, "in quotes it is a string");
	assert_int_equal(replace(f, "f.json", "{ \"hostname\": \"a\",\n\"os\":\n3 }"), -1);
	assert_int_equal(f->problems.errors.count, 1);
	assert_int_equal(f->problems.errors.items[0].at.line, 2);
	assert_string_equal(f->problems.errors.items[0].message, "fact os is a map, not an integer");
}

static void facts__file_that_is_no_map_is_refused(void **state)
{
	static const char *const texts[] = { "",   "- a\n",     "just text", "a: b: c", "a: 1\na: 2\n",
					     "*x", "{\"a\": 1", "\xff\xfe" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(replace(f, "f.yaml", texts[i]), -1);
		assert_int_equal(f->problems.errors.count, 1);
		assert_string_equal(f->problems.errors.items[0].at.file, "f.yaml");
	}
}

/* ---- what was used ----------------------------------------------------------------------------------- */

static const char *used(struct fixture *f)
{
	struct neap_value all = neap_facts_used(f->facts, f->arena), text;

	assert_int_equal(neap_json_write(f->arena, &all, false, &text, NULL), 0);
	return text.text.data;
}

static void use(struct fixture *f, const char *name)
{
	struct neap_facts_node *node = NULL;

	assert_int_equal(step(f, name, &node, NULL), 0);
	assert_non_null(node);
	node->used = true;
}

static void facts__used_ones_are_told_as_a_file_that_does_for_them(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(used(f), "{}\n");
	put(f, "/etc/hostname", "web1.example.org\n");
	put(f, "/etc/os-release", "ID=debian\nVERSION_ID=12\n");
	use(f, "os.version");
	fact(f, "hostname");
	assert_string_equal(used(f), "{\"os\":{\"version\":\"12\"}}\n");
	use(f, "domain");
	use(f, "os");
	assert_string_equal(used(f), "{\"domain\":\"example.org\",\"os\":{\"id\":\"debian\",\"id_like\":[],"
				     "\"name\":\"Linux\",\"version\":\"12\"}}\n");
	assert_int_equal(replace(f, "f", used(f)), 0);
	is(fact(f, "os.version"), "12");
	assert_int_equal(replace(f, "f.yaml", "a: { b: {}, c: { d: 1, e: 2 } }\n"), 0);
	use(f, "a.b");
	use(f, "a.c.e");
	assert_string_equal(used(f), "{\"a\":{\"b\":{},\"c\":{\"e\":2}}}\n");
}

#define fact_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fact_test(facts__names_come_from_files_and_never_from_the_network),
		fact_test(facts__os_release_is_read_as_the_shell_reads_it),
		fact_test(facts__machine_id_is_32_digits_or_none),
		fact_test(facts__of_the_kernel_are_what_it_says),
		fact_test(facts__cost_one_question_each_group_and_nothing_unasked),
		fact_test(facts__every_failing_read_is_an_error_that_names_the_fact),
		fact_test(facts__every_known_one_can_be_asked_for_and_is_of_its_kind),
		fact_test(facts__missing_ones_are_errors_with_what_was_meant),
		fact_test(facts__file_replaces_all_of_the_machines),
		fact_test(facts__file_is_json_by_its_name_or_its_first_byte),
		fact_test(facts__wrong_kinds_in_a_file_are_all_told_with_their_lines),
		fact_test(facts__file_that_is_no_map_is_refused),
		fact_test(facts__used_ones_are_told_as_a_file_that_does_for_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
