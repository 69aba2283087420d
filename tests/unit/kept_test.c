/* What the network and the packet filter keep for the boot, on a memory machine: the files' lines, the
 * numbers of rules, and who makes the unit that all share. That a boot takes them is
 * tests/hosts/persist.bats'. */
#include "modules_fixture.h"

#include <errno.h>

#include "engine/kept_rules.h"
#include "engine/run.h"
#include "host/machine.h"

/* "type line name value …", values as strings; kept by the unit. */
#define keep(f, type, line, ...) declare(f, found(type), line, "persist", "unit", __VA_ARGS__)

static struct neap_machine *machine_with(const char *device)
{
	struct neap_net_change change = { .op = NEAP_NET_LINK_ADD, .fields = NEAP_NET_UP, .link.up = true };
	struct neap_machine *machine;

	assert_int_equal(neap_host_memory_new(&machine), 0);
	snprintf(change.link.name, sizeof change.link.name, "%s", device);
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
	neap_host_memory_put(machine, "/etc/systemd/system", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
	return machine;
}

static struct neap_run *go(struct fixture *f, struct neap_machine *machine, enum neap_run_mode mode)
{
	struct neap_run_options options = { .mode = mode };

	return neap_run(f->graph, machine, &options);
}

static void apply(struct fixture *f, struct neap_machine *machine)
{
	struct neap_run *run = go(f, machine, NEAP_RUN_APPLY);

	for (size_t i = 0; i < f->graph->resources.count; i++)
		if (run->results[i].error)
			fail_msg("%s: %s", f->graph->resources.items[i].address,
				 run->results[i].error->message);
	neap_run_free(run);
}

/* What stands in a file below the first line, which is neap's. */
static const char *lines(struct fixture *f, struct neap_machine *machine, const char *path)
{
	struct neap_content content = { 0 };
	struct neap_stat stat;
	const char *text;

	assert_int_equal(neap_view_file(&machine->view, path, f->problems.arena, &stat, &content, NULL), 0);
	if (stat.kind != NEAP_FILE_REGULAR)
		return NULL;
	text = neap_arena_copy(f->problems.arena, content.data, content.size);
	assert_int_equal(text[0], '#');
	return strchr(text, '\n') + 1;
}

static bool is_there(struct neap_machine *machine, const char *path)
{
	struct neap_stat stat;

	assert_int_equal(neap_view_stat(&machine->view, path, &stat, NULL), 0);
	return stat.kind != NEAP_FILE_ABSENT;
}

static void kept__lines_say_what_is_given_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	uint32_t number;

