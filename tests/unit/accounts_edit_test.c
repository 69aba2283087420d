/* Changes of account files through neap_account_edit(): the tables that are kept over a change say what the
 * files say, and the bytes of others stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <inttypes.h>
#include <string.h>

#include "host/accounts.h"
#include "host/overlay.h"

struct fixture {
	struct neap_machine *machine;
	struct neap_host *overlay;
	const struct neap_view *view;
	struct neap_arena *arena;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	neap_host_memory_new(&f->machine);
	f->overlay = neap_overlay_new(f->machine, NEAP_OVERLAY_PLAN);
	neap_overlay_step(f->overlay, 0, NEAP_NO_STEP);
	f->view = &f->overlay->view;
	f->arena = neap_arena_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neap_overlay_free(f->overlay);
	neap_machine_free(f->machine);
	neap_arena_free(f->arena);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *path, const char *data)
{
	neap_host_memory_put(f->machine, path, NEAP_FILE_REGULAR, 0644, 0, 0, data, strlen(data));
}

static const char *get(struct fixture *f, const char *path)
{
	struct neap_content content = { 0 };
	struct neap_stat stat;

	assert_int_equal(neap_view_file(f->view, path, f->arena, &stat, &content, NULL), 0);
	return content.data ? content.data : "(absent)";
}

static void edit(struct fixture *f, enum neap_account_file file, const char *name, const char *text)
{
	const struct neap_account_edit edits[] = { { file, name, text, false } };

	assert_int_equal(neap_account_edit(f->overlay, edits, 1, NULL), 0);
}

/* ---- the bytes of others ------------------------------------------------------------------------------ */

static void accounts_edit__a_new_entry_goes_before_the_nis_lines(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/passwd", "a:x:1:1:::\n#c\n\n+@net::::::\nb:x:2:2:::\n-x");
	edit(f, NEAP_ETC_PASSWD, "c", "c:x:3:3:::");
	edit(f, NEAP_ETC_PASSWD, "d", "d:x:4:4:::");
	assert_string_equal(get(f, "/etc/passwd"),
			    "a:x:1:1:::\n#c\n\nc:x:3:3:::\nd:x:4:4:::\n+@net::::::\nb:x:2:2:::\n-x");
}

static void accounts_edit__a_missing_newline_stays_missing_unless_something_follows(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/group", "a:x:1:\nb:x:2:");
	edit(f, NEAP_ETC_GROUP, "a", "a:x:1:m");
	assert_string_equal(get(f, "/etc/group"), "a:x:1:m\nb:x:2:");
	edit(f, NEAP_ETC_GROUP, "c", "c:x:3:");
	assert_string_equal(get(f, "/etc/group"), "a:x:1:m\nb:x:2:\nc:x:3:\n");
	edit(f, NEAP_ETC_GROUP, "b", NULL);
	assert_string_equal(get(f, "/etc/group"), "a:x:1:m\nc:x:3:\n");
}

static void accounts_edit__of_several_of_a_name_the_first_changes_and_all_go(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/subuid", "a:1:1\nb:9:1\na:5:1\nbad\na:7\n");
	edit(f, NEAP_ETC_SUBUID, "a", "a:2:1");
	assert_string_equal(get(f, "/etc/subuid"), "a:2:1\nb:9:1\na:5:1\nbad\na:7\n");
	edit(f, NEAP_ETC_SUBUID, "a", NULL);
	assert_string_equal(get(f, "/etc/subuid"), "b:9:1\nbad\na:7\n");
}

static void accounts_edit__a_file_behind_a_link_is_changed_where_it_is(void **state)
{
	struct fixture *f = *state;

	put(f, "/usr/etc/people", "a:x:1:1:::\n");
	neap_host_memory_put(f->machine, "/etc/passwd", NEAP_FILE_LINK, 0777, 0, 0, "../usr/etc/people", 17);
	edit(f, NEAP_ETC_PASSWD, "b", "b:x:2:2:::");
	edit(f, NEAP_ETC_PASSWD, "c", "c:x:3:3:::");
	assert_string_equal(get(f, "/usr/etc/people"), "a:x:1:1:::\nb:x:2:2:::\nc:x:3:3:::\n");
}

