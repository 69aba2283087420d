/* Links whose MTU is too small for IPv6, on a memory machine: what a plan says of them. That the kernel
 * thinks so, too, is tests/property/net_differential_test.c's. */
#include "graph_fixture.h"

#include "engine/run.h"
#include "host/machine.h"
#include "host/overlay.h"
#include "modules/modules.h"

/* "type line name value …", values as strings, "mtu" as a number. */
static uint32_t keep(struct fixture *f, const char *type, int line, ...)
{
	uint32_t number = begin(f, neap_registry_find(&neap_modules, type), line);
	const char *name, *text;
	va_list args;

	va_start(args, line);
	while ((name = va_arg(args, const char *))) {
		text = va_arg(args, const char *);
		if (strcmp(name, "mtu") == 0 || strcmp(name, "id") == 0)
			set(f, number, name,
			    (struct neap_value){ .kind = NEAP_INTEGER, .integer = atoi(text) });
		else if (strcmp(name, "persistent") == 0)
			set(f, number, name, (struct neap_value){ .kind = NEAP_BOOLEAN });
		else
			set(f, number, name, neap_value_string(text));
	}
	va_end(args);
	neap_graph_end(f->graph, number);
	return number;
}

static void change_link(struct neap_machine *machine, enum neap_net_op op, const char *name, unsigned fields,
			struct neap_net_link link)
{
	struct neap_net_change change = { .op = op, .fields = fields, .link = link };

	neap_net_set_name(change.link.name, name);
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

/* eth1 with the MTU, and the bridge br0 with nothing in it, with IPv6. */
static struct neap_machine *machine_with(uint32_t mtu)
{
	struct neap_net_link link = { .up = true, .mtu = mtu }, bridge = { .kind = "bridge", .up = true };
	struct neap_machine *machine;

	assert_int_equal(neap_host_memory_new(&machine), 0);
	change_link(machine, NEAP_NET_LINK_ADD, "eth1", NEAP_NET_UP | NEAP_NET_MTU, link);
	change_link(machine, NEAP_NET_LINK_ADD, "br0", NEAP_NET_UP, bridge);
	put_address(machine, "br0", "fd02::1/64");
	return machine;
}

/* What the plan says of the resource: its error and the hint, or its action and the parameters that change,
 * of lists what goes. Its apply must come to the same. */
static const char *says_of(struct fixture *f, struct neap_machine *machine, uint32_t number,
			   enum neap_run_mode mode)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	struct neap_run_options options = { .mode = mode };
	struct neap_run *run = neap_run(f->graph, machine, &options);
	const struct neap_result *result = &run->results[number];

	if (result->error)
		neap_buf_printf(&text, "%s | %s", result->error->message,
				result->error->hint ? result->error->hint : "");
	else
		neap_buf_puts(&text, neap_action_name(result->action));
	for (size_t i = 0; i < result->change_count && !result->error; i++) {
		const struct neap_change_entry *entry = &result->changes[i];

		neap_buf_printf(&text, " %s", entry->param);
		for (size_t j = 0; entry->before.kind == NEAP_LIST && j < entry->before.list.count; j++)
			neap_buf_printf(&text, " -%s", entry->before.list.items[j].text.data);
	}
	neap_run_free(run);
	return neap_arena_copy(f->problems.arena, text.data, text.len);
}

static const char *says(struct fixture *f, struct neap_machine *machine, uint32_t number)
{
	const char *said = says_of(f, machine, number, NEAP_RUN_PLAN);

	assert_string_equal(says_of(f, machine, number, NEAP_RUN_APPLY), said);
	neap_machine_free(machine);
	return said;
}

static void small__there_is_no_address_of_ipv6(void **state)
{
	struct fixture *f = *state;
	uint32_t six = keep(f, "address", 1, "link", "eth1", "address", "fd00::1/64", NULL);

	finish_good(f);
	assert_string_equal(
		says(f, machine_with(1279), six),
		"add the address fd00::1/64 on eth1: eth1 has no IPv6, as its MTU is 1279 | IPv6 needs "
		"1280: set it before, by mtu of what makes the link or ip link set eth1 mtu 1280");
	assert_string_equal(says(f, machine_with(1280), six), "create live");
}

static void small__ipv4_is_as_ever(void **state)
{
	struct fixture *f = *state;
	uint32_t four = keep(f, "address", 1, "link", "eth1", "address", "10.0.0.1/24", NULL);

	finish_good(f);
	assert_string_equal(says(f, machine_with(1200), four), "create live");
}

static void small__there_is_no_route_of_ipv6(void **state)
{
	struct fixture *f = *state;
	uint32_t six = keep(f, "route", 1, "to", "fd09::/48", "link", "eth1", NULL);

	finish_good(f);
	assert_string_equal(
		says(f, machine_with(1200), six),
		"put the route to fd09::/48, metric 1024 in table 254, through eth1: eth1 has no IPv6, "
		"as its MTU is 1200 | IPv6 needs 1280: set it before, by mtu of what makes the link or "
		"ip link set eth1 mtu 1280");
}

/* A bridge takes the MTU of a smaller member, and what was of IPv6 on it goes along. */
static void small__a_member_takes_ipv6_of_its_bridge_along(void **state)
{
	struct fixture *f = *state;
	uint32_t bridge = keep(f, "bridge", 1, "name", "br0", "members", "eth1", NULL);

	finish_good(f);
	assert_string_equal(says(f, machine_with(1200), bridge),
			    "update members along -address fd02::1/64 on br0");
	assert_string_equal(says(f, machine_with(1300), bridge), "update members");
}

