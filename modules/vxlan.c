/*
 * neap.vxlan: a network of links carried over one of IP, and whom it knows there; now, and where it is kept
 * at boot.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/acquaintance.h"
#include "engine/live.h"
#include "engine/net.h"

enum {
	NAME,
	ID,
	LOCAL_ADDRESS,
	PORT,
	LINK,
	PEERS,
	FDB,
	NEIGHBOURS,
	LEARNING,
	TTL,
	MAC,
	MTU,
	UP,
	ENSURE,
	PERSIST,
	CONFIRM_WITHIN,
	CONFIRM_PROBE,
	PARAM_COUNT
};

#define KIND "vxlan"
#define PORT_STANDARD 4789
#define ID_MAX 16777215

struct vxlan_want {
	struct neap_want base;
	const char *name, *local_address, *link, *mac;
	int64_t id, port, ttl, mtu;
	struct neap_acquaintance_want knows;
	bool learning, up;
	unsigned ensure;
	struct neap_live_want live;
};

struct vxlan_have {
	struct neap_live_have live;
	bool found;
	bool homeless; /* a new one, whose local_address no link has yet */
	struct neap_net_link link;
	struct neap_acquaintance knows[NEAP_NET_NEIGHBOUR_KINDS];
};

static const unsigned lists[NEAP_NET_NEIGHBOUR_KINDS] = {
	[NEAP_NET_PEER] = PEERS,
	[NEAP_NET_FORWARD] = FDB,
	[NEAP_NET_NEIGHBOUR] = NEIGHBOURS,
};

static bool wants_up(const struct vxlan_want *want)
{
	return !neap_given(want, UP) || want->up;
}

static uint16_t port_of(const struct vxlan_want *want)
{
	return neap_given(want, PORT) ? (uint16_t)want->port : PORT_STANDARD;
}

static struct neap_net_ip local_of(const struct vxlan_want *want)
{
	struct neap_net_ip ip = { 0 };

	if (neap_given(want, LOCAL_ADDRESS))
		(void)neap_net_ip_parse(want->local_address, &ip); /* checked */
	return ip;
}

/* ---- by what it is made -------------------------------------------------------------------------------- */

static struct neap_net_change change_of(const struct vxlan_want *want, enum neap_net_op op, unsigned fields)
{
	struct neap_net_change change = neap_net_link_change(want->name, KIND, op, fields);

	change.link.up = wants_up(want);
	change.link.mtu = (uint32_t)want->mtu;
	change.link.id = (uint32_t)want->id;
	change.link.port = port_of(want);
	change.link.local = local_of(want);
	change.link.learning = want->learning;
	change.link.ttl = (uint16_t)want->ttl;
	if (neap_given(want, LINK))
		neap_net_set_name(change.link.under, want->link);
	if (neap_given(want, MAC))
		(void)neap_net_mac_parse(want->mac, change.link.mac);
	return change;
}

/* What of it can change, and is given. */
static unsigned given_fields(const struct vxlan_want *want)
{
	return NEAP_NET_UP | (neap_given(want, LEARNING) ? NEAP_NET_LEARNING : 0) |
	       (neap_given(want, TTL) ? NEAP_NET_TTL : 0) | (neap_given(want, MAC) ? NEAP_NET_ADDRESS : 0) |
	       (neap_given(want, MTU) ? NEAP_NET_MTU : 0);
}

/* The kernel cuts the MTU of a new one to what fits, without a word; of one that is there it refuses. */
static struct neap_net_change adding(const struct vxlan_want *want)
{
	return change_of(want, NEAP_NET_LINK_ADD, given_fields(want) & ~(unsigned)NEAP_NET_MTU);
}

static bool keeps(const struct vxlan_want *want)
{
	return want->live.persist != NEAP_PERSIST_NOT && want->ensure == NEAP_PRESENT;
}

