/*
 * The journal: notifications not yet delivered, as records that are only ever appended.
 *
 *	neap-journal 1
 *	CHECKSUM owe SINCE ADDRESS<tab>CAUSE<tab>RECIPE
 *	CHECKSUM noop SINCE ADDRESS<tab>CAUSE<tab>RECIPE
 *	CHECKSUM done ADDRESS
 *
 * CHECKSUM is the first half of the SHA-256 of the rest of the line; a tab, newline or backslash in a word is
 * escaped. A line without its newline was never finished, so what it was to announce never begun. One that
 * ends but does not fit its checksum is damaged: left out, and counted. When nothing is owed any more the
 * file is cut to its first line.
 */
#include "host/state_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/vec.h"
#include "host/notices.h"

#define NAME "journal"
#define FIRST_LINE "neap-journal 1\n"
#define FIRST_LEN (sizeof FIRST_LINE - 1)
#define JOURNAL_MAX ((size_t)64 << 20)
#define CHECKSUM_LEN 32
#define WORDS_MAX 3

struct journal {
	struct neap_arena *arena;
	struct neap_map owed; /* address → struct neap_notice */
	size_t damaged, records;
	off_t end; /* of what is whole */
};

/* ---- words --------------------------------------------------------------------------------------------- */

static void put_word(struct neap_buf *buf, const char *word)
{
	for (; *word; word++) {
		if (*word == '\\' || *word == '\t' || *word == '\n')
			neap_buf_putc(buf, '\\');
		neap_buf_putc(buf, *word == '\t' ? 't' : *word == '\n' ? 'n' : *word);
	}
}

/* Up to `count` words of what is between `at` and `end`. Whether there are so many. */
static bool take_words(struct neap_arena *arena, const char *at, const char *end, const char **ret,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *word = neap_arena_bytes(arena, (size_t)(end - at) + 1), *to = word;

		while (at < end && *at != '\t') {
			if (*at != '\\') {
				*to++ = *at++;
				continue;
			}
			if (++at == end)
				return false;
			*to++ = *at == 't' ? '\t' : *at == 'n' ? '\n' : *at;
			at++;
		}
		*to = '\0';
		ret[i] = word;
		if (i + 1 == count)
			return at == end && *word;
		if (at == end)
			return false;
		at++;
	}
	return true;
}

static void checksum(const char *data, size_t len, char ret[NEAP_DIGEST_HEX_SIZE])
{
	uint8_t digest[NEAP_DIGEST_SIZE];

	neap_digest(data, len, digest);
	neap_digest_hex(digest, ret);
	ret[CHECKSUM_LEN] = '\0';
}

static void put_record(struct neap_buf *buf, const struct neap_buf *record)
{
	char sum[NEAP_DIGEST_HEX_SIZE];

	checksum(record->data, record->len, sum);
	neap_buf_printf(buf, "%s ", sum);
	neap_buf_append(buf, record->data, record->len);
	neap_buf_putc(buf, '\n');
}

