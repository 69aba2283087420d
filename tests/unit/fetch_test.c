/* host/fetch with a real server (tests/web): what it believes, bounds, progress and the way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/fetch.h"

#define SIZE 3000000

static struct {
	char folder[64], url[128];
	pid_t server;
	struct neap_checksum sum;
} test;

static void write_file(const char *path, const char *bytes, size_t len)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static int start(void **state)
{
	static char bytes[SIZE];
	char path[128];
	unsigned port = 0;
	(void)state;

	snprintf(test.folder, sizeof test.folder, "/tmp/neap-fetch-XXXXXX");
	assert_non_null(mkdtemp(test.folder));
	snprintf(path, sizeof path, "%s/www", test.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * i >> 7);
	snprintf(path, sizeof path, "%s/www/big", test.folder);
	write_file(path, bytes, SIZE);
	neap_checksum_of(NEAP_SHA512, bytes, SIZE, &test.sum);
	test.server = fork();
	if (test.server == 0) {
		setpgid(0, 0);
		execl(NEAP_WEB, NEAP_WEB, test.folder, NULL);
		_exit(127);
	}
	setpgid(test.server, test.server);
	snprintf(path, sizeof path, "%s/port", test.folder);
	for (int i = 0; i < 1000 && port == 0; i++) {
		FILE *file = fopen(path, "r");
		if (file && fscanf(file, "%u", &port) != 1)
			port = 0;
		if (file)
			fclose(file);
		usleep(port ? 0 : 20000);
	}
	assert_int_not_equal(port, 0);
	snprintf(test.url, sizeof test.url, "http://127.0.0.1:%u", port);
	return 0;
}

static int stop(void **state)
{
	char command[128];
	(void)state;

	kill(-test.server, SIGKILL); /* and those that answer */
	waitpid(test.server, NULL, 0);
	snprintf(command, sizeof command, "rm -rf %s", test.folder);
	return system(command);
}

/* An empty file without a name. */
static int new_file(void)
{
	char path[] = "/tmp/neap-fetch-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static off_t size_of(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static const char *url_of(const char *path)
{
	static char url[256];
	snprintf(url, sizeof url, "%s/%s", test.url, path);
	return url;
}

static const char *log_path(void)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/log", test.folder);
	return path;
}

/* What the server was asked by the last fetch(), a line a request. */
static const char *asked(void)
{
	static char text[8192];
	FILE *file = fopen(log_path(), "r");
	size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
	if (file)
		fclose(file);
	text[len] = '\0';
	return text;
}

static int fetch(const char *path, int fd, uint64_t max, const struct neap_machine_watch *watch,
		 struct neap_content *ret, struct neap_error **err)
{
	const char *const urls[] = { url_of(path), NULL };
	const char *const headers[] = { "X-Token: secret", NULL };
	const struct neap_fetch_order order = {
		.urls = urls, .headers = headers, .checksum = test.sum, .max = max, .watch = watch
	};
	unlink(log_path());
	return neap_fetch_into(&order, fd, ret, err);
}

static void fetch__says_size_and_digest_whatever_the_checksum(void **state)
{
	struct neap_content content;
	struct neap_checksum sha256 = { .kind = NEAP_SHA256 }, is = { .kind = NEAP_SHA256 };
	static char bytes[SIZE];
	int fd = new_file();
	(void)state;

	assert_int_equal(fetch("big", fd, 0, NULL, &content, NULL), 0);
	assert_int_equal(content.size, SIZE);
	assert_int_equal(pread(fd, bytes, SIZE, 0), SIZE);
	neap_checksum_of(NEAP_SHA256, bytes, SIZE, &sha256);
	memcpy(is.bytes, content.digest, sizeof content.digest);
	assert_true(neap_checksum_equal(&is, &sha256));
	close(fd);
}

/* With the first 1000 bytes right, or wrong, at hand. */
static void fetch__believes_nothing_but_the_checksum(void **state)
{
#define GET(path) "GET /" path " token=secret\n"
#define REST(path) "GET /" path " range=bytes=1000- token=secret\n"
	static const struct {
		const char *path;
		bool wrong;
		const char *asks;
	} cells[] = {
		{ "big", false, REST("big") },
		{ "norange/big", false, REST("norange/big") },
		{ "norange/big", true, REST("norange/big") },
		{ "wrongrange/big", false, REST("wrongrange/big") GET("wrongrange/big") },
		{ "416/big", false, REST("416/big") GET("416/big") },
		{ "big", true, REST("big") GET("big") },
	};
	static char bytes[SIZE], part[1000];
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct neap_content content;
		struct neap_checksum sum;
		int fd = new_file();
		for (size_t j = 0; j < sizeof part; j++)
			part[j] = cells[i].wrong ? 'x' : (char)(j * j >> 7);
		assert_int_equal(write(fd, part, sizeof part), sizeof part);
		assert_int_equal(fetch(cells[i].path, fd, 0, NULL, &content, NULL), 0);
		assert_string_equal(asked(), cells[i].asks);
		assert_int_equal(pread(fd, bytes, SIZE, 0), SIZE);
		assert_int_equal(size_of(fd), SIZE);
		neap_checksum_of(NEAP_SHA512, bytes, SIZE, &sum);
		assert_true(neap_checksum_equal(&sum, &test.sum));
		/* And nobody is asked for what is there whole. */
		assert_int_equal(fetch("hang", fd, 0, NULL, &content, NULL), 0);
		assert_string_equal(asked(), "");
		close(fd);
	}
}

