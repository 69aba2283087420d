/*
 * neap.bridge: a bridge of the kernel: its members, its settings, whether it is up; now, and where it is kept
 * at boot.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/live.h"
#include "engine/net.h"

enum {
	NAME,
	MEMBERS,
	MTU,
	STP,
	FORWARD_DELAY,
	AGEING_TIME,
	UP,
	ENSURE,
	PERSIST,
	CONFIRM_WITHIN,
	CONFIRM_PROBE,
	PARAM_COUNT
};

#define KIND "bridge"
#define TICKS 100 /* of the kernel's clock, in a second */
#define STP_DELAY_MIN 2
#define STP_DELAY_MAX 30

struct bridge_want {
	struct neap_want base;
	const char *name;
	struct neap_strings members;
	int64_t mtu, forward_delay, ageing_time;
	bool stp, up;
	unsigned ensure;
	struct neap_live_want live;
};

struct bridge_have {
	struct neap_live_have live;
	bool found;
	struct neap_net_link link;
	const char **masters; /* of the members wanted; "" for none */
	size_t joined;        /* so many of them are members */
};

static bool wants_up(const struct bridge_want *want)
{
	return !neap_given(want, UP) || want->up;
}

/* ---- by what it is made -------------------------------------------------------------------------------- */

static struct neap_net_change change_of(const struct bridge_want *want, enum neap_net_op op, unsigned fields)
{
	struct neap_net_change change = neap_net_link_change(want->name, KIND, op, fields);

	change.link.up = wants_up(want);
	change.link.mtu = (uint32_t)want->mtu;
	change.link.stp = want->stp;
	change.link.forward_delay = (uint32_t)(TICKS * want->forward_delay);
	change.link.ageing_time = (uint32_t)(TICKS * want->ageing_time);
	return change;
}

/* What of it is given, but for its MTU, which is set last. */
static unsigned given_fields(const struct bridge_want *want)
{
	return NEAP_NET_UP | (neap_given(want, STP) ? NEAP_NET_STP : 0) |
	       (neap_given(want, FORWARD_DELAY) ? NEAP_NET_FORWARD_DELAY : 0) |
	       (neap_given(want, AGEING_TIME) ? NEAP_NET_AGEING_TIME : 0);
}

static struct neap_net_change adding(const struct bridge_want *want)
{
	return change_of(want, NEAP_NET_LINK_ADD, given_fields(want));
}

static struct neap_net_change joining(const struct bridge_want *want, size_t member)
{
	struct neap_net_change change = { .op = NEAP_NET_LINK_SET, .fields = NEAP_NET_MASTER };

	neap_net_set_name(change.link.name, want->members.items[member]);
	neap_net_set_name(change.link.master, want->name);
	return change;
}

static void bridge_kept(const void *wanted, struct neap_arena *arena, struct neap_kept_net *ret)
{
	const struct bridge_want *want = wanted;
	struct neap_net_change *changes =
		neap_arena_array_of(arena, struct neap_net_change, want->members.count + 2);

	ret->name = want->name;
	ret->absent = want->ensure == NEAP_ABSENT;
	ret->changes = changes;
	changes[ret->count++] = adding(want);
	for (size_t i = 0; i < want->members.count; i++)
		changes[ret->count++] = joining(want, i);
	if (neap_given(want, MTU)) /* last, as in bridge_apply() */
		changes[ret->count++] = change_of(want, NEAP_NET_LINK_SET, NEAP_NET_MTU);
}

/* ---- what is wanted ------------------------------------------------------------------------------------ */

/* What the kernel would say, but that it says less. */
static int no_member(const char *name, bool is_bridge, struct neap_error **err)
{
	if (!is_bridge)
		return neap_error_set(err, "members: %s has no Ethernet, and no bridge takes it", name);
	neap_error_set(err, "members: %s is a bridge, and no bridge takes one", name);
	return neap_error_hint(err, "a neap.veth connects two bridges, with one end in each");
}

