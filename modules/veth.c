/*
 * neap.veth: two links that are each other's other end; now, and where they are kept at boot.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/live.h"
#include "engine/net.h"

enum { NAME, PEER, MTU, UP, ENSURE, PERSIST, CONFIRM_WITHIN, CONFIRM_PROBE, PARAM_COUNT };

#define KIND "veth"

struct veth_want {
	struct neap_want base;
	const char *name, *peer;
	int64_t mtu;
	bool up;
	unsigned ensure;
	struct neap_live_want live;
};

struct veth_have {
	struct neap_live_have live;
	bool found;
	struct neap_net_link ends[2]; /* the second one without a name when it is elsewhere */
};

static bool wants_up(const struct veth_want *want)
{
	return !neap_given(want, UP) || want->up;
}

static struct neap_net_change adding(const struct veth_want *want)
{
	struct neap_net_change change =
		neap_net_link_change(want->name, KIND, NEAP_NET_LINK_ADD,
				     NEAP_NET_UP | (neap_given(want, MTU) ? NEAP_NET_MTU : 0));

	change.link.mtu = (uint32_t)want->mtu;
	change.link.up = wants_up(want);
	if (neap_given(want, PEER))
		neap_net_set_name(change.link.peer, want->peer);
	return change;
}

static void veth_kept(const void *wanted, struct neap_arena *arena, struct neap_kept_net *ret)
{
	const struct veth_want *want = wanted;
	struct neap_net_change *change = neap_arena_new_of(arena, struct neap_net_change);

	*change = adding(want);
	ret->name = want->name;
	ret->absent = want->ensure == NEAP_ABSENT;
	ret->changes = change;
	ret->count = 1;
}

static int veth_check(const void *wanted, struct neap_error **err)
{
	const struct veth_want *want = wanted;

	if (neap_net_check_name("name", want->name, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT) {
		if (neap_absent_check(want, MTU, UP, err) < 0)
			return -1;
	} else if (!neap_given(want, PEER)) {
		return neap_error_set(err, "peer is required, unless ensure = \"absent\"");
	}
	if (!neap_given(want, PEER))
		return 0;
	if (neap_net_check_name("peer", want->peer, err) < 0)
		return -1;
	return strcmp(want->name, want->peer) == 0 ? neap_error_set(err, "peer is another link than name")
						   : 0;
}

static void veth_claim(const void *wanted, struct neap_claims *claims)
{
	const struct veth_want *want = wanted;
	enum neap_link_claim claim = want->ensure == NEAP_ABSENT ? NEAP_LINK_REMOVES : NEAP_LINK_MAKES;

	neap_claim_link(claims, want->name, claim);
	if (neap_given(want, PEER))
		neap_claim_link(claims, want->peer, claim);
}

/* Both names have to be free for a pair. */
static int read_place_of_peer(const struct neap_view *view, const struct veth_want *want,
			      struct neap_error **err)
{
	struct neap_net_link link;
	bool found;
	int r = neap_view_net_link(view, want->peer, &link, &found, err);

	if (r != 0 || !found)
		return r;
	neap_error_set(err, "%s: the link %s is in the place of its other end", want->name, want->peer);
	return neap_error_hint(err, "choose another name, or remove it by hand");
}

static int veth_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct veth_want *want = wanted;
	struct veth_have *have = had;
	bool found;
	int r = neap_net_read_link(view, want->name, KIND, &have->ends[0], &have->found, err);

	(void)ctx;
	if (r == 0 && !have->found && want->ensure == NEAP_PRESENT)
		return read_place_of_peer(view, want, err);
	if (r != 0 || !have->found || !neap_given(want, PEER) || !have->ends[0].peer[0])
		return r;
	if (strcmp(have->ends[0].peer, want->peer) != 0) {
		neap_error_set(err, "the other end of %s is %s, not %s", want->name, have->ends[0].peer,
			       want->peer);
		return neap_error_hint(err, "say so in peer, or remove it by hand");
	}
	return neap_view_net_link(view, want->peer, &have->ends[1], &found, err);
}

static bool mtu_differs(const struct veth_want *want, const struct neap_net_link *end)
{
	return neap_given(want, MTU) && end->mtu != want->mtu;
}

