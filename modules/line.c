/*
 * neap.line: one line in a file that belongs to others.
 *
 * The whole change is worked out in read(): the new bytes and where they differ. Finding that nothing is to
 * be done costs one search over the bytes, without looking at each line, unless there is a regexp to try.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include <stdio.h>

#include "base/regex.h"
#include "engine/attributes.h"
#include "engine/resource.h"

enum { PATH, LINE, ENSURE, MATCH, INSERT_BEFORE, INSERT_AFTER, PARAM_COUNT };
enum { PRESENT, ABSENT };

#define NUMBERS_NAMED 10 /* line numbers in a message or a reason, up to this many */

struct line_want {
	struct neap_want base;
	const char *path;
	struct neap_text line;
	unsigned ensure;
	struct neap_pattern match, insert_before, insert_after;
};

enum edit {
	EDIT_NONE,
	EDIT_APPEND,
	EDIT_BEFORE,
	EDIT_AFTER,
	EDIT_REPLACE,
	EDIT_REMOVE,
};

struct numbers { /* of lines, counted from 1 */
	size_t count;
	size_t first[NUMBERS_NAMED];
};

struct line_have {
	struct neap_stat stat;
	struct neap_content content;
	struct neap_parents parents;
	enum edit edit;
	struct numbers numbers;       /* of the line replaced, the lines removed, or the neighbour */
	struct neap_content replaced; /* EDIT_REPLACE: the line as it is */
	struct neap_content result;   /* the whole file, when edit is not NONE */
};

/* ---- lines of a file --------------------------------------------------------------------------------- */

struct piece { /* a line: bytes [start, end) without its ending, the next one at `next` */
	size_t start, end, next;
};

static struct neap_str bytes_of(struct neap_str file, struct piece piece)
{
	return (struct neap_str){ file.data + piece.start, piece.end - piece.start };
}

/* The line that starts at `start` < file.len. */
static struct piece line_at(struct neap_str file, size_t start)
{
	const char *newline = memchr(file.data + start, '\n', file.len - start);
	struct piece piece = { start, file.len, file.len };

	if (newline) {
		piece.end = (size_t)(newline - file.data);
		piece.next = piece.end + 1;
		if (piece.end > start && file.data[piece.end - 1] == '\r')
			piece.end--;
	}
	return piece;
}

/* The line that ends where the next one starts, `next` > 0. */
static struct piece line_before(struct neap_str file, size_t next)
{
	size_t body = file.data[next - 1] == '\n' ? next - 1 : next;
	const char *newline = memrchr(file.data, '\n', body);
	return line_at(file, newline ? (size_t)(newline - file.data) + 1 : 0);
}

/* New lines get the ending that the first line has. */
static struct neap_str ending_of(struct neap_str file)
{
	const char *newline = file.len ? memchr(file.data, '\n', file.len) : NULL;
	return newline && newline > file.data && newline[-1] == '\r' ? NEAP_STR("\r\n") : NEAP_STR("\n");
}

static size_t number_at(struct neap_str file, size_t start)
{
	size_t number = 1;
	const char *at = file.data, *end = file.data + start;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		number++;
		at++;
	}
	return number;
}

/* The first line at or after *start that is exactly `line`. */
static bool find_exact(struct neap_str file, struct neap_str line, size_t start, struct piece *ret)
{
	while (start < file.len) {
		const char *hit = memmem(file.data + start, file.len - start, line.data, line.len);
		if (!hit)
			return false;
		size_t at = (size_t)(hit - file.data);
		if (at == 0 || file.data[at - 1] == '\n') {
			struct piece piece = line_at(file, at);
			if (piece.end - piece.start == line.len) {
				*ret = piece;
				return true;
			}
		}
		/* Only a line's start can be next. */
		hit = memchr(hit, '\n', file.len - at);
		if (!hit)
			return false;
		start = (size_t)(hit - file.data) + 1;
	}
	return false;
}

static void note(struct numbers *numbers, size_t number)
{
	if (numbers->count < NUMBERS_NAMED)
		numbers->first[numbers->count] = number;
	numbers->count++;
}

