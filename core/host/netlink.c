/*
 * Netlink by the kernel's own headers. libmnl would do the same; linked, it makes every start ten system
 * calls and 0.6 ms longer, and what is needed of it is this.
 */
#include "host/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"

#define BUFFER ((size_t)64 << 10) /* the kernel fills 32 KB of it at once */
#define TRIES 8                   /* of a dump that was interrupted by changes */
#define TIMEOUT 10                /* seconds for an answer */

struct neap_netlink {
	int fd;
	uint32_t sequence;
	char buffer[];
};

int neap_netlink_open(struct neap_netlink **ret, struct neap_error **err)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT };
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), on = 1;

	if (fd < 0)
		return neap_error_errno(err, errno, "open a netlink socket");
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		neap_error_errno(err, errno, "open a netlink socket");
		close(fd);
		return -1;
	}
	/* An old kernel only says less. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	*ret = neap_alloc(sizeof(**ret) + BUFFER);
	(*ret)->fd = fd;
	(*ret)->sequence = 0;
	return 0;
}

void neap_netlink_close(struct neap_netlink *netlink)
{
	if (!netlink)
		return;
	close(netlink->fd);
	free(netlink);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static void append(struct neap_request *request, const void *data, size_t len)
{
	size_t at = request->header.nlmsg_len, padded = NLMSG_ALIGN(len);

	if (at + padded > sizeof(request->bytes)) /* all that is put in is small and counted */
		abort();
	memset(request->bytes + at, 0, padded);
	if (len)
		memcpy(request->bytes + at, data, len);
	request->header.nlmsg_len = (uint32_t)(at + padded);
}

void neap_request_begin(struct neap_request *request, uint16_t type, uint16_t flags, const void *own,
			size_t size)
{
	request->header = (struct nlmsghdr){ .nlmsg_len = NLMSG_HDRLEN,
					     .nlmsg_type = type,
					     .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) };
	append(request, own, size);
}

void neap_request_put(struct neap_request *request, uint16_t type, const void *data, size_t len)
{
	const struct rtattr attribute = { .rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type };

	append(request, &attribute, sizeof(attribute));
	append(request, data, len);
}

void neap_request_put_u8(struct neap_request *request, uint16_t type, uint8_t value)
{
	neap_request_put(request, type, &value, sizeof(value));
}

void neap_request_put_u32(struct neap_request *request, uint16_t type, uint32_t value)
{
	neap_request_put(request, type, &value, sizeof(value));
}

void neap_request_put_text(struct neap_request *request, uint16_t type, const char *text)
{
	neap_request_put(request, type, text, strlen(text) + 1);
}

size_t neap_request_open(struct neap_request *request, uint16_t type, const void *own, size_t size)
{
	size_t start = request->header.nlmsg_len;

	neap_request_put(request, type, own, size);
	return start;
}

void neap_request_close(struct neap_request *request, size_t start)
{
	uint16_t len = (uint16_t)(request->header.nlmsg_len - start);

	memcpy(request->bytes + start + offsetof(struct rtattr, rta_len), &len, sizeof(len));
}

/* ---- attributes ---------------------------------------------------------------------------------------- */

void neap_netlink_attributes(const struct rtattr *first, size_t len, const struct rtattr **ret, unsigned max)
{
	memset(ret, 0, (max + 1) * sizeof(*ret));
	for (const struct rtattr *at = first; RTA_OK(at, len); at = RTA_NEXT(at, len)) {
		unsigned type = at->rta_type & (unsigned)NLA_TYPE_MASK;

		if (type <= max)
			ret[type] = at;
	}
}

uint32_t neap_netlink_u32(const struct rtattr *attribute)
{
	uint32_t value = 0;

	if (attribute && RTA_PAYLOAD(attribute) >= sizeof(value))
		memcpy(&value, RTA_DATA(attribute), sizeof(value));
	return value;
}

/* ---- talking ------------------------------------------------------------------------------------------- */

static int send_request(struct neap_netlink *netlink, struct neap_request *request, struct neap_error **err)
{
	request->header.nlmsg_seq = ++netlink->sequence;
	return send(netlink->fd, request->bytes, request->header.nlmsg_len, 0) < 0
		       ? neap_error_errno(err, errno, "ask the kernel")
		       : 0;
}

