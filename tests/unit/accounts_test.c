/* Accounts from /etc/passwd and /etc/group of a view. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "host/accounts.h"
#include "host/overlay.h"

struct fixture {
	struct neap_machine *machine;
	const struct neap_view *view;
	struct neap_arena *arena;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	neap_host_memory_new(&f->machine);
	f->view = &f->machine->view;
	f->arena = neap_arena_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neap_machine_free(f->machine);
	neap_arena_free(f->arena);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *path, enum neap_file_kind kind, const char *data)
{
	neap_host_memory_put(f->machine, path, kind, 0644, 0, 0, data, strlen(data));
}

/* -1: there is none. */
static int64_t user(const struct neap_view *view, const char *name)
{
	uint32_t uid;

	return neap_view_user(view, name, &uid, NULL) == 0 ? (int64_t)uid : -1;
}

static int64_t group(const struct neap_view *view, const char *name)
{
	uint32_t gid;

	return neap_view_group(view, name, &gid, NULL) == 0 ? (int64_t)gid : -1;
}

static void accounts__names_and_numbers_are_found(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/passwd", NEAP_FILE_REGULAR,
	    "root:x:0:0:root:/root:/bin/sh\netcd:x:998:997::/var/lib/etcd:/usr/sbin/nologin");
	put(f, "/etc/group", NEAP_FILE_REGULAR, "root:x:0:\nadm:x:4:syslog,me\n");
	assert_int_equal(user(f->view, "root"), 0);
	assert_int_equal(user(f->view, "etcd"), 998); /* without a final newline */
	assert_int_equal(user(f->view, "etc"), -1);
	assert_int_equal(group(f->view, "adm"), 4);
	assert_int_equal(group(f->view, "etcd"), -1);
	assert_string_equal(neap_view_user_name(f->view, 998, f->arena), "etcd");
	assert_string_equal(neap_view_group_name(f->view, 4, f->arena), "adm");
	assert_string_equal(neap_view_user_name(f->view, 4, f->arena), "4");
	assert_string_equal(neap_view_group_name(f->view, 4000000000, f->arena), "4000000000");
}

static void accounts__malformed_lines_are_passed_over(void **state)
{
	struct fixture *f = *state;
	const char *const bad[] = { "short", "short:x", "minus", "text", "huge", "keep",
				    "empty", "",        "+",     "+nis", "-nis", "#comment" };

	put(f, "/etc/passwd", NEAP_FILE_REGULAR,
	    "\n\nshort:x:1\nshort:x\nminus:x:-1:1:::\ntext:x:1a:1:::\nhuge:x:99999999999:1:::\n"
	    "keep:x:4294967295:1:::\nempty:x::1:::\n:x:5:5:::\n+::::::\n+nis:x:6:6:::\n-nis:x:7:7:::\n"
	    "#comment:x:8:8:::\ngood:x:9:9:::\nlast:x:4294967294:1:::\n");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(user(f->view, bad[i]), -1);
	assert_int_equal(user(f->view, "good"), 9);
	assert_int_equal(user(f->view, "last"), 4294967294);
}

static void accounts__the_first_of_several_counts(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/passwd", NEAP_FILE_REGULAR, "a:x:1:1:::\na:x:2:2:::\nb:x:1:1:::\n");
	assert_int_equal(user(f->view, "a"), 1);
	assert_int_equal(user(f->view, "b"), 1);
	assert_string_equal(neap_view_user_name(f->view, 1, f->arena), "a");
	assert_string_equal(neap_view_user_name(f->view, 2, f->arena), "2"); /* "a" is another */
}

static void accounts__a_name_of_digits_names_no_other_number(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/passwd", NEAP_FILE_REGULAR, "7:x:8:8:::\nb:x:8:8:::\n99999999999:x:9:9:::\n");
	assert_string_equal(neap_view_user_name(f->view, 8, f->arena), "b");
	assert_string_equal(neap_view_user_name(f->view, 9, f->arena), "9");
	assert_int_equal(user(f->view, "7"), 7);
}

