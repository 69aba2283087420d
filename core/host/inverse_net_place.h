/*
 * What stands by now in the place of what a message of the kernel puts: a link, a route, or whom a link
 * knows. Private to inverse_net*.c.
 */
#pragma once

#include "base/str.h"
#include "host/netlink.h"

enum neap_inverse_place {
	NEAP_INVERSE_PLACE_FREE, /* or taken by one whom the kernel has met by itself */
	NEAP_INVERSE_PLACE_OTHERS,
	NEAP_INVERSE_PLACE_SAME,
	NEAP_INVERSE_PLACE_UNSEEN, /* with *err */
};

/* A message of another kind has a place that is free. `seen` is the caller's, empty at first: what there was
 * of the kind that was asked for last, as messages. There may be thousands: they are good where they say that
 * all is well. */
enum neap_inverse_place neap_inverse_place(struct neap_netlink *netlink, const struct nlmsghdr *was,
					   struct neap_buf *seen, struct neap_error **err);

#define NEAP_INVERSE_ATTRIBUTES IFLA_MAX /* the most of the three */

/* The attributes of such a message, by type, NULL where there is none; false: it is of another kind. */
bool neap_inverse_attributes(const struct nlmsghdr *message,
			     const struct rtattr *ret[NEAP_INVERSE_ATTRIBUTES + 1]);
