/* See inverse_net_place.h. Must not send anything that changes the network. */
#include "host/inverse_net_place.h"

#include <string.h>
#include <sys/socket.h>

_Static_assert((int)RTA_MAX <= NEAP_INVERSE_ATTRIBUTES && (int)NDA_MAX <= NEAP_INVERSE_ATTRIBUTES,
	       "attributes of all three");

static bool known_type(const struct nlmsghdr *message)
{
	return message->nlmsg_type == RTM_NEWROUTE ? message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg))
	       : message->nlmsg_type == RTM_NEWNEIGH
		       ? message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ndmsg))
	       : message->nlmsg_type == RTM_NEWLINK
		       ? message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg))
		       : false;
}

bool neap_inverse_attributes(const struct nlmsghdr *message,
			     const struct rtattr *ret[NEAP_INVERSE_ATTRIBUTES + 1])
{
	size_t own = message->nlmsg_type == RTM_NEWROUTE   ? sizeof(struct rtmsg)
		     : message->nlmsg_type == RTM_NEWNEIGH ? sizeof(struct ndmsg)
							   : sizeof(struct ifinfomsg);

	if (!known_type(message))
		return false;
	neap_netlink_attributes((const void *)((const char *)NLMSG_DATA(message) + NLMSG_ALIGN(own)),
				NLMSG_PAYLOAD(message, own), ret, NEAP_INVERSE_ATTRIBUTES);
	return true;
}

static bool equal(const struct rtattr *a, const struct rtattr *b)
{
	return a && b ? RTA_PAYLOAD(a) == RTA_PAYLOAD(b) &&
				memcmp(RTA_DATA(a), RTA_DATA(b), RTA_PAYLOAD(a)) == 0
		      : !a && !b;
}

static bool all_equal(const struct rtattr *const *a, const struct rtattr *const *b,
		      const unsigned char *types)
{
	for (; *types; types++)
		if (!equal(a[*types], b[*types]))
			return false;
	return true;
}

static enum neap_inverse_place place_of_route(const struct nlmsghdr *is, const struct nlmsghdr *was,
					      const struct rtattr *const *at, const struct rtattr *const *of)
{
	static const unsigned char key[] = { RTA_TABLE, RTA_DST, RTA_PRIORITY, 0 };
	static const unsigned char way[] = { RTA_GATEWAY, RTA_VIA,       RTA_OIF,
					     RTA_PREFSRC, RTA_MULTIPATH, RTA_ENCAP,
					     RTA_NH_ID,   RTA_METRICS,   0 };
	const struct rtmsg *one = NLMSG_DATA(is), *other = NLMSG_DATA(was);

	if (one->rtm_family != other->rtm_family || one->rtm_dst_len != other->rtm_dst_len ||
	    one->rtm_src_len != other->rtm_src_len || one->rtm_tos != other->rtm_tos ||
	    (one->rtm_flags & RTM_F_CLONED) || !all_equal(at, of, key))
		return NEAP_INVERSE_PLACE_FREE;
	return one->rtm_type == other->rtm_type && all_equal(at, of, way) ? NEAP_INVERSE_PLACE_SAME
									  : NEAP_INVERSE_PLACE_OTHERS;
}

static enum neap_inverse_place place_of_neighbour(const struct nlmsghdr *is, const struct nlmsghdr *was,
						  const struct rtattr *const *at,
						  const struct rtattr *const *of)
{
	static const unsigned char what[] = { NDA_LLADDR,  NDA_DST,     NDA_PORT,  NDA_VNI,
					      NDA_SRC_VNI, NDA_IFINDEX, NDA_NH_ID, 0 };
	const struct ndmsg *one = NLMSG_DATA(is), *other = NLMSG_DATA(was);
	bool forwards = other->ndm_family == AF_BRIDGE;
	unsigned for_good = NUD_PERMANENT | (forwards ? NUD_NOARP : 0);

	if (one->ndm_family != other->ndm_family || one->ndm_ifindex != other->ndm_ifindex ||
	    (one->ndm_flags & NTF_PROXY) || (forwards && !(one->ndm_flags & NTF_SELF)) ||
	    !(forwards ? equal(at[NDA_LLADDR], of[NDA_LLADDR]) : equal(at[NDA_DST], of[NDA_DST])))
		return NEAP_INVERSE_PLACE_FREE;
	if (!(one->ndm_state & for_good) == !(other->ndm_state & for_good) && all_equal(at, of, what))
		return NEAP_INVERSE_PLACE_SAME;
	return (one->ndm_state & for_good) || (one->ndm_flags & NTF_EXT_LEARNED) ? NEAP_INVERSE_PLACE_OTHERS
										 : NEAP_INVERSE_PLACE_FREE;
}

