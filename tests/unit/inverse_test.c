/*
 * How changes of rules are taken back, as values: what was there, what is changed, what others do meanwhile,
 * and what is there in the end. And links of kinds that no test of the whole program removes, in a namespace
 * of the kernel's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/inverse.h"
#include "host/netlink.h"

#define LINES 12

static const struct neap_table table = { NEAP_FAMILY_IPV4, "filter" };

/* "+CHAIN", "-CHAIN", "=CHAIN POLICY", "A CHAIN rule", "I CHAIN rule", "D CHAIN rule" */
static struct neap_change change_of(const char *line, char *buffer, size_t size)
{
	static const char signs[] = "+-=AID";
	struct neap_change change = {
		.kind = NEAP_CHANGE_FIREWALL,
		.table = table,
		.firewall = (enum neap_firewall_change)(strchr(signs, line[0]) - signs),
	};
	const char *text = line + (line[1] == ' ' ? 2 : 1);
	char *blank;

	snprintf(buffer, size, "%s", text);
	blank = strchr(buffer, ' ');
	if (blank)
		*blank = '\0';
	change.chain = buffer;
	change.rule = blank ? blank + 1 : NULL;
	return change;
}

static void make(struct neap_ruleset *set, const char *const *lines)
{
	char buffer[100];

	for (size_t i = 0; i < LINES && lines[i]; i++) {
		struct neap_change change = change_of(lines[i], buffer, sizeof(buffer));

		if (neap_firewall_apply(set, &table, change.firewall, change.chain, change.rule, NULL) < 0)
			fail_msg("%s cannot be done", lines[i]);
	}
}

/* Chains by their names: where a chain stands says nothing. */
static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct neap_chain *const *)a)->name, (*(struct neap_chain *const *)b)->name);
}

static void put_set(const struct neap_ruleset *set, struct neap_buf *out)
{
	struct neap_chain *chains[16];
	size_t count = 0;

	for (size_t i = 0; i < set->chains.count && count < 16; i++)
		if (set->chains.items[i])
			chains[count++] = set->chains.items[i];
	qsort(chains, count, sizeof(*chains), by_name);
	for (size_t i = 0; i < count; i++) {
		const struct neap_chain *chain = chains[i];

		if (chain->policy && strcmp(chain->policy, "ACCEPT") == 0 && !chain->rules.count)
			continue;
		neap_buf_printf(out, "%s %s:", chain->name, chain->policy ? chain->policy : "-");
		for (size_t j = 0; j < chain->rules.count; j++)
			neap_buf_printf(out, "%s %s", j ? " |" : "", chain->rules.items[j]);
		neap_buf_putc(out, '\n');
	}
}

struct cell {
	const char *name;
	const char *before[LINES], *changes[LINES], *others[LINES];
	const char *then, *left; /* `then` NULL: as before */
};

