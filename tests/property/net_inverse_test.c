/*
 * Changes of the kernel's network that nobody confirms: random links, addresses, routes and neighbours in a
 * network namespace of this program alone, a random step as resources make them, and how it is taken back
 * written down before it. Whatever call of the step or of the taking back fails, and at whatever one neap
 * dies, all is as it was once it has been taken back.
 *
 * Left out: what the kernel puts there by itself and later (fe80::/10).
 *
 * NEAP_SEED=n starts elsewhere, NEAP_ROUNDS=n runs more. A failure prints its step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/inverse.h"
#include "host/netlink.h"
#include "net_fixture.h"

#define ROUNDS 25
#define STEP_MAX 16
#define CALLS_MAX 60

/* ---- calls that fail ------------------------------------------------------------------------------------
 */

/* Of the calls that change something: this one, from 1 on, fails or is the last. */
static struct {
	unsigned made, at;
	bool dies;
} calls;

/* In the place of libc's, for all that netlink.c sends. */
ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	const struct nlmsghdr *message = bytes;
	bool asks = ((message->nlmsg_type - RTM_BASE) & 3) == 2;

	if (!asks && ++calls.made == calls.at) {
		if (calls.dies)
			_exit(9);
		errno = EIO;
		return -1;
	}
	return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

/* ---- drawing ---------------------------------------------------------------------------------------------
 */

static const char *const links[] = { "x0", "x1", "b0", "v0", "v1" };
#define LINKS (sizeof(links) / sizeof(*links))
static const uint8_t macs[][NEAP_NET_MAC] = { { 2, 0, 0, 0, 0, 1 },
					      { 2, 0, 0, 0, 0, 2 },
					      { 2, 0, 0, 0, 0, 3 } };
static const char *const addresses[] = { "10.0.%u.1/24", "10.0.%u.2/24", "fd00:%u::1/64", "10.0.%u.3/24",
					 "fd00:%u::3/64" };

static struct neap_net_change of_link(enum neap_net_op op, const char *name, const char *kind,
				      unsigned fields)
{
	struct neap_net_change change = { .op = op, .fields = fields };

	neap_net_set_name(change.link.name, name);
	neap_net_set_name(change.link.kind, kind);
	change.link.up = pick(4) > 0;
	change.link.mtu = (uint32_t[]){ 1300, 1350, 1400 }[pick(3)];
	change.link.stp = pick(2);
	change.link.forward_delay = (uint32_t[]){ 400, 1500 }[pick(2)];
	change.link.ageing_time = (uint32_t[]){ 10000, 30000 }[pick(2)];
	change.link.learning = pick(2);
	change.link.ttl = (uint16_t)pick(3);
	memcpy(change.link.mac, macs[pick(3)], NEAP_NET_MAC);
	change.link.port = 4789;
	return change;
}

static struct neap_net_change of_vxlan(const char *name, uint32_t id)
{
	struct neap_net_change change =
		of_link(NEAP_NET_LINK_ADD, name, "vxlan",
			NEAP_NET_UP | NEAP_NET_LEARNING | NEAP_NET_TTL | (pick(2) ? NEAP_NET_ADDRESS : 0));

	change.link.id = id;
	if (pick(2))
		neap_net_ip_parse("192.0.2.1", &change.link.local);
	if (pick(2))
		neap_net_set_name(change.link.under, pick(2) ? "v0" : "b0");
	return change;
}

/* `fresh`: one that is not there, as types add it. */
static struct neap_net_change of_address(enum neap_net_op op, bool fresh)
{
	struct neap_net_change change = { .op = op };
	unsigned link = pick(LINKS);
	struct neap_net_prefix prefix;
	char text[NEAP_NET_TEXT];

	snprintf(text, sizeof(text), addresses[fresh ? 3 + pick(2) : pick(3)],
		 link); /* NOLINT(clang-diagnostic-format-nonliteral) */
	assert_true(neap_net_prefix_parse(text, &prefix));
	change.address.key = neap_net_address_key(links[link], &prefix);
	change.address.len = prefix.len;
	return change;
}