static void put_owe(struct neap_buf *buf, const struct neap_notice *notice)
{
	NEAP_AUTO_BUF struct neap_buf record = { 0 };

	neap_buf_printf(&record, "%s %lld ", notice->noop ? "noop" : "owe", (long long)notice->since);
	put_word(&record, notice->address);
	neap_buf_putc(&record, '\t');
	put_word(&record, notice->cause);
	neap_buf_putc(&record, '\t');
	put_word(&record, notice->recipe);
	put_record(buf, &record);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static void owe(struct journal *journal, struct neap_notice notice)
{
	struct neap_notice *kept = neap_map_get(&journal->owed, neap_str(notice.address));

	if (kept) { /* the oldest, but that a change was its own is not forgotten */
		if (strcmp(notice.cause, notice.address) == 0)
			kept->cause = notice.cause;
		kept->noop = notice.noop;
		return;
	}
	kept = neap_arena_new_of(journal->arena, struct neap_notice);
	*kept = notice;
	neap_map_put(&journal->owed, neap_str(kept->address), kept);
}

/* One line, without its newline. Whether it is a record. */
static bool take_record(struct journal *journal, const char *line, size_t len)
{
	const char *end = line + len, *words[WORDS_MAX];
	char sum[NEAP_DIGEST_HEX_SIZE], *after;
	struct neap_notice notice = { 0 };

	if (len <= CHECKSUM_LEN || line[CHECKSUM_LEN] != ' ')
		return false;
	checksum(line + CHECKSUM_LEN + 1, len - CHECKSUM_LEN - 1, sum);
	if (memcmp(sum, line, CHECKSUM_LEN) != 0)
		return false;
	line += CHECKSUM_LEN + 1;
	if (strncmp(line, "done ", 5) == 0 && take_words(journal->arena, line + 5, end, words, 1)) {
		neap_map_remove(&journal->owed, neap_str(words[0]));
		return true;
	}
	notice.noop = strncmp(line, "noop ", 5) == 0;
	if (!notice.noop && strncmp(line, "owe ", 4) != 0)
		return false;
	notice.since = strtoll(line + (notice.noop ? 5 : 4), &after, 10);
	if (*after != ' ' || !take_words(journal->arena, after + 1, end, words, WORDS_MAX))
		return false;
	notice.address = words[0];
	notice.cause = words[1];
	notice.recipe = words[2];
	owe(journal, notice);
	return true;
}

static int parse(struct journal *journal, const char *directory, const char *text, size_t len,
		 struct neap_error **err)
{
	size_t at = FIRST_LEN;

	/* It may have been torn while it was made. */
	if (len < FIRST_LEN && memcmp(text, FIRST_LINE, len) == 0)
		return 0;
	if (len < FIRST_LEN || memcmp(text, FIRST_LINE, FIRST_LEN) != 0) {
		neap_error_set(err, "%s/" NAME ": is not a journal of this version of neap", directory);
		return neap_error_hint(err,
				       "use the version of neap that wrote it; or, when nothing waits to "
				       "be restarted, remove the file");
	}
	while (at < len) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t size;

		if (!newline)
			break;
		size = (size_t)(newline - text) - at;
		journal->records++;
		if (!take_record(journal, text + at, size))
			journal->damaged++;
		at += size + 1;
	}
	journal->end = (off_t)at;
	return 0;
}

static int read_all(struct journal *journal, int fd, const char *directory, struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	struct stat st;
	ssize_t got = 0;

	if (fstat(fd, &st) < 0)
		return neap_error_errno(err, errno, "stat %s/" NAME, directory);
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)JOURNAL_MAX)
		return neap_error_set(err, "%s/" NAME ": is no journal of neap's", directory);
	do {
		got = pread(fd, neap_buf_reserve(&text, 65536), 65536, (off_t)text.len);
		if (got > 0)
			text.len += (size_t)got;
	} while ((got > 0 && text.len < JOURNAL_MAX) || (got < 0 && errno == EINTR));
	if (got < 0)
		return neap_error_errno(err, errno, "read %s/" NAME, directory);
	return text.len ? parse(journal, directory, text.data, text.len, err) : 0;
}

static void list(const struct journal *journal, struct neap_notices *ret)
{
	struct neap_notice *items =
		neap_arena_array_of(journal->arena, struct neap_notice, journal->owed.live + 1);
	size_t count = 0;

	for (size_t i = 0; i < journal->owed.count; i++)
		if (journal->owed.entries[i].value)
			items[count++] = *(struct neap_notice *)journal->owed.entries[i].value;
	ret->items = items;
	ret->count = count;
}

