/*
 * neap.ini: one key of one section, in a file of lines "key = value" below "[section]" (systemd, desktop
 * entries, my.cnf …) that belongs to others.
 *
 * The file is walked once, in read(), and the whole change is worked out there. Knows the machine only
 * through the view and the host; must not know Lua, other types, nor whether this is a plan.
 */
#include "engine/part.h"

enum { PATH, SECTION, KEY, VALUE, ENSURE, SEPARATOR, PARAM_COUNT };

#define NAME_MAX_LEN 1000
#define SEPARATOR_MAX_LEN 20

struct ini_want {
	struct neap_want base;
	const char *path, *section, *key;
	struct neap_text value;
	unsigned ensure;
	const char *separator;
};

enum edit {
	EDIT_NONE,
	EDIT_INSERT,
	EDIT_REPLACE,
	EDIT_REMOVE,
};

struct ini_have {
	struct neap_part_file file;
	enum edit edit;
	bool new_section;
	struct neap_place place;          /* EDIT_INSERT, unless it is in a new section */
	struct neap_line_numbers numbers; /* of the lines replaced or removed */
	struct neap_content value;        /* EDIT_REPLACE: as it is */
};

static bool is_secret(const struct ini_want *want)
{
	return neap_given(want, VALUE) && want->value.span_count > 0;
}

static const char *separator_of(const struct ini_want *want)
{
	return neap_given(want, SEPARATOR) ? want->separator : " = ";
}

static char delimiter_of(const struct ini_want *want)
{
	return strchr(separator_of(want), ':') ? ':' : '=';
}

static struct neap_str section_of(const struct ini_want *want)
{
	return neap_given(want, SECTION) ? neap_str(want->section) : NEAP_STR("");
}

/* ---- the lines --------------------------------------------------------------------------------------- */

enum kind { BLANK, COMMENT, HEADER, ENTRY };

/* A line as such files mean it, with those that it is continued in. */
struct entry {
	enum kind kind;
	struct neap_line line; /* the first one */
	size_t next;           /* where the next entry begins */
	size_t lines;          /* how many it is */
	struct neap_str name;  /* of the section, or the key */
	struct neap_str value; /* between the separator and the end, of all its lines */
	bool delimited;        /* a key with a separator */
	size_t indent;
};

static void parse_header(struct entry *entry, struct neap_str text)
{
	const char *close = memchr(text.data, ']', text.len);

	if (!close)
		return;
	struct neap_str rest =
		neap_str_trim((struct neap_str){ close + 1, (size_t)(text.data + text.len - close) - 1 });
	if (rest.len && rest.data[0] != '#' && rest.data[0] != ';')
		return;
	entry->kind = HEADER;
	entry->name = neap_str_trim((struct neap_str){ text.data + 1, (size_t)(close - text.data) - 1 });
}

/* A line that ends in a backslash goes on in the next one. */
static void parse_rest(struct entry *entry, struct neap_str file)
{
	struct neap_line line = entry->line;

	while (line.end > line.start && file.data[line.end - 1] == '\\' && line.next < file.len) {
		line = neap_line_at(file, line.next);
		entry->lines++;
	}
	entry->next = line.next;
	entry->value.len = (size_t)(file.data + line.end - entry->value.data);
	entry->value = neap_str_trim(entry->value);
}

static struct entry entry_at(struct neap_str file, size_t start, char delimiter)
{
	struct entry entry = { .kind = BLANK, .line = neap_line_at(file, start), .lines = 1 };
	struct neap_str bytes = neap_line_bytes(file, entry.line), text = neap_str_trim(bytes);

	entry.next = entry.line.next;
	if (!text.len)
		return entry;
	entry.indent = (size_t)(text.data - bytes.data);
	entry.kind = text.data[0] == '#' || text.data[0] == ';' ? COMMENT : ENTRY;
	if (text.data[0] == '[')
		parse_header(&entry, text);
	if (entry.kind != ENTRY)
		return entry;

