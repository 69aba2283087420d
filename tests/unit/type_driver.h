/*
 * For the tests of resource types: a small machine of tables, one resource taken through read, diff, apply,
 * landing, read and diff again, in a plan and in an apply. Knows no type; a test is a table of cells, each
 * "what is there × what is wanted → what is said × what is there then".
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/path.h"
#include "base/regex.h"
#include "base/vec.h"
#include "engine/diff.h"
#include "engine/registry.h"
#include "engine/schema.h"
#include "host/machine.h"
#include "host/overlay.h"
#include "modules/modules.h"

#define DRIVER_NODES 10

struct driver_node {
	const char *path;
	enum neap_file_kind kind;
	uint32_t mode, uid, gid;
	const char *data;
};

struct driver_cell {
	const char *name;
	struct driver_node have[DRIVER_NODES]; /* beside /t, a directory 0755 0:0 */
	const char *want[20];                  /* name, value …; "!name" is a secret text */
	const char *owned[4];                  /* paths of other resources */
	const char *says;                      /* the diff as text, "" for none; or … */
	const char *error;                     /* … the error, " | " its hint */
	const char *then;                      /* everything below /t; NULL: as before */
};

struct driver {
	struct neap_arena *arena;
	struct neap_machine *machine;
	struct neap_host *overlay;
	enum neap_overlay_mode mode;
	uint32_t step;
	bool notified; /* what is run next has been, by somebody else */
	const char *const *owned;
	struct neap_error *failed; /* of a landing */
	struct neap_commit commit;
};

/* ---- the machine ------------------------------------------------------------------------------------- */

#define DRIVER_UNUSED __attribute__((unused))

DRIVER_UNUSED static void driver_put(struct driver *driver, const struct driver_node *node)
{
	neap_host_memory_put(driver->machine, node->path, node->kind, node->mode, node->uid, node->gid,
			     node->data, node->data ? strlen(node->data) : 0);
}

DRIVER_UNUSED static void driver_begin(struct driver *driver, enum neap_overlay_mode mode)
{
	static const struct driver_node base[] = {
		{ "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0,
		  "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/:/bin/sh\n" },
		{ "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, "root:x:0:\nwww:x:44:\n" },
		{ "/t", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL },
	};
	*driver = (struct driver){ .arena = neap_arena_new(), .mode = mode };
	assert_int_equal(neap_host_memory_new(&driver->machine), 0);
	for (size_t i = 0; i < sizeof base / sizeof *base; i++)
		driver_put(driver, &base[i]);
}

DRIVER_UNUSED static void driver_end(struct driver *driver)
{
	neap_error_free(driver->failed);
	if (driver->overlay)
		neap_overlay_free(driver->overlay);
	neap_machine_free(driver->machine);
	neap_arena_free(driver->arena);
}

static bool driver_may(void *ctx, uint32_t step)
{
	(void)step;
	return !((struct driver *)ctx)->failed;
}

static void driver_failed(void *ctx, uint32_t step, struct neap_error *err)
{
	struct driver *driver = ctx;
	(void)step;
	if (driver->failed)
		neap_error_free(err);
	else
		driver->failed = err;
}

DRIVER_UNUSED static void driver_open(struct driver *driver)
{
	driver->overlay = neap_overlay_new(driver->machine, driver->mode);
	neap_error_free(driver->failed);
	driver->failed = NULL;
	driver->commit = (struct neap_commit){ .ctx = driver, .may = driver_may, .failed = driver_failed };
	if (driver->mode == NEAP_OVERLAY_APPLY)
		neap_overlay_commit(driver->overlay, &driver->commit);
	neap_overlay_step(driver->overlay, driver->step, NEAP_NO_STEP);
}

DRIVER_UNUSED static int driver_land(struct driver *driver, struct neap_error **err)
{
	if (driver->mode == NEAP_OVERLAY_PLAN)
		return 0;
	if (neap_overlay_land(driver->overlay, &driver->commit, err) < 0)
		return -1;
	if (!driver->failed)
		return 0;
	*err = driver->failed;
	driver->failed = NULL;
	return -1;
}

/* "f /t/a 0644 0:0 bytes\n" for each thing below `path`; d for directories, l for links. Tests only:
 * recursive. */
static void driver_dump_to(const struct neap_view *view, struct neap_arena *arena, const char *path,
			   struct neap_buf *out)
{
	struct neap_entry *entries;
	size_t count;

	assert_int_equal(neap_view_list(view, path, arena, &entries, &count, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		const char *child = neap_arena_printf(arena, "%s/%s", path, entries[i].name), *target;
		struct neap_stat stat;
		struct neap_content content = { 0 };
		assert_int_equal(neap_view_file(view, child, arena, &stat, &content, NULL), 0);
		switch (stat.kind) {
		case NEAP_FILE_REGULAR:
			neap_buf_printf(out, "f %s %04o %u:%u %.*s\n", child, stat.mode, stat.uid, stat.gid,
					(int)content.size, content.data ? content.data : "");
			break;
		case NEAP_FILE_LINK:
			assert_int_equal(neap_view_link(view, child, arena, &stat, &target, NULL), 0);
			neap_buf_printf(out, "l %s %s\n", child, target);
			break;
		case NEAP_FILE_DIRECTORY:
			neap_buf_printf(out, "d %s %04o %u:%u\n", child, stat.mode, stat.uid, stat.gid);
			driver_dump_to(view, arena, child, out);
			break;
		default:
			neap_buf_printf(out, "o %s\n", child);
		}
	}
}

/* What the tests look at. */
static const char *driver_top = "/t";

DRIVER_UNUSED static const char *driver_dump(const struct neap_view *view, struct neap_arena *arena)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };
	driver_dump_to(view, arena, driver_top, &out);
	return neap_arena_copy(arena, out.data ? out.data : "", out.len);
}

