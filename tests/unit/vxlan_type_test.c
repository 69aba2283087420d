/* vxlan on a memory machine: what is compared and what not, whom it knows, and what the kernel would refuse
 * of it, known in the plan. */
#include "net_fixture.h"

#include <errno.h>

static const uint8_t mac_two[NEAP_NET_MAC] = { 2, 0, 0, 0, 0, 2 },
		     mac_three[NEAP_NET_MAC] = { 2, 0, 0, 0, 0, 3 };

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
