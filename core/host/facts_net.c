/*
 * Interfaces and addresses of the running machine, asked of the kernel over a netlink socket: getifaddrs()
 * does not say which addresses are temporary.
 */
#include "host/facts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/vec.h"

#define ANSWER_SIZE ((size_t)64 << 10) /* more than the kernel puts into one message */
#define TRIES 8                        /* a list that changed while it was told is asked for again */

struct link {
	uint32_t index;
	bool loopback;
	size_t count; /* of its addresses */
	struct address *first, *last;
	char name[IF_NAMESIZE];
	char mac[18]; /* "" when it has none */
};

struct address {
	uint32_t link;
	int family;
	uint8_t prefix;
	struct address *next; /* of the same interface */
	char text[INET6_ADDRSTRLEN];
};

struct net {
	NEAP_VEC(struct link) links;
	NEAP_VEC(struct address) addresses;
};

static void net_done(struct net *net)
{
	neap_vec_done(&net->links);
	neap_vec_done(&net->addresses);
}

static void take_link(struct net *net, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	int len = (int)IFLA_PAYLOAD(message);
	struct link link = { .index = (uint32_t)info->ifi_index,
			     .loopback = (info->ifi_flags & IFF_LOOPBACK) != 0 };

	for (const struct rtattr *at = IFLA_RTA(info); RTA_OK(at, len); at = RTA_NEXT(at, len)) {
		const uint8_t *bytes = RTA_DATA(at);

		if (at->rta_type == IFLA_IFNAME)
			snprintf(link.name, sizeof(link.name), "%.*s", (int)RTA_PAYLOAD(at),
				 (const char *)bytes);
		else if (at->rta_type == IFLA_ADDRESS && info->ifi_type == ARPHRD_ETHER &&
			 RTA_PAYLOAD(at) == 6)
			snprintf(link.mac, sizeof(link.mac), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0],
				 bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
	}
	if (link.name[0])
		neap_vec_push(&net->links, link);
}

/* Those that others can reach, and that stay: not of the loopback or one link only, none that the kernel made
 * up for a day, none that turned out to be somebody else's. */
static bool is_told(const struct ifaddrmsg *info, uint32_t flags, const uint8_t *bytes)
{
	if (info->ifa_scope >= RT_SCOPE_LINK)
		return false;
	if (info->ifa_family == AF_INET) /* link-local, and the loopback's, whatever scope somebody gave it */
		return bytes[0] != 127 && !(bytes[0] == 169 && bytes[1] == 254);
	return !(flags & (IFA_F_TEMPORARY | IFA_F_DADFAILED));
}

static void take_address(struct net *net, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = NLMSG_DATA(message);
	int len = (int)IFA_PAYLOAD(message);
	uint32_t flags = info->ifa_flags;
	const uint8_t *local = NULL, *peer = NULL;
	size_t size = info->ifa_family == AF_INET ? 4 : 16;
	struct address address = { .link = info->ifa_index,
				   .family = info->ifa_family,
				   .prefix = info->ifa_prefixlen };

	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return;
	for (const struct rtattr *at = IFA_RTA(info); RTA_OK(at, len); at = RTA_NEXT(at, len)) {
		if (at->rta_type == IFA_FLAGS && RTA_PAYLOAD(at) == sizeof(flags))
			memcpy(&flags, RTA_DATA(at), sizeof(flags));
		else if (at->rta_type == IFA_LOCAL && RTA_PAYLOAD(at) == size)
			local = RTA_DATA(at);
		else if (at->rta_type == IFA_ADDRESS && RTA_PAYLOAD(at) == size)
			peer = RTA_DATA(at);
	}
	if (!local) /* only a point-to-point link says both */
		local = peer;
	if (local && is_told(info, flags, local) &&
	    inet_ntop(info->ifa_family, local, address.text, sizeof(address.text)))
		neap_vec_push(&net->addresses, address);
}

/* ---- asking ------------------------------------------------------------------------------------------ */

/* 0; 1: the list changed meanwhile; negative, errno says why. */
static int receive(int fd, uint32_t sequence, struct net *net, char *bytes)
{
	bool torn = false;

	for (;;) {
		ssize_t got = recv(fd, bytes, ANSWER_SIZE, MSG_TRUNC);
		size_t len = got > 0 ? (size_t)got : 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || len > ANSWER_SIZE) {
			errno = got < 0 ? errno : EMSGSIZE;
			return -1;
		}
		for (const struct nlmsghdr *at = (const void *)bytes; NLMSG_OK(at, len);
		     at = NLMSG_NEXT(at, len)) {
			if (at->nlmsg_seq != sequence)
				continue;
			torn = torn || (at->nlmsg_flags & NLM_F_DUMP_INTR);
			if (at->nlmsg_type == NLMSG_DONE)
				return torn;
			if (at->nlmsg_type == NLMSG_ERROR) {
				errno = -((const struct nlmsgerr *)NLMSG_DATA(at))->error;
				return -1;
			}
			if (at->nlmsg_type == RTM_NEWLINK)
				take_link(net, at);
			else if (at->nlmsg_type == RTM_NEWADDR)
				take_address(net, at);
		}
	}
}