/* ---- the want ---------------------------------------------------------------------------------------- */

DRIVER_UNUSED static const struct neap_resource_type *driver_type(const char *name)
{
	const struct neap_resource_type *type = neap_registry_find(&neap_modules, name);
	assert_non_null(type);
	return type;
}

static struct neap_value driver_value(struct neap_arena *arena, const struct neap_param *param, bool secret,
				      const char *text)
{
	if (secret)
		return neap_value_text(neap_text_secret(arena, text, strlen(text)));
	if (param->kind == NEAP_PARAM_BOOLEAN)
		return (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = strcmp(text, "true") == 0 };
	if (param->kind == NEAP_PARAM_INTEGER)
		return (struct neap_value){ .kind = NEAP_INTEGER, .integer = strtoll(text, NULL, 10) };
	if (param->kind != NEAP_PARAM_ARGV && param->kind != NEAP_PARAM_STRINGS)
		return neap_value_string(text);
	struct neap_value list = { .kind = NEAP_LIST }; /* words */
	char *words = neap_arena_strdup(arena, text), *rest = words;
	list.list.items = neap_arena_array_of(arena, struct neap_value, strlen(text) + 1);
	for (char *word; *text && (word = strsep(&rest, " "));)
		list.list.items[list.list.count++] = neap_value_string(word);
	return list;
}

/* What a source of this text holds; NULL: the text itself. */
DRIVER_UNUSED static struct neap_content (*driver_content)(const char *text);

/* Patterns belong to whoever sets them; here they live as long as the tests. */
static NEAP_VEC(struct neap_regex *) driver_regexes;

DRIVER_UNUSED static int driver_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < driver_regexes.count; i++)
		neap_regex_free(driver_regexes.items[i]);
	neap_vec_done(&driver_regexes);
	return 0;
}

