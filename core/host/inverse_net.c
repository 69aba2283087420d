/*
 * Changes of links, addresses and routes of the real machine, and how they are taken back. What goes along
 *with a change is kept as the kernel has said it, message for message, for it has more to say of an address
 *or a route than neap looks at. Whom links know: inverse_neighbours.c. It must not know who asks.
 *
 *	net                                    what follows is of the network
 *	added-link NAME KIND                   what is done, in this order:
 *	set-link NAME FIELDS LINK LINK         what it was, and what it is set to
 *	removed-link HEX                       a message that makes it again
 *	added-address LINK ADDRESS
 *	put-route TO TABLE METRIC VIA LINK HEX what had its place, or "-"
 *	removed-route TO TABLE METRIC HEX
 *	along HEX                              an address or a route that may go with one of these
 *	mac NAME HEX                           the hardware address of a bridge, which hangs on its members
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/lines.h"
#include "host/inverse_net.h"

#define SKIP_STATISTICS ((uint32_t)1 << 3) /* RTEXT_FILTER_SKIP_STATS */
#define TABLE_LOCAL 255
#define NO_LINK "."
#define MAC_SIZE 32
#define VXLAN_RESERVED_BITS 33 /* IFLA_VXLAN_RESERVED_BITS, since Linux 6.14 */
#define SETTINGS_MAX 600       /* bytes: so much goes into a request beside the rest */

/* ---- what the kernel says -------------------------------------------------------------------------------
 */

struct raw { /* an address or a route */
	const struct nlmsghdr *message;
	uint32_t index; /* of the link; of several ways the first */
	struct neap_net_route_key key;
};

struct raw_link {
	char name[NEAP_NET_NAME];
	uint32_t index;
	uint8_t mac[MAC_SIZE];
	size_t mac_len;
	bool bridge, vxlan;
	const struct rtattr *settings; /* of its kind, or NULL */
};

struct picture {
	struct neap_arena *arena;
	NEAP_VEC(struct raw_link) links;
	NEAP_VEC(struct raw) addresses;
	NEAP_VEC(struct raw) routes;
	struct neap_known known;
};

static void picture_done(struct picture *picture)
{
	neap_vec_done(&picture->links);
	neap_vec_done(&picture->addresses);
	neap_vec_done(&picture->routes);
	neap_known_done(&picture->known);
}

static void take_link(void *ctx, const struct nlmsghdr *message)
{
	struct picture *picture = ctx;
	const struct nlmsghdr *copy = (const void *)neap_arena_alloc(picture->arena, message->nlmsg_len);
	const struct ifinfomsg *own = NLMSG_DATA(copy);
	const struct rtattr *of[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1] = { 0 };
	struct raw_link link = { 0 };

	memcpy((void *)(uintptr_t)copy, message, message->nlmsg_len);
	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(*own)))
		return;
	neap_netlink_attributes(IFLA_RTA(own), IFLA_PAYLOAD(copy), of, IFLA_MAX);
	if (!of[IFLA_IFNAME])
		return;
	link.index = (uint32_t)own->ifi_index;
	snprintf(link.name, sizeof(link.name), "%.*s", (int)RTA_PAYLOAD(of[IFLA_IFNAME]),
		 (const char *)RTA_DATA(of[IFLA_IFNAME]));
	if (of[IFLA_ADDRESS] && RTA_PAYLOAD(of[IFLA_ADDRESS]) <= MAC_SIZE) {
		link.mac_len = RTA_PAYLOAD(of[IFLA_ADDRESS]);
		memcpy(link.mac, RTA_DATA(of[IFLA_ADDRESS]), link.mac_len);
	}
	if (of[IFLA_LINKINFO])
		neap_netlink_attributes(RTA_DATA(of[IFLA_LINKINFO]), RTA_PAYLOAD(of[IFLA_LINKINFO]), info,
					IFLA_INFO_MAX);
	link.bridge = info[IFLA_INFO_KIND] && strcmp(RTA_DATA(info[IFLA_INFO_KIND]), "bridge") == 0;
	link.vxlan = info[IFLA_INFO_KIND] && strcmp(RTA_DATA(info[IFLA_INFO_KIND]), "vxlan") == 0;
	link.settings = info[IFLA_INFO_DATA];
	neap_vec_push(&picture->links, link);
}

