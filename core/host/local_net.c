/*
 * The network of the real machine, in the namespace that neap runs in: one picture of it for all who ask,
 * until something may have changed, and changes one message each. It must not know resources.
 */
#include "host/local.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <stdlib.h>
#include <time.h>

#include "host/netlink.h"

#define SKIP_STATISTICS ((uint32_t)1 << 3) /* RTEXT_FILTER_SKIP_STATS */
#define SETTLE_TRIES 40                    /* tenths of a second, for a new IPv6 address */
#define TABLE_LOCAL 255

struct neap_local_net {
	struct neap_netlink *netlink;
	struct neap_net net;
	struct neap_map names;    /* of links, by index */
	char last[NEAP_NET_NAME]; /* link asked for last while changing, and its index */
	uint32_t last_index;
	uint8_t family; /* of the routes being read */
};

void neap_local_net_drop(struct neap_local *local)
{
	struct neap_local_net *known = local->net;

	if (!known)
		return;
	known->last[0] = '\0';
	if (!known->net.parts)
		return;
	neap_net_done(&known->net);
	neap_map_done(&known->names);
}

void neap_local_net_free(struct neap_local *local)
{
	if (!local->net)
		return;
	neap_local_net_drop(local);
	neap_netlink_close(local->net->netlink);
	free(local->net);
	local->net = NULL;
}

