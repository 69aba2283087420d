/*
 * The records of changes that are taken back unless they are confirmed: see confirm.h. This file reads and
 * writes them; it must not know how anything is taken back, nor what a change is.
 *
 * A record is text: a head with the checksum of all that follows, a line for each thing that it says, an
 * empty line, and how the change is taken back.
 */
#include "host/confirm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/lines.h"
#include "base/map.h"
#include "base/vec.h"
#include "host/record.h"
#include "host/state_parts.h"

#define FOLDER "confirm"
#define WORD "neap-confirm "
#define HEAD                                                                                                 \
	WORD "1 " /* another number: lines, or how a change is taken back (inverse.h), mean something else   \
		   */
#define RECORD_MAX ((size_t)64 << 20)
#define NAME_SIZE 40
#define SLICE_MS 100

static const char *const phases[] = { "armed", "confirmed", "reverting", "reverted" };
#define PHASES (sizeof(phases) / sizeof(*phases))

static void name_of(char ret[NAME_SIZE], const char *id, enum neap_armed_phase phase)
{
	snprintf(ret, NAME_SIZE, "%s.%s", id, phases[phase]);
}

static bool is_id(const char *id)
{
	return strlen(id) == NEAP_ARMED_ID_SIZE - 1 && strspn(id, "0123456789abcdef") == strlen(id);
}

/* ---- clocks and places ----------------------------------------------------------------------------------
 */

int64_t neap_confirm_clock(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int64_t neap_confirm_end(const struct neap_armed *armed)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + armed->until - neap_confirm_clock()) /
	       1000;
}

/* The namespace whose links and rules these are. */
static unsigned long long network(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) == 0 ? (unsigned long long)st.st_ino : 0;
}

/* The folder of the records; -1 with errnum ENOENT: there is none. Nobody else may have put something there.
 */
static int open_folder(const char *directory, struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf path = { 0 };
	struct stat st;
	int fd;

	neap_buf_printf(&path, "%s/" FOLDER, directory);
	fd = open(path.data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return neap_error_errno(err, errno, "open %s", path.data);
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022)) {
		close(fd);
		return neap_error_set(err, "%s: belongs to somebody else, or others may write in it",
				      path.data);
	}
	return fd;
}

/* ---- as text ------------------------------------------------------------------------------------------- */

static void put_body(struct neap_buf *body, const struct neap_armed *armed)
{
	char boot[40];

	neap_record_boot(boot);
	neap_buf_puts(body, "what ");
	for (const char *at = armed->what; *at; at++)
		neap_buf_putc(body, *at == '\n' ? ' ' : *at);
	neap_buf_printf(body, "\nboot %s\nnetwork %llu\nsince %lld\nuntil %lld\nwithin %u\n\n", boot,
			network(), (long long)armed->since, (long long)armed->until, armed->within);
	neap_buf_append(body, armed->how.data, armed->how.len);
}

static void put_text(struct neap_buf *text, const struct neap_armed *armed)
{
	NEAP_AUTO_BUF struct neap_buf body = { 0 };
	uint8_t digest[NEAP_DIGEST_SIZE];
	char hex[NEAP_DIGEST_HEX_SIZE];

	put_body(&body, armed);
	neap_digest(body.data, body.len, digest);
	neap_digest_hex(digest, hex);
	neap_buf_printf(text, HEAD "%s\n", hex);
	neap_buf_append(text, body.data, body.len);
}

static void take_line(struct neap_armed *armed, struct neap_str line, struct neap_arena *arena)
{
	const char *blank = memchr(line.data, ' ', line.len);
	struct neap_str word = { line.data, blank ? (size_t)(blank - line.data) : line.len };
	const char *rest = blank ? neap_arena_copy(arena, blank + 1, line.len - word.len - 1) : "";
	char boot[40];

	if (neap_str_equal(word, NEAP_STR("what")))
		armed->what = rest;
	else if (neap_str_equal(word, NEAP_STR("since")))
		armed->since = strtoll(rest, NULL, 10);
	else if (neap_str_equal(word, NEAP_STR("until")))
		armed->until = strtoll(rest, NULL, 10);
	else if (neap_str_equal(word, NEAP_STR("within")))
		armed->within = (unsigned)strtoul(rest, NULL, 10);
	else if (neap_str_equal(word, NEAP_STR("network")))
		armed->elsewhere = strtoull(rest, NULL, 10) != network();
	if (!neap_str_equal(word, NEAP_STR("boot")))
		return;
	neap_record_boot(boot);
	armed->past = strcmp(rest, boot) != 0;
}