static void take_raw(void *ctx, const struct nlmsghdr *message)
{
	struct picture *picture = ctx;
	void *copy = neap_arena_alloc(picture->arena, message->nlmsg_len);
	struct raw raw = { .message = memcpy(copy, message, message->nlmsg_len) };

	if (message->nlmsg_type == RTM_NEWADDR &&
	    message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg))) {
		const struct ifaddrmsg *own = NLMSG_DATA(raw.message);

		raw.index = own->ifa_index;
		neap_vec_push(&picture->addresses, raw);
	} else if (message->nlmsg_type == RTM_NEWROUTE &&
		   message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg))) {
		const struct rtmsg *own = NLMSG_DATA(raw.message);
		const struct rtattr *of[RTA_MAX + 1];
		struct neap_net_prefix to = { .ip.family = own->rtm_family == AF_INET ? 4 : 6,
					      .len = own->rtm_dst_len };
		uint32_t table;

		if ((own->rtm_family != AF_INET && own->rtm_family != AF_INET6) ||
		    (own->rtm_flags & RTM_F_CLONED))
			return;
		neap_netlink_attributes(RTM_RTA(own), RTM_PAYLOAD(raw.message), of, RTA_MAX);
		table = of[RTA_TABLE] ? neap_netlink_u32(of[RTA_TABLE]) : own->rtm_table;
		if (table == TABLE_LOCAL) /* the kernel's own, by addresses */
			return;
		if (of[RTA_DST])
			memcpy(to.ip.bytes, RTA_DATA(of[RTA_DST]),
			       RTA_PAYLOAD(of[RTA_DST]) < 16 ? RTA_PAYLOAD(of[RTA_DST]) : 16);
		raw.key = neap_net_route_key(&to, table, neap_netlink_u32(of[RTA_PRIORITY]));
		raw.index = neap_netlink_u32(of[RTA_OIF]);
		neap_vec_push(&picture->routes, raw);
	}
}

static void links_again(void *ctx)
{
	((struct picture *)ctx)->links.count = 0;
}

static void addresses_again(void *ctx)
{
	((struct picture *)ctx)->addresses.count = 0;
}

static void routes_again(void *ctx)
{
	((struct picture *)ctx)->routes.count = 0;
}

static bool has_vxlan(const struct picture *picture)
{
	for (size_t i = 0; i < picture->links.count; i++)
		if (picture->links.items[i].vxlan)
			return true;
	return false;
}

static int look(struct neap_netlink *netlink, struct picture *picture, struct neap_error **err)
{
	const struct ifinfomsg links = { .ifi_family = AF_UNSPEC };
	const struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	const struct rtmsg routes = { .rtm_family = AF_UNSPEC };
	struct neap_request request;

	neap_request_begin(&request, RTM_GETLINK, 0, &links, sizeof(links));
	neap_request_put_u32(&request, IFLA_EXT_MASK, SKIP_STATISTICS);
	if (neap_netlink_dump(netlink, &request, take_link, links_again, picture, err) < 0)
		return -1;
	neap_request_begin(&request, RTM_GETADDR, 0, &addresses, sizeof(addresses));
	if (neap_netlink_dump(netlink, &request, take_raw, addresses_again, picture, err) < 0)
		return -1;
	neap_request_begin(&request, RTM_GETROUTE, 0, &routes, sizeof(routes));
	if (neap_netlink_dump(netlink, &request, take_raw, routes_again, picture, err) < 0)
		return -1;
	picture->known.arena = picture->arena;
	return neap_known_look(netlink, has_vxlan(picture), &picture->known, err);
}

static const struct raw_link *raw_link(const struct picture *picture, const char *name)
{
	for (size_t i = 0; i < picture->links.count; i++)
		if (strcmp(picture->links.items[i].name, name) == 0)
			return &picture->links.items[i];
	return NULL;
}

/* ---- lines --------------------------------------------------------------------------------------
 */

