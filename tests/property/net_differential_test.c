/*
 * The network's rules, told three times: the same random changes, of few names so that everything
 * collides, on
 *	K  the kernel, in a network namespace of this program alone
 *	M  a memory machine
 *	O  overlays in a plan over either, which must not change it
 * Each change must be taken by all or refused by all, and then all must hold the same links, addresses,
 * routes and neighbours of vxlans. Steps of an overlay are taken back at random, and then it must be as
 *before.
 *
 * Left out of the comparison: what the kernel puts there by itself and later (fe80::/10), and the MTU of a
 * bridge, which in the overlay may be "as its members".
 *
 * NEAP_SEED=n starts elsewhere, NEAP_ROUNDS=n runs more. A failure prints the changes of its round.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "base/vec.h"
#include "host/overlay.h"
#include "host/state.h"
#include "net_fixture.h"

#define ROUNDS 60
#define CHANGES 40

/* ---- changes ------------------------------------------------------------------------------------------- */

static const char *const names[] = { "b0", "b1", "v0", "v1", "v2", "x0", "x1", "lo" };
#define NAMES (sizeof(names) / sizeof(*names))
static const uint8_t macs[][NEAP_NET_MAC] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
static const char *const addresses[] = { "10.0.0.1/24", "10.0.0.2/24",       "10.0.0.3/24", "10.0.0.2/16",
					 "10.1.0.1/32", "fd00::1/64",        "fd00::2/64",  "fd00::1/48",
					 "fd01::1/128", "192.0.2.1/30",      "0.0.0.5/24",  "224.0.0.1/24",
					 "10.0.0.0/25", "255.255.255.255/24" };
static const char *const targets[] = { "10.9.0.0/16", "10.0.0.4/30", "0.0.0.0/0", "10.0.0.9/32",
				       "fd09::/48",   "fd00::/64",   "::/0",      "fd00::9/128" };
static const char *const gateways[] = { "10.0.0.9",     "10.0.0.2",  "10.0.7.1",   "10.1.0.1",  "192.0.2.2",
					"fd00::9",      "fd00::2",   "fd01::1",    "fe80::9",   "fd09::1",
					"10.0.255.255", "192.0.2.3", "10.0.0.127", "10.0.0.255" };
#define COUNT(of) (sizeof(of) / sizeof(*(of)))

static void set_name(char ret[NEAP_NET_NAME], const char *name)
{
	memset(ret, 0, NEAP_NET_NAME);
	snprintf(ret, NEAP_NET_NAME, "%s", name);
}

static void draw_vxlan(struct neap_net_change *ret)
{
	set_name(ret->link.kind, "vxlan");
	ret->link.mtu = (uint32_t[]){ 1500, 1400, 1300, 1200 }[pick(4)];
	ret->link.learning = pick(2);
	ret->link.ttl = (uint16_t)pick(3);
	memcpy(ret->link.mac, macs[pick(2)], NEAP_NET_MAC);
	if (ret->op == NEAP_NET_LINK_SET) {
		ret->fields = (unsigned[]){ NEAP_NET_LEARNING, NEAP_NET_TTL, NEAP_NET_ADDRESS,
					    NEAP_NET_MTU }[pick(4)];
		if (ret->fields &
		    (NEAP_NET_ADDRESS | NEAP_NET_MTU)) /* others would fill tables that are not looked at */
			set_name(ret->link.name, pick(2) ? "x0" : "x1");
		return;
	}
	set_name(ret->link.name, pick(2) ? "x0" : "x1");
	ret->link.id = pick(2);
	ret->link.port = 4789;
	if (pick(3))
		neap_net_ip_parse(pick(3) ? "192.0.2.1" : "fd00::1", &ret->link.local);
	if (pick(2))
		set_name(ret->link.under, names[pick(NAMES - 1)]);
	ret->fields = NEAP_NET_UP | (pick(2) ? NEAP_NET_MTU : 0) | (pick(2) ? NEAP_NET_LEARNING : 0) |
		      (pick(2) ? NEAP_NET_TTL : 0) | (pick(2) ? NEAP_NET_ADDRESS : 0);
}

