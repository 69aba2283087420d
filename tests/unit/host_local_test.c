/* The real machine: what it answers, which way it goes there, and what that costs. */
#include "local_fixture.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/digest.h"

static const char *hex(const uint8_t digest[NEAP_DIGEST_SIZE])
{
	static char text[NEAP_DIGEST_HEX_SIZE];

	neap_digest_hex(digest, text);
	return text;
}

static enum neap_file_kind kind(const struct fixture *f, const char *path)
{
	struct neap_error *err = NULL;
	struct neap_stat stat;

	if (view(f)->reads->stat(view(f), path, &stat, &err) < 0)
		fail_msg("%s", err->message);
	return stat.kind;
}

static struct neap_content content(const struct fixture *f, const char *path)
{
	struct neap_error *err = NULL;
	struct neap_content ret;
	struct neap_stat stat;

	if (view(f)->reads->file(view(f), path, f->arena, &stat, &ret, &err) < 0)
		fail_msg("%s", err->message);
	return ret;
}

static const char *text(const struct fixture *f, const char *path)
{
	const char *data = content(f, path).data;

	return data ? data : "(none)";
}

/* The error of a stat that must fail. */
static const char *failure(const struct fixture *f, const char *path)
{
	static char message[1024];
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_stat stat;

	assert_int_equal(view(f)->reads->stat(view(f), path, &stat, &err), -1);
	snprintf(message, sizeof(message), "%s", err->message);
	return message;
}

/* ---- what it answers ----------------------------------------------------------------------------------- */

static void local__stat_tells_kind_mode_and_owner(void **state)
{
	struct fixture *f = *state;
	struct neap_stat stat;

	put(f, "/file", "12345");
	assert_int_equal(chmod(real(f, "/file"), 04750), 0);
	make_dir(f, "/dir");
	make_link(f, "/link", "nowhere");
	assert_int_equal(mkfifo(real(f, "/fifo"), 0600), 0);
	assert_int_equal(view(f)->reads->stat(view(f), "/file", &stat, NULL), 0);
	assert_int_equal(stat.kind, NEAP_FILE_REGULAR);
	assert_int_equal(stat.mode, 04750);
	assert_int_equal(stat.uid, geteuid());
	assert_int_equal(stat.size, 5);
	assert_int_equal(stat.links, 1);
	assert_int_equal(kind(f, "/"), NEAP_FILE_DIRECTORY);
	assert_int_equal(kind(f, "/dir"), NEAP_FILE_DIRECTORY);
	assert_int_equal(kind(f, "/link"), NEAP_FILE_LINK);
	assert_int_equal(kind(f, "/fifo"), NEAP_FILE_OTHER);
	assert_int_equal(kind(f, "/none"), NEAP_FILE_ABSENT);
	assert_int_equal(kind(f, "/none/of/this"), NEAP_FILE_ABSENT);
}

static void local__file_on_the_way_is_an_error(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "/a");
	put(f, "/a/file", "");
	assert_string_equal(failure(f, "/a/file/b"), "stat /a/file/b: /a/file is not a directory");
	assert_string_equal(failure(f, "/a/file/b/c"), "stat /a/file/b/c: /a/file is not a directory");
}

static void local__content_is_bytes_up_to_a_megabyte_then_a_digest(void **state)
{
	struct fixture *f = *state;
	size_t size = NEAP_CONTENT_MAX;
	char *bytes = calloc(1, size + 1);
	uint8_t digest[NEAP_DIGEST_SIZE];
	struct neap_content c;
	FILE *file;

	put(f, "/empty", "");
	c = content(f, "/empty");
	assert_non_null(c.data);
	assert_int_equal(c.size, 0);
	memset(bytes, 'x', size + 1);
	bytes[7] = '\0';
	for (size_t more = 0; more < 2; more++) {
		file = fopen(real(f, "/large"), "we");
		assert_int_equal(fwrite(bytes, 1, size + more, file), size + more);
		fclose(file);
		c = content(f, "/large");
		assert_int_equal(c.size, size + more);
		if (!more) {
			assert_non_null(c.data);
			assert_memory_equal(c.data, bytes, size);
			continue;
		}
		assert_null(c.data);
		neap_digest(bytes, size + 1, digest);
		assert_memory_equal(c.digest, digest, sizeof(digest));
	}
	free(bytes);
}