/* In the order of vxlan_apply(). */
static void vxlan_kept(const void *wanted, struct neap_arena *arena, struct neap_kept_net *ret)
{
	const struct vxlan_want *want = wanted;
	size_t most = 2;
	struct neap_net_change *changes;

	for (unsigned kind = 0; kind < NEAP_NET_NEIGHBOUR_KINDS; kind++)
		most += neap_acquaintance_count(&want->knows, kind);
	changes = neap_arena_array_of(arena, struct neap_net_change, most);

	ret->name = want->name;
	ret->absent = want->ensure == NEAP_ABSENT;
	ret->changes = changes;
	changes[ret->count++] = adding(want);
	if (!keeps(want)) /* the rest is not looked at, and may be long */
		return;
	if (neap_given(want, MTU))
		changes[ret->count++] = change_of(want, NEAP_NET_LINK_SET, NEAP_NET_MTU);
	ret->count += neap_acquaintance_put_all(&want->knows, want->name, changes + ret->count);
}

/* ---- checking ------------------------------------------------------------------------------------------ */

static int check_kept(const struct vxlan_want *want, struct neap_error **err)
{
	if (want->live.persist != NEAP_PERSIST_UNIT || !keeps(want) || !want->knows.neighbours.count ||
	    neap_given(want, MAC))
		return 0;
	neap_error_set(err, "neighbours are not kept for the boot without mac");
	return neap_error_hint(err,
			       "say mac: a vxlan without one is given another by udev, at any moment of the "
			       "boot, and the kernel then forgets its neighbours");
}

