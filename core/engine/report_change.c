/*
 * How a changed parameter looks: a short value as it is, a long text counted, or shown line by line with
 * --diff. Secrets are masked here, and what is hidden stays so. Looks at nothing but the result.
 */
#include "base/items.h"
#include "engine/report_page.h"
#include "engine/schema.h"
#include "engine/unified.h"

#define LIST_SHOWN 10

static const char *bytes(struct neap_page *page, uint64_t size)
{
	if (size < 100000)
		return neap_arena_printf(page->scratch, "%llu byte%s", (unsigned long long)size,
					 size == 1 ? "" : "s");
	double number = (double)size / 1000;
	const char *unit = "kB";
	if (number >= 1000)
		number /= 1000, unit = "MB";
	if (number >= 1000)
		number /= 1000, unit = "GB";
	return neap_arena_printf(page->scratch, "%.1f %s", number, unit);
}

/* ---- values ------------------------------------------------------------------------------------------- */

enum quoting { WORD, QUOTED, ON_ITS_LINE };

/* Plain words stand bare; all else is quoted. */
static bool is_word(struct neap_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c <= ' ' || c == '"' || c == '\'' || c == '\\' || c >= 0x7f || c == ',')
			return false;
	}
	return text.len > 0;
}

/* Where it ends with the line, so do several words with a blank between each. */
static bool are_words(struct neap_str text)
{
	for (const char *blank; (blank = memchr(text.data, ' ', text.len));) {
		size_t len = (size_t)(blank - text.data);

		if (!is_word((struct neap_str){ text.data, len }))
			return false;
		text = (struct neap_str){ blank + 1, text.len - len - 1 };
	}
	return is_word(text);
}

static void put_string(struct neap_buf *buf, struct neap_str text, enum quoting quoting)
{
	if (quoting == WORD ? is_word(text) : quoting == ON_ITS_LINE && are_words(text)) {
		neap_buf_append(buf, text.data, text.len);
		return;
	}
	neap_buf_putc(buf, '"');
	neap_emit_safe(buf, text, true);
	neap_buf_putc(buf, '"');
}

/* Appends at most `columns` of the value. */
static void put_value(struct neap_page *page, struct neap_buf *buf, const struct neap_value *value,
		      enum quoting quoting, size_t columns)
{
	struct neap_buf all NEAP_AUTO_BUF = { 0 };
	switch (value->kind) {
	case NEAP_NIL:
		neap_buf_puts(&all, "(none)");
		break;
	case NEAP_BOOLEAN:
		neap_buf_puts(&all, value->boolean ? "true" : "false");
		break;
	case NEAP_INTEGER:
		neap_buf_printf(&all, "%lld", (long long)value->integer);
		break;
	case NEAP_FLOAT:
		neap_buf_printf(&all, "%g", value->number);
		break;
	case NEAP_STRING:
		put_string(&all, neap_text_masked(page->scratch, value->text), quoting);
		break;
	default:
		neap_buf_puts(&all, neap_value_kind_name(value->kind));
	}
	if (page->options->verbose > 0 || neap_emit_columns(all.data, all.len) <= columns) {
		neap_buf_append(buf, all.data, all.len);
		return;
	}
	neap_buf_append(buf, all.data, neap_emit_fit(all.data, all.len, columns > 1 ? columns - 1 : 1));
	neap_buf_puts(buf, "…");
}

/* Whether a text is better counted than shown. */
static bool is_big(const struct neap_value *value)
{
	if (value->kind != NEAP_STRING || value->text.len == 0)
		return false;
	const char *newline = memchr(value->text.data, '\n', value->text.len);
	return value->text.len > 1000 || memchr(value->text.data, 0, value->text.len) ||
	       (newline && newline + 1 < value->text.data + value->text.len);
}

static bool is_binary(const struct neap_value *value)
{
	size_t len = value->text.len < 8000 ? value->text.len : 8000;
	return value->kind == NEAP_STRING && len > 0 && memchr(value->text.data, 0, len);
}

static bool has_newline(const struct neap_value *value)
{
	return value->kind == NEAP_STRING && value->text.len > 0 &&
	       memchr(value->text.data, '\n', value->text.len);
}

static size_t count_lines(struct neap_str text)
{
	size_t lines = 0;
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	return lines + (text.len > 0 && text.data[text.len - 1] != '\n');
}

static bool has_size(const struct neap_value *value, const struct neap_content *large)
{
	return large || value->kind == NEAP_STRING;
}

static uint64_t size_of(const struct neap_value *value, const struct neap_content *large)
{
	return large ? large->size : value->kind == NEAP_STRING ? value->text.len : 0;
}