/* clang-format off: a table */
static const struct cell cells[] = {
	{ "a rule put last", { "A INPUT a", "A INPUT b" }, { "A INPUT c" } },
	{ "a rule put first", { "A INPUT a" }, { "I INPUT c" } },
	{ "a rule that is there already is none of ours", { "A INPUT a" }, { "A INPUT a", "I INPUT a" } },
	{ "a rule removed comes back to its place",
	  { "A INPUT a", "A INPUT b", "A INPUT c" },
	  { "D INPUT b" } },
	{ "the first, the last, all",
	  { "A INPUT a", "A INPUT b", "A INPUT c" },
	  { "D INPUT a", "D INPUT c", "D INPUT b" } },
	{ "of one that was there twice both",
	  { "A INPUT a", "A INPUT x", "A INPUT a", "A INPUT y" },
	  { "D INPUT a", "D INPUT a" } },
	{ "another order",
	  { "A INPUT a", "A INPUT b", "A INPUT c", "A INPUT d" },
	  { "D INPUT a", "D INPUT c", "A INPUT c", "A INPUT a" } },
	{ "a policy", { 0 }, { "=INPUT DROP" } },
	{ "a chain and what is in it", { "A INPUT a" }, { "+NEW", "A NEW a", "A NEW b" } },
	{ "a chain that goes",
	  { "+OLD", "A OLD a", "A OLD b", "A INPUT x" },
	  { "D OLD a", "D OLD b", "-OLD" } },
	{ "a chain that goes and comes in the same step",
	  { "+OLD", "A OLD a" },
	  { "D OLD a", "-OLD", "+OLD", "A OLD b" } },
	{ "others' rules around it stay",
	  { "A INPUT a", "A INPUT b" },
	  { "D INPUT a", "A INPUT c" },
	  { "I INPUT x", "A INPUT y" },
	  .then = "INPUT ACCEPT: x | a | b | y\n" },
	{ "others between",
	  { "A INPUT a", "A INPUT b", "A INPUT c" },
	  { "D INPUT b" },
	  { "D INPUT c", "A INPUT x", "A INPUT c" },
	  .then = "INPUT ACCEPT: a | b | x | c\n" },
	{ "its neighbours are gone",
	  { "A INPUT a", "A INPUT b", "A INPUT c" },
	  { "D INPUT b" },
	  { "D INPUT a", "D INPUT c", "A INPUT x" },
	  .then = "INPUT ACCEPT: x | b\n" },
	{ "others have taken it away already", { "A INPUT a" }, { "A INPUT c" }, { "D INPUT c" } },
	{ "others have put it back already",
	  { "A INPUT a", "A INPUT b" },
	  { "D INPUT a" },
	  { "A INPUT a" },
	  .then = "INPUT ACCEPT: b | a\n" },
	{ "others have made theirs of a policy", { 0 }, { "=INPUT DROP" }, { "=INPUT ACCEPT" } },
	{ "others use the chain",
	  { 0 },
	  { "+NEW", "A NEW a" },
	  { "A NEW x" },
	  .then = "NEW -: x\n",
	  .left = "chain NEW of table filter: others have put rules in it\n" },
	{ "others jump to the chain",
	  { 0 },
	  { "+NEW", "A NEW a" },
	  { "A INPUT -j NEW" },
	  .then = "INPUT ACCEPT: -j NEW\nNEW -:\n",
	  .left = "chain NEW of table filter: rules of others jump to it\n" },
	{ "others have removed the chain",
	  { "+SITE", "A SITE a" },
	  { "D SITE a", "A SITE b" },
	  { "D SITE b", "-SITE" },
	  .then = "",
	  .left = "a rule in chain SITE of table filter: others have removed the chain\n" },
	{ "others have made the chain again",
	  { "+OLD", "A OLD a" },
	  { "D OLD a", "-OLD" },
	  { "+OLD", "A OLD x" },
	  .then = "OLD -: x | a\n" },
	{ "nothing at all", { "A INPUT a" }, { "D INPUT z" } },
};
/* clang-format on */