/* One process, two names of it: another server as far as anybody can know. */
static void fetch__headers_do_not_follow_to_another_server(void **state)
{
	struct neap_content content;
	char path[256];
	const char *port = strrchr(test.url, ':');
	int fd = new_file();
	(void)state;

	snprintf(path, sizeof path, "to/302/http://localhost%s/big", port);
	assert_int_equal(fetch(path, fd, 0, NULL, &content, NULL), 0);
	assert_non_null(strstr(asked(), "/big token=secret\nGET /big\n"));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(fetch("to/302//big", fd, 0, NULL, &content, NULL), 0);
	assert_string_equal(asked(), "GET /to/302//big token=secret\nGET /big token=secret\n");
	close(fd);
}

static void fetch__takes_no_more_than_the_bound_and_keeps_nothing_of_it(void **state)
{
	static const char *const paths[] = { "endless", "bare/3000000/big" };
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_content content;
		int fd = new_file();
		assert_int_equal(fetch(paths[i], fd, SIZE - 1, NULL, &content, &err), -1);
		assert_non_null(strstr(err->message, "it is larger than 2999999 bytes"));
		assert_int_equal(size_of(fd), 0);
		close(fd);
	}
	int fd = new_file();
	struct neap_content content;
	assert_int_equal(fetch("bare/3000000/big", fd, SIZE, NULL, &content, NULL), 0);
	close(fd);
}

static void fetch__a_part_larger_than_the_bound_is_not_read_on(void **state)
{
	struct neap_content content;
	int fd = new_file();
	(void)state;

	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0); /* a hole: reading it all would take for ever */
	assert_int_equal(fetch("big", fd, SIZE, NULL, &content, NULL), 0);
	assert_int_equal(size_of(fd), SIZE);
	close(fd);
}

struct watched {
	volatile sig_atomic_t stop;
	uint64_t first, last, total;
	bool stops;
};

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct watched *watched = ctx;

	if (!watched->first)
		watched->first = done;
	assert_true(done >= watched->last);
	watched->last = done;
	watched->total = total;
	if (watched->stops)
		watched->stop = SIGTERM;
}

static void fetch__progress_counts_what_was_there_before(void **state)
{
	struct watched watched = { 0 };
	const struct neap_machine_watch watch = { .stop = &watched.stop,
						  .progress = on_progress,
						  .ctx = &watched };
	struct neap_content content;
	static char bytes[SIZE];
	int fd = new_file();
	(void)state;

	assert_int_equal(fetch("big", fd, 0, NULL, &content, NULL), 0);
	assert_int_equal(pread(fd, bytes, SIZE, 0), SIZE);
	assert_int_equal(ftruncate(fd, SIZE - 1000), 0);
	assert_int_equal(fetch("big", fd, 0, &watch, &content, NULL), 0);
	assert_true(watched.first > SIZE - 1000);
	assert_int_equal(watched.last, SIZE);
	assert_int_equal(watched.total, SIZE);
	close(fd);
}

static void fetch__stop_ends_it_and_keeps_what_has_come(void **state)
{
	struct watched watched = { .stops = true };
	const struct neap_machine_watch watch = { .stop = &watched.stop,
						  .progress = on_progress,
						  .ctx = &watched };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_content content;
	int fd = new_file();
	(void)state;

	assert_int_equal(fetch("stall/100000/big", fd, 0, &watch, &content, &err), -1);
	assert_int_equal(err->errnum, EINTR);
	assert_true(size_of(fd) > 0);
	watched.stop = 0;
	watched.stops = false;
	watched.last = 0;
	assert_int_equal(fetch("big", fd, 0, &watch, &content, NULL), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fetch__says_size_and_digest_whatever_the_checksum),
		cmocka_unit_test(fetch__believes_nothing_but_the_checksum),
		cmocka_unit_test(fetch__headers_do_not_follow_to_another_server),
		cmocka_unit_test(fetch__takes_no_more_than_the_bound_and_keeps_nothing_of_it),
		cmocka_unit_test(fetch__a_part_larger_than_the_bound_is_not_read_on),
		cmocka_unit_test(fetch__progress_counts_what_was_there_before),
		cmocka_unit_test(fetch__stop_ends_it_and_keeps_what_has_come),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