struct writer {
	const struct neap_net *net;
	struct picture *picture;
	struct neap_map *added; /* links made here: each its own value */
	struct neap_buf *lines;
};

void neap_inverse_put_hex(struct neap_buf *lines, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		neap_buf_printf(lines, "%02x", bytes[i]);
}

int neap_inverse_put_message(struct neap_buf *lines, const struct nlmsghdr *message, unsigned flags,
			     struct neap_error **err)
{
	struct neap_request request;

	if (message->nlmsg_len > sizeof(request.bytes))
		return neap_error_set(err, "what the kernel says of the network is too long to be kept");
	memcpy(request.bytes, message, message->nlmsg_len);
	request.header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_CREATE | flags);
	request.header.nlmsg_seq = request.header.nlmsg_pid = 0;
	if (message->nlmsg_type == RTM_NEWROUTE) {
		struct rtmsg *own = NLMSG_DATA(&request.header);

		own->rtm_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE; /* the others say how it is with it now */
	} else if (message->nlmsg_type == RTM_NEWNEIGH) {
		struct ndmsg *own = NLMSG_DATA(&request.header);

		/* Whom nobody has said may be another by then: he is asked for when he is needed. */
		if (own->ndm_family != AF_BRIDGE && !(own->ndm_state & (NUD_PERMANENT | NUD_NOARP)))
			own->ndm_state = NUD_STALE;
	}
	neap_inverse_put_hex(lines, request.bytes, message->nlmsg_len);
	neap_buf_putc(lines, '\n');
	return 0;
}

static void put_link(struct neap_buf *lines, const struct neap_net_link *link)
{
	neap_buf_printf(lines, " %d:%u:%d:%u:%u:%d:%u:", link->up, link->mtu, link->stp, link->forward_delay,
			link->ageing_time, link->learning, link->ttl);
	neap_inverse_put_hex(lines, link->mac, sizeof(link->mac));
	neap_buf_printf(lines, ":%s", link->master[0] ? link->master : NO_LINK);
}

static void put_set(struct writer *writer, const struct neap_net_link *was, const struct neap_net_link *now,
		    unsigned fields)
{
	neap_buf_printf(writer->lines, "set-link %s %u", was->name, fields);
	put_link(writer->lines, was);
	put_link(writer->lines, now);
	neap_buf_putc(writer->lines, '\n');
}

/* A bridge takes the address of a member for its own, and forgets its neighbours. */
static int put_mac(struct writer *writer, const char *bridge, struct neap_error **err)
{
	const struct raw_link *raw = bridge[0] ? raw_link(writer->picture, bridge) : NULL;

	if (!raw || !raw->bridge || !raw->mac_len)
		return 0;
	neap_buf_printf(writer->lines, "mac %s ", bridge);
	neap_inverse_put_hex(writer->lines, raw->mac, raw->mac_len);
	neap_buf_putc(writer->lines, '\n');
	return neap_known_put_along(&writer->picture->known, raw->index, false, writer->lines, err);
}

static int by_scope(const void *a, const void *b)
{
	const struct rtmsg *left = NLMSG_DATA((*(const struct raw *const *)a)->message);
	const struct rtmsg *right = NLMSG_DATA((*(const struct raw *const *)b)->message);
	uint8_t one = left->rtm_scope, other = right->rtm_scope;

	return one == other ? 0 : one > other ? -1 : 1; /* what is near first: gateways are reached by it */
}

/* Whether packets of the route leave from an address of the link. */
static bool is_from(const struct picture *picture, const struct rtattr *source, const struct raw_link *link)
{
	for (size_t i = 0; source && i < picture->addresses.count; i++) {
		const struct raw *raw = &picture->addresses.items[i];
		const struct ifaddrmsg *own = NLMSG_DATA(raw->message);
		const struct rtattr *of[IFA_MAX + 1], *local;

		neap_netlink_attributes(IFA_RTA(own), IFA_PAYLOAD(raw->message), of, IFA_MAX);
		local = of[IFA_LOCAL] ? of[IFA_LOCAL] : of[IFA_ADDRESS];
		if (raw->index == link->index && local && RTA_PAYLOAD(local) == RTA_PAYLOAD(source) &&
		    memcmp(RTA_DATA(local), RTA_DATA(source), RTA_PAYLOAD(source)) == 0)
			return true;
	}
	return false;
}