	const char *at = memchr(text.data, delimiter, text.len);
	entry.delimited = at != NULL;
	entry.name = neap_str_trim((struct neap_str){ text.data, at ? (size_t)(at - text.data) : text.len });
	entry.value.data = at ? at + 1 : bytes.data + bytes.len;
	parse_rest(&entry, file);
	return entry;
}

/* ---- what is there ----------------------------------------------------------------------------------- */

struct survey {
	bool found; /* the section is there */
	size_t end; /* where something new in it goes: after its last line that says something */
	struct neap_line_numbers numbers; /* of the key */
	struct entry entry;               /* the first of them */
};

/* Comments right above a header are of the section that it begins: the end of this one is before them. */
static int survey(const struct ini_want *want, struct neap_str file, struct survey *ret,
		  struct neap_error **err)
{
	struct neap_str section = section_of(want);
	bool inside = section.len == 0, ours = false;
	size_t number = 1, pending = 0;
	struct entry entry, before = { 0 };

	*ret = (struct survey){ .found = inside };
	for (size_t at = 0; at < file.len; at = entry.next, number += entry.lines, before = entry) {
		entry = entry_at(file, at, delimiter_of(want));
		if (ours && before.kind == ENTRY && entry.kind == ENTRY && !entry.delimited &&
		    entry.indent > before.indent) {
			neap_error_set(err, "the value of %s in %s seems to go on in line %zu", want->key,
				       want->path, number);
			return neap_error_hint(err, "neap.ini knows values of one line, and lines continued "
						    "by a backslash; use neap.block or neap.file");
		}
		ours = false;
		switch (entry.kind) {
		case BLANK:
			if (pending && inside)
				ret->end = pending;
			pending = 0;
			break;
		case COMMENT:
			pending = entry.next;
			break;
		case HEADER:
			inside = neap_str_equal(entry.name, section);
			ret->found |= inside;
			pending = 0;
			break;
		case ENTRY:
			pending = 0;
			break;
		}
		if (inside && (entry.kind == HEADER || entry.kind == ENTRY))
			ret->end = entry.next;
		if (!inside || entry.kind != ENTRY || !neap_given(want, KEY) ||
		    !neap_str_equal(entry.name, neap_str(want->key)))
			continue;
		ours = true;
		if (ret->numbers.count == 0)
			ret->entry = entry;
		neap_line_note(&ret->numbers, number);
	}
	if (pending && inside)
		ret->end = pending;
	return 0;
}

/* ---- the change -------------------------------------------------------------------------------------- */

/* A separator has no blank after it where there is no value. */
static struct neap_str new_line(const struct ini_want *want, struct neap_arena *arena)
{
	struct neap_str value = { want->value.data, neap_given(want, VALUE) ? want->value.len : 0 };
	char *line = neap_arena_printf(arena, "%s%s%.*s", want->key, separator_of(want), (int)value.len,
				       value.len ? value.data : "");
	struct neap_str text = neap_str(line);

	return value.len ? text : neap_str_trim(text);
}

static int plan_insert(const struct ini_want *want, struct ini_have *have, const struct survey *survey,
		       struct neap_error **err)
{
	struct neap_str file = neap_part_text(&have->file), section = section_of(want);
	struct neap_rewrite rewrite;
	struct neap_line begin, end;

