/*
 * neap.route: a way to a network; now, and where it is kept at boot.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/live.h"
#include "engine/net.h"

enum { TO, TABLE, METRIC, VIA, LINK, SOURCE, ENSURE, PERSIST, CONFIRM_WITHIN, CONFIRM_PROBE, PARAM_COUNT };

#define TABLE_LOCAL 255 /* the kernel's own */

struct route_want {
	struct neap_want base;
	const char *to, *via, *link, *source;
	int64_t table, metric;
	unsigned ensure;
	struct neap_live_want live;
};

struct route_have {
	struct neap_live_have live;
	bool found;
	struct neap_net_route route;
};

static struct neap_net_prefix to_of(const struct route_want *want)
{
	struct neap_net_prefix to = { .ip.family = 4 };

	if (strcmp(want->to, "default") != 0)
		(void)neap_net_prefix_parse(want->to, &to); /* checked */
	return to;
}

static struct neap_net_ip ip_of(const struct route_want *want, unsigned index, const char *text)
{
	struct neap_net_ip ip = { 0 };

	if (neap_given(want, index))
		(void)neap_net_ip_parse(text, &ip);
	return ip;
}

static struct neap_net_route_key key_of(const struct route_want *want)
{
	struct neap_net_prefix to = to_of(want);

	return neap_net_route_key(&to, neap_given(want, TABLE) ? (uint32_t)want->table : NEAP_NET_TABLE_MAIN,
				  neap_given(want, METRIC) ? (uint32_t)want->metric
							   : neap_net_metric(to.ip.family));
}

static struct neap_net_change change_of(const struct route_want *want)
{
	struct neap_net_change change = {
		.op = want->ensure == NEAP_PRESENT ? NEAP_NET_ROUTE_PUT : NEAP_NET_ROUTE_REMOVE,
		.route = { .key = key_of(want),
			   .via = ip_of(want, VIA, want->via),
			   .source = ip_of(want, SOURCE, want->source) },
	};

	if (neap_given(want, LINK))
		neap_net_set_name(change.route.link, want->link);
	return change;
}

static void route_kept(const void *wanted, struct neap_arena *arena, struct neap_kept_net *ret)
{
	const struct route_want *want = wanted;
	struct neap_net_prefix to = to_of(want);
	struct neap_net_change *change = neap_arena_new_of(arena, struct neap_net_change);

	*change = change_of(want);
	ret->name = neap_arena_printf(arena, "%s-table-%u-metric-%u", neap_kept_net_name(&to, arena),
				      change->route.key.table, change->route.key.metric);
	ret->absent = want->ensure == NEAP_ABSENT;
	ret->changes = change;
	ret->count = 1;
}

static int check_to(const struct route_want *want, struct neap_error **err)
{
	struct neap_net_prefix to, network;
	char text[NEAP_NET_TEXT];

	if (strcmp(want->to, "default") == 0)
		return 0;
	if (neap_net_check_prefix("to", want->to, &to, err) < 0)
		return -1;
	if (to.ip.family == 4 && to.len == 0)
		return neap_error_set(err, "to: \"%s\" is spelled default", want->to);
	network = neap_net_network(&to);
	if (neap_net_ip_equal(&network.ip, &to.ip))
		return 0;
	return neap_error_set(err, "to: %s is in the network %s, and a route leads to all of it", want->to,
			      neap_net_prefix_print(&network, text));
}

static int check_ip(const struct route_want *want, unsigned index, const char *name, const char *text,
		    enum neap_net_use use, struct neap_error **err)
{
	struct neap_net_ip ip;

	if (!neap_given(want, index))
		return 0;
	if (neap_net_check_ip(name, text, &ip, err) < 0 || neap_net_check_use(name, &ip, use, err) < 0)
		return -1;
	if (ip.family == to_of(want).ip.family)
		return 0;
	neap_error_set(err, "%s is IPv%u, and %s is IPv%u", name, ip.family, want->to, to_of(want).ip.family);
	return strcmp(want->to, "default") == 0
		       ? neap_error_hint(err, "the default route of IPv6 is to = \"::/0\"")
		       : -1;
}

