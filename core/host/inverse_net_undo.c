/*
 * Changes of links, addresses, routes and neighbours taken back by the lines of inverse_net.c and
 * inverse_neighbours.c, against what is there by now: what others have changed since is theirs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/lines.h"
#include "host/inverse.h"
#include "host/netlink.h"

#define NO_LINK "."
#define MAC_SIZE 32

struct reader {
	struct neap_local *local;
	struct neap_netlink *netlink;
	struct neap_arena *arena;
	struct neap_buf *left;
	const struct neap_net *net;    /* as it was seen last, or NULL */
	NEAP_VEC(const char *) firsts; /* addresses that are the first of their networks, and were not */
};

static const char *next(struct reader *reader, struct neap_str *rest)
{
	struct neap_str word = neap_inverse_word(rest);

	return neap_arena_copy(reader->arena, word.data, word.len);
}

static void leave(struct reader *reader, const char *what, const char *why)
{
	neap_buf_printf(reader->left, "%s: %s\n", what, why);
}

/* The network as it is now; NULL: it cannot be seen. */
static const struct neap_net *now(struct reader *reader)
{
	reader->net = NULL;
	neap_local_net_drop(reader->local);
	if (neap_local_net(&reader->local->machine.view, NEAP_NET_ALL, &reader->net, NULL) < 0)
		reader->net = NULL;
	return reader->net;
}

static void change(struct reader *reader, const struct neap_net_change *change, int fine)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	if (neap_local_land_net(reader->local, change, &err) < 0 && err->errnum != fine)
		neap_buf_printf(reader->left, "%s\n", err->message);
}

static unsigned nibble(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void read_bytes(const char *hex, void *ret, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)ret)[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
}

static bool read_hex(const char *hex, struct neap_request *ret)
{
	size_t len = strlen(hex) / 2;

	if (len < NLMSG_HDRLEN || len > sizeof(ret->bytes) || strspn(hex, "0123456789abcdef") != strlen(hex))
		return false;
	read_bytes(hex, ret->bytes, len);
	return ret->header.nlmsg_len == len;
}

/* 0, or an errno. `ret_said` (may be NULL): what the kernel says, in the arena. */
static int send_hex(struct reader *reader, const char *hex, const char **ret_said)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_request request;

	if (!read_hex(hex, &request))
		neap_error_errno(&err, EINVAL, "its message cannot be read");
	else if (neap_netlink_ask(reader->netlink, &request, NULL, NULL, &err) == 0)
		return 0;
	if (ret_said)
		*ret_said = neap_arena_strdup(reader->arena, err->message);
	return err->errnum ? err->errnum : EIO;
}

static bool read_link(const char *text, struct neap_net_link *ret)
{
	unsigned up, stp, learning, ttl;
	char mac[2 * NEAP_NET_MAC + 1];
	int at = 0;

	if (sscanf(text, "%u:%u:%u:%u:%u:%u:%u:%12[0-9a-f]:%n", &up, &ret->mtu, &stp, &ret->forward_delay,
		   &ret->ageing_time, &learning, &ttl, mac, &at) < 8 ||
	    !at || strlen(mac) != sizeof(mac) - 1)
		return false;
	ret->up = up;
	ret->stp = stp;
	ret->learning = learning;
	ret->ttl = (uint16_t)ttl;
	read_bytes(mac, ret->mac, sizeof(ret->mac));
	if (strcmp(text + at, NO_LINK) != 0)
		snprintf(ret->master, sizeof(ret->master), "%s", text + at);
	return true;
}

/* The fields that are as they were set: what others have set since is theirs. */
static unsigned still(const struct neap_net_link *is, const struct neap_net_link *set,
		      const struct neap_net_link *was, unsigned fields)
{
	unsigned kept = 0;

	if (is->up == set->up && is->up != was->up)
		kept |= NEAP_NET_UP;
	if (is->mtu == set->mtu && is->mtu != was->mtu)
		kept |= NEAP_NET_MTU;
	if (strcmp(is->master, set->master) == 0 && strcmp(is->master, was->master) != 0)
		kept |= NEAP_NET_MASTER;
	if (is->stp == set->stp && is->stp != was->stp)
		kept |= NEAP_NET_STP;
	if (is->forward_delay == set->forward_delay && is->forward_delay != was->forward_delay)
		kept |= NEAP_NET_FORWARD_DELAY;
	if (is->ageing_time == set->ageing_time && is->ageing_time != was->ageing_time)
		kept |= NEAP_NET_AGEING_TIME;
	if (is->learning == set->learning && is->learning != was->learning)
		kept |= NEAP_NET_LEARNING;
	if (is->ttl == set->ttl && is->ttl != was->ttl)
		kept |= NEAP_NET_TTL;
	if (memcmp(is->mac, set->mac, sizeof(is->mac)) == 0 &&
	    memcmp(is->mac, was->mac, sizeof(is->mac)) != 0)
		kept |= NEAP_NET_ADDRESS;
	return kept & fields;
}