static bool parse(struct neap_str text, struct neap_arena *arena, struct neap_armed *ret)
{
	struct neap_line line = { 0 };
	char hex[NEAP_DIGEST_HEX_SIZE];
	uint8_t digest[NEAP_DIGEST_SIZE];
	struct neap_str head;
	size_t at;

	if (!text.len)
		return false;
	line = neap_line_at(text, 0);
	head = neap_line_bytes(text, line);
	neap_digest(text.data + line.next, text.len - line.next, digest);
	neap_digest_hex(digest, hex);
	if (!neap_str_equal(head, neap_str(neap_arena_printf(arena, HEAD "%s", hex))))
		return false;
	ret->what = "";
	for (at = line.next; at < text.len; at = line.next) {
		line = neap_line_at(text, at);
		if (line.end == line.start)
			break;
		take_line(ret, neap_line_bytes(text, line), arena);
	}
	at = at < text.len ? line.next : text.len;
	ret->how = (struct neap_str){ text.data + at, text.len - at };
	return true;
}

/* ---- reading --------------------------------------------------------------------------------------------
 */

static int read_all(int fd, struct neap_arena *arena, struct neap_str *ret)
{
	NEAP_AUTO_BUF struct neap_buf buf = { 0 };
	ssize_t got;

	do {
		got = pread(fd, neap_buf_reserve(&buf, 65536), 65536, (off_t)buf.len);
		if (got > 0)
			buf.len += (size_t)got;
	} while ((got > 0 && buf.len <= RECORD_MAX) || (got < 0 && errno == EINTR));
	if (got > 0)
		errno = EFBIG;
	if (got != 0)
		return -1;
	ret->data = neap_arena_copy(arena, buf.data ? buf.data : "", buf.len);
	ret->len = buf.len;
	return 0;
}

/* Of another version of neap, which says what it means. */
static bool is_foreign(struct neap_str text, struct neap_arena *arena, const char **ret_version)
{
	const size_t word = strlen(WORD);
	size_t len = word;

	while (len < text.len && text.data[len] >= '0' && text.data[len] <= '9')
		len++;
	if (len == word || len == text.len || text.data[len] != ' ' || memcmp(text.data, WORD, word) != 0)
		return false;
	*ret_version = neap_arena_copy(arena, text.data + word, len - word);
	return strncmp(text.data, HEAD, len + 1) != 0;
}

int neap_confirm_load(int fd, const char *id, enum neap_armed_phase phase, struct neap_arena *arena,
		      struct neap_armed *ret, struct neap_error **err)
{
	const char *version;
	struct neap_str text;

	*ret = (struct neap_armed){ .phase = phase };
	snprintf(ret->id, sizeof(ret->id), "%s", id);
	if (read_all(fd, arena, &text) < 0)
		return neap_error_errno(err, errno, "read the record " FOLDER "/%s.%s", id, phases[phase]);
	if (is_foreign(text, arena, &version)) {
		neap_error_set(err,
			       "the record " FOLDER
			       "/%s.%s in neap's state is of another version of neap (format %s)",
			       id, phases[phase], version);
		return neap_error_hint(
			err, "the neap that wrote it takes the change back, or confirms it; where "
			     "there is none any more, put right what is in force and remove the file");
	}
	if (parse(text, arena, ret))
		return 0;
	neap_error_set(err, "the record " FOLDER "/%s.%s in neap's state is not as neap writes it", id,
		       phases[phase]);
	return neap_error_hint(err,
			       "it says how a change is taken back that was not confirmed: look at what is "
			       "in force, then remove it");
}

/* 1: it is there; 0: not (any more). */
static int load_at(int at, const char *id, enum neap_armed_phase phase, struct neap_arena *arena,
		   struct neap_armed *ret, struct neap_error **err)
{
	char name[NAME_SIZE];
	int fd, r;

	name_of(name, id, phase);
	fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : neap_error_errno(err, errno, "open " FOLDER "/%s", name);
	r = neap_confirm_load(fd, id, phase, arena, ret, err);
	close(fd);
	return r < 0 ? r : 1;
}