static int route_check(const void *wanted, struct neap_error **err)
{
	const struct route_want *want = wanted;
	struct neap_net_ip via;

	if (check_to(want, err) < 0)
		return -1;
	if (neap_given(want, TABLE) && want->table == TABLE_LOCAL)
		return neap_error_set(err, "table: %d is the kernel's own", TABLE_LOCAL);
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, VIA, ENSURE, err);
	if (!neap_given(want, VIA) && !neap_given(want, LINK))
		return neap_error_set(err, "via or link is required, unless ensure = \"absent\"");
	if (neap_given(want, LINK) && neap_net_check_name("link", want->link, err) < 0)
		return -1;
	if (check_ip(want, VIA, "via", want->via, NEAP_NET_OF_GATEWAY, err) < 0 ||
	    check_ip(want, SOURCE, "source", want->source, NEAP_NET_OF_SOURCE, err) < 0)
		return -1;
	via = ip_of(want, VIA, want->via);
	if (neap_net_link_local(&via) && !neap_given(want, LINK))
		return neap_error_set(err, "via: %s is on every link: link says which", want->via);
	if (want->live.persist != NEAP_PERSIST_NETWORKD || neap_given(want, LINK))
		return 0;
	neap_error_set(err, "persist = \"networkd\" needs link");
	return neap_error_hint(err, "networkd keeps a route with the link that it goes through");
}

static void route_claim(const void *wanted, struct neap_claims *claims)
{
	const struct route_want *want = wanted;
	struct neap_net_route_key key = key_of(want);
	struct neap_net_prefix to = to_of(want);
	struct neap_net_ip via = ip_of(want, VIA, want->via), source = ip_of(want, SOURCE, want->source);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	neap_claim_sole(claims, neap_arena_printf(arena, "the route to %s, metric %u in table %u", want->to,
						  key.metric, key.table));
	if (want->ensure == NEAP_ABSENT)
		return;
	if (neap_given(want, LINK))
		neap_claim_link(claims, want->link, NEAP_LINK_FOLLOWS);
	if (via.family)
		neap_claim_reaches(claims, &via);
	else
		neap_claim_network(claims, &to);
	if (source.family)
		neap_claim_reaches(claims, &source);
}

static bool differs(const struct route_want *want, const struct route_have *have)
{
	struct neap_net_ip via = ip_of(want, VIA, want->via), source = ip_of(want, SOURCE, want->source);

	return !have->found || !have->route.plain || !neap_net_ip_equal(&via, &have->route.via) ||
	       (neap_given(want, LINK) && strcmp(want->link, have->route.link) != 0) ||
	       (source.family && !neap_net_ip_equal(&source, &have->route.source));
}

static int route_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      void *had, struct neap_error **err)
{
	const struct route_want *want = wanted;
	struct route_have *have = had;
	struct neap_net_route_key key = key_of(want);
	struct neap_net_link link;
	bool found = true;
	int r = 0;

	(void)ctx;
	if (want->ensure == NEAP_PRESENT && neap_given(want, LINK))
		r = neap_view_net_link(view, want->link, &link, &found, err);
	if (r == 0 && !found)
		return neap_net_no_link(want->link, err);
	if (r == 0)
		r = neap_view_net_route(view, &key, &have->route, &have->found, err);
	if (r != 0 || !have->found || !have->route.kernels ||
	    (want->ensure == NEAP_PRESENT && !differs(want, have)))
		return r;
	neap_error_set(err, "the route to %s came with an address of %s", want->to, have->route.link);
	return neap_error_hint(err,
			       want->ensure == NEAP_PRESENT
				       ? "it stays; metric = … is for another one beside it"
				       : "it goes with the address: neap.address { …, ensure = \"absent\" }");
}

static const char *shown(struct neap_arena *arena, const struct neap_net_ip *ip)
{
	char text[NEAP_NET_TEXT];

	return ip->family ? neap_arena_strdup(arena, neap_net_ip_print(ip, text)) : NULL;
}

static void diff_ip(struct neap_diff *diff, const char *param, const struct neap_net_ip *before,
		    const struct neap_net_ip *after)
{
	struct neap_arena *arena = neap_diff_arena(diff);

	if (!neap_net_ip_equal(before, after))
		neap_diff_string(diff, param, shown(arena, before), shown(arena, after));
}

static bool live_differs(const struct route_want *want, const struct route_have *have)
{
	return want->ensure == NEAP_ABSENT ? have->found : differs(want, have);
}

static void route_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		       struct neap_diff *diff)
{
	const struct route_want *want = wanted;
	const struct route_have *have = had;
	struct neap_net_ip via = ip_of(want, VIA, want->via), source = ip_of(want, SOURCE, want->source);

	(void)ctx;
	if (!live_differs(want, have))
		return;
	if (want->ensure == NEAP_ABSENT || !have->found) {
		neap_diff_action(diff, have->found ? NEAP_ACTION_DELETE : NEAP_ACTION_CREATE);
		neap_diff_string(diff, "live", have->found ? want->to : NULL, have->found ? NULL : want->to);
	} else if (!have->route.plain) {
		neap_diff_string(diff, "live", "a route of another kind", want->to);
	}
	if (want->ensure == NEAP_ABSENT)
		return;
	diff_ip(diff, "via", &have->route.via, &via);
	if (neap_given(want, LINK) && strcmp(want->link, have->route.link) != 0)
		neap_diff_string(diff, "link", have->route.link[0] ? have->route.link : NULL, want->link);
	/* It is put anew as a whole: what is not said goes. */
	diff_ip(diff, "source", &have->route.source, &source);
}