static int open_net(struct neap_local *local, struct neap_error **err)
{
	struct neap_netlink *netlink;

	if (local->root[0])
		return neap_error_set(err, "%s is a tree of files and has no network of its own",
				      local->root);
	if (local->net)
		return 0;
	if (neap_netlink_open(&netlink, err) < 0)
		return -1;
	local->net = neap_alloc(sizeof(*local->net));
	*local->net = (struct neap_local_net){ .netlink = netlink };
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static const char *name_of(const struct neap_local_net *known, uint32_t index)
{
	const struct neap_str key = { (const char *)&index, sizeof(index) };
	const char *name = index ? neap_map_get(&known->names, key) : NULL;

	return name ? name : "";
}

static void copy_text(char ret[NEAP_NET_NAME], const struct rtattr *attribute)
{
	memset(ret, 0, NEAP_NET_NAME);
	if (attribute)
		memcpy(ret, RTA_DATA(attribute),
		       strnlen(RTA_DATA(attribute), RTA_PAYLOAD(attribute) < NEAP_NET_NAME - 1
							    ? RTA_PAYLOAD(attribute)
							    : NEAP_NET_NAME - 1));
}

static struct neap_net_ip ip_of(unsigned char family, const struct rtattr *attribute)
{
	struct neap_net_ip ip = { .family = family == AF_INET ? 4 : 6 };
	size_t size = family == AF_INET ? 4 : 16;

	if (!attribute || RTA_PAYLOAD(attribute) < size)
		return (struct neap_net_ip){ 0 };
	memcpy(ip.bytes, RTA_DATA(attribute), size);
	return ip;
}

/* A link, and what of it is said by index: names are known when all have been read. */
struct raw_link {
	struct neap_net_link link;
	uint32_t master, peer, under;
};
struct raw_links {
	struct neap_local_net *known;
	NEAP_VEC(struct raw_link) links;
};

static void read_bridge(const struct rtattr *data, struct neap_net_link *ret)
{
	const struct rtattr *of[IFLA_BR_MAX + 1];

	neap_netlink_attributes(RTA_DATA(data), RTA_PAYLOAD(data), of, IFLA_BR_MAX);
	ret->stp = neap_netlink_u32(of[IFLA_BR_STP_STATE]) != 0;
	ret->forward_delay = neap_netlink_u32(of[IFLA_BR_FORWARD_DELAY]);
	ret->ageing_time = neap_netlink_u32(of[IFLA_BR_AGEING_TIME]);
}

static uint8_t u8_of(const struct rtattr *attribute)
{
	uint8_t value = 0;

	if (attribute && RTA_PAYLOAD(attribute) >= sizeof(value))
		memcpy(&value, RTA_DATA(attribute), sizeof(value));
	return value;
}

static void read_vxlan(const struct rtattr *data, struct neap_net_link *ret, uint32_t *ret_under)
{
	const struct rtattr *of[IFLA_VXLAN_MAX + 1];
	uint16_t port = 0; /* as it is in packets */

	neap_netlink_attributes(RTA_DATA(data), RTA_PAYLOAD(data), of, IFLA_VXLAN_MAX);
	if (of[IFLA_VXLAN_PORT] && RTA_PAYLOAD(of[IFLA_VXLAN_PORT]) >= sizeof(port))
		memcpy(&port, RTA_DATA(of[IFLA_VXLAN_PORT]), sizeof(port));
	ret->id = neap_netlink_u32(of[IFLA_VXLAN_ID]);
	ret->port = ntohs(port);
	ret->local = of[IFLA_VXLAN_LOCAL6] ? ip_of(AF_INET6, of[IFLA_VXLAN_LOCAL6])
					   : ip_of(AF_INET, of[IFLA_VXLAN_LOCAL]);
	ret->learning = u8_of(of[IFLA_VXLAN_LEARNING]) != 0;
	ret->ttl = u8_of(of[IFLA_VXLAN_TTL_INHERIT]) ? NEAP_NET_TTL_INHERIT : u8_of(of[IFLA_VXLAN_TTL]);
	ret->six = of[IFLA_VXLAN_LOCAL6] || of[IFLA_VXLAN_GROUP6];
	ret->both = u8_of(of[IFLA_VXLAN_COLLECT_METADATA]) != 0;
	ret->special = ret->both || of[IFLA_VXLAN_GBP] || of[IFLA_VXLAN_GPE] ||
		       u8_of(of[IFLA_VXLAN_REMCSUM_RX]) || u8_of(of[IFLA_VXLAN_UDP_ZERO_CSUM6_RX]);
	*ret_under = neap_netlink_u32(of[IFLA_VXLAN_LINK]);
}

static void read_link(void *ctx, const struct nlmsghdr *message)
{
	struct raw_links *raw = ctx;
	const struct ifinfomsg *own = NLMSG_DATA(message);
	const struct rtattr *of[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1] = { 0 };
	struct raw_link one = { 0 };
	char *name;
	uint32_t *index;

	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(*own)))
		return;
	neap_netlink_attributes(IFLA_RTA(own), IFLA_PAYLOAD(message), of, IFLA_MAX);
	if (!of[IFLA_IFNAME])
		return;
	copy_text(one.link.name, of[IFLA_IFNAME]);
	one.link.up = own->ifi_flags & IFF_UP;
	one.link.mtu = neap_netlink_u32(of[IFLA_MTU]);
	one.link.no_frames = own->ifi_type != ARPHRD_ETHER;
	if (of[IFLA_ADDRESS] && RTA_PAYLOAD(of[IFLA_ADDRESS]) == NEAP_NET_MAC)
		memcpy(one.link.mac, RTA_DATA(of[IFLA_ADDRESS]), NEAP_NET_MAC);
	one.master = neap_netlink_u32(of[IFLA_MASTER]);
	if (of[IFLA_LINKINFO])
		neap_netlink_attributes(RTA_DATA(of[IFLA_LINKINFO]), RTA_PAYLOAD(of[IFLA_LINKINFO]), info,
					IFLA_INFO_MAX);
	copy_text(one.link.kind, info[IFLA_INFO_KIND]);
	if (strcmp(one.link.kind, "bridge") == 0 && info[IFLA_INFO_DATA])
		read_bridge(info[IFLA_INFO_DATA], &one.link);
	if (strcmp(one.link.kind, "veth") == 0 && !of[IFLA_LINK_NETNSID])
		one.peer = neap_netlink_u32(of[IFLA_LINK]);
	if (strcmp(one.link.kind, "vxlan") == 0 && info[IFLA_INFO_DATA])
		read_vxlan(info[IFLA_INFO_DATA], &one.link, &one.under);
	if (neap_net_lies_over(one.link.kind))
		one.under = neap_netlink_u32(of[IFLA_LINK]);
	if (of[IFLA_LINK_NETNSID])
		one.under = 0; /* it is elsewhere, and so its number */
	neap_vec_push(&raw->links, one);

	index = neap_arena_new_of(raw->known->net.arena, uint32_t);
	*index = (uint32_t)own->ifi_index;
	name = neap_arena_strdup(raw->known->net.arena, one.link.name);
	neap_map_put(&raw->known->names, (struct neap_str){ (const char *)index, sizeof(*index) }, name);
}

static void links_again(void *ctx)
{
	struct raw_links *raw = ctx;

	raw->links.count = 0;
	neap_map_done(&raw->known->names);
}