static void accounts__numbers_need_no_file(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = 1;

	put(f, "/etc/passwd", NEAP_FILE_DIRECTORY, "");
	neap_host_memory_fail(f->machine, 0, 0);
	assert_int_equal(user(f->view, "0"), 0);
	assert_int_equal(group(f->view, "0123"), 123);
	assert_int_equal(user(f->view, "4294967294"), 4294967294);
	assert_int_equal(neap_host_memory_calls(f->machine), 0);
	assert_true(neap_view_user(f->view, "4294967295", &uid, NULL) < 0);
	assert_true(neap_view_user(f->view, "99999999999999999999999", &uid, NULL) < 0);
	assert_int_equal(uid, 1);
}

static void accounts__errors_name_the_account_or_the_file(void **state)
{
	struct fixture *f = *state;
	struct neap_error *absent NEAP_AUTO_ERROR = NULL;
	struct neap_error *large NEAP_AUTO_ERROR = NULL;
	struct neap_error *odd NEAP_AUTO_ERROR = NULL;
	char *bytes = calloc(1, NEAP_CONTENT_MAX + 1);
	uint32_t id;

	assert_true(neap_view_user(f->view, "etcd", &id, &absent) < 0);
	assert_string_equal(absent->message, "user etcd does not exist");
	neap_host_memory_put(f->machine, "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, bytes,
			     NEAP_CONTENT_MAX + 1);
	free(bytes);
	assert_true(neap_view_group(f->view, "etcd", &id, &large) < 0);
	assert_string_equal(large->message, "read /etc/group: larger than 1 MB");
	put(f, "/etc/group", NEAP_FILE_DIRECTORY, "");
	assert_true(neap_view_group(f->view, "etcd", &id, &odd) < 0);
	assert_string_equal(odd->message, "read /etc/group: it is a directory");
	assert_string_equal(neap_view_group_name(f->view, 7, f->arena), "7");
}

static void accounts__are_read_once_until_dropped(void **state)
{
	struct fixture *f = *state;
	struct neap_accounts *accounts = neap_accounts_new();
	uint64_t calls;
	uint32_t uid;

	put(f, "/etc/passwd", NEAP_FILE_REGULAR, "a:x:1:1:::\n");
	assert_int_equal(neap_accounts_user(accounts, f->view, "a", &uid, NULL), 0);
	calls = neap_host_memory_calls(f->machine);
	put(f, "/etc/passwd", NEAP_FILE_REGULAR, "a:x:2:1:::\n");
	assert_int_equal(neap_accounts_user(accounts, f->view, "a", &uid, NULL), 0);
	assert_int_equal(uid, 1);
	assert_int_equal(neap_host_memory_calls(f->machine), calls);
	neap_accounts_touch(accounts, "/etc/passwd-");
	assert_int_equal(neap_accounts_user(accounts, f->view, "a", &uid, NULL), 0);
	assert_int_equal(uid, 1);
	neap_accounts_touch(accounts, "/etc/passwd");
	assert_int_equal(neap_accounts_user(accounts, f->view, "a", &uid, NULL), 0);
	assert_int_equal(uid, 2);
	neap_accounts_free(accounts);
}

static void accounts__a_link_to_the_file_is_followed(void **state)
{
	struct fixture *f = *state;
	struct neap_accounts *accounts = neap_accounts_new();
	uint32_t uid;

	put(f, "/state/people", NEAP_FILE_REGULAR, "a:x:1:1:::\n");
	put(f, "/real/etc/passwd", NEAP_FILE_LINK, "../../state/people");
	put(f, "/etc", NEAP_FILE_LINK, "/real/etc");
	assert_int_equal(neap_accounts_user(accounts, f->view, "a", &uid, NULL), 0);
	put(f, "/state/people", NEAP_FILE_REGULAR, "a:x:2:1:::\n");
	neap_accounts_touch(accounts, "/state/people");
	assert_int_equal(neap_accounts_user(accounts, f->view, "a", &uid, NULL), 0);
	assert_int_equal(uid, 2);
	neap_accounts_free(accounts);
}

static void write_passwd(struct neap_host *overlay, const char *path, const char *data)
{
	const struct neap_file_write file = { .content = { .data = data, .size = strlen(data) },
					      .mode = NEAP_KEEP,
					      .uid = NEAP_KEEP,
					      .gid = NEAP_KEEP };

	assert_int_equal(neap_host_write(overlay, path, &file, NULL), 0);
}