static void accounts_edit__what_fails_leaves_no_trace_in_the_tables(void **state)
{
	struct fixture *f = *state;
	const struct neap_account_edit edits[] = {
		{ NEAP_ETC_GROUP, "b", "b:x:2:", false },
		{ NEAP_ETC_PASSWD, "b", "b:x:2:2:::", false },
	};
	char *large = calloc(1, NEAP_CONTENT_MAX);
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	uint32_t number;

	memset(large, '#', NEAP_CONTENT_MAX - 5);
	put(f, "/etc/group", "a:x:1:\n");
	put(f, "/etc/passwd", large);
	free(large);
	assert_true(neap_account_edit(f->overlay, edits, 2, &err) < 0);
	assert_string_equal(err->message, "/etc/passwd would become larger than 1 MB");
	neap_overlay_undo(f->overlay);
	assert_true(neap_view_user(f->view, "b", &number, NULL) < 0);
	assert_true(neap_view_group(f->view, "b", &number, NULL) < 0);
}

/* ---- the tables --------------------------------------------------------------------------------------- */

static uint64_t seed;

static unsigned below(unsigned limit)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % limit;
}

static const char *const names[] = { "a", "b", "c", "d", "e", "f", "long-name", "+x", "" };
#define NAMES 7 /* that an account may have */

static const char *members(struct neap_arena *arena)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	for (unsigned i = below(5); i; i--)
		neap_buf_printf(&text, "%s%s", names[below(NAMES)], i > 1 ? "," : "");
	return neap_arena_copy(arena, text.len ? text.data : "", text.len);
}

static const char *entry(struct neap_arena *arena, enum neap_account_file file, const char *name)
{
	switch (file) {
	case NEAP_ETC_PASSWD:
		return neap_arena_printf(arena, "%s:x:%u:%u:::", name, below(20), below(20));
	case NEAP_ETC_GROUP:
		return neap_arena_printf(arena, "%s:x:%u:%s", name, below(20), members(arena));
	case NEAP_ETC_SUBUID:
	case NEAP_ETC_SUBGID:
		return neap_arena_printf(arena, "%s:%u:%u", name, below(60), below(8));
	default:
		return neap_arena_printf(arena, "%s:%u", name, below(9));
	}
}

static const char *file_of(struct neap_arena *arena, enum neap_account_file file)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	for (unsigned i = below(9); i; i--) {
		const char *line = entry(arena, file, names[below(sizeof names / sizeof *names)]);

		neap_buf_append(&text, line, below(6) ? strlen(line) : below((unsigned)strlen(line)));
		if (i > 1 || below(3))
			neap_buf_putc(&text, '\n');
	}
	return neap_arena_copy(arena, text.len ? text.data : "", text.len);
}

static void tell_entry(struct neap_buf *out, int r, const struct neap_account_entry *entry,
		       const struct neap_error *err)
{
	neap_buf_printf(out, "%d %zu", r, r ? 0 : entry->count);
	for (size_t i = 0; r == 0 && i < entry->count; i++)
		neap_buf_printf(out, ":%.*s", (int)entry->fields[i].len, entry->fields[i].data);
	neap_buf_printf(out, "%s\n", err ? err->message : "");
}

/* Everything that can be asked. */
static const char *answers(struct fixture *f)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };

	for (size_t file = 0; file < NEAP_ETC_FILES; file++) {
		struct neap_account_entry found;

		for (size_t i = 0; i < NAMES; i++) {
			struct neap_error *err NEAP_AUTO_ERROR = NULL;
			int r = neap_account_entry(f->view, (enum neap_account_file)file, names[i], &found,
						   &err);

			tell_entry(&out, r, &found, err);
		}
		size_t at = 0;
		while (neap_account_next(f->view, (enum neap_account_file)file, &at, &found, NULL) == 0 &&
		       found.count)
			tell_entry(&out, 0, &found, NULL);
	}
	for (unsigned i = 0; i < 2; i++) {
		enum neap_account_file numbered = i ? NEAP_ETC_GROUP : NEAP_ETC_PASSWD;
		enum neap_account_file ranges = i ? NEAP_ETC_SUBGID : NEAP_ETC_SUBUID;
		struct neap_account_entry found;
		uint64_t range = 0;
		uint32_t free = 0;
		int r;

		for (uint32_t number = 0; number < 20; number++) {
			r = neap_account_by_number(f->view, numbered, number, &found, NULL);
			/* Of two with one number: that there is one. */
			neap_buf_printf(&out, "%d%zu ", r, found.count > 0 ? (size_t)1 : 0);
		}
		for (unsigned down = 0; down < 2; down++) {
			r = neap_account_free_number(f->view, numbered, 4, 15, down, &free, NULL);
			neap_buf_printf(&out, "%d %u\n", r, r ? 0 : free);
		}
		r = neap_account_free_range(f->view, ranges, 10, 60, 7, &range, NULL);
		neap_buf_printf(&out, "%d %" PRIu64 "\n", r, r ? 0 : range);
	}
	for (size_t i = 0; i < NAMES; i++) {
		const char *const *groups;
		size_t count;

		assert_int_equal(neap_account_groups_of(f->view, names[i], f->arena, &groups, &count, NULL),
				 0);
		/* In whatever order. */
		for (size_t n = 0; n < NAMES; n++)
			for (size_t g = 0; g < count; g++)
				if (strcmp(groups[g], names[n]) == 0)
					neap_buf_printf(&out, "%s ", groups[g]);
		neap_buf_puts(&out, "\n");
	}
	return neap_arena_copy(f->arena, out.data, out.len);
}