static int route_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		       const void *had, struct neap_error **err)
{
	const struct route_want *want = wanted;
	const struct route_have *have = had;
	struct neap_net_change change = change_of(want);

	(void)ctx;
	return have && !live_differs(want, have) ? 0 : neap_host_net(host, &change, err);
}

static const struct neap_live live = {
	.persist = PERSIST,
	.check = route_check,
	.claim = route_claim,
	.read = route_read,
	.diff = route_diff,
	.apply = route_apply,
	.net = route_kept,
};

static const struct neap_param params[PARAM_COUNT] = {
	[TO] = {
		.name = "to",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The network it leads to, as the kernel writes it: `10.10.2.0/24`, `fd00:2::/64`; one host is "
		       "`…/32`, `…/128`. `default` is everything of IPv4, `::/0` of IPv6.",
		.offset = offsetof(struct route_want, to),
	},
	[TABLE] = {
		.name = "table",
		.kind = NEAP_PARAM_INTEGER,
		.flags = NEAP_PARAM_KEY,
		.min = 1,
		.max = UINT32_MAX,
		.doc = "The table it is in.",
		.fallback = "254, the main one",
		.offset = offsetof(struct route_want, table),
	},
	[METRIC] = {
		.name = "metric",
		.kind = NEAP_PARAM_INTEGER,
		.flags = NEAP_PARAM_KEY,
		.min = 1,
		.max = UINT32_MAX,
		.doc = "Of several routes to one network the one with the lowest counts. Another metric is another "
		       "route.",
		.fallback = "the kernel's: 0, for IPv6 1024",
		.offset = offsetof(struct route_want, metric),
	},
	[VIA] = {
		.name = "via",
		.kind = NEAP_PARAM_STRING,
		.doc = "The gateway, which a link of the machine has to reach.",
		.fallback = "none: the network is on the link itself",
		.offset = offsetof(struct route_want, via),
	},
	[LINK] = {
		.name = "link",
		.kind = NEAP_PARAM_STRING,
		.doc = "The link it goes through. Required without `via`.",
		.fallback = "not looked at; a new route goes where `via` is reached",
		.offset = offsetof(struct route_want, link),
	},
	[SOURCE] = {
		.name = "source",
		.kind = NEAP_PARAM_STRING,
		.doc = "The address of the machine that packets are sent from.",
		.fallback = "not looked at; none for a new route",
		.offset = offsetof(struct route_want, source),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "With `\"absent\"` the route of this network, table and metric is removed, unless the kernel made "
		       "it for an address.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct route_want, ensure),
	},
	NEAP_LIVE_PARAMS(struct route_want, neap_persist_net, NEAP_PERSIST_NET_DOC),
};

/* By the words of ip(8). */
static const struct neap_param_hint hints[] = {
	{ "onlink", "not supported: give the gateway a route of its own, neap.route { to = \"GATEWAY/32\", "
		    "link = … }" },
	{ "dev", "what it goes through is link" },
	{ "gateway", "the gateway is via" },
	{ "gw", "the gateway is via" },
	{ "src", "the address that packets come from is source" },
	{ "destination", "the network is to" },
	{ "nexthop", "several ways are not supported" },
	{ NULL, NULL },
};

static const char description[] =
	"A route, as it is now (`live`) and, with `persist`, at every boot (`persistent`).\n"
	"\n"
	"- Network, table and metric are what it is known by: another metric is another route, which stays.\n"
	"  One that differs is replaced at one moment, and as a whole; whatever has its place (several\n"
	"  ways, a blackhole) is replaced too.\n"
	"- It comes after the resources that make its link, the addresses that its gateway lies in the\n"
	"  network of, and its source. A gateway that cannot be reached then is an error, in the plan too.\n"
	"- An IPv6 `source` that was put on its link just now is waited for, until the kernel knows that\n"
	"  nobody else has it: some seconds.\n"
	"- Below `--root` there is only what is kept.\n";

static const char example[] =
	"neap.route { to = \"10.10.2.0/24\", via = \"192.0.2.2\" }\n"
	"neap.route { to = \"default\", via = \"192.0.2.1\", link = \"eth0\", metric = 100 }\n";

extern const struct neap_resource_type neap_type_route;
const struct neap_resource_type neap_type_route = {
	.name = "route",
	.summary = "a way to a network",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.hints = hints,
	.want_size = sizeof(struct route_want),
	.have_size = sizeof(struct route_have),
	NEAP_LIVE_TYPE(live),
	.undone_by_others = true,
};