static void draw_neighbour(struct neap_net_change *ret)
{
	static const char *const ips[] = { "192.0.2.7", "10.0.0.7", "fd00::7" };
	struct neap_net_ip ip;

	ret->op = pick(3) ? NEAP_NET_NEIGHBOUR_PUT : NEAP_NET_NEIGHBOUR_REMOVE;
	neap_net_ip_parse(ips[pick(3)], &ip);
	ret->neighbour = neap_net_neighbour_of(pick(2) ? "x0" : "x1", pick(NEAP_NET_NEIGHBOUR_KINDS), &ip,
					       macs[pick(2)]);
}

static void draw_link(struct neap_net_change *ret)
{
	static const unsigned bridge[] = { 0, NEAP_NET_STP, NEAP_NET_FORWARD_DELAY, NEAP_NET_AGEING_TIME };
	unsigned of_bridge = bridge[pick(4)];

	of_bridge |= bridge[pick(4)];
	set_name(ret->link.name, names[pick(NAMES)]);
	ret->op = pick(4) ? NEAP_NET_LINK_SET : pick(2) ? NEAP_NET_LINK_ADD : NEAP_NET_LINK_REMOVE;
	ret->link.up = pick(4);
	/* Of a bridge that was set to what its members make it the overlay cannot know that: none is. */
	ret->link.mtu = (uint32_t[]){ 1500, 1400, 2000, 1200 }[pick(4)];
	if (ret->link.name[0] == 'b')
		ret->link.mtu = (uint32_t[]){ 1490, 1290, 1240 }[pick(3)] + (ret->link.name[1] == '1');
	ret->link.stp = pick(2);
	ret->link.forward_delay = (uint32_t[]){ 0, 400, 1500, 4000 }[pick(4)];
	ret->link.ageing_time = (uint32_t[]){ 0, 10000, 30000 }[pick(3)];
	if (ret->op == NEAP_NET_LINK_REMOVE)
		return;
	if (pick(3) == 0) {
		draw_vxlan(ret);
		return;
	}
	if (ret->op == NEAP_NET_LINK_ADD && pick(2)) {
		set_name(ret->link.kind, "veth");
		set_name(ret->link.peer, names[2 + pick(3)]);
		ret->fields = NEAP_NET_UP | (pick(2) ? NEAP_NET_MTU : 0);
		return;
	}
	set_name(ret->link.kind, "bridge");
	if (ret->op == NEAP_NET_LINK_ADD) {
		ret->fields = of_bridge | (pick(2) ? NEAP_NET_UP : 0);
		return;
	}
	/* As types make them: one kind of thing at once. */
	switch (pick(5)) {
	case 0:
		ret->fields = of_bridge;
		break;
	case 1:
		ret->fields = NEAP_NET_MTU;
		break;
	case 2:
		ret->fields = NEAP_NET_MASTER;
		set_name(ret->link.master, pick(4) ? names[pick(3)] : "");
		break;
	default:
		ret->fields = NEAP_NET_UP;
	}
}

