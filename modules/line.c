/*
 * neap.line: one line in a file that belongs to others.
 *
 * The whole change is worked out in read(): the new bytes and where they differ. Finding that nothing is to
 * be done costs one search over the bytes, without looking at each line, unless there is a regexp to try.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "base/regex.h"
#include "engine/part.h"

enum { PATH, LINE, ENSURE, MATCH, INSERT_BEFORE, INSERT_AFTER, PARAM_COUNT };

struct line_want {
	struct neap_want base;
	const char *path;
	struct neap_text line;
	unsigned ensure;
	struct neap_pattern match, insert_before, insert_after;
};

enum edit {
	EDIT_NONE,
	EDIT_INSERT,
	EDIT_REPLACE,
	EDIT_REMOVE,
};

struct line_have {
	struct neap_part_file file;
	enum edit edit;
	struct neap_place place;          /* EDIT_INSERT */
	struct neap_line_numbers numbers; /* of the line replaced, of the lines removed */
	struct neap_content replaced;     /* EDIT_REPLACE: the line as it is */
};

/* ---- the change -------------------------------------------------------------------------------------- */

static struct neap_str wanted_line(const struct line_want *want)
{
	return (struct neap_str){ want->line.data, want->line.len };
}

static bool is_secret(const struct line_want *want)
{
	return neap_given(want, LINE) && want->line.span_count > 0;
}

static int add_line(const struct line_want *want, struct line_have *have, struct neap_error **err)
{
	const struct neap_pattern *before = neap_given(want, INSERT_BEFORE) ? &want->insert_before : NULL;
	const struct neap_pattern *after = neap_given(want, INSERT_AFTER) ? &want->insert_after : NULL;
	struct neap_str text = neap_part_text(&have->file);
	struct neap_rewrite rewrite;

	if (neap_place_find(want->path, text, before, after, &have->place, err) < 0)
		return -1;
	have->edit = EDIT_INSERT;
	neap_part_begin(&have->file, &rewrite);
	neap_rewrite_keep(&rewrite, have->place.at);
	neap_rewrite_line(&rewrite, wanted_line(want));
	return neap_part_end(&have->file, want->path, &rewrite, err);
}

static int plan_match(const struct line_want *want, const struct neap_context *ctx, struct line_have *have,
		      struct neap_error **err)
{
	struct neap_str text = neap_part_text(&have->file);
	struct neap_line line, match = { 0 };
	struct neap_line_numbers numbers = { 0 };
	struct neap_rewrite rewrite;
	size_t number = 1;

	for (size_t at = 0; at < text.len; at = line.next, number++) {
		bool found;
		line = neap_line_at(text, at);
		if (neap_regex_search(want->match.regex, neap_line_bytes(text, line), &found, err) < 0)
			return neap_error_prefix(err, "%s line %zu", want->path, number);
		if (!found)
			continue;
		neap_line_note(&numbers, number);
		match = line;
	}
	if (numbers.count > 1) {
		struct neap_buf list NEAP_AUTO_BUF = { 0 };
		neap_line_print(&numbers, &list);
		neap_error_set(err, "match fits %zu lines of %s: %s", numbers.count, want->path, list.data);
		return neap_error_hint(err,
				       "narrow the regexp so that it fits one line, or remove the others");
	}
	if (numbers.count == 0)
		return add_line(want, have, err);
	if (neap_str_equal(neap_line_bytes(text, match), wanted_line(want)))
		return 0;
	have->edit = EDIT_REPLACE;
	have->numbers = numbers;
	have->replaced = neap_part_slice(ctx, neap_line_bytes(text, match));
	neap_part_begin(&have->file, &rewrite);
	neap_rewrite_keep(&rewrite, match.start);
	neap_rewrite_put(&rewrite, wanted_line(want));
	neap_rewrite_drop(&rewrite, match.end);
	return neap_part_end(&have->file, want->path, &rewrite, err);
}

static int plan_present(const struct line_want *want, const struct neap_context *ctx, struct line_have *have,
			struct neap_error **err)
{
	struct neap_line line;

	if (neap_given(want, MATCH))
		return plan_match(want, ctx, have, err);
	if (neap_line_find(neap_part_text(&have->file), wanted_line(want), 0, &line))
		return 0;
	return add_line(want, have, err);
}