static int bridge_check(const void *wanted, struct neap_error **err)
{
	const struct bridge_want *want = wanted;

	if (neap_net_check_name("name", want->name, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, MEMBERS, ENSURE, err);
	for (size_t i = 0; i < want->members.count; i++) {
		if (neap_net_check_name("members", want->members.items[i], err) < 0)
			return -1;
		if (strcmp(want->members.items[i], want->name) == 0)
			return neap_error_set(err, "members: %s cannot be in itself", want->name);
		if (strcmp(want->members.items[i], "lo") == 0)
			return no_member("lo", false, err);
		for (size_t j = 0; j < i; j++)
			if (strcmp(want->members.items[i], want->members.items[j]) == 0)
				return neap_error_set(err, "members: %s is there twice",
						      want->members.items[i]);
	}
	if (neap_given(want, STP) && want->stp && neap_given(want, FORWARD_DELAY) &&
	    (want->forward_delay < STP_DELAY_MIN || want->forward_delay > STP_DELAY_MAX))
		return neap_error_set(err, "with stp = true the kernel takes a forward_delay from %ds to %ds",
				      STP_DELAY_MIN, STP_DELAY_MAX);
	return 0;
}

static void bridge_claim(const void *wanted, struct neap_claims *claims)
{
	const struct bridge_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	neap_claim_link(claims, want->name,
			want->ensure == NEAP_ABSENT ? NEAP_LINK_REMOVES : NEAP_LINK_MAKES);
	for (size_t i = 0; i < want->members.count; i++) {
		neap_claim_link(claims, want->members.items[i], NEAP_LINK_NEEDS);
		neap_claim_sole(claims, neap_arena_printf(arena, "what bridge the link %s is in",
							  want->members.items[i]));
	}
}

static int read_members(const struct neap_view *view, const struct neap_context *ctx,
			const struct bridge_want *want, struct bridge_have *have, struct neap_error **err)
{
	have->masters = neap_arena_array_of(ctx->scratch, const char *, want->members.count + 1);
	for (size_t i = 0; i < want->members.count; i++) {
		struct neap_net_link member;
		bool found;
		int r = neap_view_net_link(view, want->members.items[i], &member, &found, err);

		if (r != 0)
			return r;
		if (!found)
			return neap_net_no_link(want->members.items[i], err);
		if (member.no_frames || strcmp(member.kind, KIND) == 0)
			return no_member(member.name, !member.no_frames, err);
		have->masters[i] = neap_arena_strdup(ctx->scratch, member.master);
		have->joined += strcmp(member.master, want->name) == 0;
	}
	return 0;
}

static int bridge_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		       void *had, struct neap_error **err)
{
	const struct bridge_want *want = wanted;
	struct bridge_have *have = had;
	int r = neap_net_read_link(view, want->name, KIND, &have->link, &have->found, err);

	return r == 0 && want->ensure == NEAP_PRESENT ? read_members(view, ctx, want, have, err) : r;
}

static bool mtu_differs(const struct bridge_want *want, const struct bridge_have *have)
{
	return neap_given(want, MTU) && have->link.mtu != want->mtu;
}

/* Of a new one all that is given. */
static unsigned differing(const struct bridge_want *want, const struct bridge_have *have)
{
	const struct neap_net_link wanted = change_of(want, NEAP_NET_LINK_SET, 0).link;

	return given_fields(want) & ~(have->found ? neap_net_alike(&have->link, &wanted) : 0);
}

static void diff_members(const struct neap_context *ctx, const struct bridge_want *want,
			 const struct bridge_have *have, struct neap_diff *diff)
{
	const char **before = neap_arena_array_of(ctx->scratch, const char *, want->members.count + 1);
	size_t count = 0;

	if (have->joined == want->members.count)
		return;
	for (size_t i = 0; i < want->members.count; i++) {
		if (strcmp(have->masters[i], want->name) == 0)
			before[count++] = want->members.items[i];
		else if (have->masters[i][0])
			neap_diff_reason(diff, "takes %s out of %s", want->members.items[i],
					 have->masters[i]);
	}
	neap_diff_list(diff, "members", before, count, want->members.items, want->members.count);
}

