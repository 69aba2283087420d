/* Lines that others read meanwhile, and a small file that is replaced: what a disk that fills up does to
 * them. */
#include "local_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "base/error.h"
#include "host/feed.h"
#include "host/swap.h"

static struct rlimit before;

/* No file may grow beyond so many bytes: the next write is cut, the one after it refused. */
static void limit(rlim_t bytes)
{
	struct rlimit small = { bytes, before.rlim_max };

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, bytes ? &small : &before), 0);
}

static int line(struct neap_feed *feed, const char *text, struct neap_error **err)
{
	return neap_feed_line(feed, text, strlen(text), err);
}

static struct neap_feed *open_feed(const char *path)
{
	struct neap_error *err = NULL;
	struct neap_feed *feed = NULL;

	if (neap_feed_open(path, &feed, &err) < 0)
		fail_msg("%s", err->message);
	return feed;
}

static void feed__half_a_line_is_ended_before_the_next_one(void **state)
{
	struct fixture *f = *state;
	const char *path = real(f, "/events");
	struct neap_error *err NEAP_AUTO_ERROR = NULL, *again = NULL;
	struct neap_feed *feed = open_feed(path);

	assert_int_equal(line(feed, "one\n", &err), 0);
	limit(7);
	assert_int_equal(line(feed, "second\n", &err), -1);
	assert_non_null(strstr(err->message, "what comes meanwhile is lost"));
	assert_int_equal(line(feed, "lost\n", &again), -1);
	assert_null(again); /* it was told */
	limit(0);
	assert_int_equal(line(feed, "third\n", &again), 0);
	assert_int_equal(line(feed, "fourth\n", &again), 0);
	neap_feed_close(feed);
	assert_string_equal(slurp(path), "one\nsec\nthird\nfourth\n");
	/* That of a run before this one, too. */
	put(f, "/events", "whole\nhal");
	feed = open_feed(path);
	assert_int_equal(line(feed, "next\n", &again), 0);
	neap_feed_close(feed);
	assert_string_equal(slurp(path), "whole\nhal\nnext\n");
	put(f, "/events", "");
	feed = open_feed(path);
	assert_int_equal(line(feed, "first\n", &again), 0);
	neap_feed_close(feed);
	assert_string_equal(slurp(path), "first\n");
}

static void feed__a_pipe_gets_whole_lines_or_none(void **state)
{
	struct fixture *f = *state;
	const char *path = real(f, "/pipe");
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	static char big[5000];
	char got[64] = "";

	assert_int_equal(mkfifo(path, 0600), 0);
	struct neap_feed *feed = open_feed(path);
	assert_int_equal(line(feed, "nobody\n", &err), -1);
	assert_non_null(strstr(err->message, "nobody reads it"));
	int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(line(feed, "here\n", NULL), 0);
	memset(big, 'x', sizeof(big) - 2);
	big[sizeof(big) - 2] = '\n';
	assert_int_equal(line(feed, big, NULL), -1);
	assert_int_equal(line(feed, "there\n", NULL), 0);
	assert_int_equal(read(reader, got, sizeof(got) - 1), 11);
	assert_string_equal(got, "here\nthere\n");
	/* It goes, and another one comes. */
	close(reader);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(line(feed, "gone\n", NULL), -1);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(line(feed, "again\n", NULL), 0);
	assert_int_equal(read(reader, got, sizeof(got) - 1), 6);
	/* One that does not read is waited for, but not for long in all. */
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < 30000; i++)
		line(feed, "filled to the brim and above\n", NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_in_range(to.tv_sec - from.tv_sec, 1, 5);
	neap_feed_close(feed);
	close(reader);
}

static void swap__what_cannot_be_written_leaves_the_old_file_and_nothing_beside_it(void **state)
{
	struct fixture *f = *state;
	const char *path = real(f, "/neap.prom");
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	assert_int_equal(neap_swap_write(path, "old\n", 4, NULL), 0);
	limit(3);
	int r = neap_swap_write(path, "new and longer\n", 15, &err);
	limit(0);
	assert_int_equal(r, -1);
	assert_string_equal(slurp(path), "old\n");
	assert_int_equal(count_leftovers(f), 0);
	assert_int_equal(neap_swap_write(path, "new\n", 4, NULL), 0);
	assert_string_equal(slurp(path), "new\n");
	assert_int_equal(count_leftovers(f), 0);
	/* A directory in its place, and one that is not there. */
	make_dir(f, "/dir");
	make_dir(f, "/dir/x");
	assert_int_equal(neap_swap_write(real(f, "/dir"), "x", 1, NULL), -1);
	assert_int_equal(neap_swap_write(real(f, "/nowhere/x"), "x", 1, NULL), -1);
	assert_int_equal(count_leftovers(f), 0);
}

static int save(void **state)
{
	(void)state;
	return getrlimit(RLIMIT_FSIZE, &before);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_new, fixture_free)
	const struct CMUnitTest tests[] = {
		TEST(feed__half_a_line_is_ended_before_the_next_one),
		TEST(feed__a_pipe_gets_whole_lines_or_none),
		TEST(swap__what_cannot_be_written_leaves_the_old_file_and_nothing_beside_it),
	};
	return cmocka_run_group_tests(tests, save, NULL);
}
