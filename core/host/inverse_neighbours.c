/*
 * Whom the links of the real machine know, and how it is taken back that they were told of others. What the
 * kernel says of one is kept message for message. It must not know who asks.
 *
 *	put-neighbour LINK KIND IP MAC HEX     who was put, and who had that place, or "-"
 *	removed-neighbour HEX
 *	along HEX                              one who may go with a change of the link
 *	made-along HEX                         who comes with a link that is made again, and goes by this
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "host/inverse_net.h"

#define IS_VALID (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)
#define IS_FOR_GOOD (NUD_PERMANENT | NUD_NOARP)

/* Of a NEAP_NET_PEER the IP address, too, and how it is sent to: all of them have one hardware address, 0. */
struct key {
	uint32_t link, through, id;
	uint16_t port;
	uint8_t kind, family, bytes[16];
};

struct neap_raw_neighbour {
	const struct nlmsghdr *message;
	struct key key;
	bool has_key, said;
	bool several; /* there may be more of its hardware address */
};

static const uint8_t nobody[NEAP_NET_MAC];

static void attributes_of(const struct nlmsghdr *message, const struct rtattr *ret[NDA_MAX + 1])
{
	const struct ndmsg *own = NLMSG_DATA(message);

	neap_netlink_attributes((const struct rtattr *)(const void *)(own + 1),
				NLMSG_PAYLOAD(message, sizeof(*own)), ret, NDA_MAX);
}

static void copy_ip(struct key *key, const struct rtattr *ip)
{
	size_t size = RTA_PAYLOAD(ip);

	key->family = size == 4 ? 4 : 6;
	memcpy(key->bytes, RTA_DATA(ip), size < sizeof(key->bytes) ? size : sizeof(key->bytes));
}

static void find_key(struct neap_raw_neighbour *raw, bool forwards, const struct rtattr *const *of)
{
	const uint8_t *mac = RTA_DATA(of[NDA_LLADDR]);
	if (!forwards) {
		raw->key.kind = NEAP_NET_NEIGHBOUR;
		raw->has_key = of[NDA_DST] != NULL;
		if (raw->has_key)
			copy_ip(&raw->key, of[NDA_DST]);
		return;
	}
	raw->several = (mac[0] & 1) || memcmp(mac, nobody, sizeof(nobody)) == 0;
	if (raw->several) {
		raw->key.kind = NEAP_NET_PEER;
		raw->has_key = !(mac[0] & 1) && of[NDA_DST] && !of[NDA_SRC_VNI] && !of[NDA_NH_ID];
		if (!raw->has_key)
			return;
		copy_ip(&raw->key, of[NDA_DST]);
		raw->key.through = neap_netlink_u32(of[NDA_IFINDEX]);
		raw->key.id = neap_netlink_u32(of[NDA_VNI]);
		if (of[NDA_PORT] && RTA_PAYLOAD(of[NDA_PORT]) >= sizeof(raw->key.port))
			memcpy(&raw->key.port, RTA_DATA(of[NDA_PORT]), sizeof(raw->key.port));
		return;
	}
	raw->key.kind = NEAP_NET_FORWARD;
	raw->has_key = true;
	memcpy(raw->key.bytes, mac, NEAP_NET_MAC);
}

static void take(void *ctx, const struct nlmsghdr *message)
{
	struct neap_known *known = ctx;
	const struct ndmsg *own = NLMSG_DATA(message);
	const struct rtattr *of[NDA_MAX + 1];
	struct neap_raw_neighbour *raw;
	bool forwards;

	if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof(*own)))
		return;
	forwards = own->ndm_family == AF_BRIDGE;
	attributes_of(message, of);
	if (!of[NDA_LLADDR] || RTA_PAYLOAD(of[NDA_LLADDR]) < NEAP_NET_MAC ||
	    (forwards ? !(own->ndm_flags & NTF_SELF) : !(own->ndm_state & IS_VALID)))
		return;
	raw = neap_arena_new_of(known->arena, struct neap_raw_neighbour);
	*raw = (struct neap_raw_neighbour){ .key.link = (uint32_t)own->ndm_ifindex };
	raw->message =
		memcpy(neap_arena_alloc(known->arena, message->nlmsg_len), message, message->nlmsg_len);
	/* A daemon says so as well; what is for good of itself is no neighbour (a group). */
	raw->said = (own->ndm_flags & NTF_EXT_LEARNED) ||
		    (own->ndm_state & (forwards ? IS_FOR_GOOD : NUD_PERMANENT));
	find_key(raw, forwards, of);
	neap_vec_push(&known->all, raw);
}

static void again(void *ctx)
{
	struct neap_known *known = ctx;

	known->all.count = known->neighbours;
}

static struct neap_str text_of(const struct key *key)
{
	return (struct neap_str){ (const char *)key, sizeof(*key) };
}

int neap_known_look(struct neap_netlink *netlink, bool forwards, struct neap_known *known,
		    struct neap_error **err)
{
	const struct ndmsg neighbours = { .ndm_family = AF_UNSPEC };
	const struct ifinfomsg of_bridges = { .ifi_family = AF_BRIDGE };
	struct neap_request request;

