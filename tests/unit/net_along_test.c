/* What goes along with a change of the network and is named by its plan, on a memory machine. That it is what
 * the kernel takes is tests/property/net_differential_test.c's. */
#include "graph_fixture.h"

#include "engine/run.h"
#include "host/machine.h"
#include "modules/modules.h"

/* "type line name value …", values as strings; "true" and "false" are booleans. */
static uint32_t keep(struct fixture *f, const char *type, int line, ...)
{
	uint32_t number = begin(f, neap_registry_find(&neap_modules, type), line);
	const char *name, *text;
	va_list args;

	va_start(args, line);
	while ((name = va_arg(args, const char *))) {
		text = va_arg(args, const char *);
		if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
			set(f, number, name,
			    (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = text[0] == 't' });
		else
			set(f, number, name, neap_value_string(text));
	}
	va_end(args);
	neap_graph_end(f->graph, number);
	return number;
}

static void put_link(struct neap_machine *machine, const char *name, const char *kind, const char *other)
{
	struct neap_net_change change = { .op = NEAP_NET_LINK_ADD, .fields = NEAP_NET_UP };

	change.link.up = true;
	neap_net_set_name(change.link.name, name);
	neap_net_set_name(change.link.kind, kind);
	neap_net_set_name(strcmp(kind, "veth") == 0 ? change.link.peer : change.link.under, other);
	change.link.port = 4789;
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
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

/* `source` NULL: none. */
static void put_route(struct neap_machine *machine, const char *to, const char *via, uint32_t table,
		      const char *source)
{
	struct neap_net_change change = { .op = NEAP_NET_ROUTE_PUT };
	struct neap_net_prefix prefix;

	assert_true(neap_net_prefix_parse(to, &prefix));
	change.route.key = neap_net_route_key(&prefix, table, neap_net_metric(prefix.ip.family));
	assert_true(neap_net_ip_parse(via, &change.route.via));
	assert_true(!source || neap_net_ip_parse(source, &change.route.source));
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

static void put_neighbour(struct neap_machine *machine, const char *link, const char *text)
{
	static const uint8_t mac[NEAP_NET_MAC] = { 2, 0, 0, 0, 0, 7 };
	struct neap_net_change change = { .op = NEAP_NET_NEIGHBOUR_PUT };
	struct neap_net_ip ip;

	assert_true(neap_net_ip_parse(text, &ip));
	change.neighbour = neap_net_neighbour_of(link, NEAP_NET_NEIGHBOUR, &ip, mac);
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

static struct neap_machine *machine_with_eth1(void)
{
	struct neap_machine *machine;

	assert_int_equal(neap_host_memory_new(&machine), 0);
	put_link(machine, "eth1", "", "");
	put_address(machine, "eth1", "10.0.0.1/24");
	put_route(machine, "10.9.0.0/16", "10.0.0.9", NEAP_NET_TABLE_MAIN, NULL);
	put_route(machine, "0.0.0.0/0", "10.0.0.9", NEAP_NET_TABLE_MAIN, NULL);
	put_route(machine, "10.9.0.0/16", "10.0.0.9", 7, NULL);
	return machine;
}

static const char *named(struct fixture *f, const struct neap_run *run, uint32_t number)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	const struct neap_result *result = &run->results[number];

	assert_null(result->error);
	for (size_t i = 0; i < result->change_count; i++) {
		const struct neap_change_entry *entry = &result->changes[i];

		if (strcmp(entry->param, "along") != 0)
			continue;
		assert_int_equal(entry->after.list.count, 0);
		for (size_t j = 0; j < entry->before.list.count; j++)
			neap_buf_printf(&text, "%s\n", entry->before.list.items[j].text.data);
	}
	return neap_arena_copy(f->problems.arena, text.data ? text.data : "", text.len);
}

/* What goes along with the change of the resource: by its plan, and just so by its apply; then all is as
 * wanted, and nothing is named any more. */
static const char *along(struct fixture *f, struct neap_machine *machine, uint32_t number)
{
	struct neap_run_options options = { .mode = NEAP_RUN_PLAN };
	struct neap_run *run = neap_run(f->graph, machine, &options);
	const char *said = named(f, run, number);

	neap_run_free(run);
	options.mode = NEAP_RUN_APPLY;
	run = neap_run(f->graph, machine, &options);
	assert_string_equal(named(f, run, number), said);
	neap_run_free(run);
	options.mode = NEAP_RUN_PLAN;
	run = neap_run(f->graph, machine, &options);
	assert_true(neap_run_is_empty(run));
	neap_run_free(run);
	neap_machine_free(machine);
	return said;
}

static const char routes_of_eth1[] = "route default via 10.0.0.9 on eth1\n"
				     "route 10.9.0.0/16 via 10.0.0.9 on eth1\n"
				     "route 10.9.0.0/16 via 10.0.0.9 on eth1 table 7\n";

/* That to everywhere first; not the one that the kernel made for the address. */
static void along__routes_with_the_last_address(void **state)
{
	struct fixture *f = *state;
	uint32_t gone =
		keep(f, "address", 1, "link", "eth1", "address", "10.0.0.1/24", "ensure", "absent", NULL);

	finish_good(f);
	assert_string_equal(along(f, machine_with_eth1(), gone), routes_of_eth1);
}

static void along__nothing_while_there_is_another_address(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_eth1();
	uint32_t gone =
		keep(f, "address", 1, "link", "eth1", "address", "10.0.0.1/24", "ensure", "absent", NULL);

	put_address(machine, "eth1", "10.3.0.1/24");
	finish_good(f);
	assert_string_equal(along(f, machine, gone), "");
}

/* Landed in the midst of its step it says so, too. */
static void along__said_also_of_what_waits_for_its_confirmation(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_eth1();
	uint32_t gone = keep(f, "address", 1, "link", "eth1", "address", "10.0.0.1/24", "ensure", "absent",
			     "confirm_within", "5s", NULL);

	neap_host_memory_confirms(machine, true);
	finish_good(f);
	assert_string_equal(along(f, machine, gone), routes_of_eth1);
}

/* Whoever wants what goes, and has his turn later, makes it again. */
static void along__what_is_wanted_is_named_and_made_again(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_eth1();
	struct neap_run_options options = { .mode = NEAP_RUN_PLAN };
	uint32_t gone =
		keep(f, "address", 1, "link", "eth1", "address", "10.0.0.1/24", "ensure", "absent", NULL);
	uint32_t route = keep(f, "route", 3, "to", "default", "via", "10.0.0.9", NULL);

	keep(f, "address", 2, "link", "eth1", "address", "10.0.0.2/24", NULL);
	put_address(machine, "eth1", "10.0.0.2/24");
	finish_good(f);
	struct neap_run *run = neap_run(f->graph, machine, &options);
	assert_int_equal(run->results[route].action, NEAP_ACTION_CREATE);
	assert_int_equal(run->summary.create, 2);
	neap_run_free(run);
	assert_string_equal(along(f, machine, gone), "route default via 10.0.0.9 on eth1\n"
						     "route 10.9.0.0/16 via 10.0.0.9 on eth1\n"
						     "route 10.9.0.0/16 via 10.0.0.9 on eth1 table 7\n"
						     "address 10.0.0.2/24 on eth1\n");
}

static struct neap_machine *machine_with_bridge(void)
{
	struct neap_machine *machine = machine_with_eth1();

	put_link(machine, "br0", "bridge", "");
	put_address(machine, "br0", "10.1.0.1/24");
	put_address(machine, "br0", "fd00::1/64");
	put_route(machine, "10.8.0.0/16", "10.1.0.9", NEAP_NET_TABLE_MAIN, NULL);
	put_route(machine, "fd09::/48", "fd00::9", NEAP_NET_TABLE_MAIN, NULL);
	put_link(machine, "x0", "vxlan", "br0");
	put_address(machine, "x0", "10.2.0.1/24");
	put_neighbour(machine, "x0", "10.2.0.7");
	return machine;
}

/* A vxlan that goes has nobody to know. */
static void along__all_that_is_on_a_link_and_over_it(void **state)
{
	struct fixture *f = *state;
	uint32_t gone = keep(f, "bridge", 1, "name", "br0", "ensure", "absent", NULL);

	finish_good(f);
	assert_string_equal(along(f, machine_with_bridge(), gone), "vxlan x0\n"
								   "route 10.8.0.0/16 via 10.1.0.9 on br0\n"
								   "route fd09::/48 via fd00::9 on br0\n"
								   "address 10.1.0.1/24 on br0\n"
								   "address 10.2.0.1/24 on x0\n"
								   "address fd00::1/64 on br0\n");
}

/* Its IPv4 address stays, and the route that came with that does not. */
static void along__routes_and_ipv6_of_a_link_that_is_set_down(void **state)
{
	struct fixture *f = *state;
	uint32_t down = keep(f, "bridge", 1, "name", "br0", "up", "false", NULL);

	finish_good(f);
	assert_string_equal(along(f, machine_with_bridge(), down), "route 10.8.0.0/16 via 10.1.0.9 on br0\n"
								   "route 10.1.0.0/24 on br0\n"
								   "route fd09::/48 via fd00::9 on br0\n"
								   "address fd00::1/64 on br0\n");
}

static void along__neighbours_of_a_vxlan_that_stays(void **state)
{
	struct fixture *f = *state;
	uint32_t gone =
		keep(f, "address", 1, "link", "x0", "address", "10.2.0.1/24", "ensure", "absent", NULL);

	finish_good(f);
	assert_string_equal(along(f, machine_with_bridge(), gone),
			    "neighbour 10.2.0.7 02:00:00:00:00:07 on x0\n");
}

static void along__the_other_end_of_a_veth(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_eth1();
	uint32_t gone = keep(f, "veth", 1, "name", "v0", "ensure", "absent", NULL);

	put_link(machine, "v0", "veth", "v1");
	put_address(machine, "v1", "10.4.0.1/24");
	finish_good(f);
	assert_string_equal(along(f, machine, gone), "veth v1\naddress 10.4.0.1/24 on v1\n");
}

static void along__the_source_of_an_ipv6_route(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_bridge();
	uint32_t gone =
		keep(f, "address", 1, "link", "br0", "address", "fd00::2/64", "ensure", "absent", NULL);

	put_address(machine, "br0", "fd00::2/64");
	put_route(machine, "fd07::/48", "fd00::9", NEAP_NET_TABLE_MAIN, "fd00::2");
	finish_good(f);
	assert_string_equal(along(f, machine, gone),
			    "source fd00::2 of route fd07::/48 via fd00::9 on br0\n");
}

/* What the kernel gives each link by itself comes and goes by itself. */
static void along__not_what_the_kernel_gives_each_link(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with_bridge();
	struct neap_net_change change = { .op = NEAP_NET_ADDRESS_ADD };
	struct neap_net_prefix prefix;
	uint32_t gone = keep(f, "bridge", 1, "name", "br0", "ensure", "absent", NULL);

	assert_true(neap_net_prefix_parse("fe80::7/64", &prefix));
	change.address = (struct neap_net_address){ .key = neap_net_address_key("br0", &prefix),
						    .len = 64,
						    .kernels = true };
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
	put_address(machine, "br0", "fe80::8/64"); /* somebody's */
	finish_good(f);
	const char *said = along(f, machine, gone);
	assert_null(strstr(said, "fe80::7"));
	assert_null(strstr(said, "fe80::/64"));
	assert_non_null(strstr(said, "address fe80::8/64 on br0\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(along__routes_with_the_last_address),
		TEST(along__nothing_while_there_is_another_address),
		TEST(along__said_also_of_what_waits_for_its_confirmation),
		TEST(along__what_is_wanted_is_named_and_made_again),
		TEST(along__all_that_is_on_a_link_and_over_it),
		TEST(along__routes_and_ipv6_of_a_link_that_is_set_down),
		TEST(along__neighbours_of_a_vxlan_that_stays),
		TEST(along__the_other_end_of_a_veth),
		TEST(along__the_source_of_an_ipv6_route),
		TEST(along__not_what_the_kernel_gives_each_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