static int load_links(struct neap_local_net *known, struct neap_error **err)
{
	const struct ifinfomsg own = { .ifi_family = AF_UNSPEC };
	struct raw_links raw = { .known = known };
	struct neap_request request;
	int rc;

	neap_request_begin(&request, RTM_GETLINK, 0, &own, sizeof(own));
	neap_request_put_u32(&request, IFLA_EXT_MASK, SKIP_STATISTICS);
	rc = neap_netlink_dump(known->netlink, &request, read_link, links_again, &raw, err);
	for (size_t i = 0; rc == 0 && i < raw.links.count; i++) {
		struct raw_link *one = &raw.links.items[i];

		neap_net_set_name(one->link.master, name_of(known, one->master));
		neap_net_set_name(one->link.peer, name_of(known, one->peer));
		neap_net_set_name(one->link.under, name_of(known, one->under));
		neap_net_put_link(&known->net, &one->link);
	}
	neap_vec_done(&raw.links);
	return rc < 0 ? neap_error_prefix(err, "list the links") : 0;
}

static void read_address(void *ctx, const struct nlmsghdr *message)
{
	struct neap_local_net *known = ctx;
	const struct ifaddrmsg *own = NLMSG_DATA(message);
	const struct rtattr *of[IFA_MAX + 1];
	struct neap_net_address address = { 0 };
	struct neap_net_prefix prefix;
	uint32_t flags;

	if (message->nlmsg_type != RTM_NEWADDR || message->nlmsg_len < NLMSG_LENGTH(sizeof(*own)) ||
	    (own->ifa_family != AF_INET && own->ifa_family != AF_INET6))
		return;
	neap_netlink_attributes(IFA_RTA(own), IFA_PAYLOAD(message), of, IFA_MAX);
	prefix.ip = ip_of(own->ifa_family, of[IFA_LOCAL] ? of[IFA_LOCAL] : of[IFA_ADDRESS]);
	prefix.len = own->ifa_prefixlen;
	flags = of[IFA_FLAGS] ? neap_netlink_u32(of[IFA_FLAGS]) : own->ifa_flags;
	address.key = neap_net_address_key(name_of(known, own->ifa_index), &prefix);
	address.len = prefix.len;
	address.secondary = own->ifa_family == AF_INET && (flags & IFA_F_SECONDARY);
	address.peered = of[IFA_LOCAL] && of[IFA_ADDRESS] &&
			 memcmp(RTA_DATA(of[IFA_LOCAL]), RTA_DATA(of[IFA_ADDRESS]),
				own->ifa_family == AF_INET ? 4 : 16) != 0;
	address.routeless = address.peered || (flags & IFA_F_NOPREFIXROUTE);
	address.kernels = of[IFA_PROTO] && u8_of(of[IFA_PROTO]) == IFAPROT_KERNEL_LL;
	if (prefix.ip.family && address.key.link[0])
		neap_net_put_address(&known->net, &address);
}

static void read_route(void *ctx, const struct nlmsghdr *message)
{
	struct neap_local_net *known = ctx;
	const struct rtmsg *own = NLMSG_DATA(message);
	const struct rtattr *of[RTA_MAX + 1];
	struct neap_net_route route = { 0 };
	struct neap_net_prefix to = { 0 };
	uint32_t table;

	if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof(*own)) ||
	    (own->rtm_family != AF_INET && own->rtm_family != AF_INET6) || own->rtm_tos || own->rtm_src_len ||
	    (own->rtm_flags & RTM_F_CLONED))
		return;
	neap_netlink_attributes(RTM_RTA(own), RTM_PAYLOAD(message), of, RTA_MAX);
	table = of[RTA_TABLE] ? neap_netlink_u32(of[RTA_TABLE]) : own->rtm_table;
	if (table == TABLE_LOCAL)
		return;
	to.ip = ip_of(own->rtm_family, of[RTA_DST]);
	to.ip.family = own->rtm_family == AF_INET ? 4 : 6; /* to everywhere: no RTA_DST */
	to.len = own->rtm_dst_len;
	route.key = neap_net_route_key(&to, table, neap_netlink_u32(of[RTA_PRIORITY]));
	route.via = ip_of(own->rtm_family, of[RTA_GATEWAY]);
	route.source = ip_of(own->rtm_family, of[RTA_PREFSRC]);
	neap_net_set_name(route.link, name_of(known, neap_netlink_u32(of[RTA_OIF])));
	route.plain = own->rtm_type == RTN_UNICAST && !of[RTA_MULTIPATH] && !of[RTA_VIA] && !of[RTA_ENCAP];
	route.kernels = own->rtm_protocol == RTPROT_KERNEL;
	/* Of several with one key the first one counts. */
	if (!neap_net_route(&known->net, &route.key))
		neap_net_put_route(&known->net, &route);
}

static bool is_vxlan(const struct neap_local_net *known, const char *name)
{
	const struct neap_net_link *link = neap_net_link(&known->net, name);

	return link && strcmp(link->kind, "vxlan") == 0;
}