static void accounts_edit__the_tables_say_what_the_files_say(void **state)
{
	for (seed = 1; seed < 400; seed++) {
		uint64_t start = seed;
		struct fixture *f;

		teardown(state);
		setup(state);
		f = *state;
		for (size_t file = 0; file < NEAP_ETC_FILES; file++)
			put(f, neap_account_path((enum neap_account_file)file),
			    file_of(f->arena, (enum neap_account_file)file));
		answers(f);
		for (unsigned steps = 1 + below(8); steps; steps--) {
			enum neap_account_file file = (enum neap_account_file)below(NEAP_ETC_FILES);
			const char *name = names[below(NAMES)], *kept, *read;

			if (below(8) == 0)
				neap_overlay_undo(f->overlay);
			neap_overlay_step(f->overlay, steps, NEAP_NO_STEP);
			edit(f, file, name, below(3) ? entry(f->arena, file, name) : NULL);
			kept = answers(f);
			neap_accounts_drop(f->view->reads->accounts(f->view));
			read = answers(f);
			while (*kept && *kept == *read)
				kept++, read++;
			if (*kept || *read)
				fail_msg("seed %" PRIu64 ", %s of %s: kept %.60s, read %.60s", start, name,
					 neap_account_path(file), kept, read);
			if (below(2)) { /* and the next one starts from what was kept over changes */
				edit(f, file, name, entry(f->arena, file, name));
				answers(f);
			}
		}
		seed = start;
	}
}

/* ---- a plan's bytes ----------------------------------------------------------------------------------- */

static void write_big(struct fixture *f, char byte)
{
	static char bytes[20000];
	const struct neap_file_write file = { .content = { .data = bytes, .size = sizeof bytes },
					      .mode = NEAP_KEEP,
					      .uid = NEAP_KEEP,
					      .gid = NEAP_KEEP };

	memset(bytes, byte, sizeof bytes);
	assert_int_equal(neap_host_write(f->overlay, "/big", &file, NULL), 0);
}

static void overlay_bytes__a_step_that_is_taken_back_gives_back_what_it_wrote_over(void **state)
{
	struct fixture *f = *state;

	write_big(f, 'a');
	neap_overlay_step(f->overlay, 1, NEAP_NO_STEP);
	write_big(f, 'b');
	write_big(f, 'c');
	assert_int_equal(get(f, "/big")[19999], 'c');
	neap_overlay_undo(f->overlay);
	assert_int_equal(get(f, "/big")[19999], 'a');
	neap_overlay_step(f->overlay, 2, NEAP_NO_STEP);
	assert_int_equal(get(f, "/big")[0], 'a');
	write_big(f, 'd');
	neap_overlay_step(f->overlay, 3, NEAP_NO_STEP);
	assert_int_equal(neap_host_attributes(f->overlay, "/big", 0600, NEAP_KEEP, NEAP_KEEP, NULL), 0);
	neap_overlay_step(f->overlay, 4, NEAP_NO_STEP);
	assert_int_equal(get(f, "/big")[19999], 'd');
	assert_int_equal(neap_host_unlink(f->overlay, "/big", NULL), 0);
	neap_overlay_undo(f->overlay);
	assert_int_equal(get(f, "/big")[19999], 'd');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(accounts_edit__a_new_entry_goes_before_the_nis_lines),
		TEST(accounts_edit__a_missing_newline_stays_missing_unless_something_follows),
		TEST(accounts_edit__of_several_of_a_name_the_first_changes_and_all_go),
		TEST(accounts_edit__a_file_behind_a_link_is_changed_where_it_is),
		TEST(accounts_edit__what_fails_leaves_no_trace_in_the_tables),
		TEST(accounts_edit__the_tables_say_what_the_files_say),
		TEST(overlay_bytes__a_step_that_is_taken_back_gives_back_what_it_wrote_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