static int vxlan_check(const void *wanted, struct neap_error **err)
{
	const struct vxlan_want *want = wanted;
	struct neap_net_link own;
	struct neap_net_ip local;
	uint8_t mac[NEAP_NET_MAC];

	if (neap_net_check_name("name", want->name, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, ID, UP, err);
	if (!neap_given(want, ID))
		return neap_error_set(err, "id is required, unless ensure = \"absent\"");
	if (neap_given(want, LINK) && neap_net_check_name("link", want->link, err) < 0)
		return -1;
	if (neap_given(want, LINK) && strcmp(want->link, want->name) == 0)
		return neap_error_set(err, "link: %s cannot go over itself", want->name);
	if (neap_given(want, LOCAL_ADDRESS) &&
	    neap_net_check_machine("local_address", want->local_address, &local, err) < 0)
		return -1;
	if (neap_given(want, LOCAL_ADDRESS) && neap_net_link_local(&local))
		return neap_error_set(err, "local_address: %s is good on one link only", want->local_address);
	if (neap_given(want, MAC) && neap_net_check_mac("mac", want->mac, mac, err) < 0)
		return -1;
	own = change_of(want, NEAP_NET_LINK_ADD, 0).link;
	if (neap_acquaintance_check(&want->knows, &own, err) < 0)
		return -1;
	return check_kept(want, err);
}

static void vxlan_claim(const void *wanted, struct neap_claims *claims)
{
	const struct vxlan_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	neap_claim_link(claims, want->name,
			want->ensure == NEAP_ABSENT ? NEAP_LINK_REMOVES : NEAP_LINK_MAKES);
	if (want->ensure == NEAP_ABSENT)
		return;
	if (neap_given(want, LINK))
		neap_claim_link(claims, want->link, NEAP_LINK_NEEDS);
	if (neap_given(want, ID))
		neap_claim_sole(claims, neap_arena_printf(arena, "the vxlan with id %lld on port %u of IPv%u",
							  (long long)want->id, port_of(want),
							  local_of(want).family == 6 ? 6 : 4));
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static int differs_for_good(const struct vxlan_want *want, const char *is, const char *wanted,
			    struct neap_error **err)
{
	neap_error_set(err, "%s is there with %s, not %s: that cannot change while it is there", want->name,
		       is, wanted);
	return neap_error_hint(err,
			       "remove it first, by neap.vxlan { name = \"%s\", ensure = \"absent\" } "
			       "or by hand; its addresses and routes go with it",
			       want->name);
}

/* What it is known by. */
static int check_same(const struct neap_context *ctx, const struct vxlan_want *want,
		      const struct neap_net_link *link, struct neap_error **err)
{
	struct neap_arena *arena = ctx->scratch;
	struct neap_net_ip local = local_of(want);
	char text[NEAP_NET_TEXT];

	if (neap_given(want, ID) && link->id != want->id)
		return differs_for_good(want, neap_arena_printf(arena, "id %u", link->id),
					neap_arena_printf(arena, "%lld", (long long)want->id), err);
	if (neap_given(want, PORT) && link->port != want->port)
		return differs_for_good(want, neap_arena_printf(arena, "port %u", link->port),
					neap_arena_printf(arena, "%lld", (long long)want->port), err);
	if (neap_given(want, LOCAL_ADDRESS) && !neap_net_ip_equal(&local, &link->local))
		return differs_for_good(want,
					link->local.family
						? neap_arena_printf(arena, "local_address %s",
								    neap_net_ip_print(&link->local, text))
						: "no local_address",
					want->local_address, err);
	if (neap_given(want, LINK) && strcmp(link->under, want->link) != 0)
		return differs_for_good(
			want, link->under[0] ? neap_arena_printf(arena, "link %s", link->under) : "no link",
			want->link, err);
	if (neap_given(want, TTL) && link->ttl == NEAP_NET_TTL_INHERIT)
		return differs_for_good(want, "ttl \"inherit\"",
					neap_arena_printf(arena, "%lld", (long long)want->ttl), err);
	return 0;
}

/* Also of one that has that MTU already: the kernel looks only when it is set, so the lower one's may have
 * been made less since. */
static int check_fits(const struct vxlan_want *want, const struct neap_net_link *own,
		      const struct neap_net_link *under, struct neap_error **err)
{
	uint32_t more = neap_net_overhead(own);

	if (!neap_given(want, MTU) || !under->mtu || want->mtu + more <= under->mtu)
		return 0;
	neap_error_set(err, "mtu: %lld does not fit through %s, whose own is %u", (long long)want->mtu,
		       under->name, under->mtu);
	if (under->mtu < NEAP_NET_MTU_MIN + more)
		return neap_error_hint(err,
				       "%s has to have %lld at least: a vxlan adds %u bytes to each packet, "
				       "and has %d at least itself",
				       under->name, (long long)want->mtu + more, more, NEAP_NET_MTU_MIN);
	return neap_error_hint(err, "a vxlan adds %u bytes to each packet: %u at most", more,
			       under->mtu - more);
}

/* The link that its packets go over: there, and wide enough. */
static int check_under(const struct neap_view *view, const struct vxlan_want *want,
		       const struct vxlan_have *have, struct neap_error **err)
{
	struct neap_net_link own = have->found ? have->link
					       : (struct neap_net_link){ .local = local_of(want) },
			     under;
	const char *name = have->found ? have->link.under : neap_given(want, LINK) ? want->link : "";
	bool found;
	int r;

	if (!name[0])
		return 0;
	r = neap_view_net_link(view, name, &under, &found, err);
	if (r != 0)
		return r;
	if (!found)
		return neap_net_no_link(name, err);
	return check_fits(want, &own, &under, err);
}

/* The kernel takes any, and one may come later, as by DHCP: that nothing is sent meanwhile is only said. */
static int read_home(const struct neap_view *view, const struct vxlan_want *want, struct vxlan_have *have,
		     struct neap_error **err)
{
	struct neap_net_ip local = local_of(want);
	bool found = true;
	int r = have->found || !local.family ? 0 : neap_view_net_has_ip(view, &local, &found, err);

	have->homeless = !found;
	return r < 0 ? -1 : 0;
}

static int vxlan_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      void *had, struct neap_error **err)
{
	const struct vxlan_want *want = wanted;
	struct vxlan_have *have = had;
	int r = neap_net_read_link(view, want->name, KIND, &have->link, &have->found, err);

	if (r != 0 || want->ensure == NEAP_ABSENT)
		return r;
	if (have->found && check_same(ctx, want, &have->link, err) < 0)
		return -1;
	r = check_under(view, want, have, err);
	if (r == 0)
		r = read_home(view, want, have, err);
	for (unsigned kind = 0; r == 0 && kind < NEAP_NET_NEIGHBOUR_KINDS; kind++) {
		neap_acquaintance_init(&have->knows[kind], &want->knows, want->name, kind, ctx->scratch);
		if (have->found && neap_given(want, lists[kind]))
			r = neap_acquaintance_read(view, ctx->scratch, want->name, kind, &have->knows[kind],
						   err);
	}
	return r;
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

/* Of a new one all that is given. */
static unsigned differing(const struct vxlan_want *want, const struct vxlan_have *have)
{
	const struct neap_net_link wanted = change_of(want, NEAP_NET_LINK_SET, 0).link;

	return given_fields(want) & ~(have->found ? neap_net_alike(&have->link, &wanted) : 0);
}

static void diff_number(struct neap_diff *diff, const char *param, bool found, int64_t before, int64_t after)
{
	struct neap_arena *arena = neap_diff_arena(diff);

	neap_diff_string(diff, param, found ? neap_arena_printf(arena, "%lld", (long long)before) : NULL,
			 neap_arena_printf(arena, "%lld", (long long)after));
}

static void diff_new(const struct vxlan_want *want, bool homeless, struct neap_diff *diff)
{
	neap_diff_action(diff, NEAP_ACTION_CREATE);
	neap_diff_string(diff, "live", NULL, KIND);
	if (neap_given(want, ID))
		diff_number(diff, "id", false, 0, want->id);
	if (neap_given(want, LOCAL_ADDRESS))
		neap_diff_string(diff, "local_address", NULL, want->local_address);
	diff_number(diff, "port", false, 0, port_of(want));
	if (neap_given(want, LINK))
		neap_diff_string(diff, "link", NULL, want->link);
	if (homeless)
		neap_diff_reason(diff, "nothing is sent before this machine has the address %s",
				 want->local_address);
}

static void vxlan_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		       struct neap_diff *diff)
{
	const struct vxlan_want *want = wanted;
	const struct vxlan_have *have = had;
	bool found = have->found;
	unsigned fields = differing(want, have);
	char mac[NEAP_NET_MAC_TEXT];

	(void)ctx;
	if (want->ensure == NEAP_ABSENT && !found)
		return;
	if (want->ensure == NEAP_ABSENT) {
		neap_diff_action(diff, NEAP_ACTION_DELETE);
		neap_diff_string(diff, "live", KIND, NULL);
		return;
	}
	if (!found)
		diff_new(want, have->homeless, diff);
	for (unsigned kind = 0; kind < NEAP_NET_NEIGHBOUR_KINDS; kind++)
		neap_acquaintance_diff(&have->knows[kind], want->base.type->params[lists[kind]].name, diff);
	if (fields & NEAP_NET_LEARNING)
		neap_net_diff_boolean(diff, "learning", found, have->link.learning, want->learning);
	if (fields & NEAP_NET_TTL)
		diff_number(diff, "ttl", found, have->link.ttl, want->ttl);
	if (fields & NEAP_NET_ADDRESS)
		neap_diff_string(diff, "mac",
				 found ? neap_arena_strdup(neap_diff_arena(diff),
							   neap_net_mac_print(have->link.mac, mac))
				       : NULL,
				 want->mac);
	if (found && (fields & NEAP_NET_ADDRESS) && !neap_given(want, NEIGHBOURS))
		neap_diff_reason(diff, "the kernel forgets its neighbours");
	if (fields & NEAP_NET_MTU)
		neap_net_diff_mtu(diff, found, have->link.mtu, (uint32_t)want->mtu);
	if (fields & NEAP_NET_UP)
		neap_net_diff_boolean(diff, "up", found, have->link.up, wants_up(want));
}

/* ---- applying ------------------------------------------------------------------------------------------ */

static int add(struct neap_host *host, const struct vxlan_want *want, struct neap_error **err)
{
	struct neap_net_change made = adding(want), then = change_of(want, NEAP_NET_LINK_SET, NEAP_NET_MTU);

	if (neap_host_net(host, &made, err) < 0)
		return -1;
	return neap_given(want, MTU) ? neap_host_net(host, &then, err) : 0;
}

static int set(struct neap_host *host, const struct vxlan_want *want, const struct vxlan_have *have,
	       struct neap_error **err)
{
	unsigned fields = differing(want, have);
	struct neap_net_change change = change_of(want, NEAP_NET_LINK_SET, fields);

	return fields ? neap_host_net(host, &change, err) : 0;
}

/* Its neighbours: a link that goes down, or is called otherwise, does. */
static bool forgets(const struct vxlan_want *want, const struct vxlan_have *have)
{
	unsigned fields = differing(want, have);

	return (fields & NEAP_NET_ADDRESS) || ((fields & NEAP_NET_UP) && !wants_up(want));
}

static int vxlan_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		       const void *had, struct neap_error **err)
{
	const struct vxlan_want *want = wanted;
	const struct vxlan_have *have = had;
	struct neap_net_change gone = change_of(want, NEAP_NET_LINK_REMOVE, 0);
	bool found = have && have->found;

	if (want->ensure == NEAP_ABSENT)
		return have && !found ? 0 : neap_host_net(host, &gone, err);
	if (found && forgets(want, have) &&
	    neap_acquaintance_leave(host, &have->knows[NEAP_NET_NEIGHBOUR], err) < 0)
		return -1;
	if ((found ? set(host, want, have, err) : add(host, want, err)) < 0)
		return -1;
	for (unsigned kind = 0; kind < NEAP_NET_NEIGHBOUR_KINDS; kind++) {
		bool all = !found || (kind == NEAP_NET_NEIGHBOUR && forgets(want, have));
		struct neap_acquaintance unread;

		if (!have)
			neap_acquaintance_init(&unread, &want->knows, want->name, kind, ctx->scratch);
		if (neap_acquaintance_apply(host, have ? &have->knows[kind] : &unread, all, err) < 0)
			return -1;
	}
	return 0;
}