static int ask(int fd, uint16_t type, uint32_t sequence, struct net *net, char *bytes)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg body;
	} question = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
			    .nlmsg_type = type,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			    .nlmsg_seq = sequence },
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (sendto(fd, &question, question.header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) <
	    0)
		return -1;
	return receive(fd, sequence, net, bytes);
}

static int ask_all(struct net *net, struct neap_error **err)
{
	char *bytes NEAP_AUTO_FREE = neap_alloc(ANSWER_SIZE);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), r = 1;

	if (fd < 0)
		return neap_error_errno(err, errno, "ask the kernel for addresses: open a netlink socket");
	for (uint32_t i = 0; i < TRIES && r > 0; i++) {
		net->links.count = net->addresses.count = 0;
		r = ask(fd, RTM_GETLINK, 2 * i + 1, net, bytes);
		if (r >= 0) {
			int more = ask(fd, RTM_GETADDR, 2 * i + 2, net, bytes);

			r = more < 0 ? more : r + more;
		}
	}
	if (r < 0)
		neap_error_errno(err, errno, "ask the kernel for addresses");
	else if (r > 0)
		neap_error_set(err, "ask the kernel for addresses: they change again and again");
	close(fd);
	return r ? -1 : 0;
}

/* ---- what it comes to -------------------------------------------------------------------------------- */

static int by_index(const void *a, const void *b)
{
	uint32_t left = ((const struct link *)a)->index, right = ((const struct link *)b)->index;

	return left < right ? -1 : left > right;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct link *)a)->name, ((const struct link *)b)->name);
}

/* IPv4 before IPv6, by number of the interface; of one interface as the kernel has them: the first is the one
 * it was given first. */
static int by_link(const void *a, const void *b)
{
	const struct address *left = *(struct address *const *)a, *right = *(struct address *const *)b;

	if (left->family != right->family)
		return left->family == AF_INET ? -1 : 1;
	if (left->link != right->link)
		return left->link < right->link ? -1 : 1;
	return left < right ? -1 : left > right;
}

static struct neap_value text_of(struct neap_arena *arena, const char *text)
{
	return neap_value_string(neap_arena_strdup(arena, text));
}

/* Gives each address to its interface. Those of one are in their order. */
static void share_out(struct net *net, struct address *const *sorted)
{
	if (net->links.count)
		qsort(net->links.items, net->links.count, sizeof(*net->links.items), by_index);
	for (size_t i = 0; net->links.count && i < net->addresses.count; i++) {
		struct link key = { .index = sorted[i]->link };
		struct link *link = bsearch(&key, net->links.items, net->links.count, sizeof(key), by_index);

		if (!link)
			continue; /* it came between the two questions */
		if (link->last)
			link->last->next = sorted[i];
		else
			link->first = sorted[i];
		link->last = sorted[i];
		link->count++;
	}
}

/* { addresses, mac } of one. */
static struct neap_value interface_of(const struct link *link, struct neap_arena *arena)
{
	struct neap_pair *pairs = neap_arena_array_of(arena, struct neap_pair, 2);
	struct neap_value list = { .kind = NEAP_LIST },
			  map = { .kind = NEAP_MAP, .map = { pairs, link->mac[0] ? 2 : 1 } };

	list.list.items = neap_arena_array_of(arena, struct neap_value, link->count);
	for (const struct address *at = link->first; at; at = at->next)
		list.list.items[list.list.count++] =
			neap_value_string(neap_arena_printf(arena, "%s/%u", at->text, at->prefix));
	pairs[0] = (struct neap_pair){ NEAP_STR("addresses"), list };
	if (link->mac[0])
		pairs[1] = (struct neap_pair){ NEAP_STR("mac"), text_of(arena, link->mac) };
	return map;
}

int neap_facts_ask_net(struct neap_arena *arena, struct neap_value *ret_addresses,
		       struct neap_value *ret_interfaces, struct neap_error **err)
{
	__attribute__((cleanup(net_done))) struct net net = { 0 };
	struct neap_value addresses = { .kind = NEAP_LIST }, interfaces = { .kind = NEAP_MAP };
	struct address **sorted;
	size_t count;

	if (ask_all(&net, err) < 0)
		return -1;
	count = net.addresses.count;
	sorted = neap_arena_array_of(arena, struct address *, count);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &net.addresses.items[i];
	if (count)
		qsort(sorted, count, sizeof(struct address *), by_link);
	addresses.list.items = neap_arena_array_of(arena, struct neap_value, count);
	for (size_t i = 0; i < count; i++)
		addresses.list.items[addresses.list.count++] = text_of(arena, sorted[i]->text);
	share_out(&net, sorted);
	if (net.links.count)
		qsort(net.links.items, net.links.count, sizeof(*net.links.items), by_name);
	interfaces.map.pairs = neap_arena_array_of(arena, struct neap_pair, net.links.count);
	for (size_t i = 0; i < net.links.count; i++)
		if (!net.links.items[i].loopback)
			interfaces.map.pairs[interfaces.map.count++] = (struct neap_pair){
				neap_str(neap_arena_strdup(arena, net.links.items[i].name)),
				interface_of(&net.links.items[i], arena)
			};
	*ret_addresses = addresses;
	*ret_interfaces = interfaces;
	return 0;
}
