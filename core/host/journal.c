/*
 * See journal.h. The only file that knows sd-journal. Nothing here fails: what cannot be read is not there.
 */
#include "host/journal.h"

#include <systemd/sd-journal.h>
#include <systemd/sd-messages.h>

#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/library.h"
#include "base/str.h"

#define LIBRARY "libsystemd.so.0"
#define LINES_MAX 10
#define LINE_MAX_BYTES 300
#define LOOKED_AT_MAX 1000 /* entries */
#define SOCKET "/run/systemd/journal/io.systemd.journal"
#define SYNC_MS 500

/* ---- the library --------------------------------------------------------------------------------------- */

#define FUNCTIONS(X)                                                                                         \
	X(sd_journal_add_disjunction)                                                                        \
	X(sd_journal_add_match)                                                                              \
	X(sd_journal_close)                                                                                  \
	X(sd_journal_get_data)                                                                               \
	X(sd_journal_get_realtime_usec)                                                                      \
	X(sd_journal_open)                                                                                   \
	X(sd_journal_previous)                                                                               \
	X(sd_journal_seek_tail)                                                                              \
	X(sd_journal_set_data_threshold)

static struct {
#define X(name) typeof(name) *(name);
	FUNCTIONS(X)
#undef X
} lib;

static const char *const lib_names[] = {
#define X(name) #name,
	FUNCTIONS(X)
#undef X
};
static struct neap_library library = { LIBRARY, "libsystemd0", lib_names, &lib, sizeof(lib), false };

/* ---- entries ------------------------------------------------------------------------------------------- */

/* Messages of the manager's that say what the error says already. */
static const char *const said_already[] = {
	SD_MESSAGE_UNIT_STARTING_STR,
	SD_MESSAGE_UNIT_STARTED_STR,
	SD_MESSAGE_UNIT_FAILED_STR,
	SD_MESSAGE_UNIT_STOPPING_STR,
	SD_MESSAGE_UNIT_STOPPED_STR,
	SD_MESSAGE_UNIT_SUCCESS_STR,
	SD_MESSAGE_UNIT_RELOADING_STR,
	SD_MESSAGE_UNIT_RELOADED_STR,
	SD_MESSAGE_UNIT_FAILURE_RESULT_STR,
	SD_MESSAGE_UNIT_SKIPPED_STR,
	SD_MESSAGE_UNIT_RESTART_SCHEDULED_STR,
	NULL,
};

/* Those before which there are the words of an earlier run of the unit. */
static const char *const earlier_run[] = {
	SD_MESSAGE_UNIT_STOPPED_STR,
	SD_MESSAGE_UNIT_RESTART_SCHEDULED_STR,
	NULL,
};

static struct neap_str field(sd_journal *journal, const char *name)
{
	size_t skip = strlen(name) + 1, len = 0;
	const void *data = NULL;

	if (lib.sd_journal_get_data(journal, name, &data, &len) < 0 || len < skip)
		return NEAP_STR("");
	return (struct neap_str){ (const char *)data + skip, len - skip };
}

static bool is_of(struct neap_str id, const char *const *ids)
{
	for (; *ids; ids++)
		if (neap_str_equal(id, neap_str(*ids)))
			return true;
	return false;
}

static bool holds(struct neap_str text, const char *words)
{
	return memmem(text.data, text.len, words, strlen(words)) != NULL;
}

/* How the main process ended is said already, and that of another (ExecStartPre) is not; and what was not
 * started for a condition is said to have been. */
static bool is_news(struct neap_str id, struct neap_str message)
{
	if (neap_str_equal(id, neap_str(SD_MESSAGE_UNIT_PROCESS_EXIT_STR)))
		return !holds(message, "Main process");
	return !is_of(id, said_already) || holds(message, "skipped");
}

/* Bytes that a terminal would obey: colours go, others become a question mark. */
static void tame(struct neap_str line, struct neap_buf *buf)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.data[i], next = 0;

		if (i + 1 < line.len)
			next = (unsigned char)line.data[i + 1];
		if (c == 0x1b && next == '[') {
			for (i += 2; i < line.len && (line.data[i] < '@' || line.data[i] > '~');)
				i++;
		} else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
			neap_buf_putc(buf, '?');
			i++;
		} else if (c == '\n' || c == '\t') {
			neap_buf_putc(buf, ' ');
		} else {
			neap_buf_putc(buf, (char)(c < ' ' || c == 0x7f ? '?' : c));
		}
	}
}

