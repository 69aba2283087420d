/*
 * Rules and chains of the packet filter among others who are at work in it: recipes of random rules, chains
 * and commands; between a plan and its apply others add and remove rules of theirs, and in between rules of
 * the recipe are damaged. The plan is true all the same, the second plan is empty, and no rule of others is
 * touched but where the recipe says so. Every call fails once, and the power goes at every call. Some changes
 * wait for a confirmation; where none comes all is as it was, but for what others have done.
 *
 * NEAP_SEED=n starts elsewhere, NEAP_ROUNDS=n runs more, NEAP_ONLY=n runs one seed and prints it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/run.h"
#include "tests/support/refine.h"
#include "tests/support/snippets.h"

#define RESOURCES_MAX 8
#define CYCLES 3

/* Chains: INPUT and FORWARD are shared, KEPT is made and shared, OWN is the recipe's, DOCKER is others'. */
static const char *const snippets[] = {
	"iptables_rule { @ chain = \"{INPUT|FORWARD|KEPT}\", rule = \"-s "
	"{10.0.0.1|10.0.0.2,10.0.0.1|10.0.0.1/32|10.0.0.3} "
	"-j {ACCEPT|DROP|OWN|KEPT}\", position = \"{last|first}\" }",
	"iptables_rule { @ chain = \"{INPUT|FORWARD|DOCKER}\", rule = \"-p {tcp|udp  |icmp} -j "
	"{ACCEPT|DROP}\" }",
	"iptables_rule { @ chain = \"{INPUT|FORWARD|OWN|DOCKER}\", rule = \"{-s  10.0.0.1  -j ACCEPT|-s "
	"10.0.0.3/32 -j DROP|-j "
	"OWN|-p tcp -j ACCEPT|-p  udp -j DROP}\", ensure = \"absent\" }",
	"iptables_rule { @ family = \"ipv6\", table = \"nat\", chain = \"POSTROUTING\", rule = \"-s "
	"{fd00::1|fd00::2} -j "
	"MASQUERADE\" }",
	"iptables_rule { @ chain = \"INPUT\", rule = \"{-j OWN|-j LATER|-j DOCKER|REFUSED}\" }",
	"iptables_chain { @ name = \"OWN\", rules = { \"-s 10.0.0.{1|2|3} -j ACCEPT\", \"{-j DROP|-p tcp|-s "
	"10.0.0.4,10.0.0.5}\" } }",
	"iptables_chain { @ name = \"OWN\", rules = { \"{-p tcp|-j DROP}\", \"-s 10.0.0.{1|2|3} -j ACCEPT\", "
	"\"-s 10.0.0.8\" } }",
	"iptables_chain { @ name = \"KEPT\", rules = { \"-s 10.0.0.{1|2|3} -j ACCEPT\", \"{-j DROP|-p tcp}\" "
	"}, foreign = "
	"\"keep\" }",
	"iptables_chain { @ name = \"{INPUT|FORWARD}\", policy = {nil|\"DROP\"|\"ACCEPT\"}, rules = { \"-s "
	"10.0.0.{1|2} -j "
	"ACCEPT\", \"{-j DROP|-p tcp -j ACCEPT|-j OWN}\" } }",
	"iptables_chain { @ name = \"{OWN|KEPT}\" }",
	"iptables_chain { @ name = \"{OWN|KEPT}\", ensure = \"absent\" }",
	"exec { @ name = \"x{1|2}\", command = { \"make\" } }",
	"file { @ path = \"/srv/{a|b}\", content = \"x\" }",
};

static const struct neap_table filter = { NEAP_FAMILY_IPV4, "filter" };
static const struct neap_table nat6 = { NEAP_FAMILY_IPV6, "nat" };
static const struct neap_table *const tables[] = { &filter, &nat6 };
static char directory[32];

/* ---- machines -------------------------------------------------------------------------------------- */

/* A command: somebody's program that makes a chain and a rule in it. */
static int run_program(struct neap_machine *machine, const struct neap_process *process, void *ctx)
{
	(void)process;
	(void)ctx;
	neap_host_memory_rule(machine, &filter, "LATER", "-p foreign", true);
	return 0;
}

static struct neap_machine *make_machine(void)
{
	struct neap_machine *machine;

