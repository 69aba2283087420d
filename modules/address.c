/*
 * neap.address: an IP address on a link; now, and where it is kept at boot.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/confirm.h"
#include "engine/kept_net.h"
#include "engine/net.h"

enum { LINK, ADDRESS, ENSURE, PERSIST, CONFIRM_WITHIN, CONFIRM_PROBE, PARAM_COUNT };

struct address_want {
	struct neap_want base;
	const char *link, *address;
	unsigned ensure, persist;
	struct neap_confirm_want confirm;
};

struct address_have {
	bool running, found;
	struct neap_net_address address;
	struct neap_kept_state kept;
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

static struct neap_kept_net kept_of(const struct address_want *want, const struct neap_net_change *change,
				    struct neap_arena *arena)
{
	struct neap_net_prefix prefix = prefix_of(want);

	return (struct neap_kept_net){
		.type = "address",
		.name = neap_arena_printf(arena, "%s-%s", want->link, neap_kept_net_name(&prefix, arena)),
		.given = neap_given(want, PERSIST),
		.persist = want->persist,
		.absent = want->ensure == NEAP_ABSENT,
		.changes = change,
		.count = 1,
	};
}

static int check_kept(const struct address_want *want, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_net_change change = change_of(want);
	struct neap_kept_net kept = kept_of(want, &change, arena);

	return neap_kept_net_check(&kept, err);
}

static int address_check(const void *wanted, struct neap_error **err)
{
	const struct address_want *want = wanted;
	struct neap_net_prefix prefix;

	if (neap_net_check_name("link", want->link, err) < 0 || neap_confirm_check(&want->confirm, err) < 0)
		return -1;
	if (strchr(want->address, '/') || !neap_net_ip_parse(want->address, &prefix.ip))
		return neap_net_check_prefix("address", want->address, &prefix, err) < 0
			       ? -1
			       : check_kept(want, err);
	neap_error_set(err, "address: \"%s\" says no length of its network", want->address);
	return neap_error_hint(err, "alone in it: %s/%u", want->address, prefix.ip.family == 4 ? 32 : 128);
}

static void address_claim(const void *wanted, struct neap_claims *claims)
{
	const struct address_want *want = wanted;
	struct neap_net_prefix prefix = prefix_of(want);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_net_change change = change_of(want);
	struct neap_kept_net kept = kept_of(want, &change, arena);
	char text[NEAP_NET_TEXT];

	neap_kept_net_claim(&kept, claims);
	/* IPv6 has an address once on a link, whatever its length. */
	if (prefix.ip.family == 6)
		neap_claim_sole(claims, neap_arena_printf(arena, "the address %s on %s",
							  neap_net_ip_print(&prefix.ip, text), want->link));
	neap_claim_link(claims, want->link, want->ensure == NEAP_ABSENT ? NEAP_LINK_LEAVES : NEAP_LINK_NEEDS);
	neap_claim_network(claims, &prefix);
	prefix.len = prefix.ip.family == 4 ? 32 : 128;
	neap_claim_network(claims, &prefix);
}

static int read_live(const struct neap_view *view, const struct address_want *want, struct address_have *have,
		     struct neap_error **err)
{
	struct neap_net_prefix prefix = prefix_of(want);
	struct neap_net_address_key key = neap_net_address_key(want->link, &prefix);
	struct neap_net_link link;
	bool found = true;
	int r = 0;

	have->running = neap_view_running(view);
	if (!have->running)
		return 0;
	if (want->ensure == NEAP_PRESENT)
		r = neap_view_net_link(view, want->link, &link, &found, err);
	if (r == 0 && !found)
		return neap_net_no_link(want->link, err);
	if (r == 0)
		r = neap_view_net_address(view, &key, &have->address, &have->found, err);
	if (r != 0 || !have->found || have->address.len == prefix.len)
		return r;
	if (want->ensure == NEAP_ABSENT) { /* it is another one */
		have->found = false;
		return 0;
	}
	neap_error_set(err, "%s has this address with the length %u", want->link, have->address.len);
	return neap_error_hint(err, "an IPv6 address is once on a link: remove that one by hand first");
}

static int address_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			void *had, struct neap_error **err)
{
	const struct address_want *want = wanted;
	struct address_have *have = had;
	struct neap_net_change change = change_of(want);
	struct neap_kept_net kept = kept_of(want, &change, ctx->scratch);
	int r = read_live(view, want, have, err);

	return r == 0 ? neap_kept_net_read(view, ctx, &kept, &have->kept, err) : r;
}

static bool live_differs(const struct address_want *want, const struct address_have *have)
{
	return have->running && have->found != (want->ensure == NEAP_PRESENT);
}

static int address_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			struct neap_diff *diff, struct neap_error **err)
{
	const struct address_want *want = wanted;
	const struct address_have *have = had;

	(void)ctx;
	(void)err;
	if (live_differs(want, have)) {
		neap_diff_action(diff, have->found ? NEAP_ACTION_DELETE : NEAP_ACTION_CREATE);
		neap_diff_string(diff, "live", have->found ? want->address : NULL,
				 have->found ? NULL : want->address);
	}
	neap_confirm_diff(&want->confirm, diff);
	neap_kept_diff(&have->kept, diff);
	return 0;
}

static int address_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			 const void *had, struct neap_error **err)
{
	const struct address_want *want = wanted;
	const struct address_have *have = had;
	struct neap_net_change change = change_of(want);
	struct neap_kept_net kept = kept_of(want, &change, ctx->scratch);
	struct address_have unread = { 0 };
	const struct address_have *live = have;
	int r = have ? 0 : read_live(&host->view, want, &unread, err);

	if (r < 0)
		return r;
	if (!have && r == 0) /* then only what is kept is not known */
		live = &unread;
	/* First what is in force: nothing is kept for the boot that cannot be had now. */
	if ((live ? live_differs(want, live) : neap_view_running(&host->view)) &&
	    neap_host_net(host, &change, err) < 0)
		return -1;
	if (neap_confirm_changes(host, &want->confirm, err) < 0)
		return -1;
	return neap_kept_net_apply(host, ctx->scratch, &kept, have ? &have->kept : NULL, err);
}

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
	[PERSIST] = {
		.name = "persist",
		.kind = NEAP_PARAM_CHOICE,
		.flags = NEAP_PARAM_OR_FALSE,
		.doc = "By what it is there again after a boot: a unit of neap's, or systemd-networkd, which has to be "
		       "enabled. With `false` by nothing: what was kept goes.",
		.choices = neap_persist_net,
		.fallback = "what is kept is not looked at",
		.offset = offsetof(struct address_want, persist),
	},
	NEAP_CONFIRM_PARAMS(CONFIRM_WITHIN, CONFIRM_PROBE, struct address_want, confirm),
};

static const char description[] =
	"An address on a link, as it is now (`live`) and, with `persist`, at every boot (`persistent`).\n"
	"\n"
	"- Other addresses of the link stay, also one in the same network or of another length: to change\n"
	"  an address, make the old one absent.\n"
	"- It comes after the resource that makes its link, and before routes that go through its network.\n"
	"- The route to its network comes and goes with it. When the first IPv4 address of a network is\n"
	"  removed, the kernel removes the others of that network on the link too, unless\n"
	"  `net.ipv4.conf.LINK.promote_secondaries` is 1.\n"
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
	.want_size = sizeof(struct address_want),
	.have_size = sizeof(struct address_have),
	.check = address_check,
	.claim = address_claim,
	.read = address_read,
	.diff = address_diff,
	.apply = address_apply,
	.undone_by_others = true,
};