static int find_at(int at, const char *id, struct neap_arena *arena, struct neap_armed *ret,
		   struct neap_error **err)
{
	/* Phases come in their order: a record that moves on is met at the latest in the second round. */
	for (size_t i = 0; i < 2 * PHASES; i++) {
		int r = load_at(at, id, (enum neap_armed_phase)(i % PHASES), arena, ret, err);

		if (r != 0)
			return r < 0 ? r : 0;
	}
	*ret = (struct neap_armed){ .phase = NEAP_ARMED_GONE, .what = "" };
	snprintf(ret->id, sizeof(ret->id), "%s", id);
	return 0;
}

int neap_confirm_find(const char *directory, const char *id, struct neap_arena *arena, struct neap_armed *ret,
		      struct neap_error **err)
{
	struct neap_error *failure NEAP_AUTO_ERROR = NULL;
	int at, r;

	*ret = (struct neap_armed){ .phase = NEAP_ARMED_GONE, .what = "" };
	if (!is_id(id))
		return neap_error_set(err, "\"%s\" is no record of a change", id);
	at = open_folder(directory, &failure);
	if (at < 0 && failure->errnum == ENOENT)
		return 0;
	if (at < 0)
		return neap_error_set(err, "%s", failure->message);
	r = find_at(at, id, arena, ret, err);
	close(at);
	return r;
}

/* The ids there are, each once. */
static void list_ids(int at, struct neap_arena *arena, struct neap_map *ids)
{
	int again = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *dot = strchr(entry->d_name, '.');
		char *id = dot ? neap_arena_copy(arena, entry->d_name, (size_t)(dot - entry->d_name)) : NULL;

		for (size_t i = 0; id && is_id(id) && i < PHASES; i++)
			if (strcmp(dot + 1, phases[i]) == 0 && !neap_map_get(ids, neap_str(id)))
				neap_map_put(ids, neap_str(id), id);
	}
	if (dir)
		closedir(dir);
	else if (again >= 0)
		close(again);
}

static int by_since(const void *a, const void *b)
{
	const struct neap_armed *left = a, *right = b;

	if (left->since != right->since)
		return left->since < right->since ? -1 : 1;
	return strcmp(left->id, right->id);
}

int neap_confirm_list(const char *directory, struct neap_arena *arena, struct neap_armed **ret,
		      size_t *ret_count, struct neap_error **err)
{
	struct neap_error *failure NEAP_AUTO_ERROR = NULL;
	struct neap_map ids = { 0 };
	int at = open_folder(directory, &failure), r = 0;

	*ret = NULL;
	*ret_count = 0;
	if (at < 0 && failure->errnum == ENOENT)
		return 0;
	if (at < 0)
		return neap_error_set(err, "%s", failure->message);
	list_ids(at, arena, &ids);
	*ret = neap_arena_array_of(arena, struct neap_armed, ids.count + 1);
	for (size_t i = 0; r == 0 && i < ids.count; i++) {
		struct neap_armed *armed = &(*ret)[*ret_count];

		r = find_at(at, ids.entries[i].value, arena, armed, err);
		*ret_count += r == 0 && armed->phase != NEAP_ARMED_GONE;
	}
	if (*ret_count > 1)
		qsort(*ret, *ret_count, sizeof(**ret), by_since);
	neap_map_done(&ids);
	close(at);
	return r;
}

/* ---- writing --------------------------------------------------------------------------------------------
 */

static int write_all(int fd, const char *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t wrote = write(fd, bytes + done, len - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return -1;
		done += (size_t)wrote;
	}
	return 0;
}

/* Whole or not at all, and durable. -1 with errno. */
static int put_record(int at, const struct neap_armed *armed, enum neap_armed_phase phase)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	char name[NAME_SIZE], temp[NAME_SIZE];
	int fd, errnum;

	put_text(&text, armed);
	name_of(name, armed->id, phase);
	snprintf(temp, sizeof(temp), ".%s.new", armed->id);
	fd = openat(at, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (write_all(fd, text.data, text.len) == 0 && fsync(fd) == 0 && renameat(at, temp, at, name) == 0 &&
	    fsync(at) == 0) {
		close(fd);
		return 0;
	}
	errnum = errno;
	close(fd);
	unlinkat(at, temp, 0);
	unlinkat(at, name, 0);
	errno = errnum;
	return -1;
}

int neap_state_arm(struct neap_state *state, const struct neap_armed *armed, struct neap_error **err)
{
	int at = neap_state_sub_directory(state->fd, FOLDER), r;

	r = at < 0 ? -1 : put_record(at, armed, NEAP_ARMED_WAITS);
	if (r < 0)
		neap_error_errno(err, errno, "write down in %s/" FOLDER " how the change is taken back",
				 state->directory);
	if (at >= 0)
		close(at);
	return r;
}