	assert_int_equal(neap_host_memory_new(&machine), 0);
	neap_host_memory_put(machine, "/srv", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
	neap_host_memory_rule(machine, &filter, "DOCKER", "-p foreign 0", true);
	neap_host_memory_on_run(machine, run_program, NULL);
	return machine;
}

/* Chains and rules as text; `only`: of rules those that hold it, and only where nobody may remove them. */
static const char *dump(const struct neap_machine *machine, const char *only, struct neap_arena *arena)
{
	NEAP_AUTO_BUF struct neap_buf out = { 0 };

	for (size_t t = 0; t < 2; t++) {
		const struct neap_ruleset *set;

		assert_int_equal(machine->view.reads->ruleset(&machine->view, tables[t], &set, NULL), 0);
		for (size_t i = 0; i < set->chains.count; i++) {
			const struct neap_chain *chain = set->chains.items[i];

			if (!chain ||
			    (only && (strcmp(chain->name, "OWN") == 0 || strcmp(chain->name, "KEPT") == 0)))
				continue;
			neap_buf_printf(&out, "%s %s %s:", tables[t]->name, chain->name,
					!only && chain->policy ? chain->policy : "-");
			for (size_t j = 0; j < chain->rules.count; j++)
				if (!only || strstr(chain->rules.items[j], only))
					neap_buf_printf(&out, " [%s]", chain->rules.items[j]);
			neap_buf_putc(&out, '\n');
		}
	}
	return neap_arena_copy(arena, out.data ? out.data : "", out.len);
}

/* Others at work where they may be. */
static void churn(struct world_random *random, struct neap_machine *machine)
{
	static const char *const chains[] = { "INPUT", "FORWARD", "DOCKER", "KUBE" };
	char rule[32];

	for (unsigned n = world_random(random, 5); n > 0; n--) {
		const char *chain = chains[world_random(random, 4)];

		snprintf(rule, sizeof rule, "-p foreign %u", world_random(random, 6));
		neap_host_memory_rule(machine, &filter, chain, rule, world_random(random, 3) > 0);
	}
}

/* A rule of the recipe's comes or goes, or a chain. */
static void damage(struct world_random *random, struct neap_machine *machine)
{
	static const char *const chains[] = { "INPUT", "FORWARD", "OWN", "KEPT" };
	static const char *const rules[] = { "-s 10.0.0.1/32 -j ACCEPT",
					     "-s 10.0.0.2/32 -j ACCEPT",
					     "-j DROP",
					     "-p tcp",
					     "-p tcp -j ACCEPT",
					     "-j OWN" };
	unsigned chain = world_random(random, 4), rule = world_random(random, 8);

	churn(random, machine);
	if (rule == 6)
		neap_host_memory_rule(machine, &nat6, "POSTROUTING", "-s fd00::1/128 -j MASQUERADE",
				      world_random(random, 2));
	else
		neap_host_memory_rule(machine, &filter, chains[chain], rule < 6 ? rules[rule] : NULL,
				      rule < 6 && world_random(random, 3) > 0);
}

/* ---- rounds ---------------------------------------------------------------------------------------- */

static unsigned planned, refused, failures, unknowns, changes;

static struct neap_run *go(const struct neap_test_recipe *recipe, struct neap_machine *machine,
			   enum neap_run_mode mode)
{
	struct neap_run_options options = { .mode = mode };

	return neap_run(recipe->graph, machine, &options);
}

static void print_run(const char *title, const struct neap_run *run)
{
	print_error("%s:\n", title);
	for (uint32_t i = 0; i < run->graph->resources.count; i++)
		print_error("  %s: %s %s%s%s\n", run->graph->resources.items[i].address,
			    neap_outcome_name(run->results[i].outcome),
			    neap_action_name(run->results[i].action), run->results[i].error ? ": " : "",
			    run->results[i].error ? run->results[i].error->message : "");
}

static void cycle(uint64_t seed, const struct neap_test_recipe *recipe, struct neap_machine *machine,
		  struct world_random *random)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *before = dump(machine, NULL, arena), *others;
	struct neap_run *plan = go(recipe, machine, NEAP_RUN_PLAN), *apply, *second;
	const char *wrong = NULL;
	uint32_t at = 0;