static void undo_set(struct reader *reader, struct neap_str rest)
{
	struct neap_net_change back = { .op = NEAP_NET_LINK_SET };
	const char *name = next(reader, &rest);
	unsigned fields = (unsigned)strtoul(next(reader, &rest), NULL, 10);
	struct neap_net_link was = { 0 }, set = { 0 };
	const struct neap_net *net = now(reader);
	const struct neap_net_link *is = net ? neap_net_link(net, name) : NULL;
	const char *before = next(reader, &rest), *after = next(reader, &rest);

	if (!is) {
		leave(reader, name, "the link is not there any more");
		return;
	}
	if (!read_link(before, &was) || !read_link(after, &set)) {
		leave(reader, name, "how it was cannot be read");
		return;
	}
	snprintf(was.name, sizeof(was.name), "%s", name);
	memcpy(was.kind, is->kind, sizeof(was.kind));
	fields = still(is, &set, &was, fields);
	if (!fields)
		return;
	back.link = was;
	/* The kernel judges a delay by whether spanning tree is on: off comes first. */
	if ((fields & NEAP_NET_STP) && !was.stp) {
		back.fields = NEAP_NET_STP;
		change(reader, &back, 0);
		fields &= ~(unsigned)NEAP_NET_STP;
	}
	back.fields = fields & ~(unsigned)NEAP_NET_MTU;
	if (back.fields)
		change(reader, &back, 0);
	back.fields = fields & NEAP_NET_MTU; /* it may be that it does not fit any more: the rest is done */
	if (back.fields)
		change(reader, &back, 0);
}

static void undo_added_link(struct reader *reader, struct neap_str rest)
{
	struct neap_net_change back = { .op = NEAP_NET_LINK_REMOVE };
	const char *name = next(reader, &rest), *kind = next(reader, &rest);
	const struct neap_net *net = now(reader);
	const struct neap_net_link *is = net ? neap_net_link(net, name) : NULL;

	if (!is)
		return;
	if (strcmp(is->kind, kind) != 0) {
		leave(reader, name, "others have put another link in its place");
		return;
	}
	back.link = *is;
	change(reader, &back, ENODEV);
}

static void undo_added_address(struct reader *reader, struct neap_str rest)
{
	struct neap_net_change back = { .op = NEAP_NET_ADDRESS_REMOVE };
	const char *link = next(reader, &rest);
	struct neap_net_prefix prefix;
	const struct neap_net *net = now(reader);

	if (!net || !neap_net_prefix_parse(next(reader, &rest), &prefix))
		return;
	back.address.key = neap_net_address_key(link, &prefix);
	back.address.len = prefix.len;
	if (neap_net_address(net, &back.address.key))
		change(reader, &back, EADDRNOTAVAIL);
}

static bool read_key(struct reader *reader, struct neap_str *rest, struct neap_net_route_key *ret)
{
	struct neap_net_prefix to;
	bool good = neap_net_prefix_parse(next(reader, rest), &to);
	uint32_t table = (uint32_t)strtoul(next(reader, rest), NULL, 10);
	uint32_t metric = (uint32_t)strtoul(next(reader, rest), NULL, 10);

	if (good)
		*ret = neap_net_route_key(&to, table, metric);
	return good;
}

static void put_back(struct reader *reader, const char *what, const char *hex)
{
	const char *said;
	int errnum = send_hex(reader, hex, &said);

	if (errnum && errnum != EEXIST)
		leave(reader, what, said);
}

/* Whether it is the one of the message: by what of it people choose. */
static bool is_way_of(const struct neap_net_route *is, const char *hex)
{
	const struct rtattr *of[RTA_MAX + 1];
	struct neap_request request;
	const struct rtmsg *own = NLMSG_DATA(&request.header);

	if (!read_hex(hex, &request) || request.header.nlmsg_len < NLMSG_LENGTH(sizeof(*own)))
		return false;
	neap_netlink_attributes(RTM_RTA(own), RTM_PAYLOAD(&request.header), of, RTA_MAX);
	if (is->plain !=
	    (own->rtm_type == RTN_UNICAST && !of[RTA_MULTIPATH] && !of[RTA_VIA] && !of[RTA_ENCAP]))
		return false;
	if (!of[RTA_GATEWAY])
		return !is->via.family;
	return RTA_PAYLOAD(of[RTA_GATEWAY]) == (is->via.family == 4 ? 4 : 16) &&
	       memcmp(RTA_DATA(of[RTA_GATEWAY]), is->via.bytes, RTA_PAYLOAD(of[RTA_GATEWAY])) == 0;
}