/* The next line that has to go, at or after `at`. */
static int find_unwanted(const struct line_want *want, struct neap_str text, size_t at, bool *ret_found,
			 struct neap_line *ret, struct neap_error **err)
{
	if (!neap_given(want, MATCH)) {
		*ret_found = neap_line_find(text, wanted_line(want), at, ret);
		return 0;
	}
	for (; at < text.len; at = ret->next) {
		bool found;
		*ret = neap_line_at(text, at);
		struct neap_str bytes = neap_line_bytes(text, *ret);
		if (neap_regex_search(want->match.regex, bytes, &found, err) < 0)
			return neap_error_prefix(err, "%s line %zu", want->path, neap_line_number(text, at));
		*ret_found = found || (neap_given(want, LINE) && neap_str_equal(bytes, wanted_line(want)));
		if (*ret_found)
			return 0;
	}
	*ret_found = false;
	return 0;
}

static int plan_absent(const struct line_want *want, struct line_have *have, struct neap_error **err)
{
	struct neap_str text = neap_part_text(&have->file);
	struct neap_rewrite rewrite;
	struct neap_line line;
	size_t done = 0, number = 1; /* `number` is of the line at `done` */
	bool found;

	for (;; done = line.next) {
		if (find_unwanted(want, text, done, &found, &line, err) < 0)
			return -1;
		if (!found)
			break;
		if (done == 0)
			neap_part_begin(&have->file, &rewrite);
		struct neap_str kept = { text.data + done, line.start - done };
		number += neap_line_number(kept, kept.len) - 1;
		neap_line_note(&have->numbers, number++);
		neap_rewrite_keep(&rewrite, line.start);
		neap_rewrite_drop(&rewrite, line.next);
	}
	if (done == 0)
		return 0;
	have->edit = EDIT_REMOVE;
	return neap_part_end(&have->file, want->path, &rewrite, err);
}

/* ---- the type ---------------------------------------------------------------------------------------- */

static int line_check(const void *wanted, struct neap_error **err)
{
	const struct line_want *want = wanted;
	struct neap_str line = wanted_line(want);
	bool given = neap_given(want, LINE), match = neap_given(want, MATCH), found;

	if (!given && want->ensure == NEAP_PRESENT)
		return neap_error_set(err, "line is required, unless ensure = \"absent\"");
	if (!given && !match)
		return neap_error_set(err, "line or match is required: which line is to be absent?");
	if (given && line.len) {
		if (memchr(line.data, '\n', line.len)) {
			neap_error_set(err, "line must not hold a newline");
			return neap_error_hint(
				err, "it is one line, and its ending is added; declare several lines "
				     "as several resources");
		}
		if (memchr(line.data, '\0', line.len))
			return neap_error_set(err, "line must not hold a NUL byte");
		if (line.data[line.len - 1] == '\r') {
			neap_error_set(err, "line must not end in a carriage return");
			return neap_error_hint(err, "in a file whose lines end in CRLF it is added");
		}
	}
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, INSERT_BEFORE, INSERT_AFTER, err);
	if (neap_given(want, INSERT_BEFORE) && neap_given(want, INSERT_AFTER)) {
		neap_error_set(err, "insert_before and insert_after contradict each other");
		return neap_error_hint(err, "give one of them");
	}
	if (match) {
		if (neap_regex_search(want->match.regex, line, &found, err) < 0)
			return neap_error_prefix(err, "match");
		if (!found) {
			neap_error_set(err, "match does not match line: each run would add it again");
			return neap_error_hint(
				err, "match has to fit the line as it is before and after the change");
		}
	}
	return 0;
}

static void line_claim(const void *wanted, struct neap_claims *claims)
{
	const struct line_want *want = wanted;

	neap_claim_part(claims, want->path, neap_given(want, LINE) ? want->line.data : want->match.text,
			neap_given(want, MATCH) ? want->match.regex : NULL);
}

static int line_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct line_want *want = wanted;
	struct line_have *have = had;
	bool present = want->ensure == NEAP_PRESENT;

	int r = neap_part_read(view, ctx, want->path, present, &have->file, err);
	if (r)
		return r;
	return present ? plan_present(want, ctx, have, err) : plan_absent(want, have, err);
}

