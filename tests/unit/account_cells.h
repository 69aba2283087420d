/* For the tests of users and groups: cells as of type_driver.h, but told by what has changed in the account
 * files, and by what lies in /home. */
#pragma once

#include <errno.h>

#include "type_driver.h"

#include "host/accounts.h"

#define DAY_20000 ((int64_t)20000 * 86400)
#define HASH "$6$saltsalt$abcdefghijklmnopqrstuvwxyz"

struct account_cell {
	const char *name;
	struct driver_node have[DRIVER_NODES]; /* beside the machine below; same paths are replaced */
	const char *want[24];
	const char *owned[4];
	const char *says, *error;
	const char *then; /* "+passwd a:x:…\n" and "-group b:x:…\n" in the order of the files, then /home;
			     NULL: nothing */
};

static const struct driver_node account_machine[] = {
	{ "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0,
	  "root:x:0:0::/root:/bin/sh\nann:x:1000:1000:Ann:/home/ann:/bin/sh\nsvc:x:998:50::/:/bin/false\n" },
	{ "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0,
	  "root:x:0:\nann:x:1000:\nshadow:x:42:\nteam:x:50:ann\nlog:x:51:\n" },
	{ "/etc/shadow", NEAP_FILE_REGULAR, 0640, 0, 42,
	  "root:*:19000:0:99999:7:::\nann:" HASH ":19000:0:99999:7:::\nsvc:!:19000::::::\n" },
	{ "/etc/gshadow", NEAP_FILE_REGULAR, 0640, 0, 42, "root:*::\nann:!::\nteam:!:ann:ann\nlog:!::\n" },
	{ "/etc/subuid", NEAP_FILE_REGULAR, 0644, 0, 0, "ann:100000:65536\n" },
	{ "/etc/skel/.profile", NEAP_FILE_REGULAR, 0644, 0, 0, "p" },
	{ "/home", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL },
};

static const char *const account_files[] = { "passwd", "group", "shadow", "gshadow", "subuid", "subgid" };
#define ACCOUNT_FILES (sizeof account_files / sizeof *account_files)

static void account_begin(struct driver *driver, const struct account_cell *cell, enum neap_overlay_mode mode)
{
	driver_begin(driver, mode);
	neap_host_memory_clock(driver->machine, DAY_20000);
	for (size_t i = 0; i < sizeof account_machine / sizeof *account_machine; i++)
		driver_put(driver, &account_machine[i]);
	for (size_t i = 0; i < DRIVER_NODES && cell->have[i].path; i++)
		driver_put(driver, &cell->have[i]);
	driver->owned = cell->owned;
}

static const char *account_file(const struct neap_view *view, struct neap_arena *arena, const char *name)
{
	struct neap_content content = { 0 };
	struct neap_stat stat;

	assert_int_equal(
		neap_view_file(view, neap_arena_printf(arena, "/etc/%s", name), arena, &stat, &content, NULL),
		0);
	return stat.kind == NEAP_FILE_REGULAR ? content.data : "";
}

static void account_lines(struct neap_buf *out, char sign, const char *file, const char *in,
			  const char *other)
{
	while (*in) {
		size_t len = strcspn(in, "\n");
		const char *hit = other;
		bool there = false;

		for (; *hit && !there; hit += strcspn(hit, "\n") + (hit[strcspn(hit, "\n")] != '\0'))
			there = strcspn(hit, "\n") == len && memcmp(hit, in, len) == 0;
		if (!there)
			neap_buf_printf(out, "%c%s %.*s\n", sign, file, (int)len, in);
		in += len + (in[len] != '\0');
	}
}

/* What `view` has that `before` had not, and the other way round. */
static const char *account_changes(const struct neap_view *view, const char *const *before,
				   struct neap_arena *arena)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };

	for (size_t i = 0; i < ACCOUNT_FILES; i++) {
		const char *now = account_file(view, arena, account_files[i]);

		account_lines(&out, '-', account_files[i], before[i], now);
		account_lines(&out, '+', account_files[i], now, before[i]);
	}
	driver_dump_to(view, arena, "/home", &out);
	return neap_arena_copy(arena, out.len ? out.data : "", out.len);
}

static void account_before(const struct driver *driver, const char *ret[ACCOUNT_FILES])
{
	for (size_t i = 0; i < ACCOUNT_FILES; i++)
		ret[i] = account_file(&driver->machine->view, driver->arena, account_files[i]);
}