	have->edit = EDIT_INSERT;
	neap_part_begin(&have->file, &rewrite);
	if (survey->found) {
		have->place = (struct neap_place){ .kind = NEAP_PLACE_AFTER, .at = survey->end };
		if (survey->end == 0) {
			have->place.kind = NEAP_PLACE_BEFORE;
			have->place.number = 1;
		} else {
			struct neap_line last = neap_line_before(file, survey->end);
			/* Not into somebody's block. */
			if (neap_block_around(file, last, &begin, &end)) {
				last = end;
				have->place.at = end.next;
			}
			have->place.number = neap_line_number(file, last.start);
		}
		neap_rewrite_keep(&rewrite, have->place.at);
	} else {
		have->new_section = true;
		neap_rewrite_keep(&rewrite, file.len);
		struct neap_line last = { 0 };
		if (file.len)
			last = neap_line_before(file, file.len);
		if (neap_str_trim(neap_line_bytes(file, last)).len)
			neap_rewrite_line(&rewrite, NEAP_STR(""));
		neap_rewrite_line(&rewrite, neap_str(neap_arena_printf(rewrite.arena, "[%.*s]",
								       (int)section.len, section.data)));
	}
	neap_rewrite_line(&rewrite, new_line(want, rewrite.arena));
	return neap_part_end(&have->file, want->path, &rewrite, err);
}

static int plan_replace(const struct ini_want *want, const struct neap_context *ctx, struct ini_have *have,
			const struct survey *survey, struct neap_error **err)
{
	struct neap_str file = neap_part_text(&have->file);
	const struct entry *entry = &survey->entry;
	struct neap_str value = { want->value.data, want->value.len };
	struct neap_line last = neap_line_before(file, entry->next);
	struct neap_rewrite rewrite;

	have->edit = EDIT_REPLACE;
	have->value = neap_part_slice(ctx, entry->value);
	have->numbers = survey->numbers;
	for (size_t i = 1; i < entry->lines; i++)
		neap_line_note(&have->numbers, survey->numbers.first[0] + i);
	neap_part_begin(&have->file, &rewrite);
	if (!entry->delimited || (!entry->value.len && value.len)) {
		/* There was no value, so what separates it may be half there. */
		const char *end = entry->name.data + entry->name.len;
		neap_rewrite_keep(&rewrite, (size_t)(end - file.data));
		if (!entry->delimited || *end == ' ' || *end == '\t')
			neap_rewrite_put(&rewrite, neap_str(separator_of(want)));
		else
			neap_rewrite_put(&rewrite, delimiter_of(want) == ':' ? NEAP_STR(":") : NEAP_STR("="));
	} else if (value.len) {
		neap_rewrite_keep(&rewrite, (size_t)(entry->value.data - file.data));
	} else {
		const char *at = entry->value.data;
		while (at[-1] == ' ' || at[-1] == '\t')
			at--;
		neap_rewrite_keep(&rewrite, (size_t)(at - file.data));
	}
	neap_rewrite_put(&rewrite, value);
	neap_rewrite_drop(&rewrite, last.end);
	return neap_part_end(&have->file, want->path, &rewrite, err);
}

static int plan_present(const struct ini_want *want, const struct neap_context *ctx, struct ini_have *have,
			struct neap_error **err)
{
	struct neap_str file = neap_part_text(&have->file);
	struct survey found;

	if (survey(want, file, &found, err) < 0)
		return -1;
	if (found.numbers.count > 1) {
		struct neap_buf list NEAP_AUTO_BUF = { 0 };
		neap_line_print(&found.numbers, &list);
		neap_error_set(err, "%s has %s %zu times: lines %s", want->path, want->key,
			       found.numbers.count, list.data);
		return neap_error_hint(err,
				       "neap.ini sets keys that are there once; remove the others, or use "
				       "neap.line or neap.block");
	}
	if (found.numbers.count == 0)
		return plan_insert(want, have, &found, err);
	if (!neap_given(want, VALUE))
		return 0;
	if (found.entry.delimited &&
	    neap_str_equal(found.entry.value, (struct neap_str){ want->value.data, want->value.len }))
		return 0;
	return plan_replace(want, ctx, have, &found, err);
}