	keep(f, "bridge", 1, "name", "br0", NULL);
	number = begin(f, found("bridge"), 2);
	set(f, number, "name", neap_value_string("br1"));
	set(f, number, "members", neap_value_string("v1"));
	set(f, number, "mtu", (struct neap_value){ .kind = NEAP_INTEGER, .integer = 1400 });
	set(f, number, "stp", (struct neap_value){ .kind = NEAP_BOOLEAN });
	set(f, number, "ageing_time", neap_value_string("100s"));
	set(f, number, "up", (struct neap_value){ .kind = NEAP_BOOLEAN });
	set(f, number, "persist", neap_value_string("unit"));
	neap_graph_end(f->graph, number);
	keep(f, "veth", 3, "name", "v0", "peer", "v1", NULL);
	keep(f, "address", 4, "link", "br0", "address", "10.0.0.1/24", NULL);
	keep(f, "address", 5, "link", "br0", "address", "10.1.0.1/32", NULL);
	keep(f, "address", 6, "link", "br0", "address", "fd00::1/64", NULL);
	keep(f, "route", 7, "to", "default", "via", "10.0.0.9", NULL);
	keep(f, "route", 8, "to", "fd09::/48", "link", "br0", "source", "fd00::1", NULL);
	finish_good(f);
	apply(f, machine);
	assert_string_equal(lines(f, machine, "/etc/neap/network.d/20-bridge-br0.conf"),
			    "link add name br0 type bridge\nlink set dev br0 up\n");
	assert_string_equal(lines(f, machine, "/etc/neap/network.d/20-bridge-br1.conf"),
			    "link add name br1 type bridge stp_state 0 ageing_time 10000\n"
			    "link set dev v1 master br1\nlink set dev br1 mtu 1400\n");
	assert_string_equal(lines(f, machine, "/etc/neap/network.d/10-veth-v0.conf"),
			    "link add name v0 type veth peer name v1\n"
			    "link set dev v0 up\nlink set dev v1 up\n");
	assert_string_equal(lines(f, machine, "/etc/neap/network.d/50-address-br0-10.0.0.1-24.conf"),
			    "address replace 10.0.0.1/24 brd + dev br0\n");
	assert_string_equal(lines(f, machine, "/etc/neap/network.d/50-address-br0-10.1.0.1-32.conf"),
			    "address replace 10.1.0.1/32 dev br0\n");
	assert_string_equal(lines(f, machine, "/etc/neap/network.d/50-address-br0-fd00::1-64.conf"),
			    "address replace fd00::1/64 dev br0\n");
	assert_string_equal(lines(f, machine, "/etc/neap/network.d/70-route-default-table-254-metric-0.conf"),
			    "route replace default via 10.0.0.9 proto static\n");
	assert_string_equal(
		lines(f, machine, "/etc/neap/network.d/70-route-fd09::-48-table-254-metric-1024.conf"),
		"route replace fd09::/48 dev br0 src fd00::1 proto static\n");
	neap_machine_free(machine);
}

static void set_pair(struct fixture *f, uint32_t number, const char *param, const char *name,
		     const char *text)
{
	struct neap_pair pair = { .key = { name, strlen(name) }, .value = neap_value_string(text) };

	set(f, number, param, (struct neap_value){ .kind = NEAP_MAP, .map = { &pair, 1 } });
}

/* x0 with nothing, x1 with all there is. */
static void vxlans(struct fixture *f, const char *way)
{
	struct neap_value peers[] = { neap_value_string("fd00::3"), neap_value_string("fd00::2") };
	uint32_t number;

	number = begin(f, found("vxlan"), 1);
	set(f, number, "name", neap_value_string("x0"));
	set(f, number, "id", (struct neap_value){ .kind = NEAP_INTEGER, .integer = 0 });
	set(f, number, "up", (struct neap_value){ .kind = NEAP_BOOLEAN });
	set(f, number, "persist", neap_value_string(way));
	neap_graph_end(f->graph, number);
	number = begin(f, found("vxlan"), 2);
	set(f, number, "name", neap_value_string("x1"));
	set(f, number, "id", (struct neap_value){ .kind = NEAP_INTEGER, .integer = 42 });
	set(f, number, "port", (struct neap_value){ .kind = NEAP_INTEGER, .integer = 8472 });
	set(f, number, "local_address", neap_value_string("fd00::1"));
	set(f, number, "link", neap_value_string("eth1"));
	set(f, number, "learning", (struct neap_value){ .kind = NEAP_BOOLEAN });
	set(f, number, "ttl", (struct neap_value){ .kind = NEAP_INTEGER, .integer = 0 });
	set(f, number, "mtu", (struct neap_value){ .kind = NEAP_INTEGER, .integer = 1400 });
	set(f, number, "mac", neap_value_string("02:00:00:00:00:01"));
	set(f, number, "peers", (struct neap_value){ .kind = NEAP_LIST, .list = { peers, 2 } });
	set_pair(f, number, "fdb", "02:00:00:00:00:02", "fd00::2");
	set_pair(f, number, "neighbours", "10.0.0.2", "02:00:00:00:00:02");
	set(f, number, "persist", neap_value_string(way));
	neap_graph_end(f->graph, number);
	finish_good(f);
}