static void veth_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		      struct neap_diff *diff)
{
	const struct veth_want *want = wanted;
	const struct veth_have *have = had;
	bool said_mtu = false, said_up = false;

	(void)ctx;
	if (want->ensure == NEAP_ABSENT && !have->found)
		return;
	if (want->ensure == NEAP_ABSENT) {
		neap_diff_action(diff, NEAP_ACTION_DELETE);
		neap_diff_string(diff, "live", KIND, NULL);
		return;
	}
	if (!have->found) {
		neap_diff_action(diff, NEAP_ACTION_CREATE);
		neap_diff_string(diff, "live", NULL, KIND);
		neap_diff_string(diff, "peer", NULL, want->peer);
		if (neap_given(want, MTU))
			neap_net_diff_mtu(diff, false, 0, (uint32_t)want->mtu);
		neap_net_diff_boolean(diff, "up", false, false, wants_up(want));
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		const struct neap_net_link *end = &have->ends[i];
		bool mtu = end->name[0] && mtu_differs(want, end),
		     up = end->name[0] && end->up != wants_up(want);

		if (mtu && !said_mtu)
			neap_net_diff_mtu(diff, true, end->mtu, (uint32_t)want->mtu);
		if (up && !said_up)
			neap_net_diff_boolean(diff, "up", true, end->up, wants_up(want));
		said_mtu |= mtu;
		said_up |= up;
		if (mtu || up)
			neap_diff_reason(diff, "of %s", end->name);
	}
}

static int veth_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct veth_want *want = wanted;
	const struct veth_have *have = had;
	struct neap_net_change change = adding(want);

	(void)ctx;
	if (want->ensure == NEAP_ABSENT) {
		change.op = NEAP_NET_LINK_REMOVE;
		return have && !have->found ? 0 : neap_host_net(host, &change, err);
	}
	if (!have || !have->found)
		return neap_host_net(host, &change, err);
	change.op = NEAP_NET_LINK_SET;
	change.link.peer[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		const struct neap_net_link *end = &have->ends[i];

		neap_net_set_name(change.link.name, end->name);
		change.fields = (mtu_differs(want, end) ? NEAP_NET_MTU : 0) |
				(end->up != wants_up(want) ? NEAP_NET_UP : 0);
		if (end->name[0] && change.fields && neap_host_net(host, &change, err) < 0)
			return -1;
	}
	return 0;
}

static const struct neap_live live = {
	.persist = PERSIST,
	.check = veth_check,
	.claim = veth_claim,
	.read = veth_read,
	.diff = veth_diff,
	.apply = veth_apply,
	.net = veth_kept,
};

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The name of one end, at most 15 bytes.",
		.offset = offsetof(struct veth_want, name),
	},
	[PEER] = {
		.name = "peer",
		.kind = NEAP_PARAM_STRING,
		.doc = "The name of the other end. Required unless `ensure = \"absent\"`; given then too, it is known that "
		       "nothing may need that end.",
		.offset = offsetof(struct veth_want, peer),
	},
	[MTU] = {
		.name = "mtu",
		.kind = NEAP_PARAM_INTEGER,
		.min = NEAP_NET_MTU_MIN,
		.max = NEAP_NET_MTU_MAX,
		.doc = "The largest packet, in bytes, of both ends.",
		.fallback = "as it is; 1500 for a new one",
		.offset = offsetof(struct veth_want, mtu),
	},
	[UP] = {
		.name = "up",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether both ends are up.",
		.fallback = "true",
		.offset = offsetof(struct veth_want, up),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "With `\"absent\"` both ends are removed, and with them their addresses and routes.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct veth_want, ensure),
	},
	NEAP_LIVE_PARAMS(struct veth_want, neap_persist_net, NEAP_PERSIST_NET_DOC),
};

/* By the words of ip(8). */
static const struct neap_param_hint hints[] = {
	{ "address", "addresses are neap.address { link = …, address = … }" },
	{ "master", "neap.bridge takes it by its members" },
	{ "netns", "namespaces are not supported: both ends are made in the one that neap runs in" },
	{ NULL, NULL },
};

static const char description[] =
	"A pair of links, each the other's end, as it is now (`live`) and, with `persist`, at every boot\n"
	"(`persistent`).\n"
	"\n"
	"- `mtu` and `up` hold for both ends. One that has been moved to another namespace is left alone\n"
	"  there, and what it is called there is not looked at.\n"
	"- A link of the name that is no veth, or one with another end, is an error and never removed, and\n"
	"  so is one in the place of the peer.\n"
	"- What goes with them, when they are removed or set down, is the entry `along` of their plan.\n"
	"- Below `--root` there is only what is kept.\n";

static const char example[] = "neap.veth { name = \"uplink\", peer = \"uplink-br\", mtu = 1450 }\n"
			      "neap.bridge { name = \"br0\", members = { \"uplink-br\" } }\n";

extern const struct neap_resource_type neap_type_veth;
const struct neap_resource_type neap_type_veth = {
	.name = "veth",
	.summary = "two links that are connected",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.hints = hints,
	.want_size = sizeof(struct veth_want),
	.have_size = sizeof(struct veth_have),
	NEAP_LIVE_TYPE(live),
	.undone_by_others = true,
};