	neap_request_begin(&request, RTM_GETNEIGH, 0, &neighbours, sizeof(neighbours));
	if (neap_netlink_dump(netlink, &request, take, again, known, err) < 0)
		return -1;
	known->neighbours = known->all.count;
	neap_request_begin(&request, RTM_GETNEIGH, 0, &of_bridges, sizeof(of_bridges));
	if (forwards && neap_netlink_dump(netlink, &request, take, again, known, err) < 0)
		return -1;
	for (size_t i = 0; i < known->all.count; i++)
		if (known->all.items[i]->has_key)
			neap_map_put(&known->by_key, text_of(&known->all.items[i]->key), known->all.items[i]);
	return 0;
}

void neap_known_done(struct neap_known *known)
{
	neap_map_done(&known->by_key);
	neap_vec_done(&known->all);
}

/* ---- lines --------------------------------------------------------------------------------------------- */

/* Whoever has its place by then stays. */
static unsigned beside(const struct neap_raw_neighbour *raw)
{
	return raw->several ? NLM_F_APPEND : NLM_F_EXCL;
}

int neap_known_put_along(const struct neap_known *known, uint32_t link, bool forwards, struct neap_buf *lines,
			 struct neap_error **err)
{
	size_t end = forwards ? known->all.count : known->neighbours;

	for (size_t i = forwards ? known->neighbours : 0; i < end; i++) {
		const struct neap_raw_neighbour *raw = known->all.items[i];

		if (raw->key.link != link || !raw->said)
			continue;
		neap_buf_puts(lines, "along ");
		if (neap_inverse_put_message(lines, raw->message, beside(raw), err) < 0)
			return -1;
	}
	return 0;
}

void neap_known_put_default(const struct neap_known *known, uint32_t link, const struct rtattr *settings,
			    struct neap_buf *lines)
{
	const struct ndmsg own = { .ndm_family = AF_BRIDGE,
				   .ndm_ifindex = (int)link,
				   .ndm_state = NUD_PERMANENT,
				   .ndm_flags = NTF_SELF };
	const struct rtattr *of[IFLA_VXLAN_MAX + 1], *to;
	struct neap_request request;
	uint32_t over;

	neap_netlink_attributes(RTA_DATA(settings), RTA_PAYLOAD(settings), of, IFLA_VXLAN_MAX);
	to = of[IFLA_VXLAN_GROUP] ? of[IFLA_VXLAN_GROUP] : of[IFLA_VXLAN_GROUP6];
	over = neap_netlink_u32(of[IFLA_VXLAN_LINK]);
	if (!to)
		return;
	for (size_t i = known->neighbours; i < known->all.count; i++) {
		const struct neap_raw_neighbour *raw = known->all.items[i];
		const struct rtattr *at[NDA_MAX + 1];

		attributes_of(raw->message, at);
		if (raw->key.link == link && raw->several && at[NDA_DST] &&
		    RTA_PAYLOAD(at[NDA_DST]) == RTA_PAYLOAD(to) &&
		    memcmp(RTA_DATA(at[NDA_DST]), RTA_DATA(to), RTA_PAYLOAD(to)) == 0 &&
		    memcmp(RTA_DATA(at[NDA_LLADDR]), nobody, sizeof(nobody)) == 0 &&
		    neap_netlink_u32(at[NDA_IFINDEX]) == over)
			return;
	}
	neap_request_begin(&request, RTM_DELNEIGH, 0, &own, sizeof(own));
	neap_request_put(&request, NDA_LLADDR, nobody, sizeof(nobody));
	neap_request_put(&request, NDA_DST, RTA_DATA(to), RTA_PAYLOAD(to));
	if (over)
		neap_request_put_u32(&request, NDA_IFINDEX, over);
	neap_buf_puts(lines, "made-along ");
	neap_inverse_put_hex(lines, request.bytes, request.header.nlmsg_len);
	neap_buf_putc(lines, '\n');
}

int neap_known_put_change(const struct neap_known *known, uint32_t link, uint32_t through,
			  const struct neap_net_change *change, struct neap_buf *lines,
			  struct neap_error **err)
{
	const struct neap_net_neighbour *one = &change->neighbour;
	struct key key = { .link = link,
			   .through = through,
			   .id = one->key.id,
			   .port = htons(one->key.port),
			   .kind = one->key.kind,
			   .family = one->key.family };
	const struct neap_raw_neighbour *was;
	bool puts = change->op == NEAP_NET_NEIGHBOUR_PUT;
	char ip[NEAP_NET_TEXT], mac[NEAP_NET_MAC_TEXT];

	memcpy(key.bytes, one->key.bytes, sizeof(key.bytes));
	was = neap_map_get(&known->by_key, text_of(&key));
	if (puts ? was && was->several : !was) /* nothing comes of it */
		return 0;
	if (puts)
		neap_buf_printf(lines, "put-neighbour %s %u %s %s ", one->key.link, one->key.kind,
				neap_net_ip_print(&one->ip, ip), neap_net_mac_print(one->mac, mac));
	else
		neap_buf_puts(lines, "removed-neighbour ");
	if (was)
		return neap_inverse_put_message(lines, was->message, puts ? NLM_F_REPLACE : beside(was), err);
	neap_buf_puts(lines, "-\n");
	return 0;
}