DRIVER_UNUSED static void *driver_want(struct neap_arena *arena, const struct neap_resource_type *type,
				       const char *const *pairs)
{
	struct neap_want *want = neap_arena_alloc(arena, type->want_size);
	const struct neap_schema_context ctx = { .arena = arena };

	want->type = type;
	for (; pairs[0]; pairs += 2) {
		bool secret = pairs[0][0] == '!';
		int index = neap_schema_find(type, pairs[0] + secret);
		assert_true(index >= 0);
		const struct neap_param *param = &type->params[index];
		if (param->kind == NEAP_PARAM_SOURCE) {
			struct neap_source source = { .path = "files/source",
						      .content = { .data = pairs[1],
								   .size = strlen(pairs[1]) } };
			if (driver_content)
				source.content = driver_content(pairs[1]);
			memcpy((char *)want + param->offset, &source, sizeof source);
			want->given |= (uint64_t)1 << index;
			continue;
		}
		struct neap_value value = driver_value(arena, param, secret, pairs[1]);
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		if (neap_schema_set(&ctx, type, (unsigned)index, &value, want, &err) < 0)
			fail_msg("%s = %s: %s", param->name, pairs[1], err ? err->message : "?");
		if (param->kind == NEAP_PARAM_REGEX) {
			const struct neap_pattern *pattern = (const void *)((char *)want + param->offset);
			neap_vec_push(&driver_regexes, (struct neap_regex *)pattern->regex);
		}
	}
	return want;
}

/* ---- the diff as text -------------------------------------------------------------------------------- */

static void driver_print_value(struct neap_buf *out, struct neap_arena *arena, const struct neap_value *value,
			       bool hidden)
{
	if (hidden) {
		neap_buf_puts(out, "(hidden)");
	} else if (value->kind == NEAP_STRING) {
		neap_buf_puts(out, neap_text_masked(arena, value->text).data);
	} else if (value->kind == NEAP_LIST) {
		neap_buf_puts(out, "[");
		for (size_t i = 0; i < value->list.count; i++) {
			neap_buf_puts(out, i ? " " : "");
			driver_print_value(out, arena, &value->list.items[i], false);
		}
		neap_buf_puts(out, "]");
	}
}

/* "update content=old->new mode=0644->0600 (reason)" */
DRIVER_UNUSED static const char *driver_says(const struct neap_diff *diff, struct neap_arena *arena)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };

	if (neap_diff_empty(diff)) {
		assert_int_equal(diff->count, 0);
		return diff->reason ? diff->reason : "";
	}
	neap_buf_puts(&out, neap_action_name(diff->action));
	for (size_t i = 0; i < diff->count; i++) {
		const struct neap_change_entry *entry = &diff->entries[i];
		neap_buf_printf(&out, " %s=", entry->param);
		driver_print_value(&out, arena, &entry->before, entry->hide_before);
		neap_buf_puts(&out, "->");
		driver_print_value(&out, arena, &entry->after, false);
	}
	if (diff->reason)
		neap_buf_printf(&out, " (%s)", diff->reason);
	return neap_arena_copy(arena, out.data, out.len);
}

/* ---- one resource ------------------------------------------------------------------------------------ */

static bool driver_owned(const void *engine, const char *path)
{
	const struct driver *driver = engine;
	for (const char *const *owned = driver->owned; owned && *owned; owned++)
		if (strcmp(*owned, path) == 0 || neap_path_below(neap_str(*owned), neap_str(path)))
			return true;
	return false;
}

/* check, read, diff, apply, land, read, diff. *ret_says: the first diff. NEAP_UNKNOWN: read said so; the
 * apply has then been called without a have. */
DRIVER_UNUSED static int driver_run(struct driver *driver, const struct neap_resource_type *type,
				    const void *want, const char **ret_says, struct neap_error **err)
{
	struct neap_context ctx = { .scratch = driver->arena,
				    .passing = driver->arena,
				    .engine = driver,
				    .owned = driver_owned,
				    .notified = driver->notified };
	void *have = neap_arena_alloc(driver->arena, type->have_size);
	struct neap_diff diff = { .arena = driver->arena }, again = { .arena = driver->arena };

	*ret_says = "";
	if (type->check(want, err) < 0)
		return -1;
	neap_overlay_step(driver->overlay, driver->step++, NEAP_NO_STEP);
	int r = type->read(&driver->overlay->view, &ctx, want, have, err);
	if (r == NEAP_UNKNOWN) {
		r = type->apply(driver->overlay, &ctx, want, NULL, err);
		return r < 0 ? r : NEAP_UNKNOWN;
	}
	if (r == 0)
		r = type->diff(&ctx, want, have, &diff, err);
	if (r < 0)
		return r;
	*ret_says = driver_says(&diff, driver->arena);
	bool refreshes = type->refresh && (driver->notified || diff.refresh) &&
			 (!type->needs_refresh || type->needs_refresh(want, have));
	if (neap_diff_empty(&diff) && !refreshes)
		return 0;
	if ((!neap_diff_empty(&diff) && type->apply(driver->overlay, &ctx, want, have, err) < 0) ||
	    (refreshes && type->refresh(driver->overlay, &ctx, want, err) < 0) ||
	    driver_land(driver, err) < 0)
		return -1;
	ctx.again = true;
	have = neap_arena_alloc(driver->arena, type->have_size);
	r = type->read(&driver->overlay->view, &ctx, want, have, err);
	if (r == NEAP_UNKNOWN && driver->mode == NEAP_OVERLAY_PLAN)
		return 0; /* bytes that only an apply makes */
	if (r != 0)
		return r; /* a call that is told to fail */
	assert_int_equal(type->diff(&ctx, want, have, &again, err), 0);
	assert_string_equal(driver_says(&again, driver->arena), "");
	return 0;
}

