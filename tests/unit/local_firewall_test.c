/*
 * Landing rules on the real machine, with an iptables that only keeps books: a text for each table, and a
 * line for each program that was run. What lands together, in which order, and what fails with what.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/machine.h"
#include "host/state.h"

static char directory[32];

static const struct neap_table filter = { NEAP_FAMILY_IPV4, "filter" };
static const struct neap_table nat = { NEAP_FAMILY_IPV4, "nat" };

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void write_text(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(path_of(name), "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path_of(name), mode);
}

static const char *read_text(const char *name)
{
	static char text[4096];
	FILE *file = fopen(path_of(name), "re");

	text[file ? fread(text, 1, sizeof text - 1, file) : 0] = '\0';
	if (file)
		fclose(file);
	return text;
}

/* iptables-save prints what is in table-NAME; iptables-restore notes what it is given, and fails when a line
 * of it has FAIL. */
static const char save_program[] = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\nprintf '*%s\\n' $2\n"
				   "printf ':INPUT ACCEPT [0:0]\\n'\n"
				   "[ ! -f table-$2 ] || cat table-$2\necho COMMIT\n";
static const char restore_program[] =
	"#!/bin/sh\ncd \"$(dirname \"$0\")\"\ncat >input\n"
	"if grep -q FAIL input; then echo \"iptables-restore v1 (mock): no such thing\" >&2; "
	"echo \"Error occurred at line: $(grep -n FAIL input | head -n 1 | cut -d: -f1)\" >&2; exit 2; fi\n"
	"echo \"restore $(grep -v COMMIT input | tr '\\n' ';')\" >>log\n";

struct group {
	NEAP_VEC(struct neap_change) changes;
	struct neap_machine *machine;
	struct neap_state *state;
	uint32_t blocked; /* a step that may not go on */
	char failures[4096];
	int errnum; /* of the last */
};

static bool may(void *ctx, uint32_t step)
{
	return step != ((struct group *)ctx)->blocked;
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	struct group *group = ctx;
	size_t len = strlen(group->failures);

	snprintf(group->failures + len, sizeof group->failures - len, "%u: %s\n", step, err->message);
	group->errnum = err->errnum;
	neap_error_free(err);
}

static void begin(struct group *group)
{
	static const char *const gone[] = { "log", "table-filter", "table-nat", "a", "b" };

	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		unlink(path_of(gone[i]));
	*group = (struct group){ .blocked = UINT32_MAX };
	assert_int_equal(neap_state_open(path_of("state"), "/", 0, &group->state, NULL), 0);
	assert_int_equal(neap_host_local_new("/", group->state, &group->machine, NULL), 0);
}

static void end(struct group *group)
{
	neap_machine_free(group->machine);
	neap_state_close(group->state);
	neap_vec_done(&group->changes);
}

/* A change of `step`, which stands on what was held before the change number `behind`. */
static void hold(struct group *group, uint32_t step, uint64_t behind, const struct neap_table *table,
		 enum neap_firewall_change change, const char *rule)
{
	neap_vec_push(&group->changes, (struct neap_change){
					       .kind = NEAP_CHANGE_FIREWALL,
					       .step = step,
					       .path = "/rules",
					       .asked = "/rules",
					       .firewall = change,
					       .table = *table,
					       .chain = "INPUT",
					       .rule = rule,
					       .behind = behind,
				       });
}

static void hold_file(struct group *group, uint32_t step, uint64_t behind)
{
	static char path[128];

	snprintf(path, sizeof path, "%s", path_of("a"));
	neap_vec_push(&group->changes, (struct neap_change){
					       .kind = NEAP_CHANGE_WRITE,
					       .step = step,
					       .path = path,
					       .asked = path,
					       .content = { .data = "x", .size = 1 },
					       .mode = 0644,
					       .uid = geteuid(),
					       .gid = getegid(),
					       .absent = true,
					       .behind = behind,
				       });
}

static void land(struct group *group)
{
	const struct neap_commit commit = { .ctx = group, .may = may, .failed = failed };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	for (size_t i = 0; i < group->changes.count; i++)
		group->changes.items[i].serial = 100 + i;
	if (group->machine->ops->commit(group->machine, group->changes.items, group->changes.count, &commit,
					&err) < 0)
		fail_msg("%s", err->message);
}

#define A NEAP_FIREWALL_APPEND