static void undo_put_route(struct reader *reader, struct neap_str rest)
{
	struct neap_net_change back = { .op = NEAP_NET_ROUTE_REMOVE };
	const struct neap_net *net = now(reader);
	const struct neap_net_route *is;
	struct neap_net_ip via = { 0 };
	const char *way, *link, *hex;

	if (!net || !read_key(reader, &rest, &back.route.key))
		return;
	way = next(reader, &rest);
	link = next(reader, &rest);
	hex = next(reader, &rest);
	if (strcmp(way, "-") != 0)
		(void)neap_net_ip_parse(way, &via);
	is = neap_net_route(net, &back.route.key);
	if (is && (!is->plain || !neap_net_ip_equal(&is->via, &via) ||
		   (strcmp(link, NO_LINK) != 0 && strcmp(link, is->link) != 0))) {
		if (strcmp(hex, "-") == 0 || !is_way_of(is, hex)) /* else it has been taken back before */
			leave(reader, neap_net_object(&back, reader->arena),
			      "others have put another in its place");
		return;
	}
	if (strcmp(hex, "-") != 0)
		put_back(reader, neap_net_object(&back, reader->arena), hex);
	else if (is)
		change(reader, &back, ESRCH);
}

static void undo_removed_route(struct reader *reader, struct neap_str rest)
{
	struct neap_net_change removed = { .op = NEAP_NET_ROUTE_REMOVE };
	const struct neap_net *net = now(reader);

	if (!net || !read_key(reader, &rest, &removed.route.key))
		return;
	if (neap_net_route(net, &removed.route.key)) /* others have put one there */
		return;
	put_back(reader, neap_net_object(&removed, reader->arena), next(reader, &rest));
}

struct mac {
	uint8_t bytes[MAC_SIZE];
	size_t len;
};

static void take_mac(void *ctx, const struct nlmsghdr *message)
{
	const struct ifinfomsg *own = NLMSG_DATA(message);
	const struct rtattr *of[IFLA_MAX + 1];
	struct mac *mac = ctx;

	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(*own)))
		return;
	neap_netlink_attributes(IFLA_RTA(own), IFLA_PAYLOAD(message), of, IFLA_MAX);
	if (!of[IFLA_ADDRESS] || RTA_PAYLOAD(of[IFLA_ADDRESS]) > MAC_SIZE)
		return;
	mac->len = RTA_PAYLOAD(of[IFLA_ADDRESS]);
	memcpy(mac->bytes, RTA_DATA(of[IFLA_ADDRESS]), mac->len);
}

/* Once it is set by hand it stays, so it is set only where it is another. */
static void undo_mac(struct reader *reader, struct neap_str rest)
{
	const struct ifinfomsg own = { .ifi_family = AF_UNSPEC };
	const char *name = next(reader, &rest), *hex = next(reader, &rest);
	struct mac is = { 0 }, was = { .len = strlen(hex) / 2 };
	struct neap_request request;

	if (was.len > MAC_SIZE)
		return;
	read_bytes(hex, was.bytes, was.len);
	neap_request_begin(&request, RTM_GETLINK, 0, &own, sizeof(own));
	neap_request_put_text(&request, IFLA_IFNAME, name);
	if (neap_netlink_ask(reader->netlink, &request, take_mac, &is, NULL) < 0 ||
	    (is.len == was.len && memcmp(is.bytes, was.bytes, is.len) == 0))
		return;
	neap_request_begin(&request, RTM_NEWLINK, 0, &own, sizeof(own));
	neap_request_put_text(&request, IFLA_IFNAME, name);
	neap_request_put(&request, IFLA_ADDRESS, was.bytes, was.len);
	(void)neap_netlink_ask(reader->netlink, &request, NULL, NULL, NULL);
}

static void undo_removed_link(struct reader *reader, struct neap_str rest)
{
	put_back(reader, "make a link again", next(reader, &rest));
}

/* Of an address of IPv4: whether it was not the first of its network, and whether it is. */
static bool is_secondary(const struct nlmsghdr *message)
{
	const struct ifaddrmsg *own = NLMSG_DATA(message);
	const struct rtattr *of[IFA_MAX + 1];
	uint32_t flags;

	neap_netlink_attributes(IFA_RTA(own), IFA_PAYLOAD(message), of, IFA_MAX);
	flags = of[IFA_FLAGS] ? neap_netlink_u32(of[IFA_FLAGS]) : own->ifa_flags;
	return flags & IFA_F_SECONDARY;
}