static void run_cell(const struct cell *cell)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_buf lines NEAP_AUTO_BUF = { 0 }, before NEAP_AUTO_BUF = { 0 }, then NEAP_AUTO_BUF = { 0 };
	struct neap_ruleset *set = neap_ruleset_new("filter"), *trial;
	struct neap_change changes[LINES];
	const struct neap_change *list[LINES];
	char buffers[LINES][100];
	struct neap_inverse_rules rules;
	size_t count = 0;

	make(set, cell->before);
	put_set(set, &before);
	for (; count < LINES && cell->changes[count]; count++) {
		changes[count] = change_of(cell->changes[count], buffers[count], sizeof(buffers[count]));
		list[count] = &changes[count];
	}
	neap_inverse_firewall(set, list, count, &lines);
	for (size_t i = 0; i < count; i++)
		(void)neap_firewall_is_left(set, &changes[i]);
	make(set, cell->others);
	for (unsigned twice = 0; twice < 2; twice++) { /* the second time nothing comes of it */
		trial = neap_ruleset_copy(set);
		assert_int_equal(neap_inverse_rules((struct neap_str){ lines.data, lines.len }, trial, arena,
						    &rules, NULL),
				 0);
		for (size_t i = 0; i < rules.steps.count; i++)
			neap_inverse_step(set, &rules.steps.items[i]);
		if (!twice &&
		    strcmp(rules.left.data ? rules.left.data : "", cell->left ? cell->left : "") != 0)
			fail_msg("%s: left: %s", cell->name, rules.left.data ? rules.left.data : "nothing");
		neap_vec_done(&rules.steps);
		neap_buf_done(&rules.left);
		neap_ruleset_free(trial);
	}
	put_set(set, &then);
	const char *wanted = cell->then ? cell->then : before.data ? before.data : "";
	if (strcmp(then.data ? then.data : "", wanted) != 0)
		fail_msg("%s:\n%snot\n%s", cell->name, then.data ? then.data : "", wanted);
	neap_ruleset_free(set);
}

static void inverse__rules_come_back_and_others_stay(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++)
		run_cell(&cells[i]);
}

static void inverse__lines_that_name_no_table_are_an_error(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_ruleset *set = neap_ruleset_new("filter");
	struct neap_inverse_rules rules;
	static const char *const texts[] = { "firewall 4 none\n", "net\n", "removed INPUT 3 x\n" };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(neap_inverse_rules(neap_str(texts[i]), set, arena, &rules, NULL) < 0);
	/* A place that there is not, a chain that nothing is said of: nothing is done. */
	assert_int_equal(neap_inverse_rules(neap_str("firewall 4 filter\nchain INPUT\nremoved INPUT 7 x\n"
						     "removed FORWARD 0 x\npolicy NONE DROP\nodd\n"),
					    set, arena, &rules, NULL),
			 0);
	assert_int_equal(rules.steps.count, 0);
	neap_buf_done(&rules.left);
	neap_ruleset_free(set);
}

/* ---- links ----------------------------------------------------------------------------------------------
 */

static void told(const char *command, struct neap_buf *ret)
{
	char text[4096];
	FILE *from = popen(command, "re");
	size_t got;

	ret->len = 0;
	assert_non_null(from);
	while ((got = fread(text, 1, sizeof(text), from)) > 0)
		neap_buf_append(ret, text, got);
	pclose(from);
}

