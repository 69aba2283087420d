/*
 * neap.address: an IP address on a link; now, and where it is kept at boot.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/live.h"
#include "engine/net.h"

enum { LINK, ADDRESS, ENSURE, PERSIST, CONFIRM_WITHIN, CONFIRM_PROBE, PARAM_COUNT };

struct address_want {
	struct neap_want base;
	const char *link, *address;
	unsigned ensure;
	struct neap_live_want live;
};

struct address_have {
	struct neap_live_have live;
	bool found;
	struct neap_net_address address;
};

static struct neap_net_prefix prefix_of(const struct address_want *want)
{
	struct neap_net_prefix prefix = { 0 };

	(void)neap_net_prefix_parse(want->address, &prefix); /* checked */
	return prefix;
}

static struct neap_net_change change_of(const struct address_want *want)
{
	struct neap_net_prefix prefix = prefix_of(want);

	return (struct neap_net_change){
		.op = want->ensure == NEAP_PRESENT ? NEAP_NET_ADDRESS_ADD : NEAP_NET_ADDRESS_REMOVE,
		.address = { .key = neap_net_address_key(want->link, &prefix), .len = prefix.len },
	};
}

static void address_kept(const void *wanted, struct neap_arena *arena, struct neap_kept_net *ret)
{
	const struct address_want *want = wanted;
	struct neap_net_prefix prefix = prefix_of(want);
	struct neap_net_change *change = neap_arena_new_of(arena, struct neap_net_change);

	*change = change_of(want);
	ret->name = neap_arena_printf(arena, "%s-%s", want->link, neap_kept_net_name(&prefix, arena));
	ret->absent = want->ensure == NEAP_ABSENT;
	ret->changes = change;
	ret->count = 1;
}

static int address_check(const void *wanted, struct neap_error **err)
{
	const struct address_want *want = wanted;
	struct neap_net_prefix prefix;

	if (neap_net_check_name("link", want->link, err) < 0)
		return -1;
	if (strchr(want->address, '/') || !neap_net_ip_parse(want->address, &prefix.ip))
		return neap_net_check_prefix("address", want->address, &prefix, err) < 0
			       ? -1
			       : neap_net_check_use("address", &prefix.ip,
						    strcmp(want->link, "lo") == 0 ? NEAP_NET_OF_LO
										  : NEAP_NET_OF_LINK,
						    err);
	neap_error_set(err, "address: \"%s\" says no length of its network", want->address);
	return neap_error_hint(err, "alone in it: %s/%u", want->address, prefix.ip.family == 4 ? 32 : 128);
}

static void address_claim(const void *wanted, struct neap_claims *claims)
{
	const struct address_want *want = wanted;
	struct neap_net_prefix prefix = prefix_of(want);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	char text[NEAP_NET_TEXT];

	/* IPv6 has an address once on a link, whatever its length. */
	if (prefix.ip.family == 6)
		neap_claim_sole(claims, neap_arena_printf(arena, "the address %s on %s",
							  neap_net_ip_print(&prefix.ip, text), want->link));
	neap_claim_link(claims, want->link, want->ensure == NEAP_ABSENT ? NEAP_LINK_LEAVES : NEAP_LINK_NEEDS);
	neap_claim_network(claims, &prefix);
	prefix.len = prefix.ip.family == 4 ? 32 : 128;
	neap_claim_network(claims, &prefix);
}

static bool promotes(const struct neap_view *view, const char *link, struct neap_arena *arena)
{
	const char *name = neap_arena_printf(arena, "net/ipv4/conf/%s/promote_secondaries", link), *value;

	/* Where it cannot be seen, the kernel does what it does. */
	return neap_view_kernel(view, name, arena, &value, NULL) != 0 || (value && strcmp(value, "0") != 0);
}

/* With the first IPv4 address of a network on a link go the later ones, unless the kernel is told to promote
 * the next: those that have had their turn would be lost, and with them perhaps the way here. */
static int check_later(const struct neap_view *view, const struct neap_context *ctx,
		       const struct address_want *want, struct neap_error **err)
{
	const struct neap_net_prefix prefix = prefix_of(want), network = neap_net_network(&prefix);
	struct neap_declared declared;

	if (promotes(view, "all", ctx->scratch) || promotes(view, want->link, ctx->scratch))
		return 0;
	for (size_t at = 0; ctx->declared && ctx->declared(ctx, &at, &declared) && declared.want != want;) {
		const struct address_want *other = declared.want;
		struct neap_net_prefix its;
		struct neap_net_address_key key;
		struct neap_net_address there;
		bool found;
		int r;

		if (other->ensure == NEAP_ABSENT || !other->link || strcmp(other->link, want->link) != 0 ||
		    !other->address || !neap_net_prefix_parse(other->address, &its) ||
		    its.len != prefix.len || !neap_net_has(&network, &its.ip))
			continue;
		key = neap_net_address_key(other->link, &its);
		r = neap_view_net_address(view, &key, &there, &found, err);
		if (r != 0)
			return r;
		if (!found || !there.secondary)
			continue;
		neap_error_set(err, "it has to stay: with it the kernel would remove %s, which came later",
			       other->address);
		return neap_error_hint(
			err, "set net.ipv4.conf.%s.promote_secondaries = 1 before it, by neap.sysctl",
			want->link);
	}
	return 0;
}