struct sought {
	const struct nlmsghdr *message;
	bool secondary;
};

static void take_address(void *ctx, const struct nlmsghdr *message)
{
	struct sought *sought = ctx;
	const struct ifaddrmsg *own = NLMSG_DATA(message), *its = NLMSG_DATA(sought->message);
	const struct rtattr *of[IFA_MAX + 1], *at[IFA_MAX + 1];

	if (message->nlmsg_type != RTM_NEWADDR || own->ifa_index != its->ifa_index ||
	    own->ifa_prefixlen != its->ifa_prefixlen)
		return;
	neap_netlink_attributes(IFA_RTA(own), IFA_PAYLOAD(message), of, IFA_MAX);
	neap_netlink_attributes(IFA_RTA(its), IFA_PAYLOAD(sought->message), at, IFA_MAX);
	if (of[IFA_LOCAL] && at[IFA_LOCAL] &&
	    neap_netlink_u32(of[IFA_LOCAL]) == neap_netlink_u32(at[IFA_LOCAL]))
		sought->secondary = is_secondary(message);
}

static void address_again(void *ctx)
{
	((struct sought *)ctx)->secondary = false;
}

static bool is_secondary_now(struct reader *reader, const struct nlmsghdr *message)
{
	const struct ifaddrmsg own = { .ifa_family = AF_INET };
	struct sought sought = { .message = message };
	struct neap_request request;

	neap_request_begin(&request, RTM_GETADDR, 0, &own, sizeof(own));
	return neap_netlink_dump(reader->netlink, &request, take_address, address_again, &sought, NULL) ==
		       0 &&
	       sought.secondary;
}

static uint32_t index_of(const char *hex)
{
	struct neap_request request;
	const struct ifaddrmsg *own = NLMSG_DATA(&request.header);

	return read_hex(hex, &request) ? own->ifa_index : 0;
}

/*
 * An address that took the place of the first of its network, as that went or did not come at once, goes for
 * a moment, so that they are in their order again; those that it takes along come back before it.
 */
static int put_along(struct reader *reader, const char *hex, const char **ret_said)
{
	struct neap_request request;
	const struct ifaddrmsg *own = NLMSG_DATA(&request.header);
	int errnum = send_hex(reader, hex, ret_said);
	bool moved = false;

	if (!read_hex(hex, &request) || request.header.nlmsg_type != RTM_NEWADDR ||
	    own->ifa_family != AF_INET)
		return errnum;
	if (!is_secondary(&request.header)) {
		if (errnum == 0 || (errnum == EEXIST && is_secondary_now(reader, &request.header)))
			neap_vec_push(&reader->firsts, hex);
		return errnum;
	}
	for (size_t i = 0; errnum == EEXIST && i < reader->firsts.count; i++) {
		if (index_of(reader->firsts.items[i]) != own->ifa_index)
			continue;
		if (!moved) {
			request.header.nlmsg_type = RTM_DELADDR;
			request.header.nlmsg_flags = NLM_F_REQUEST;
			(void)neap_netlink_ask(reader->netlink, &request, NULL, NULL, NULL);
			moved = true;
		}
		(void)send_hex(reader, reader->firsts.items[i], NULL);
	}
	return moved ? send_hex(reader, hex, ret_said) : errnum;
}

/* What goes along comes back when all it needs is there: a second try for what came too early. */
static void undo_along(struct reader *reader, struct neap_str rest)
{
	(void)put_along(reader, next(reader, &rest), NULL);
}

static void undo_along_again(struct reader *reader, struct neap_str rest)
{
	const char *said;
	int errnum = put_along(reader, next(reader, &rest), &said);

	if (errnum && errnum != EEXIST)
		leave(reader, "what went along", said);
}