static void land__changes_of_one_table_are_one_batch(void **state)
{
	struct group group;

	(void)state;
	begin(&group);
	hold(&group, 1, 0, &filter, A, "-p a");
	hold(&group, 2, 0, &nat, A, "-p b");
	hold(&group, 3, 101, &filter, NEAP_FIREWALL_PREPEND, "-p c");
	hold(&group, 4, 0, &nat, A, "-p d");
	land(&group);
	assert_string_equal(group.failures, "");
	assert_string_equal(read_text("log"), "restore *filter;-A INPUT -p a;-I INPUT -p c;\n"
					      "restore *nat;-A INPUT -p b;-A INPUT -p d;\n");
	end(&group);
}

static void land__none_comes_before_what_it_stands_on(void **state)
{
	struct group group;

	(void)state;
	begin(&group);
	hold(&group, 1, 0, &filter, A, "-p a");
	hold_file(&group, 2, 101);
	hold(&group, 3, 0, &filter, A, "-p b");   /* joins */
	hold(&group, 4, 102, &filter, A, "-p c"); /* stands on the file */
	hold(&group, 5, 0, &filter, A, "-p d");   /* with the last batch */
	hold(&group, 5, 0, &filter, A, "-p e");
	land(&group);
	assert_string_equal(group.failures, "");
	assert_string_equal(read_text("log"), "restore *filter;-A INPUT -p a;-A INPUT -p b;\n"
					      "restore *filter;-A INPUT -p c;-A INPUT -p d;-A INPUT -p e;\n");
	end(&group);
}

/* A step that writes a file first and then a rule has the rule after the file. */
static void land__the_changes_of_a_step_keep_their_order(void **state)
{
	struct group group;

	(void)state;
	begin(&group);
	hold(&group, 1, 0, &filter, A, "-p a");
	hold_file(&group, 2, 0);
	hold(&group, 2, 0, &filter, A, "-p b");
	land(&group);
	assert_string_equal(read_text("log"),
			    "restore *filter;-A INPUT -p a;\nrestore *filter;-A INPUT -p b;\n");
	end(&group);
}

static void land__all_of_a_refused_batch_fail_and_say_which_line(void **state)
{
	struct group group;

	(void)state;
	begin(&group);
	hold(&group, 1, 0, &filter, A, "-p a");
	hold(&group, 2, 0, &filter, A, "FAIL");
	hold(&group, 3, 0, &nat, A, "-p b");
	hold(&group, 4, 0, &filter, A, "-p c");
	hold(&group, 5, 0, &filter, A, "-p d");
	group.blocked = 5;
	land(&group);
	assert_string_equal(
		group.failures,
		"1: iptables-restore of table filter: exit 2 at \"-A INPUT FAIL\": no such thing\n"
		"2: iptables-restore of table filter: exit 2 at \"-A INPUT FAIL\": no such thing\n"
		"4: iptables-restore of table filter: exit 2 at \"-A INPUT FAIL\": no such thing\n");
	assert_string_equal(read_text("log"), "restore *nat;-A INPUT -p b;\n");
	end(&group);
}

/* The machine has no descriptor left: what is behind it goes with each of them. */
static void land__all_of_a_batch_fail_with_the_same_errno(void **state)
{
	struct rlimit before, none;
	struct group group;

	(void)state;
	begin(&group);
	hold(&group, 1, 0, &filter, A, "-p a");
	hold(&group, 2, 0, &filter, A, "-p b");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	land(&group);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_string_equal(group.failures, "1: run iptables-save: make a pipe: Too many open files\n"
					    "2: run iptables-save: make a pipe: Too many open files\n");
	assert_int_equal(group.errnum, EMFILE);
	end(&group);
}

static void land__who_may_not_go_on_is_left_out(void **state)
{
	struct group group;

	(void)state;
	begin(&group);
	hold(&group, 1, 0, &filter, A, "-p a");
	hold(&group, 2, 0, &filter, A, "FAIL");
	hold(&group, 3, 0, &filter, A, "-p c");
	group.blocked = 2;
	land(&group);
	assert_string_equal(group.failures, "");
	assert_string_equal(read_text("log"), "restore *filter;-A INPUT -p a;-A INPUT -p c;\n");
	end(&group);
}

