/*
 * neap status: how the last run went, what is under way, what is left to do. For a person and for a script.
 * Looks at nothing but what was found in neap's state, and believes none of its bytes on a terminal.
 */
#include <signal.h>
#include <time.h>

#include "base/moment.h"
#include "engine/report_page.h"
#include "engine/report_parts.h"

#define FORMAT_VERSION 1
#define NAME_WIDTH 13

size_t neap_status_pending(const struct neap_notice *notices, size_t count)
{
	size_t pending = 0;

	for (size_t i = 0; i < count; i++)
		pending += !notices[i].noop;
	return pending;
}

bool neap_status_is_well(const struct neap_status *status)
{
	const struct neap_look *look = status->look;

	return look->mark != NEAP_MARK_KILLED && (!look->recorded || neap_record_is_well(&look->record)) &&
	       !neap_status_pending(status->pending, status->pending_count);
}

/* The counts of a record by their names; whether there are any. */
static bool summary_of(const struct neap_record *record, struct neap_summary *ret)
{
	*ret = (struct neap_summary){ 0 };
	for (size_t i = 0; i < record->count_count; i++)
		for (size_t j = 0; j < NEAP_SUMMARY_PARTS; j++)
			if (strcmp(record->counts[i].name, neap_summary_parts[j].name) == 0)
				*(unsigned *)((char *)ret + neap_summary_parts[j].offset) =
					record->counts[i].count;
	return record->count_count > 0;
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static void put_but(struct neap_page *page, const struct neap_status *status)
{
	size_t pending = neap_status_pending(status->pending, status->pending_count);

	if (pending)
		neap_buf_printf(&page->buf, ", but %zu notification%s pending", pending,
				pending == 1 ? " is" : "s are");
}

static void put_outcome(struct neap_page *page, const struct neap_status *status)
{
	const struct neap_record *record = &status->look->record;
	struct neap_buf *buf = &page->buf;
	const char *name = record->signal ? sigabbrev_np(record->signal) : NULL;
	struct neap_summary summary;

	neap_buf_puts(buf, "the last run ");
	if (record->signal)
		neap_buf_printf(buf, "was stopped by SIG%s", name ? name : "?");
	else if (record->timeout)
		neap_buf_printf(buf, "timed out after %s",
				neap_duration_text(record->timeout, page->scratch));
	else if (neap_record_is_well(record))
		neap_buf_puts(buf, "went well");
	else if (!record->count_count)
		neap_buf_puts(buf, "could not begin");
	else
		neap_buf_puts(buf, "failed");
	if (neap_record_is_well(record))
		put_but(page, status);
	if (!summary_of(record, &summary))
		return;
	neap_buf_puts(buf, ": ");
	if (!neap_report_put_counts(buf, &summary, false))
		neap_buf_puts(buf, "the recipe declares no resource");
}

static void put_verdict(struct neap_page *page, const struct neap_status *status)
{
	const struct neap_look *look = status->look;
	struct neap_buf *buf = &page->buf;

	neap_page_paint(page, neap_status_is_well(status) ? BOLD : BOLD RED);
	if (look->mark == NEAP_MARK_KILLED) {
		neap_buf_puts(buf, "the last run was killed: it did not say how it ended");
	} else if (look->recorded) {
		put_outcome(page, status);
	} else if (look->mark == NEAP_MARK_RUNNING) {
		neap_buf_puts(buf, "the first run is under way");
	} else {
		neap_buf_puts(buf, "neap has not run here: there is no record in ");
		neap_emit_safes(buf, status->directory);
		put_but(page, status);
	}
	neap_page_paint(page, RESET);
	neap_page_end_line(page);
}

static void put_name(struct neap_page *page, const char *name)
{
	neap_page_paint(page, DIM);
	neap_buf_printf(&page->buf, "%-*s ", NAME_WIDTH, name);
	neap_page_paint(page, RESET);
}

/* "2027-03-01 12:00:00 UTC, 12 minutes ago" */
static void put_moment(struct neap_page *page, const struct neap_status *status, int64_t moment)
{
	int64_t age = status->now - moment;

	neap_buf_printf(&page->buf, "%s, ", neap_moment_text(moment, page->scratch));
	if (age >= 0)
		neap_buf_printf(&page->buf, "%s ago", neap_span_text(age, page->scratch));
	else
		neap_buf_puts(&page->buf, "which is in the future");
}

static void put_recipe(struct neap_page *page, const char *recipe, const char *tags)
{
	put_name(page, "recipe");
	neap_emit_safes(&page->buf, recipe);
	if (tags) {
		neap_buf_puts(&page->buf, ", only tags ");
		neap_emit_safes(&page->buf, tags);
	}
	neap_page_end_line(page);
}

static void put_record(struct neap_page *page, const struct neap_status *status, const char *name)
{
	const struct neap_record *record = &status->look->record;

	put_name(page, name);
	put_moment(page, status, record->ended / 1000);
	neap_buf_printf(&page->buf, ", after %.1f s, exit code %d",
			(double)(record->ended - record->started) / 1000, record->exit_code);
	neap_page_end_line(page);
	put_recipe(page, record->recipe, record->tags);
}

static void put_killed(struct neap_page *page, const struct neap_status *status)
{
	const struct neap_look *look = status->look;

	put_name(page, "killed");
	neap_buf_printf(&page->buf, "pid %lld, begun ", (long long)look->pid);
	put_moment(page, status, look->since);
	if (look->rebooted)
		neap_buf_puts(&page->buf, "; the machine has started again since");
	neap_page_end_line(page);
	put_recipe(page, look->recipe, NULL);
}

static void put_running(struct neap_page *page, const struct neap_status *status)
{
	const struct neap_look *look = status->look;

	put_name(page, "running");
	if (look->mark != NEAP_MARK_RUNNING) {
		neap_buf_puts(&page->buf, "no");
	} else {
		neap_buf_printf(&page->buf, "pid %lld", (long long)look->pid);
		if (look->since) {
			neap_buf_puts(&page->buf, ", begun ");
			put_moment(page, status, look->since);
		}
	}
	neap_page_end_line(page);
	if (look->mark == NEAP_MARK_RUNNING && look->recipe[0])
		put_recipe(page, look->recipe, NULL);
}

static void put_failures(struct neap_page *page, const struct neap_record *record)
{
	if (!record->failure_count)
		return;
	neap_buf_puts(&page->buf, "\nfailed\n");
	for (size_t i = 0; i < record->failure_count; i++) {
		const struct neap_record_failure *failure = &record->failures[i];

		neap_buf_puts(&page->buf, "  ");
		if (failure->address)
			neap_emit_safes(&page->buf, failure->address);
		if (failure->file) {
			neap_buf_puts(&page->buf, failure->address ? " (" : "");
			neap_emit_safes(&page->buf, failure->file);
			if (failure->line > 0)
				neap_buf_printf(&page->buf, ":%d", failure->line);
			neap_buf_puts(&page->buf, failure->address ? ")" : "");
		}
		if (failure->address || failure->file)
			neap_buf_puts(&page->buf, ": ");
		neap_emit_safes(&page->buf, failure->message);
		neap_page_end_line(page);
		if (failure->hint)
			neap_page_notes(page, "  ", failure->hint);
	}
	if (record->failed > record->failure_count)
		neap_buf_printf(&page->buf, "  and %zu more\n", record->failed - record->failure_count);
}

static void put_unconfirmed(struct neap_page *page, const struct neap_status *status)
{
	for (size_t i = 0; i < status->unconfirmed_count; i++) {
		const struct neap_unconfirmed *change = &status->unconfirmed[i];

		put_name(page, "unconfirmed");
		neap_emit_safes(&page->buf, change->address);
		neap_buf_puts(&page->buf, ", changed ");
		put_moment(page, status, change->since);
		if (change->phase == NEAP_ARMED_REVERTED)
			neap_buf_puts(&page->buf, "; it has been taken back");
		else if (change->phase == NEAP_ARMED_REVERTING)
			neap_buf_puts(&page->buf, "; it is being taken back");
		else if (change->until < status->now)
			neap_buf_puts(
				&page->buf,
				"; its time is over: by its clock, or the next neap apply, it is taken back");
		else
			neap_buf_printf(&page->buf, "; taken back in %s unless neap confirm is said",
					neap_span_text(change->until - status->now, page->scratch));
		neap_page_end_line(page);
	}
}

static void put_pending(struct neap_page *page, const struct neap_status *status)
{
	if (!status->pending_count) {
		put_name(page, "pending");
		neap_buf_puts(&page->buf, "nothing\n");
		return;
	}
	neap_buf_puts(&page->buf, "\npending\n");
	for (size_t i = 0; i < status->pending_count; i++) {
		const struct neap_notice *pending = &status->pending[i];

		neap_buf_puts(&page->buf, "  ");
		neap_emit_safes(&page->buf, pending->address);
		neap_buf_puts(&page->buf,
			      pending->noop ? " would be refreshed (noop)" : " is to be refreshed");
		if (strcmp(pending->cause, pending->address) != 0) {
			neap_buf_puts(&page->buf, ", because of ");
			neap_emit_safes(&page->buf, pending->cause);
		}
		neap_buf_puts(&page->buf, ", since ");
		put_moment(page, status, pending->since);
		neap_page_end_line(page);
	}
}

void neap_report_status_text(FILE *out, const struct neap_status *status, bool color)
{
	struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
	const struct neap_look *look = status->look;
	struct neap_report_options options = { .color = color };
	struct neap_page page = { .out = out, .options = &options, .scratch = scratch };

	put_verdict(&page, status);
	if (look->recorded || look->mark != NEAP_MARK_NONE || status->pending_count)
		neap_buf_putc(&page.buf, '\n');
	if (look->mark == NEAP_MARK_KILLED)
		put_killed(&page, status);
	if (look->recorded) {
		put_record(&page, status, look->mark == NEAP_MARK_KILLED ? "the one before" : "last run");
		put_name(&page, "last success");
		if (look->record.last_success)
			put_moment(&page, status, look->record.last_success / 1000);
		else
			neap_buf_puts(&page.buf, "none that is known");
		neap_page_end_line(&page);
	}
	if (look->recorded || look->mark != NEAP_MARK_NONE)
		put_running(&page, status);
	put_unconfirmed(&page, status);
	/* What is longer than a line comes last. */
	if (look->recorded || look->mark != NEAP_MARK_NONE || status->pending_count) {
		if (!status->pending_count)
			put_pending(&page, status);
		if (look->recorded)
			put_failures(&page, &look->record);
		if (status->pending_count)
			put_pending(&page, status);
	}
	fwrite(page.buf.data, 1, page.buf.len, out);
	neap_buf_done(&page.buf);
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

/* RFC 3339, UTC, by the millisecond; 0: null. */
static void emit_moment(struct neap_emit *emit, const char *key, int64_t milliseconds)
{
	char text[NEAP_MOMENT_SIZE];

	neap_emit_key(emit, key);
	neap_emit_string(emit, milliseconds ? neap_moment_rfc3339(milliseconds, text) : NULL);
}

static void emit_integer(struct neap_emit *emit, const char *key, int64_t number)
{
	neap_emit_key(emit, key);
	if (number)
		neap_emit_integer(emit, number);
	else
		neap_emit_word(emit, "null");
}

static void emit_failures(struct neap_emit *emit, const struct neap_record *record)
{
	neap_emit_key(emit, "failures");
	neap_emit_open(emit, '[');
	for (size_t i = 0; i < record->failure_count; i++) {
		const struct neap_record_failure *failure = &record->failures[i];

		neap_emit_line(emit);
		neap_emit_open(emit, '{');
		neap_emit_key(emit, "address");
		neap_emit_string(emit, failure->address);
		neap_emit_key(emit, "file");
		neap_emit_string(emit, failure->file);
		neap_emit_key(emit, "hint");
		neap_emit_string(emit, failure->hint);
		emit_integer(emit, "line", failure->line > 0 ? failure->line : 0);
		neap_emit_key(emit, "message");
		neap_emit_string(emit, failure->message);
		neap_emit_close(emit, '}');
	}
	neap_emit_close(emit, ']');
}

static void emit_record(struct neap_emit *emit, const struct neap_record *record)
{
	const char *name = record->signal ? sigabbrev_np(record->signal) : NULL;
	struct neap_summary summary;

	neap_emit_open(emit, '{');
	emit_moment(emit, "ended", record->ended);
	neap_emit_key(emit, "exit_code");
	neap_emit_integer(emit, record->exit_code);
	neap_emit_key(emit, "failed");
	neap_emit_integer(emit, (int64_t)record->failed);
	emit_failures(emit, record);
	neap_emit_key(emit, "id");
	neap_emit_string(emit, record->id);
	neap_emit_key(emit, "neap_version");
	neap_emit_string(emit, record->version);
	neap_emit_key(emit, "recipe");
	neap_emit_string(emit, record->recipe);
	neap_emit_key(emit, "signal");
	neap_emit_string(emit, name);
	emit_moment(emit, "started", record->started);
	if (summary_of(record, &summary)) {
		neap_report_emit_summary(emit, &summary);
	} else {
		neap_emit_key(emit, "summary");
		neap_emit_word(emit, "null");
	}
	neap_emit_key(emit, "tags");
	neap_emit_string(emit, record->tags);
	emit_integer(emit, "timeout", record->timeout);
	neap_emit_close(emit, '}');
}

static void emit_unconfirmed(struct neap_emit *emit, const struct neap_status *status)
{
	static const char *const phases[] = {
		[NEAP_ARMED_WAITS] = "waits",
		[NEAP_ARMED_REVERTING] = "reverting",
		[NEAP_ARMED_REVERTED] = "reverted",
	};

	neap_emit_line(emit);
	neap_emit_key(emit, "unconfirmed");
	neap_emit_open(emit, '[');
	for (size_t i = 0; i < status->unconfirmed_count; i++) {
		const struct neap_unconfirmed *change = &status->unconfirmed[i];

		neap_emit_line(emit);
		neap_emit_open(emit, '{');
		neap_emit_key(emit, "address");
		neap_emit_string(emit, change->address);
		neap_emit_key(emit, "phase");
		neap_emit_string(emit, phases[change->phase]);
		emit_moment(emit, "since", change->since * 1000);
		emit_moment(emit, "until", change->until * 1000);
		neap_emit_close(emit, '}');
	}
	neap_emit_close(emit, ']');
}

static void emit_mark(struct neap_emit *emit, const char *key, const struct neap_look *look,
		      enum neap_run_mark mark)
{
	neap_emit_line(emit);
	neap_emit_key(emit, key);
	if (look->mark != mark) {
		neap_emit_word(emit, "null");
		return;
	}
	neap_emit_open(emit, '{');
	neap_emit_key(emit, "pid");
	neap_emit_integer(emit, look->pid);
	if (mark == NEAP_MARK_KILLED) {
		neap_emit_key(emit, "rebooted");
		neap_emit_word(emit, look->rebooted ? "true" : "false");
	}
	neap_emit_key(emit, "recipe");
	neap_emit_string(emit, look->recipe[0] ? look->recipe : NULL);
	emit_moment(emit, "since", look->since * 1000);
	neap_emit_close(emit, '}');
}

void neap_report_status_json(FILE *out, const struct neap_status *status)
{
	const struct neap_look *look = status->look;
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	struct neap_emit emit = { .buf = &buf };

	neap_emit_open(&emit, '{');
	neap_emit_line(&emit);
	neap_emit_key(&emit, "format_version");
	neap_emit_integer(&emit, FORMAT_VERSION);
	emit_mark(&emit, "killed", look, NEAP_MARK_KILLED);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "last_run");
	if (look->recorded)
		emit_record(&emit, &look->record);
	else
		neap_emit_word(&emit, "null");
	neap_emit_line(&emit);
	emit_moment(&emit, "last_success", look->recorded ? look->record.last_success : 0);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "pending");
	neap_emit_open(&emit, '[');
	for (size_t i = 0; i < status->pending_count; i++) {
		neap_emit_line(&emit);
		neap_emit_open(&emit, '{');
		neap_emit_key(&emit, "address");
		neap_emit_string(&emit, status->pending[i].address);
		neap_emit_key(&emit, "cause");
		neap_emit_string(&emit, status->pending[i].cause);
		neap_emit_key(&emit, "noop");
		neap_emit_word(&emit, status->pending[i].noop ? "true" : "false");
		neap_emit_key(&emit, "recipe");
		neap_emit_string(&emit, status->pending[i].recipe);
		emit_moment(&emit, "since", status->pending[i].since * 1000);
		neap_emit_close(&emit, '}');
	}
	neap_emit_close(&emit, ']');
	emit_mark(&emit, "running", look, NEAP_MARK_RUNNING);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "state_directory");
	neap_emit_string(&emit, status->directory);
	emit_unconfirmed(&emit, status);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "well");
	neap_emit_word(&emit, neap_status_is_well(status) ? "true" : "false");
	neap_buf_puts(&buf, "\n}\n");
	fwrite(buf.data, 1, buf.len, out);
}
