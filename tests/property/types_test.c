/*
 * The plan is true for every type: recipes of random resources of all types, on machines that were converged
 * and then damaged at random.
 *
 * Each round draws a recipe (Lua, as a site would write it), puts a machine of tables under it, and then
 * again and again: plan (the machine must not change), apply (must refine the plan), plan (must be empty),
 * damage. What fails in the apply has to have failed in the plan. No oracle knows what a type does: it is
 * judged by its own second look, by the plan it gave, and by tests/apply with the tools of the system.
 *
 * NEAP_SEED=n starts elsewhere, NEAP_ROUNDS=n runs more, NEAP_ONLY=n runs one seed and prints it;
 * NEAP_TYPES=,bridge,veth, draws these types only.
 */
#include "tests/support/world.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/path.h"
#include "engine/run.h"
#include "tests/support/refine.h"
#include "tests/support/snippets.h"

#define RESOURCES_MAX 7
#define CYCLES 4 /* of damage and repair, each round */

/* ---- recipes ------------------------------------------------------------------------------------------- */

static const char *const snippets[] = {
#include "tests/property/snippets.inc"
};
#define SNIPPETS (sizeof snippets / sizeof *snippets)

static char directory[32];

static void draw_recipe(struct world_random *random, struct neap_buf *ret)
{
	unsigned count = 1 + world_random(random, RESOURCES_MAX);

	/* A type written in Lua among the others, the shipped one. */
	neap_buf_puts(ret, "local neap = setmetatable({ shell_variable = require \"shell_variable\" }, "
			   "{ __index = require \"neap\" })\nlocal r = {}\n");
	neap_test_draw(random, snippets, SNIPPETS, count, ret);
}

/* ---- machines ------------------------------------------------------------------------------------------ */

static void put_file(struct neap_machine *machine, const char *path, uint32_t mode, const char *data)
{
	neap_host_memory_put(machine, path, NEAP_FILE_REGULAR, mode, 0, 0, data, strlen(data));
}

static const char *const settings[] = { "kernel.hostname", "net.ipv4.ip_forward", "kernel.osrelease" };

/* A package is a file with its version in it. */
static void package_path(char ret[128], const char *name, size_t len)
{
	snprintf(ret, 128, "/var/packages/%.*s", (int)len, name);
}

static const char *version_of(struct neap_machine *machine, struct neap_arena *arena, const char *name)
{
	struct neap_content content = { 0 };
	struct neap_stat stat;
	char path[128];

	package_path(path, name, strlen(name));
	if (neap_view_file(&machine->view, path, arena, &stat, &content, NULL) != 0 ||
	    stat.kind != NEAP_FILE_REGULAR)
		return NULL;
	return neap_arena_copy(arena, content.data, content.size);
}

/* dpkg-query, apt-cache policy, apt-get install: as if no package needed another. */
static bool run_apt(struct neap_machine *machine, const char *const *argv)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_buf out NEAP_AUTO_BUF = { 0 };
	bool query = strcmp(argv[0], "dpkg-query") == 0, policy = strcmp(argv[0], "apt-cache") == 0;
	bool simulate = false, install = false;
	char path[128];

	if (!query && !policy && strcmp(argv[0], "apt-get") != 0)
		return false;
	if (query)
		neap_buf_puts(&out, "ii \tdpkg\tamd64\t1.21\n");
	for (const char *const *word = argv + 1; *word; word++) {
		const char *version = version_of(machine, arena, *word);
		size_t len = strcspn(*word, "=-");
		if (query && version) {
			neap_buf_printf(&out, "ii \t%s\tall\t%s\n", *word, version);
		} else if (policy && strcmp(*word, "policy") != 0) {
			neap_buf_printf(
				&out, "%s:\n  Candidate: 2.0\n  Version table:\n     2.0 500\n     1.0 500\n",
				*word);
		} else if (install && !simulate) {
			package_path(path, *word, len);
			if ((*word)[len] == '=')
				put_file(machine, path, 0644, *word + len + 1);
			else
				neap_host_memory_put(machine, path, NEAP_FILE_ABSENT, 0, 0, 0, NULL, 0);
		} else if (install && (*word)[len] == '-') {
			neap_buf_printf(&out, "Remv %.*s [1]\n", (int)len, *word);
		}
		simulate |= strcmp(*word, "--simulate") == 0;
		install |= strcmp(*word, "install") == 0;
	}
	neap_host_memory_say(machine, out.data ? out.data : "", "");
	return true;
}