static void inverse__links_of_any_kind_are_made_again(void **state)
{
	static const char *const kinds[] = {
		"vxlan id 42 local 10.0.0.1 dev under dstport 4789 nolearning && "
		"bridge fdb append 00:00:00:00:00:00 dev x0 dst 10.0.0.7 && "
		"bridge fdb append 00:00:00:00:00:00 dev x0 dst 10.0.0.8 port 99 && "
		"bridge fdb append 01:00:5e:00:00:05 dev x0 dst 10.0.0.7 && "
		"bridge fdb add 02:00:00:00:00:02 dev x0 dst 10.0.0.7 && "
		"bridge fdb add 02:00:00:00:00:03 dev x0 dst 10.0.0.7 static && "
		"bridge fdb add 02:00:00:00:00:04 dev x0 dst 10.0.0.7 extern_learn",
		"vxlan id 43 remote 10.0.0.9 dstport 8472 ttl 9 && "
		"bridge fdb append 00:00:00:00:00:00 dev x0 dst 10.0.0.7",
		"dummy",
		"bridge stp_state 1 forward_delay 400 ageing_time 1000",
		/* What it was made with to send to, it has no more. */
		"vxlan id 44 remote 10.0.0.9 dstport 8472 && bridge fdb del 00:00:00:00:00:00 dev x0 dst "
		"10.0.0.9",
		"vxlan id 45 remote 10.0.0.9 dev under dstport 8472 && "
		"bridge fdb del 00:00:00:00:00:00 dev x0 dst 10.0.0.9 via under",
	};
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_machine *machine;
	struct neap_local *local;

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	assert_int_equal(neap_host_local_new("/", NULL, &machine, &err), 0);
	local = neap_local_of(&machine->view);
	assert_int_equal(system("ip link set lo up && ip link add under type veth peer name over && ip link "
				"set under up && "
				"ip addr add 10.0.0.1/24 dev under"),
			 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct neap_buf before NEAP_AUTO_BUF = { 0 }, after NEAP_AUTO_BUF = { 0 };
		struct neap_buf lines NEAP_AUTO_BUF = { 0 }, left NEAP_AUTO_BUF = { 0 };
		struct neap_net_change net = { .op = NEAP_NET_LINK_REMOVE, .link.name = "x0" };
		struct neap_change change = { .kind = NEAP_CHANGE_NET, .net = &net };
		const struct neap_change *list = &change;
		const char *show = "ip -d link show x0; ip addr show x0; ip route show dev x0; "
				   "ip neigh show dev x0 nud permanent; bridge fdb show dev x0 | sort";
		char command[1000];
		bool bridge = strncmp(kinds[i], "bridge", 6) == 0;

		snprintf(command, sizeof(command),
			 "ip link add x0 type %s && ip link set x0 up && ip addr add 10.7.0.1/24 dev x0 && "
			 "ip addr add 10.7.0.4/24 dev x0 && "
			 "ip route add 10.8.0.0/16 via 10.7.0.2 && "
			 "ip neigh add 10.7.0.3 lladdr 02:00:00:00:00:02 dev x0 nud permanent",
			 kinds[i]);
		if (system(command) != 0)
			continue; /* this kernel does not know the kind */
		told(show, &before);
		neap_buf_putc(&before, '\0');
		before.len--;
		neap_local_net_drop(local);
		if (neap_inverse_net(local, &list, 1, &lines, &err) < 0)
			fail_msg("%s: %s", kinds[i], err->message);
		assert_int_equal(neap_local_land_net(local, &net, &err), 0);
		assert_int_not_equal(system("ip link show x0 >/dev/null 2>&1"), 0);
		/* The second time as if a call had failed the first: the second address came first. */
		for (unsigned twice = 0; twice < 2; twice++) {
			if (twice)
				assert_int_equal(
					system("ip -4 addr flush dev x0 && ip addr add 10.7.0.4/24 dev x0 && "
					       "ip addr add 10.7.0.1/24 dev x0"),
					0);
			neap_inverse_net_undo(local, (struct neap_str){ lines.data, lines.len }, &left);
			if (left.len)
				fail_msg("%s: %s", kinds[i], left.data);
			/* IPv6 makes sure of its address; of a bridge moments count down. */
			for (unsigned tries = bridge ? 39 : 0; tries < 40; tries++) {
				told(show, &after);
				if (after.len == before.len &&
				    memcmp(after.data, before.data, after.len) == 0)
					break;
				usleep(100000);
			}
			neap_buf_putc(&after, '\0');
			if (!bridge)
				assert_string_equal(after.data, before.data);
		}
		assert_int_equal(system("ip link del x0"), 0);
	}
	neap_machine_free(machine);
}