static void bridge_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			struct neap_diff *diff)
{
	const struct bridge_want *want = wanted;
	const struct bridge_have *have = had;
	struct neap_arena *arena = neap_diff_arena(diff);
	bool found = have->found;
	unsigned fields = differing(want, have);

	if (want->ensure == NEAP_ABSENT && !found)
		return;
	if (want->ensure == NEAP_ABSENT) {
		neap_diff_action(diff, NEAP_ACTION_DELETE);
		neap_diff_string(diff, "live", KIND, NULL);
		return;
	}
	if (!found) {
		neap_diff_action(diff, NEAP_ACTION_CREATE);
		neap_diff_string(diff, "live", NULL, KIND);
	}
	diff_members(ctx, want, have, diff);
	if (mtu_differs(want, have))
		neap_net_diff_mtu(diff, found, have->link.mtu, (uint32_t)want->mtu);
	if (fields & NEAP_NET_STP)
		neap_net_diff_boolean(diff, "stp", found, have->link.stp, want->stp);
	if (fields & NEAP_NET_FORWARD_DELAY)
		neap_diff_string(diff, "forward_delay",
				 found ? neap_net_seconds(arena, have->link.forward_delay) : NULL,
				 neap_net_seconds(arena, (uint32_t)(TICKS * want->forward_delay)));
	if (fields & NEAP_NET_AGEING_TIME)
		neap_diff_string(diff, "ageing_time",
				 found ? neap_net_seconds(arena, have->link.ageing_time) : NULL,
				 neap_net_seconds(arena, (uint32_t)(TICKS * want->ageing_time)));
	if (fields & NEAP_NET_UP)
		neap_net_diff_boolean(diff, "up", found, have->link.up, wants_up(want));
}

/* ---- applying ------------------------------------------------------------------------------------------ */

/* The kernel judges a delay by whether spanning tree is on: off comes first. */
static int set_settings(struct neap_host *host, const struct bridge_want *want,
			const struct bridge_have *have, struct neap_error **err)
{
	unsigned fields = differing(want, have);
	bool off = (fields & NEAP_NET_STP) && !want->stp;
	struct neap_net_change first = change_of(want, NEAP_NET_LINK_SET, NEAP_NET_STP), then;

	if (off)
		fields &= ~(unsigned)NEAP_NET_STP;
	then = change_of(want, NEAP_NET_LINK_SET, fields);
	if (off && neap_host_net(host, &first, err) < 0)
		return -1;
	return fields ? neap_host_net(host, &then, err) : 0;
}

static int add(struct neap_host *host, const struct bridge_want *want, struct neap_error **err)
{
	struct neap_net_change change = adding(want);

	return neap_host_net(host, &change, err);
}

static int join(struct neap_host *host, const struct bridge_want *want, const struct bridge_have *have,
		struct neap_error **err)
{
	for (size_t i = 0; i < want->members.count; i++) {
		struct neap_net_change change = joining(want, i);

		if (have && strcmp(have->masters[i], want->name) == 0)
			continue;
		if (neap_host_net(host, &change, err) < 0)
			return -1;
	}
	return 0;
}

static int bridge_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			const void *had, struct neap_error **err)
{
	const struct bridge_want *want = wanted;
	const struct bridge_have *have = had;
	struct neap_net_change last = change_of(want, NEAP_NET_LINK_SET, NEAP_NET_MTU);
	struct neap_net_change gone = change_of(want, NEAP_NET_LINK_REMOVE, 0);
	bool found = have && have->found;

	(void)ctx;
	if (want->ensure == NEAP_ABSENT)
		return have && !found ? 0 : neap_host_net(host, &gone, err);
	if ((found ? set_settings(host, want, have, err) : add(host, want, err)) < 0 ||
	    join(host, want, have, err) < 0)
		return -1;
	/* Last: a bridge whose MTU was never set takes that of its members. */
	return neap_given(want, MTU) &&
			       (!found || mtu_differs(want, have) || have->joined < want->members.count)
		       ? neap_host_net(host, &last, err)
		       : 0;
}