static int address_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			void *had, struct neap_error **err)
{
	const struct address_want *want = wanted;
	struct address_have *have = had;
	struct neap_net_prefix prefix = prefix_of(want);
	struct neap_net_address_key key = neap_net_address_key(want->link, &prefix);
	struct neap_net_link link;
	bool found = true;
	int r = 0;

	if (want->ensure == NEAP_PRESENT)
		r = neap_view_net_link(view, want->link, &link, &found, err);
	if (r == 0 && !found)
		return neap_net_no_link(want->link, err);
	if (r == 0)
		r = neap_view_net_address(view, &key, &have->address, &have->found, err);
	if (r == 0 && have->found && have->address.peered) {
		neap_error_set(err, "%s has this address with a peer, which neap does not know of",
			       want->link);
		return neap_error_hint(err, "remove that one by hand first: ip address show dev %s",
				       want->link);
	}
	if (r == 0 && have->found && have->address.len == prefix.len && want->ensure == NEAP_ABSENT &&
	    prefix.ip.family == 4 && !have->address.secondary && !ctx->again)
		return check_later(view, ctx, want, err);
	if (r != 0 || !have->found || have->address.len == prefix.len)
		return r;
	if (want->ensure == NEAP_ABSENT) { /* it is another one */
		have->found = false;
		return 0;
	}
	neap_error_set(err, "%s has this address with the length %u", want->link, have->address.len);
	return neap_error_hint(err, "an IPv6 address is once on a link: remove that one by hand first");
}

static bool differs(const struct address_want *want, const struct address_have *have)
{
	return have->found != (want->ensure == NEAP_PRESENT);
}

static void address_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			 struct neap_diff *diff)
{
	const struct address_want *want = wanted;
	const struct address_have *have = had;

	(void)ctx;
	if (!differs(want, have))
		return;
	neap_diff_action(diff, have->found ? NEAP_ACTION_DELETE : NEAP_ACTION_CREATE);
	neap_diff_string(diff, "live", have->found ? want->address : NULL,
			 have->found ? NULL : want->address);
}

static int address_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			 const void *had, struct neap_error **err)
{
	const struct address_want *want = wanted;
	const struct address_have *have = had;
	struct neap_net_change change = change_of(want);

	(void)ctx;
	return have && !differs(want, have) ? 0 : neap_host_net(host, &change, err);
}

static const struct neap_live live = {
	.persist = PERSIST,
	.check = address_check,
	.claim = address_claim,
	.read = address_read,
	.diff = address_diff,
	.apply = address_apply,
	.net = address_kept,
};

static const struct neap_param params[PARAM_COUNT] = {
	[LINK] = {
		.name = "link",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The link it is on.",
		.offset = offsetof(struct address_want, link),
	},
	[ADDRESS] = {
		.name = "address",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The address and the length of its network, as the kernel writes them: `10.10.1.1/24`, "
		       "`fd00::1/64`.",
		.offset = offsetof(struct address_want, address),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "With `\"absent\"` it is taken off the link.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct address_want, ensure),
	},
	NEAP_LIVE_PARAMS(struct address_want, neap_persist_net, NEAP_PERSIST_NET_DOC),
};

/* By the words of ip(8). */
static const struct neap_param_hint hints[] = {
	{ "dev", "the link that it is on is link" },
	{ "local", "it is address, with the length of its network: 10.0.0.1/24" },
	{ "prefix", "the length of the network is a part of address: 10.0.0.1/24" },
	{ NULL, NULL },
};

static const char description[] =
	"An address on a link, as it is now (`live`) and, with `persist`, at every boot (`persistent`).\n"
	"\n"
	"- Other addresses of the link stay, also one in the same network or of another length: to change\n"
	"  an address, make the old one absent.\n"
	"- It comes after the resource that makes its link, and before routes that go through its network.\n"
	"- The route to its network comes and goes with it. When the first IPv4 address of a network is\n"
	"  removed, the kernel removes the others of that network on the link too, unless\n"
	"  `net.ipv4.conf.LINK.promote_secondaries` is 1. Where one of them is wanted it does not go. With "
	"the\n"
	"  last IPv4 address of a link go all IPv4 routes over it. The plan names what goes, in `along`.\n"
	"- On a link whose MTU is less than 1280 there is no IPv6: an address of it there is an error.\n"
	"- Below `--root` there is only what is kept.\n";

static const char example[] = "neap.bridge { name = \"br0\" }\n"
			      "neap.address { link = \"br0\", address = \"10.10.1.1/24\" }\n";

extern const struct neap_resource_type neap_type_address;
const struct neap_resource_type neap_type_address = {
	.name = "address",
	.summary = "an IP address on a link",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.hints = hints,
	.want_size = sizeof(struct address_want),
	.have_size = sizeof(struct address_have),
	NEAP_LIVE_TYPE(live),
	.undone_by_others = true,
};