/* Whether packets of the route leave by the link, or one of its ways does. */
static bool is_through(const struct raw *raw, const struct rtattr *ways, const struct raw_link *link)
{
	const struct rtnexthop *hop = ways ? RTA_DATA(ways) : NULL;
	int left = ways ? (int)RTA_PAYLOAD(ways) : 0;

	for (; hop && RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
		if ((uint32_t)hop->rtnh_ifindex == link->index)
			return true;
	return raw->index == link->index;
}

/* Addresses of the link, routes through it or from an address of it, and its neighbours. */
static int put_along(struct writer *writer, const char *name, struct neap_error **err)
{
	const struct raw_link *link = raw_link(writer->picture, name);
	NEAP_VEC(const struct raw *) routes = { 0 };
	int r = 0;

	if (!link)
		return 0;
	for (size_t i = 0; r == 0 && i < writer->picture->addresses.count; i++) {
		const struct raw *raw = &writer->picture->addresses.items[i];

		if (raw->index != link->index)
			continue;
		neap_buf_puts(writer->lines, "along ");
		r = neap_inverse_put_message(writer->lines, raw->message, 0, err);
	}
	for (size_t i = 0; i < writer->picture->routes.count; i++) {
		const struct raw *raw = &writer->picture->routes.items[i];
		const struct rtmsg *own = NLMSG_DATA(raw->message);
		const struct rtattr *of[RTA_MAX + 1];

		neap_netlink_attributes(RTM_RTA(own), RTM_PAYLOAD(raw->message), of, RTA_MAX);
		if (is_through(raw, of[RTA_MULTIPATH], link) ||
		    is_from(writer->picture, of[RTA_PREFSRC], link))
			neap_vec_push(&routes, raw);
	}
	if (routes.count)
		qsort(routes.items, routes.count, sizeof(*routes.items), by_scope);
	for (size_t i = 0; r == 0 && i < routes.count; i++) {
		neap_buf_puts(writer->lines, "along ");
		r = neap_inverse_put_message(writer->lines, routes.items[i]->message, 0, err);
	}
	neap_vec_done(&routes);
	return r == 0 ? neap_known_put_along(&writer->picture->known, link->index, false, writer->lines, err)
		      : r;
}

static int put_neighbours(struct writer *writer, const char *name, struct neap_error **err)
{
	const struct raw_link *link = raw_link(writer->picture, name);

	return link ? neap_known_put_along(&writer->picture->known, link->index, false, writer->lines, err)
		    : 0;
}

static int set_link(struct writer *writer, const struct neap_net_change *change, struct neap_error **err)
{
	const struct neap_net_link *was = neap_net_link(writer->net, change->link.name);
	struct neap_net_link now;

	if (!was || neap_map_get(writer->added, neap_str(change->link.name)))
		return 0;
	now = *was;
	neap_net_merge(&now, &change->link, change->fields);
	if ((change->fields & (NEAP_NET_MASTER | NEAP_NET_ADDRESS)) &&
	    (put_mac(writer, was->master, err) < 0 || put_mac(writer, now.master, err) < 0))
		return -1;
	put_set(writer, was, &now, change->fields);
	/* What goes when it is set down, now or as it is taken back. */
	if (was->up != now.up)
		return put_along(writer, was->name, err);
	/* The kernel forgets them when it is set to what it is, too. */
	return change->fields & NEAP_NET_ADDRESS ? put_neighbours(writer, was->name, err) : 0;
}

/* Settings of a bridge that it can be made with. */
static void put_bridge(struct neap_request *request, const struct rtattr *data)
{
	static const unsigned short kept[] = {
		IFLA_BR_FORWARD_DELAY,     IFLA_BR_HELLO_TIME,     IFLA_BR_MAX_AGE,
		IFLA_BR_AGEING_TIME,       IFLA_BR_STP_STATE,      IFLA_BR_PRIORITY,
		IFLA_BR_VLAN_FILTERING,    IFLA_BR_VLAN_PROTOCOL,  IFLA_BR_GROUP_FWD_MASK,
		IFLA_BR_VLAN_DEFAULT_PVID, IFLA_BR_MCAST_SNOOPING, IFLA_BR_MCAST_ROUTER,
	};
	const struct rtattr *of[IFLA_BR_MAX + 1];

	neap_netlink_attributes(RTA_DATA(data), RTA_PAYLOAD(data), of, IFLA_BR_MAX);
	/* Off is said by kernels that do not know how to set it, too. */
	if (of[IFLA_BR_VLAN_FILTERING] && !*(const uint8_t *)RTA_DATA(of[IFLA_BR_VLAN_FILTERING]))
		of[IFLA_BR_VLAN_FILTERING] = NULL;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (of[kept[i]])
			neap_request_put(request, kept[i], RTA_DATA(of[kept[i]]), RTA_PAYLOAD(of[kept[i]]));
}

/* What the kernel says of a link of another kind it takes when one is made. */
static void put_settings(struct neap_request *request, const struct rtattr *data, bool vxlan)
{
	size_t left = RTA_PAYLOAD(data);

	for (const struct rtattr *at = RTA_DATA(data); RTA_OK(at, left); at = RTA_NEXT(at, left))
		/* Said as a number, and taken as a flag; what follows from others, and is not taken with
		 * them. */
		if (vxlan && at->rta_type == VXLAN_RESERVED_BITS) {
			continue;
		} else if (vxlan && at->rta_type == IFLA_VXLAN_TTL_INHERIT) {
			if (*(const uint8_t *)RTA_DATA(at))
				neap_request_put(request, at->rta_type, NULL, 0);
		} else {
			neap_request_put(request, at->rta_type, RTA_DATA(at), RTA_PAYLOAD(at));
		}
}

/* Whom a vxlan sends to, as it was. */
static int put_forwards(struct writer *writer, const struct raw_link *raw, struct neap_error **err)
{
	const struct neap_known *known = &writer->picture->known;

	if (raw->settings)
		neap_known_put_default(known, raw->index, raw->settings, writer->lines);
	return neap_known_put_along(known, raw->index, true, writer->lines, err);
}

static void put_likeness(struct neap_request *request, const struct raw_link *raw,
			 const struct neap_net_link *link)
{
	neap_request_put_text(request, IFLA_IFNAME, link->name);
	if (raw->mac_len)
		neap_request_put(request, IFLA_ADDRESS, raw->mac, raw->mac_len);
	neap_request_put_u32(request, IFLA_MTU, link->mtu);
}

static int remove_link(struct writer *writer, const char *name, struct neap_error **err);

/* Vxlans go with the link that they go over; each is made again after it, so it is said before it. */
static int remove_over(struct writer *writer, const char *name, struct neap_error **err)
{
	for (size_t i = 0; i < writer->net->links.count; i++) {
		const struct neap_net_link *over = writer->net->links.entries[i].value;

		if (over && strcmp(over->under, name) == 0 && remove_link(writer, over->name, err) < 0)
			return -1;
	}
	return 0;
}

/* The MTU that the kernel makes it with, without a word: what it goes over may be smaller by now. */
static uint32_t fits_now(const struct writer *writer, const struct neap_net_link *link)
{
	const struct neap_net_link *under = link->under[0] ? neap_net_link(writer->net, link->under) : NULL;
	uint32_t most = under ? under->mtu - neap_net_overhead(link) : link->mtu;

	return link->mtu < most ? link->mtu : most;
}

static int remove_link(struct writer *writer, const char *name, struct neap_error **err)
{
	const struct neap_net_link *link = neap_net_link(writer->net, name), *peer = NULL;
	const struct raw_link *raw = link ? raw_link(writer->picture, link->name) : NULL, *other = NULL;
	struct ifinfomsg own = { .ifi_family = AF_UNSPEC };
	struct neap_net_link bare;
	struct neap_request request;
	size_t info, data;

	if (!raw)
		return 0;
	if (link->peer[0]) {
		peer = neap_net_link(writer->net, link->peer);
		other = peer ? raw_link(writer->picture, peer->name) : NULL;
	}
	if (neap_net_lies_over(link->kind))
		return neap_error_set(err, "%s goes with it, and a %s cannot be made again as it was",
				      link->name, link->kind);
	if (!link->kind[0] || (strcmp(link->kind, "veth") == 0 && !other) ||
	    (raw->settings && RTA_PAYLOAD(raw->settings) > SETTINGS_MAX))
		return neap_error_set(err, "a link of the kind %s%s cannot be made again as it was",
				      link->kind[0] ? link->kind : "device",
				      strcmp(link->kind, "veth") == 0 ? ", whose other end is elsewhere,"
								      : "");
	if (remove_over(writer, name, err) < 0 || (peer && remove_over(writer, peer->name, err) < 0))
		return -1;
	own.ifi_index = (int)raw->index;
	neap_request_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &own, sizeof(own));
	put_likeness(&request, raw, link);
	info = neap_request_open(&request, IFLA_LINKINFO, NULL, 0);
	neap_request_put_text(&request, IFLA_INFO_KIND, link->kind);
	data = neap_request_open(&request, IFLA_INFO_DATA, NULL, 0);
	if (raw->bridge && raw->settings)
		put_bridge(&request, raw->settings);
	else if (raw->settings)
		put_settings(&request, raw->settings, raw->vxlan);
	if (other) {
		size_t at;

		own.ifi_index = (int)other->index;
		at = neap_request_open(&request, VETH_INFO_PEER, &own, sizeof(own));
		put_likeness(&request, other, peer);
		neap_request_close(&request, at);
	}
	neap_request_close(&request, data);
	neap_request_close(&request, info);
	neap_buf_puts(writer->lines, "removed-link ");
	neap_inverse_put_hex(writer->lines, request.bytes, request.header.nlmsg_len);
	neap_buf_putc(writer->lines, '\n');
	/* Made again they are down, and in no bridge. */
	for (const struct neap_net_link *at = link; at; at = at == link ? peer : NULL) {
		bare = *at;
		bare.up = false;
		bare.master[0] = '\0';
		bare.mtu = fits_now(writer, at);
		if (put_mac(writer, at->master, err) < 0)
			return -1;
		put_set(writer, at, &bare, NEAP_NET_UP | NEAP_NET_MASTER | NEAP_NET_MTU);
	}
	for (size_t i = 0; i < writer->net->links.count; i++) {
		const struct neap_net_link *member = writer->net->links.entries[i].value;

		if (!member || strcmp(member->master, link->name) != 0)
			continue;
		bare = *member;
		bare.master[0] = '\0';
		put_set(writer, member, &bare, NEAP_NET_MASTER);
	}
	if (put_along(writer, link->name, err) < 0)
		return -1;
	if (raw->vxlan && put_forwards(writer, raw, err) < 0)
		return -1;
	return peer ? put_along(writer, peer->name, err) : 0;
}

