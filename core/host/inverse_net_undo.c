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
#include "host/inverse_net_place.h"
#include "host/netlink.h"

#define NO_LINK "."
#define MAC_SIZE 32

struct reader {
	struct neap_local *local;
	struct neap_netlink *netlink;
	struct neap_arena *arena;
	struct neap_buf *left;
	const char *said;              /* of it last */
	const struct neap_net *net;    /* as it was seen last, or NULL */
	bool blind;                    /* that it cannot be seen has been said */
	struct neap_buf seen;          /* messages of the kernel: what there is of the kind asked for last */
	NEAP_VEC(const char *) firsts; /* addresses that are the first of their networks, and were not */
};

static const char *next(struct reader *reader, struct neap_str *rest)
{
	struct neap_str word = neap_inverse_word(rest);

	return neap_arena_copy(reader->arena, word.data, word.len);
}

/* What is the same of many, one after the other, is said once. */
static void leave(struct reader *reader, const char *what, const char *why)
{
	const char *line = neap_arena_printf(reader->arena, "%s: %s\n", what, why);

	if (!reader->said || strcmp(reader->said, line) != 0)
		neap_buf_puts(reader->left, line);
	reader->said = line;
}

/* Why the kernel did not take it. */
static const char *why_not(int errnum, const char *said)
{
	return errnum == ENODEV ? "the link is not there any more" : said;
}

static void unreadable(struct reader *reader, const char *what)
{
	leave(reader, what, "how it was cannot be read");
}

static void unseen(struct reader *reader, const struct neap_error *err)
{
	if (!reader->blind)
		leave(reader, "the network cannot be seen", err->message);
	reader->blind = true;
}

/* The network as it is now; NULL: it cannot be seen, which is said. */
static const struct neap_net *now(struct reader *reader)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	reader->net = NULL;
	neap_local_net_drop(reader->local);
	if (neap_local_net(&reader->local->machine.view, NEAP_NET_ALL, &reader->net, &err) < 0) {
		reader->net = NULL;
		unseen(reader, err);
	}
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

static int send_request(struct reader *reader, struct neap_request *request, const char **ret_said)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	if (neap_netlink_ask(reader->netlink, request, NULL, NULL, &err) == 0)
		return 0;
	if (ret_said)
		*ret_said = neap_arena_strdup(reader->arena, err->message);
	return err->errnum ? err->errnum : EIO;
}

/* 0, or an errno. `ret_said` (may be NULL): what the kernel says, in the arena. */
static int send_hex(struct reader *reader, const char *hex, const char **ret_said)
{
	struct neap_request request;

	if (read_hex(hex, &request))
		return send_request(reader, &request, ret_said);
	if (ret_said)
		*ret_said = "its message cannot be read";
	return EINVAL;
}

/* ---- what stands in the place of what a message puts ----------------------------------------------------
 */

static enum neap_inverse_place place_of(struct reader *reader, const char *hex)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_request request;
	enum neap_inverse_place place;

	if (!read_hex(hex, &request))
		return NEAP_INVERSE_PLACE_FREE;
	place = neap_inverse_place(reader->netlink, &request.header, &reader->seen, &err);
	if (place == NEAP_INVERSE_PLACE_UNSEEN)
		unseen(reader, err);
	return place;
}

static void leave_others(struct reader *reader, const char *what)
{
	leave(reader, what, "others have put another in its place");
}

/* It could not be put there: `errnum`. Whom nobody has said gives way to who was there before. */
static void settle(struct reader *reader, const char *what, const char *hex, int errnum, const char *said)
{
	enum neap_inverse_place place = errnum == EEXIST ? place_of(reader, hex) : NEAP_INVERSE_PLACE_FREE;
	struct neap_request request;

	if (place == NEAP_INVERSE_PLACE_OTHERS)
		leave_others(reader, what);
	if (place != NEAP_INVERSE_PLACE_FREE)
		return;
	if (errnum == EEXIST && read_hex(hex, &request) && request.header.nlmsg_type == RTM_NEWNEIGH) {
		request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
		if (send_request(reader, &request, &said) == 0)
			return;
	}
	leave(reader, what, why_not(errnum, said));
}

static void put_back(struct reader *reader, const char *what, const char *hex)
{
	const char *said;
	int errnum = send_hex(reader, hex, &said);

	if (errnum)
		settle(reader, what, hex, errnum, said);
}

