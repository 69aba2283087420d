/*
 * The overlay's laws, over a memory machine: what is not known and why, taking back, landing, opaque changes,
 * cost. That known answers are the kernel's is the differential test's business (tests/property).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host/overlay.h"

struct fixture {
	struct neap_machine *machine;
	struct neap_host *plan, *apply;
	struct neap_arena *arena;
	struct neap_commit commit;
	uint32_t refused; /* this step may not go on */
	unsigned failures, landings;
	bool whole_failed;
};

static bool may(void *ctx, uint32_t step)
{
	return step != ((struct fixture *)ctx)->refused;
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	struct fixture *f = ctx;

	f->refused = step;
	f->failures++;
	neap_error_free(err);
}

static void landed(void *ctx, const struct neap_error *err)
{
	struct fixture *f = ctx;

	f->landings++;
	f->whole_failed = err != NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	neap_host_memory_new(&f->machine);
	f->plan = neap_overlay_new(f->machine, NEAP_OVERLAY_PLAN);
	f->apply = neap_overlay_new(f->machine, NEAP_OVERLAY_APPLY);
	f->arena = neap_arena_new();
	f->commit = (struct neap_commit){ .ctx = f, .may = may, .failed = failed, .landed = landed };
	f->refused = UINT32_MAX;
	neap_overlay_commit(f->apply, &f->commit);
	neap_overlay_step(f->plan, 0, NEAP_NO_STEP);
	neap_overlay_step(f->apply, 0, NEAP_NO_STEP);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	neap_overlay_free(f->plan);
	neap_overlay_free(f->apply);
	neap_machine_free(f->machine);
	neap_arena_free(f->arena);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *path, enum neap_file_kind kind, const char *data)
{
	neap_host_memory_put(f->machine, path, kind, kind == NEAP_FILE_DIRECTORY ? 0755 : 0644, 0, 0, data,
			     data ? strlen(data) : 0);
}

/* ---- asking: a letter a kind, "?" and the cause for what is not known, "!" and the errno ------------- *
 * An entry of a list that may not be there is followed by "?". */

static const char *text_of(struct fixture *f, struct neap_host *host, int r, const struct neap_error *err,
			   const char *known)
{
	if (r == NEAP_UNKNOWN)
		return neap_arena_printf(f->arena, "?%u", neap_view_cause(&host->view));
	if (r < 0)
		return neap_arena_printf(f->arena, "!%s",
					 err->errnum ? strerrorname_np(err->errnum) : err->message);
	return known;
}

static const char *kind_at(struct fixture *f, struct neap_host *host, const char *path)
{
	static const char *const letters[] = { "-", "f", "d", "l", "o" };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_stat stat = { 0 };
	int r = neap_view_stat(&host->view, path, &stat, &err);

	return text_of(f, host, r, err, letters[stat.kind]);
}

static const char *bytes_at(struct fixture *f, struct neap_host *host, const char *path)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_content content = { 0 };
	struct neap_stat stat;
	int r = neap_view_file(&host->view, path, f->arena, &stat, &content, &err);

	return text_of(f, host, r, err, r == 0 && stat.kind == NEAP_FILE_REGULAR ? content.data : "-");
}

static const char *target_at(struct fixture *f, struct neap_host *host, const char *path)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *target = NULL;
	struct neap_stat stat;
	int r = neap_view_link(&host->view, path, f->arena, &stat, &target, &err);

	return text_of(f, host, r, err, target ? target : "-");
}

static const char *names_in(struct fixture *f, struct neap_host *host, const char *path)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_entry *entries;
	const char *text = "";
	size_t count = 0;
	int r = neap_view_list(&host->view, path, f->arena, &entries, &count, &err);

	for (size_t i = 0; r == 0 && i < count; i++)
		text = neap_arena_printf(f->arena, "%s%s%s ", text, entries[i].name,
					 entries[i].unsure ? "?" : "");
	return text_of(f, host, r, err, text);
}

#define assert_kind(host, path, text) assert_string_equal(kind_at(f, host, path), text)
#define assert_bytes(host, path, text) assert_string_equal(bytes_at(f, host, path), text)
#define assert_target(host, path, text) assert_string_equal(target_at(f, host, path), text)
#define assert_names(host, path, text) assert_string_equal(names_in(f, host, path), text)
#define ok(call) assert_int_equal(call, 0)

static int try_write(struct neap_host *host, const char *path, const char *data, struct neap_error **err)
{
	const struct neap_file_write file = { .content = { .data = data, .size = strlen(data) },
					      .mode = NEAP_KEEP,
					      .uid = NEAP_KEEP,
					      .gid = NEAP_KEEP };

	return neap_host_write(host, path, &file, err);
}

static void write_file(struct neap_host *host, const char *path, const char *data)
{
	ok(try_write(host, path, data, NULL));
}

static void make_dir(struct neap_host *host, const char *path)
{
	ok(neap_host_mkdir(host, path, NEAP_KEEP, NEAP_KEEP, NEAP_KEEP, NULL));
}