static void driver_check_text(const struct driver_cell *cell, enum neap_overlay_mode mode, const char *what,
			      const char *is, const char *expected)
{
	if (strcmp(is, expected) != 0)
		fail_msg("%s, in %s: %s\n  is       %s\n  expected %s", cell->name,
			 mode == NEAP_OVERLAY_PLAN ? "a plan" : "an apply", what, is, expected);
}

static void driver_run_cell(const struct driver_cell *cell, const struct neap_resource_type *type,
			    enum neap_overlay_mode mode)
{
	struct driver driver;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *says;

	driver_begin(&driver, mode);
	for (size_t i = 0; i < DRIVER_NODES && cell->have[i].path; i++)
		driver_put(&driver, &cell->have[i]);
	driver.owned = cell->owned;
	const char *before = driver_dump(&driver.machine->view, driver.arena);
	driver_open(&driver);
	int r = driver_run(&driver, type, driver_want(driver.arena, type, cell->want), &says, &err);
	if (r < 0) {
		const char *text = neap_arena_printf(driver.arena, "%s%s%s", err->message,
						     err->hint ? " | " : "", err->hint ? err->hint : "");
		driver_check_text(cell, mode, "the error", text, cell->error ? cell->error : "(none)");
	} else {
		driver_check_text(cell, mode, "the error", "(none)", cell->error ? cell->error : "(none)");
		driver_check_text(cell, mode, "the diff", says, cell->says ? cell->says : "");
	}
	driver_check_text(cell, mode, "what is there then", driver_dump(&driver.overlay->view, driver.arena),
			  cell->then && r == 0 ? cell->then : before);
	driver_check_text(cell, mode, "what is there on the machine",
			  driver_dump(&driver.machine->view, driver.arena),
			  cell->then && r == 0 && mode == NEAP_OVERLAY_APPLY ? cell->then : before);
	driver_end(&driver);
}

DRIVER_UNUSED static void driver_run_cells(const char *type, const struct driver_cell *cells, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		driver_run_cell(&cells[i], driver_type(type), NEAP_OVERLAY_PLAN);
		driver_run_cell(&cells[i], driver_type(type), NEAP_OVERLAY_APPLY);
	}
}
#define DRIVER_RUN(type, cells) driver_run_cells(type, cells, sizeof(cells) / sizeof *(cells))

/* Every call to the machine fails once: that is an error, or does not matter, and the next run ends where it
 * should have. */