static const struct raw *raw_route(const struct picture *picture, const struct neap_net_route_key *key)
{
	for (size_t i = 0; i < picture->routes.count; i++)
		if (memcmp(&picture->routes.items[i].key, key, sizeof(*key)) == 0)
			return &picture->routes.items[i];
	return NULL;
}

static void put_route_key(struct neap_buf *lines, const struct neap_net_route *route)
{
	const struct neap_net_prefix to = neap_net_route_to(route);
	char text[NEAP_NET_TEXT];

	neap_buf_printf(lines, " %s %u %u", neap_net_prefix_print(&to, text), route->key.table,
			route->key.metric);
}

static int change_route(struct writer *writer, const struct neap_net_change *change, struct neap_error **err)
{
	const struct neap_net_route *route = &change->route;
	const struct raw *was = raw_route(writer->picture, &route->key);
	bool puts = change->op == NEAP_NET_ROUTE_PUT;
	char text[NEAP_NET_TEXT];

	if (!puts && !was)
		return 0;
	neap_buf_puts(writer->lines, puts ? "put-route" : "removed-route");
	put_route_key(writer->lines, route);
	if (puts)
		neap_buf_printf(writer->lines, " %s %s",
				route->via.family ? neap_net_ip_print(&route->via, text) : "-",
				route->link[0] ? route->link : NO_LINK);
	neap_buf_putc(writer->lines, ' ');
	if (was)
		return neap_inverse_put_message(writer->lines, was->message, puts ? NLM_F_REPLACE : 0, err);
	neap_buf_puts(writer->lines, "-\n");
	return 0;
}