static int remove_key(const struct ini_want *want, struct ini_have *have, struct neap_error **err)
{
	struct neap_str file = neap_part_text(&have->file), section = section_of(want);
	bool inside = section.len == 0;
	struct neap_rewrite rewrite;
	struct survey found;
	struct entry entry;

	if (survey(want, file, &found, err) < 0)
		return -1;
	if (found.numbers.count == 0)
		return 0;
	have->edit = EDIT_REMOVE;
	have->numbers = found.numbers;
	neap_part_begin(&have->file, &rewrite);
	for (size_t at = 0; at < file.len; at = entry.next) {
		entry = entry_at(file, at, delimiter_of(want));
		if (entry.kind == HEADER)
			inside = neap_str_equal(entry.name, section);
		if (!inside || entry.kind != ENTRY || !neap_str_equal(entry.name, neap_str(want->key)))
			continue;
		neap_rewrite_keep(&rewrite, at);
		neap_rewrite_drop(&rewrite, entry.next);
	}
	return neap_part_end(&have->file, want->path, &rewrite, err);
}

static void note_lines(struct ini_have *have, size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		neap_line_note(&have->numbers, first + i);
}

/* Each part of it goes, up to the comments right above the next header. */
static int remove_section(const struct ini_want *want, struct ini_have *have, struct neap_error **err)
{
	struct neap_str file = neap_part_text(&have->file), section = section_of(want);
	size_t number = 1, comments = 0, comments_at = 0;
	struct neap_rewrite rewrite;
	struct entry entry;
	bool inside = false;

	neap_part_begin(&have->file, &rewrite);
	for (size_t at = 0; at < file.len; at = entry.next, number += entry.lines) {
		entry = entry_at(file, at, delimiter_of(want));
		if (entry.kind == COMMENT) {
			if (comments++ == 0)
				comments_at = at;
			continue;
		}
		if (entry.kind == HEADER) {
			if (inside)
				neap_rewrite_drop(&rewrite, comments ? comments_at : at);
			inside = neap_str_equal(entry.name, section);
			if (inside)
				neap_rewrite_keep(&rewrite, at);
			comments = 0;
		}
		if (inside)
			note_lines(have, number - comments, comments + entry.lines);
		comments = 0;
	}
	if (inside) {
		note_lines(have, number - comments, comments);
		neap_rewrite_drop(&rewrite, file.len);
	}
	if (have->numbers.count == 0)
		return 0;
	have->edit = EDIT_REMOVE;
	return neap_part_end(&have->file, want->path, &rewrite, err);
}

/* ---- the type ---------------------------------------------------------------------------------------- */

static int check_word(const char *name, const char *text, const char *banned, struct neap_error **err)
{
	size_t len = strlen(text);

	if (len > NAME_MAX_LEN)
		return neap_error_set(err, "%s is longer than %d bytes", name, NAME_MAX_LEN);
	if (neap_str_trim(neap_str(text)).len != len)
		return neap_error_set(err, "%s must not begin or end with blanks", name);
	for (size_t i = 0; i < len; i++)
		if (strchr(banned, text[i]) || text[i] == '\r')
			return neap_error_set(err, "%s must not hold \"%c\"", name,
					      text[i] == '\r' ? '?' : text[i]);
	return 0;
}

static int check_value(const struct ini_want *want, struct neap_error **err)
{
	struct neap_str value = { want->value.data, want->value.len };

	if (!value.len)
		return 0;
	if (memchr(value.data, '\0', value.len))
		return neap_error_set(err, "value must not hold a NUL byte");
	if (memchr(value.data, '\n', value.len) || memchr(value.data, '\r', value.len))
		return neap_error_set(err, "value must be one line");
	if (neap_str_trim(value).len != value.len) {
		neap_error_set(err, "value must not begin or end with blanks");
		return neap_error_hint(err,
				       "who reads such a file drops them; quote the value, if its reader "
				       "knows quotes");
	}
	if (value.data[value.len - 1] == '\\')
		return neap_error_set(err,
				      "value must not end in a backslash: the next line would be part of "
				      "it");
	return 0;
}

