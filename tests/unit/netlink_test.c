/* What the kernel answers, played by the test at the other end of the socket: a dump is whole or an error. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/netlink.h"

struct kernel {
	struct neap_netlink *netlink;
	int fd;
	uint32_t sequence; /* of the request that is answered next */
	unsigned seen, again;
};

static void open_kernel(struct kernel *kernel)
{
	struct neap_error *err = NULL;
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC), ends[2];

	close(next); /* the socket takes its number */
	*kernel = (struct kernel){ .sequence = 1 };
	assert_int_equal(neap_netlink_open(&kernel->netlink, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(dup3(ends[0], next, O_CLOEXEC), next);
	close(ends[0]);
	kernel->fd = ends[1];
}

static void close_kernel(struct kernel *kernel)
{
	neap_netlink_close(kernel->netlink);
	close(kernel->fd);
}

/* A message with a number and, when it is not NULL, the sentence that comes beside it. */
static void say(const struct kernel *kernel, uint16_t type, uint16_t flags, int code, const char *text)
{
	struct neap_request message;

	neap_request_begin(&message, type, flags, &code, sizeof(code));
	if (text)
		neap_request_put_text(&message, NLMSGERR_ATTR_MSG, text);
	message.header.nlmsg_flags = (uint16_t)(flags | (text ? NLM_F_ACK_TLVS : 0));
	message.header.nlmsg_seq = kernel->sequence;
	assert_int_equal(send(kernel->fd, message.bytes, message.header.nlmsg_len, 0),
			 message.header.nlmsg_len);
}

static void on_answer(void *ctx, const struct nlmsghdr *message)
{
	struct kernel *kernel = ctx;

	(void)message;
	kernel->seen++;
}

static void on_again(void *ctx)
{
	struct kernel *kernel = ctx;

	kernel->seen = 0;
	kernel->again++;
}

static int dump(struct kernel *kernel, struct neap_error **err)
{
	const struct rtgenmsg own = { .rtgen_family = AF_UNSPEC };
	struct neap_request request;

	neap_request_begin(&request, RTM_GETLINK, 0, &own, sizeof(own));
	return neap_netlink_dump(kernel->netlink, &request, on_answer, on_again, kernel, err);
}

static void netlink__a_dump_that_ends_well_is_whole(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct kernel kernel;

	(void)state;
	open_kernel(&kernel);
	say(&kernel, RTM_NEWLINK, NLM_F_MULTI, 1, NULL);
	say(&kernel, RTM_NEWLINK, NLM_F_MULTI, 2, NULL);
	say(&kernel, NLMSG_DONE, NLM_F_MULTI, 0, NULL);
	assert_int_equal(dump(&kernel, &err), 0);
	assert_int_equal(kernel.seen, 2);
	assert_int_equal(kernel.again, 0);
	close_kernel(&kernel);
}

/* Part of it has come, and nothing else says that more was to come. */
static void netlink__a_dump_that_failed_on_the_way_is_an_error(void **state)
{
	struct neap_error *err = NULL;
	struct kernel kernel;

	(void)state;
	open_kernel(&kernel);
	say(&kernel, RTM_NEWLINK, NLM_F_MULTI, 1, NULL);
	say(&kernel, NLMSG_DONE, NLM_F_MULTI, -ENOBUFS, NULL);
	assert_int_equal(dump(&kernel, &err), -1);
	assert_string_equal(err->message, "the kernel refused: No buffer space available");
	assert_int_equal(err->errnum, ENOBUFS);
	neap_error_free(err);
	err = NULL;
	kernel.sequence = 2;
	say(&kernel, NLMSG_DONE, NLM_F_MULTI, -EINVAL, "that filter is none");
	assert_int_equal(dump(&kernel, &err), -1);
	assert_string_equal(err->message, "that filter is none: Invalid argument");
	neap_error_free(err);
	close_kernel(&kernel);
}

static void netlink__a_dump_that_was_interrupted_is_begun_anew(void **state)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct kernel kernel;

	(void)state;
	open_kernel(&kernel);
	say(&kernel, RTM_NEWLINK, NLM_F_MULTI, 1, NULL);
	say(&kernel, NLMSG_DONE, NLM_F_MULTI | NLM_F_DUMP_INTR, 0, NULL);
	kernel.sequence = 2;
	say(&kernel, RTM_NEWLINK, NLM_F_MULTI, 1, NULL);
	say(&kernel, NLMSG_DONE, NLM_F_MULTI, -EINTR, NULL);
	kernel.sequence = 3;
	say(&kernel, RTM_NEWLINK, NLM_F_MULTI, 1, NULL);
	say(&kernel, RTM_NEWLINK, NLM_F_MULTI, 2, NULL);
	say(&kernel, NLMSG_DONE, NLM_F_MULTI, 0, NULL);
	assert_int_equal(dump(&kernel, &err), 0);
	assert_int_equal(kernel.seen, 2);
	assert_int_equal(kernel.again, 2);
	close_kernel(&kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(netlink__a_dump_that_ends_well_is_whole),
		cmocka_unit_test(netlink__a_dump_that_failed_on_the_way_is_an_error),
		cmocka_unit_test(netlink__a_dump_that_was_interrupted_is_begun_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