static void small__an_address_on_such_a_bridge_is_an_error(void **state)
{
	struct fixture *f = *state;
	uint32_t six;

	keep(f, "bridge", 1, "name", "br0", "members", "eth1", NULL);
	six = keep(f, "address", 2, "link", "br0", "address", "fd02::1/64", NULL);
	finish_good(f);
	assert_string_equal(
		says(f, machine_with(1200), six),
		"add the address fd02::1/64 on br0: br0 has no IPv6, as its MTU is 1200 | IPv6 needs 1280: "
		"set mtu of the bridge, or that of eth1, its smallest member");
}

/* An MTU that is not its members' has been set, and holds: so does IPv6. */
static void small__a_bridge_whose_mtu_was_set_keeps_ipv6(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with(1200);
	uint32_t bridge = keep(f, "bridge", 1, "name", "br0", "members", "eth1", NULL);

	change_link(machine, NEAP_NET_LINK_SET, "br0", NEAP_NET_MTU, (struct neap_net_link){ .mtu = 1400 });
	finish_good(f);
	assert_string_equal(says(f, machine, bridge), "update members");
}

/* With its own MTU it has IPv6 again, which went for a moment. */
static void small__with_its_own_mtu_a_bridge_can_have_ipv6(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with(1200);
	uint32_t bridge = keep(f, "bridge", 1, "name", "br0", "members", "eth1", "mtu", "1500", NULL);
	uint32_t six = keep(f, "address", 2, "link", "br0", "address", "fd02::1/64", NULL);

	finish_good(f);
	assert_string_equal(says_of(f, machine, bridge, NEAP_RUN_PLAN),
			    "update members along -address fd02::1/64 on br0");
	assert_string_equal(says(f, machine, six), "create live");
}

/* A vxlan is smaller than what it goes over. */
static void small__a_vxlan_over_a_small_link(void **state)
{
	struct fixture *f = *state;
	uint32_t six;

	keep(f, "vxlan", 1, "name", "x0", "id", "42", "link", "eth1", NULL);
	six = keep(f, "address", 2, "link", "x0", "address", "fd00::1/64", NULL);
	finish_good(f);
	assert_string_equal(
		says(f, machine_with(1300), six),
		"add the address fd00::1/64 on x0: x0 has no IPv6, as its MTU is 1250 | IPv6 needs 1280, and "
		"a vxlan 50 bytes more of eth1, which it goes over");
	assert_string_equal(says(f, machine_with(1330), six), "create live");
}

static void small__neighbours_of_ipv6_go_with_it(void **state)
{
	static const uint8_t mac[NEAP_NET_MAC] = { 2, 0, 0, 0, 0, 7 };
	static const char *const known[] = { "10.0.0.7", "fd00::7" };
	struct neap_net_change change = { .op = NEAP_NET_NEIGHBOUR_PUT };
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with(1500);
	struct neap_host *overlay;
	struct neap_net_ip ip;
	const char *const *gone;

	change_link(machine, NEAP_NET_LINK_ADD, "x0", NEAP_NET_UP,
		    (struct neap_net_link){ .kind = "vxlan", .up = true, .id = 1, .port = 4789 });
	for (size_t i = 0; i < 2; i++) {
		assert_true(neap_net_ip_parse(known[i], &ip));
		change.neighbour = neap_net_neighbour_of("x0", NEAP_NET_NEIGHBOUR, &ip, mac);
		assert_int_equal(neap_host_memory_net(machine, &change), 0);
	}
	overlay = neap_overlay_new(machine, NEAP_OVERLAY_PLAN);
	neap_overlay_step(overlay, 0, NEAP_NO_STEP);
	change = (struct neap_net_change){ .op = NEAP_NET_LINK_SET,
					   .fields = NEAP_NET_MTU,
					   .link = { .name = "x0", .mtu = 1279 } };
	assert_int_equal(neap_host_net(overlay, &change, NULL), 0);
	assert_int_equal(neap_overlay_net_along(overlay, f->problems.arena, &gone), 1);
	assert_string_equal(gone[0], "neighbour fd00::7 02:00:00:00:00:07 on x0");
	neap_overlay_free(overlay);
	neap_machine_free(machine);
}

/* Where the kernel has them only once the link is wide enough, and not any more when it is too small. */
static void small__settings_of_ipv6_come_and_go_with_it(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine = machine_with(1200);
	uint32_t setting;

	change_link(machine, NEAP_NET_LINK_SET, "eth1", NEAP_NET_MASTER,
		    (struct neap_net_link){ .master = "br0" });
	keep(f, "bridge", 1, "name", "br0", "mtu", "1400", NULL);
	setting = keep(f, "sysctl", 2, "name", "net.ipv6.conf.br0.forwarding", "value", "1", "persistent",
		       "false", NULL);
	finish_good(f);
	assert_string_equal(says_of(f, machine, setting, NEAP_RUN_PLAN), "unknown");
	neap_machine_free(machine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(small__there_is_no_address_of_ipv6),
		TEST(small__ipv4_is_as_ever),
		TEST(small__there_is_no_route_of_ipv6),
		TEST(small__a_member_takes_ipv6_of_its_bridge_along),
		TEST(small__an_address_on_such_a_bridge_is_an_error),
		TEST(small__a_bridge_whose_mtu_was_set_keeps_ipv6),
		TEST(small__with_its_own_mtu_a_bridge_can_have_ipv6),
		TEST(small__a_vxlan_over_a_small_link),
		TEST(small__neighbours_of_ipv6_go_with_it),
		TEST(small__settings_of_ipv6_come_and_go_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