/* How a peer is sent to, where that is said of it alone; false: by a link that is elsewhere. */
static bool read_way(const struct neap_local_net *known, const struct rtattr *const *of,
		     struct neap_net_neighbour_key *ret)
{
	uint16_t port = 0; /* as it is in packets */

	if (of[NDA_PORT] && RTA_PAYLOAD(of[NDA_PORT]) >= sizeof(port))
		memcpy(&port, RTA_DATA(of[NDA_PORT]), sizeof(port));
	ret->port = ntohs(port);
	ret->id = neap_netlink_u32(of[NDA_VNI]);
	neap_net_set_name(ret->through, name_of(known, neap_netlink_u32(of[NDA_IFINDEX])));
	return !of[NDA_IFINDEX] || ret->through[0];
}

/* Of a vxlan, and what somebody has said: neither what it has learned, nor what a daemon teaches it. */
static void read_neighbour(void *ctx, const struct nlmsghdr *message)
{
	struct neap_local_net *known = ctx;
	const struct ndmsg *own = NLMSG_DATA(message);
	const struct rtattr *of[NDA_MAX + 1];
	static const uint8_t all[NEAP_NET_MAC];
	struct neap_net_neighbour one;
	struct neap_net_ip ip = { 0 };
	const char *link = name_of(known, (uint32_t)own->ndm_ifindex);
	bool forwards = own->ndm_family == AF_BRIDGE, more;

	if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(*own)) ||
	    (own->ndm_flags & (NTF_EXT_LEARNED | NTF_PROXY)) || !is_vxlan(known, link))
		return;
	if (forwards ? !(own->ndm_flags & NTF_SELF) || !(own->ndm_state & (NUD_PERMANENT | NUD_NOARP))
		     : !(own->ndm_state & NUD_PERMANENT))
		return;
	neap_netlink_attributes((const struct rtattr *)(const void *)(own + 1),
				NLMSG_PAYLOAD(message, sizeof(*own)), of, NDA_MAX);
	if (!of[NDA_LLADDR] || RTA_PAYLOAD(of[NDA_LLADDR]) != NEAP_NET_MAC)
		return;
	if (of[NDA_DST])
		ip = ip_of(forwards ? RTA_PAYLOAD(of[NDA_DST]) == 4 ? AF_INET : AF_INET6 : own->ndm_family,
			   of[NDA_DST]);
	more = of[NDA_PORT] || of[NDA_VNI] || of[NDA_SRC_VNI] || of[NDA_IFINDEX] || of[NDA_NH_ID];
	if (!forwards) {
		one = neap_net_neighbour_of(link, NEAP_NET_NEIGHBOUR, &ip, RTA_DATA(of[NDA_LLADDR]));
	} else if (memcmp(RTA_DATA(of[NDA_LLADDR]), all, sizeof(all)) == 0) {
		if (!ip.family || neap_net_multicast(&ip) || of[NDA_SRC_VNI] || of[NDA_NH_ID])
			return; /* another one than a peer here */
		one = neap_net_neighbour_of(link, NEAP_NET_PEER, &ip, all);
		if (more && !read_way(known, of, &one.key))
			return;
	} else {
		if (*(const uint8_t *)RTA_DATA(of[NDA_LLADDR]) & 1)
			return; /* of a group: it may have several */
		one = neap_net_neighbour_of(link, NEAP_NET_FORWARD, more ? &(struct neap_net_ip){ 0 } : &ip,
					    RTA_DATA(of[NDA_LLADDR]));
	}
	neap_net_put_neighbour(&known->net, &one);
}

static void addresses_again(void *ctx)
{
	neap_map_done(&((struct neap_local_net *)ctx)->net.addresses);
}

/* Only those of the family that is read anew. */
static void routes_again(void *ctx)
{
	struct neap_local_net *known = ctx;

	for (size_t i = 0; i < known->net.routes.count; i++) {
		const struct neap_map_entry *entry = &known->net.routes.entries[i];
		const struct neap_net_route *route = entry->value;

		if (route && route->key.family == known->family)
			neap_map_remove(&known->net.routes, entry->key);
	}
}

static void forget_neighbours(struct neap_local_net *known, bool forwards)
{
	for (size_t i = 0; i < known->net.neighbours.count; i++) {
		const struct neap_map_entry *entry = &known->net.neighbours.entries[i];
		const struct neap_net_neighbour *one = entry->value;

		if (one && (one->key.kind != NEAP_NET_NEIGHBOUR) == forwards)
			neap_map_remove(&known->net.neighbours, entry->key);
	}
}

static void forwards_again(void *ctx)
{
	forget_neighbours(ctx, true);
}

static void neighbours_again(void *ctx)
{
	forget_neighbours(ctx, false);
}