/* "3, 7, 9 and 4 more" */
static void print_numbers(const struct numbers *numbers, struct neap_buf *ret)
{
	for (size_t i = 0; i < numbers->count && i < NUMBERS_NAMED; i++)
		neap_buf_printf(ret, "%s%zu", i ? ", " : "", numbers->first[i]);
	if (numbers->count > NUMBERS_NAMED)
		neap_buf_printf(ret, " and %zu more", numbers->count - NUMBERS_NAMED);
}

/* ---- the change -------------------------------------------------------------------------------------- */

static struct neap_str wanted_line(const struct line_want *want)
{
	return (struct neap_str){ want->line.data, want->line.len };
}

static bool is_secret(const struct line_want *want)
{
	return neap_given(want, LINE) && want->line.span_count > 0;
}

/* The file with [from, to) replaced by the parts. */
static int splice(const struct line_want *want, struct line_have *have, struct neap_arena *arena,
		  struct neap_str file, size_t from, size_t to, const struct neap_str parts[2],
		  struct neap_error **err)
{
	size_t len = file.len - (to - from) + parts[0].len + parts[1].len;
	char *bytes = neap_arena_bytes(arena, len + 1), *at = bytes;

	if (len > NEAP_CONTENT_MAX)
		return neap_error_set(err, "%s would become larger than 1 MB", want->path);
	if (from)
		at = mempcpy(at, file.data, from);
	for (unsigned i = 0; i < 2; i++)
		if (parts[i].len)
			at = mempcpy(at, parts[i].data, parts[i].len);
	if (to < file.len)
		at = mempcpy(at, file.data + to, file.len - to);
	*at = '\0';
	have->result = (struct neap_content){ .data = bytes, .size = len };
	return 0;
}

static int insert(const struct line_want *want, struct line_have *have, struct neap_arena *arena,
		  struct neap_str file, size_t at, struct neap_error **err)
{
	struct neap_str line = wanted_line(want), ending = ending_of(file);

	/* After a last line without an ending, the new one is the last line without an ending. */
	if (at == file.len && at > 0 && file.data[at - 1] != '\n')
		return splice(want, have, arena, file, at, at, (struct neap_str[]){ ending, line }, err);
	return splice(want, have, arena, file, at, at, (struct neap_str[]){ line, ending }, err);
}

static int find_last(const struct line_want *want, struct neap_str file, const struct neap_pattern *pattern,
		     bool *ret_found, struct piece *ret, struct neap_error **err)
{
	bool found = false;

	for (size_t next = file.len; next > 0; next = ret->start) {
		*ret = line_before(file, next);
		if (neap_regex_search(pattern->regex, bytes_of(file, *ret), &found, err) < 0)
			return neap_error_prefix(err, "%s line %zu", want->path, number_at(file, ret->start));
		if (found)
			break;
	}
	*ret_found = found;
	return 0;
}

static int add_line(const struct line_want *want, struct line_have *have, struct neap_arena *arena,
		    struct neap_str file, struct neap_error **err)
{
	bool before = neap_given(want, INSERT_BEFORE), found = false;
	struct piece anchor = { 0 };

	if (before || neap_given(want, INSERT_AFTER)) {
		const struct neap_pattern *pattern = before ? &want->insert_before : &want->insert_after;
		if (find_last(want, file, pattern, &found, &anchor, err) < 0)
			return -1;
	}
	if (!found) {
		have->edit = EDIT_APPEND;
		return insert(want, have, arena, file, file.len, err);
	}
	have->edit = before ? EDIT_BEFORE : EDIT_AFTER;
	note(&have->numbers, number_at(file, anchor.start));
	return insert(want, have, arena, file, before ? anchor.start : anchor.next, err);
}

static int plan_match(const struct line_want *want, struct line_have *have, struct neap_arena *arena,
		      struct neap_str file, struct neap_error **err)
{
	struct piece piece, match = { 0 };
	struct numbers numbers = { 0 };
	size_t number = 1;

