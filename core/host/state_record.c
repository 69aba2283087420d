/*
 * The part of neap's state that says how the last run went: last-run.json, and who holds the lock. It must
 * not know what was run.
 *
 * Nothing here is synced, for it would cost a converged run more than all else it does; a record that is torn
 * after a power cut is told by who reads it.
 */
#include "host/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/document.h"
#include "base/tree.h"
#include "host/state_parts.h"

#define FORMAT_VERSION 1
#define NEW ".last-run.new"
#define TEXT_MAX 2000 /* bytes of a message */
#define MARK_MAX 4400 /* a path and what stands before it */

/* ---- as text ------------------------------------------------------------------------------------------- */

/* Bytes that are not UTF-8, which JSON cannot hold, as \xNN; at most TEXT_MAX. */
static struct neap_value text_value(struct neap_arena *arena, const char *text)
{
	NEAP_AUTO_BUF struct neap_buf buf = { 0 };
	struct neap_str rest = neap_str(text ? text : "");

	if (!text)
		return (struct neap_value){ .kind = NEAP_NIL };
	while (rest.len && buf.len < TEXT_MAX) {
		size_t whole = neap_str_utf8_prefix(rest);

		neap_buf_append(&buf, rest.data, whole);
		rest.data += whole;
		rest.len -= whole;
		if (!rest.len)
			break;
		neap_buf_printf(&buf, "\\x%02x", (unsigned char)*rest.data);
		rest.data++;
		rest.len--;
	}
	if (buf.len > TEXT_MAX) {
		buf.len = neap_str_utf8_prefix((struct neap_str){ buf.data, TEXT_MAX });
		neap_buf_puts(&buf, "…");
	}
	return neap_value_text(
		neap_text_plain(neap_arena_copy(arena, buf.data ? buf.data : "", buf.len), buf.len));
}

static struct neap_value number_value(int64_t number)
{
	return (struct neap_value){ .kind = NEAP_INTEGER, .integer = number };
}

static struct neap_value map_value(struct neap_pair *pairs, size_t count)
{
	struct neap_value map = { .kind = NEAP_MAP };

	neap_pairs_sort(pairs, count);
	map.map.pairs = pairs;
	map.map.count = count;
	return map;
}

static struct neap_value failure_value(struct neap_arena *arena, const struct neap_record_failure *failure)
{
	const struct neap_pair pairs[] = {
		{ NEAP_STR("address"), text_value(arena, failure->address) },
		{ NEAP_STR("file"), text_value(arena, failure->file) },
		{ NEAP_STR("hint"), text_value(arena, failure->hint) },
		{ NEAP_STR("line"), number_value(failure->line) },
		{ NEAP_STR("message"), text_value(arena, failure->message) },
	};
	const size_t count = sizeof(pairs) / sizeof(*pairs);
	struct neap_pair *copy = neap_arena_array_of(arena, struct neap_pair, count);

	memcpy(copy, pairs, sizeof(pairs));
	return map_value(copy, count);
}

struct neap_str neap_record_text(struct neap_arena *arena, const struct neap_record *record)
{
	struct neap_value failures = { .kind = NEAP_LIST }, text;
	struct neap_pair *counts = neap_arena_array_of(arena, struct neap_pair, record->count_count + 1);