static int check_separator(const struct ini_want *want, struct neap_error **err)
{
	size_t len = strlen(separator_of(want)), blanks = 0;

	for (size_t i = 0; i < len; i++)
		blanks += separator_of(want)[i] == ' ' || separator_of(want)[i] == '\t';
	if (len > SEPARATOR_MAX_LEN || len - blanks != 1 || !strpbrk(separator_of(want), "=:")) {
		neap_error_set(err, "separator must be \"=\" or \":\", with blanks around it if wanted");
		return neap_error_hint(err, "files of another kind are for neap.line");
	}
	return 0;
}

static int ini_check(const void *wanted, struct neap_error **err)
{
	const struct ini_want *want = wanted;
	bool key = neap_given(want, KEY), value = neap_given(want, VALUE);
	const char banned[] = { delimiter_of(want), '\0' };

	if (check_separator(want, err) < 0)
		return -1;
	if (neap_given(want, SECTION) && check_word("section", want->section, "]", err) < 0)
		return -1;
	if (key && check_word("key", want->key, banned, err) < 0)
		return -1;
	if (key && strchr("#;[", want->key[0]))
		return neap_error_set(err, "key must not begin with \"%c\"", want->key[0]);
	if (want->ensure == NEAP_ABSENT) {
		if (neap_absent_check(want, VALUE, VALUE, err) < 0)
			return -1;
		if (!key && !neap_given(want, SECTION))
			return neap_error_set(err, "key or section is required: what is to be absent?");
		return 0;
	}
	if (!key || !value)
		return neap_error_set(err, "%s is required, unless ensure = \"absent\"",
				      key ? "value" : "key");
	return check_value(want, err);
}

static void ini_claim(const void *wanted, struct neap_claims *claims)
{
	const struct ini_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *section = neap_given(want, SECTION) ? want->section : "";

	if (!neap_given(want, KEY)) {
		neap_claim_part(claims, want->path, neap_arena_printf(arena, "ini\n%s", section), NULL);
		return;
	}
	neap_claim_part(claims, want->path, neap_arena_printf(arena, "ini\n%s\n%s", section, want->key),
			NULL);
	if (want->ensure == NEAP_PRESENT)
		neap_claim_lines(claims, want->path, new_line(want, arena));
}

static int ini_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		    void *had, struct neap_error **err)
{
	const struct ini_want *want = wanted;
	struct ini_have *have = had;
	bool present = want->ensure == NEAP_PRESENT;

	int r = neap_part_read(view, ctx, want->path, present, &have->file, err);
	if (r)
		return r;
	if (check_value(want, err) < 0) /* it may be known only now */
		return -1;
	if (present)
		return plan_present(want, ctx, have, err);
	return neap_given(want, KEY) ? remove_key(want, have, err) : remove_section(want, have, err);
}

static int ini_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		    struct neap_diff *diff, struct neap_error **err)
{
	const struct ini_want *want = wanted;
	const struct ini_have *have = had;
	struct neap_content after = { .data = want->value.data, .size = want->value.len };
	struct neap_buf list NEAP_AUTO_BUF = { 0 };
	const char *plural = have->numbers.count == 1 ? "" : "s";
	(void)ctx, (void)err;

	neap_line_print(&have->numbers, &list);
	switch (have->edit) {
	case EDIT_NONE:
		return 0;
	case EDIT_INSERT:
		neap_diff_ensure(diff, NEAP_PRESENT);
		if (neap_given(want, VALUE))
			neap_diff_text(diff, "value", NULL, &want->value);
		if (have->file.stat.kind == NEAP_FILE_ABSENT)
			break;
		if (have->new_section)
			neap_diff_reason(diff, "in a new section at the end");
		else
			neap_place_diff(&have->place, diff);
		break;
	case EDIT_REPLACE:
		neap_diff_content(diff, "value", &have->value, &after, &want->value,
				  (have->file.stat.mode & 0004) == 0);
		neap_diff_reason(diff, "in line%s %s", plural, list.data);
		break;
	case EDIT_REMOVE:
		neap_diff_ensure(diff, NEAP_ABSENT);
		neap_diff_reason(diff, "removes line%s %s", plural, list.data);
		break;
	}
	neap_part_diff(&have->file, is_secret(want) ? "mode 0600, as the value is secret" : NULL,
		       is_secret(want), diff);
	return 0;
}