static void accounts__of_an_overlay_are_those_planned(void **state)
{
	struct fixture *f = *state;
	struct neap_host *overlay = neap_overlay_new(f->machine, NEAP_OVERLAY_PLAN);
	const struct neap_view *view = &overlay->view;

	put(f, "/usr/etc/passwd", NEAP_FILE_REGULAR, "a:x:1:1:::\n");
	put(f, "/etc", NEAP_FILE_LINK, "usr/etc");
	neap_overlay_step(overlay, 0, NEAP_NO_STEP);
	assert_int_equal(user(view, "a"), 1);
	write_passwd(overlay, "/usr/etc/passwd", "a:x:2:1:::\n");
	assert_int_equal(user(view, "a"), 2);
	assert_int_equal(user(f->view, "a"), 1);
	neap_overlay_undo(overlay);
	assert_int_equal(user(view, "a"), 1);
	/* Another way to them. */
	assert_int_equal(neap_host_mkdir(overlay, "/new", NEAP_KEEP, NEAP_KEEP, NEAP_KEEP, NULL), 0);
	write_passwd(overlay, "/new/passwd", "a:x:3:1:::\n");
	assert_int_equal(user(view, "a"), 1);
	assert_int_equal(neap_host_symlink(overlay, "/etc", "new", NULL), 0);
	assert_int_equal(user(view, "a"), 3);
	assert_int_equal(neap_host_unlink(overlay, "/etc", NULL), 0);
	assert_int_equal(user(view, "a"), -1);
	neap_overlay_free(overlay);
}

static void accounts__one_not_there_yet_is_unknown_while_something_is_pending(void **state)
{
	struct fixture *f = *state;
	struct neap_host *overlay = neap_overlay_new(f->machine, NEAP_OVERLAY_PLAN);
	const struct neap_view *view = &overlay->view;
	uint32_t uid;

	put(f, "/etc/passwd", NEAP_FILE_REGULAR, "a:x:1:1:::\n");
	neap_overlay_step(overlay, 5, 3);
	assert_int_equal(user(view, "a"), 1);
	assert_int_equal(neap_view_user(view, "etcd", &uid, NULL), NEAP_UNKNOWN);
	assert_int_equal(neap_view_cause(view), 3);
	assert_int_equal(neap_view_group(view, "etcd", &uid, NULL), NEAP_UNKNOWN); /* not even a file */
	assert_int_equal(neap_view_cause(view), 3);
	assert_string_equal(neap_view_user_name(view, 77, f->arena), "77");
	neap_overlay_step(overlay, 6, NEAP_NO_STEP);
	assert_true(neap_view_user(view, "etcd", &uid, NULL) < 0);
	neap_overlay_free(overlay);
}

static void accounts__a_megabyte_of_users_is_read_once(void **state)
{
	struct fixture *f = *state;
	NEAP_AUTO_BUF struct neap_buf text = { 0 };

	for (unsigned i = 0; i < 60000; i++)
		neap_buf_printf(&text, "u%u:x:%u:1:::\n", i, i);
	assert_true(text.len < NEAP_CONTENT_MAX + 200000);
	if (text.len > NEAP_CONTENT_MAX)
		text.data[text.len = NEAP_CONTENT_MAX] = '\0';
	neap_host_memory_put(f->machine, "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0, text.data, text.len);
	for (unsigned i = 0; i < 20000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "u%u", i);
		assert_int_equal(user(f->view, name), i);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(accounts__names_and_numbers_are_found),
		TEST(accounts__malformed_lines_are_passed_over),
		TEST(accounts__the_first_of_several_counts),
		TEST(accounts__a_name_of_digits_names_no_other_number),
		TEST(accounts__numbers_need_no_file),
		TEST(accounts__errors_name_the_account_or_the_file),
		TEST(accounts__are_read_once_until_dropped),
		TEST(accounts__a_link_to_the_file_is_followed),
		TEST(accounts__of_an_overlay_are_those_planned),
		TEST(accounts__one_not_there_yet_is_unknown_while_something_is_pending),
		TEST(accounts__a_megabyte_of_users_is_read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