/* The change of that number of a round. */
static void draw(unsigned number, struct neap_net_change *ret)
{
	struct neap_net_prefix prefix;
	struct neap_net_ip ip;
	unsigned index;

	*ret = (struct neap_net_change){ 0 };
	if (number == 4 || number == 5) {
		ret->op = NEAP_NET_LINK_ADD;
		draw_vxlan(ret);
		ret->link.up = true;
		return;
	}
	if (number < 4) { /* something to work with */
		ret->op = number < 2 ? NEAP_NET_LINK_ADD : NEAP_NET_ADDRESS_ADD;
		ret->fields = NEAP_NET_UP;
		ret->link.up = true;
		set_name(ret->link.name, number ? "v0" : "b0");
		set_name(ret->link.kind, number ? "veth" : "bridge");
		set_name(ret->link.peer, number ? "v1" : "");
		neap_net_prefix_parse(addresses[number == 2 ? 0 : 5], &prefix);
		ret->address.key =
			neap_net_address_key(names[number == 2 ? pick(2) * 2 : 2 + pick(2)], &prefix);
		ret->address.len = prefix.len;
		return;
	}
	switch (pick(4)) {
	case 0:
		draw_link(ret);
		return;
	case 3:
		draw_neighbour(ret);
		return;
	case 1:
		ret->op = pick(3) ? NEAP_NET_ADDRESS_ADD : NEAP_NET_ADDRESS_REMOVE;
		index = pick(COUNT(addresses));
		neap_net_prefix_parse(addresses[index], &prefix);
		/* Of more than two links that lead to one network the kernel has an order of its own. */
		ret->address.key =
			neap_net_address_key(names[index < 5 ? pick(2) * 2 : 2 + pick(2)], &prefix);
		if (pick(4) == 0) {
			neap_net_prefix_parse("172.16.0.1/24", &prefix);
			ret->address.key = neap_net_address_key(pick(2) ? "x0" : "x1", &prefix);
		}
		ret->address.len = prefix.len;
		return;
	default:
		break;
	}
	ret->op = pick(3) ? NEAP_NET_ROUTE_PUT : NEAP_NET_ROUTE_REMOVE;
	neap_net_prefix_parse(targets[pick(8)], &prefix);
	ret->route.key = neap_net_route_key(&prefix, NEAP_NET_TABLE_MAIN,
					    pick(3) ? neap_net_metric(prefix.ip.family) : 50);
	if (ret->op == NEAP_NET_ROUTE_REMOVE)
		return;
	if (pick(2))
		set_name(ret->route.link, names[pick(5)]);
	if (pick(4)) {
		do
			neap_net_ip_parse(gateways[pick(COUNT(gateways))], &ip);
		while (ip.family != prefix.ip.family);
		ret->route.via = ip;
	}
	/* IPv6 judges a source by whether anybody else has it: that takes seconds. */
	if (prefix.ip.family == 4 && pick(4) == 0) {
		neap_net_ip_parse(gateways[pick(5)], &ip);
		if (pick(2))
			neap_net_ip_parse("10.0.0.1", &ip);
		ret->route.source = ip;
	}
}

static void print_change(const struct neap_net_change *change, struct neap_buf *ret)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	char via[NEAP_NET_TEXT], source[NEAP_NET_TEXT];

	neap_buf_printf(ret, "%s", neap_net_describe(change, arena));
	if (change->op <= NEAP_NET_LINK_REMOVE)
		neap_buf_printf(ret, " %s fields %x up %d mtu %u master %s peer %s stp %d delay %u ageing %u",
				change->link.kind, change->fields, change->link.up, change->link.mtu,
				change->link.master, change->link.peer, change->link.stp,
				change->link.forward_delay, change->link.ageing_time);
	if (change->op <= NEAP_NET_LINK_REMOVE && strcmp(change->link.kind, "vxlan") == 0)
		neap_buf_printf(ret, " id %u local %s under %s learning %d ttl %u mac %d", change->link.id,
				neap_net_ip_print(&change->link.local, via), change->link.under,
				change->link.learning, change->link.ttl, change->link.mac[5]);
	if (change->op == NEAP_NET_ROUTE_PUT)
		neap_buf_printf(ret, " via %s link %s source %s", neap_net_ip_print(&change->route.via, via),
				change->route.link, neap_net_ip_print(&change->route.source, source));
}

/* ---- what is there ------------------------------------------------------------------------------------- */

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A bridge's is "as its members" in the overlay, and so is that of a vxlan over one. */
static bool shows_mtu(const struct neap_net *net, const struct neap_net_link *link)
{
	const struct neap_net_link *under = link->under[0] ? neap_net_link(net, link->under) : NULL;

	return link->kind[0] && strcmp(link->kind, "bridge") != 0 && (!under || shows_mtu(net, under));
}