static enum neap_inverse_place place_of_link(const struct nlmsghdr *is, const struct nlmsghdr *was,
					     const struct rtattr *const *at, const struct rtattr *const *of)
{
	const struct ifinfomsg *one = NLMSG_DATA(is), *other = NLMSG_DATA(was);
	bool index = one->ifi_index == other->ifi_index, name = equal(at[IFLA_IFNAME], of[IFLA_IFNAME]);

	return index && name   ? NEAP_INVERSE_PLACE_SAME
	       : index || name ? NEAP_INVERSE_PLACE_OTHERS
			       : NEAP_INVERSE_PLACE_FREE;
}

static enum neap_inverse_place place_among(const struct neap_buf *seen, const struct nlmsghdr *was)
{
	const struct rtattr *at[NEAP_INVERSE_ATTRIBUTES + 1] = { 0 },
							  *of[NEAP_INVERSE_ATTRIBUTES + 1] = { 0 };
	enum neap_inverse_place place = NEAP_INVERSE_PLACE_FREE, one;

	(void)neap_inverse_attributes(was, of);
	for (size_t i = 0; i < seen->len && place != NEAP_INVERSE_PLACE_SAME;) {
		const struct nlmsghdr *is = (const void *)(seen->data + i);

		(void)neap_inverse_attributes(is, at);
		one = was->nlmsg_type == RTM_NEWROUTE   ? place_of_route(is, was, at, of)
		      : was->nlmsg_type == RTM_NEWNEIGH ? place_of_neighbour(is, was, at, of)
							: place_of_link(is, was, at, of);
		place = one > place ? one : place;
		i += NLMSG_ALIGN(is->nlmsg_len);
	}
	return place;
}

static void see(void *ctx, const struct nlmsghdr *message)
{
	static const char padding[NLMSG_ALIGNTO];

	if (!known_type(message))
		return;
	neap_buf_append(ctx, (const char *)message, message->nlmsg_len);
	neap_buf_append(ctx, padding, NLMSG_ALIGN(message->nlmsg_len) - message->nlmsg_len);
}

static void see_again(void *ctx)
{
	((struct neap_buf *)ctx)->len = 0;
}

static int look(struct neap_netlink *netlink, const struct nlmsghdr *was, struct neap_buf *seen,
		struct neap_error **err)
{
	/* Of all three kinds the first byte is the family. */
	const struct ifinfomsg own = { .ifi_family = *(const unsigned char *)NLMSG_DATA(was) };
	bool link = was->nlmsg_type == RTM_NEWLINK || own.ifi_family == AF_BRIDGE;
	struct neap_request request;

	seen->len = 0;
	neap_request_begin(&request, (uint16_t)(was->nlmsg_type + RTM_GETLINK - RTM_NEWLINK), 0, &own,
			   link ? sizeof(own) : sizeof(struct rtmsg));
	if (neap_netlink_dump(netlink, &request, see, see_again, seen, err) == 0)
		return 0;
	seen->len = 0;
	return -1;
}

enum neap_inverse_place neap_inverse_place(struct neap_netlink *netlink, const struct nlmsghdr *was,
					   struct neap_buf *seen, struct neap_error **err)
{
	const struct nlmsghdr *first = (const void *)seen->data;

	if (!known_type(was))
		return NEAP_INVERSE_PLACE_FREE;
	if (seen->len && first->nlmsg_type == was->nlmsg_type &&
	    place_among(seen, was) == NEAP_INVERSE_PLACE_SAME)
		return NEAP_INVERSE_PLACE_SAME;
	return look(netlink, was, seen, err) < 0 ? NEAP_INVERSE_PLACE_UNSEEN : place_among(seen, was);
}