static void local__file_too_large_for_memory_is_not_read_where_bytes_are_wanted(void **state)
{
	struct fixture *f = *state;
	static const uint8_t none[NEAP_DIGEST_SIZE];
	const struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
	struct neap_content c;
	struct neap_stat stat;
	struct stat st;
	int fd;

	put(f, "/huge", "");
	assert_int_equal(truncate(real(f, "/huge"), (off_t)5 << 30), 0);
	assert_int_equal(utimensat(AT_FDCWD, real(f, "/huge"), old, 0), 0);
	assert_int_equal(neap_view_small_file(view(f), "/huge", f->arena, &stat, &c, NULL), 0);
	assert_int_equal(stat.kind, NEAP_FILE_REGULAR);
	assert_true(stat.size == (uint64_t)5 << 30 && c.size == stat.size);
	assert_null(c.data);
	assert_memory_equal(c.digest, none, sizeof(none));
	/* A read would have set the time of access. */
	assert_int_equal(lstat(real(f, "/huge"), &st), 0);
	assert_int_equal(st.st_atim.tv_sec, 1000000);
	/* Up to the limit it is all there. */
	fd = open(real(f, "/huge"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, NEAP_CONTENT_MAX), 0);
	close(fd);
	assert_int_equal(neap_view_small_file(view(f), "/huge", f->arena, &stat, &c, NULL), 0);
	assert_non_null(c.data);
	assert_int_equal(c.size, NEAP_CONTENT_MAX);
}

static void local__files_that_lie_about_their_size_are_read_whole(void **state)
{
	struct fixture *f = *state;
	struct neap_machine *machine;
	struct neap_content c;
	struct neap_stat stat;

	/* Those of /proc are empty by stat. */
	assert_int_equal(neap_host_local_new("/", NULL, &machine, NULL), 0);
	assert_int_equal(
		machine->view.reads->file(&machine->view, "/proc/kallsyms", f->arena, &stat, &c, NULL), 0);
	assert_true(c.size > 100000);
	assert_int_equal(stat.size, c.size);
	if (!c.data)
		assert_string_not_equal(hex(c.digest), "");
	assert_int_equal(
		machine->view.reads->file(&machine->view, "/proc/self/status", f->arena, &stat, &c, NULL), 0);
	assert_memory_equal(c.data, "Name:", 5);
	assert_int_equal(strlen(c.data), c.size);
	neap_machine_free(machine);
}

static void local__fifos_and_devices_are_never_opened(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkfifo(real(f, "/fifo"), 0600), 0);
	alarm(5);
	assert_null(content(f, "/fifo").data);
	alarm(0);
}

static void local__link_tells_its_target(void **state)
{
	struct fixture *f = *state;
	const char *target;
	struct neap_stat stat;

	make_link(f, "/link", "../some/where");
	put(f, "/file", "");
	assert_int_equal(view(f)->reads->link(view(f), "/link", f->arena, &stat, &target, NULL), 0);
	assert_string_equal(target, "../some/where");
	assert_int_equal(view(f)->reads->link(view(f), "/file", f->arena, &stat, &target, NULL), 0);
	assert_null(target);
	assert_int_equal(stat.kind, NEAP_FILE_REGULAR);
	assert_null(content(f, "/link").data);
}