/* What the programs of these types do, here. */
static int run_program(struct neap_machine *machine, const struct neap_process *process, void *ctx)
{
	const char *const *argv = process->argv;
	char path[128];

	(void)ctx;
	if (run_apt(machine, argv))
		return 0;
	if (strcmp(argv[0], "modprobe") == 0) {
		const char *name = argv[1];
		bool remove = strcmp(name, "-r") == 0;
		for (unsigned i = 1; argv[i] && argv[i][0] == '-'; i++)
			name = argv[i + 1];
		snprintf(path, sizeof path, "/sys/module/%s%s", name, remove ? "" : "/refcnt");
		neap_host_memory_put(machine, path, remove ? NEAP_FILE_ABSENT : NEAP_FILE_REGULAR, 0444, 0, 0,
				     "0\n", 2);
	} else if (strcmp(argv[0], "make") == 0) {
		put_file(machine, argv[1], 0644, "made\n");
	}
	return 0;
}

static void put_device(struct neap_machine *machine, const char *name)
{
	struct neap_net_change change = { .op = NEAP_NET_LINK_ADD, .fields = NEAP_NET_UP, .link.up = true };

	snprintf(change.link.name, sizeof change.link.name, "%s", name);
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

static struct neap_machine *make_machine(void)
{
	struct neap_machine *machine;

	assert_int_equal(neap_host_memory_new(&machine), 0);
	put_file(machine, "/etc/passwd", 0644,
		 "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000:Ada:/home/ada:/bin/sh\n");
	put_file(machine, "/etc/shadow", 0640, "root:*:19000:0:99999:7:::\nada:!:19000:0:99999:7:::\n");
	put_file(machine, "/etc/group", 0644, "root:x:0:\nshadow:x:42:\nada:x:1000:\nstaff:x:50:ada\n");
	put_file(machine, "/etc/gshadow", 0640, "root:*::\nshadow:*::\nada:!::\nstaff:*::ada\n");
	put_file(machine, "/etc/hosts", 0644, "127.0.0.1\tlocalhost\n10.0.0.1 db db.example.org # mine\n");
	put_file(machine, "/etc/app.ini", 0644, "top = 1\n[one]\na = 1\n; b = 2\n\n[two]\nc=3\n");
	put_file(machine, "/etc/plain", 0644, "first\nsecond\n");
	put_file(machine, "/etc/skel/.profile", 0644, "# skel\n");
	put_file(machine, "/usr/share/zoneinfo/Europe/Berlin", 0644, "TZif");
	put_file(machine, "/usr/share/zoneinfo/UTC", 0644, "TZif");
	put_file(machine, "/etc/timezone", 0644, "UTC\n");
	put_file(machine, "/var/packages/ed", 0644, "1.0");
	put_file(machine, "/usr/lib/systemd/system/p.service", 0644, "[Install]\nWantedBy=m.target\n");
	neap_host_memory_put(machine, "/etc/systemd/system", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
	put_file(machine, "/etc/systemd/network/60-eth1.network", 0644, "[Match]\nName=eth1\n");
	put_file(machine, "/etc/fstab", 0644, "# none\n");
	put_file(machine, "/proc/self/mountinfo", 0444, "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
	neap_host_memory_put(machine, "/etc/localtime", NEAP_FILE_LINK, 0777, 0, 0, "/usr/share/zoneinfo/UTC",
			     23);
	neap_host_memory_put(machine, "/home/ada", NEAP_FILE_DIRECTORY, 0755, 1000, 1000, NULL, 0);
	neap_host_memory_put(machine, "/sys/module", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
	neap_host_memory_put(machine, "/srv", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
	neap_host_memory_kernel(machine, settings[0], "old");
	neap_host_memory_kernel(machine, settings[1], "0");
	neap_host_memory_kernel(machine, settings[2], "6.1.0");
	put_device(machine, "eth1");
	put_device(machine, "eth2");
	neap_host_memory_clock(machine, 1700000000);
	neap_host_memory_serve(machine, "http://a/one", "one", 3);
	neap_host_memory_serve(machine, "http://a/two", "two", 3);
	neap_host_memory_serve(machine, "a:80", "", 0);
	neap_host_memory_serve(machine, "a:443", "", 0);
	neap_host_memory_on_run(machine, run_program, NULL);
	return machine;
}

static const struct neap_table tables[] = { { NEAP_FAMILY_IPV4, "filter" }, { NEAP_FAMILY_IPV6, "nat" } };

static const char *dump_tables(const struct neap_machine *machine, struct neap_arena *arena)
{
	NEAP_AUTO_BUF struct neap_buf out = { 0 };

	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
		const struct neap_ruleset *set;

		if (machine->view.reads->ruleset(&machine->view, &tables[t], &set, NULL) != 0)
			continue;
		for (size_t i = 0; i < set->chains.count; i++) {
			const struct neap_chain *chain = set->chains.items[i];

			if (!chain)
				continue;
			neap_buf_printf(&out, "%s %s %s:", tables[t].name, chain->name,
					chain->policy ? chain->policy : "-");
			for (size_t j = 0; j < chain->rules.count; j++)
				neap_buf_printf(&out, " [%s]", chain->rules.items[j]);
			neap_buf_putc(&out, '\n');
		}
	}
	return neap_arena_copy(arena, out.data ? out.data : "", out.len);
}

/* Others are at work in the packet filter: a rule of theirs comes or goes, or one that is neap's. */
static void damage_rules(struct world_random *random, struct neap_machine *machine)
{
	static const char *const chains[] = { "INPUT", "POSTROUTING", "MINE", "OTHER" };
	static const char *const rules[] = { "-s 10.0.0.1/32 -j ACCEPT", "-s 10.0.0.1/128 -j ACCEPT",
					     "-s 10.0.0.2/32 -j DROP",   "-p foreign",
					     "-p foreign -j DROP",       "-j MINE" };
	const struct neap_table *table = &tables[world_random(random, 2)];
	unsigned chain = world_random(random, 4), rule = world_random(random, 8);

	if ((chain == 0) != (table->family == NEAP_FAMILY_IPV4) && chain < 2)
		return;
	neap_host_memory_rule(machine, table, chains[chain], rule < 6 ? rules[rule] : NULL,
			      rule == 7 || (rule < 6 && world_random(random, 3) > 0));
}
static const char *const units[] = { "a.service", "b.service",   "c.service",
				     "p.service", "t@x.service", "t@y.service" };
#define UNITS (sizeof units / sizeof *units)

/* The network, in the order of the machine's tables. */
static const char *dump_net(const struct neap_machine *machine, struct neap_arena *arena)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	char a[NEAP_NET_TEXT], b[NEAP_NET_TEXT], c[NEAP_NET_TEXT];
	const struct neap_net *net;

	if (machine->view.reads->net(&machine->view, NEAP_NET_ALL, &net, NULL) < 0)
		return "";
	for (size_t i = 0; i < net->links.count; i++) {
		const struct neap_net_link *link = net->links.entries[i].value;

		neap_buf_printf(&text, "link %s %s %u %u %s %s %u %u %u\n", link->name, link->kind, link->up,
				link->mtu, link->master, link->peer, link->stp, link->forward_delay,
				link->ageing_time);
		neap_buf_printf(&text, " %u %u %s %s %u %u %s\n", link->id, link->port,
				neap_net_ip_print(&link->local, a), link->under, link->learning, link->ttl,
				neap_net_mac_print(link->mac, b));
	}
	for (size_t i = 0; i < net->neighbours.count; i++) {
		const struct neap_net_neighbour *one = net->neighbours.entries[i].value;

		neap_buf_printf(&text, "%s knows %s\n", one->key.link, neap_net_neighbour_print(one, arena));
	}
	for (size_t i = 0; i < net->addresses.count; i++) {
		struct neap_net_prefix prefix = neap_net_address_prefix(net->addresses.entries[i].value);

		neap_buf_printf(&text, "address %s\n", neap_net_prefix_print(&prefix, a));
	}
	for (size_t i = 0; i < net->routes.count; i++) {
		const struct neap_net_route *route = net->routes.entries[i].value;
		struct neap_net_prefix to = neap_net_route_to(route);

		neap_buf_printf(&text, "route %s %u %u %s %s %s\n", neap_net_prefix_print(&to, a),
				route->key.table, route->key.metric, neap_net_ip_print(&route->via, b),
				route->link, neap_net_ip_print(&route->source, c));
	}
	return neap_arena_copy(arena, text.data ? text.data : "", text.len);
}

/* All of a machine that a type can change, as text. */
static const char *dump(const struct neap_machine *machine, struct neap_arena *arena)
{
	const char *text =
		neap_arena_printf(arena, "%s%s", world_dump(&machine->view, arena), dump_net(machine, arena));

	for (size_t i = 0; i < UNITS; i++) {
		struct neap_unit_state state;
		assert_int_equal(neap_view_unit(&machine->view, units[i], arena, &state, NULL), 0);
		text = neap_arena_printf(arena, "%s%s: %d %d%s\n", text, units[i], state.load, state.active,
					 state.stale ? " stale" : "");
	}

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		const char *value = "";
		neap_view_kernel(&machine->view, settings[i], arena, &value, NULL);
		text = neap_arena_printf(arena, "%s%s=%s\n", text, settings[i], value);
	}
	return neap_arena_printf(arena, "%s%s", text, dump_tables(machine, arena));
}

/* A unit starts, stops or fails by itself. */
static void damage_unit(struct world_random *random, struct neap_machine *machine, struct neap_arena *arena)
{
	const char *name = units[world_random(random, UNITS)];
	struct neap_unit_state state;

	assert_int_equal(neap_view_unit(&machine->view, name, arena, &state, NULL), 0);
	if (state.load != NEAP_UNIT_LOADED)
		return;
	state.active = world_random(random, 5);
	neap_host_memory_unit(machine, name, &state);
}

/* A change of the network by other hands, which may make no sense. */
static void damage_net(struct world_random *random, struct neap_machine *machine)
{
	static const char *const links[] = { "br0", "br1", "v0", "v1", "eth1", "eth2", "x0", "x1" };
	static const char *const addresses[] = { "10.0.0.1/24", "10.0.0.2/24", "fd00::1/64" };
	const char *name = links[world_random(random, 8)];
	struct neap_net_change change = { .op = world_random(random, NEAP_NET_NEIGHBOUR_REMOVE + 1) };
	struct neap_net_prefix prefix;
	const uint8_t mac[NEAP_NET_MAC] = { 2, 0, 0, 0, 0, (uint8_t)world_random(random, 3) };

	snprintf(change.link.name, sizeof change.link.name, "%s", name);
	snprintf(change.link.kind, sizeof change.link.kind, "%s",
		 name[0] == 'v'   ? "veth"
		 : name[0] == 'x' ? "vxlan"
				  : "bridge");
	snprintf(change.link.peer, sizeof change.link.peer, "%s",
		 name[0] == 'v' ? links[5 - world_random(random, 4)] : "");
	snprintf(change.link.master, sizeof change.link.master, "%s", world_random(random, 2) ? "br0" : "");
	change.fields = 1U << world_random(random, 9);
	change.link.id = 1 + world_random(random, 2);
	change.link.port = 4789;
	change.link.learning = world_random(random, 2);
	memcpy(change.link.mac, mac, sizeof mac);
	/* Some too small for IPv6; of a bridge none that a member has: which of both made it is not to be
	 * seen. */
	change.link.mtu =
		(uint32_t[]){ 1200, 1300, 1400, 1500 }[world_random(random, 4)] + 7 * (name[0] == 'b');
	change.link.up = world_random(random, 2);
	change.link.stp = world_random(random, 2);
	change.link.forward_delay = 100 * world_random(random, 20);
	(void)neap_net_prefix_parse(addresses[world_random(random, 3)], &prefix);
	change.address.key = neap_net_address_key(name, &prefix);
	change.address.len = prefix.len;
	(void)neap_net_prefix_parse("10.9.0.0/16", &prefix);
	change.route.key = neap_net_route_key(&prefix, NEAP_NET_TABLE_MAIN, 0);
	memcpy(change.route.link, change.link.name, sizeof change.route.link);
	(void)neap_net_prefix_parse(world_random(random, 2) ? "192.0.2.3/32" : "10.0.0.9/32", &prefix);
	change.neighbour =
		neap_net_neighbour_of(world_random(random, 2) ? "x0" : "x1",
				      world_random(random, NEAP_NET_NEIGHBOUR_KINDS), &prefix.ip, mac);
	(void)neap_host_memory_net(machine, &change);
}

/* One thing of the machine, at random: removed, with other bytes or another mode, or in the way of something.
 * Not what the machine is made of. */
static void damage(struct world_random *random, struct neap_machine *machine, struct neap_arena *arena)
{
	static const char *const spared[] = { "/usr", "/proc", "/sys" };
	const char *text = world_dump(&machine->view, arena), *line = text;
	unsigned lines = 0;

	damage_net(random, machine);
	if (world_random(random, 3) == 0) {
		damage_rules(random, machine);
		return;
	}

	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	for (unsigned skip = lines ? world_random(random, lines) : 0; skip > 0; skip--)
		line = strchr(line, '\n') + 1;
	const char *path = neap_arena_copy(arena, line, strcspn(line, " "));
	struct neap_content content = { 0 };
	struct neap_stat stat;
	if (path[0] != '/' || neap_view_file(&machine->view, path, arena, &stat, &content, NULL) != 0)
		return; /* a later line of a content */
	for (size_t i = 0; i < sizeof spared / sizeof *spared; i++)
		if (strncmp(path, spared[i], strlen(spared[i])) == 0)
			return;
	switch (world_random(random, 8)) {
	case 0:
		if (stat.kind != NEAP_FILE_DIRECTORY)
			neap_host_memory_put(machine, path, NEAP_FILE_ABSENT, 0, 0, 0, NULL, 0);
		break;
	case 1:
		if (stat.kind == NEAP_FILE_REGULAR && content.size > 0) {
			char *bytes = neap_arena_copy(arena, content.data, content.size);
			bytes[world_random(random, (uint32_t)content.size)] ^= 1;
			neap_host_memory_put(machine, path, stat.kind, stat.mode, stat.uid, stat.gid, bytes,
					     content.size);
		}
		break;
	case 2:
		if (stat.kind == NEAP_FILE_REGULAR && content.size > 0) { /* a line less, or half of one */
			size_t keep = world_random(random, (uint32_t)content.size);
			neap_host_memory_put(machine, path, stat.kind, stat.mode, stat.uid, stat.gid,
					     content.data, keep);
		}
		break;
	case 3:
		if (stat.kind != NEAP_FILE_LINK)
			neap_host_memory_put(machine, path, stat.kind, stat.mode ^ 020, stat.uid, stat.gid,
					     content.data, content.size);
		break;
	case 4:
		if (stat.kind == NEAP_FILE_REGULAR)
			neap_host_memory_put(machine, path, stat.kind, stat.mode, 1000, 1000, content.data,
					     content.size);
		break;
	case 5:
	case 6:
		damage_unit(random, machine, arena);
		break;
	default:
		neap_host_memory_kernel(machine, settings[world_random(random, 2)],
					world_random(random, 2) ? "1" : "damaged");
	}
}

/* ---- rounds -------------------------------------------------------------------------------------------- */

static unsigned refused, planned, failures, unknowns;
static struct neap_map seen; /* "type action" → count */

static void note(const struct neap_run *run, uint32_t i)
{
	static struct neap_arena *arena;
	const char *key;

	if (!arena)
		arena = neap_arena_new();
	key = neap_arena_printf(arena, "%s %s", run->graph->resources.items[i].type->name,
				run->results[i].outcome == NEAP_OUTCOME_FAILED
					? "failed"
					: neap_action_name(run->results[i].action));
	uintptr_t count = (uintptr_t)neap_map_get(&seen, neap_str(key));
	neap_map_put(&seen, neap_str(key), (void *)(count + 1));
}

static void explain(uint64_t seed, const struct neap_run *run, uint32_t number, const char *what)
{
	char path[64], text[8192];
	FILE *file;

	print_error("seed %llu: %s: %s\n", (unsigned long long)seed,
		    run ? run->graph->resources.items[number].address : "", what);
	snprintf(path, sizeof path, "%s/site.lua", directory);
	file = fopen(path, "re");
	if (file) {
		text[fread(text, 1, sizeof text - 1, file)] = '\0';
		fclose(file);
		print_error("%s", text);
	}
	for (uint32_t i = 0; run && i < run->graph->resources.count; i++)
		print_error("  %s: %s %s%s%s\n", run->graph->resources.items[i].address,
			    neap_outcome_name(run->results[i].outcome),
			    neap_action_name(run->results[i].action), run->results[i].error ? ": " : "",
			    run->results[i].error ? run->results[i].error->message : "");
	fail();
}

static struct neap_run *go(const struct neap_test_recipe *evaluated, struct neap_machine *machine,
			   enum neap_run_mode mode)
{
	struct neap_run_options options = { .mode = mode };
	return neap_run(evaluated->graph, machine, &options);
}

/* Whether something that was unknown in the plan stands before it: then it may fail in the apply alone. */
static bool behind_unknown(const struct neap_run *plan)
{
	return plan->summary.unknown > 0;
}

/* What another takes back again fails at the end of a plan, when others have had their turn. */
static bool taken_back(const struct neap_run *plan)
{
	for (uint32_t i = 0; i < plan->graph->resources.count; i++)
		if (plan->results[i].outcome == NEAP_OUTCOME_FAILED && plan->results[i].error &&
		    strncmp(plan->results[i].error->message, "did not converge", 16) == 0)
			return true;
	return false;
}

/* Something that was unknown in the plan has failed: what stands on it is not done, and others find the
 * machine without that. */
static bool unknown_failed(const struct neap_run *plan, const struct neap_run *apply)
{
	for (uint32_t i = 0; i < plan->graph->resources.count; i++)
		if (plan->results[i].action == NEAP_ACTION_UNKNOWN &&
		    apply->results[i].outcome == NEAP_OUTCOME_FAILED)
			return true;
	return false;
}

static void cycle(uint64_t seed, const struct neap_test_recipe *evaluated, struct neap_machine *machine)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *before = dump(machine, arena);
	struct neap_run *plan = go(evaluated, machine, NEAP_RUN_PLAN);
	if (strcmp(before, dump(machine, arena)) != 0)
		explain(seed, plan, 0, "the plan changed the machine");
	struct neap_run *apply = go(evaluated, machine, NEAP_RUN_APPLY);
	for (uint32_t i = 0; i < evaluated->graph->resources.count; i++) {
		const char *wrong = neap_test_refines(&plan->results[i], &apply->results[i]);
		if (wrong && plan->results[i].outcome == NEAP_OUTCOME_FAILED &&
		    apply->results[i].outcome == NEAP_OUTCOME_SKIPPED && behind_unknown(plan))
			wrong = NULL; /* what it would fail for was not reached */
		planned++;
		note(plan, i);
		failures += plan->results[i].outcome == NEAP_OUTCOME_FAILED;
		unknowns += plan->results[i].action == NEAP_ACTION_UNKNOWN;
		if (!wrong && apply->results[i].outcome == NEAP_OUTCOME_SKIPPED &&
		    plan->results[i].outcome != NEAP_OUTCOME_SKIPPED && !behind_unknown(plan) &&
		    !taken_back(plan))
			wrong = "skipped in the apply, not in the plan";
		/* Skipped, as what was unknown before it has failed. */
		if (plan->results[i].outcome == NEAP_OUTCOME_FAILED &&
		    apply->results[i].outcome == NEAP_OUTCOME_SKIPPED && behind_unknown(plan))
			wrong = NULL;
		if (wrong && !unknown_failed(plan, apply)) {
			print_error("the plan:\n");
			for (uint32_t j = 0; j < evaluated->graph->resources.count; j++)
				print_error("  %s: %s%s%s\n", evaluated->graph->resources.items[j].address,
					    neap_action_name(plan->results[j].action),
					    plan->results[j].error ? ": " : "",
					    plan->results[j].error ? plan->results[j].error->message : "");
			explain(seed, apply, i, wrong);
		}
	}
	struct neap_run *second = go(evaluated, machine, NEAP_RUN_PLAN);
	for (uint32_t i = 0; i < evaluated->graph->resources.count; i++) {
		bool done = apply->results[i].outcome <= NEAP_OUTCOME_CHANGED;
		if (done && second->results[i].action != NEAP_ACTION_NONE)
			explain(seed, second, i, "the second plan is not empty");
	}
	neap_run_free(second);
	neap_run_free(apply);
	neap_run_free(plan);
}

static unsigned number_from(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);
	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void round_of(uint64_t seed)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct world_random random = { seed };
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	struct neap_machine *machine;
	struct neap_test_recipe evaluated;

	draw_recipe(&random, &text);
	neap_test_write(directory, &text);
	if (getenv("NEAP_ONLY"))
		print_message("%s\n", text.data);
	neap_test_evaluate(directory, &evaluated);
	if (!evaluated.graph) {
		for (size_t i = 0; i < evaluated.problems.errors.count && getenv("NEAP_ONLY"); i++)
			print_message("refused: %s\n", evaluated.problems.errors.items[i].message);
		refused++;
		neap_test_recipe_done(&evaluated);
		return;
	}
	machine = make_machine();
	for (unsigned i = world_random(&random, 3); i > 0; i--)
		damage(&random, machine, arena);
	for (unsigned i = 0; i < CYCLES; i++) {
		cycle(seed, &evaluated, machine);
		for (unsigned n = 1 + world_random(&random, 4); n > 0; n--)
			damage(&random, machine, arena);
	}
	neap_machine_free(machine);
	neap_test_recipe_done(&evaluated);
}