static int load_addresses(struct neap_local_net *known, struct neap_error **err)
{
	const struct ifaddrmsg own = { .ifa_family = AF_UNSPEC };
	struct neap_request request;

	neap_request_begin(&request, RTM_GETADDR, 0, &own, sizeof(own));
	return neap_netlink_dump(known->netlink, &request, read_address, addresses_again, known, err) < 0
		       ? neap_error_prefix(err, "list the addresses")
		       : 0;
}

static int load_routes(struct neap_local_net *known, struct neap_error **err)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < sizeof(families); i++) {
		const struct rtmsg own = { .rtm_family = families[i] };
		struct neap_request request;

		known->family = families[i] == AF_INET ? 4 : 6;
		neap_request_begin(&request, RTM_GETROUTE, 0, &own, sizeof(own));
		if (neap_netlink_dump(known->netlink, &request, read_route, routes_again, known, err) < 0)
			return neap_error_prefix(err, "list the routes");
	}
	return 0;
}

/* Vxlans, and the index of the last one. */
static unsigned count_vxlans(const struct neap_local_net *known, uint32_t *ret_index)
{
	unsigned count = 0;

	for (size_t i = 0; i < known->names.count; i++) {
		const struct neap_map_entry *entry = &known->names.entries[i];

		if (!entry->value || !is_vxlan(known, entry->value))
			continue;
		memcpy(ret_index, entry->key.data, sizeof(*ret_index));
		count++;
	}
	return count;
}

/* Where there is only one vxlan the kernel leaves out what others know, which may be much. */
static int load_forwards(struct neap_local_net *known, struct neap_error **err)
{
	struct ifinfomsg own = { .ifi_family = AF_BRIDGE };
	struct neap_request request;
	uint32_t index;
	unsigned count = count_vxlans(known, &index);

	if (count == 0)
		return 0;
	if (count == 1)
		own.ifi_index = (int)index;
	neap_request_begin(&request, RTM_GETNEIGH, 0, &own, sizeof(own));
	return neap_netlink_dump(known->netlink, &request, read_neighbour, forwards_again, known, err) < 0
		       ? neap_error_prefix(err, "list what vxlans forward")
		       : 0;
}

static int load_neighbours(struct neap_local_net *known, struct neap_error **err)
{
	const struct ndmsg own = { .ndm_family = AF_UNSPEC };
	struct neap_request request;
	uint32_t index;
	unsigned count = count_vxlans(known, &index);

	if (count == 0)
		return 0;
	neap_request_begin(&request, RTM_GETNEIGH, 0, &own, sizeof(own));
	if (count == 1)
		neap_request_put_u32(&request, NDA_IFINDEX, index);
	return neap_netlink_dump(known->netlink, &request, read_neighbour, neighbours_again, known, err) < 0
		       ? neap_error_prefix(err, "list the neighbours")
		       : 0;
}

int neap_local_net(const struct neap_view *view, unsigned parts, const struct neap_net **ret,
		   struct neap_error **err)
{
	static int (*const loads[])(struct neap_local_net *, struct neap_error **) = {
		load_links, load_addresses, load_routes, load_forwards, load_neighbours,
	};
	struct neap_local *local = neap_local_of(view);
	struct neap_local_net *known;

	if (open_net(local, err) < 0)
		return -1;
	known = local->net;
	if (!known->net.parts)
		neap_net_init(&known->net);
	parts |= NEAP_NET_LINKS; /* the others name them by number */
	for (unsigned i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		if (!(parts >> i & 1) || (known->net.parts >> i & 1))
			continue;
		known->net.parts |= 1U << i;
		if (loads[i](known, err) < 0) {
			neap_local_net_drop(local);
			return -1;
		}
	}
	*ret = &known->net;
	return 0;
}

/* ---- changing ------------------------------------------------------------------------------------------ */

static void take_index(void *ctx, const struct nlmsghdr *message)
{
	const struct ifinfomsg *own = NLMSG_DATA(message);

	if (message->nlmsg_type == RTM_NEWLINK && message->nlmsg_len >= NLMSG_LENGTH(sizeof(*own)))
		*(uint32_t *)ctx = (uint32_t)own->ifi_index;
}

static int index_of(struct neap_local_net *known, const char *name, uint32_t *ret, struct neap_error **err)
{
	const struct ifinfomsg own = { .ifi_family = AF_UNSPEC };
	struct neap_request request;

	if (strcmp(known->last, name) != 0 || !known->last_index) {
		known->last_index = 0;
		neap_request_begin(&request, RTM_GETLINK, 0, &own, sizeof(own));
		neap_request_put_text(&request, IFLA_IFNAME, name);
		neap_request_put_u32(&request, IFLA_EXT_MASK, SKIP_STATISTICS);
		if (neap_netlink_ask(known->netlink, &request, take_index, &known->last_index, err) < 0)
			return neap_error_prefix(err, "look for the link %s", name);
		neap_net_set_name(known->last, name);
	}
	*ret = known->last_index;
	return 0;
}