/* Whether it is the one of the message. */
static bool is_of(const struct neap_net_neighbour *is, const char *hex)
{
	const struct rtattr *of[NDA_MAX + 1];
	struct neap_request request;
	const struct ndmsg *own = NLMSG_DATA(&request.header);
	bool more;

	if (!read_hex(hex, &request) || request.header.nlmsg_len < NLMSG_LENGTH(sizeof(*own)))
		return false;
	neap_netlink_attributes((const struct rtattr *)(const void *)(own + 1),
				NLMSG_PAYLOAD(&request.header, sizeof(*own)), of, NDA_MAX);
	more = of[NDA_PORT] || of[NDA_VNI] || of[NDA_SRC_VNI] || of[NDA_IFINDEX] || of[NDA_NH_ID];
	if (!of[NDA_LLADDR] || memcmp(RTA_DATA(of[NDA_LLADDR]), is->mac, sizeof(is->mac)) != 0)
		return false;
	if (!is->ip.family)
		return more;
	return !more && of[NDA_DST] && RTA_PAYLOAD(of[NDA_DST]) == (is->ip.family == 4 ? 4 : 16) &&
	       memcmp(RTA_DATA(of[NDA_DST]), is->ip.bytes, RTA_PAYLOAD(of[NDA_DST])) == 0;
}

/* There may be thousands, each another one: it is looked once for all of them. */
static void undo_put_neighbour(struct reader *reader, struct neap_str rest)
{
	struct neap_net_change back = { .op = NEAP_NET_NEIGHBOUR_REMOVE };
	const struct neap_net *net = reader->net ? reader->net : now(reader);
	const char *link = next(reader, &rest);
	unsigned long kind = strtoul(next(reader, &rest), NULL, 10);
	const struct neap_net_neighbour *is;
	uint8_t mac[NEAP_NET_MAC];
	struct neap_net_ip ip;
	const char *hex;

	if (!net || kind >= NEAP_NET_NEIGHBOUR_KINDS || !neap_net_ip_parse(next(reader, &rest), &ip) ||
	    !neap_net_mac_parse(next(reader, &rest), mac))
		return;
	hex = next(reader, &rest);
	back.neighbour = neap_net_neighbour_of(link, (enum neap_net_neighbour_kind)kind, &ip, mac);
	is = neap_net_neighbour(net, &back.neighbour.key);
	if (is &&
	    (!neap_net_ip_equal(&is->ip, &ip) || memcmp(is->mac, back.neighbour.mac, sizeof(mac)) != 0)) {
		if (!is_of(is, hex)) /* else it has been taken back before */
			leave(reader, neap_net_object(&back, reader->arena),
			      "others have put another in its place");
	} else if (strcmp(hex, "-") != 0) {
		put_back(reader, neap_net_object(&back, reader->arena), hex);
	} else if (is) {
		change(reader, &back, ENOENT);
	}
}

static void undo_removed_neighbour(struct reader *reader, struct neap_str rest)
{
	put_back(reader, "who was known", next(reader, &rest));
}

static void undo_made_along(struct reader *reader, struct neap_str rest)
{
	(void)send_hex(reader, next(reader, &rest), NULL);
}

void neap_inverse_net_undo(struct neap_local *local, struct neap_str lines, struct neap_buf *left)
{
	/* First goes what was added, then comes what was there, each on what it stands on. */
	static const struct {
		const char *word;
		bool backwards;
		void (*undo)(struct reader *, struct neap_str rest);
	} passes[] = {
		{ "put-neighbour", true, undo_put_neighbour },
		{ "added-address", true, undo_added_address },
		{ "added-link", true, undo_added_link },
		{ "removed-link", true, undo_removed_link },
		{ "made-along", false, undo_made_along },
		{ "set-link", true, undo_set },
		{ "mac", false, undo_mac },
		{ "along", false, undo_along },
		{ "along", false, undo_along_again },
		{ "removed-neighbour", false, undo_removed_neighbour },
		{ "put-route", true, undo_put_route },
		{ "removed-route", true, undo_removed_route },
	};
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct reader reader = { .local = local, .arena = arena, .left = left };
	NEAP_VEC(struct neap_str) all = { 0 };

	if (neap_netlink_open(&reader.netlink, &err) < 0) {
		neap_buf_printf(left, "%s\n", err->message);
		return;
	}
	for (size_t at = 0; at < lines.len;) {
		struct neap_line line = neap_line_at(lines, at);

		neap_vec_push(&all, neap_line_bytes(lines, line));
		at = line.next;
	}
	for (size_t pass = 0; pass < sizeof(passes) / sizeof(*passes); pass++) {
		reader.firsts.count = 0;
		for (size_t i = 0; i < all.count; i++) {
			struct neap_str rest = all.items[passes[pass].backwards ? all.count - 1 - i : i];
			struct neap_str word = neap_inverse_word(&rest);

			if (neap_str_equal(word, neap_str(passes[pass].word)))
				passes[pass].undo(&reader, rest);
		}
	}
	neap_vec_done(&reader.firsts);
	neap_vec_done(&all);
	neap_netlink_close(reader.netlink);
	neap_local_net_drop(local);
}