static void put_digest(struct neap_buf *buf, const struct neap_content *content)
{
	char hex[NEAP_DIGEST_HEX_SIZE];
	if (!content || content->data)
		return;
	neap_digest_hex(content->digest, hex);
	neap_buf_printf(buf, " (sha256 %.12s…)", hex);
}

/* A content in few words: lines and bytes, never the length of a secret. */
static void put_counts(struct neap_page *page, const struct neap_change_entry *entry, bool secret)
{
	struct neap_buf *buf = &page->buf;
	bool had = has_size(&entry->before, entry->large_before);
	bool has = has_size(&entry->after, entry->large_after);
	bool lines = has && !entry->large_after && !is_binary(&entry->after);
	uint64_t old = size_of(&entry->before, entry->large_before);
	uint64_t new = size_of(&entry->after, entry->large_after);

	if (!has) {
		neap_buf_printf(buf, "(none), was %s", bytes(page, old));
		return;
	}
	if (had && !entry->hide_before && !secret && lines && !entry->large_before &&
	    !is_binary(&entry->before)) {
		struct neap_unified unified;
		neap_unified_count(page->scratch, entry->before.text, entry->after.text, &unified);
		neap_buf_printf(buf, "%zu line%s added, %zu removed (%s, was %llu)", unified.added,
				unified.added == 1 ? "" : "s", unified.removed, bytes(page, new),
				(unsigned long long)old);
		return;
	}
	if (lines) { /* of what is shown: a secret may have lines too */
		struct neap_str masked = neap_text_masked(page->scratch, entry->after.text);
		size_t count = count_lines(masked);
		neap_buf_printf(buf, "%zu line%s", count, count == 1 ? "" : "s");
		neap_buf_puts(buf, secret ? ", secrets among them" : ", ");
	}
	if (!secret) {
		neap_buf_puts(buf, bytes(page, new));
		put_digest(buf, entry->large_after);
	}
	if (had && (entry->hide_before || secret)) {
		if (page->options->diff)
			return; /* said below */
		neap_buf_puts(buf, "; before is hidden");
	} else if (had) {
		neap_buf_printf(buf, ", was %s", old == new ? "as many other bytes" : bytes(page, old));
		put_digest(buf, entry->large_before);
	}
}

/* ---- --diff ------------------------------------------------------------------------------------------- */

static void diff_line(struct neap_page *page, const char *color, char sign, struct neap_str text)
{
	neap_buf_puts(&page->buf, "    ");
	neap_page_paint(page, color);
	if (sign)
		neap_buf_putc(&page->buf, sign);
	neap_emit_safe(&page->buf, text, false);
	neap_page_paint(page, RESET);
	neap_page_end_line(page);
}

static void put_diff(struct neap_page *page, const struct neap_change_entry *entry, bool secret)
{
	static const char *const colors[] = {
		[NEAP_UNIFIED_HUNK] = CYAN,   [NEAP_UNIFIED_CONTEXT] = "",     [NEAP_UNIFIED_REMOVED] = RED,
		[NEAP_UNIFIED_ADDED] = GREEN, [NEAP_UNIFIED_NO_NEWLINE] = DIM,
	};
	static const char signs[] = {
		[NEAP_UNIFIED_HUNK] = 0,    [NEAP_UNIFIED_CONTEXT] = ' ',  [NEAP_UNIFIED_REMOVED] = '-',
		[NEAP_UNIFIED_ADDED] = '+', [NEAP_UNIFIED_NO_NEWLINE] = 0,
	};
	struct neap_text before = neap_text(""), after = neap_text("");
	if (entry->large_before || entry->large_after || is_binary(&entry->before) ||
	    is_binary(&entry->after)) {
		neap_page_note(page, "(%s: no lines to show)",
			       entry->large_before || entry->large_after ? "large" : "binary");
		return;
	}
	if (entry->before.kind == NEAP_STRING && !entry->hide_before && !secret)
		before = entry->before.text;
	else if (entry->before.kind == NEAP_STRING)
		neap_page_note(page, "(before is hidden: %s)",
			       secret ? "what follows holds secrets" : "others may not read the file");
	if (entry->after.kind == NEAP_STRING)
		after = entry->after.text;
	if (secret) { /* masked as a whole, so that not even the number of a secret's lines shows */
		struct neap_str masked = neap_text_masked(page->scratch, after);
		after = neap_text_plain(masked.data, masked.len);
	}
	struct neap_unified unified;
	neap_unified(page->scratch, before, after, 3, &unified);
	for (size_t i = 0; i < unified.count; i++) {
		const struct neap_unified_line *line = &unified.lines[i];
		if (line->kind == NEAP_UNIFIED_HUNK && (before.len == 0 || after.len == 0))
			continue; /* all of it */
		if (line->kind == NEAP_UNIFIED_NO_NEWLINE)
			diff_line(page, DIM, 0, NEAP_STR("\\ no newline at end of file"));
		else
			diff_line(page, colors[line->kind], signs[line->kind],
				  neap_text_masked(page->scratch, line->text));
	}
}