static void put_ip(struct neap_request *request, uint16_t type, const struct neap_net_ip *ip)
{
	neap_request_put(request, type, ip->bytes, ip->family == 4 ? 4 : 16);
}

static void put_bridge(struct neap_request *request, const struct neap_net_link *link, unsigned fields)
{
	size_t data = neap_request_open(request, IFLA_INFO_DATA, NULL, 0);

	if (fields & NEAP_NET_FORWARD_DELAY)
		neap_request_put_u32(request, IFLA_BR_FORWARD_DELAY, link->forward_delay);
	if (fields & NEAP_NET_AGEING_TIME)
		neap_request_put_u32(request, IFLA_BR_AGEING_TIME, link->ageing_time);
	if (fields & NEAP_NET_STP)
		neap_request_put_u32(request, IFLA_BR_STP_STATE, link->stp);
	neap_request_close(request, data);
}

static void put_peer(struct neap_request *request, const struct neap_net_link *link, unsigned fields)
{
	const struct ifinfomsg own = { .ifi_family = AF_UNSPEC };
	size_t data = neap_request_open(request, IFLA_INFO_DATA, NULL, 0);
	size_t peer = neap_request_open(request, VETH_INFO_PEER, &own, sizeof(own));

	neap_request_put_text(request, IFLA_IFNAME, link->peer);
	if (fields & NEAP_NET_MTU)
		neap_request_put_u32(request, IFLA_MTU, link->mtu);
	neap_request_close(request, peer);
	neap_request_close(request, data);
}

static void put_vxlan(struct neap_request *request, const struct neap_net_change *change, uint32_t under)
{
	const struct neap_net_link *link = &change->link;
	const uint16_t port = htons(link->port);
	size_t data = neap_request_open(request, IFLA_INFO_DATA, NULL, 0);

	if (change->op == NEAP_NET_LINK_ADD) {
		neap_request_put_u32(request, IFLA_VXLAN_ID, link->id);
		/* Said always: the kernel's own default is from before there was a standard. */
		neap_request_put(request, IFLA_VXLAN_PORT, &port, sizeof(port));
		if (link->local.family)
			put_ip(request, link->local.family == 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6,
			       &link->local);
		if (under)
			neap_request_put_u32(request, IFLA_VXLAN_LINK, under);
	}
	if (change->fields & NEAP_NET_LEARNING)
		neap_request_put_u8(request, IFLA_VXLAN_LEARNING, link->learning);
	if (change->fields & NEAP_NET_TTL)
		neap_request_put_u8(request, IFLA_VXLAN_TTL, (uint8_t)link->ttl);
	neap_request_close(request, data);
}

/* The kernel cannot bring up an end whose other end it has not made yet. */
static int raise_peer(struct neap_local_net *known, const struct ifinfomsg *own, const char *name,
		      struct neap_error **err)
{
	struct neap_request request;

	neap_request_begin(&request, RTM_NEWLINK, 0, own, sizeof(*own));
	neap_request_put_text(&request, IFLA_IFNAME, name);
	return neap_netlink_ask(known->netlink, &request, NULL, NULL, err);
}

#define BRIDGE_FIELDS (NEAP_NET_STP | NEAP_NET_FORWARD_DELAY | NEAP_NET_AGEING_TIME)
#define VXLAN_FIELDS (NEAP_NET_LEARNING | NEAP_NET_TTL)

static int change_link(struct neap_local_net *known, const struct neap_net_change *change,
		       struct neap_error **err)
{
	const struct neap_net_link *link = &change->link;
	bool adds = change->op == NEAP_NET_LINK_ADD, vxlan = strcmp(link->kind, "vxlan") == 0;
	struct ifinfomsg own = { .ifi_family = AF_UNSPEC };
	struct neap_request request;
	uint32_t master = 0, under = 0;