static void land__what_others_have_done_is_not_done_again(void **state)
{
	struct group group;

	(void)state;
	begin(&group);
	write_text("table-filter",
		   "-A INPUT -p there\n-A INPUT -p twice\n-A INPUT -p twice\n-A INPUT -p moved\n", 0644);
	hold(&group, 1, 0, &filter, A, "-p there");
	hold(&group, 2, 0, &filter, NEAP_FIREWALL_REMOVE, "-p gone");
	hold(&group, 3, 0, &filter, NEAP_FIREWALL_REMOVE, "-p twice");
	hold(&group, 3, 0, &filter, NEAP_FIREWALL_REMOVE, "-p twice");
	hold(&group, 3, 0, &filter, NEAP_FIREWALL_REMOVE, "-p twice");
	hold(&group, 4, 0, &filter, NEAP_FIREWALL_REMOVE, "-p moved");
	hold(&group, 4, 0, &filter, A, "-p moved");
	hold(&group, 5, 0, &nat, NEAP_FIREWALL_REMOVE, "-p gone");
	land(&group);
	assert_string_equal(group.failures, "");
	assert_string_equal(
		read_text("log"),
		"restore *filter;-D INPUT -p twice;-D INPUT -p twice;-D INPUT -p moved;-A INPUT -p moved;\n");
	end(&group);
}

static void look__once_until_something_lands(void **state)
{
	const struct neap_ruleset *set;
	struct group group;

	(void)state;
	begin(&group);
	assert_int_equal(group.machine->view.reads->ruleset(&group.machine->view, &filter, &set, NULL), 0);
	assert_int_equal(neap_ruleset_chain(set, "INPUT")->rules.count, 0);
	write_text("table-filter", "-A INPUT -p late\n", 0644);
	assert_int_equal(group.machine->view.reads->ruleset(&group.machine->view, &filter, &set, NULL), 0);
	assert_int_equal(neap_ruleset_chain(set, "INPUT")->rules.count, 0);
	hold(&group, 1, 0, &nat, A, "-p a");
	land(&group);
	assert_int_equal(group.machine->view.reads->ruleset(&group.machine->view, &filter, &set, NULL), 0);
	assert_int_equal(neap_ruleset_chain(set, "INPUT")->rules.count, 1);
	end(&group);
}

/* As update-alternatives does: the name leads to another program. */
static void point_to(const char *program)
{
	unlink(path_of("iptables-save"));
	assert_int_equal(symlink(program, path_of("iptables-save")), 0);
}

static void look__a_program_may_have_changed_the_alternatives(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *const argv[] = { "true", NULL };
	const struct neap_process process = { .argv = argv };
	struct neap_process_result result;
	struct group group;

	(void)state;
	begin(&group);
	write_text("xtables-nft-multi", save_program, 0755);
	write_text("xtables-legacy-multi", save_program, 0755);
	point_to("xtables-nft-multi");
	assert_string_equal(neap_view_firewall_name(&group.machine->view, filter.family, arena),
			    "iptables-nft");
	point_to("xtables-legacy-multi");
	assert_int_equal(group.machine->ops->run(group.machine, &process, arena, &result, NULL), 0);
	assert_string_equal(neap_view_firewall_name(&group.machine->view, filter.family, arena),
			    "iptables-legacy");
	unlink(path_of("iptables-save"));
	write_text("iptables-save", save_program, 0755);
	end(&group);
}

static int make_directory(void **state)
{
	char *path = NULL;

	(void)state;
	strcpy(directory, "/tmp/neap-land-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	write_text("iptables-save", save_program, 0755);
	write_text("iptables-restore", restore_program, 0755);
	mkdir(path_of("state"), 0700);
	if (asprintf(&path, "%s:%s", directory, getenv("PATH")) < 0)
		return -1;
	setenv("PATH", path, 1);
	free(path);
	return 0;
}

static int remove_directory(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -r %s", directory);
	return system(command); /* NOLINT(cert-env33-c) */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(land__changes_of_one_table_are_one_batch),
		cmocka_unit_test(land__none_comes_before_what_it_stands_on),
		cmocka_unit_test(land__the_changes_of_a_step_keep_their_order),
		cmocka_unit_test(land__all_of_a_refused_batch_fail_and_say_which_line),
		cmocka_unit_test(land__all_of_a_batch_fail_with_the_same_errno),
		cmocka_unit_test(land__who_may_not_go_on_is_left_out),
		cmocka_unit_test(land__what_others_have_done_is_not_done_again),
		cmocka_unit_test(look__once_until_something_lands),
		cmocka_unit_test(look__a_program_may_have_changed_the_alternatives),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