static const char *dump(const struct neap_view *view, struct neap_arena *arena)
{
	NEAP_VEC(const char *) lines = { 0 };
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	char one[NEAP_NET_TEXT], two[NEAP_NET_TEXT], three[NEAP_NET_TEXT];
	const struct neap_net *net;

	assert_int_equal(view->reads->net(view, NEAP_NET_ALL, &net, NULL), 0);
	for (size_t i = 0; i < net->links.count; i++) {
		const struct neap_net_link *link = net->links.entries[i].value;

		if (!link || (!link->kind[0] && strcmp(link->name, "lo") != 0))
			continue; /* devices that each namespace gets */
		neap_vec_push(&lines, neap_arena_printf(
					      arena, "%s %s up %d mtu %u master %s peer %s stp %d %u %u",
					      link->name, link->kind, link->up,
					      shows_mtu(net, link) ? link->mtu : 0, link->master, link->peer,
					      link->stp, link->forward_delay, link->ageing_time));
	}
	for (size_t i = 0; i < net->links.count; i++) {
		const struct neap_net_link *link = net->links.entries[i].value;

		if (link && strcmp(link->kind, "vxlan") == 0)
			neap_vec_push(&lines,
				      neap_arena_printf(
					      arena,
					      "%s id %u port %u local %s under %s learning %d ttl %u mac %d",
					      link->name, link->id, link->port,
					      neap_net_ip_print(&link->local, one), link->under,
					      link->learning, link->ttl,
					      memcmp(link->mac, macs[0], NEAP_NET_MAC - 1) == 0
						      ? link->mac[NEAP_NET_MAC - 1]
						      : 0));
	}
	for (size_t i = 0; i < net->neighbours.count; i++) {
		const struct neap_net_neighbour *neighbour = net->neighbours.entries[i].value;

		if (neighbour)
			neap_vec_push(&lines, neap_arena_printf(arena, "%s knows %s", neighbour->key.link,
								neap_net_neighbour_print(neighbour, arena)));
	}
	for (size_t i = 0; i < net->addresses.count; i++) {
		const struct neap_net_address *address = net->addresses.entries[i].value;
		struct neap_net_prefix prefix;

		if (!address || strcmp(address->key.link, "lo") == 0)
			continue;
		prefix = neap_net_address_prefix(address);
		if (!neap_net_link_local(&prefix.ip))
			neap_vec_push(&lines, neap_arena_printf(arena, "%s has %s%s", address->key.link,
								neap_net_prefix_print(&prefix, one),
								address->secondary ? " too" : ""));
	}
	for (size_t i = 0; i < net->routes.count; i++) {
		const struct neap_net_route *route = net->routes.entries[i].value;
		struct neap_net_prefix to;

		if (!route || strcmp(route->link, "lo") == 0)
			continue;
		to = neap_net_route_to(route);
		if (!neap_net_link_local(&to.ip))
			neap_vec_push(&lines,
				      neap_arena_printf(arena, "%s metric %u via %s on %s source %s %s%s",
							neap_net_prefix_print(&to, one), route->key.metric,
							neap_net_ip_print(&route->via, two), route->link,
							neap_net_ip_print(&route->source, three),
							route->plain ? "" : "odd",
							route->kernels ? "kernel's" : ""));
	}
	if (lines.count)
		qsort((void *)lines.items, lines.count, sizeof(*lines.items), compare_lines);
	for (size_t i = 0; i < lines.count; i++)
		neap_buf_printf(&text, "%s\n", lines.items[i]);
	neap_vec_done(&lines);
	return neap_arena_copy(arena, text.data ? text.data : "", text.len);
}

/* ---- what goes along ------------------------------------------------------------------------------------
 */

struct thing {
	char kind; /* of link, address, route, neighbour */
	struct neap_str key;
	const char *link, *text;
	struct neap_net_prefix network; /* of an address and of a route */
	bool kernels;
};
struct things {
	NEAP_VEC(struct thing) items;
};

static void add_thing(struct things *things, struct neap_arena *arena, char kind, const void *key, size_t len,
		      const char *link, const char *text)
{
	struct thing thing = { .kind = kind,
			       .key = { neap_arena_copy(arena, key, len), len },
			       .link = neap_arena_strdup(arena, link),
			       .text = text };

	neap_vec_push(&things->items, thing);
}