static void kept__a_vxlan_says_its_port_and_whom_it_knows(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");

	vxlans(f, "unit");
	apply(f, machine);
	assert_string_equal(lines(f, machine, "/etc/neap/network.d/30-vxlan-x0.conf"),
			    "link add name x0 type vxlan id 0 dstport 4789\n");
	assert_string_equal(
		lines(f, machine, "/etc/neap/network.d/30-vxlan-x1.conf"),
		"link add name x1 address 02:00:00:00:00:01 type vxlan id 42 local fd00::1 dev eth1 "
		"dstport 8472 nolearning ttl 0\n"
		"link set dev x1 up\n"
		"link set dev x1 mtu 1400\n"
		"fdb append 00:00:00:00:00:00 dev x1 dst fd00::3 self permanent\n"
		"fdb append 00:00:00:00:00:00 dev x1 dst fd00::2 self permanent\n"
		"fdb replace 02:00:00:00:00:02 dev x1 dst fd00::2 self permanent\n"
		"neighbour replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev x1 nud permanent\n");
	neap_machine_free(machine);
}

static void kept__by_networkd_a_vxlan_is_asked_for_by_its_link_or_independent(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	static const char eth1[] = "[Match]\nName=eth1\n";

	neap_host_memory_put(machine, "/etc/systemd/network", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
	neap_host_memory_put(machine, "/etc/systemd/network/60-eth1.network", NEAP_FILE_REGULAR, 0644, 0, 0,
			     eth1, strlen(eth1));
	vxlans(f, "networkd");
	apply(f, machine);
	assert_string_equal(lines(f, machine, "/etc/systemd/network/50-neap-x0.netdev"),
			    "[NetDev]\nName=x0\nKind=vxlan\n\n"
			    "[VXLAN]\nVNI=0\nDestinationPort=4789\nUDPChecksum=yes\nIndependent=yes\n");
	assert_string_equal(lines(f, machine, "/etc/systemd/network/50-neap-x0.network"),
			    "[Match]\nName=x0\n\n"
			    "[Link]\nActivationPolicy=manual\nRequiredForOnline=no\n\n"
			    "[Network]\nConfigureWithoutCarrier=yes\n");
	assert_string_equal(lines(f, machine, "/etc/systemd/network/50-neap-x1.netdev"),
			    "[NetDev]\nName=x1\nKind=vxlan\nMACAddress=02:00:00:00:00:01\n\n"
			    "[VXLAN]\nVNI=42\nLocal=fd00::1\nDestinationPort=8472\nMacLearning=no\nTTL=0\n"
			    "UDPChecksum=yes\n");
	assert_string_equal(lines(f, machine, "/etc/systemd/network/50-neap-x1.network"),
			    "[Match]\nName=x1\n\n"
			    "[Link]\nMTUBytes=1400\nRequiredForOnline=no-carrier\n\n"
			    "[Network]\nConfigureWithoutCarrier=yes\n\n"
			    "[BridgeFDB]\nMACAddress=00:00:00:00:00:00\nDestination=fd00::3\n\n"
			    "[BridgeFDB]\nMACAddress=00:00:00:00:00:00\nDestination=fd00::2\n\n"
			    "[BridgeFDB]\nMACAddress=02:00:00:00:00:02\nDestination=fd00::2\n\n"
			    "[Neighbor]\nAddress=10.0.0.2\nLinkLayerAddress=02:00:00:00:00:02\n");
	assert_string_equal(lines(f, machine, "/etc/systemd/network/60-eth1.network.d/neap-vxlan-x1.conf"),
			    "[Network]\nVXLAN=x1\n");
	assert_false(is_there(machine, "/etc/neap"));
	neap_machine_free(machine);
}

static void knows_many(struct fixture *f, int line, size_t count, const char *way)
{
	struct neap_value *peers = neap_arena_array_of(f->problems.arena, struct neap_value, count);
	uint32_t number = begin(f, found("vxlan"), line);

	for (size_t i = 0; i < count; i++)
		peers[i] = neap_value_string(
			neap_arena_printf(f->problems.arena, "10.%zu.%zu.1", i / 250, i % 250));
	set(f, number, "name", neap_value_string(neap_arena_printf(f->problems.arena, "x%d", line)));
	set(f, number, "id", (struct neap_value){ .kind = NEAP_INTEGER, .integer = line });
	set(f, number, "peers", (struct neap_value){ .kind = NEAP_LIST, .list = { peers, count } });
	set_pair(f, number, "fdb", "02:00:00:00:00:02", "10.0.0.1");
	set_pair(f, number, "neighbours", "10.9.0.2", "02:00:00:00:00:02");
	set(f, number, "mac", neap_value_string("02:00:00:00:00:01"));
	set(f, number, "persist", neap_value_string(way));
	neap_graph_end(f->graph, number);
}

static void kept__more_than_networkd_takes_is_refused(void **state)
{
	struct fixture *f = *state;

	knows_many(f, 1, 1023, "networkd");
	knows_many(f, 2, 1024, "networkd");
	knows_many(f, 3, 1024, "unit");
	assert_string_equal(finish_bad(f),
			    "2: vxlan[x2]: persist: networkd takes 1024 of peers and fdb together, and "
			    "these are 1025 (persist = \"unit\" takes any number)\n");
}

static void kept__rules_are_numbered_in_their_chain_by_their_turn(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	static const char directory[] = "/etc/neap/iptables.d";
	struct neap_entry *entries;
	size_t count, i, at = 0;
	/* By name; the rules' are known by a digest, and come in no order. */
	static const char *const wanted[] = { "0 :FORWARD DROP [0:0]\n", "0 :MINE - [0:0]\n" };
	static const char *const rules[] = { "2 -A INPUT -p tcp -j ACCEPT\n", "3 -I INPUT -p udp -j ACCEPT\n",
					     "4 -A INPUT -j MINE\n", "2 -A OUTPUT -p tcp -j ACCEPT\n" };
	unsigned seen = 0;

	keep(f, "iptables_rule", 1, "chain", "INPUT", "rule", "-j MINE", NULL); /* waits for the chain */
	keep(f, "iptables_rule", 2, "chain", "INPUT", "rule", "-p tcp -j ACCEPT", NULL);
	keep(f, "iptables_rule", 3, "chain", "OUTPUT", "rule", "-p tcp -j ACCEPT", NULL);
	keep(f, "iptables_rule", 4, "chain", "INPUT", "rule", "-p udp -j ACCEPT", "position", "first", NULL);
	keep(f, "iptables_chain", 5, "name", "MINE", NULL);
	keep(f, "iptables_chain", 6, "name", "FORWARD", "policy", "DROP", NULL);
	finish_good(f);
	apply(f, machine);
	assert_int_equal(neap_view_list(&machine->view, directory, f->problems.arena, &entries, &count, NULL),
			 0);
	assert_int_equal(count, 6);
	for (i = 0; i < count; i++) {
		const char *path = neap_arena_printf(f->problems.arena, "%s/%s", directory, entries[i].name);
		const char *text = lines(f, machine, path);

		if (strstr(path, "-chain-"))
			assert_string_equal(text, wanted[at++]);
		for (size_t k = 0; k < 4; k++)
			seen |= (unsigned)(strcmp(text, rules[k]) == 0) << k;
	}
	assert_int_equal(seen, 15);
	neap_machine_free(machine);
}

static bool has_address(struct neap_machine *machine, const char *text)
{
	struct neap_net_address_key key;
	struct neap_net_address address;
	struct neap_net_prefix prefix;
	bool there;

	assert_true(neap_net_prefix_parse(text, &prefix));
	key = neap_net_address_key("eth1", &prefix);
	assert_int_equal(neap_view_net_address(&machine->view, &key, &address, &there, NULL), 0);
	return there;
}

/* Whichever call of the machine fails: who is said to be changed is kept whole, the unit with it; and nothing
 * is kept that is not in force. */
static void kept__the_unit_stands_when_any_is_kept_whoever_failed(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "/etc/neap/network.d/50-address-eth1-10.0.0.1-24.conf",
					     "/etc/neap/network.d/50-address-eth1-10.1.0.1-24.conf",
					     "/etc/neap/network.d/20-bridge-br0.conf" };
	static const char *const addresses[] = { "10.0.0.1/24", "10.1.0.1/24" };
	unsigned alone = 0;
	uint64_t calls = 1;

	keep(f, "address", 1, "link", "eth1", "address", "10.0.0.1/24", NULL);
	keep(f, "address", 2, "link", "eth1", "address", "10.1.0.1/24", NULL);
	keep(f, "bridge", 3, "name", "br0", NULL);
	finish_good(f);
	for (uint64_t call = 1; call <= calls; call++) {
		struct neap_machine *machine = machine_with("eth1");
		struct neap_run *run;

		neap_host_memory_fail(machine, call, EIO);
		run = go(f, machine, NEAP_RUN_APPLY);
		calls = neap_host_memory_calls(machine);
		neap_host_memory_fail(machine, 0, 0);
		for (size_t i = 0; i < 2; i++)
			assert_true(has_address(machine, addresses[i]) || !is_there(machine, files[i]));
		for (size_t i = 0; i < 3; i++) {
			const struct neap_error *error = run->results[i].error;

			if (error && strstr(error->message, "after the change"))
				fail_msg("call %llu: %s", (unsigned long long)call, error->message);
			if (run->results[i].outcome != NEAP_OUTCOME_CHANGED)
				continue;
			assert_true(is_there(machine, files[i]));
			assert_true(is_there(machine, neap_kept_network.path));
			assert_true(is_there(machine, neap_kept_network.link));
			alone += run->results[0].outcome == NEAP_OUTCOME_FAILED;
		}
		neap_run_free(run);
		apply(f, machine);
		run = go(f, machine, NEAP_RUN_PLAN);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(run->results[i].action, NEAP_ACTION_NONE);
		neap_run_free(run);
		neap_machine_free(machine);
	}
	assert_true(alone > 3);
}