static struct neap_net_change of_route(enum neap_net_op op)
{
	struct neap_net_change change = { .op = op };
	unsigned link = pick(LINKS), six = pick(3) == 0;
	struct neap_net_prefix to;
	char text[NEAP_NET_TEXT];

	assert_true(neap_net_prefix_parse(six ? "fd09::/48" : pick(2) ? "10.9.0.0/16" : "10.8.0.0/16", &to));
	change.route.key = neap_net_route_key(&to, NEAP_NET_TABLE_MAIN, neap_net_metric(to.ip.family));
	snprintf(text, sizeof(text), six ? "fd00:%u::9" : "10.0.%u.9", link);
	assert_true(neap_net_ip_parse(text, &change.route.via));
	return change;
}

static struct neap_net_change of_neighbour(enum neap_net_op op, const char *link)
{
	static const char *const ips[] = { "192.0.2.7", "192.0.2.8", "192.0.2.9", "fd00::7" };
	struct neap_net_change change = { .op = op };
	enum neap_net_neighbour_kind kind = pick(NEAP_NET_NEIGHBOUR_KINDS);
	struct neap_net_ip ip;

	assert_true(neap_net_ip_parse(ips[pick(kind == NEAP_NET_NEIGHBOUR ? 4 : 3)], &ip));
	change.neighbour = neap_net_neighbour_of(link, kind, &ip, macs[pick(3)]);
	return change;
}

struct step {
	struct neap_net_change changes[STEP_MAX];
	size_t count;
};

/* Each neighbour once, as types do. */
static void add(struct step *step, struct neap_net_change change)
{
	for (size_t i = 0; change.op >= NEAP_NET_NEIGHBOUR_PUT && i < step->count; i++)
		if (step->changes[i].op >= NEAP_NET_NEIGHBOUR_PUT &&
		    memcmp(&step->changes[i].neighbour.key, &change.neighbour.key,
			   sizeof(change.neighbour.key)) == 0)
			return;
	if (step->count < STEP_MAX)
		step->changes[step->count++] = change;
}

/* ---- worlds ----------------------------------------------------------------------------------------------
 */

static struct neap_machine *machine;
static struct neap_local *local;

static void put(const struct neap_net_change change)
{
	(void)neap_local_land_net(local, &change, NULL);
}

/* What neap does not say but may find: of other ports, learned, of groups, and a default. */
static void put_odd(void)
{
	static const char *const odd[] = {
		"bridge fdb replace 02:00:00:00:00:03 dev x0 dst 192.0.2.7 port 99",
		"bridge fdb replace 02:00:00:00:00:02 dev x0 dst 192.0.2.7 dynamic",
		"bridge fdb append 01:00:5e:00:00:05 dev x0 dst 192.0.2.7",
		"bridge fdb append 00:00:00:00:00:00 dev x1 dst 192.0.2.7 port 99 vni 7",
		"ip neigh replace 192.0.2.8 lladdr 02:00:00:00:00:03 dev x0 nud stale",
		"ip neigh replace 10.0.2.7 lladdr 02:00:00:00:00:03 dev b0 nud permanent",
		"ip link del x1; ip link add x1 type vxlan id 2 dstport 4789 remote 192.0.2.7 ageing 99",
		("ip link del x1; ip link add x1 up type vxlan id 2 dstport 4789 remote 192.0.2.7; "
		 "bridge fdb del 00:00:00:00:00:00 dev x1 dst 192.0.2.7"),
	};
	char command[200];

	for (unsigned n = pick(3); n > 0; n--) {
		snprintf(command, sizeof(command), "{ %s; } >/dev/null 2>&1", odd[pick(8)]);
		(void)!system(command); /* NOLINT(cert-env33-c) */
	}
}