/* The kernel's verdict: a negative errno, and often a sentence about it in attributes `before` bytes into the
 * message. */
static int verdict(const struct nlmsghdr *message, int code, size_t before, struct neap_error **err)
{
	const struct rtattr *attributes[NLMSGERR_ATTR_MSG + 1] = { 0 };
	const struct rtattr *text;

	before = NLMSG_ALIGN(before);
	if ((message->nlmsg_flags & NLM_F_ACK_TLVS) && NLMSG_PAYLOAD(message, 0) > before)
		neap_netlink_attributes(
			(const struct rtattr *)(const void *)((const char *)NLMSG_DATA(message) + before),
			NLMSG_PAYLOAD(message, 0) - before, attributes, NLMSGERR_ATTR_MSG);
	text = attributes[NLMSGERR_ATTR_MSG];
	if (!text || !RTA_PAYLOAD(text))
		return neap_error_errno(err, -code, "the kernel refused");
	return neap_error_errno(err, -code, "%.*s", (int)strnlen(RTA_DATA(text), RTA_PAYLOAD(text)),
				(const char *)RTA_DATA(text));
}

/* What a request has come to. */
static int judge(const struct nlmsghdr *message, struct neap_error **err)
{
	const struct nlmsgerr *error = NLMSG_DATA(message);

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
		return neap_error_set(err, "the kernel's answer is cut off");
	return error->error == 0 ? 0 : verdict(message, error->error, sizeof(*error), err);
}

/* What a dump has come to: the kernel may have sent some of it before it failed. */
static int judge_dump(const struct nlmsghdr *message, bool *ret_torn, struct neap_error **err)
{
	int code = 0;

	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(code)))
		memcpy(&code, NLMSG_DATA(message), sizeof(code));
	if (code >= 0)
		return 0;
	if (code == -EINTR || code == -EAGAIN) {
		*ret_torn = true;
		return 0;
	}
	return verdict(message, code, sizeof(code), err);
}

/* Reads what the last request is answered, up to its end. *ret_torn: it is no picture of one moment. */
static int read_answer(struct neap_netlink *netlink, neap_netlink_fn *answer, void *ctx, bool *ret_torn,
		       struct neap_error **err)
{
	for (;;) {
		ssize_t got = recv(netlink->fd, netlink->buffer, BUFFER, MSG_TRUNC);
		const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)netlink->buffer;
		size_t left = got < 0 ? 0 : (size_t)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return neap_error_errno(err, errno, "read the kernel's answer");
		if (left > BUFFER)
			return neap_error_errno(err, EMSGSIZE, "read the kernel's answer");
		for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_seq != netlink->sequence)
				continue; /* of a request given up */
			*ret_torn = *ret_torn || (message->nlmsg_flags & NLM_F_DUMP_INTR);
			if (message->nlmsg_type == NLMSG_ERROR)
				return judge(message, err);
			if (message->nlmsg_type == NLMSG_DONE)
				return judge_dump(message, ret_torn, err);
			if (message->nlmsg_type >= NLMSG_MIN_TYPE && answer)
				answer(ctx, message);
		}
	}
}

int neap_netlink_ask(struct neap_netlink *netlink, struct neap_request *request, neap_netlink_fn *answer,
		     void *ctx, struct neap_error **err)
{
	bool torn = false;

	request->header.nlmsg_flags |= NLM_F_ACK;
	if (send_request(netlink, request, err) < 0)
		return -1;
	return read_answer(netlink, answer, ctx, &torn, err);
}

int neap_netlink_dump(struct neap_netlink *netlink, struct neap_request *request, neap_netlink_fn *answer,
		      void (*again)(void *ctx), void *ctx, struct neap_error **err)
{
	request->header.nlmsg_flags |= NLM_F_DUMP;
	for (unsigned i = 0; i < TRIES; i++) {
		bool torn = false;

		if (send_request(netlink, request, err) < 0 ||
		    read_answer(netlink, answer, ctx, &torn, err) < 0)
			return -1;
		if (!torn)
			return 0;
		again(ctx);
	}
	return neap_error_errno(err, EBUSY, "it changes faster than it can be read");
}