	if (!adds && (change->fields & VXLAN_FIELDS) && (change->fields & NEAP_NET_MTU)) {
		/* The kernel does not take both at once. */
		struct neap_net_change first = *change, then = *change;

		first.fields = NEAP_NET_MTU;
		then.fields &= ~(unsigned)NEAP_NET_MTU;
		return change_link(known, &first, err) < 0 ? -1 : change_link(known, &then, err);
	}
	if ((change->fields & NEAP_NET_MASTER) && link->master[0] &&
	    index_of(known, link->master, &master, err) < 0)
		return -1;
	if (adds && link->under[0] && index_of(known, link->under, &under, err) < 0)
		return -1;
	if (change->fields & NEAP_NET_UP) {
		own.ifi_flags = link->up ? IFF_UP : 0;
		own.ifi_change = IFF_UP;
	}
	if (change->op == NEAP_NET_LINK_REMOVE)
		neap_request_begin(&request, RTM_DELLINK, 0, &own, sizeof(own));
	else
		neap_request_begin(&request, RTM_NEWLINK, adds ? NLM_F_CREATE | NLM_F_EXCL : 0, &own,
				   sizeof(own));
	neap_request_put_text(&request, IFLA_IFNAME, link->name);
	if (change->fields & NEAP_NET_MTU)
		neap_request_put_u32(&request, IFLA_MTU, link->mtu);
	if (change->fields & NEAP_NET_MASTER)
		neap_request_put_u32(&request, IFLA_MASTER, master);
	if (change->fields & NEAP_NET_ADDRESS)
		neap_request_put(&request, IFLA_ADDRESS, link->mac, sizeof(link->mac));
	if (adds || (change->fields & (BRIDGE_FIELDS | VXLAN_FIELDS))) {
		size_t info = neap_request_open(&request, IFLA_LINKINFO, NULL, 0);

		neap_request_put_text(&request, IFLA_INFO_KIND, link->kind);
		if (change->fields & BRIDGE_FIELDS)
			put_bridge(&request, link, change->fields);
		else if (vxlan)
			put_vxlan(&request, change, under);
		else if (adds && link->peer[0])
			put_peer(&request, link, change->fields);
		neap_request_close(&request, info);
	}
	known->last[0] = '\0'; /* numbers are given anew */
	if (neap_netlink_ask(known->netlink, &request, NULL, NULL, err) < 0)
		return -1;
	return adds && link->peer[0] && own.ifi_flags ? raise_peer(known, &own, link->peer, err) : 0;
}

static int change_address(struct neap_local_net *known, const struct neap_net_change *change,
			  struct neap_error **err)
{
	const struct neap_net_prefix prefix = neap_net_address_prefix(&change->address);
	struct ifaddrmsg own = { .ifa_family = prefix.ip.family == 4 ? AF_INET : AF_INET6,
				 .ifa_prefixlen = prefix.len };
	bool adds = change->op == NEAP_NET_ADDRESS_ADD;
	struct neap_request request;

	if (index_of(known, change->address.key.link, &own.ifa_index, err) < 0)
		return -1;
	neap_request_begin(&request, adds ? RTM_NEWADDR : RTM_DELADDR, adds ? NLM_F_CREATE | NLM_F_EXCL : 0,
			   &own, sizeof(own));
	put_ip(&request, IFA_LOCAL, &prefix.ip);
	put_ip(&request, IFA_ADDRESS, &prefix.ip);
	if (adds && prefix.ip.family == 4 && prefix.len < 31) {
		struct neap_net_ip broadcast = prefix.ip;

		for (unsigned i = prefix.len; i < 32; i++)
			broadcast.bytes[i / 8] |= (uint8_t)(0x80U >> i % 8);
		put_ip(&request, IFA_BROADCAST, &broadcast);
	}
	return neap_netlink_ask(known->netlink, &request, NULL, NULL, err);
}

static int change_neighbour(struct neap_local_net *known, const struct neap_net_change *change,
			    struct neap_error **err)
{
	const struct neap_net_neighbour *one = &change->neighbour;
	bool puts = change->op == NEAP_NET_NEIGHBOUR_PUT, peer = one->key.kind == NEAP_NET_PEER;
	struct ndmsg own = { .ndm_family = AF_BRIDGE, .ndm_state = NUD_PERMANENT, .ndm_flags = NTF_SELF };
	const uint16_t port = htons(one->key.port);
	struct neap_request request;
	uint32_t index, through = 0;

	if ((one->key.through[0] && index_of(known, one->key.through, &through, err) < 0) ||
	    index_of(known, one->key.link, &index, err) < 0)
		return -1;
	own.ndm_ifindex = (int)index;
	if (one->key.kind == NEAP_NET_NEIGHBOUR) {
		own.ndm_family = one->ip.family == 4 ? AF_INET : AF_INET6;
		own.ndm_flags = 0;
	}
	/* Of peers there may be several; each is put once. */
	neap_request_begin(&request, puts ? RTM_NEWNEIGH : RTM_DELNEIGH,
			   puts ? NLM_F_CREATE | (peer ? NLM_F_APPEND : NLM_F_REPLACE) : 0, &own,
			   sizeof(own));
	neap_request_put(&request, NDA_LLADDR, one->mac, sizeof(one->mac));
	if (one->ip.family && (puts || one->key.kind != NEAP_NET_FORWARD))
		put_ip(&request, NDA_DST, &one->ip);
	if (port)
		neap_request_put(&request, NDA_PORT, &port, sizeof(port));
	if (one->key.id)
		neap_request_put_u32(&request, NDA_VNI, one->key.id);
	if (through)
		neap_request_put_u32(&request, NDA_IFINDEX, through);
	return neap_netlink_ask(known->netlink, &request, NULL, NULL, err);
}