static void local__list_is_sorted_by_bytes(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	static const char *const names[] = { ".a", "B", "a", "b", "\xc3\xa9" };
	struct neap_entry *entries;
	size_t count;

	make_dir(f, "/d");
	put(f, "/d/b", "");
	make_link(f, "/d/\xc3\xa9", "x");
	make_dir(f, "/d/a");
	put(f, "/d/B", "");
	assert_int_equal(mkfifo(real(f, "/d/.a"), 0600), 0);
	assert_int_equal(view(f)->reads->list(view(f), "/d", f->arena, &entries, &count, NULL), 0);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(entries[i].name, names[i]);
	assert_int_equal(entries[0].kind, NEAP_FILE_OTHER);
	assert_int_equal(entries[2].kind, NEAP_FILE_DIRECTORY);
	assert_int_equal(entries[4].kind, NEAP_FILE_LINK);
	assert_int_equal(view(f)->reads->list(view(f), "/", f->arena, &entries, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(view(f)->reads->list(view(f), "/d/b", f->arena, &entries, &count, &err), -1);
	assert_string_equal(err->message, "list /d/b: Not a directory");
	assert_int_equal(view(f)->reads->list(view(f), "/d/\xc3\xa9", f->arena, &entries, &count, NULL), -1);
	assert_int_equal(view(f)->reads->list(view(f), "/none", f->arena, &entries, &count, NULL), -1);
}

/* ---- which way it goes --------------------------------------------------------------------------------- */

static void local__links_are_resolved_inside_the_root(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "/a");
	make_dir(f, "/a/b");
	make_dir(f, "/etc");
	put(f, "/a/b/file", "right");
	put(f, "/etc/passwd", "of the image");
	put(f, "/top", "top");
	make_link(f, "/absolute", "/a/b");
	make_link(f, "/a/relative", "b");
	make_link(f, "/a/b/up", "../../../../../..");
	make_link(f, "/a/chain", "/absolute/../relative/./");
	make_link(f, "/escape", "../../../../../../../etc");
	make_link(f, "/root-link", "/");
	assert_string_equal(text(f, "/absolute/file"), "right");
	assert_string_equal(text(f, "/a/relative/file"), "right");
	assert_string_equal(text(f, "/a/b/up/top"), "top");
	assert_string_equal(text(f, "/a/b/up/a/relative/up/top"), "top");
	assert_string_equal(text(f, "/a/chain/file"), "right");
	assert_string_equal(text(f, "/escape/passwd"), "of the image");
	assert_string_equal(text(f, "/root-link/root-link/top"), "top");
	/* Once more, by what is remembered now. */
	assert_string_equal(text(f, "/a/chain/file"), "right");
	assert_string_equal(text(f, "/a/b/up/top"), "top");
	assert_string_equal(text(f, "/absolute/up/a/chain/file"), "right");
}

static void local__dotdot_after_a_link_is_above_its_target(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "/x");
	make_dir(f, "/x/y");
	make_dir(f, "/x/beside");
	put(f, "/x/beside/file", "above the target");
	make_dir(f, "/beside");
	put(f, "/beside/file", "above the link");
	make_link(f, "/to-y", "/x/y");
	make_link(f, "/tricky", "/to-y/../beside");
	assert_string_equal(text(f, "/tricky/file"), "above the target");
}

static void local__loops_of_links_end(void **state)
{
	struct fixture *f = *state;

	make_link(f, "/one", "two");
	make_link(f, "/two", "one");
	make_link(f, "/self", "self/self");
	assert_string_equal(failure(f, "/one/x"), "stat /one/x: too many links");
	assert_string_equal(failure(f, "/self/x"), "stat /self/x: too many links");
	make_link(f, "/dangling", "nowhere");
	assert_int_equal(kind(f, "/dangling/x"), NEAP_FILE_ABSENT);
}

static void local__forty_links_are_followed_but_no_more(void **state)
{
	struct fixture *f = *state;
	char from[16], to[16];

	make_dir(f, "/end");
	put(f, "/end/file", "here");
	make_link(f, "/l0", "end");
	for (int i = 1; i <= 40; i++) {
		snprintf(from, sizeof(from), "/l%d", i);
		snprintf(to, sizeof(to), "l%d", i - 1);
		make_link(f, from, to);
	}
	assert_string_equal(failure(f, "/l40/file"), "stat /l40/file: too many links");
	assert_string_equal(text(f, "/l39/file"), "here");
}

static void own(const struct fixture *f, const char *path, uid_t uid)
{
	assert_int_equal(lchown(real(f, path), uid, uid), 0);
}

static void local__link_of_another_user_is_refused(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	make_dir(f, "/data");
	put(f, "/data/file", "x");
	make_dir(f, "/home");
	make_link(f, "/home/link", "/data");
	own(f, "/home/link", 4711);
	assert_string_equal(
		failure(f, "/home/link/file"),
		"stat /home/link/file: /home/link is a link that belongs to user 4711, who could point it "
		"anywhere");
	/* As the last component it is only looked at. */
	assert_int_equal(kind(f, "/home/link"), NEAP_FILE_LINK);
	own(f, "/home/link", 0);
	assert_string_equal(text(f, "/home/link/file"), "x");
}