int neap_confirm_move(int at, const char *id, enum neap_armed_phase from, enum neap_armed_phase to)
{
	char old[NAME_SIZE], name[NAME_SIZE];

	name_of(old, id, from);
	name_of(name, id, to);
	return renameat(at, old, at, name);
}

void neap_confirm_forget(int at, const char *id, enum neap_armed_phase phase)
{
	char name[NAME_SIZE];

	name_of(name, id, phase);
	unlinkat(at, name, 0);
}

void neap_confirm_reverted(int at, const struct neap_armed *armed, struct neap_str left)
{
	struct neap_armed record = *armed;

	record.how = left;
	(void)put_record(at, &record, NEAP_ARMED_REVERTED);
	neap_confirm_forget(at, armed->id, NEAP_ARMED_REVERTING);
}

int neap_confirm_folder(const char *directory, struct neap_error **err)
{
	return open_folder(directory, err);
}

int neap_confirm_open(int at, const char *id, enum neap_armed_phase phase)
{
	char name[NAME_SIZE];

	name_of(name, id, phase);
	return openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int neap_confirm_accept(const char *directory, const char *id, struct neap_error **err)
{
	int at, r;

	if (!is_id(id))
		return neap_error_set(err, "\"%s\" is no record of a change", id);
	at = open_folder(directory, err);
	if (at < 0)
		return -1;
	r = neap_confirm_move(at, id, NEAP_ARMED_WAITS, NEAP_ARMED_CONFIRMED);
	if (r < 0 && errno != ENOENT)
		neap_error_errno(err, errno, "confirm what %s/" FOLDER "/%s.armed says", directory, id);
	else
		r = r == 0;
	close(at);
	return r;
}

/* ---- others have to wait ---------------------------------------------------------------------------------
 */

const char *neap_confirm_hour(int64_t moment, char ret[NEAP_HOUR_SIZE])
{
	time_t seconds = (time_t)moment;
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(ret, NEAP_HOUR_SIZE, "%H:%M:%S", &local);
	return ret;
}

int neap_confirm_refuse(const struct neap_armed *armed, struct neap_error **err)
{
	char text[NEAP_HOUR_SIZE];

	if (armed->phase == NEAP_ARMED_REVERTING) {
		neap_error_set(err, "a change of %s was not confirmed and is being taken back", armed->what);
		neap_error_hint(err, "try again in a moment");
	} else if (armed->until <= neap_confirm_clock()) {
		neap_error_set(err, "a change of %s was not confirmed and has still to be taken back",
			       armed->what);
		neap_error_hint(err, "the next neap apply does it; neap confirm keeps it");
	} else {
		neap_error_set(err, "a change of %s waits for its confirmation until %s", armed->what,
			       neap_confirm_hour(neap_confirm_end(armed), text));
		neap_error_hint(err, "neap confirm keeps it; else it is taken back then");
	}
	return NEAP_STATE_LOCKED;
}

/* `over`: also what is still to be taken back. */
static int check(const char *directory, bool over, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_armed *all;
	size_t count;

	if (neap_confirm_list(directory, arena, &all, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		bool runs = all[i].phase == NEAP_ARMED_WAITS && all[i].until > neap_confirm_clock();
		bool left = all[i].phase == NEAP_ARMED_WAITS || all[i].phase == NEAP_ARMED_REVERTING;

		if ((over ? left : runs) && !all[i].past && !all[i].elsewhere)
			return neap_confirm_refuse(&all[i], err);
	}
	return 0;
}

int neap_confirm_look(const char *directory, struct neap_error **err)
{
	return check(directory, true, err);
}

int neap_confirm_wait(const char *directory, unsigned wait, struct neap_error **err)
{
	const struct timespec slice = { .tv_nsec = SLICE_MS * 1000000L };
	int64_t end = neap_confirm_clock() + (int64_t)wait * 1000;

	for (;;) {
		struct neap_error *failure NEAP_AUTO_ERROR = NULL;
		int r = check(directory, false, &failure);

		if (r == NEAP_STATE_LOCKED && neap_confirm_clock() < end) {
			nanosleep(&slice, NULL);
			continue;
		}
		if (failure && err && !*err) {
			*err = failure;
			failure = NULL;
		}
		return r;
	}
}
