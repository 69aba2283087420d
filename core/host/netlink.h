/*
 * Netlink: how the kernel is asked about its network and told to change it. Only netlink.c opens its socket;
 * what a message means is for others (local_net.c).
 */
#pragma once

#include <linux/rtnetlink.h>

#include "base/error.h"
#include "base/str.h"

struct neap_netlink;

int neap_netlink_open(struct neap_netlink **ret, struct neap_error **err);
void neap_netlink_close(struct neap_netlink *netlink); /* NULL is allowed */

/* A request under way: header, the family's own header, attributes. */
struct neap_request {
	union {
		struct nlmsghdr header;
		char bytes[1024];
	};
};
void neap_request_begin(struct neap_request *request, uint16_t type, uint16_t flags, const void *own,
			size_t size);
void neap_request_put(struct neap_request *request, uint16_t type, const void *data, size_t len);
void neap_request_put_u8(struct neap_request *request, uint16_t type, uint8_t value);
void neap_request_put_u32(struct neap_request *request, uint16_t type, uint32_t value);
void neap_request_put_text(struct neap_request *request, uint16_t type, const char *text);
/* Attributes within one; what it returns goes to _close(). `own` bytes come first in it. */
size_t neap_request_open(struct neap_request *request, uint16_t type, const void *own, size_t size);
void neap_request_close(struct neap_request *request, size_t start);

/* Sends it and waits for the verdict: 0, or negative with the reason the kernel gave ("File exists", and
 * what it says beside it). `answer`: called with what it is answered, or NULL. */
typedef void neap_netlink_fn(void *ctx, const struct nlmsghdr *message);
int neap_netlink_ask(struct neap_netlink *netlink, struct neap_request *request, neap_netlink_fn *answer,
		     void *ctx, struct neap_error **err);
/* All there is of a kind, or an error: never a part of it. When the kernel says that it changed meanwhile,
 * `again` is called and it starts over. */
int neap_netlink_dump(struct neap_netlink *netlink, struct neap_request *request, neap_netlink_fn *answer,
		      void (*again)(void *ctx), void *ctx, struct neap_error **err);

/* Attributes of a message, by type; those above `max` are left out. */
void neap_netlink_attributes(const struct rtattr *first, size_t len, const struct rtattr **ret, unsigned max);
uint32_t neap_netlink_u32(const struct rtattr *attribute); /* 0 where there is none */