DRIVER_UNUSED static void driver_run_faults(const char *name, const struct driver_cell *cell)
{
	const struct neap_resource_type *type = driver_type(name);
	bool reached = true;

	for (uint64_t call = 1; reached; call++) {
		struct driver driver;
		struct neap_error *err NEAP_AUTO_ERROR = NULL, *again NEAP_AUTO_ERROR = NULL;
		const char *says;
		driver_begin(&driver, NEAP_OVERLAY_APPLY);
		for (size_t i = 0; i < DRIVER_NODES && cell->have[i].path; i++)
			driver_put(&driver, &cell->have[i]);
		driver_open(&driver);
		const void *want = driver_want(driver.arena, type, cell->want);
		struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
		struct neap_diff diff = { .arena = driver.arena };
		void *have = neap_arena_alloc(driver.arena, type->have_size);
		neap_host_memory_fail(driver.machine, call, EIO);
		int r = type->read(&driver.overlay->view, &ctx, want, have, &err);
		if (r == 0)
			r = type->diff(&ctx, want, have, &diff, &err);
		if (r == 0)
			r = type->apply(driver.overlay, &ctx, want, have, &err);
		if (r == 0)
			r = driver_land(&driver, &err);
		reached = neap_host_memory_calls(driver.machine) >= call;
		if (r < 0 ? !reached || !err : r != 0)
			fail_msg("call %llu: %d %s", (unsigned long long)call, r, err ? err->message : "");
		neap_host_memory_fail(driver.machine, 0, 0);
		if (r == 0) /* a name for a report was all that could not be had */
			driver_check_text(cell, NEAP_OVERLAY_APPLY, "what is there in spite of the failure",
					  driver_dump(&driver.machine->view, driver.arena), cell->then);
		neap_overlay_free(driver.overlay);
		driver_open(&driver);
		if (driver_run(&driver, type, want, &says, &again) != 0)
			fail_msg("after call %llu: %s", (unsigned long long)call,
				 again ? again->message : "?");
		driver_check_text(cell, NEAP_OVERLAY_APPLY, "what is there then",
				  driver_dump(&driver.machine->view, driver.arena), cell->then);
		driver_end(&driver);
	}
}

/* ---- parts of a file --------------------------------------------------------------------------------- */

/* For the types that own a part of /t/x: its bytes before, the want beside the path, what is said (the last
 * parentheses), the bytes then; `out` NULL: unchanged and nothing said. */
struct driver_text {
	const char *in; /* NULL: the file is absent */
	const char *want[14];
	const char *says;
	const char *out;
};

DRIVER_UNUSED static void driver_run_texts(const char *name, const struct driver_text *cells, size_t count)
{
	const struct neap_resource_type *type = driver_type(name);

	for (size_t i = 0; i < 2 * count; i++) {
		const struct driver_text *cell = &cells[i / 2];
		struct driver driver;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_stat stat;
		struct neap_content content = { .data = "" };
		const char *says;
		driver_begin(&driver, i % 2 ? NEAP_OVERLAY_APPLY : NEAP_OVERLAY_PLAN);
		if (cell->in)
			driver_put(&driver,
				   &(struct driver_node){ "/t/x", NEAP_FILE_REGULAR, 0644, 0, 0, cell->in });
		driver_open(&driver);
		const char *pairs[18] = { "path", "/t/x" };
		memcpy(pairs + 2, cell->want, sizeof cell->want);
		int r = driver_run(&driver, type, driver_want(driver.arena, type, pairs), &says, &err);
		if (r < 0)
			fail_msg("cell %zu: %s", i / 2, err->message);
		assert_int_equal(
			neap_view_file(&driver.overlay->view, "/t/x", driver.arena, &stat, &content, NULL),
			0);
		const char *is =
			content.data ? neap_arena_copy(driver.arena, content.data, content.size) : "";
		const char *expected = cell->out ? cell->out : cell->in ? cell->in : "";
		const char *reason = strrchr(says, '(');
		if (!reason)
			reason = says;
		if (strcmp(is, expected) != 0 || strcmp(reason, cell->out ? cell->says : "") != 0)
			fail_msg("cell %zu: is \"%s\" by \"%s\", not \"%s\" by \"%s\"", i / 2, is, says,
				 expected, cell->says ? cell->says : "");
		driver_end(&driver);
	}
}
#define DRIVER_RUN_TEXTS(type, cells) driver_run_texts(type, cells, sizeof(cells) / sizeof *(cells))

/* What check() says about a want: "" when it is content. */
DRIVER_UNUSED static const char *driver_check(struct neap_arena *arena, const char *type,
					      const char *const *pairs)
{
	const struct neap_resource_type *t = driver_type(type);
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	if (t->check(driver_want(arena, t, pairs), &err) == 0)
		return "";
	assert_non_null(err);
	return neap_arena_strdup(arena, err->message);
}
#define DRIVER_CHECK(arena, type, ...)                                                                       \
	driver_check(arena, type, (const char *const[]){ __VA_ARGS__, NULL, NULL })