/* As it is set down again the kernel drops what it had while it was down. */
static void inverse__a_link_that_was_down_has_again_what_it_had(void **state)
{
	static const char show[] =
		"ip addr show e0 | sed '1d; s/ tentative//'; ip neigh show dev e0 nud permanent";
	struct neap_net_change net = { .op = NEAP_NET_LINK_SET,
				       .fields = NEAP_NET_UP,
				       .link = { .name = "e0", .up = true } };
	struct neap_change change = { .kind = NEAP_CHANGE_NET, .net = &net };
	const struct neap_change *list = &change;
	struct neap_buf before NEAP_AUTO_BUF = { 0 }, after NEAP_AUTO_BUF = { 0 };
	struct neap_buf lines NEAP_AUTO_BUF = { 0 }, left NEAP_AUTO_BUF = { 0 };
	struct neap_machine *machine;
	struct neap_local *local;

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	assert_int_equal(neap_host_local_new("/", NULL, &machine, NULL), 0);
	local = neap_local_of(&machine->view);
	assert_int_equal(
		system("ip link add e0 type veth peer name e1 && ip addr add fd00::1/64 dev e0 nodad && "
		       "ip addr add 10.0.0.1/24 dev e0 && "
		       "ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev e0 nud permanent"),
		0);
	told(show, &before);
	assert_int_equal(neap_inverse_net(local, &list, 1, &lines, NULL), 0);
	assert_int_equal(neap_local_land_net(local, &net, NULL), 0);
	neap_inverse_net_undo(local, (struct neap_str){ lines.data, lines.len }, &left);
	assert_int_equal(left.len, 0);
	told(show, &after);
	neap_buf_putc(&before, '\0');
	neap_buf_putc(&after, '\0');
	assert_string_equal(after.data, before.data);
	neap_machine_free(machine);
}

/* What nobody can be asked for: links (RTM_GETLINK) and the like. In the place of libc's, as netlink.c sends.
 */
static uint16_t unanswered;

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	const struct nlmsghdr *message = bytes;

	if (unanswered && message->nlmsg_type == unanswered) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

struct trial {
	const char *name;
	struct neap_net_change change;
	const char *to, *via, *mac; /* of the route, or of the neighbour */
	enum neap_net_neighbour_kind kind;
	const char *others, *show, *then, *left; /* `then` has to be in what is shown in the end */
	uint16_t unanswered;
};

#define OTHERS "others have put another in its place\n"
#define A_ROUTE(operation, on) .change = { .op = NEAP_NET_ROUTE_##operation, .route.link = on }
#define A_NEIGHBOUR(operation) .change = { .op = NEAP_NET_NEIGHBOUR_##operation }