static int ini_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		     const void *had, struct neap_error **err)
{
	const struct ini_want *want = wanted;
	const struct ini_have *have = had;
	(void)ctx;

	return neap_part_apply(host, want->path, have ? &have->file : NULL, want->ensure, is_secret(want),
			       want->ensure == NEAP_ABSENT || neap_given(want, VALUE), err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The file, as an absolute path. At most 1 MB; not a link.",
		.offset = offsetof(struct ini_want, path),
	},
	[SECTION] = {
		.name = "section",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY,
		.doc = "The section, as it stands between the brackets.",
		.fallback = "what is above the first section",
		.offset = offsetof(struct ini_want, section),
	},
	[KEY] = {
		.name = "key",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY,
		.doc = "The key. Required, unless a whole section is to be absent.",
		.offset = offsetof(struct ini_want, key),
	},
	[VALUE] = {
		.name = "value",
		.kind = NEAP_PARAM_TEXT,
		.flags = NEAP_PARAM_SECRET | NEAP_PARAM_OR_INTEGER,
		.doc = "Its value, as it stands in the file: quotes are part of it. Required, unless the key is to be "
		       "absent.",
		.offset = offsetof(struct ini_want, value),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the key is to be there. With `\"absent\"` all lines of the key in the section go; without "
		       "`key` the whole section goes, from its header on; comments above it stay.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct ini_want, ensure),
	},
	[SEPARATOR] = {
		.name = "separator",
		.kind = NEAP_PARAM_STRING,
		.doc = "What stands between key and value in a line that is made: `=` or `:`, with blanks around it or "
		       "not. A line that is there keeps its own.",
		.fallback = "\" = \"",
		.offset = offsetof(struct ini_want, separator),
	},
};

static const char description[] =
	"One key of one section in a file whose other lines are somebody else's: systemd units,\n"
	"desktop entries, `my.cnf` and their like.\n"
	"\n"
	"- Sections and keys are compared as they are: upper and lower case differ. Blanks around\n"
	"  names, values and separators do not count.\n"
	"- Only the value is rewritten. Lines that are commented out (`#`, `;`) are left alone; what\n"
	"  looks like a comment behind a value is part of the value.\n"
	"- A new key goes to the end of its section, before comments right above the next header; a\n"
	"  new section goes to the end of the file.\n"
	"- A section that is there in several parts counts as one. A key that is there several times\n"
	"  is an error that names the lines.\n"
	"- A line that ends in a backslash goes on in the next; the new value takes the place of all\n"
	"  of it. An indented line without a separator below the key is an error: it may be part of\n"
	"  the value, or not.\n"
	"- An absent file is made, with its parent directories (0755): mode 0644, or 0600 when the\n"
	"  value is a secret. Owner, group and mode of an existing file are kept.\n"
	"- Types that own parts of one path run in the order of their declaration.\n";

static const char example[] = "neap.ini {\n"
			      "  path = \"/etc/systemd/journald.conf\",\n"
			      "  section = \"Journal\",\n"
			      "  key = \"SystemMaxUse\",\n"
			      "  value = \"500M\",\n"
			      "  separator = \"=\",\n"
			      "}\n";

extern const struct neap_resource_type neap_type_ini;
const struct neap_resource_type neap_type_ini = {
	.name = "ini",
	.summary = "a key in a file of sections and keys that belongs to others",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct ini_want),
	.have_size = sizeof(struct ini_have),
	.check = ini_check,
	.claim = ini_claim,
	.read = ini_read,
	.diff = ini_diff,
	.apply = ini_apply,
};