	if (strcmp(before, dump(machine, NULL, arena)) != 0)
		wrong = "the plan changed the machine";
	churn(random, machine);
	others = dump(machine, "foreign", arena);
	apply = go(recipe, machine, NEAP_RUN_APPLY);
	if (!wrong && !strstr(dump(machine, "foreign", arena), "LATER") &&
	    strcmp(others, dump(machine, "foreign", arena)) != 0)
		wrong = "rules of others were touched";
	churn(random, machine);
	second = go(recipe, machine, NEAP_RUN_PLAN);
	for (uint32_t i = 0; !wrong && i < recipe->graph->resources.count; i++) {
		const struct neap_result *p = &plan->results[i], *a = &apply->results[i];

		at = i;
		planned++;
		failures += p->outcome == NEAP_OUTCOME_FAILED;
		unknowns += p->action == NEAP_ACTION_UNKNOWN;
		changes += a->outcome == NEAP_OUTCOME_CHANGED;
		wrong = neap_test_refines(p, a);
		if (a->outcome == NEAP_OUTCOME_SKIPPED && plan->summary.unknown > 0)
			wrong = NULL; /* for what was unknown has failed */
		else if (!wrong && a->outcome == NEAP_OUTCOME_SKIPPED && p->outcome != NEAP_OUTCOME_SKIPPED)
			wrong = "skipped in the apply, not in the plan";
		if (!wrong && a->outcome <= NEAP_OUTCOME_CHANGED &&
		    strcmp(recipe->graph->resources.items[i].type->name, "exec") != 0 &&
		    second->results[i].outcome != NEAP_OUTCOME_FAILED &&
		    second->results[i].action != NEAP_ACTION_NONE &&
		    second->results[i].action != NEAP_ACTION_UNKNOWN)
			wrong = "the second plan is not empty";
	}
	if (wrong) {
		char path[64], text[8192];
		FILE *file;

		print_error("seed %llu: %s: %s\nbefore:\n%sthen:\n%s", (unsigned long long)seed,
			    recipe->graph->resources.items[at].address, wrong, before,
			    dump(machine, NULL, arena));
		print_run("plan", plan);
		print_run("apply", apply);
		print_run("second plan", second);
		snprintf(path, sizeof path, "%s/site.lua", directory);
		file = fopen(path, "re");
		text[file ? fread(text, 1, sizeof text - 1, file) : 0] = '\0';
		print_error("%s", text);
		fail();
	}
	neap_run_free(second);
	neap_run_free(apply);
	neap_run_free(plan);
}

/* Of resources of the packet filter about one of `among` waits for its confirmation. */
static void let_wait(struct world_random *random, const struct neap_buf *from, unsigned among,
		     struct neap_buf *text)
{
	const char *at = from->data, *next;

	while ((next = strstr(at, "neap.iptables_"))) {
		size_t len = (size_t)(next - at) + strcspn(next, "{") + 1;

		neap_buf_append(text, at, len);
		if (world_random(random, among) == 0)
			neap_buf_puts(text, " confirm_within = \"5s\",");
		at += len;
	}
	neap_buf_puts(text, at);
}

static void draw_among(uint64_t seed, unsigned among, struct world_random *random,
		       struct neap_test_recipe *recipe)
{
	NEAP_AUTO_BUF struct neap_buf drawn = { 0 }, text = { 0 };

	*random = (struct world_random){ seed };
	neap_buf_puts(&drawn, "local neap = require \"neap\"\nlocal r = {}\n");
	neap_test_draw(random, snippets, sizeof snippets / sizeof *snippets,
		       1 + world_random(random, RESOURCES_MAX), &drawn);
	let_wait(random, &drawn, among, &text);
	neap_test_write(directory, &text);
	neap_test_evaluate(directory, recipe);
	refused += !recipe->graph;
}

static void draw(uint64_t seed, struct world_random *random, struct neap_test_recipe *recipe)
{
	draw_among(seed, 4, random, recipe);
}