/* All that is there, in the words of what goes along. */
static struct things things_of(const struct neap_view *view, struct neap_arena *arena)
{
	static const char *const words[] = { "peer", "forwarding", "neighbour" };
	struct things things = { 0 };
	const struct neap_net *net;
	char text[NEAP_NET_TEXT];

	assert_int_equal(view->reads->net(view, NEAP_NET_ALL, &net, NULL), 0);
	for (size_t i = 0; i < net->links.count; i++) {
		const struct neap_net_link *link = net->links.entries[i].value;

		if (link)
			add_thing(&things, arena, 'l', link->name, strlen(link->name), link->name,
				  neap_arena_printf(arena, "%s %s", link->kind, link->name));
	}
	for (size_t i = 0; i < net->addresses.count; i++) {
		const struct neap_net_address *one = net->addresses.entries[i].value;
		struct neap_net_prefix prefix;

		if (!one)
			continue;
		prefix = neap_net_address_prefix(one);
		add_thing(&things, arena, 'a', &one->key, sizeof(one->key), one->key.link,
			  neap_arena_printf(arena, "address %s on %s", neap_net_prefix_print(&prefix, text),
					    one->key.link));
		things.items.items[things.items.count - 1].network = neap_net_network(&prefix);
	}
	for (size_t i = 0; i < net->routes.count; i++) {
		const struct neap_net_route *one = net->routes.entries[i].value;

		if (!one)
			continue;
		add_thing(&things, arena, 'r', &one->key, sizeof(one->key), one->link,
			  neap_net_route_print(one, arena));
		things.items.items[things.items.count - 1].network = neap_net_route_to(one);
		things.items.items[things.items.count - 1].kernels = one->kernels;
	}
	for (size_t i = 0; i < net->neighbours.count; i++) {
		const struct neap_net_neighbour *one = net->neighbours.entries[i].value;

		if (one)
			add_thing(&things, arena, 'n', &one->key, sizeof(one->key), one->key.link,
				  neap_arena_printf(arena, "%s %s on %s", words[one->key.kind],
						    neap_net_neighbour_print(one, arena), one->key.link));
	}
	return things;
}

static bool has_thing(const struct things *things, char kind, struct neap_str key)
{
	for (size_t i = 0; i < things->items.count; i++)
		if (things->items.items[i].kind == kind && neap_str_equal(things->items.items[i].key, key))
			return true;
	return false;
}

static bool is_asked(const struct thing *thing, const struct neap_net_change *change)
{
	switch (thing->kind) {
	case 'l':
		return change->op == NEAP_NET_LINK_REMOVE && strcmp(change->link.name, thing->link) == 0;
	case 'a':
		return change->op == NEAP_NET_ADDRESS_REMOVE &&
		       memcmp(&change->address.key, thing->key.data, thing->key.len) == 0;
	case 'r':
		return change->op == NEAP_NET_ROUTE_REMOVE &&
		       memcmp(&change->route.key, thing->key.data, thing->key.len) == 0;
	default:
		return change->op == NEAP_NET_NEIGHBOUR_REMOVE &&
		       memcmp(&change->neighbour.key, thing->key.data, thing->key.len) == 0;
	}
}

/* What goes without saying: the kernel's route with its address, and whom a link knew with the link. */
static bool is_implied(const struct thing *thing, const struct things *before, const struct things *after)
{
	if (thing->kind == 'n')
		return !has_thing(after, 'l', neap_str(thing->link));
	for (size_t i = 0; thing->kind == 'r' && thing->kernels && i < before->items.count; i++) {
		const struct thing *one = &before->items.items[i];

		if (one->kind == 'a' && strcmp(one->link, thing->link) == 0 &&
		    one->network.len == thing->network.len &&
		    neap_net_ip_equal(&one->network.ip, &thing->network.ip) &&
		    !has_thing(after, 'a', one->key))
			return true;
	}
	return thing->kind == 'r' && thing->kernels && neap_net_link_local(&thing->network.ip);
}

static const char *lines_of(const char **lines, size_t count, struct neap_arena *arena)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };

	if (count)
		qsort((void *)lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < count; i++)
		neap_buf_printf(&text, "%s\n", lines[i]);
	return neap_arena_copy(arena, text.data ? text.data : "", text.len);
}

