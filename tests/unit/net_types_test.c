/* bridge, veth, address, route on a memory machine: what is compared and what not, and in what order
 * they and the settings of links come. The kernel's rules are tests/property/net_differential_test.c's. */
#include "net_fixture.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- whose changes wait ---------------------------------------------------------------------------------
 */

static uint32_t probed(struct fixture *f, const char *probe)
{
	static struct neap_value words[1];
	uint32_t number = resource(f, "address", 1);

	words[0] = neap_value_string(probe);
	set(f, number, "link", neap_value_string("eth1"));
	set(f, number, "address", neap_value_string("10.0.0.1/24"));
	set(f, number, "confirm_within", neap_value_string("30s"));
	set(f, number, "confirm_probe",
	    (struct neap_value){ .kind = NEAP_LIST, .list = { .items = words, .count = 1 } });
	neap_graph_end(f->graph, number);
	return number;
}

static void net__a_probe_that_is_no_program_is_an_error_where_something_changes(void **state)
{
	static const struct {
		const char *at, *says;
		enum neap_file_kind kind;
		uint32_t mode;
	} cases[] = {
		{ "/elsewhere", "confirm_probe: there is no program /probe", NEAP_FILE_REGULAR, 0755 },
		{ "/probe", "confirm_probe: there is no program /probe", NEAP_FILE_REGULAR, 0644 },
		{ "/probe", "confirm_probe: there is no program /probe", NEAP_FILE_DIRECTORY, 0755 },
		{ "/probe", "create live", NEAP_FILE_REGULAR, 0100 },
		{ "/elsewhere", "none", NEAP_FILE_REGULAR, 0755 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct neap_machine *machine = machine_with("eth1");
		void *own;
		uint32_t number;

		assert_int_equal(setup(&own), 0);
		number = probed(own, "/probe");
		finish_good(own);
		neap_host_memory_put(machine, cases[i].at, cases[i].kind, cases[i].mode, 0, 0, "", 0);
		if (i + 1 == sizeof cases / sizeof *cases) /* it is there already: nobody is asked */
			put_address(machine, "eth1", "10.0.0.1/24");
		assert_string_equal(says(own, machine, number), cases[i].says);
		teardown(&own);
	}
}

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
		cmocka_unit_test(net__a_probe_that_is_no_program_is_an_error_where_something_changes),
		TEST(net__a_member_that_no_bridge_takes_fails_in_the_plan),
		TEST(net__no_hint_is_for_a_parameter_that_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