int neap_state_journal_read(const char *directory, struct neap_arena *arena, struct neap_notices *ret,
			    size_t *ret_damaged, struct neap_error **err)
{
	struct journal journal = { .arena = arena };
	NEAP_AUTO_BUF struct neap_buf path = { 0 };
	int fd, r;

	*ret = (struct neap_notices){ 0 };
	*ret_damaged = 0;
	neap_buf_printf(&path, "%s/" NAME, directory);
	fd = open(path.data, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return neap_error_errno(err, errno, "open %s", path.data);
	r = read_all(&journal, fd, directory, err);
	close(fd);
	list(&journal, ret);
	*ret_damaged = journal.damaged;
	neap_map_done(&journal.owed);
	return r;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static int append(struct neap_state *state, const struct neap_buf *records)
{
	const char *at = records->data;
	size_t left = records->len;

	while (left) {
		ssize_t put = pwrite(state->journal, at, left, state->journal_end + (at - records->data));

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		at += put;
		left -= (size_t)put;
	}
	return 0;
}

/* The file says that a refresh of it is owed, however often. */
static void note_owed(struct neap_state *state, const char *address)
{
	if (neap_map_get(&state->owed, neap_str(address)))
		return;
	if (!state->words)
		state->words = neap_arena_new();
	neap_map_put(&state->owed, neap_str(neap_arena_strdup(state->words, address)), state);
}

/* Makes the file when it is not there, durably. */
static int make(struct neap_state *state)
{
	if (state->journal >= 0)
		return 0;
	state->journal = openat(state->fd, NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	state->journal_end = 0;
	return state->journal < 0 ? -1 : fsync(state->fd);
}

static int write_owed(void *ctx, const struct neap_notice *notices, size_t count, struct neap_error **err)
{
	struct neap_state *state = ctx;
	NEAP_AUTO_BUF struct neap_buf records = { 0 };

	errno = 0;
	if (make(state) < 0)
		return neap_error_errno(err, errno, "write %s/" NAME, state->directory);
	if (!state->journal_end)
		neap_buf_puts(&records, FIRST_LINE);
	for (size_t i = 0; i < count; i++)
		put_owe(&records, &notices[i]);
	if (append(state, &records) < 0 || fdatasync(state->journal) < 0) {
		neap_error_errno(err, errno ? errno : ENOSPC, "write %s/" NAME, state->directory);
		/* No half record may stand before the next one: where it stays, that takes its place. */
		(void)!ftruncate(state->journal, state->journal_end);
		return -1;
	}
	state->journal_end += (off_t)records.len;
	for (size_t i = 0; i < count; i++)
		note_owed(state, notices[i].address);
	return 0;
}

static void write_settled(void *ctx, const char *address)
{
	struct neap_state *state = ctx;
	NEAP_AUTO_BUF struct neap_buf record = { 0 }, line = { 0 };

	if (!neap_map_remove(&state->owed, neap_str(address)))
		return;
	/* The last one: nothing is worth keeping. */
	if (state->owed.live == 0 && ftruncate(state->journal, (off_t)FIRST_LEN) == 0) {
		state->journal_end = (off_t)FIRST_LEN;
		return;
	}
	neap_buf_puts(&record, "done ");
	put_word(&record, address);
	put_record(&line, &record);
	if (append(state, &line) == 0)
		state->journal_end += (off_t)line.len;
	else
		(void)!ftruncate(state->journal, state->journal_end);
}

/* What is still owed, in a file without the rest. */
static int rewrite(struct neap_state *state, const struct neap_notices *notices, struct neap_error **err)
{
	static const char fresh[] = NAME ".new";
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	int old = state->journal;

	neap_buf_puts(&text, FIRST_LINE);
	for (size_t i = 0; i < notices->count; i++)
		put_owe(&text, &notices->items[i]);
	errno = 0;
	state->journal = openat(state->fd, fresh, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	state->journal_end = 0;
	if (old >= 0)
		close(old);
	if (state->journal < 0 || append(state, &text) < 0 || fdatasync(state->journal) < 0 ||
	    renameat(state->fd, fresh, state->fd, NAME) < 0 || fsync(state->fd) < 0)
		return neap_error_errno(err, errno ? errno : ENOSPC, "write %s/%s", state->directory, fresh);
	state->journal_end = (off_t)text.len;
	return 0;
}

int neap_state_journal_open(struct neap_state *state, struct neap_arena *arena, struct neap_notices *ret,
			    size_t *ret_damaged, struct neap_error **err)
{
	struct journal journal = { .arena = arena };
	int r = 0;

	*ret = (struct neap_notices){ .ctx = state, .owe = write_owed, .settle = write_settled };
	*ret_damaged = 0;
	state->journal = openat(state->fd, NAME, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (state->journal < 0)
		return errno == ENOENT ? 0 : neap_error_errno(err, errno, "open %s/" NAME, state->directory);
	r = read_all(&journal, state->journal, state->directory, err);
	list(&journal, ret);
	for (size_t i = 0; i < ret->count; i++)
		note_owed(state, ret->items[i].address);
	state->journal_end = journal.end;
	*ret_damaged = journal.damaged;
	/* Damage is told once. The next record takes the place of half a one. */
	if (r == 0 && (journal.damaged || journal.records > 4 * ret->count + 64))
		r = rewrite(state, ret, err);
	neap_map_done(&journal.owed);
	return r;
}