/* "update persistent": of the resource, by a plan. */
static const char *says(struct fixture *f, struct neap_machine *machine, uint32_t number)
{
	struct neap_run *run = go(f, machine, NEAP_RUN_PLAN);
	const struct neap_result *result = &run->results[number];
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	neap_buf_puts(&text, result->error ? result->error->message : neap_action_name(result->action));
	for (size_t i = 0; i < result->change_count && !result->error; i++)
		neap_buf_printf(&text, " %s", result->changes[i].param);
	neap_run_free(run);
	return neap_arena_copy(f->problems.arena, text.data, text.len);
}

static void kept__each_half_is_said_and_repaired_alone(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	static const char path[] = "/etc/neap/network.d/20-bridge-br0.conf";
	struct neap_net_change gone = { .op = NEAP_NET_LINK_REMOVE, .link = { .name = "br0" } };
	uint32_t bridge = keep(f, "bridge", 1, "name", "br0", NULL);

	finish_good(f);
	assert_string_equal(says(f, machine, bridge),
			    "create live up persistent parents persistent.unit persistent.enabled");
	apply(f, machine);
	assert_string_equal(says(f, machine, bridge), "none");
	assert_int_equal(neap_host_memory_net(machine, &gone), 0);
	assert_string_equal(says(f, machine, bridge), "create live up");
	apply(f, machine);
	neap_host_memory_put(machine, path, NEAP_FILE_ABSENT, 0, 0, 0, NULL, 0);
	assert_string_equal(says(f, machine, bridge), "update persistent");
	apply(f, machine);
	neap_host_memory_put(machine, path, NEAP_FILE_REGULAR, 0666, 0, 0, "x", 1);
	assert_string_equal(says(f, machine, bridge), "update persistent persistent.mode");
	apply(f, machine);
	neap_host_memory_put(machine, neap_kept_network.path, NEAP_FILE_REGULAR, 0666, 0, 0,
			     neap_kept_network.text, strlen(neap_kept_network.text));
	assert_string_equal(says(f, machine, bridge), "update persistent.unit.mode");
	apply(f, machine);
	neap_host_memory_put(machine, path, NEAP_FILE_LINK, 0777, 0, 0, "/etc/passwd", 11);
	assert_string_equal(says(f, machine, bridge),
			    "/etc/neap/network.d/20-bridge-br0.conf is a link to /etc/passwd");
	neap_host_memory_put(machine, path, NEAP_FILE_ABSENT, 0, 0, 0, NULL, 0);
	neap_host_memory_put(machine, neap_kept_network.link, NEAP_FILE_LINK, 0777, 0, 0,
			     "../neap-network.service", 23);
	neap_host_memory_put(machine, neap_kept_network.path, NEAP_FILE_REGULAR, 0644, 0, 0, "old", 3);
	assert_string_equal(says(f, machine, bridge), "update persistent persistent.unit");
	neap_host_memory_put(machine, neap_kept_network.link, NEAP_FILE_REGULAR, 0644, 0, 0, "x", 1);
	assert_string_equal(
		says(f, machine, bridge),
		"/etc/systemd/system/multi-user.target.wants/neap-network.service is a regular file");
	neap_machine_free(machine);
}