static void local__on_foreign_ground_no_link_and_no_third_user_is_followed(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	make_dir(f, "/home");
	make_dir(f, "/home/ann");
	make_dir(f, "/home/ann/own");
	put(f, "/home/ann/own/file", "ann's");
	make_dir(f, "/home/ann/roots");
	make_dir(f, "/home/ann/bobs");
	make_link(f, "/home/ann/roots-link", "own");
	put(f, "/home/ann/file-of-root", "fine");
	own(f, "/home/ann", 4711);
	own(f, "/home/ann/own", 4711);
	own(f, "/home/ann/bobs", 4712);
	make_link(f, "/into", "home/ann");
	assert_string_equal(text(f, "/home/ann/own/file"), "ann's");
	assert_string_equal(text(f, "/home/ann/file-of-root"), "fine");
	assert_string_equal(text(f, "/into/own/file"), "ann's");
	put(f, "/home/ann/roots/x", "root's");
	make_link(f, "/home/ann/roots/link", "x");
	assert_string_equal(text(f, "/home/ann/roots/x"), "root's");
	assert_non_null(strstr(failure(f, "/home/ann/roots/link/x"), "is a link of user 0"));
	make_link(f, "/home/ann/her-link", "own");
	own(f, "/home/ann/her-link", 4711);
	assert_string_equal(failure(f, "/home/ann/her-link/x"),
			    "stat /home/ann/her-link/x: /home/ann/her-link is a link of user 4711 in a "
			    "directory of user 4711, who could point it anywhere");
	assert_non_null(strstr(failure(f, "/home/ann/bobs/x"), "belongs to user 4712"));
	assert_non_null(strstr(failure(f, "/home/ann/roots-link/x"), "is a link of user 0"));
	assert_non_null(strstr(failure(f, "/into/bobs/x"), "/home/ann/bobs belongs to user 4712"));
	/* The owner of the root directory is trusted below it. */
	fixture_close(f);
	assert_int_equal(chown(f->root, 4711, 4711), 0);
	own(f, "/home/ann/roots-link", 4711);
	fixture_open(f);
	assert_string_equal(text(f, "/home/ann/roots-link/file"), "ann's");
	assert_string_equal(text(f, "/home/ann/roots/x"), "root's");
}