static struct neap_machine *make_damaged_machine(uint64_t seed, struct neap_arena *arena)
{
	struct world_random random = { seed };
	struct neap_machine *machine = make_machine();

	for (unsigned i = 0; i < 4; i++)
		damage(&random, machine, arena);
	return machine;
}

/* One call of the machine fails, whichever: nothing breaks, and the next run does what is left. */
static void types__a_call_that_failed_is_made_up_for(void **state)
{
	unsigned seed = number_from("NEAP_SEED", 1), rounds = number_from("NEAP_ROUNDS", 2000) / 15,
		 calls_failed = 0;

	(void)state;
	for (unsigned i = 0; i < rounds; i++) {
		struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
		struct world_random random = { seed + i };
		NEAP_AUTO_BUF struct neap_buf text = { 0 };
		struct neap_test_recipe evaluated;
		uint64_t calls = 1;

		draw_recipe(&random, &text);
		neap_test_write(directory, &text);
		neap_test_evaluate(directory, &evaluated);
		for (uint64_t call = 1; evaluated.graph && call <= calls;
		     call += 1 + world_random(&random, 4)) {
			struct neap_machine *machine = make_damaged_machine(seed + i, arena);
			neap_host_memory_fail(machine, call, EIO);
			neap_run_free(go(&evaluated, machine, NEAP_RUN_APPLY));
			calls = neap_host_memory_calls(machine);
			neap_host_memory_fail(machine, 0, 0);
			cycle(seed + i, &evaluated, machine);
			neap_machine_free(machine);
			calls_failed++;
		}
		neap_test_recipe_done(&evaluated);
	}
	print_message("%u calls failed\n", calls_failed);
}