/* At boot a name is made once. */
static void kept__who_takes_a_name_over_takes_what_was_kept_of_it_away(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	static const char *const former[] = { "/etc/neap/network.d/10-veth-br0.conf",
					      "/etc/neap/network.d/30-vxlan-br0.conf",
					      "/etc/systemd/network/51-neap-br0.network",
					      "/etc/systemd/network/60-eth1.network.d/neap-vxlan-br0.conf" };
	static const char others[] = "/etc/neap/network.d/30-vxlan-br1.conf";
	uint32_t bridge = keep(f, "bridge", 1, "name", "br0", NULL);

	finish_good(f);
	for (size_t i = 0; i < 4; i++)
		neap_host_memory_put(machine, former[i], NEAP_FILE_REGULAR, 0644, 0, 0, "x", 1);
	neap_host_memory_put(machine, others, NEAP_FILE_REGULAR, 0644, 0, 0, "x", 1);
	assert_string_equal(says(f, machine, bridge),
			    "create live up persistent persistent.former persistent.former "
			    "persistent.former persistent.former persistent.unit persistent.enabled parents");
	apply(f, machine);
	for (size_t i = 0; i < 4; i++)
		assert_false(is_there(machine, former[i]));
	assert_true(is_there(machine, others));
	assert_true(is_there(machine, "/etc/neap/network.d/20-bridge-br0.conf"));
	assert_string_equal(says(f, machine, bridge), "none");
	neap_machine_free(machine);
}