static void local__directories_kept_open_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, limit;
	char path[64];

	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/d%03d", i);
		make_dir(f, path);
		strcat(path, "/file");
		put(f, path, path);
	}
	fixture_close(f);
	getrlimit(RLIMIT_NOFILE, &old);
	limit = old;
	limit.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	fixture_open(f);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 300; i++) {
			snprintf(path, sizeof(path), "/d%03d/file", i);
			assert_string_equal(text(f, path), path);
			assert_true(count_fds() < 70);
		}
	/* Others may take what we counted on. */
	int hogs[100], count = 0;

	while (count < 100 && (hogs[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		count++;
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/d%03d/file", i);
		assert_string_equal(text(f, path), path);
	}
	while (count)
		close(hogs[--count]);
	setrlimit(RLIMIT_NOFILE, &old);
}

/* ---- what it costs ------------------------------------------------------------------------------------- */

/* A large file of this moment, its mtime long ago. */
static void write_fresh(const char *root)
{
	static const struct timespec times[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/d/fresh", root);
	file = fopen(path, "we");
	fprintf(file, "%100000d", 1);
	fclose(file);
	utimensat(AT_FDCWD, path, times, 0);
}

/* This program again, below strace: see main(). */
static int helper(const char *root)
{
	struct neap_arena *arena = neap_arena_new();
	static const char *const paths[] = { "/d/file", "/d/empty", "/d/none", "/d/link",  "/d/fifo",
					     "/l/file", "/d/old",   "/d/old",  "/d/fresh", "/d/fresh" };
	struct neap_machine *machine;
	struct neap_content c;
	struct neap_stat stat;
	const char *target;

	if (neap_host_local_new(root, NULL, &machine, NULL) < 0)
		return 1;
	write_fresh(root);
	free(malloc(3000000));
	neap_arena_bytes(arena, 3000000);
	neap_arena_reset(arena);
	for (size_t i = 0; i < 7; i++)
		machine->view.reads->stat(&machine->view, paths[i], &stat, NULL);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		access("/neap-mark", F_OK);
		if (i == 3)
			machine->view.reads->link(&machine->view, paths[i], arena, &stat, &target, NULL);
		else
			machine->view.reads->file(&machine->view, paths[i], arena, &stat, &c, NULL);
	}
	access("/neap-mark", F_OK);
	neap_machine_free(machine);
	neap_arena_free(arena);
	return 0;
}

static void local__converged_file_costs_four_system_calls(void **state)
{
	/* Memory management is not of interest here. */
	static const char *const wanted[] = {
		"newfstatat openat read close ",
		"newfstatat openat read close ",
		"newfstatat ",
		"newfstatat readlinkat ",
		"newfstatat ",
		"newfstatat openat read close ",
		"newfstatat openat read close ",
		"newfstatat ",
		"newfstatat openat read close ",
		"newfstatat openat read close ",
	};
	struct fixture *f = *state;
	char trace[128], line[4096], calls[16][256] = { "" };
	char *large = malloc(500001), *program = realpath("/proc/self/exe", NULL);
	int mark = -1, status;
	pid_t pid;
	FILE *file;

	make_dir(f, "/d");
	make_link(f, "/l", "d");
	put(f, "/d/file", "converged\n");
	put(f, "/d/empty", "");
	make_link(f, "/d/link", "file");
	assert_int_equal(mkfifo(real(f, "/d/fifo"), 0600), 0);
	memset(large, 'a', 500000);
	large[500000] = '\0';
	put(f, "/d/old", large);
	sleep(4); /* a snapshot is only taken of what has been still for 2 s */
	snprintf(trace, sizeof(trace), "%s/trace", f->base);
	pid = fork();
	if (pid == 0) {
		int quiet = open("/dev/null", O_WRONLY);

		dup2(quiet, 2);
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot below strace */
		execlp("strace", "strace", "-o", trace, "-e", "trace=!mmap,munmap,brk,mremap,madvise",
		       program, "--read", f->root, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	free(large);
	free(program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		skip();
	assert_int_equal(status, 0);
	file = fopen(trace, "re");
	while (fgets(line, sizeof(line), file)) {
		size_t len = strcspn(line, "(");

		if (strstr(line, "/neap-mark"))
			mark++;
		else if (mark >= 0 && mark < 16 && strlen(calls[mark]) + len + 2 < sizeof(calls[0]))
			strcat(strncat(calls[mark], line, len), " ");
	}
	fclose(file);
	assert_int_equal(mark, 10);
	for (int i = 0; i < 10; i++)
		assert_string_equal(calls[i], wanted[i]);
}

static void local__snapshot_never_hides_a_change(void **state)
{
	struct fixture *f = *state;
	char *large = malloc(100001);
	struct timespec times[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };

	memset(large, 'a', 100000);
	large[100000] = '\0';
	put(f, "/large", large);
	/* Fresh: changed in the same tick, size and even mtime as before. */
	for (int i = 0; i < 200; i++) {
		large[5] = (char)('a' + i % 26);
		put(f, "/large", large);
		assert_int_equal(utimensat(AT_FDCWD, real(f, "/large"), times, 0), 0);
		assert_int_equal(content(f, "/large").data[5], large[5]);
	}
	/* Old: held, then written in place with its mtime set back. */
	sleep(4);
	assert_int_equal(content(f, "/large").data[5], large[5]);
	large[5] = '!';
	put(f, "/large", large);
	assert_int_equal(utimensat(AT_FDCWD, real(f, "/large"), times, 0), 0);
	assert_int_equal(content(f, "/large").data[5], '!');
	free(large);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(local__stat_tells_kind_mode_and_owner),
		TEST(local__file_on_the_way_is_an_error),
		TEST(local__content_is_bytes_up_to_a_megabyte_then_a_digest),
		TEST(local__file_too_large_for_memory_is_not_read_where_bytes_are_wanted),
		TEST(local__files_that_lie_about_their_size_are_read_whole),
		TEST(local__fifos_and_devices_are_never_opened),
		TEST(local__link_tells_its_target),
		TEST(local__list_is_sorted_by_bytes),
		TEST(local__links_are_resolved_inside_the_root),
		TEST(local__dotdot_after_a_link_is_above_its_target),
		TEST(local__loops_of_links_end),
		TEST(local__forty_links_are_followed_but_no_more),
		TEST(local__link_of_another_user_is_refused),
		TEST(local__on_foreign_ground_no_link_and_no_third_user_is_followed),
		TEST(local__directories_kept_open_are_bounded),
		TEST(local__converged_file_costs_four_system_calls),
		TEST(local__snapshot_never_hides_a_change),
	};

	umask(022);
	if (argc == 3 && strcmp(argv[1], "--read") == 0)
		return helper(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