const char *neap_journal_clean(struct neap_str line, struct neap_arena *arena)
{
	NEAP_AUTO_BUF struct neap_buf tamed = { 0 }, text = { 0 };
	size_t done = 0;

	/* Of what is longer than can be shown only so much is looked at. */
	if (line.len > (size_t)8 * LINE_MAX_BYTES)
		line.len = (size_t)8 * LINE_MAX_BYTES;
	tame(line, &tamed);
	while (done < tamed.len && text.len <= LINE_MAX_BYTES) {
		struct neap_str rest = { tamed.data + done, tamed.len - done };
		size_t good = neap_str_utf8_prefix(rest);

		neap_buf_append(&text, rest.data, good);
		if (good < rest.len)
			neap_buf_putc(&text, '?');
		done += good + 1;
	}
	if (text.len > LINE_MAX_BYTES) {
		text.len = neap_str_utf8_prefix((struct neap_str){ text.data, LINE_MAX_BYTES });
		neap_buf_puts(&text, "…");
	}
	while (text.len && text.data[text.len - 1] == ' ')
		text.len--;
	return neap_arena_copy(arena, text.len ? text.data : "", text.len);
}

/* ---- writing it all down ------------------------------------------------------------------------------- */

/* The journal's own call (varlink, JSON that ends in a NUL): it answers when it has written down all that was
 * sent to it before, and speaks of nothing else here. */
void neap_journal_sync(void)
{
	static const char call[] = "{\"method\":\"io.systemd.Journal.Synchronize\",\"parameters\":{}}";
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd answer = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	    send(fd, call, sizeof(call), MSG_NOSIGNAL) == (ssize_t)sizeof(call))
		poll(&answer, 1, SYNC_MS);
	close(fd);
}

/* ---- looking ------------------------------------------------------------------------------------------- */

struct tail {
	const char *lines[LINES_MAX]; /* the last one first */
	size_t count;
};

static void look(sd_journal *journal, uint64_t since, struct neap_arena *arena, struct tail *ret)
{
	uint64_t moment;

	*ret = (struct tail){ .count = 0 };
	if (lib.sd_journal_seek_tail(journal) < 0)
		return;
	for (unsigned i = 0; i < LOOKED_AT_MAX && ret->count < LINES_MAX; i++) {
		struct neap_str id, message;
		NEAP_AUTO_BUF struct neap_buf kept = { 0 };
		const char *line;

		if (lib.sd_journal_previous(journal) <= 0 ||
		    lib.sd_journal_get_realtime_usec(journal, &moment) < 0 || moment < since)
			return;
		id = field(journal, "MESSAGE_ID");
		neap_buf_append(&kept, id.data, id.len); /* good until the next field is read */
		id.data = kept.data;
		if (ret->count && is_of(id, earlier_run))
			return;
		message = field(journal, "MESSAGE");
		line = is_news(id, message) ? neap_journal_clean(message, arena) : "";
		if (*line)
			ret->lines[ret->count++] = line;
	}
}

static int match(sd_journal *journal, const char *name, const char *value)
{
	NEAP_AUTO_BUF struct neap_buf term = { 0 };

	neap_buf_printf(&term, "%s=%s", name, value);
	return lib.sd_journal_add_match(journal, term.data, term.len);
}

/* What its processes say, and what systemd says about it, also in a process that it could not turn into the
 * unit's: nobody else's word. Of what ended soon the journal does not know the unit, nor ever the invocation.
 */
static int choose(sd_journal *journal, const char *unit)
{
	int r = match(journal, "_SYSTEMD_UNIT", unit);

	if (r >= 0)
		r = lib.sd_journal_add_disjunction(journal);
	if (r >= 0)
		r = match(journal, "UNIT", unit);
	return r >= 0 ? match(journal, "_UID", "0") : r;
}

static const char *text_of(const struct tail *tail, struct neap_arena *arena)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };

	for (size_t i = tail->count; i > 0; i--)
		neap_buf_printf(&text, "%s%s", text.len ? "\n" : "", tail->lines[i - 1]);
	return text.len ? neap_arena_copy(arena, text.data, text.len) : NULL;
}

const char *neap_journal_tail(const char *unit, uint64_t since, struct neap_arena *arena)
{
	sd_journal *journal = NULL;
	struct tail tail = { .count = 0 };

	if (neap_library_load(&library, NULL) < 0 || lib.sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY) < 0)
		return NULL;
	lib.sd_journal_set_data_threshold(journal, (size_t)16 * LINE_MAX_BYTES);
	if (choose(journal, unit) >= 0)
		look(journal, since, arena, &tail);
	lib.sd_journal_close(journal);
	return text_of(&tail, arena);
}