static const struct neap_live live = {
	.persist = PERSIST,
	.check = vxlan_check,
	.claim = vxlan_claim,
	.read = vxlan_read,
	.diff = vxlan_diff,
	.apply = vxlan_apply,
	.net = vxlan_kept,
};

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The link's name, at most 15 bytes.",
		.offset = offsetof(struct vxlan_want, name),
	},
	[ID] = {
		.name = "id",
		.kind = NEAP_PARAM_INTEGER,
		.min = 0,
		.max = ID_MAX,
		.doc = "The number of the network (VNI), the same on all machines in it. Required unless `ensure = "
		       "\"absent\"`.",
		.offset = offsetof(struct vxlan_want, id),
	},
	[LOCAL_ADDRESS] = {
		.name = "local_address",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KNOWN,
		.doc = "The address of this machine that its packets are sent from. It may come later (DHCP): nothing is sent before.",
		.fallback = "not looked at; a new one is of IPv4, and the route to each machine says it",
		.offset = offsetof(struct vxlan_want, local_address),
	},
	[PORT] = {
		.name = "port",
		.kind = NEAP_PARAM_INTEGER,
		.min = 1,
		.max = 65535,
		.doc = "The UDP port, the same on all machines in it. The kernel's own default, 8472, is never used.",
		.fallback = "not looked at; 4789, the standard's, for a new one",
		.offset = offsetof(struct vxlan_want, port),
	},
	[LINK] = {
		.name = "link",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KNOWN,
		.doc = "The link that its packets go over, and that it goes away with.",
		.fallback = "not looked at; a new one has none, and routes say the way",
		.offset = offsetof(struct vxlan_want, link),
	},
	[PEERS] = {
		.name = "peers",
		.kind = NEAP_PARAM_STRINGS,
		.flags = NEAP_PARAM_OR_ONE,
		.doc = "Addresses of all other machines in it: each is sent what is for everybody (ARP) and what is for "
		       "a hardware address that is not known. Others are removed.",
		.fallback = "not looked at",
		.offset = offsetof(struct vxlan_want, knows.peers),
	},
	[FDB] = {
		.name = "fdb",
		.kind = NEAP_PARAM_TEXTS,
		.doc = "The forwarding database: hardware addresses, and of each the address of the machine that it is "
		       "behind. Others are removed, but for those that were learned.",
		.fallback = "not looked at",
		.offset = offsetof(struct vxlan_want, knows.fdb),
	},
	[NEIGHBOURS] = {
		.name = "neighbours",
		.kind = NEAP_PARAM_TEXTS,
		.doc = "IP addresses in it, and of each the hardware address, which then nobody is asked for (ARP, ND). "
		       "Others are removed, but for those that were learned.",
		.fallback = "not looked at",
		.offset = offsetof(struct vxlan_want, knows.neighbours),
	},
	[LEARNING] = {
		.name = "learning",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it remembers, of packets that come in, what machine a hardware address is behind.",
		.fallback = "as it is; true for a new one",
		.offset = offsetof(struct vxlan_want, learning),
	},
	[TTL] = {
		.name = "ttl",
		.kind = NEAP_PARAM_INTEGER,
		.min = 0,
		.max = 255,
		.doc = "How many routers its packets may cross; 0 is what the machine does with others.",
		.fallback = "as it is; 0 for a new one",
		.offset = offsetof(struct vxlan_want, ttl),
	},
	[MAC] = {
		.name = "mac",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KNOWN,
		.doc = "Its hardware address, in small letters: `02:00:00:00:00:01`. One that is said is the same after a boot, when "
		       "others still remember it.",
		.fallback = "as it is; one by chance for a new one",
		.offset = offsetof(struct vxlan_want, mac),
	},
	[MTU] = {
		.name = "mtu",
		.kind = NEAP_PARAM_INTEGER,
		.min = NEAP_NET_MTU_MIN,
		.max = NEAP_NET_MTU_MAX,
		.doc = "The largest packet, in bytes. Its own packets are 50 bytes larger, those over IPv6 70.",
		.fallback = "as it is; for a new one what fits through `link`, or 1500",
		.offset = offsetof(struct vxlan_want, mtu),
	},
	[UP] = {
		.name = "up",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is up.",
		.fallback = "true",
		.offset = offsetof(struct vxlan_want, up),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "With `\"absent\"` it is removed, and with it its addresses and routes.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct vxlan_want, ensure),
	},
	NEAP_LIVE_PARAMS(struct vxlan_want, neap_persist_net, NEAP_PERSIST_NET_DOC),
};