static void kept__a_unit_of_the_recipe_comes_after_those_who_make_its_file(void **state)
{
	struct fixture *f = *state;
	uint32_t number = begin(f, found("unit"), 1);

	set(f, number, "name", neap_value_string("neap-network.service"));
	set(f, number, "enabled", (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true });
	neap_graph_end(f->graph, number);
	keep(f, "bridge", 2, "name", "br0", NULL);
	keep(f, "bridge", 3, "name", "br1", NULL);
	finish_good(f);
	assert_string_equal(edges(f), "bridge[br0] < unit[neap-network.service] autorequire 2\n"
				      "bridge[br1] < unit[neap-network.service] autorequire 3\n");
}

/* One that keeps nothing: "type line name value …". */
static uint32_t forget(struct fixture *f, const char *type, int line, ...)
{
	uint32_t number = begin(f, found(type), line);
	const char *name;
	va_list args;

	va_start(args, line);
	while ((name = va_arg(args, const char *)))
		set(f, number, name, neap_value_string(va_arg(args, const char *)));
	va_end(args);
	set(f, number, "persist", (struct neap_value){ .kind = NEAP_BOOLEAN });
	neap_graph_end(f->graph, number);
	return number;
}

/* Whether there is anything below /etc/neap hangs on a command that a plan does not run: `type` is kept
 * there, and requires it. */