static bool has_four(const struct writer *writer, const char *link)
{
	for (size_t i = 0; i < writer->net->addresses.count; i++) {
		const struct neap_net_address *address = writer->net->addresses.entries[i].value;

		if (address && address->key.family == 4 && strcmp(address->key.link, link) == 0)
			return true;
	}
	return false;
}

static int change_address(struct writer *writer, const struct neap_net_change *change,
			  struct neap_error **err)
{
	const struct neap_net_prefix prefix = neap_net_address_prefix(&change->address);
	char text[NEAP_NET_TEXT];

	if (change->op == NEAP_NET_ADDRESS_ADD)
		neap_buf_printf(writer->lines, "added-address %s %s\n", change->address.key.link,
				neap_net_prefix_print(&prefix, text));
	/* With its last one of IPv4 a link loses more. */
	return change->op == NEAP_NET_ADDRESS_REMOVE || !has_four(writer, change->address.key.link)
		       ? put_along(writer, change->address.key.link, err)
		       : 0;
}

/* Of a link that was made in this step he goes with it. */
static int change_neighbour(struct writer *writer, const struct neap_net_change *change,
			    struct neap_error **err)
{
	const char *name = change->neighbour.key.link;
	const struct raw_link *link = raw_link(writer->picture, name),
			      *through = raw_link(writer->picture, change->neighbour.key.through);