static void make_world(void)
{
	struct neap_net_change change;

	for (size_t i = 0; i < LINKS; i++)
		put(of_link(NEAP_NET_LINK_REMOVE, links[i], "", 0));
	put(of_link(NEAP_NET_LINK_REMOVE, "x2", "", 0));
	put(of_link(NEAP_NET_LINK_ADD, "b0", "bridge", NEAP_NET_UP));
	/* Else it becomes smaller than what goes over it by then, which cannot be made again so. */
	for (unsigned i = 0; i < 2; i++) {
		change = of_link(NEAP_NET_LINK_SET, "b0", "bridge", NEAP_NET_MTU);
		change.link.mtu = 1499 + i;
		put(change);
	}
	change = of_link(NEAP_NET_LINK_ADD, "v0", "veth", NEAP_NET_UP);
	neap_net_set_name(change.link.peer, "v1");
	put(change);
	put(of_vxlan("x0", 1));
	put(of_vxlan("x1", 2));
	put_odd();
	for (unsigned n = pick(3); n > 0; n--) {
		change = of_link(NEAP_NET_LINK_SET, links[pick(2) * 4], "", NEAP_NET_MASTER);
		neap_net_set_name(change.link.master, "b0");
		put(change);
	}
	for (unsigned n = pick(8); n > 0; n--)
		put(of_address(NEAP_NET_ADDRESS_ADD, false));
	for (unsigned n = pick(4); n > 0; n--)
		put(of_route(NEAP_NET_ROUTE_PUT));
	for (unsigned n = pick(12); n > 0; n--)
		put(of_neighbour(NEAP_NET_NEIGHBOUR_PUT, links[pick(2)]));
	put_odd();
}

/* ---- steps -----------------------------------------------------------------------------------------------
 */

/* Up, where it is down, and the other way round. */
static struct neap_net_change turned(struct neap_net_change change)
{
	const struct neap_net_link *is;
	const struct neap_net *net;

	neap_local_net_drop(local);
	assert_int_equal(neap_local_net(&machine->view, NEAP_NET_LINKS, &net, NULL), 0);
	is = neap_net_link(net, change.link.name);
	if (is && (change.fields & NEAP_NET_UP))
		change.link.up = !is->up;
	return change;
}

static void draw_step(struct step *step)
{
	static const unsigned vxlan[] = { NEAP_NET_LEARNING, NEAP_NET_TTL, NEAP_NET_ADDRESS,
					  NEAP_NET_MTU,      NEAP_NET_UP,  NEAP_NET_ADDRESS };
	const char *x = pick(2) ? "x0" : "x1";
	unsigned fields = vxlan[pick(6)];
	struct neap_net_change change;

	fields |= vxlan[pick(6)];
	step->count = 0;
	switch (pick(10)) {
	case 0:
		add(step, of_link(NEAP_NET_LINK_REMOVE, links[pick(LINKS)], "", 0));
		return;
	case 1:
		x = "x2";
		add(step, of_vxlan(x, 3));
		break;
	case 2:
		if (pick(2))
			add(step, of_address(NEAP_NET_ADDRESS_ADD, true));
		else
			add(step, of_address(NEAP_NET_ADDRESS_REMOVE, false));
		return;
	case 3:
		add(step, of_route(pick(2) ? NEAP_NET_ROUTE_PUT : NEAP_NET_ROUTE_REMOVE));
		return;
	case 4:
		add(step, of_link(NEAP_NET_LINK_SET, "b0", "bridge",
				  NEAP_NET_FORWARD_DELAY | NEAP_NET_AGEING_TIME | NEAP_NET_UP));
		change = of_link(NEAP_NET_LINK_SET, links[pick(LINKS)], "", NEAP_NET_MASTER);
		neap_net_set_name(change.link.master, pick(3) ? "b0" : "");
		add(step, change);
		return;
	case 5:
		add(step, turned(of_link(NEAP_NET_LINK_SET, links[pick(LINKS)], "", NEAP_NET_UP)));
		return;
	case 6: /* only whom it knows */
		break;
	default:
		add(step, turned(of_link(NEAP_NET_LINK_SET, x, "vxlan", fields)));
	}
	for (unsigned n = pick(8); n > 0; n--)
		add(step, of_neighbour(pick(3) ? NEAP_NET_NEIGHBOUR_PUT : NEAP_NET_NEIGHBOUR_REMOVE, x));
}