	for (size_t at = 0; at < file.len; at = piece.next, number++) {
		bool found;
		piece = line_at(file, at);
		if (neap_regex_search(want->match.regex, bytes_of(file, piece), &found, err) < 0)
			return neap_error_prefix(err, "%s line %zu", want->path, number);
		if (!found)
			continue;
		note(&numbers, number);
		match = piece;
	}
	if (numbers.count > 1) {
		struct neap_buf text NEAP_AUTO_BUF = { 0 };
		print_numbers(&numbers, &text);
		neap_error_set(err, "match fits %zu lines of %s: %s", numbers.count, want->path, text.data);
		return neap_error_hint(err,
				       "narrow the regexp so that it fits one line, or remove the others");
	}
	if (numbers.count == 0)
		return add_line(want, have, arena, file, err);
	if (neap_str_equal(bytes_of(file, match), wanted_line(want)))
		return 0;
	have->edit = EDIT_REPLACE;
	have->numbers = numbers;
	have->replaced =
		(struct neap_content){ .data = file.data + match.start, .size = match.end - match.start };
	return splice(want, have, arena, file, match.start, match.end,
		      (struct neap_str[]){ wanted_line(want), { 0 } }, err);
}

static int plan_present(const struct line_want *want, struct line_have *have, struct neap_arena *arena,
			struct neap_str file, struct neap_error **err)
{
	struct piece piece;

	if (neap_given(want, MATCH))
		return plan_match(want, have, arena, file, err);
	if (find_exact(file, wanted_line(want), 0, &piece))
		return 0;
	return add_line(want, have, arena, file, err);
}

/* The next line that has to go, at or after `at`. */
static int find_unwanted(const struct line_want *want, struct neap_str file, size_t at, bool *ret_found,
			 struct piece *ret, struct neap_error **err)
{
	if (!neap_given(want, MATCH)) {
		*ret_found = find_exact(file, wanted_line(want), at, ret);
		return 0;
	}
	for (; at < file.len; at = ret->next) {
		bool found;
		*ret = line_at(file, at);
		struct neap_str bytes = bytes_of(file, *ret);
		if (neap_regex_search(want->match.regex, bytes, &found, err) < 0)
			return neap_error_prefix(err, "%s line %zu", want->path, number_at(file, at));
		*ret_found = found || (neap_given(want, LINE) && neap_str_equal(bytes, wanted_line(want)));
		if (*ret_found)
			return 0;
	}
	*ret_found = false;
	return 0;
}

static int plan_absent(const struct line_want *want, struct line_have *have, struct neap_arena *arena,
		       struct neap_str file, struct neap_error **err)
{
	size_t done = 0, number = 1; /* `number` is of the line at `done` */
	char *bytes = NULL, *to = NULL;
	struct piece piece;
	bool found;

	for (;;) {
		if (find_unwanted(want, file, done, &found, &piece, err) < 0)
			return -1;
		if (!found)
			break;
		if (!bytes)
			bytes = to = neap_arena_bytes(arena, file.len + 1);
		struct neap_str kept = { file.data + done, piece.start - done };
		number += number_at(kept, kept.len) - 1;
		note(&have->numbers, number++);
		to = mempcpy(to, kept.data, kept.len);
		done = piece.next;
	}
	if (!bytes)
		return 0;
	to = mempcpy(to, file.data + done, file.len - done);
	/* A missing final newline stays missing: the line that is last now loses its ending. */
	if (done == file.len && file.data[file.len - 1] != '\n' && to > bytes) {
		to--;
		if (to > bytes && to[-1] == '\r')
			to--;
	}
	*to = '\0';
	have->edit = EDIT_REMOVE;
	have->result = (struct neap_content){ .data = bytes, .size = (size_t)(to - bytes) };
	return 0;
}

/* ---- the type ---------------------------------------------------------------------------------------- */

static int line_check(const void *wanted, struct neap_error **err)
{
	const struct line_want *want = wanted;
	struct neap_str line = wanted_line(want);
	bool given = neap_given(want, LINE), match = neap_given(want, MATCH), found;

	if (!given && want->ensure == PRESENT)
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
	if (want->ensure == ABSENT) {
		if (neap_given(want, INSERT_BEFORE) || neap_given(want, INSERT_AFTER))
			return neap_error_set(err, "%s has no meaning with ensure = \"absent\"",
					      neap_given(want, INSERT_BEFORE) ? "insert_before"
									      : "insert_after");
		return 0;
	}
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

	int r = neap_view_small_file(view, want->path, ctx->scratch, &have->stat, &have->content, err);
	if (r)
		return r;
	switch (have->stat.kind) {
	case NEAP_FILE_ABSENT:
		if (want->ensure == ABSENT)
			return 0;
		r = neap_parents_read(view, ctx->scratch, want->path, &have->parents, err);
		if (r)
			return r;
		have->edit = EDIT_APPEND;
		return insert(want, have, ctx->scratch, (struct neap_str){ "", 0 }, 0, err);
	case NEAP_FILE_LINK:
		neap_error_set(err, "%s is a link", want->path);
		return neap_error_hint(err, "name the file that it points to");
	case NEAP_FILE_DIRECTORY:
		return neap_error_set(err, "%s is a directory", want->path);
	case NEAP_FILE_OTHER:
		return neap_error_set(err, "%s is a device, fifo or socket", want->path);
	case NEAP_FILE_REGULAR:
		break;
	}
	if (!have->content.data) {
		neap_error_set(err, "%s is larger than 1 MB", want->path);
		return neap_error_hint(
			err, "neap.line holds the file in memory; manage the whole of it by neap.file");
	}
	struct neap_str file = { have->content.data, have->content.size };
	return want->ensure == ABSENT ? plan_absent(want, have, ctx->scratch, file, err)
				      : plan_present(want, have, ctx->scratch, file, err);
}