/* What is not there any more, though nobody has asked for that. */
static const char *gone_between(const struct things *before, const struct things *after,
				const struct neap_net_change *change, struct neap_arena *arena)
{
	const char **lines = neap_arena_array_of(arena, const char *, before->items.count + 1);
	size_t count = 0;

	for (size_t i = 0; i < before->items.count; i++) {
		const struct thing *thing = &before->items.items[i];

		if (!has_thing(after, thing->kind, thing->key) && !is_asked(thing, change) &&
		    !is_implied(thing, before, after))
			lines[count++] = thing->text;
	}
	return lines_of(lines, count, arena);
}

/* What the overlay says of the step. Sources of routes that stay are its own affair. */
static const char *said_along(const struct neap_host *overlay, struct neap_arena *arena)
{
	const char *const *said;
	size_t count = neap_overlay_net_along(overlay, arena, &said), kept = 0;
	const char **lines = neap_arena_array_of(arena, const char *, count + 1);

	for (size_t i = 0; i < count; i++)
		if (strncmp(said[i], "source ", 7) != 0)
			lines[kept++] = said[i];
	return lines_of(lines, kept, arena);
}

/* ---- the hosts ----------------------------------------------------------------------------------------- */

static struct neap_error *failure;

static bool may(void *ctx, uint32_t step)
{
	(void)ctx;
	(void)step;
	return true;
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	(void)ctx;
	(void)step;
	failure = err;
}

static const struct neap_commit commit = { .may = may, .failed = failed };

/* Straight to the machine: 0 or an errno. */
static int land(struct neap_machine *machine, const struct neap_net_change *change)
{
	const struct neap_change one = {
		.kind = NEAP_CHANGE_NET, .path = "the net", .asked = "the net", .net = change
	};
	int errnum;

	assert_int_equal(machine->ops->commit(machine, &one, 1, &commit, NULL), 0);
	errnum = failure ? failure->errnum : 0;
	neap_error_free(failure);
	failure = NULL;
	return errnum;
}

static int ask(struct neap_host *overlay, const struct neap_net_change *change)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	return neap_host_net(overlay, change, &err) == 0 ? 0 : err->errnum;
}

static struct neap_machine *kernel; /* NULL: not to be had here */
static struct neap_state *journal;
static char directory[] = "/tmp/neap-net-XXXXXX";

static int begin(void **unused)
{
	(void)unused;
	if (!own_network())
		return 0;
	if (!mkdtemp(directory))
		return -1;
	assert_int_equal(neap_state_open(directory, "/", 0, &journal, NULL), 0);
	return neap_host_local_new("/", journal, &kernel, NULL);
}

static int end(void **unused)
{
	char command[64];

	(void)unused;
	if (!kernel)
		return 0;
	neap_machine_free(kernel);
	neap_state_close(journal);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command); /* NOLINT(cert-env33-c) */
}

/* All links that can be made are gone again. */
static void clear(struct neap_machine *machine)
{
	for (size_t i = 0; i < NAMES - 1; i++) {
		struct neap_net_change change = { .op = NEAP_NET_LINK_REMOVE };

		set_name(change.link.name, names[i]);
		(void)land(machine, &change);
	}
	struct neap_net_change down = { .op = NEAP_NET_LINK_SET, .fields = NEAP_NET_UP };
	set_name(down.link.name, "lo");
	(void)land(machine, &down);
}

struct round {
	uint64_t seed;
	NEAP_VEC(struct neap_net_change) changes;
};

static void explain(const struct round *round, const char *what, const char *a, const char *b)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };

	for (size_t i = 0; i < round->changes.count; i++) {
		print_change(&round->changes.items[i], &text);
		neap_buf_puts(&text, "\n");
	}
	fprintf(stderr, "seed %llu:\n%s%s:\n%s---\n%s\n", (unsigned long long)round->seed, text.data, what, a,
		b);
	fail();
}

static unsigned accepted, refused, along;