static void keep_behind_a_command(struct fixture *f, const char *type, const char *name)
{
	uint32_t exec = begin(f, found("exec"), 1), first;
	struct neap_value word = neap_value_string("true");

	set(f, exec, "name", neap_value_string("x"));
	set(f, exec, "command", (struct neap_value){ .kind = NEAP_LIST, .list = { &word, 1 } });
	set(f, exec, "always", (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true });
	neap_graph_end(f->graph, exec);
	first = begin(f, found(type), 2);
	set(f, first, "name", neap_value_string(name));
	set(f, first, "persist", neap_value_string("unit"));
	relate(f, first, NEAP_REQUIRE, exec);
	neap_graph_end(f->graph, first);
}

static void plan_is_unknown(struct fixture *f, struct neap_machine *machine)
{
	struct neap_run *plan;

	finish_good(f);
	plan = go(f, machine, NEAP_RUN_PLAN);
	for (uint32_t i = 1; i < f->graph->resources.count; i++) {
		const struct neap_result *result = &plan->results[i];

		if (result->error || result->action != NEAP_ACTION_UNKNOWN)
			fail_msg("%s: %s", f->graph->resources.items[i].address,
				 result->error ? result->error->message : neap_action_name(result->action));
	}
	neap_run_free(plan);
	apply(f, machine);
	neap_machine_free(machine);
}

static void kept__links_in_force_are_known_where_what_is_kept_is_not(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	const struct neap_net_change there = { .op = NEAP_NET_LINK_ADD, .link = { "br9", "bridge" } };

	assert_int_equal(neap_host_memory_net(machine, &there), 0);
	keep_behind_a_command(f, "iptables_chain", "FORWARD");
	forget(f, "bridge", 3, "name", "br0", "ensure", "absent", NULL);
	forget(f, "veth", 4, "name", "v0", "peer", "v1", "ensure", "absent", NULL);
	forget(f, "vxlan", 5, "name", "x0", "ensure", "absent", NULL);
	forget(f, "address", 6, "link", "eth1", "address", "10.0.0.1/24", "ensure", "absent", NULL);
	forget(f, "route", 7, "to", "10.9.0.0/16", "ensure", "absent", NULL);
	forget(f, "bridge", 8, "name", "br9", NULL); /* is there, and is not made once more */
	plan_is_unknown(f, machine);
}

static void kept__rules_in_force_are_known_where_what_is_kept_is_not(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");

	keep_behind_a_command(f, "bridge", "br0");
	forget(f, "iptables_rule", 3, "chain", "MINE", "rule", "-j ACCEPT", "ensure", "absent", NULL);
	forget(f, "iptables_chain", 4, "name", "OTHER", "ensure", "absent", NULL);
	plan_is_unknown(f, machine);
}

static const char *const wants[] = { "a", "b", "a", "", "a", "b" };
static unsigned looks;

static bool each_want(const struct neap_context *ctx, size_t *at, struct neap_declared *ret)
{
	(void)ctx;
	looks++;
	if (*at == sizeof wants / sizeof *wants)
		return false;
	*ret = (struct neap_declared){ .want = &wants[(*at)++] };
	return true;
}

static const char *key_of(const void *want, struct neap_arena *arena)
{
	const char *key = *(const char *const *)want;

	return *key ? neap_arena_strdup(arena, key) : NULL;
}