/* A new IPv6 address is nobody's source until it is known that nobody else has it: a second or two. */
static bool may_settle(const struct neap_net_change *change, const struct neap_error *err)
{
	return change->op == NEAP_NET_ROUTE_PUT && change->route.source.family == 6 && err &&
	       err->errnum == EINVAL;
}

static int change_route(struct neap_local_net *known, const struct neap_net_change *change,
			struct neap_error **err)
{
	const struct neap_net_route *route = &change->route;
	const struct neap_net_prefix to = neap_net_route_to(route);
	const struct timespec moment = { .tv_nsec = 100000000 };
	bool puts = change->op == NEAP_NET_ROUTE_PUT;
	struct rtmsg own = { .rtm_family = to.ip.family == 4 ? AF_INET : AF_INET6, .rtm_dst_len = to.len };
	struct neap_request request;
	uint32_t index = 0;

	if (puts && route->link[0] && index_of(known, route->link, &index, err) < 0)
		return -1;
	own.rtm_scope = puts ? route->via.family || to.ip.family == 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK
			     : RT_SCOPE_NOWHERE;
	if (puts) {
		own.rtm_protocol = RTPROT_STATIC;
		own.rtm_type = RTN_UNICAST;
	}
	neap_request_begin(&request, puts ? RTM_NEWROUTE : RTM_DELROUTE,
			   puts ? NLM_F_CREATE | NLM_F_REPLACE : 0, &own, sizeof(own));
	if (to.len)
		put_ip(&request, RTA_DST, &to.ip);
	neap_request_put_u32(&request, RTA_TABLE, route->key.table);
	if (route->key.metric)
		neap_request_put_u32(&request, RTA_PRIORITY, route->key.metric);
	if (puts && route->via.family)
		put_ip(&request, RTA_GATEWAY, &route->via);
	if (puts && route->source.family)
		put_ip(&request, RTA_PREFSRC, &route->source);
	if (index)
		neap_request_put_u32(&request, RTA_OIF, index);
	for (unsigned i = 0;; i++) {
		struct neap_error *failure = NULL;
		int rc = neap_netlink_ask(known->netlink, &request, NULL, NULL, &failure);

		if (rc == 0 || i == SETTLE_TRIES || !may_settle(change, failure)) {
			neap_error_pass(err, &failure);
			return rc;
		}
		neap_error_free(failure);
		nanosleep(&moment, NULL);
	}
}

/* As it is now: what stands in the way may have come a moment ago. */
static int refused(struct neap_local *local, const struct neap_net_change *change, struct neap_error **err)
{
	int errnum = err && *err ? (*err)->errnum : 0;
	const struct neap_net *net = NULL;

	if (local->net && (errnum == EEXIST || errnum == EADDRINUSE)) {
		neap_local_net_drop(local);
		(void)neap_local_net(&local->machine.view, NEAP_NET_LINKS, &net, NULL);
	}
	return neap_net_refused(change, errnum, net, err);
}

int neap_local_land_net(struct neap_local *local, const struct neap_net_change *change,
			struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	int rc = open_net(local, err);

	if (rc == 0)
		switch (change->op) {
		case NEAP_NET_LINK_ADD:
		case NEAP_NET_LINK_SET:
		case NEAP_NET_LINK_REMOVE:
			rc = change_link(local->net, change, err);
			break;
		case NEAP_NET_ADDRESS_ADD:
		case NEAP_NET_ADDRESS_REMOVE:
			rc = change_address(local->net, change, err);
			break;
		case NEAP_NET_ROUTE_PUT:
		case NEAP_NET_ROUTE_REMOVE:
			rc = change_route(local->net, change, err);
			break;
		case NEAP_NET_NEIGHBOUR_PUT:
		case NEAP_NET_NEIGHBOUR_REMOVE:
			rc = change_neighbour(local->net, change, err);
			break;
		}
	if (rc == 0)
		return 0;
	neap_error_prefix(err, "%s", neap_net_describe(change, arena));
	return refused(local, change, err);
}