/* `other` NULL: there is only the memory machine. */
static void one_round(uint64_t seed, struct neap_machine *memory, struct neap_machine *other)
{
	struct neap_machine *const machines[] = { memory, other };
	struct neap_host *overlays[2] = { neap_overlay_new(memory, NEAP_OVERLAY_PLAN),
					  other ? neap_overlay_new(other, NEAP_OVERLAY_PLAN) : NULL };
	struct round round = { .seed = seed };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	size_t count = other ? 2 : 1;
	const char *first = dump(&memory->view, arena);

	state = seed;
	/* Overlays over machines that stay as they are; with each change landed beside them on a second pair.
	 */
	for (unsigned i = 0; i < CHANGES; i++) {
		struct neap_net_change change;
		const char *before, *text;
		int errnum;

		draw(i, &change);
		neap_vec_push(&round.changes, change);
		before = dump(&overlays[0]->view, arena);
		struct things was = things_of(&overlays[0]->view, arena), is;
		for (size_t j = 0; j < count; j++)
			neap_overlay_step(overlays[j], i, NEAP_NO_STEP);
		errnum = ask(overlays[0], &change);
		accepted += errnum == 0;
		refused += errnum != 0;
		text = dump(&overlays[0]->view, arena);
		if (errnum && strcmp(text, before) != 0)
			explain(&round, "refused, and not as before", before, text);
		is = things_of(&overlays[0]->view, arena);
		if (strcmp(said_along(overlays[0], arena), gone_between(&was, &is, &change, arena)) != 0)
			explain(&round, "said to go along, gone", said_along(overlays[0], arena),
				gone_between(&was, &is, &change, arena));
		along += errnum == 0 && said_along(overlays[0], arena)[0];
		neap_vec_done(&was.items);
		neap_vec_done(&is.items);
		for (size_t j = 1; j < count; j++) {
			if (ask(overlays[j], &change) != errnum)
				explain(&round, "two overlays answer differently", strerror(errnum), "");
			if (strcmp(dump(&overlays[j]->view, arena), text) != 0)
				explain(&round, "two overlays differ", text, dump(&overlays[j]->view, arena));
		}
		if (pick(5) == 0 && errnum == 0) {
			for (size_t j = 0; j < count; j++) {
				neap_overlay_undo(overlays[j]);
				if (strcmp(dump(&overlays[j]->view, arena), before) != 0)
					explain(&round, "taken back, and not as before", before,
						dump(&overlays[j]->view, arena));
			}
			round.changes.count--;
		}
	}
	for (size_t j = 0; j < count; j++) {
		if (strcmp(dump(&machines[j]->view, arena), first) != 0)
			explain(&round, "a plan has changed the machine", first,
				dump(&machines[j]->view, arena));
		neap_overlay_free(overlays[j]);
	}
	neap_vec_done(&round.changes);
}

/*
 * What the kernel does and neap does not: a gateway that is the machine itself (of IPv4, without meaning);
 * the removal of a route of metric 0, which for the kernel is any metric; of a peer that is none; a master
 * that is none, for which the kernel takes a member out of its bridge before it refuses.
 */
static bool is_refused_by_neap(const struct neap_view *view, const struct neap_net_change *change)
{
	const struct neap_net *net;

	assert_int_equal(view->reads->net(view, NEAP_NET_ALL, &net, NULL), 0);
	if (change->op == NEAP_NET_LINK_SET && change->link.master[0]) {
		const struct neap_net_link *master = neap_net_link(net, change->link.master);

		return master && strcmp(master->kind, "bridge") != 0;
	}
	if (change->op == NEAP_NET_NEIGHBOUR_PUT || change->op == NEAP_NET_NEIGHBOUR_REMOVE) {
		const struct neap_net_link *link = neap_net_link(net, change->neighbour.key.link);

		if (link && strcmp(link->kind, "vxlan") != 0)
			return true;
		/* Of two peers the kernel misses none. */
		return change->op == NEAP_NET_NEIGHBOUR_REMOVE &&
		       change->neighbour.key.kind == NEAP_NET_PEER &&
		       !neap_net_neighbour(net, &change->neighbour.key);
	}
	if (change->op == NEAP_NET_ROUTE_REMOVE)
		return !change->route.key.metric && !neap_net_route(net, &change->route.key);
	for (size_t i = 0; change->op == NEAP_NET_ROUTE_PUT && i < net->addresses.count; i++) {
		const struct neap_net_address *address = net->addresses.entries[i].value;

		if (address && address->key.family == change->route.via.family &&
		    memcmp(address->key.bytes, change->route.via.bytes, sizeof(address->key.bytes)) == 0)
			return true;
	}
	return false;
}

