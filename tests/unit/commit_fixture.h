/* The engine's part of a commit, and changes made easily. */
#pragma once

#include "local_fixture.h"

#define STEPS 16
#define NEED_ROOT()                                                                                          \
	do {                                                                                                 \
		if (geteuid() != 0)                                                                          \
			skip();                                                                              \
	} while (0)

/* The engine's part: what has failed, and what stands on it. */
struct engine {
	char error[STEPS][1024], hint[STEPS][256];
	int needs[STEPS]; /* step + 1 */
	bool failed[STEPS];
	bool forbidden[STEPS];   /* may not go on, though nothing failed */
	int forbid_after[STEPS]; /* asked so often: forbidden from then on; 0: never */
};

UNUSED static bool engine_may(void *ctx, uint32_t step)
{
	struct engine *engine = ctx;

	if (engine->forbid_after[step] && --engine->forbid_after[step] == 0)
		engine->forbidden[step] = true;
	for (int at = (int)step + 1; at; at = engine->needs[at - 1])
		if (engine->failed[at - 1] || engine->forbidden[at - 1])
			return false;
	return true;
}

UNUSED static void engine_failed(void *ctx, uint32_t step, struct neap_error *err)
{
	struct engine *engine = ctx;

	engine->failed[step] = true;
	snprintf(engine->error[step], sizeof(engine->error[step]), "%s", err->message);
	snprintf(engine->hint[step], sizeof(engine->hint[step]), "%s", err->hint ? err->hint : "");
	neap_error_free(err);
}

UNUSED static void commit_as(const struct fixture *f, struct engine *engine,
			     const struct neap_change *changes, size_t count)
{
	struct neap_commit commit = { .ctx = engine, .may = engine_may, .failed = engine_failed };
	struct neap_error *err = NULL;

	if (f->machine->ops->commit(f->machine, changes, count, &commit, &err) < 0)
		fail_msg("%s", err->message);
	assert_int_equal(count_leftovers(f), 0);
}

/* All must land. */
UNUSED static void commit_all(const struct fixture *f, const struct neap_change *changes, size_t count)
{
	struct engine engine = { 0 };

	commit_as(f, &engine, changes, count);
	for (int i = 0; i < STEPS; i++)
		assert_string_equal(engine.error[i], "");
}
#define COMMIT(f, changes) commit_all((f), (changes), sizeof(changes) / sizeof(*(changes)))

/* One change that must fail: its error. */
UNUSED static const char *refusal(const struct fixture *f, struct neap_change change)
{
	static struct engine engine;

	engine = (struct engine){ 0 };
	change.step = 0;
	commit_as(f, &engine, &change, 1);
	assert_true(engine.failed[0]);
	return engine.error[0];
}

UNUSED static struct neap_change write_of(uint32_t step, const char *path, const char *data)
{
	return (struct neap_change){ .kind = NEAP_CHANGE_WRITE,
				     .step = step,
				     .path = path,
				     .content = { .data = data, .size = strlen(data) },
				     .mode = 0644,
				     .uid = geteuid(),
				     .gid = getegid() };
}

UNUSED static struct neap_change change_of(enum neap_change_kind kind, uint32_t step, const char *path,
					   uint32_t mode)
{
	return (struct neap_change){
		.kind = kind, .step = step, .path = path, .mode = mode, .uid = geteuid(), .gid = getegid()
	};
}

UNUSED static struct neap_change link_of(uint32_t step, const char *path, const char *target)
{
	return (struct neap_change){
		.kind = NEAP_CHANGE_SYMLINK, .step = step, .path = path, .target = target
	};
}

UNUSED static struct stat look(const struct fixture *f, const char *path)
{
	struct stat st;

	assert_int_equal(lstat(real(f, path), &st), 0);
	return st;
}

UNUSED static bool exists(const struct fixture *f, const char *path)
{
	struct stat st;

	return lstat(real(f, path), &st) == 0;
}