static void account_run_cell(const struct account_cell *cell, const struct neap_resource_type *type,
			     enum neap_overlay_mode mode)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *before[ACCOUNT_FILES], *says;
	struct driver driver;

	account_begin(&driver, cell, mode);
	account_before(&driver, before);
	const char *nothing = account_changes(&driver.machine->view, before, driver.arena);
	driver_open(&driver);
	int r = driver_run(&driver, type, driver_want(driver.arena, type, cell->want), &says, &err);
	const struct driver_cell told = { .name = cell->name };
	const char *expected = r == 0 && cell->then ? cell->then : nothing;
	driver_check_text(&told, mode, "the error",
			  r < 0 ? neap_arena_printf(driver.arena, "%s%s%s", err->message,
						    err->hint ? " | " : "", err->hint ? err->hint : "")
				: "(none)",
			  cell->error ? cell->error : "(none)");
	if (r >= 0)
		driver_check_text(&told, mode, "the diff", says, cell->says ? cell->says : "");
	driver_check_text(&told, mode, "what is there then",
			  account_changes(&driver.overlay->view, before, driver.arena), expected);
	driver_check_text(&told, mode, "what is there on the machine",
			  account_changes(&driver.machine->view, before, driver.arena),
			  mode == NEAP_OVERLAY_APPLY ? expected : nothing);
	driver_end(&driver);
}

static void account_run_cells(const char *type, const struct account_cell *cells, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		account_run_cell(&cells[i], driver_type(type), NEAP_OVERLAY_PLAN);
		account_run_cell(&cells[i], driver_type(type), NEAP_OVERLAY_APPLY);
	}
}
#define ACCOUNT_RUN(type, cells) account_run_cells(type, cells, sizeof(cells) / sizeof *(cells))

/* As driver_run(), without a second look. */
static int account_apply(struct driver *driver, const struct neap_resource_type *type, const void *want,
			 struct neap_error **err)
{
	struct neap_context ctx = {
		.scratch = driver->arena, .passing = driver->arena, .engine = driver, .owned = driver_owned
	};
	void *have = neap_arena_alloc(driver->arena, type->have_size);
	struct neap_diff diff = { .arena = driver->arena };

	neap_overlay_step(driver->overlay, driver->step++, NEAP_NO_STEP);
	if (type->read(&driver->overlay->view, &ctx, want, have, err) < 0 ||
	    type->diff(&ctx, want, have, &diff, err) < 0)
		return -1;
	if (neap_diff_empty(&diff))
		return 0;
	return type->apply(driver->overlay, &ctx, want, have, err) < 0 ? -1 : driver_land(driver, err);
}

/* Each call of an apply failing once: it fails or succeeds, and the next apply ends where one without a
 * failure does. */
static void account_fail_each_call(const char *name, const struct account_cell *cell)
{
	const struct neap_resource_type *type = driver_type(name);
	const char *expected = NULL;
	uint64_t calls = 0;

	for (uint64_t failing = 0; failing <= calls; failing++) {
		const char *before[ACCOUNT_FILES];
		struct driver driver;

		account_begin(&driver, cell, NEAP_OVERLAY_APPLY);
		account_before(&driver, before);
		const void *want = driver_want(driver.arena, type, cell->want);
		neap_host_memory_fail(driver.machine, failing, EIO);
		driver_open(&driver);
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		int r = account_apply(&driver, type, want, &err);
		if (!failing) {
			assert_int_equal(r, 0);
			calls = neap_host_memory_calls(driver.machine);
			assert_true(calls > 10);
		}
		neap_host_memory_fail(driver.machine, 0, 0);
		neap_overlay_free(driver.overlay);
		driver_open(&driver);
		struct neap_error *again NEAP_AUTO_ERROR = NULL;
		if (r < 0 && account_apply(&driver, type, want, &again) < 0)
			fail_msg("%s: after call %d had failed: %s", cell->name, (int)failing,
				 again->message);
		const char *now = account_changes(&driver.machine->view, before, driver.arena);
		if (!failing)
			expected = strdup(now);
		else if (strcmp(now, expected) != 0)
			fail_msg("%s: after call %d had failed:\n%s\nand not\n%s", cell->name, (int)failing,
				 now, expected);
		driver_end(&driver);
	}
	free((void *)(uintptr_t)expected);
}