/* ---- line by line ---------------------------------------------------------------------------------------
 */

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
	return neap_net_alike(is, set) & ~neap_net_alike(is, was) & fields;
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

	if (!net)
		return;
	if (!is) {
		leave(reader, name, "the link is not there any more");
		return;
	}
	if (!read_link(before, &was) || !read_link(after, &set)) {
		unreadable(reader, name);
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

	if (!net)
		return;
	if (!neap_net_prefix_parse(next(reader, &rest), &prefix)) {
		unreadable(reader, link);
		return;
	}
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

static void undo_put_route(struct reader *reader, struct neap_str rest)
{
	struct neap_net_change back = { .op = NEAP_NET_ROUTE_REMOVE };
	const struct neap_net *net = now(reader);
	const struct neap_net_route *is;
	struct neap_net_ip via = { 0 };
	const char *way, *link, *hex;

	if (!net)
		return;
	if (!read_key(reader, &rest, &back.route.key)) {
		unreadable(reader, "a route");
		return;
	}
	way = next(reader, &rest);
	link = next(reader, &rest);
	hex = next(reader, &rest);
	if (strcmp(way, "-") != 0 && !neap_net_ip_parse(way, &via)) {
		unreadable(reader, neap_net_object(&back, reader->arena));
		return;
	}
	is = neap_net_route(net, &back.route.key);
	if (is && (!is->plain || !neap_net_ip_equal(&is->via, &via) ||
		   (strcmp(link, NO_LINK) != 0 && strcmp(link, is->link) != 0))) {
		if (place_of(reader, hex) < NEAP_INVERSE_PLACE_SAME) /* else it has been taken back before */
			leave_others(reader, neap_net_object(&back, reader->arena));
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
	const char *hex;

	if (!net)
		return;
	if (!read_key(reader, &rest, &removed.route.key)) {
		unreadable(reader, "a route");
		return;
	}
	hex = next(reader, &rest);
	if (!neap_net_route(net, &removed.route.key))
		put_back(reader, neap_net_object(&removed, reader->arena), hex);
	else if (place_of(reader, hex) < NEAP_INVERSE_PLACE_SAME) /* else it has been taken back before */
		leave_others(reader, neap_net_object(&removed, reader->arena));
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
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_request request;
	const char *said;

	if (!was.len || was.len > MAC_SIZE || strspn(hex, "0123456789abcdef") != 2 * was.len) {
		unreadable(reader, name);
		return;
	}
	read_bytes(hex, was.bytes, was.len);
	neap_request_begin(&request, RTM_GETLINK, 0, &own, sizeof(own));
	neap_request_put_text(&request, IFLA_IFNAME, name);
	if (neap_netlink_ask(reader->netlink, &request, take_mac, &is, &err) < 0) {
		if (err->errnum == ENODEV)
			leave(reader, name, "the link is not there any more");
		else
			unseen(reader, err);
		return;
	}
	if (is.len == was.len && memcmp(is.bytes, was.bytes, is.len) == 0)
		return;
	neap_request_begin(&request, RTM_NEWLINK, 0, &own, sizeof(own));
	neap_request_put_text(&request, IFLA_IFNAME, name);
	neap_request_put(&request, IFLA_ADDRESS, was.bytes, was.len);
	if (send_request(reader, &request, &said) != 0)
		leave(reader, name, said);
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
		leave(reader, "what went along", why_not(errnum, said));
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

	if (!net)
		return;
	if (kind >= NEAP_NET_NEIGHBOUR_KINDS || !neap_net_ip_parse(next(reader, &rest), &ip) ||
	    !neap_net_mac_parse(next(reader, &rest), mac)) {
		unreadable(reader, link);
		return;
	}
	hex = next(reader, &rest);
	back.neighbour = neap_net_neighbour_of(link, (enum neap_net_neighbour_kind)kind, &ip, mac);
	is = neap_net_neighbour(net, &back.neighbour.key);
	if (is &&
	    (!neap_net_ip_equal(&is->ip, &ip) || memcmp(is->mac, back.neighbour.mac, sizeof(mac)) != 0)) {
		if (place_of(reader, hex) < NEAP_INVERSE_PLACE_SAME) /* else it has been taken back before */
			leave_others(reader, neap_net_object(&back, reader->arena));
	} else if (strcmp(hex, "-") != 0) {
		put_back(reader, neap_net_object(&back, reader->arena), hex);
	} else if (is) {
		change(reader, &back, ENOENT);
	}
}

/* "the neighbour 10.7.0.2": whom a message tells of. */
static const char *known_as(struct reader *reader, const char *hex)
{
	const struct rtattr *of[NEAP_INVERSE_ATTRIBUTES + 1];
	struct neap_net_ip ip = { 0 };
	struct neap_request request;
	const struct ndmsg *own = NLMSG_DATA(&request.header);
	static const uint8_t everybody[NEAP_NET_MAC];
	char text[NEAP_NET_TEXT];

	if (!read_hex(hex, &request) || request.header.nlmsg_type != RTM_NEWNEIGH ||
	    !neap_inverse_attributes(&request.header, of))
		return "who was known";
	if (own->ndm_family == AF_BRIDGE && of[NDA_LLADDR] && RTA_PAYLOAD(of[NDA_LLADDR]) >= NEAP_NET_MAC &&
	    memcmp(RTA_DATA(of[NDA_LLADDR]), everybody, sizeof(everybody)) != 0)
		return neap_arena_printf(reader->arena, "the forwarding %s",
					 neap_net_mac_print(RTA_DATA(of[NDA_LLADDR]), text));
	if (!of[NDA_DST] || RTA_PAYLOAD(of[NDA_DST]) > sizeof(ip.bytes))
		return "who was known";
	ip.family = RTA_PAYLOAD(of[NDA_DST]) == 4 ? 4 : 6;
	memcpy(ip.bytes, RTA_DATA(of[NDA_DST]), RTA_PAYLOAD(of[NDA_DST]));
	return neap_arena_printf(reader->arena, "the %s %s",
				 own->ndm_family == AF_BRIDGE ? "peer" : "neighbour",
				 neap_net_ip_print(&ip, text));
}

static void undo_removed_neighbour(struct reader *reader, struct neap_str rest)
{
	const char *hex = next(reader, &rest);

	put_back(reader, known_as(reader, hex), hex);
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
		reader.seen.len = 0;
		for (size_t i = 0; i < all.count; i++) {
			struct neap_str rest = all.items[passes[pass].backwards ? all.count - 1 - i : i];
			struct neap_str word = neap_inverse_word(&rest);

			if (neap_str_equal(word, neap_str(passes[pass].word)))
				passes[pass].undo(&reader, rest);
		}
	}
	neap_vec_done(&reader.firsts);
	neap_buf_done(&reader.seen);
	neap_vec_done(&all);
	neap_netlink_close(reader.netlink);
	neap_local_net_drop(local);
}