static const struct neap_live live = {
	.persist = PERSIST,
	.check = bridge_check,
	.claim = bridge_claim,
	.read = bridge_read,
	.diff = bridge_diff,
	.apply = bridge_apply,
	.net = bridge_kept,
};

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The link's name, at most 15 bytes.",
		.offset = offsetof(struct bridge_want, name),
	},
	[MEMBERS] = {
		.name = "members",
		.kind = NEAP_PARAM_STRINGS,
		.flags = NEAP_PARAM_OR_ONE,
		.doc = "Links that have to be in it. Others stay in it.",
		.offset = offsetof(struct bridge_want, members),
	},
	[MTU] = {
		.name = "mtu",
		.kind = NEAP_PARAM_INTEGER,
		.min = NEAP_NET_MTU_MIN,
		.max = NEAP_NET_MTU_MAX,
		.doc = "The largest packet, in bytes.",
		.fallback = "what its members make it",
		.offset = offsetof(struct bridge_want, mtu),
	},
	[STP] = {
		.name = "stp",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it takes part in the spanning tree.",
		.fallback = "as it is; false for a new one",
		.offset = offsetof(struct bridge_want, stp),
	},
	[FORWARD_DELAY] = {
		.name = "forward_delay",
		.kind = NEAP_PARAM_DURATION,
		.min = 0,
		.max = 600,
		.doc = "How long a new member listens before it forwards: `\"0s\"` at once. With spanning tree "
		       "from 2s to 30s.",
		.fallback = "as it is; 15s for a new one",
		.offset = offsetof(struct bridge_want, forward_delay),
	},
	[AGEING_TIME] = {
		.name = "ageing_time",
		.kind = NEAP_PARAM_DURATION,
		.min = 0,
		.max = 1000000,
		.doc = "How long it remembers where a neighbour is.",
		.fallback = "as it is; 300s for a new one",
		.offset = offsetof(struct bridge_want, ageing_time),
	},
	[UP] = {
		.name = "up",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it is up.",
		.fallback = "true",
		.offset = offsetof(struct bridge_want, up),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "With `\"absent\"` it is removed, and with it its addresses and routes; members stay as links.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct bridge_want, ensure),
	},
	NEAP_LIVE_PARAMS(struct bridge_want, neap_persist_net, NEAP_PERSIST_NET_DOC),
};

/* By the words of ip(8). */
static const struct neap_param_hint hints[] = {
	{ "ports", "the links in it are members" },
	{ "interfaces", "the links in it are members" },
	{ "stp_state", "the spanning tree is stp" },
	{ "vlan_filtering", "VLANs in a bridge are not supported" },
	{ "address", "addresses are neap.address { link = …, address = … }" },
	{ NULL, NULL },
};

static const char description[] =
	"A bridge, as it is now (`live`) and, with `persist`, at every boot (`persistent`).\n"
	"\n"
	"- Only what is given is compared, as the kernel reports it, and `up`.\n"
	"- A link of the name that is no bridge is an error, and never removed.\n"
	"- A member may be of any kind but a bridge. It is taken out of another bridge that it is in; two\n"
	"  bridges of a recipe with one member are an error. It comes after the resource that makes it.\n"
	"- What goes with it, when it is removed or set down, is the entry `along` of its plan.\n"
	"- Settings of a link that does not exist yet (`net.ipv4.conf.br0.…`) are unknown in a plan.\n"
	"- Below `--root` there is only what is kept.\n";

static const char example[] =
	"neap.bridge { name = \"br0\", members = { \"eth1\" }, stp = false, forward_delay = \"0s\" }\n";

extern const struct neap_resource_type neap_type_bridge;
const struct neap_resource_type neap_type_bridge = {
	.name = "bridge",
	.summary = "a bridge and its members",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.hints = hints,
	.want_size = sizeof(struct bridge_want),
	.have_size = sizeof(struct bridge_have),
	NEAP_LIVE_TYPE(live),
	.undone_by_others = true,
};