/* The same changes straight on the machines, an overlay over each asked first. */
static void land_round(uint64_t seed, struct neap_machine *memory, struct neap_machine *other)
{
	struct neap_machine *const machines[] = { memory, other };
	struct round round = { .seed = seed };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	size_t count = other ? 2 : 1;

	state = seed;
	for (unsigned i = 0; i < CHANGES; i++) {
		struct neap_net_change change;
		const char *planned = NULL;
		int errnum = 0;

		draw(i, &change);
		if (is_refused_by_neap(&memory->view, &change))
			continue;
		neap_vec_push(&round.changes, change);
		for (size_t j = 0; j < count; j++) {
			struct neap_host *overlay = neap_overlay_new(machines[j], NEAP_OVERLAY_PLAN);
			struct things was = things_of(&machines[j]->view, arena), is;
			const char *plan, *there, *goes;
			int said, done;

			neap_overlay_step(overlay, 0, NEAP_NO_STEP);
			said = ask(overlay, &change);
			plan = dump(&overlay->view, arena);
			goes = said_along(overlay, arena);
			neap_overlay_free(overlay);
			done = land(machines[j], &change);
			there = dump(&machines[j]->view, arena);
			if (j == 0) {
				errnum = done;
				planned = there;
			}
			/* Which of several reasons the kernel gives is its own affair. */
			if (!said != !done || !done != !errnum || (!j && said != done))
				explain(&round, j ? "kernel: planned, done" : "memory: planned, done",
					strerror(said), strerror(done));
			if (strcmp(plan, there) != 0)
				explain(&round, j ? "kernel: planned, there" : "memory: planned, there", plan,
					there);
			if (strcmp(planned, there) != 0)
				explain(&round, "memory, kernel", planned, there);
			is = things_of(&machines[j]->view, arena);
			if (strcmp(goes, gone_between(&was, &is, &change, arena)) != 0)
				explain(&round,
					j ? "kernel: said to go along, gone"
					  : "memory: said to go along, gone",
					goes, gone_between(&was, &is, &change, arena));
			neap_vec_done(&was.items);
			neap_vec_done(&is.items);
		}
	}
	neap_vec_done(&round.changes);
}

static struct neap_machine *make_memory(void)
{
	struct neap_net_change lo = { .op = NEAP_NET_LINK_ADD };
	struct neap_machine *memory;

	assert_int_equal(neap_host_memory_new(&memory), 0);
	set_name(lo.link.name, "lo");
	assert_int_equal(neap_host_memory_net(memory, &lo), 0);
	return memory;
}

static void rounds(struct neap_machine *other)
{
	unsigned seed = number_from("NEAP_SEED", 1), count = number_from("NEAP_ROUNDS", ROUNDS);

	for (unsigned i = 0; i < count; i++) {
		struct neap_machine *memory = make_memory();

		if (other)
			clear(other);
		land_round(seed + i, memory, other);
		one_round(seed + i + 1000000, memory, other);
		neap_machine_free(memory);
	}
	print_message("%u changes taken, %u refused; with %u something went along\n", accepted, refused,
		      along);
}

static void net__overlay_and_memory_tell_the_same(void **unused)
{
	(void)unused;
	rounds(NULL);
}

static void net__the_kernel_tells_the_same(void **unused)
{
	(void)unused;
	if (!kernel) {
		print_message("skipped: needs root, for a network namespace\n");
		skip();
	}
	rounds(kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net__overlay_and_memory_tell_the_same),
		cmocka_unit_test(net__the_kernel_tells_the_same),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
