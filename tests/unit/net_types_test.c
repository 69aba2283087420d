/* bridge, veth, vxlan, address, route on a memory machine: what is compared and what not, and in what order
 * they and the settings of links come. The kernel's rules are tests/property/net_differential_test.c's. */
#include "graph_fixture.h"

#include <errno.h>

#include "engine/run.h"
#include "host/machine.h"
#include "modules/modules.h"

static uint32_t resource(struct fixture *f, const char *type, int line)
{
	const struct neap_resource_type *found = neap_registry_find(&neap_modules, type);

	assert_non_null(found);
	return begin(f, found, line);
}

/* "type line name value …", values as strings. */
static uint32_t keep(struct fixture *f, const char *type, int line, ...)
{
	uint32_t number = resource(f, type, line);
	const char *name;
	va_list args;

	va_start(args, line);
	while ((name = va_arg(args, const char *)))
		set(f, number, name, neap_value_string(va_arg(args, const char *)));
	va_end(args);
	neap_graph_end(f->graph, number);
	return number;
}

static void change_link(struct neap_machine *machine, enum neap_net_op op, const char *name, const char *kind,
			unsigned fields, struct neap_net_link link)
{
	struct neap_net_change change = { .op = op, .fields = fields, .link = link };

	snprintf(change.link.name, sizeof change.link.name, "%s", name);
	snprintf(change.link.kind, sizeof change.link.kind, "%s", kind);
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

static struct neap_machine *machine_with(const char *device)
{
	struct neap_machine *machine;

	assert_int_equal(neap_host_memory_new(&machine), 0);
	change_link(machine, NEAP_NET_LINK_ADD, device, "", NEAP_NET_UP,
		    (struct neap_net_link){ .up = true });
	return machine;
}

static void put_address(struct neap_machine *machine, const char *link, const char *text)
{
	struct neap_net_change change = { .op = NEAP_NET_ADDRESS_ADD };
	struct neap_net_prefix prefix;

	assert_true(neap_net_prefix_parse(text, &prefix));
	change.address =
		(struct neap_net_address){ .key = neap_net_address_key(link, &prefix), .len = prefix.len };
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

static void put_route(struct neap_machine *machine, const char *to, const char *via, const char *link)
{
	struct neap_net_change change = { .op = NEAP_NET_ROUTE_PUT };
	struct neap_net_prefix prefix;

	assert_true(neap_net_prefix_parse(to, &prefix));
	change.route.key = neap_net_route_key(&prefix, NEAP_NET_TABLE_MAIN, 0);
	if (via)
		assert_true(neap_net_ip_parse(via, &change.route.via));
	snprintf(change.route.link, sizeof change.route.link, "%s", link);
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

/* "update stp forward_delay": of the resource, by a plan; then it is applied and must be as wanted. */
static const char *says(struct fixture *f, struct neap_machine *machine, uint32_t number)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	struct neap_run_options options = { .mode = NEAP_RUN_PLAN };
	struct neap_run *run = neap_run(f->graph, machine, &options);
	const struct neap_result *result = &run->results[number];

	if (result->error)
		neap_buf_printf(&text, "%s", result->error->message);
	else
		neap_buf_puts(&text, neap_action_name(result->action));
	for (size_t i = 0; i < result->change_count && !result->error; i++)
		neap_buf_printf(&text, " %s", result->changes[i].param);
	neap_run_free(run);
	options.mode = NEAP_RUN_APPLY;
	run = neap_run(f->graph, machine, &options);
	assert_int_equal(run->results[number].outcome == NEAP_OUTCOME_FAILED, strchr(text.data, ':') != NULL);
	neap_run_free(run);
	options.mode = NEAP_RUN_PLAN;
	run = neap_run(f->graph, machine, &options);
	if (!strchr(text.data, ':'))
		assert_int_equal(run->results[number].action, NEAP_ACTION_NONE);
	neap_run_free(run);
	neap_machine_free(machine);
	return neap_arena_copy(f->problems.arena, text.data, text.len);
}

/* ---- values -------------------------------------------------------------------------------------------- */

static void net__addresses_are_read_and_printed_alike(void **state)
{
	static const char *const good[] = { "10.0.0.1/24", "0.0.0.0/0",  "255.255.255.255/32",
					    "::/0",        "fd00::1/64", "::1/128" };
	static const char *const bad[] = { "10.0.0.1",     "10.0.0.1/",   "10.0.0.1/33", "10.0.0.1/024",
					   "fd00::1/129",  "10.0.0/8",    "/8",          "a/8",
					   "10.0.0.1/2 4", "fd00::1%x/64" };
	struct neap_net_prefix prefix;
	struct neap_net_ip ip;
	char text[NEAP_NET_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(neap_net_prefix_parse(good[i], &prefix));
		assert_string_equal(neap_net_prefix_print(&prefix, text), good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(neap_net_prefix_parse(bad[i], &prefix));
	assert_true(neap_net_prefix_parse("10.1.2.3/12", &prefix));
	prefix = neap_net_network(&prefix);
	assert_string_equal(neap_net_prefix_print(&prefix, text), "10.0.0.0/12");
	assert_true(neap_net_ip_parse("10.15.0.1", &ip) && neap_net_has(&prefix, &ip));
	assert_true(neap_net_ip_parse("10.16.0.1", &ip) && !neap_net_has(&prefix, &ip));
	assert_true(neap_net_ip_parse("fe80::1", &ip) && neap_net_link_local(&ip));
	assert_true(neap_net_ip_parse("fec0::1", &ip) && !neap_net_link_local(&ip));
}

static void net__settings_of_a_link_are_told_from_others(void **state)
{
	char name[NEAP_NET_NAME];

	(void)state;
	assert_true(neap_net_link_of_setting("net/ipv4/conf/eth0.1/forwarding", name));
	assert_string_equal(name, "eth0.1");
	assert_true(neap_net_link_of_setting("net/ipv6/neigh/br0/retrans_time_ms", name));
	assert_false(neap_net_link_of_setting("net/ipv4/conf/all/forwarding", name));
	assert_false(neap_net_link_of_setting("net/ipv4/conf/default/forwarding", name));
	assert_false(neap_net_link_of_setting("net/ipv4/ip_forward", name));
	assert_false(neap_net_link_of_setting("net/ipv4/conf/a_name_too_long_for_one/x", name));
}

/* ---- order --------------------------------------------------------------------------------------------- */

static void net__who_makes_a_link_comes_before_who_names_it(void **state)
{
	struct fixture *f = *state;

	keep(f, "sysctl", 1, "name", "net.ipv4.conf.br0.forwarding", "value", "1", NULL);
	keep(f, "address", 2, "link", "br0", "address", "10.0.0.1/24", NULL);
	keep(f, "veth", 3, "name", "v0", "peer", "v1", NULL);
	uint32_t bridge = resource(f, "bridge", 4);
	set(f, bridge, "name", neap_value_string("br0"));
	set(f, bridge, "members", neap_value_string("v1"));
	neap_graph_end(f->graph, bridge);
	finish_good(f);
	assert_string_equal(edges(f), "bridge[br0] < sysctl[net.ipv4.conf.br0.forwarding] autorequire 1\n"
				      "bridge[br0] < address[br0: 10.0.0.1/24] autorequire 2\n"
				      "veth[v0] < bridge[br0] autorequire 4\n");
}

static void net__an_address_comes_before_the_routes_of_its_network(void **state)
{
	struct fixture *f = *state;

	keep(f, "route", 1, "to", "default", "via", "10.1.0.9", NULL);
	keep(f, "route", 2, "to", "10.9.0.0/16", "link", "eth0", "source", "10.0.0.1", NULL);
	keep(f, "address", 3, "link", "eth0", "address", "10.0.0.1/8", NULL);
	keep(f, "address", 4, "link", "eth0", "address", "10.1.0.1/24", NULL);
	keep(f, "address", 5, "link", "eth0", "address", "10.7.0.1/24", "ensure", "absent", NULL);
	finish_good(f);
	/* The smallest network that the gateway lies in; what is taken off the link first. */
	assert_string_equal(edges(f), "address[eth0: 10.1.0.1/24] < route[default] autorequire 1\n"
				      "address[eth0: 10.0.0.1/8] < route[10.9.0.0/16] autorequire 2\n"
				      "j1 < route[10.9.0.0/16] autorequire 2\n"
				      "address[eth0: 10.7.0.1/24] < j1 autorequire 5\n");
}

static void net__what_is_taken_off_a_link_goes_before_it(void **state)
{
	struct fixture *f = *state;

	keep(f, "bridge", 1, "name", "br0", "ensure", "absent", NULL);
	keep(f, "address", 2, "link", "br0", "address", "10.0.0.1/24", "ensure", "absent", NULL);
	finish_good(f);
	assert_string_equal(edges(f), "address[br0: 10.0.0.1/24] < bridge[br0] autorequire 1\n");
}

static void net__two_makers_and_needing_what_goes_are_errors(void **state)
{
	struct fixture *f = *state;

	keep(f, "bridge", 1, "name", "br0", NULL);
	keep(f, "veth", 2, "name", "v0", "peer", "br0", NULL);
	keep(f, "bridge", 3, "name", "gone", "ensure", "absent", NULL);
	keep(f, "route", 4, "to", "10.9.0.0/16", "link", "gone", NULL);
	keep(f, "route", 5, "to", "10.9.0.0/16", "via", "10.0.0.1", NULL);
	assert_string_equal(
		finish_bad(f),
		"2: veth[v0]: bridge[br0] (site.lua:1) and veth[v0] (site.lua:2) both make the link br0\n"
		"4: route[10.9.0.0/16]: route[10.9.0.0/16] (site.lua:4) needs the link gone, which "
		"bridge[gone] "
		"(site.lua:3) makes absent\n"
		"5: route[10.9.0.0/16]: route[10.9.0.0/16] is declared twice: here and at site.lua:4\n");
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

static void net__of_a_bridge_only_what_is_given_is_compared(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	uint32_t bridge = resource(f, "bridge", 1);

	change_link(
		machine, NEAP_NET_LINK_ADD, "br0", "bridge",
		NEAP_NET_UP | NEAP_NET_STP | NEAP_NET_FORWARD_DELAY | NEAP_NET_AGEING_TIME,
		(struct neap_net_link){ .up = true, .stp = true, .forward_delay = 400, .ageing_time = 700 });
	change_link(machine, NEAP_NET_LINK_SET, "br0", "bridge", NEAP_NET_MTU,
		    (struct neap_net_link){ .mtu = 1400 });
	set(f, bridge, "name", neap_value_string("br0"));
	neap_graph_end(f->graph, bridge);
	finish_good(f);
	assert_string_equal(says(f, machine, bridge), "none");
}

static void net__spanning_tree_goes_off_before_the_delay_is_set(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	uint32_t bridge = resource(f, "bridge", 1);

	change_link(machine, NEAP_NET_LINK_ADD, "br0", "bridge", NEAP_NET_UP | NEAP_NET_STP,
		    (struct neap_net_link){ .up = true, .stp = true });
	set(f, bridge, "name", neap_value_string("br0"));
	set(f, bridge, "stp", (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = false });
	set(f, bridge, "forward_delay", neap_value_string("0s"));
	neap_graph_end(f->graph, bridge);
	finish_good(f);
	assert_string_equal(says(f, machine, bridge), "update stp forward_delay");
}

static void net__an_mtu_holds_when_a_member_joins(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	uint32_t bridge = resource(f, "bridge", 1);

	change_link(machine, NEAP_NET_LINK_SET, "eth1", "", NEAP_NET_MTU,
		    (struct neap_net_link){ .mtu = 1400 });
	change_link(machine, NEAP_NET_LINK_ADD, "br0", "bridge", NEAP_NET_UP,
		    (struct neap_net_link){ .up = true });
	set(f, bridge, "name", neap_value_string("br0"));
	set(f, bridge, "members", neap_value_string("eth1"));
	set(f, bridge, "mtu", (struct neap_value){ .kind = NEAP_INTEGER, .integer = 1500 });
	neap_graph_end(f->graph, bridge);
	finish_good(f);
	assert_string_equal(says(f, machine, bridge), "update members");
}

static void net__the_way_of_a_route_is_compared_and_its_link_only_when_given(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");

	put_address(machine, "eth1", "10.0.0.1/24");
	put_route(machine, "10.9.0.0/16", "10.0.0.9", "");
	put_route(machine, "10.8.0.0/16", "10.0.0.9", "");
	uint32_t same = keep(f, "route", 1, "to", "10.9.0.0/16", "via", "10.0.0.9", NULL);
	uint32_t other = keep(f, "route", 2, "to", "10.8.0.0/16", "link", "eth1", NULL);
	finish_good(f);
	struct neap_run_options options = { .mode = NEAP_RUN_PLAN };
	struct neap_run *run = neap_run(f->graph, machine, &options);
	assert_int_equal(run->results[same].action, NEAP_ACTION_NONE);
	neap_run_free(run);
	assert_string_equal(says(f, machine, other), "update via");
}

static void net__a_gateway_out_of_reach_fails_in_the_plan(void **state)
{
	struct fixture *f = *state;
	uint32_t route = keep(f, "route", 1, "to", "10.9.0.0/16", "via", "10.0.0.9", NULL);

	finish_good(f);
	assert_string_equal(says(f, machine_with("eth1"), route),
			    "put the route to 10.9.0.0/16, metric 0 in table 254, via 10.0.0.9: Network is "
			    "unreachable");
}

static void net__what_is_in_the_place_of_a_peer_is_an_error(void **state)
{
	struct fixture *f = *state;
	uint32_t veth = keep(f, "veth", 1, "name", "v0", "peer", "eth1", NULL);

	finish_good(f);
	assert_string_equal(says(f, machine_with("eth1"), veth),
			    "v0: the link eth1 is in the place of its other end");
}

static void net__both_ends_of_a_veth_are_brought_up(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	struct neap_net_link link = { .peer = "v1" };
	uint32_t veth = keep(f, "veth", 1, "name", "v0", "peer", "v1", NULL);

	change_link(machine, NEAP_NET_LINK_ADD, "v0", "veth", 0, link);
	finish_good(f);
	assert_string_equal(says(f, machine, veth), "update up");
}

static void net__an_ipv6_address_of_another_length_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	uint32_t address = keep(f, "address", 1, "link", "eth1", "address", "fd00::1/64", NULL);

	put_address(machine, "eth1", "fd00::1/48");
	finish_good(f);
	struct neap_run_options options = { .mode = NEAP_RUN_PLAN };
	struct neap_run *run = neap_run(f->graph, machine, &options);
	assert_string_equal(run->results[address].error->message, "eth1 has this address with the length 48");
	neap_run_free(run);
	neap_machine_free(machine);
}

static void net__settings_of_a_link_made_in_the_plan_are_unknown(void **state)
{
	struct fixture *f = *state;
	uint32_t setting = resource(f, "sysctl", 1);

	set(f, setting, "name", neap_value_string("net.ipv4.conf.br0.forwarding"));
	set(f, setting, "value", neap_value_string("1"));
	set(f, setting, "persistent", (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = false });
	neap_graph_end(f->graph, setting);
	keep(f, "bridge", 2, "name", "br0", NULL);
	finish_good(f);
	assert_string_equal(says(f, machine_with("eth1"), setting), "unknown");
}

static void net__routes_go_with_the_last_address_of_their_link(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	uint32_t route = keep(f, "route", 1, "to", "10.9.0.0/16", "via", "10.0.0.9", NULL);

	put_address(machine, "eth1", "10.0.0.1/24");
	put_route(machine, "10.9.0.0/16", "10.0.0.9", "");
	keep(f, "address", 2, "link", "eth1", "address", "10.0.0.1/24", "ensure", "absent", NULL);
	finish_good(f);
	assert_string_equal(says(f, machine, route),
			    "put the route to 10.9.0.0/16, metric 0 in table 254, via 10.0.0.9: Network is "
			    "unreachable");
}

/* Nobody is left without an address because the kernel takes the new one along with the old one. */
static void net__an_address_does_not_go_while_it_takes_another_along(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");

	put_address(machine, "eth1", "10.0.0.1/24");
	put_address(machine, "eth1", "10.0.0.2/24");
	keep(f, "address", 1, "link", "eth1", "address", "10.0.0.2/24", NULL);
	uint32_t goes =
		keep(f, "address", 2, "link", "eth1", "address", "10.0.0.1/24", "ensure", "absent", NULL);
	finish_good(f);
	assert_string_equal(says(f, machine, goes),
			    "it has to stay: with it the kernel would remove 10.0.0.2/24, which came "
			    "later");
}

static void net__a_member_that_no_bridge_takes_fails_in_the_plan(void **state)
{
	static const char *const said[] = { "members: tun0 has no Ethernet, and no bridge takes it",
					    "members: br1 is a bridge, and no bridge takes one" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		void *again;

		assert_int_equal(setup(&again), 0);
		struct fixture *f = again;
		struct neap_machine *machine = machine_with("eth0");
		uint32_t number = resource(f, "bridge", 1);
		set(f, number, "name", neap_value_string("br0"));
		set(f, number, "members", neap_value_string(i ? "br1" : "tun0"));
		neap_graph_end(f->graph, number);
		finish_good(f);
		change_link(machine, NEAP_NET_LINK_ADD, "tun0", "", 0,
			    (struct neap_net_link){ .no_frames = true });
		change_link(machine, NEAP_NET_LINK_ADD, "br1", "bridge", 0, (struct neap_net_link){ 0 });
		assert_string_equal(says(f, machine, number), said[i]);
		assert_int_equal(teardown(&again), 0);
	}
}

/* A hint is for a name that there is not. */
static void net__no_hint_is_for_a_parameter_that_there_is(void **state)
{
	(void)state;
	for (const struct neap_resource_type *const *type = neap_modules.types; *type; type++)
		for (const struct neap_param_hint *at = (*type)->hints; at && at->name; at++)
			assert_int_equal(neap_schema_find(*type, at->name), -1);
}

/* ---- vxlans -------------------------------------------------------------------------------------------- */

static const uint8_t mac_two[NEAP_NET_MAC] = { 2, 0, 0, 0, 0, 2 },
		     mac_three[NEAP_NET_MAC] = { 2, 0, 0, 0, 0, 3 };

static struct neap_value integer(int64_t number)
{
	return (struct neap_value){ .kind = NEAP_INTEGER, .integer = number };
}

/* With number 42, on port 8472, that is up, learns nothing and lets packets live for seven routers. */
static struct neap_machine *machine_with_vxlan(void)
{
	struct neap_machine *machine = machine_with("eth1");
	struct neap_net_link link = {
		.up = true, .id = 42, .port = 8472, .ttl = 7, .mac = { 2, 0, 0, 0, 0, 1 }
	};

	change_link(machine, NEAP_NET_LINK_ADD, "x0", "vxlan",
		    NEAP_NET_UP | NEAP_NET_LEARNING | NEAP_NET_TTL | NEAP_NET_ADDRESS, link);
	return machine;
}

static void add_vxlan(struct neap_machine *machine, const char *name, struct neap_net_link link)
{
	change_link(machine, NEAP_NET_LINK_ADD, name, "vxlan", link.up ? NEAP_NET_UP : 0, link);
}

static void know(struct neap_machine *machine, enum neap_net_neighbour_kind kind, const char *ip,
		 const uint8_t mac[NEAP_NET_MAC])
{
	struct neap_net_change change = { .op = NEAP_NET_NEIGHBOUR_PUT };
	struct neap_net_ip parsed;

	assert_true(neap_net_ip_parse(ip, &parsed));
	change.neighbour = neap_net_neighbour_of("x0", kind, &parsed, mac);
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

/* Whom x0 knows, of all kinds. */
static const char *known_now(struct fixture *f, const struct neap_machine *machine)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	struct neap_arena *arena = f->problems.arena;

	for (unsigned kind = 0; kind < NEAP_NET_NEIGHBOUR_KINDS; kind++) {
		const struct neap_net_neighbour *const *there;
		size_t count;

		assert_int_equal(
			neap_view_net_neighbours(&machine->view, "x0", kind, arena, &there, &count, NULL), 0);
		for (size_t i = 0; i < count; i++)
			neap_buf_printf(&text, "%s\n", neap_net_neighbour_print(there[i], arena));
	}
	return neap_arena_copy(arena, text.data ? text.data : "", text.len);
}

/* After all that is wanted has been applied. */
static const char *knows(struct fixture *f, struct neap_machine *machine)
{
	struct neap_run_options options = { .mode = NEAP_RUN_APPLY };

	neap_run_free(neap_run(f->graph, machine, &options));
	return known_now(f, machine);
}

static uint32_t vxlan(struct fixture *f, int line, const char *name, int64_t id)
{
	uint32_t number = resource(f, "vxlan", line);

	set(f, number, "name", neap_value_string(name));
	set(f, number, "id", integer(id));
	return number;
}

static void set_pair(struct fixture *f, uint32_t number, const char *param, const char *name,
		     const char *text)
{
	struct neap_pair pair = { .key = { name, strlen(name) }, .value = neap_value_string(text) };

	set(f, number, param, (struct neap_value){ .kind = NEAP_MAP, .map = { &pair, 1 } });
}

static void set_peers(struct fixture *f, uint32_t number, const char *one, const char *other)
{
	struct neap_value peers[] = { neap_value_string(one), neap_value_string(other ? other : "") };

	set(f, number, "peers", (struct neap_value){ .kind = NEAP_LIST, .list = { peers, other ? 2 : 1 } });
}

static void net__hardware_addresses_are_read_and_printed_alike(void **state)
{
	static const char *const bad[] = { "",
					   "02:00:00:00:00",
					   "02:00:00:00:00:1",
					   "02:00:00:00:00:0A",
					   "02-00-00-00-00-01",
					   "02:00:00:00:00:0g",
					   "02:00:00:00:00:01:" };
	uint8_t mac[NEAP_NET_MAC];
	char text[NEAP_NET_MAC_TEXT];

	(void)state;
	assert_true(neap_net_mac_parse("02:ab:00:9f:00:01", mac));
	assert_string_equal(neap_net_mac_print(mac, text), "02:ab:00:9f:00:01");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(neap_net_mac_parse(bad[i], mac));
}

static void net__of_a_vxlan_only_what_is_given_is_compared(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_vxlan();
	uint32_t number = vxlan(f, 1, "x0", 42);

	know(machine, NEAP_NET_PEER, "192.0.2.9", mac_two);
	neap_graph_end(f->graph, number);
	finish_good(f);
	assert_string_equal(says(f, machine, number), "none");
}

static void net__a_new_vxlan_says_its_port(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	uint32_t number = vxlan(f, 1, "x0", 42);
	struct neap_net_link link;
	bool found;

	set(f, number, "link", neap_value_string("eth1"));
	neap_graph_end(f->graph, number);
	finish_good(f);
	assert_string_equal(knows(f, machine), "");
	assert_int_equal(neap_view_net_link(&machine->view, "x0", &link, &found, NULL), 0);
	assert_true(found && link.up && link.learning);
	assert_int_equal(link.port, 4789);
	assert_int_equal(link.mtu, 1450);
	neap_machine_free(machine);
}

static void net__what_a_vxlan_is_known_by_does_not_change(void **state)
{
	struct fixture *f = *state;
	uint32_t id = vxlan(f, 1, "x0", 43);

	neap_graph_end(f->graph, id);
	finish_good(f);
	assert_string_equal(says(f, machine_with_vxlan(), id),
			    "x0 is there with id 42, not 43: that cannot change while it is there");
}

static void net__nor_do_its_port_address_and_link(void **state)
{
	static const char *const params[] = { "port", "local_address", "link" };
	static const char *const said[] = {
		"x0 is there with port 8472, not 4789: that cannot change while it is there",
		"x0 is there with no local_address, not 192.0.2.1: that cannot change while it is there",
		"x0 is there with no link, not eth1: that cannot change while it is there",
	};
	const struct neap_value values[] = { integer(4789), neap_value_string("192.0.2.1"),
					     neap_value_string("eth1") };

	for (size_t i = 0; i < 3; i++) {
		void *again;

		assert_int_equal(setup(&again), 0);
		struct fixture *f = again;
		uint32_t number = vxlan(f, 1, "x0", 42);
		set(f, number, params[i], values[i]);
		neap_graph_end(f->graph, number);
		finish_good(f);
		assert_string_equal(says(f, machine_with_vxlan(), number), said[i]);
		teardown(&again);
	}
	(void)state;
}

static void net__peers_that_left_the_list_go(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_vxlan();
	uint32_t number = vxlan(f, 1, "x0", 42);

	know(machine, NEAP_NET_PEER, "192.0.2.2", mac_two);
	know(machine, NEAP_NET_PEER, "192.0.2.9", mac_two);
	know(machine, NEAP_NET_FORWARD, "192.0.2.9", mac_two);
	know(machine, NEAP_NET_NEIGHBOUR, "10.0.0.9", mac_two);
	set_peers(f, number, "192.0.2.3", "192.0.2.2");
	neap_graph_end(f->graph, number);
	finish_good(f);
	/* Of the other kinds nothing is said. */
	assert_string_equal(knows(f, machine), "192.0.2.2\n192.0.2.3\n02:00:00:00:00:02 192.0.2.9\n"
					       "10.0.0.9 02:00:00:00:00:02\n");
	know(machine, NEAP_NET_PEER, "192.0.2.9", mac_two);
	assert_string_equal(says(f, machine, number), "update peers");
}

static void net__an_entry_that_leads_elsewhere_is_put_right(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_vxlan();
	uint32_t number = vxlan(f, 1, "x0", 42);

	know(machine, NEAP_NET_FORWARD, "192.0.2.9", mac_two);
	know(machine, NEAP_NET_FORWARD, "192.0.2.9", mac_three);
	know(machine, NEAP_NET_NEIGHBOUR, "10.0.0.2", mac_three);
	know(machine, NEAP_NET_NEIGHBOUR, "10.0.0.3", mac_three);
	set_pair(f, number, "fdb", "02:00:00:00:00:02", "192.0.2.2");
	set_pair(f, number, "neighbours", "10.0.0.2", "02:00:00:00:00:02");
	neap_graph_end(f->graph, number);
	finish_good(f);
	assert_string_equal(knows(f, machine), "02:00:00:00:00:02 192.0.2.2\n10.0.0.2 02:00:00:00:00:02\n");
	know(machine, NEAP_NET_FORWARD, "192.0.2.9", mac_two);
	assert_string_equal(says(f, machine, number), "update fdb");
}

/* A link that gets another hardware address, or goes down, forgets its neighbours; whoever shall be none need
 * not be told so then. */
static void put_again(struct fixture *f, const char *param, struct neap_value value, const char *said)
{
	struct neap_machine *machine = machine_with_vxlan();
	uint32_t number = vxlan(f, 1, "x0", 42);

	know(machine, NEAP_NET_NEIGHBOUR, "10.0.0.2", mac_two);
	know(machine, NEAP_NET_NEIGHBOUR, "10.0.0.3", mac_two);
	set_pair(f, number, "neighbours", "10.0.0.2", "02:00:00:00:00:02");
	set(f, number, param, value);
	neap_graph_end(f->graph, number);
	finish_good(f);
	assert_string_equal(says(f, machine, number), said);
}

static void net__neighbours_are_put_again_after_another_hardware_address(void **state)
{
	put_again(*state, "mac", neap_value_string("02:00:00:00:00:07"), "update neighbours mac");
}

static void net__neighbours_are_put_again_after_the_link_went_down(void **state)
{
	put_again(*state, "up", (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = false },
		  "update neighbours up");
}

/* One that comes up knows whom it knew. */
static void net__a_link_that_is_brought_up_is_told_to_forget(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_vxlan();
	uint32_t number = vxlan(f, 1, "x0", 42);

	change_link(machine, NEAP_NET_LINK_SET, "x0", "vxlan", NEAP_NET_UP,
		    (struct neap_net_link){ .up = false });
	know(machine, NEAP_NET_PEER, "192.0.2.9", mac_two);
	know(machine, NEAP_NET_NEIGHBOUR, "10.0.0.2", mac_two);
	know(machine, NEAP_NET_NEIGHBOUR, "10.0.0.3", mac_two);
	set_pair(f, number, "neighbours", "10.0.0.2", "02:00:00:00:00:02");
	set_peers(f, number, "192.0.2.2", NULL);
	neap_graph_end(f->graph, number);
	finish_good(f);
	assert_string_equal(knows(f, machine), "192.0.2.2\n10.0.0.2 02:00:00:00:00:02\n");
	neap_machine_free(machine);
}

/* Whatever call fails, and at whatever one neap dies. */
static void net__what_nobody_confirms_of_a_vxlan_is_as_it_was(void **state)
{
	static const char was[] = "192.0.2.9\n02:00:00:00:00:02 192.0.2.9\n10.0.0.2 02:00:00:00:00:03\n";
	struct fixture *f = *state;
	uint32_t number = vxlan(f, 1, "x0", 42);
	unsigned done = 0;
	uint64_t calls = 1;

	set(f, number, "mac", neap_value_string("02:00:00:00:00:07"));
	set(f, number, "ttl", integer(9));
	set_peers(f, number, "192.0.2.2", "192.0.2.3");
	set_pair(f, number, "fdb", "02:00:00:00:00:02", "192.0.2.2");
	set_pair(f, number, "neighbours", "10.0.0.2", "02:00:00:00:00:02");
	set(f, number, "confirm_within", neap_value_string("5s"));
	neap_graph_end(f->graph, number);
	finish_good(f);
	for (uint64_t call = 0; call < 2 * calls + 2; call++) {
		struct neap_machine *machine = machine_with_vxlan();
		struct neap_run_options options = { .mode = NEAP_RUN_APPLY };
		struct neap_net_link link;
		bool found;

		know(machine, NEAP_NET_PEER, "192.0.2.9", mac_two);
		know(machine, NEAP_NET_FORWARD, "192.0.2.9", mac_two);
		know(machine, NEAP_NET_NEIGHBOUR, "10.0.0.2", mac_three);
		neap_host_memory_confirms(machine, false);
		if (call % 2)
			neap_host_memory_die(machine, call / 2);
		else
			neap_host_memory_fail(machine, call / 2, EIO);
		neap_run_free(neap_run(f->graph, machine, &options));
		if (!call)
			calls = neap_host_memory_calls(machine);
		neap_host_memory_fail(machine, 0, 0);
		neap_host_memory_expire(machine); /* its clock is another's */
		assert_string_equal(known_now(f, machine), was);
		assert_int_equal(neap_view_net_link(&machine->view, "x0", &link, &found, NULL), 0);
		assert_true(found && link.ttl == 7 && link.mac[5] == 1);
		/* And once somebody is there it comes about. */
		neap_host_memory_confirms(machine, true);
		done += strcmp(knows(f, machine), "192.0.2.2\n192.0.2.3\n02:00:00:00:00:02 192.0.2.2\n"
						  "10.0.0.2 02:00:00:00:00:02\n") == 0;
		neap_machine_free(machine);
	}
	assert_int_equal(done, 2 * calls + 2);
}

static void net__an_mtu_that_does_not_fit_fails_in_the_plan(void **state)
{
	struct fixture *f = *state;
	uint32_t number = vxlan(f, 1, "x0", 42);

	set(f, number, "link", neap_value_string("eth1"));
	set(f, number, "mtu", integer(1451));
	neap_graph_end(f->graph, number);
	finish_good(f);
	assert_string_equal(says(f, machine_with("eth1"), number),
			    "mtu: 1451 does not fit through eth1, whose own is 1500");
}

/* The kernel looks only when it is set. */
static void net__an_mtu_that_does_not_fit_any_more_fails_in_the_plan(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	uint32_t number = vxlan(f, 1, "x0", 42);

	add_vxlan(machine, "x0",
		  (struct neap_net_link){ .id = 42, .port = 4789, .under = "eth1", .up = true });
	change_link(machine, NEAP_NET_LINK_SET, "eth1", "", NEAP_NET_MTU,
		    (struct neap_net_link){ .mtu = 1400 });
	set(f, number, "mtu", integer(1450));
	neap_graph_end(f->graph, number);
	finish_good(f);
	assert_string_equal(says(f, machine, number),
			    "mtu: 1450 does not fit through eth1, whose own is 1400");
}

static void net__a_vxlan_is_not_among_those_it_knows(void **state)
{
	static const char *const said[] = { "fdb: 02:00:00:00:00:02 is its own mac",
					    "neighbours: 02:00:00:00:00:02 is its own mac" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		void *again;

		assert_int_equal(setup(&again), 0);
		struct fixture *f = again;
		uint32_t number = vxlan(f, 1, "x0", 42);
		set(f, number, "mac", neap_value_string("02:00:00:00:00:02"));
		if (i == 0)
			set_pair(f, number, "fdb", "02:00:00:00:00:02", "192.0.2.2");
		else
			set_pair(f, number, "neighbours", "10.0.0.2", "02:00:00:00:00:02");
		neap_graph_end(f->graph, number);
		assert_non_null(strstr(finish_bad(f), said[i]));
		assert_int_equal(teardown(&again), 0);
	}
}

/* What runs before may make it known. */
static void net__a_missing_peer_behind_a_command_is_unknown(void **state)
{
	struct fixture *f = *state;
	uint32_t command = resource(f, "exec", 1), number;
	struct neap_value word = neap_value_string("make");

	set(f, command, "name", neap_value_string("make"));
	set(f, command, "command", (struct neap_value){ .kind = NEAP_LIST, .list = { &word, 1 } });
	set(f, command, "always", (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = true });
	neap_graph_end(f->graph, command);
	number = vxlan(f, 2, "x0", 42);
	set_peers(f, number, "192.0.2.2", NULL);
	relate(f, number, NEAP_REQUIRE, command);
	neap_graph_end(f->graph, number);
	finish_good(f);
	assert_string_equal(says(f, machine_with_vxlan(), number), "unknown");
}

/* What goes with the link under it is gone in the plan. */
static void net__a_vxlan_goes_with_its_link(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	uint32_t gone;

	change_link(machine, NEAP_NET_LINK_ADD, "br0", "bridge", 0, (struct neap_net_link){ 0 });
	change_link(machine, NEAP_NET_LINK_ADD, "x0", "vxlan", NEAP_NET_UP,
		    (struct neap_net_link){ .up = true, .id = 1, .port = 4789, .under = "br0" });
	uint32_t bridge = keep(f, "bridge", 1, "name", "br0", "ensure", "absent", NULL);
	gone = resource(f, "vxlan", 2);
	set(f, gone, "name", neap_value_string("x0"));
	set(f, gone, "ensure", neap_value_string("absent"));
	relate(f, gone, NEAP_REQUIRE, bridge);
	neap_graph_end(f->graph, gone);
	finish_good(f);
	assert_string_equal(says(f, machine, gone), "none");
}

static void net__two_vxlans_of_one_number_are_an_error(void **state)
{
	struct fixture *f = *state;
	uint32_t one = vxlan(f, 1, "x0", 42), other;

	neap_graph_end(f->graph, one);
	other = vxlan(f, 2, "x1", 42);
	neap_graph_end(f->graph, other);
	one = vxlan(f, 3, "x2", 42); /* of IPv6: another network */
	set(f, one, "local_address", neap_value_string("fd00::1"));
	neap_graph_end(f->graph, one);
	assert_string_equal(finish_bad(f),
			    "2: vxlan[x1]: vxlan[x0] (site.lua:1) and vxlan[x1] (site.lua:2) both own "
			    "the vxlan with id 42 on port 4789 of IPv4\n");
}

/* The kernel has one vxlan of each id, port, family and sort; those of a port that are up are of one sort. */
static void net__a_vxlan_in_the_way_fails_in_the_plan(void **state)
{
	static const struct {
		struct neap_net_link there;
		const char *says;
	} cases[] = {
		{ { .id = 42, .port = 4789 },
		  "add the link x0, a vxlan with id 42 on port 4789 of IPv4: File exists" },
		{ { .id = 42, .port = 4790 }, "create live id port up" },
		{ { .id = 43, .port = 4789 }, "create live id port up" },
		{ { .id = 42, .port = 4789, .six = true }, "create live id port up" },
		{ { .id = 42, .port = 4789, .special = true }, "create live id port up" },
		{ { .id = 43, .port = 4789, .special = true, .up = true },
		  "add the link x0, a vxlan with id 42 on port 4789 of IPv4: Address already in use" },
		{ { .id = 43, .port = 4790, .special = true, .up = true }, "create live id port up" },
		{ { .id = 43, .port = 4789, .special = true, .six = true, .up = true },
		  "create live id port up" },
		{ { .id = 43, .port = 4789, .special = true, .six = true, .both = true, .up = true },
		  "add the link x0, a vxlan with id 42 on port 4789 of IPv4: Address already in use" },
		{ { .id = 43, .port = 4789, .up = true }, "create live id port up" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		void *again;

		assert_int_equal(setup(&again), 0);
		struct fixture *f = again;
		struct neap_machine *machine = machine_with("eth1");
		uint32_t number = vxlan(f, 1, "x0", 42);
		neap_graph_end(f->graph, number);
		finish_good(f);
		add_vxlan(machine, "x9", cases[i].there);
		assert_string_equal(says(f, machine, number), cases[i].says);
		assert_int_equal(teardown(&again), 0);
	}
}

/* A socket bound to one link shares its port with no other; what comes up later is seen, too. */
static void net__a_vxlan_that_cannot_come_up_fails_in_the_plan(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with("eth1");
	struct neap_net_link bound = { .id = 43, .port = 4789, .up = true, .under = "eth1" };
	struct neap_net_link own = { .id = 42, .port = 4789 };
	uint32_t number = vxlan(f, 1, "x0", 42);

	neap_net_ip_parse("fe80::1", &bound.local);
	neap_net_ip_parse("fd00::1", &own.local);
	add_vxlan(machine, "x9", bound);
	add_vxlan(machine, "x0", own);
	neap_graph_end(f->graph, number);
	finish_good(f);
	assert_string_equal(says(f, machine, number), "set up the link x0: Address already in use");
}

/* Whom others put there through a link or to a port of its own is sent what is for everybody, too. */
static void net__a_peer_that_is_sent_to_in_another_way_goes_like_others(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_vxlan();
	struct neap_net_change change = { .op = NEAP_NET_NEIGHBOUR_PUT };
	uint32_t number = vxlan(f, 1, "x0", 42);
	struct neap_net_ip ip;

	set_peers(f, number, "192.0.2.2", NULL);
	neap_graph_end(f->graph, number);
	finish_good(f);
	know(machine, NEAP_NET_PEER, "192.0.2.2", mac_two);
	neap_net_ip_parse("192.0.2.2", &ip);
	change.neighbour = neap_net_neighbour_of("x0", NEAP_NET_PEER, &ip, mac_two);
	neap_net_set_name(change.neighbour.key.through, "eth1");
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
	change.neighbour.key.port = 99;
	change.neighbour.key.id = 7;
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
	assert_string_equal(known_now(f, machine), "192.0.2.2\n192.0.2.2 through eth1\n"
						   "192.0.2.2 port 99 id 7 through eth1\n");
	assert_string_equal(knows(f, machine), "192.0.2.2\n");
	assert_string_equal(says(f, machine, number), "none");
}

static void net__a_vxlan_comes_after_its_link_and_before_its_bridge(void **state)
{
	struct fixture *f = *state;
	uint32_t number, bridge = resource(f, "bridge", 1);

	set(f, bridge, "name", neap_value_string("br0"));
	set(f, bridge, "members", neap_value_string("x0"));
	neap_graph_end(f->graph, bridge);
	number = vxlan(f, 2, "x0", 42);
	set(f, number, "link", neap_value_string("v0"));
	neap_graph_end(f->graph, number);
	keep(f, "veth", 3, "name", "v0", "peer", "v1", NULL);
	finish_good(f);
	assert_string_equal(edges(f), "vxlan[x0] < bridge[br0] autorequire 1\n"
				      "veth[v0] < vxlan[x0] autorequire 2\n");
}

/* That is found when all have had their turn: who stands on it has had its own, and what it says stays. */
static void net__who_stands_on_what_was_undone_later_is_not_skipped(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_vxlan();
	struct neap_run_options options = { .mode = NEAP_RUN_PLAN };

	put_address(machine, "x0", "10.0.0.1/24");
	know(machine, NEAP_NET_NEIGHBOUR, "10.0.0.2", mac_two);
	change_link(machine, NEAP_NET_LINK_ADD, "br8", "bridge", NEAP_NET_UP,
		    (struct neap_net_link){ .up = true });
	uint32_t goes = vxlan(f, 1, "x0", 42);
	set_pair(f, goes, "neighbours", "10.0.0.2", "02:00:00:00:00:02");
	neap_graph_end(f->graph, goes);
	uint32_t after = keep(f, "bridge", 2, "name", "br8", NULL);
	uint32_t new = keep(f, "bridge", 3, "name", "br9", NULL);

	/* With the last address of a link go its neighbours. */
	keep(f, "address", 4, "link", "x0", "address", "10.0.0.1/24", "ensure", "absent", NULL);
	relate(f, after, NEAP_REQUIRE, goes);
	relate(f, new, NEAP_REQUIRE, goes);
	finish_good(f);
	struct neap_run *run = neap_run(f->graph, machine, &options);

	assert_int_equal(run->results[goes].outcome, NEAP_OUTCOME_FAILED);
	neap_run_free(run);
	options.mode = NEAP_RUN_APPLY;
	run = neap_run(f->graph, machine, &options);
	assert_int_equal(run->results[goes].outcome, NEAP_OUTCOME_FAILED);
	assert_int_equal(run->results[after].outcome, NEAP_OUTCOME_UNCHANGED);
	assert_int_equal(run->results[new].outcome, NEAP_OUTCOME_CHANGED);
	neap_run_free(run);
	neap_machine_free(machine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net__addresses_are_read_and_printed_alike),
		cmocka_unit_test(net__settings_of_a_link_are_told_from_others),
		TEST(net__who_makes_a_link_comes_before_who_names_it),
		TEST(net__an_address_comes_before_the_routes_of_its_network),
		TEST(net__what_is_taken_off_a_link_goes_before_it),
		TEST(net__two_makers_and_needing_what_goes_are_errors),
		TEST(net__of_a_bridge_only_what_is_given_is_compared),
		TEST(net__spanning_tree_goes_off_before_the_delay_is_set),
		TEST(net__an_mtu_holds_when_a_member_joins),
		TEST(net__the_way_of_a_route_is_compared_and_its_link_only_when_given),
		TEST(net__a_gateway_out_of_reach_fails_in_the_plan),
		TEST(net__routes_go_with_the_last_address_of_their_link),
		TEST(net__what_is_in_the_place_of_a_peer_is_an_error),
		TEST(net__both_ends_of_a_veth_are_brought_up),
		TEST(net__an_ipv6_address_of_another_length_is_an_error),
		TEST(net__settings_of_a_link_made_in_the_plan_are_unknown),
		TEST(net__an_address_does_not_go_while_it_takes_another_along),
		cmocka_unit_test(net__hardware_addresses_are_read_and_printed_alike),
		TEST(net__of_a_vxlan_only_what_is_given_is_compared),
		TEST(net__a_new_vxlan_says_its_port),
		TEST(net__what_a_vxlan_is_known_by_does_not_change),
		cmocka_unit_test(net__nor_do_its_port_address_and_link),
		TEST(net__peers_that_left_the_list_go),
		TEST(net__an_entry_that_leads_elsewhere_is_put_right),
		TEST(net__neighbours_are_put_again_after_another_hardware_address),
		TEST(net__neighbours_are_put_again_after_the_link_went_down),
		TEST(net__a_link_that_is_brought_up_is_told_to_forget),
		TEST(net__what_nobody_confirms_of_a_vxlan_is_as_it_was),
		TEST(net__an_mtu_that_does_not_fit_fails_in_the_plan),
		TEST(net__a_missing_peer_behind_a_command_is_unknown),
		TEST(net__a_vxlan_goes_with_its_link),
		TEST(net__a_member_that_no_bridge_takes_fails_in_the_plan),
		TEST(net__no_hint_is_for_a_parameter_that_there_is),
		TEST(net__two_vxlans_of_one_number_are_an_error),
		TEST(net__an_mtu_that_does_not_fit_any_more_fails_in_the_plan),
		TEST(net__a_vxlan_is_not_among_those_it_knows),
		TEST(net__a_vxlan_in_the_way_fails_in_the_plan),
		TEST(net__a_vxlan_that_cannot_come_up_fails_in_the_plan),
		TEST(net__a_peer_that_is_sent_to_in_another_way_goes_like_others),
		TEST(net__a_vxlan_comes_after_its_link_and_before_its_bridge),
		TEST(net__who_stands_on_what_was_undone_later_is_not_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