	if (!link || neap_map_get(writer->added, neap_str(name)))
		return 0;
	return neap_known_put_change(&writer->picture->known, link->index, through ? through->index : 0,
				     change, writer->lines, err);
}

static int write_line(struct writer *writer, const struct neap_net_change *change, struct neap_error **err)
{
	switch (change->op) {
	case NEAP_NET_LINK_ADD:
		neap_map_put(writer->added, neap_str(change->link.name), writer);
		if (change->link.peer[0])
			neap_map_put(writer->added, neap_str(change->link.peer), writer);
		neap_buf_printf(writer->lines, "added-link %s %s\n", change->link.name, change->link.kind);
		return 0;
	case NEAP_NET_LINK_SET:
		return set_link(writer, change, err);
	case NEAP_NET_LINK_REMOVE:
		return remove_link(writer, change->link.name, err);
	case NEAP_NET_ADDRESS_ADD:
	case NEAP_NET_ADDRESS_REMOVE:
		return change_address(writer, change, err);
	case NEAP_NET_ROUTE_PUT:
	case NEAP_NET_ROUTE_REMOVE:
		break;
	case NEAP_NET_NEIGHBOUR_PUT:
	case NEAP_NET_NEIGHBOUR_REMOVE:
		return change_neighbour(writer, change, err);
	}
	return change_route(writer, change, err);
}

int neap_inverse_net(struct neap_local *local, const struct neap_change *const *changes, size_t count,
		     struct neap_buf *lines, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct picture picture = { .arena = arena };
	struct neap_map added = { 0 };
	struct neap_netlink *netlink = NULL;
	struct writer writer = { .picture = &picture, .added = &added, .lines = lines };
	int r = neap_local_net(&local->machine.view, NEAP_NET_ALL, &writer.net, err);

	if (r == 0)
		r = neap_netlink_open(&netlink, err);
	if (r == 0)
		r = look(netlink, &picture, err);
	neap_buf_puts(lines, "net\n");
	for (size_t i = 0; r == 0 && i < count; i++)
		r = write_line(&writer, changes[i]->net, err);
	neap_netlink_close(netlink);
	neap_map_done(&added);
	picture_done(&picture);
	return r;
}