/* ---- what is there ---------------------------------------------------------------------------------------
 */

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the kernel says: sorted, without what comes by itself, and what a vxlan has learned. */
static const char *dump(struct neap_arena *arena)
{
	static const char command[] = "bridge fdb show; ip neigh show nud permanent";
	struct neap_buf text NEAP_AUTO_BUF = { 0 }, out NEAP_AUTO_BUF = { 0 };
	char one[NEAP_NET_TEXT], two[NEAP_NET_TEXT], mac[NEAP_NET_MAC_TEXT];
	NEAP_VEC(const char *) lines = { 0 };
	const struct neap_net *net;
	char *rest, *line;
	FILE *from;

	neap_local_net_drop(local);
	assert_int_equal(neap_local_net(&machine->view, NEAP_NET_ALL, &net, NULL), 0);
	for (size_t i = 0; i < net->links.count; i++) {
		const struct neap_net_link *link = net->links.entries[i].value;

		if (link->kind[0])
			neap_buf_printf(
				&text,
				"%s %s up %d mtu %u master %s peer %s stp %d %u %u mac %s id %u %s over %s "
				"learning %d ttl %u\n",
				link->name, link->kind, link->up, link->mtu, link->master, link->peer,
				link->stp, link->forward_delay, link->ageing_time,
				neap_net_mac_print(link->mac, mac), link->id,
				neap_net_ip_print(&link->local, one), link->under, link->learning, link->ttl);
	}
	for (size_t i = 0; i < net->addresses.count; i++) {
		const struct neap_net_address *address = net->addresses.entries[i].value;
		struct neap_net_prefix prefix = neap_net_address_prefix(address);

		if (!neap_net_link_local(&prefix.ip))
			neap_buf_printf(&text, "%s has %s%s\n", address->key.link,
					neap_net_prefix_print(&prefix, one),
					address->secondary ? " too" : "");
	}
	for (size_t i = 0; i < net->routes.count; i++) {
		const struct neap_net_route *route = net->routes.entries[i].value;
		struct neap_net_prefix to = neap_net_route_to(route);

		if (!neap_net_link_local(&to.ip))
			neap_buf_printf(&text, "to %s metric %u via %s on %s\n",
					neap_net_prefix_print(&to, one), route->key.metric,
					neap_net_ip_print(&route->via, two), route->link);
	}
	from = popen(command, "re");
	assert_non_null(from);
	for (char bytes[4096]; (line = fgets(bytes, sizeof(bytes), from));)
		if (strstr(line, " lladdr ") || (strstr(line, " dev x") && strstr(line, " self ") &&
						 (strstr(line, " permanent") || strstr(line, " static"))))
			neap_buf_puts(&text, line);
	pclose(from);
	neap_buf_putc(&text, '\0');
	for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		neap_vec_push(&lines, line);
	if (lines.count)
		qsort((void *)lines.items, lines.count, sizeof(*lines.items), compare_lines);
	for (size_t i = 0; i < lines.count; i++)
		neap_buf_printf(&out, "%s\n", lines.items[i]);
	neap_vec_done(&lines);
	return neap_arena_copy(arena, out.data ? out.data : "", out.len);
}

/* ---- rounds ----------------------------------------------------------------------------------------------
 */

static unsigned changed, dead, failed;

/* Until one is refused, as a step does. */
static void land(struct neap_local *on, const struct step *step)
{
	for (size_t i = 0; i < step->count; i++)
		if (neap_local_land_net(on, &step->changes[i], NULL) < 0)
			return;
}

/* The step, and then it is taken back; in a process of its own, which may die. */
static void go_and_die(const struct step *step, struct neap_str lines, unsigned call)
{
	struct neap_machine *own;
	struct neap_buf left = { 0 };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		calls.made = 0;
		calls.at = call;
		calls.dies = true;
		if (neap_host_local_new("/", NULL, &own, NULL) < 0)
			_exit(1);
		land(neap_local_of(&own->view), step);
		neap_inverse_net_undo(neap_local_of(&own->view), lines, &left);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
	dead += WEXITSTATUS(status) == 9;
}