	failures.list.count = record->failure_count;
	failures.list.items = neap_arena_array_of(arena, struct neap_value, record->failure_count + 1);
	for (size_t i = 0; i < record->failure_count; i++)
		failures.list.items[i] = failure_value(arena, &record->failures[i]);
	for (size_t i = 0; i < record->count_count; i++)
		counts[i] = (struct neap_pair){ neap_str(record->counts[i].name),
						number_value(record->counts[i].count) };
	struct neap_pair pairs[] = {
		{ NEAP_STR("counts"), map_value(counts, record->count_count) },
		{ NEAP_STR("ended"), number_value(record->ended) },
		{ NEAP_STR("exit_code"), number_value(record->exit_code) },
		{ NEAP_STR("failed"), number_value((int64_t)record->failed) },
		{ NEAP_STR("failures"), failures },
		{ NEAP_STR("format_version"), number_value(FORMAT_VERSION) },
		{ NEAP_STR("id"), text_value(arena, record->id) },
		{ NEAP_STR("last_success"), number_value(record->last_success) },
		{ NEAP_STR("neap_version"), text_value(arena, record->version) },
		{ NEAP_STR("pid"), number_value(record->pid) },
		{ NEAP_STR("recipe"), text_value(arena, record->recipe) },
		{ NEAP_STR("signal"), number_value(record->signal) },
		{ NEAP_STR("started"), number_value(record->started) },
		{ NEAP_STR("tags"), text_value(arena, record->tags) },
		{ NEAP_STR("timeout"), number_value(record->timeout) },
	};
	struct neap_value all = map_value(pairs, sizeof(pairs) / sizeof(*pairs));

	/* Nothing in it can be refused: no secret, no expression, no number that JSON has not. */
	if (neap_json_write(arena, &all, false, &text, NULL) < 0)
		return NEAP_STR("");
	return (struct neap_str){ text.text.data, text.text.len };
}

/* ---- and the other way --------------------------------------------------------------------------------- */

static const struct neap_value *member(const struct neap_value *map, const char *name,
				       enum neap_value_kind kind)
{
	for (size_t i = 0; map->kind == NEAP_MAP && i < map->map.count; i++)
		if (neap_str_equal(map->map.pairs[i].key, neap_str(name)))
			return map->map.pairs[i].value.kind == kind ? &map->map.pairs[i].value : NULL;
	return NULL;
}

static const char *text_of(const struct neap_value *map, const char *name)
{
	const struct neap_value *value = member(map, name, NEAP_STRING);

	return value ? value->text.data : NULL;
}

static int64_t number_of(const struct neap_value *map, const char *name)
{
	const struct neap_value *value = member(map, name, NEAP_INTEGER);

	return value ? value->integer : 0;
}

static void take_counts(struct neap_arena *arena, const struct neap_value *map, struct neap_record *ret)
{
	struct neap_record_count *counts =
		neap_arena_array_of(arena, struct neap_record_count, map->map.count);

	for (size_t i = 0; i < map->map.count; i++) {
		const struct neap_pair *pair = &map->map.pairs[i];

		if (pair->value.kind == NEAP_INTEGER && pair->value.integer >= 0)
			counts[ret->count_count++] =
				(struct neap_record_count){ pair->key.data, (unsigned)pair->value.integer };
	}
	ret->counts = counts;
}

static void take_failures(struct neap_arena *arena, const struct neap_value *list, struct neap_record *ret)
{
	struct neap_record_failure *failures =
		neap_arena_array_of(arena, struct neap_record_failure, list->list.count);

	for (size_t i = 0; i < list->list.count; i++) {
		const struct neap_value *item = &list->list.items[i];
		const char *message = text_of(item, "message");

		failures[i] = (struct neap_record_failure){
			.address = text_of(item, "address"),
			.file = text_of(item, "file"),
			.line = (int)number_of(item, "line"),
			.message = message ? message : "failed",
			.hint = text_of(item, "hint"),
		};
	}
	ret->failures = failures;
	ret->failure_count = list->list.count;
}

int neap_record_parse(struct neap_arena *arena, struct neap_str text, struct neap_record *ret,
		      struct neap_error **err)
{
	struct neap_value all;
	struct neap_record record = { 0 };

	if (neap_json_parse(arena, text, &all, err) < 0)
		return -1;
	const struct neap_value *counts = member(&all, "counts", NEAP_MAP);
	const struct neap_value *failures = member(&all, "failures", NEAP_LIST);
	const char *id = text_of(&all, "id");