/* clang-format off: a table */
static const struct trial trials[] = {
	{ "a route to another link, and others to a third", A_ROUTE(PUT, "bb"), "10.9.0.0/16",
	  .others = "ip route replace 10.9.0.0/16 dev bc", .show = "ip route show 10.9.0.0/16",
	  .then = "dev bc", .left = OTHERS },
	{ "one gateway on three links", A_ROUTE(PUT, "bb"), "fd09::/48", "fe80::1",
	  .others = "ip -6 route replace fd09::/48 via fe80::1 dev bc metric 1024",
	  .show = "ip -6 route show fd09::/48", .then = "dev bc", .left = OTHERS },
	{ "others from another address", A_ROUTE(PUT, "bb"), "10.9.0.0/16",
	  .others = "ip route replace 10.9.0.0/16 dev ba src 10.0.1.2", .show = "ip route show 10.9.0.0/16",
	  .then = "src 10.0.1.2", .left = OTHERS },
	{ "others have put the former one", A_ROUTE(PUT, "bb"), "10.9.0.0/16",
	  .others = "ip route replace 10.9.0.0/16 dev ba", .show = "ip route show 10.9.0.0/16",
	  .then = "dev ba" },
	{ "a route that goes, and others put one", A_ROUTE(REMOVE, ""), "10.9.0.0/16",
	  .others = "ip route add 10.9.0.0/16 dev bc", .show = "ip route show 10.9.0.0/16", .then = "dev bc",
	  .left = OTHERS },
	{ "a route that goes, and others put it", A_ROUTE(REMOVE, ""), "10.9.0.0/16",
	  .others = "ip route add 10.9.0.0/16 dev ba", .show = "ip route show 10.9.0.0/16",
	  .then = "dev ba" },
	{ "a forwarding that goes, and others put one", A_NEIGHBOUR(REMOVE), NULL, "192.0.2.2",
	  "02:00:00:00:00:02", NEAP_NET_FORWARD, "bridge fdb add 02:00:00:00:00:02 dev bx dst 192.0.2.99",
	  "bridge fdb show dev bx", "192.0.2.99", "the forwarding 02:00:00:00:00:02: " OTHERS },
	{ "a forwarding that changes", A_NEIGHBOUR(PUT), NULL, "192.0.2.7", "02:00:00:00:00:02",
	  NEAP_NET_FORWARD, .show = "bridge fdb show dev bx", .then = "02:00:00:00:00:02 dst 192.0.2.2 " },
	{ "a forwarding that goes", A_NEIGHBOUR(REMOVE), NULL, "192.0.2.2", "02:00:00:00:00:02",
	  NEAP_NET_FORWARD, .show = "bridge fdb show dev bx", .then = "02:00:00:00:00:02 dst 192.0.2.2 " },
	{ "a neighbour that goes, and others put one", A_NEIGHBOUR(REMOVE), NULL, "10.7.0.2",
	  "02:00:00:00:00:02", NEAP_NET_NEIGHBOUR,
	  "ip neigh add 10.7.0.2 lladdr 02:00:00:00:00:09 dev bx nud permanent", "ip neigh show dev bx",
	  "02:00:00:00:00:09 PERMANENT", "the neighbour 10.7.0.2: " OTHERS },
	{ "a neighbour that goes, and the kernel asks for it", A_NEIGHBOUR(REMOVE), NULL, "10.7.0.2",
	  "02:00:00:00:00:02", NEAP_NET_NEIGHBOUR,
	  "ip neigh add 10.7.0.2 lladdr 02:00:00:00:00:09 dev bx nud stale", "ip neigh show dev bx",
	  "02:00:00:00:00:02 PERMANENT" },
	{ "a route, and nothing can be seen", A_ROUTE(PUT, "bb"), "10.9.0.0/16",
	  .left = "cannot be seen: ", .unanswered = RTM_GETLINK },
	{ "a route that goes, and nothing can be seen", A_ROUTE(REMOVE, ""), "10.9.0.0/16",
	  .left = "cannot be seen: ", .unanswered = RTM_GETLINK },
	{ "a neighbour, and nothing can be seen", A_NEIGHBOUR(PUT), NULL, "10.7.0.2", "02:00:00:00:00:07",
	  NEAP_NET_NEIGHBOUR, .left = "cannot be seen: ", .unanswered = RTM_GETLINK },
	{ "a link, and nothing can be seen",
	  .change = { .op = NEAP_NET_LINK_SET,
		      .fields = NEAP_NET_MTU,
		      .link = { .name = "ba", .mtu = 1400 } },
	  .left = "cannot be seen: ", .unanswered = RTM_GETLINK },
};
/* clang-format on */

static struct neap_net_change change_in(const struct trial *trial)
{
	struct neap_net_change change = trial->change;
	struct neap_net_prefix to;
	struct neap_net_ip via = { 0 };
	uint8_t mac[NEAP_NET_MAC] = { 0 };

	if (trial->via)
		assert_true(neap_net_ip_parse(trial->via, &via));
	if (trial->mac)
		assert_true(neap_net_mac_parse(trial->mac, mac));
	if (trial->to) {
		assert_true(neap_net_prefix_parse(trial->to, &to));
		change.route.key =
			neap_net_route_key(&to, NEAP_NET_TABLE_MAIN, neap_net_metric(to.ip.family));
		change.route.via = via;
	} else if (trial->mac) {
		change.neighbour = neap_net_neighbour_of("bx", trial->kind, &via, mac);
	}
	return change;
}