/* ---- changes ------------------------------------------------------------------------------------------ */

/* Items of `from` that `other` lacks, one a line. *at: lines so far, so that the first stands beside the
 * name. */
static void list_items(struct neap_page *page, const struct neap_value *from, const struct neap_value *other,
		       char sign, size_t indent, size_t *at)
{
	size_t shown = 0, left = 0;
	struct neap_items others;

	neap_items_init(&others, other);
	for (size_t i = 0; from->kind == NEAP_LIST && i < from->list.count; i++) {
		if (neap_items_has(&others, &from->list.items[i]))
			continue;
		if (shown == LIST_SHOWN && page->options->verbose == 0) {
			left++;
			continue;
		}
		if ((*at)++ > 0) {
			neap_page_end_line(page);
			neap_buf_printf(&page->buf, "%*s", (int)indent, "");
		}
		neap_buf_printf(&page->buf, "%c ", sign);
		put_value(page, &page->buf, &from->list.items[i], ON_ITS_LINE,
			  page->options->width - indent - 2);
		shown++;
	}
	neap_items_done(&others);
	if (left > 0) {
		neap_page_end_line(page);
		neap_buf_printf(&page->buf, "%*s… %zu more (-v)", (int)indent, "", left);
	}
}

/* How two lists differ that hold the same. */
static const char *same_items(const struct neap_value *before, const struct neap_value *after)
{
	if (before->kind != NEAP_LIST || after->kind != NEAP_LIST)
		return "(empty)";
	if (before->list.count != after->list.count)
		return "(the same, not as often)";
	return "(another order)";
}

/* There was nothing of it before: what it gets says it all. */
static bool is_fresh(const struct neap_result *result)
{
	return result->action == NEAP_ACTION_CREATE || result->action == NEAP_ACTION_RUN;
}

/* A command, which reads best on one line. */
static bool is_command(const struct neap_resource *resource, const struct neap_change_entry *entry)
{
	int param = neap_schema_find(resource->type, entry->param);
	return param >= 0 && resource->type->params[param].kind == NEAP_PARAM_ARGV &&
	       entry->after.kind == NEAP_LIST &&
	       (entry->before.kind != NEAP_LIST || entry->before.list.count == 0);
}

static void put_words(struct neap_page *page, const struct neap_value *list, size_t room)
{
	for (size_t i = 0; i < list->list.count; i++) {
		if (i > 0)
			neap_buf_putc(&page->buf, ' ');
		put_value(page, &page->buf, &list->list.items[i], WORD, room);
	}
}

/* A parameter that takes any text is always quoted. */
static bool is_text(const struct neap_resource *resource, const struct neap_change_entry *entry)
{
	int param = neap_schema_find(resource->type, entry->param);
	return param >= 0 && resource->type->params[param].kind == NEAP_PARAM_TEXT;
}

/* Counted in one line, or shown as a diff; not side by side. */
static bool takes_lines(const struct neap_page *page, const struct neap_change_entry *entry)
{
	return entry->large_before || entry->large_after || is_big(&entry->before) || is_big(&entry->after) ||
	       (page->options->diff && (has_newline(&entry->before) || has_newline(&entry->after)));
}