	if (number_of(&all, "format_version") != FORMAT_VERSION)
		return neap_error_set(err, "it is of another version of neap");
	record.recipe = text_of(&all, "recipe");
	record.version = text_of(&all, "neap_version");
	if (!id || !record.recipe || !record.version || !counts || !failures ||
	    !member(&all, "exit_code", NEAP_INTEGER) || !member(&all, "started", NEAP_INTEGER) ||
	    !member(&all, "ended", NEAP_INTEGER))
		return neap_error_set(err, "it is not as neap writes it");
	snprintf(record.id, sizeof(record.id), "%s", id);
	record.tags = text_of(&all, "tags");
	record.pid = number_of(&all, "pid");
	record.started = number_of(&all, "started");
	record.ended = number_of(&all, "ended");
	record.last_success = number_of(&all, "last_success");
	record.exit_code = (int)number_of(&all, "exit_code");
	record.signal = (int)number_of(&all, "signal");
	record.timeout = (unsigned)number_of(&all, "timeout");
	record.failed = (size_t)number_of(&all, "failed");
	take_counts(arena, counts, &record);
	take_failures(arena, failures, &record);
	*ret = record;
	return 0;
}

/* ---- keeping it ---------------------------------------------------------------------------------------- */

void neap_record_boot(char ret[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, ret, 36);

	if (fd >= 0)
		close(fd);
	if (len != 36)
		ret[0] = '-';
	ret[len == 36 ? 36 : 1] = '\0';
}

void neap_record_begin(struct neap_state *state, const char *id, const char *recipe)
{
	char text[MARK_MAX], boot[40];

	neap_record_boot(boot);
	int len = snprintf(text, sizeof(text), "%d %lld %s %s %s\n", (int)getpid(), (long long)state->since,
			   id, boot, recipe);
	if (len >= (int)sizeof(text))
		len = sizeof(text) - 1;
	/* The beginning of it stands there already. */
	if (pwrite(state->lock, text, (size_t)len, 0) == len)
		state->mark = len;
}

/* When the last success was, as far as the record there knows. */
static int64_t known_success(int at, const char *directory)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_record old;
	size_t len = 0;
	char *text NEAP_AUTO_FREE = neap_state_read(at, directory, NEAP_RECORD_FILE, &len, NULL);

	if (!text || neap_record_parse(arena, (struct neap_str){ text, len }, &old, NULL) < 0)
		return 0;
	return old.last_success;
}

/* One run at a time holds the lock: the name of the new one is ours. */
static int put(int at, struct neap_str text)
{
	int fd = openat(at, NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600), errnum = 0;
	ssize_t wrote = -1;

	if (fd < 0)
		return -1;
	errno = 0;
	wrote = write(fd, text.data, text.len);
	if (wrote != (ssize_t)text.len)
		errnum = errno ? errno : ENOSPC;
	close(fd);
	if (!errnum && renameat(at, NEW, at, NEAP_RECORD_FILE) < 0)
		errnum = errno;
	if (!errnum)
		return 0;
	unlinkat(at, NEW, 0);
	errno = errnum;
	return -1;
}

static int keep(int at, int lock, const char *directory, const struct neap_record *record,
		struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_record own = *record;

	own.last_success = neap_record_is_well(record) ? record->ended : known_success(at, directory);
	if (put(at, neap_record_text(arena, &own)) < 0)
		return neap_error_errno(err, errno, "write %s/" NEAP_RECORD_FILE, directory);
	/* The mark of a run that goes on; what it says is in the record now. */
	return ftruncate(lock, 0) < 0 ? neap_error_errno(err, errno, "truncate %s/lock", directory) : 0;
}

int neap_record_end(struct neap_state *state, const struct neap_record *record, struct neap_error **err)
{
	return keep(state->fd, state->lock, state->directory, record, err);
}

int neap_record_refused(const char *directory, const char *root, const struct neap_record *record,
			struct neap_error **err)
{
	struct neap_error *absent NEAP_AUTO_ERROR = NULL;
	int at = neap_state_directory(directory, root, false, &absent), lock = -1, r = 0;

	if (at >= 0 && neap_state_check_directory(at, directory, &absent) == 0)
		lock = openat(at, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
		r = keep(at, lock, directory, record, err);
	if (lock >= 0)
		close(lock);
	if (at >= 0)
		close(at);
	return r;
}