static int line_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct line_want *want = wanted;
	const struct line_have *have = had;
	struct neap_content after = { .data = want->line.data, .size = want->line.len };
	struct neap_buf list NEAP_AUTO_BUF = { 0 };
	(void)ctx, (void)err;

	switch (have->edit) {
	case EDIT_NONE:
		return 0;
	case EDIT_INSERT:
		neap_diff_ensure(diff, NEAP_PRESENT);
		neap_diff_text(diff, "line", NULL, &want->line);
		if (have->file.stat.kind != NEAP_FILE_ABSENT)
			neap_place_diff(&have->place, diff);
		break;
	case EDIT_REPLACE:
		neap_diff_content(diff, "line", &have->replaced, &after, &want->line,
				  (have->file.stat.mode & 0004) == 0);
		neap_diff_reason(diff, "replaces line %zu", have->numbers.first[0]);
		break;
	case EDIT_REMOVE:
		neap_diff_ensure(diff, NEAP_ABSENT);
		neap_line_print(&have->numbers, &list);
		neap_diff_reason(diff, "removes line%s %s", have->numbers.count == 1 ? "" : "s", list.data);
		break;
	}
	neap_part_diff(&have->file, is_secret(want) ? "mode 0600, as the line holds a secret" : NULL,
		       is_secret(want), diff);
	return 0;
}

static int line_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct line_want *want = wanted;
	const struct line_have *have = had;
	(void)ctx;

	return neap_part_apply(host, want->path, have ? &have->file : NULL, want->ensure, is_secret(want),
			       true, err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The file that holds the line, as an absolute path. At most 1 MB; not a link.",
		.offset = offsetof(struct line_want, path),
	},
	[LINE] = {
		.name = "line",
		.kind = NEAP_PARAM_TEXT,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_SECRET,
		.doc = "The whole line, without its ending. Required unless lines are to be absent by `match`.",
		.offset = offsetof(struct line_want, line),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the line is to be there. With `\"absent\"` all lines equal to `line` go, and all that "
		       "`match` fits.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct line_want, ensure),
	},
	[MATCH] = {
		.name = "match",
		.kind = NEAP_PARAM_REGEX,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_KEY_ELSE,
		.doc = "A regexp (PCRE2) for the line in whatever state it may be in: the one line that it fits is replaced. "
		       "It has to fit `line` too; when it fits several lines of the file, the resource fails and names "
		       "them.",
		.fallback = "only an equal line counts",
		.offset = offsetof(struct line_want, match),
	},
	[INSERT_BEFORE] = {
		.name = "insert_before",
		.kind = NEAP_PARAM_REGEX,
		.doc = "Where a line that is missing goes: before the last line that this regexp fits, or at the end "
		       "when there is none.",
		.fallback = "at the end",
		.offset = offsetof(struct line_want, insert_before),
	},
	[INSERT_AFTER] = {
		.name = "insert_after",
		.kind = NEAP_PARAM_REGEX,
		.doc = "Where a line that is missing goes: after the last line that this regexp fits, or at the end "
		       "when there is none.",
		.fallback = "at the end",
		.offset = offsetof(struct line_want, insert_after),
	},
};

static const char description[] =
	"One line in a file whose other lines are somebody else's.\n"
	"\n"
	"- A line that is there stays where it is: `insert_before` and `insert_after` say where a\n"
	"  missing one goes, not where the line has to be.\n"
	"- An absent file is made, with its parent directories (0755): mode 0644, or 0600 when the\n"
	"  line holds a secret. Owner, group and mode of an existing file are kept; `neap.file`\n"
	"  without content sets them.\n"
	"- Each line keeps its ending. A new one gets that of the first line (LF or CRLF), and a last\n"
	"  line without a newline stays one: the file ends as it ended.\n"
	"- Several lines of one path are done in the order of their declaration. A `neap.file` with\n"
	"  content on the same path is an error of the recipe.\n"
	"- With `ensure = \"absent\"` an absent file is fine, and is not made.\n"
	"- Bytes are bytes: no encoding is assumed, and NUL bytes in other lines do no harm.\n";

static const char example[] =
	"neap.line {\n"
	"  path = \"/etc/ssh/sshd_config\",\n"
	"  line = \"PermitRootLogin no\",\n"
	"  match = \"^#?\\\\s*PermitRootLogin\\\\b\",\n"
	"  insert_before = \"^Match\\\\b\",\n"
	"}\n"
	"neap.line { path = \"/etc/hosts\", match = \"\\\\sold-name$\", ensure = \"absent\" }\n";

extern const struct neap_resource_type neap_type_line;
const struct neap_resource_type neap_type_line = {
	.name = "line",
	.summary = "one line in a file that belongs to others",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct line_want),
	.have_size = sizeof(struct line_have),
	.check = line_check,
	.claim = line_claim,
	.read = line_read,
	.diff = line_diff,
	.apply = line_apply,
};