/* An opaque change with one declared effect, or none. */
static void run(struct fixture *f, struct neap_host *host, const char *effect)
{
	const char *argv[] = { "make", NULL }, *effects[] = { effect, NULL };
	const struct neap_process process = { .argv = argv, .effects = effects };
	struct neap_process_result result;

	ok(neap_host_run(host, &process, f->arena, &result, NULL));
	assert_int_equal(result.status, 0);
	assert_string_equal(result.out, "");
}

/* ---- falling through --------------------------------------------------------------------------------- */

static void overlay__asks_the_machine_as_it_was_asked_when_nothing_is_held(void **state)
{
	struct fixture *f = *state;

	put(f, "/real/f", NEAP_FILE_REGULAR, "x");
	put(f, "/link", NEAP_FILE_LINK, "real");
	neap_host_memory_fail(f->machine, 0, 0);
	assert_bytes(f->plan, "/link/f", "x");
	assert_kind(f->plan, "/link/f", "f");
	assert_target(f->plan, "/link", "real");
	assert_names(f->plan, "/real", "f ");
	assert_int_equal(neap_host_memory_calls(f->machine), 4);
}

static void overlay__a_read_beside_what_is_held_costs_one_call(void **state)
{
	struct fixture *f = *state;
	char path[32];

	put(f, "/real/d", NEAP_FILE_DIRECTORY, NULL);
	put(f, "/link", NEAP_FILE_LINK, "real");
	for (int i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), "/real/d/f%d", i);
		put(f, path, NEAP_FILE_REGULAR, "x");
	}
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/link/d/g%d", i);
		write_file(f->plan, path, "y");
	}
	neap_host_memory_fail(f->machine, 0, 0);
	for (int i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), "/link/d/f%d", i);
		assert_kind(f->plan, path, "f");
	}
	assert_in_range(neap_host_memory_calls(f->machine), 10000, 10010);
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/real/d/g%d", i);
		assert_bytes(f->plan, path, "y");
	}
	assert_in_range(neap_host_memory_calls(f->machine), 10000, 10010);
}

static void overlay__making_directories_forgets_no_way(void **state)
{
	struct fixture *f = *state;
	char path[32];

	put(f, "/a/b/c/d/f", NEAP_FILE_REGULAR, "x");
	make_dir(f->plan, "/new");
	assert_kind(f->plan, "/a/b/c/d/f", "f");
	neap_host_memory_fail(f->machine, 0, 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/new/d%d", i);
		make_dir(f->plan, path);
		assert_kind(f->plan, "/a/b/c/d/f", "f");
	}
	assert_in_range(neap_host_memory_calls(f->machine), 1000, 1010);
}