/* And all of them are counted once. */
static void kept__numbers_count_what_has_its_turn_before(void **state)
{
	static const size_t numbers[] = { 0, 0, 1, 0, 2, 1 };
	struct fixture *f = *state;
	struct neap_memo memo = { .arena = f->problems.arena };
	struct neap_context ctx = { .scratch = f->problems.arena,
				    .passing = f->problems.arena,
				    .memo = &memo,
				    .declared = each_want };

	looks = 0;
	for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
		assert_int_equal(neap_kept_rules_number(&ctx, &wants[i], key_of), numbers[i]);
	assert_int_equal(looks, 7);
	memo.done(memo.data);
	ctx.memo = NULL;
	assert_int_equal(neap_kept_rules_number(&ctx, &wants[4], key_of), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Of each type: while nobody has confirmed what is in force, nothing is kept; a plan says both. */
static void kept__what_is_not_confirmed_is_not_kept(void **state)
{
	static const struct {
		const char *folder, *type, *params[8];
	} cells[] = {
		{ "/etc/neap/network.d", "address", { "link", "eth1", "address", "10.0.0.1/24" } },
		{ "/etc/neap/network.d", "bridge", { "name", "br0" } },
		{ "/etc/neap/network.d", "route", { "to", "10.9.0.0/16", "link", "eth1" } },
		{ "/etc/neap/network.d", "veth", { "name", "v0", "peer", "v1" } },
		{ "/etc/neap/network.d", "vxlan", { "name", "x0", "peers", "192.0.2.2" } },
		{ "/etc/neap/iptables.d", "iptables_chain", { "name", "SITE" } },
		{ "/etc/neap/iptables.d", "iptables_rule", { "chain", "INPUT", "rule", "-j DROP" } },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct neap_machine *machine = machine_with("eth1");
		struct neap_run *run;
		struct fixture *f;
		void *fresh;
		uint32_t number;

		assert_int_equal(setup(&fresh), 0);
		f = fresh;
		number = begin(f, found(cells[i].type), 1);
		for (size_t k = 0; k < 8 && cells[i].params[k]; k += 2)
			set(f, number, cells[i].params[k], neap_value_string(cells[i].params[k + 1]));
		if (strcmp(cells[i].type, "vxlan") == 0)
			set(f, number, "id", (struct neap_value){ .kind = NEAP_INTEGER, .integer = 42 });
		set(f, number, "persist", neap_value_string("unit"));
		set(f, number, "confirm_within", neap_value_string("5s"));
		neap_graph_end(f->graph, number);
		finish_good(f);
		run = go(f, machine, NEAP_RUN_PLAN);
		assert_non_null(strstr(run->results[0].reason, "neap confirm"));
		assert_non_null(strstr(run->results[0].reason, cells[i].folder));
		neap_run_free(run);
		neap_host_memory_confirms(machine, false);
		run = go(f, machine, NEAP_RUN_APPLY);
		assert_non_null(run->results[0].error);
		assert_non_null(strstr(run->results[0].error->message, "has been taken back"));
		neap_run_free(run);
		assert_false(is_there(machine, "/etc/neap"));
		neap_host_memory_confirms(machine, true);
		apply(f, machine);
		assert_true(is_there(machine, cells[i].folder));
		neap_machine_free(machine);
		teardown(&fresh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kept__lines_say_what_is_given_and_nothing_else),
		TEST(kept__a_vxlan_says_its_port_and_whom_it_knows),
		TEST(kept__by_networkd_a_vxlan_is_asked_for_by_its_link_or_independent),
		TEST(kept__more_than_networkd_takes_is_refused),
		TEST(kept__rules_are_numbered_in_their_chain_by_their_turn),
		TEST(kept__the_unit_stands_when_any_is_kept_whoever_failed),
		cmocka_unit_test(kept__what_is_not_confirmed_is_not_kept),
		TEST(kept__each_half_is_said_and_repaired_alone),
		TEST(kept__who_takes_a_name_over_takes_what_was_kept_of_it_away),
		TEST(kept__a_unit_of_the_recipe_comes_after_those_who_make_its_file),
		TEST(kept__numbers_count_what_has_its_turn_before),
		TEST(kept__links_in_force_are_known_where_what_is_kept_is_not),
		TEST(kept__rules_in_force_are_known_where_what_is_kept_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