/* By the words of ip(8). */
static const struct neap_param_hint hints[] = {
	{ "vni", "its number is id" },
	{ "dstport", "its UDP port is port" },
	{ "local", "the address of this machine is local_address" },
	{ "dev", "what its packets go over is link" },
	{ "remote", "the machines that it sends to are peers" },
	{ "group", "multicast is not supported: the machines that it sends to are peers" },
	{ "nolearning", "it is learning = false" },
	{ "address",
	  "its hardware address is mac, and IP addresses are neap.address { link = …, address = … }" },
	{ "master", "neap.bridge takes it by its members" },
	{ NULL, NULL },
};

static const char description[] =
	"A network of links carried in UDP over one of IP, as it is now (`live`) and, with `persist`, at\n"
	"every boot (`persistent`).\n"
	"\n"
	"- Only what is given is compared, as the kernel reports it, and `up`.\n"
	"- `id`, `port`, `local_address` and `link` are what it is known by: of one that is there they do "
	"not\n"
	"  change, and another value is an error. It has to be removed first, which takes its addresses and\n"
	"  routes along.\n"
	"- Each of `peers`, `fdb` and `neighbours` that is given is all that is to be there, `{}` nothing: "
	"a\n"
	"  machine that has left the list is gone after the next run. What the vxlan has learned, what a "
	"daemon\n"
	"  has taught it, and groups (multicast) are left alone.\n"
	"- A link of the name that is no vxlan is an error, and never removed.\n"
	"- A bridge takes it by its `members`. It comes after the resource that makes its `link`.\n"
	"- `persist = \"unit\"` keeps `neighbours` only with `mac`: udev gives another to a vxlan without "
	"one,\n"
	"  and the kernel forgets them then. `persist = \"networkd\"` keeps 1024 of `peers` and `fdb` "
	"together,\n"
	"  and its `link` has to have a `.network` file of its own, as one has that is kept so, too.\n"
	"- Below `--root` there is only what is kept.\n";

static const char example[] = "neap.vxlan { name = \"vxlan0\", id = 42, local_address = \"192.0.2.1\", peers "
			      "= { \"192.0.2.2\", \"192.0.2.3\" } }\n"
			      "neap.vxlan {\n"
			      "    name = \"vxlan1\", id = 1, port = 8472, link = \"eth0\", learning = "
			      "false, mac = \"02:00:00:00:00:01\",\n"
			      "    fdb = { [\"02:00:00:00:00:02\"] = \"192.0.2.2\" },\n"
			      "    neighbours = { [\"10.10.2.0\"] = \"02:00:00:00:00:02\" },\n"
			      "}\n";

extern const struct neap_resource_type neap_type_vxlan;
const struct neap_resource_type neap_type_vxlan = {
	.name = "vxlan",
	.summary = "a network of links over one of IP",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.hints = hints,
	.want_size = sizeof(struct vxlan_want),
	.have_size = sizeof(struct vxlan_have),
	NEAP_LIVE_TYPE(live),
	.undone_by_others = true,
};