static void explain(uint64_t seed, unsigned call, const struct step *step, struct neap_str lines,
		    const char *before, const char *after, const char *left)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	print_error("seed %llu, call %u%s:\n", (unsigned long long)seed, call / 2, call % 2 ? ", dying" : "");
	for (size_t i = 0; i < step->count; i++)
		print_error("  %s, fields %x up %d mtu %u mac %u master %s\n",
			    neap_net_describe(&step->changes[i], arena), step->changes[i].fields,
			    step->changes[i].link.up, step->changes[i].link.mtu, step->changes[i].link.mac[5],
			    step->changes[i].link.master);
	fprintf(stderr, "lines:\n%.*sbefore:\n%safter:\n%sleft: %s\n", (int)lines.len, lines.data, before,
		after, left);
	fail();
}

/* The number of calls that were made; `call` twice the number of the one that fails, and 1 if it dies. */
static unsigned go(uint64_t seed, unsigned call)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const struct neap_change *list[STEP_MAX];
	struct neap_change net[STEP_MAX];
	struct neap_buf lines NEAP_AUTO_BUF = { 0 }, left NEAP_AUTO_BUF = { 0 };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *before, *after;
	struct neap_str how;
	struct step step;
	unsigned made;

	state = seed;
	make_world();
	draw_step(&step);
	before = dump(arena);
	for (size_t i = 0; i < step.count; i++) {
		net[i] = (struct neap_change){ .kind = NEAP_CHANGE_NET, .net = &step.changes[i] };
		list[i] = &net[i];
	}
	if (neap_inverse_net(local, list, step.count, &lines, &err) < 0)
		fail_msg("seed %llu: %s", (unsigned long long)seed, err->message);
	how = (struct neap_str){ lines.data, lines.len };
	calls.made = calls.at = 0;
	if (call % 2) {
		go_and_die(&step, how, call / 2);
	} else {
		calls.at = call / 2;
		land(local, &step);
		if (!call)
			changed += strcmp(before, dump(arena)) != 0;
		neap_inverse_net_undo(local, how, &left);
		failed += calls.at && calls.made >= calls.at;
	}
	made = calls.made;
	calls.at = 0;
	/* Taken back once more nothing comes of it. */
	if (call) {
		left.len = 0;
		neap_inverse_net_undo(local, how, &left);
	}
	after = dump(arena);
	if (strcmp(before, after) != 0 || left.len) {
		neap_buf_putc(&left, '\0');
		explain(seed, call, &step, how, before, after, left.data);
	}
	return made;
}

static void net_inverse__what_nobody_confirms_is_as_it_was(void **unused)
{
	unsigned seed = number_from("NEAP_SEED", 1), rounds = number_from("NEAP_ROUNDS", ROUNDS);

	(void)unused;
	if (!machine) {
		print_message("skipped: needs root, for a network namespace with vxlans\n");
		skip();
	}
	for (unsigned i = 0; i < rounds; i++) {
		unsigned made = go(seed + i, 0);

		/* Each call fails or is the last, in turns; all of them do both before long. */
		for (unsigned call = 1; call <= made && call < CALLS_MAX; call++)
			(void)go(seed + i, 2 * call + (call + i) % 2);
	}
	print_message("%u of %u steps changed something; %u calls failed, %u deaths\n", changed, rounds,
		      failed, dead);
	if (rounds >= ROUNDS)
		assert_true(changed > rounds / 3 && failed > rounds / 2 && dead > rounds / 2);
}

static int begin(void **unused)
{
	(void)unused;
	if (!own_network() ||
	    system("ip link add x0 type vxlan id 1 dstport 4789 2>/dev/null") != 0) /* NOLINT(cert-env33-c) */
		return 0;
	/* No address is waited for. */
	write_setting("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	if (neap_host_local_new("/", NULL, &machine, NULL) < 0)
		return -1;
	local = neap_local_of(&machine->view);
	return 0;
}

static int end(void **unused)
{
	(void)unused;
	if (machine)
		neap_machine_free(machine);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net_inverse__what_nobody_confirms_is_as_it_was),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