static void change_line(struct neap_page *page, const struct neap_resource *resource,
			const struct neap_change_entry *entry, size_t width, bool fresh)
{
	enum quoting quoting = is_text(resource, entry) ? QUOTED : WORD;
	bool secret = neap_value_has_secret(&entry->after) || neap_value_has_secret(&entry->before);
	size_t indent = 4 + width + 2;
	size_t room = page->options->width > indent + 20 ? page->options->width - indent : 20;
	struct neap_buf *buf = &page->buf;

	neap_buf_printf(buf, "    %-*s  ", (int)width, entry->param);
	if (entry->unknown) {
		neap_buf_puts(buf, "(not known yet)");
	} else if (is_command(resource, entry)) {
		put_words(page, &entry->after, room);
	} else if (entry->before.kind == NEAP_LIST || entry->after.kind == NEAP_LIST) {
		size_t at = 0;
		if (secret)
			neap_buf_puts(buf, "(secret)");
		else
			list_items(page, &entry->before, &entry->after, '-', indent, &at);
		if (!secret)
			list_items(page, &entry->after, &entry->before, '+', indent, &at);
		if (!secret && at == 0)
			neap_buf_puts(buf, same_items(&entry->before, &entry->after));
	} else if (takes_lines(page, entry)) {
		put_counts(page, entry, secret);
		neap_page_end_line(page);
		if (page->options->diff)
			put_diff(page, entry, secret);
		else if (!entry->large_after && !is_binary(&entry->after))
			page->folded = true;
		return;
	} else if (fresh && entry->before.kind == NEAP_NIL) {
		put_value(page, buf, &entry->after, quoting, room);
	} else {
		struct neap_buf old NEAP_AUTO_BUF = { 0 }, new NEAP_AUTO_BUF = { 0 };
		if (entry->hide_before || (secret && entry->before.kind != NEAP_NIL))
			neap_buf_puts(&old, "(hidden)");
		else
			put_value(page, &old, &entry->before, quoting, room);
		put_value(page, &new, &entry->after, quoting, room);
		bool fits = neap_emit_columns(old.data, old.len) + 4 + neap_emit_columns(new.data, new.len) <=
			    room;
		neap_buf_append(buf, old.data, old.len);
		if (fits) {
			neap_buf_puts(buf, " -> ");
		} else {
			neap_page_end_line(page);
			neap_buf_printf(buf, "%*s", (int)indent, "-> ");
		}
		neap_buf_append(buf, new.data, new.len);
	}
	neap_page_end_line(page);
}

/* Of a new resource: short values flow on one line, so that fifty new files are not three hundred lines. */
static bool flows(const struct neap_resource *resource, const struct neap_change_entry *entry)
{
	return !entry->unknown && !is_text(resource, entry) && entry->before.kind == NEAP_NIL &&
	       !entry->large_after &&
	       (entry->after.kind == NEAP_BOOLEAN || entry->after.kind == NEAP_INTEGER ||
		(entry->after.kind == NEAP_STRING && entry->after.text.span_count == 0 &&
		 entry->after.text.len <= 20 &&
		 is_word((struct neap_str){ entry->after.text.data, entry->after.text.len })));
}

/* Said already: by the word in front of the address, by the address, or by the reason. */
static bool is_said(const struct neap_page *page, const struct neap_resource *resource,
		    const struct neap_result *result, const struct neap_change_entry *entry)
{
	bool fresh = is_fresh(result);
	if (page->options->verbose > 0)
		return false;
	if ((fresh || result->action == NEAP_ACTION_DELETE) && strcmp(entry->param, "ensure") == 0)
		return true;
	if (result->reason && strcmp(entry->param, "parents") == 0)
		return true;
	int param = neap_schema_find(resource->type, entry->param);
	return fresh && param >= 0 && (resource->type->params[param].flags & NEAP_PARAM_KEY);
}

static void put_flow(struct neap_page *page, const struct neap_resource *resource,
		     const struct neap_result *result)
{
	size_t column = 0;
	for (size_t i = 0; i < result->change_count; i++) {
		const struct neap_change_entry *entry = &result->changes[i];
		if (is_said(page, resource, result, entry) || !flows(resource, entry))
			continue;
		struct neap_buf item NEAP_AUTO_BUF = { 0 };
		neap_buf_printf(&item, "%s ", entry->param);
		put_value(page, &item, &entry->after, WORD, 20);
		if (column > 0 && column + 2 + item.len > page->options->width) {
			neap_buf_putc(&page->buf, ',');
			neap_page_end_line(page);
			column = 0;
		}
		neap_buf_puts(&page->buf, column == 0 ? "    " : ", ");
		neap_buf_append(&page->buf, item.data, item.len);
		column += (column == 0 ? 4 : 2) + item.len;
	}
	if (column > 0)
		neap_page_end_line(page);
}

void neap_page_changes(struct neap_page *page, const struct neap_resource *resource,
		       const struct neap_result *result)
{
	bool fresh = is_fresh(result);
	bool *shown = neap_arena_array_of(page->scratch, bool, result->change_count + 1);
	size_t width = 0;
	if (fresh)
		put_flow(page, resource, result);
	for (size_t i = 0; i < result->change_count; i++) {
		const struct neap_change_entry *entry = &result->changes[i];
		size_t len = strlen(entry->param);
		shown[i] = !is_said(page, resource, result, entry) && !(fresh && flows(resource, entry));
		if (shown[i] && len > width)
			width = len;
	}
	/* What takes many lines comes last, so that the rest is seen. */
	for (int last = 0; last < 2; last++)
		for (size_t i = 0; i < result->change_count; i++)
			if (shown[i] && takes_lines(page, &result->changes[i]) == last)
				change_line(page, resource, &result->changes[i], width, fresh);
}