static void types__apply_refines_the_plan(void **state)
{
	unsigned seed = number_from("NEAP_SEED", 1), rounds = number_from("NEAP_ROUNDS", 2000);

	(void)state;
	if (getenv("NEAP_ONLY")) {
		round_of(number_from("NEAP_ONLY", 1));
		return;
	}
	for (unsigned i = 0; i < rounds; i++)
		round_of(seed + i);
	print_message("%u recipes refused, %u resources planned, %u failed, %u unknown\n", refused, planned,
		      failures, unknowns);
}

/* Each type that has a snippet was seen to change something and to be as wanted. */
static void types__every_type_was_seen_to_change(void **state)
{
	(void)state;
	for (size_t i = 0; i < seen.count; i++)
		print_message("  %s: %u\n", seen.entries[i].key.data,
			      (unsigned)(uintptr_t)seen.entries[i].value);
	if (getenv("NEAP_ONLY") || getenv("NEAP_TYPES") ||
	    getenv("NEAP_SEED")) /* rare ones may not be drawn */
		skip();
	for (size_t i = 0; i < SNIPPETS; i++) {
		char name[32], key[64];
		unsigned changes = 0;
		static const char *const actions[] = { "create", "update", "delete", "run", "none" };

		snprintf(name, sizeof name, "%.*s", (int)strcspn(snippets[i], " "), snippets[i]);
		for (size_t a = 0; a < 5; a++) {
			snprintf(key, sizeof key, "%s %s", name, actions[a]);
			bool there = neap_map_get(&seen, neap_str(key)) != NULL;
			if (a < 4)
				changes += there;
			else if (!there)
				fail_msg("%s was never as wanted", name);
		}
		if ((changes == 0) != (strcmp(name, "wait_for") == 0))
			fail_msg("%s %s", name, changes ? "changed" : "never changed");
	}
	neap_map_done(&seen);
}

/* Two archives beside the recipe. */
static int make_directory(void **state)
{
	char command[512];
	static const char source[] = NEAP_SOURCE "/recipes/examples/service-defaults/shell_variable.lua";
	char path[64];

	(void)state;
	strcpy(directory, "/tmp/neap-types-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(command, sizeof command,
		 "cd %s && mkdir -p app/bin && echo one >app/bin/run && chmod 755 app/bin/run && ln -s "
		 "bin/run app/link && "
		 "tar -czf one.tar.gz app && echo two >app/bin/run && echo more >app/conf && tar -czf "
		 "two.tar.gz app && "
		 "rm -r app",
		 directory);
	if (system(command) != 0) /* NOLINT(cert-env33-c) */
		return -1;
	snprintf(path, sizeof path, "%s/shell_variable.lua", directory);
	return symlink(source, path);
}

static int remove_directory(void **state)
{
	static const char *const names[] = { "site.lua", "one.tar.gz", "two.tar.gz" };
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", directory, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/shell_variable.lua", directory);
	unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types__apply_refines_the_plan),
		cmocka_unit_test(types__every_type_was_seen_to_change),
		cmocka_unit_test(types__a_call_that_failed_is_made_up_for),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