static void diff_place(const struct line_want *want, const struct line_have *have, struct neap_diff *diff)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	switch (have->edit) {
	case EDIT_NONE:
		break;
	case EDIT_APPEND:
		if (have->stat.kind != NEAP_FILE_ABSENT)
			neap_diff_reason(diff, "at the end");
		else if (is_secret(want))
			neap_diff_reason(diff, "makes the file, mode 0600, as the line holds a secret");
		else
			neap_diff_reason(diff, "makes the file");
		break;
	case EDIT_BEFORE:
		neap_diff_reason(diff, "before line %zu", have->numbers.first[0]);
		break;
	case EDIT_AFTER:
		neap_diff_reason(diff, "after line %zu", have->numbers.first[0]);
		break;
	case EDIT_REPLACE:
		neap_diff_reason(diff, "replaces line %zu", have->numbers.first[0]);
		break;
	case EDIT_REMOVE:
		print_numbers(&have->numbers, &text);
		neap_diff_reason(diff, "removes line%s %s", have->numbers.count == 1 ? "" : "s", text.data);
		break;
	}
	if (have->stat.kind == NEAP_FILE_REGULAR && have->stat.links > 1) {
		unsigned long long others = have->stat.links - 1;
		neap_diff_reason(diff, "breaks %llu hard link%s", others, others == 1 ? "" : "s");
	}
}

static int line_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct line_want *want = wanted;
	const struct line_have *have = had;
	(void)ctx, (void)err;

	if (have->edit == EDIT_NONE)
		return 0;
	if (have->edit == EDIT_REMOVE) {
		neap_diff_action(diff, NEAP_ACTION_DELETE);
		neap_diff_string(diff, "ensure", "present", "absent");
	} else if (have->edit == EDIT_REPLACE) {
		struct neap_content after = { .data = want->line.data, .size = want->line.len };
		neap_diff_content(diff, "line", &have->replaced, &after, &want->line,
				  (have->stat.mode & 0004) == 0);
	} else {
		neap_diff_action(diff, NEAP_ACTION_CREATE);
		neap_diff_string(diff, "ensure", "absent", "present");
		neap_diff_text(diff, "line", NULL, &want->line);
	}
	diff_place(want, have, diff);
	neap_parents_diff(&have->parents, diff);
	return 0;
}

static int line_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct line_want *want = wanted;
	const struct line_have *have = had;
	(void)ctx;

	/* The file will be there, and the way to it; what else it holds is not known. */
	if (!have && want->ensure == ABSENT)
		return 0;
	if (!have)
		return neap_host_mkdir_parents(host, want->path, err) < 0
			       ? -1
			       : neap_host_attributes(host, want->path, NEAP_KEEP, NEAP_KEEP, NEAP_KEEP, err);
	if (have->parents.count > 0 && neap_host_mkdir_parents(host, want->path, err) < 0)
		return -1;
	struct neap_file_write write = {
		.content = have->result,
		.mode = have->stat.kind == NEAP_FILE_ABSENT && is_secret(want) ? 0600 : NEAP_KEEP,
		.uid = NEAP_KEEP,
		.gid = NEAP_KEEP,
		.secret = is_secret(want),
	};
	return neap_host_write(host, want->path, &write, err);
}

static const char *const ensure_choices[] = { "present", "absent", NULL };

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
		.choices = ensure_choices,
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