static void run_trial(struct neap_local *local, const struct trial *trial)
{
	struct neap_buf lines NEAP_AUTO_BUF = { 0 }, left NEAP_AUTO_BUF = { 0 }, shown NEAP_AUTO_BUF = { 0 };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_net_change net = change_in(trial);
	struct neap_change change = { .kind = NEAP_CHANGE_NET, .net = &net };
	const struct neap_change *list = &change;

	(void)!system("for at in a b c x; do ip link del b$at; done 2>/dev/null");
	if (system("for at in a b c; do ip link add b$at type bridge && ip link set b$at up || exit 1; done; "
		   "ip addr add 10.0.1.2/24 dev ba && ip route add 10.9.0.0/16 dev ba && "
		   "ip -6 route add fd09::/48 via fe80::1 dev ba && "
		   "ip link add bx up type vxlan id 42 dstport 4789 && ip addr add 10.7.0.1/24 dev bx && "
		   "bridge fdb add 02:00:00:00:00:02 dev bx dst 192.0.2.2 && "
		   "ip neigh add 10.7.0.2 lladdr 02:00:00:00:00:02 dev bx nud permanent") != 0)
		skip(); /* this kernel has no vxlan */
	neap_local_net_drop(local);
	if (neap_inverse_net(local, &list, 1, &lines, &err) < 0 || neap_local_land_net(local, &net, &err) < 0)
		fail_msg("%s: %s", trial->name, err->message);
	if (trial->others)
		assert_int_equal(system(trial->others), 0); /* NOLINT(cert-env33-c) */
	unanswered = trial->unanswered;
	/* Who takes it back may be killed: the second time nothing comes of it. */
	for (unsigned times = trial->left ? 1 : 2; times > 0; times--)
		neap_inverse_net_undo(local, (struct neap_str){ lines.data, lines.len }, &left);
	unanswered = 0;
	neap_buf_putc(&left, '\0');
	if (trial->left ? !strstr(left.data, trial->left) : left.len > 1)
		fail_msg("%s: left: %s", trial->name, left.data);
	if (trial->show) {
		told(trial->show, &shown);
		neap_buf_putc(&shown, '\0');
		if (!strstr(shown.data, trial->then))
			fail_msg("%s: %s", trial->name, shown.data);
	}
}

static void inverse__what_is_not_taken_back_is_said(void **state)
{
	struct neap_machine *machine;

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	assert_int_equal(neap_host_local_new("/", NULL, &machine, NULL), 0);
	for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++)
		run_trial(neap_local_of(&machine->view), &trials[i]);
	neap_machine_free(machine);
}

static void inverse__lines_that_cannot_be_read_are_said(void **state)
{
	static const char *const texts[] = {
		"put-route nowhere 254 0 - ba -\n", "put-route 10.9.0.0/16 254 0 nowhere ba -\n",
		"removed-route nowhere 254 0 00\n", "put-neighbour bx 9 10.0.0.1 02:00:00:00:00:02 -\n",
		"added-address lo nowhere\n",       "mac lo 0g\n",
		"set-link lo 1 odd odd\n",
	};
	struct neap_machine *machine;

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	assert_int_equal(neap_host_local_new("/", NULL, &machine, NULL), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct neap_buf left NEAP_AUTO_BUF = { 0 };

		neap_inverse_net_undo(neap_local_of(&machine->view), neap_str(texts[i]), &left);
		neap_buf_putc(&left, '\0');
		if (!strstr(left.data, "how it was cannot be read"))
			fail_msg("%sleft: %s", texts[i], left.data);
	}
	neap_machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inverse__rules_come_back_and_others_stay),
		cmocka_unit_test(inverse__lines_that_name_no_table_are_an_error),
		cmocka_unit_test(inverse__links_of_any_kind_are_made_again),
		cmocka_unit_test(inverse__a_link_that_was_down_has_again_what_it_had),
		cmocka_unit_test(inverse__what_is_not_taken_back_is_said),
		cmocka_unit_test(inverse__lines_that_cannot_be_read_are_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