static unsigned number_from(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void firewall__plans_are_true_whatever_others_do(void **state)
{
	unsigned first = number_from("NEAP_ONLY", number_from("NEAP_SEED", 1));
	unsigned rounds = getenv("NEAP_ONLY") ? 1 : number_from("NEAP_ROUNDS", 4000);

	(void)state;
	for (unsigned seed = first; seed < first + rounds; seed++) {
		struct neap_test_recipe recipe;
		struct world_random random;
		struct neap_machine *machine;

		draw(seed, &random, &recipe);
		machine = make_machine();
		for (unsigned i = 0; recipe.graph && i < CYCLES; i++) {
			for (unsigned n = world_random(&random, 4); n > 0; n--)
				damage(&random, machine);
			cycle(seed, &recipe, machine, &random);
		}
		neap_machine_free(machine);
		neap_test_recipe_done(&recipe);
	}
	print_message("%u recipes refused, %u resources planned, %u failed, %u unknown, %u changed\n",
		      refused, planned, failures, unknowns, changes);
	if (rounds > 100)
		assert_true(changes > planned / 20 && unknowns > 0 && failures > 0);
}

static void walk_calls(uint64_t seed, bool dies)
{
	uint64_t calls = 1;

	for (uint64_t call = 1; call <= calls; call++) {
		struct neap_test_recipe recipe;
		struct world_random random;
		struct neap_machine *machine;

		draw(seed, &random, &recipe);
		if (!recipe.graph) {
			neap_test_recipe_done(&recipe);
			return;
		}
		machine = make_machine();
		for (unsigned n = 0; n < 3; n++)
			damage(&random, machine);
		if (dies)
			neap_host_memory_die(machine, call);
		else
			neap_host_memory_fail(machine, call, EIO);
		neap_run_free(go(&recipe, machine, NEAP_RUN_APPLY));
		calls = neap_host_memory_calls(machine);
		neap_host_memory_fail(machine, 0, 0);
		neap_host_memory_expire(machine); /* its clock is another's */
		cycle(seed, &recipe, machine, &random);
		neap_machine_free(machine);
		neap_test_recipe_done(&recipe);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A line for each chain, sorted: a chain that was made again is the last. Without the one that a command of
 * the recipe makes. */
static const char *dump_rules(const struct neap_machine *machine, struct neap_arena *arena)
{
	char *text = (char *)(uintptr_t)dump(machine, NULL, arena), *lines[32];
	NEAP_AUTO_BUF struct neap_buf out = { 0 };
	size_t count = 0;

	for (char *line = strtok(text, "\n"); line && count < 32; line = strtok(NULL, "\n"))
		if (!strstr(line, "filter LATER"))
			lines[count++] = line;
	qsort(lines, count, sizeof *lines, by_text);
	for (size_t i = 0; i < count; i++)
		neap_buf_printf(&out, "%s\n", lines[i]);
	return neap_arena_copy(arena, out.data, out.len);
}

/* Nothing is confirmed: whatever call fails, or at whatever one neap is killed, all rules are as they were.
 */
static unsigned walk_unconfirmed(uint64_t seed)
{
	unsigned taken_back = 0;

	for (uint64_t call = 0, calls = 1; call <= calls; call++) {
		struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
		struct neap_test_recipe recipe;
		struct world_random random;
		struct neap_machine *machine;
		struct neap_run *run;
		const char *before;

		draw_among(seed, 1, &random, &recipe);
		if (!recipe.graph) {
			neap_test_recipe_done(&recipe);
			return 0;
		}
		machine = make_machine();
		for (unsigned n = 0; n < 4; n++)
			damage(&random, machine);
		/* A jump to nowhere, which damage may leave, is none of a real machine. */
		if (strstr(dump(machine, NULL, arena), "[-j OWN]"))
			neap_host_memory_rule(machine, &filter, "OWN", NULL, true);
		before = dump_rules(machine, arena);
		neap_host_memory_confirms(machine, false);
		if (world_random(&random, 2))
			neap_host_memory_die(machine, call);
		else
			neap_host_memory_fail(machine, call, EIO);
		run = go(&recipe, machine, NEAP_RUN_APPLY);
		if (!call)
			calls = neap_host_memory_calls(machine);
		for (uint32_t i = 0; i < run->graph->resources.count; i++)
			taken_back += run->results[i].error &&
				      strstr(run->results[i].error->message, "has been taken back") != NULL;
		neap_host_memory_fail(machine, 0, 0);
		neap_host_memory_expire(machine);
		if (strcmp(before, dump_rules(machine, arena)) != 0) {
			print_error("seed %llu, call %llu:\nbefore:\n%sthen:\n%s", (unsigned long long)seed,
				    (unsigned long long)call, before, dump_rules(machine, arena));
			print_run("apply", run);
			fail();
		}
		neap_run_free(run);
		/* And once somebody is there it comes about. */
		neap_host_memory_confirms(machine, true);
		cycle(seed, &recipe, machine, &random);
		neap_machine_free(machine);
		neap_test_recipe_done(&recipe);
	}
	return taken_back;
}

static void firewall__what_nobody_confirms_is_as_it_was(void **state)
{
	unsigned seed = number_from("NEAP_SEED", 1), rounds = number_from("NEAP_ROUNDS", 4000) / 40;
	unsigned taken_back = 0;

	(void)state;
	for (unsigned i = 0; i < rounds; i++)
		taken_back += walk_unconfirmed(seed + i);
	print_message("%u changes taken back\n", taken_back);
	assert_true(taken_back > rounds);
}

static void firewall__a_call_that_failed_is_made_up_for(void **state)
{
	unsigned seed = number_from("NEAP_SEED", 1), rounds = number_from("NEAP_ROUNDS", 4000) / 40;

	(void)state;
	for (unsigned i = 0; i < rounds; i++) {
		walk_calls(seed + i, false);
		walk_calls(seed + i, true);
	}
}

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/neap-rules-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof path, "%s/site.lua", directory);
	unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(firewall__plans_are_true_whatever_others_do),
		cmocka_unit_test(firewall__a_call_that_failed_is_made_up_for),
		cmocka_unit_test(firewall__what_nobody_confirms_is_as_it_was),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