static void overlay__forty_links_are_followed_and_no_more(void **state)
{
	struct fixture *f = *state;
	char path[16], target[16];

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	ok(neap_host_symlink(f->plan, "/l0", "d", NULL));
	for (int i = 1; i <= 40; i++) { /* some of each layer */
		snprintf(path, sizeof(path), "/l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		if (i % 2)
			put(f, path, NEAP_FILE_LINK, target);
		else
			ok(neap_host_symlink(f->plan, path, target, NULL));
	}
	put(f, "/d/again", NEAP_FILE_LINK, ".");
	assert_bytes(f->plan, "/l39/f", "x");
	assert_kind(f->plan, "/l40/f", "!ELOOP");
	assert_bytes(f->plan, "/l38/again/f", "x"); /* they count over the whole way */
	assert_kind(f->plan, "/l39/again/f", "!ELOOP");
}

static void overlay__a_way_that_leaves_a_removed_directory_again_is_lost(void **state)
{
	struct fixture *f = *state;

	put(f, "/b/f", NEAP_FILE_REGULAR, "x");
	put(f, "/a", NEAP_FILE_DIRECTORY, NULL);
	put(f, "/l", NEAP_FILE_LINK, "a/../b");
	write_file(f->plan, "/e", "");
	assert_bytes(f->plan, "/l/f", "x");
	ok(neap_host_rmdir(f->plan, "/a", NULL));
	assert_kind(f->plan, "/l/f", "-");
}

static void overlay__a_plan_leaves_the_machine_alone(void **state)
{
	struct fixture *f = *state;
	const struct neap_view *machine = &f->machine->view;
	struct neap_stat stat;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	put(f, "/f", NEAP_FILE_REGULAR, "old");
	write_file(f->plan, "/f", "new");
	write_file(f->plan, "/g", "new");
	ok(neap_host_attributes(f->plan, "/f", 0, 1, 1, NULL));
	ok(neap_view_stat(machine, "/f", &stat, NULL));
	assert_int_equal(stat.size, 3);
	assert_int_equal(stat.mode, 0644);
	ok(neap_view_stat(machine, "/g", &stat, NULL));
	assert_int_equal(stat.kind, NEAP_FILE_ABSENT);
	assert_true(neap_overlay_land(f->plan, &f->commit, &err) < 0);
}

/* ---- changes ----------------------------------------------------------------------------------------- */

static void overlay__what_was_written_is_read_and_outlives_the_writer(void **state)
{
	struct fixture *f = *state;
	char bytes[] = "secret";
	const char *early;
	struct neap_stat stat;

	put(f, "/f", NEAP_FILE_REGULAR, "old");
	ok(neap_host_attributes(f->apply, "/f", 04750, 7, 8, NULL));
	assert_bytes(f->apply, "/f", "old"); /* the machine's, with new attributes */
	write_file(f->apply, "/f", bytes);
	memset(bytes, 'x', sizeof(bytes) - 1);
	early = bytes_at(f, f->apply, "/f");
	assert_string_equal(early, "secret");
	ok(neap_view_stat(&f->apply->view, "/f", &stat, NULL));
	assert_int_equal(stat.mode, 04750); /* kept */
	assert_int_equal(stat.uid, 7);
	assert_int_equal(stat.gid, 8);
	assert_int_equal(stat.links, 1);
	ok(neap_overlay_land(f->apply, &f->commit, NULL));
	assert_string_equal(early, "secret");
	assert_bytes(f->apply, "/f", "secret");
	ok(neap_view_stat(&f->machine->view, "/f", &stat, NULL));
	assert_int_equal(stat.mode, 04750);
	assert_int_equal(stat.uid, 7);
}

static void overlay__a_new_file_belongs_to_its_creator(void **state)
{
	struct fixture *f = *state;
	struct neap_stat stat;

	neap_host_memory_put(f->machine, "/shared", NEAP_FILE_DIRECTORY, 02775, 3, 44, NULL, 0);
	put(f, "/link", NEAP_FILE_LINK, "shared");
	put(f, "/shared/old", NEAP_FILE_LINK, "x");
	write_file(f->plan, "/link/new", "");
	ok(neap_view_stat(&f->plan->view, "/shared/new", &stat, NULL));
	assert_int_equal(stat.mode, 0644);
	assert_int_equal(stat.uid, 0);
	assert_int_equal(stat.gid, 44);
	/* In the place of a link: nothing of that is kept. */
	write_file(f->plan, "/shared/old", "");
	ok(neap_view_stat(&f->plan->view, "/shared/old", &stat, NULL));
	assert_int_equal(stat.mode, 0644);
	/* A directory planned with that bit does the same; one not given gets none of it. */
	ok(neap_host_mkdir(f->plan, "/own", 02770, 5, 55, NULL));
	make_dir(f->plan, "/own/d");
	ok(neap_view_stat(&f->plan->view, "/own/d", &stat, NULL));
	assert_int_equal(stat.mode, 0755);
	assert_int_equal(stat.gid, 55);
}

static void overlay__refuses_what_the_machine_would(void **state)
{
	struct fixture *f = *state;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	assert_true(try_write(f->plan, "/no/f", "", &err) < 0);
	assert_string_equal(err->message, "write /no/f: No such file or directory");
	neap_error_auto(&err);
	assert_true(try_write(f->plan, "/d", "", &err) < 0);
	assert_int_equal(err->errnum, EISDIR);
	neap_error_auto(&err);
	assert_true(try_write(f->plan, "/", "", &err) < 0);
	assert_int_equal(err->errnum, EISDIR);
	neap_error_auto(&err);
	assert_true(neap_host_rmdir(f->plan, "/", &err) < 0);
	assert_int_equal(err->errnum, EBUSY);
	neap_error_auto(&err);
	assert_true(neap_host_symlink(f->plan, "/l", "", &err) < 0);
	assert_int_equal(err->errnum, ENOENT);
	neap_error_auto(&err);
	write_file(f->plan, "/e", ""); /* something is held from here on */
	assert_true(try_write(f->plan, "/d/f/g", "", &err) < 0);
	assert_int_equal(err->errnum, ENOTDIR);
	assert_string_equal(err->message, "stat /d/f/g: /d/f is not a directory");
	assert_int_equal(neap_overlay_held(f->plan, NULL), 1);
}

static void overlay__a_directory_made_anew_is_empty(void **state)
{
	struct fixture *f = *state;

	put(f, "/d/sub/f", NEAP_FILE_REGULAR, "x");
	ok(neap_host_remove_tree(f->apply, "/d", NULL));
	assert_kind(f->apply, "/d/sub/f", "-");
	make_dir(f->apply, "/d");
	assert_names(f->apply, "/d", "");
	make_dir(f->apply, "/d/sub");
	assert_names(f->apply, "/d/sub", "");
	assert_kind(f->apply, "/d/sub/f", "-");
	ok(neap_overlay_land(f->apply, &f->commit, NULL));
	assert_int_equal(f->failures, 0);
	assert_names(f->apply, "/d/sub", "");
}

static void overlay__attributes_of_a_directory_leave_it_open_to_the_machine(void **state)
{
	struct fixture *f = *state;

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	ok(neap_host_attributes(f->plan, "/d", 0700, NEAP_KEEP, NEAP_KEEP, NULL));
	ok(neap_host_attributes(f->plan, "/", 0700, NEAP_KEEP, NEAP_KEEP, NULL));
	write_file(f->plan, "/d/a", "");
	assert_names(f->plan, "/d", "a f ");
	assert_names(f->plan, "/", "d ");
	assert_bytes(f->plan, "/d/f", "x");
}

static char *source_file(size_t size)
{
	char *path = strdup("/tmp/neap-source-XXXXXX");
	int fd = mkstemp(path);
	char *bytes = malloc(size);

	memset(bytes, 'z', size);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	free(bytes);
	return path;
}

static void overlay__large_content_stays_where_it_is(void **state)
{
	struct fixture *f = *state;
	const size_t size = NEAP_CONTENT_MAX + 5;
	struct neap_file_write file = { .mode = 0600, .uid = 0, .gid = 0 };
	char *source = source_file(size), *bytes = malloc(size);
	struct neap_content content;
	struct neap_stat stat;
	uint64_t held;

	memset(bytes, 'z', size);
	file.content = (struct neap_content){ .size = size, .source = source };
	neap_digest(bytes, size, file.content.digest);
	ok(neap_host_write(f->apply, "/lazy", &file, NULL));
	ok(neap_view_file(&f->apply->view, "/lazy", f->arena, &stat, &content, NULL));
	assert_null(content.data);
	assert_int_equal(stat.size, size);
	assert_string_equal(content.source, source);
	assert_true(neap_content_equal(&content, &file.content));
	/* Bytes that are too many are answered as the machine would: by their digest. */
	file.content = (struct neap_content){ .data = bytes, .size = size };
	ok(neap_host_write(f->apply, "/bytes", &file, NULL));
	ok(neap_view_file(&f->apply->view, "/bytes", f->arena, &stat, &content, NULL));
	assert_null(content.data);
	assert_true(neap_content_equal(&content, &file.content));
	assert_int_equal(neap_overlay_held(f->apply, &held), 2);
	assert_int_equal(held, 2 * size);
	ok(neap_overlay_land(f->apply, &f->commit, NULL));
	assert_int_equal(f->failures, 0);
	for (int i = 0; i < 2; i++) {
		ok(neap_view_file(&f->apply->view, i ? "/bytes" : "/lazy", f->arena, &stat, &content, NULL));
		assert_true(neap_content_equal(&content, &file.content));
	}
	unlink(source);
	free(source);
	free(bytes);
}

static void overlay__no_bytes_and_no_source_is_an_empty_file(void **state)
{
	struct fixture *f = *state;
	const struct neap_file_write file = { .mode = 0600, .uid = 0, .gid = 0 };

	ok(neap_host_write(f->apply, "/f", &file, NULL));
	assert_bytes(f->apply, "/f", "");
	ok(neap_overlay_land(f->apply, &f->commit, NULL));
	assert_int_equal(f->failures, 0);
	assert_bytes(f->apply, "/f", "");
}

/* ---- what is not known ------------------------------------------------------------------------------- */

static void overlay__what_is_absent_is_unknown_below_an_opaque_change(void **state)
{
	struct fixture *f = *state;

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	put(f, "/gone", NEAP_FILE_REGULAR, "x");
	put(f, "/dir/x", NEAP_FILE_REGULAR, "x");
	for (int held = 0; held < 2; held++) { /* with nothing held the machine is asked directly */
		neap_overlay_step(f->plan, 9, 4);
		assert_kind(f->plan, "/no", "?4");
		assert_kind(f->plan, "/no/no", "?4");
		assert_bytes(f->plan, "/d/no", "?4");
		assert_target(f->plan, "/no", "?4");
		assert_names(f->plan, "/no", "?4");
		assert_names(f->plan, "/d", "f "); /* of one that is there the list is known */
		assert_bytes(f->plan, "/d/f", "x");
		neap_overlay_step(f->plan, 10, NEAP_NO_STEP);
		assert_kind(f->plan, "/no", "-");
		assert_names(f->plan, "/no", "!ENOENT");
		if (held)
			break;
		write_file(f->plan, "/other", "");
	}
	/* A planned removal is known. A directory made here may be filled by what is pending. */
	ok(neap_host_unlink(f->plan, "/gone", NULL));
	ok(neap_host_remove_tree(f->plan, "/dir", NULL));
	make_dir(f->plan, "/made");
	neap_overlay_step(f->plan, 11, 4);
	assert_kind(f->plan, "/gone", "-");
	assert_kind(f->plan, "/dir/x", "-");
	assert_kind(f->plan, "/made/x", "?4");
	assert_names(f->plan, "/made", "");
}

static void overlay__a_read_that_fails_below_an_opaque_change_is_unknown(void **state)
{
	struct fixture *f = *state;

	put(f, "/f", NEAP_FILE_REGULAR, "x");
	put(f, "/loop", NEAP_FILE_LINK, "loop");
	for (int held = 0; held < 2; held++) {
		neap_overlay_step(f->plan, 9, 4);
		assert_kind(f->plan, "/f/x", "?4");
		assert_names(f->plan, "/f", "?4");
		assert_bytes(f->plan, "/loop/x", "?4");
		neap_host_memory_fail(f->machine, 1, EIO);
		assert_bytes(f->plan, "/f", "?4");
		assert_bytes(f->plan, "/f", "x");
		neap_overlay_step(f->plan, 10, NEAP_NO_STEP);
		assert_kind(f->plan, "/f/x", "!ENOTDIR");
		assert_names(f->plan, "/f", "!ENOTDIR");
		neap_host_memory_fail(f->machine, 1, EIO);
		assert_kind(f->plan, "/f", "!EIO");
		write_file(f->plan, "/other", "");
	}
}

static void overlay__declared_effects_are_unknown_for_all(void **state)
{
	struct fixture *f = *state;

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	put(f, "/e/f", NEAP_FILE_REGULAR, "x");
	neap_overlay_step(f->plan, 1, NEAP_NO_STEP);
	write_file(f->plan, "/d/g", "planned");
	neap_overlay_step(f->plan, 2, NEAP_NO_STEP);
	assert_false(neap_overlay_opaque(f->plan));
	run(f, f->plan, "/d");
	assert_true(neap_overlay_opaque(f->plan));
	neap_overlay_step(f->plan, 3, NEAP_NO_STEP);
	assert_false(neap_overlay_opaque(f->plan));
	assert_kind(f->plan, "/d", "?2");
	assert_bytes(f->plan, "/d/f", "?2");
	assert_bytes(f->plan, "/d/g", "?2");
	assert_kind(f->plan, "/d/no/no", "?2");
	assert_names(f->plan, "/d", "?2");
	assert_names(f->plan, "/", "d? e "); /* whether it is in it at all */
	assert_bytes(f->plan, "/e/f", "x");
	assert_kind(f->plan, "/e/no", "-");
}

static void overlay__an_effect_reaches_through_links_and_missing_parents(void **state)
{
	struct fixture *f = *state;

	put(f, "/versions/1/bin", NEAP_FILE_REGULAR, "x");
	put(f, "/current", NEAP_FILE_LINK, "versions/1");
	neap_overlay_step(f->plan, 2, NEAP_NO_STEP);
	run(f, f->plan, "/current");
	run(f, f->plan, "/opt/a/b/c");
	neap_overlay_step(f->plan, 3, NEAP_NO_STEP);
	assert_target(f->plan, "/current", "?2");
	assert_bytes(f->plan, "/versions/1/bin", "?2");
	assert_kind(f->plan, "/versions/2", "-");
	assert_kind(f->plan, "/opt/a/b/c", "?2");
	assert_kind(f->plan, "/opt", "?2"); /* made with it */
}

static void overlay__a_change_of_something_unknown_is_what_was_wanted(void **state)
{
	struct fixture *f = *state;
	const struct neap_file_write file = {
		.content = { .data = "w", .size = 1 }, .mode = NEAP_KEEP, .uid = NEAP_KEEP, .gid = 9
	};
	struct neap_stat stat;

	run(f, f->plan, "/u");
	neap_overlay_step(f->plan, 1, NEAP_NO_STEP);
	write_file(f->plan, "/u/w", "new");
	assert_bytes(f->plan, "/u/w", "new");
	make_dir(f->plan, "/u/d");
	assert_kind(f->plan, "/u/d", "d");
	assert_kind(f->plan, "/u/d/x", "?0"); /* it may have been there before, with things in it */
	assert_names(f->plan, "/u/d", "?0");
	write_file(f->plan, "/u/d/y", "y");
	assert_bytes(f->plan, "/u/d/y", "y");
	ok(neap_host_symlink(f->plan, "/u/l", "d", NULL));
	assert_target(f->plan, "/u/l", "d");
	assert_bytes(f->plan, "/u/l/y", "y");
	ok(neap_host_unlink(f->plan, "/u/gone", NULL));
	assert_kind(f->plan, "/u/gone", "-");
	ok(neap_host_rmdir(f->plan, "/u/d", NULL));
	assert_kind(f->plan, "/u/d", "-");
	assert_kind(f->plan, "/u/d/y", "-");
	make_dir(f->plan, "/u/d");
	assert_kind(f->plan, "/u/d/y", "-");
	/* Only attributes: the rest stays unknown, and they are kept by a write. */
	ok(neap_host_attributes(f->plan, "/u/a", 0640, 7, NEAP_KEEP, NULL));
	assert_kind(f->plan, "/u/a", "?0");
	assert_bytes(f->plan, "/u/a", "?0");
	ok(neap_host_write(f->plan, "/u/a", &file, NULL));
	ok(neap_view_stat(&f->plan->view, "/u/a", &stat, NULL));
	assert_int_equal(stat.mode, 0640);
	assert_int_equal(stat.uid, 7);
	assert_int_equal(stat.gid, 9);
	/* The whole of it. */
	ok(neap_host_mkdir_parents(f->plan, "/u/p/q/r", NULL));
	ok(neap_host_remove_tree(f->plan, "/u", NULL));
	assert_kind(f->plan, "/u", "-");
	assert_kind(f->plan, "/u/w", "-");
	assert_names(f->plan, "/", "");
	make_dir(f->plan, "/u");
	assert_names(f->plan, "/u", "");
}

static void overlay__a_change_where_something_pends_is_what_was_wanted(void **state)
{
	struct fixture *f = *state;

	put(f, "/f", NEAP_FILE_REGULAR, "x");
	put(f, "/d", NEAP_FILE_DIRECTORY, NULL);
	neap_overlay_step(f->plan, 5, 2);
	ok(neap_host_mkdir_parents(f->plan, "/opt/x/conf", NULL));
	write_file(f->plan, "/opt/x/conf", "c"); /* the package will have made /opt/x */
	assert_bytes(f->plan, "/opt/x/conf", "c");
	assert_kind(f->plan, "/opt/x/other", "?2");
	ok(neap_host_unlink(f->plan, "/d/old", NULL));
	assert_kind(f->plan, "/d/old", "-");
	write_file(f->plan, "/f/below", "c"); /* a file now, maybe a directory then */
	assert_bytes(f->plan, "/f/below", "c");
	assert_bytes(f->plan, "/f", "x");
	put(f, "/loop", NEAP_FILE_LINK, "loop");
	write_file(f->plan, "/loop/below", "c");
	assert_bytes(f->plan, "/loop/below", "c");
	neap_overlay_step(f->plan, 6, NEAP_NO_STEP);
	assert_bytes(f->plan, "/opt/x/conf", "c");
	assert_kind(f->plan, "/opt", "?2"); /* planned by none, but it will have to be there */
	assert_kind(f->plan, "/d/old", "-");
	assert_kind(f->plan, "/f/below", "!ENOTDIR");
}

static void overlay__in_an_apply_nothing_pends(void **state)
{
	struct fixture *f = *state;

	neap_overlay_step(f->apply, 5, 2);
	assert_kind(f->apply, "/no", "-");
}

/* ---- taking back ------------------------------------------------------------------------------------- */

static void overlay__undo_takes_back_this_step_and_no_more(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes;

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	put(f, "/l", NEAP_FILE_LINK, "d");
	write_file(f->apply, "/a", "one");
	make_dir(f->apply, "/m");
	neap_overlay_step(f->apply, 1, NEAP_NO_STEP);
	write_file(f->apply, "/a", "two");
	write_file(f->apply, "/a", "three");
	ok(neap_host_remove_tree(f->apply, "/d", NULL));
	ok(neap_host_symlink(f->apply, "/l", "m", NULL));
	ok(neap_host_rmdir(f->apply, "/m", NULL));
	make_dir(f->apply, "/d");
	write_file(f->apply, "/d/new", "");
	neap_overlay_undo(f->apply);
	assert_int_equal(neap_overlay_held(f->apply, &bytes), 2);
	assert_int_equal(bytes, 3);
	assert_bytes(f->apply, "/a", "one");
	assert_bytes(f->apply, "/l/f", "x");
	assert_kind(f->apply, "/m", "d");
	assert_names(f->apply, "/d", "f ");
	write_file(f->apply, "/m/again", "1"); /* the step can go on, and be taken back again */
	write_file(f->apply, "/a", "four");
	neap_overlay_undo(f->apply);
	assert_names(f->apply, "/m", "");
	assert_bytes(f->apply, "/a", "one");
	ok(neap_overlay_land(f->apply, &f->commit, NULL));
	assert_int_equal(f->failures, 0);
	assert_names(f->apply, "/", "a d l m ");
	assert_bytes(f->apply, "/a", "one");
}

static void overlay__what_is_unsettled_is_unknown_but_for_what_is_planned(void **state)
{
	struct fixture *f = *state;

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	write_file(f->plan, "/d/g", "g");
	neap_overlay_step(f->plan, 3, NEAP_NO_STEP);
	assert_bytes(f->plan, "/d/f", "x"); /* the way there is known now */
	ok(neap_host_unsettle(f->plan, "/d", NULL));
	assert_kind(f->plan, "/d", "d");
	assert_bytes(f->plan, "/d/f", "?3");
	assert_bytes(f->plan, "/d/g", "g");
	assert_names(f->plan, "/d", "?3");
	write_file(f->plan, "/d/f", "new");
	assert_bytes(f->plan, "/d/f", "new");
	ok(neap_host_remove_tree(f->plan, "/d", NULL));
	assert_kind(f->plan, "/d/f", "-");
	neap_overlay_undo(f->plan);
	assert_names(f->plan, "/d", "f g ");
	assert_bytes(f->plan, "/d/g", "g");
}

static void overlay__a_tree_with_something_unsure_in_it_goes(void **state)
{
	struct fixture *f = *state;

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	run(f, f->plan, "/d/u");
	assert_names(f->plan, "/d", "f u? ");
	assert_true(neap_host_rmdir(f->plan, "/d", NULL) < 0); /* f is sure */
	ok(neap_host_remove_tree(f->plan, "/d", NULL));
	assert_kind(f->plan, "/d/u", "-");
	put(f, "/e", NEAP_FILE_DIRECTORY, NULL);
	run(f, f->plan, "/e/u");
	ok(neap_host_rmdir(f->plan, "/e", NULL)); /* as far as is known */
	assert_kind(f->plan, "/e", "-");
}

static void overlay__undo_takes_back_what_an_opaque_change_made_unknown(void **state)
{
	struct fixture *f = *state;

	put(f, "/d/f", NEAP_FILE_REGULAR, "x");
	write_file(f->plan, "/d/g", "g");
	neap_overlay_step(f->plan, 1, NEAP_NO_STEP);
	run(f, f->plan, "/d");
	neap_overlay_undo(f->plan);
	assert_false(neap_overlay_opaque(f->plan));
	assert_names(f->plan, "/d", "f g ");
	assert_bytes(f->plan, "/d/g", "g");
	neap_overlay_step(f->plan, 2, NEAP_NO_STEP);
	neap_overlay_undo(f->plan);
	assert_bytes(f->plan, "/d/g", "g");
}

/* ---- landing ----------------------------------------------------------------------------------------- */

static void overlay__landing_forgets_so_that_the_machine_is_seen(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes = 1;

	write_file(f->apply, "/a", "1");
	neap_overlay_step(f->apply, 1, NEAP_NO_STEP);
	make_dir(f->apply, "/d");
	write_file(f->apply, "/d/b", "2");
	neap_host_memory_fail(f->machine, 2, EIO); /* the mkdir */
	ok(neap_overlay_land(f->apply, &f->commit, NULL));
	assert_int_equal(f->failures, 1);
	assert_int_equal(f->landings, 1);
	assert_false(f->whole_failed);
	assert_int_equal(neap_host_memory_calls(f->machine),
			 2); /* what came after in that step was not tried */
	assert_int_equal(neap_overlay_held(f->apply, &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_bytes(f->apply, "/a", "1");
	assert_kind(f->apply, "/d", "-");
	assert_kind(f->apply, "/d/b", "-");
	ok(neap_overlay_land(f->apply, &f->commit, NULL)); /* nothing */
	assert_int_equal(f->landings, 1);
	neap_overlay_undo(f->apply); /* what has landed is not taken back */
	assert_int_equal(neap_overlay_held(f->apply, &bytes), 0);
	assert_bytes(f->apply, "/a", "1");
}

static void overlay__changes_land_by_paths_without_links(void **state)
{
	struct fixture *f = *state;

	put(f, "/real/sub", NEAP_FILE_DIRECTORY, NULL);
	put(f, "/l", NEAP_FILE_LINK, "real/../real");
	ok(neap_host_symlink(f->apply, "/planned", "/l/sub", NULL));
	write_file(f->apply, "/planned/f", "x"); /* the memory machine refuses changes through links */
	ok(neap_host_mkdir_parents(f->apply, "/planned/a/b/c", NULL));
	write_file(f->apply, "/l/sub/a/b/c", "y");
	ok(neap_overlay_land(f->apply, &f->commit, NULL));
	assert_int_equal(f->failures, 0);
	assert_bytes(f->apply, "/real/sub/f", "x");
	assert_bytes(f->apply, "/real/sub/a/b/c", "y");
}

static int run_sees(struct neap_machine *machine, const struct neap_process *process, void *ctx)
{
	struct neap_stat stat;

	(void)process;
	ok(neap_view_stat(&machine->view, "/before", &stat, NULL));
	*(bool *)ctx = stat.kind == NEAP_FILE_REGULAR;
	neap_host_memory_put(machine, "/way", NEAP_FILE_LINK, 0777, 0, 0, "two", 3);
	return 0;
}

static void overlay__where_a_process_runs_all_before_it_has_landed(void **state)
{
	struct fixture *f = *state;
	bool seen = false;

	put(f, "/one/f", NEAP_FILE_REGULAR, "1");
	put(f, "/two/f", NEAP_FILE_REGULAR, "2");
	put(f, "/way", NEAP_FILE_LINK, "one");
	neap_host_memory_on_run(f->machine, run_sees, &seen);
	write_file(f->apply, "/before", "");
	assert_bytes(f->apply, "/way/f", "1");
	run(f, f->apply, NULL);
	assert_true(seen);
	assert_int_equal(f->landings, 1);
	assert_true(neap_overlay_opaque(f->apply));
	write_file(f->apply, "/after", "");
	assert_bytes(f->apply, "/way/f", "2"); /* the process has moved the link */
	neap_overlay_undo(f->apply);
	assert_kind(f->apply, "/after", "-");
	assert_kind(f->apply, "/before", "f");
	assert_true(neap_overlay_opaque(f->apply)); /* it has run */
}

static void overlay__a_process_does_not_run_after_a_failed_change_of_its_step(void **state)
{
	struct fixture *f = *state;
	const char *argv[] = { "make", NULL };
	const struct neap_process process = { .argv = argv };
	struct neap_process_result result;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	bool seen = true;

	neap_host_memory_on_run(f->machine, run_sees, &seen);
	write_file(f->apply, "/before", "");
	neap_host_memory_fail(f->machine, 1, EIO);
	assert_true(neap_host_run(f->apply, &process, f->arena, &result, &err) < 0);
	assert_string_equal(err->message, "run make: not done, for a change before it failed");
	assert_kind(f->apply, "/way", "-");
}

/* ---- machines that are told what to answer ----------------------------------------------------------- */

struct odd {
	struct neap_machine machine; /* first */
	struct neap_reads reads;
	struct neap_machine_ops ops;
	struct neap_machine *below;
	const char *mount;
};

static int odd_stat(const struct neap_view *view, const char *path, struct neap_stat *ret,
		    struct neap_error **err)
{
	const struct odd *odd = (const struct odd *)(const void *)view;
	int r = neap_view_stat(&odd->below->view, path, ret, err);

	if (r == 0 && odd->mount && strcmp(path, odd->mount) == 0)
		ret->mount = true;
	return r;
}

static int odd_link(const struct neap_view *view, const char *path, struct neap_arena *arena,
		    struct neap_stat *ret, const char **target, struct neap_error **err)
{
	return neap_view_link(&((const struct odd *)(const void *)view)->below->view, path, arena, ret,
			      target, err);
}

static int odd_list(const struct neap_view *view, const char *path, struct neap_arena *arena,
		    struct neap_entry **ret, size_t *count, struct neap_error **err)
{
	return neap_view_list(&((const struct odd *)(const void *)view)->below->view, path, arena, ret, count,
			      err);
}

static void odd_caller(const struct neap_view *view, uint32_t *uid, uint32_t *gid)
{
	(void)view;
	*uid = *gid = 0;
}

static int odd_commit(struct neap_machine *machine, const struct neap_change *changes, size_t count,
		      const struct neap_commit *commit, struct neap_error **err)
{
	(void)machine;
	(void)changes;
	(void)count;
	(void)commit;
	return neap_error_set(err, "sync: broken");
}

static void make_odd(struct fixture *f, struct odd *odd)
{
	*odd = (struct odd){
		.reads = { .stat = odd_stat, .link = odd_link, .list = odd_list, .caller = odd_caller },
		.ops = { .commit = odd_commit },
		.below = f->machine,
	};
	odd->machine = (struct neap_machine){ .view.reads = &odd->reads, .ops = &odd->ops };
}

static void overlay__a_mount_point_is_neither_replaced_nor_removed(void **state)
{
	struct fixture *f = *state;
	struct odd odd;
	struct neap_host *plan;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	make_odd(f, &odd);
	plan = neap_overlay_new(&odd.machine, NEAP_OVERLAY_PLAN);
	put(f, "/d/m/precious", NEAP_FILE_REGULAR, "x");
	put(f, "/f", NEAP_FILE_REGULAR, "x");
	odd.mount = "/d/m";
	for (int i = 0; i < 2; i++) {
		assert_true(neap_host_remove_tree(plan, "/d", &err) < 0);
		assert_int_equal(err->errnum, EBUSY);
		neap_error_auto(&err);
		ok(neap_host_attributes(plan, "/d/m", 0700, NEAP_KEEP, NEAP_KEEP,
					NULL)); /* then it is held */
	}
	assert_kind(plan, "/d/m/precious", "f");
	odd.mount = "/f";
	assert_true(try_write(plan, "/f", "", &err) < 0);
	assert_int_equal(err->errnum, EBUSY);
	assert_true(neap_host_unlink(plan, "/f", NULL) < 0);
	assert_true(neap_host_symlink(plan, "/f", "x", NULL) < 0);
	ok(neap_host_attributes(plan, "/f", 0700, NEAP_KEEP, NEAP_KEEP, NULL));
	neap_overlay_free(plan);
}

static void overlay__a_group_that_fails_as_a_whole_is_forgotten_and_told(void **state)
{
	struct fixture *f = *state;
	struct odd odd;
	struct neap_host *apply;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	make_odd(f, &odd);
	apply = neap_overlay_new(&odd.machine, NEAP_OVERLAY_APPLY);
	write_file(apply, "/f", "");
	assert_true(neap_overlay_land(apply, &f->commit, &err) < 0);
	assert_string_equal(err->message, "sync: broken");
	assert_true(f->whole_failed);
	assert_kind(apply, "/f", "-");
	assert_int_equal(neap_overlay_held(apply, NULL), 0);
	neap_overlay_free(apply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(overlay__asks_the_machine_as_it_was_asked_when_nothing_is_held),
		TEST(overlay__a_read_beside_what_is_held_costs_one_call),
		TEST(overlay__making_directories_forgets_no_way),
		TEST(overlay__forty_links_are_followed_and_no_more),
		TEST(overlay__a_way_that_leaves_a_removed_directory_again_is_lost),
		TEST(overlay__a_plan_leaves_the_machine_alone),
		TEST(overlay__what_was_written_is_read_and_outlives_the_writer),
		TEST(overlay__a_new_file_belongs_to_its_creator),
		TEST(overlay__refuses_what_the_machine_would),
		TEST(overlay__a_directory_made_anew_is_empty),
		TEST(overlay__attributes_of_a_directory_leave_it_open_to_the_machine),
		TEST(overlay__large_content_stays_where_it_is),
		TEST(overlay__no_bytes_and_no_source_is_an_empty_file),
		TEST(overlay__what_is_absent_is_unknown_below_an_opaque_change),
		TEST(overlay__a_read_that_fails_below_an_opaque_change_is_unknown),
		TEST(overlay__declared_effects_are_unknown_for_all),
		TEST(overlay__an_effect_reaches_through_links_and_missing_parents),
		TEST(overlay__a_change_of_something_unknown_is_what_was_wanted),
		TEST(overlay__a_change_where_something_pends_is_what_was_wanted),
		TEST(overlay__in_an_apply_nothing_pends),
		TEST(overlay__undo_takes_back_this_step_and_no_more),
		TEST(overlay__what_is_unsettled_is_unknown_but_for_what_is_planned),
		TEST(overlay__a_tree_with_something_unsure_in_it_goes),
		TEST(overlay__undo_takes_back_what_an_opaque_change_made_unknown),
		TEST(overlay__landing_forgets_so_that_the_machine_is_seen),
		TEST(overlay__changes_land_by_paths_without_links),
		TEST(overlay__where_a_process_runs_all_before_it_has_landed),
		TEST(overlay__a_process_does_not_run_after_a_failed_change_of_its_step),
		TEST(overlay__a_mount_point_is_neither_replaced_nor_removed),
		TEST(overlay__a_group_that_fails_as_a_whole_is_forgotten_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
