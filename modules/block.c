/*
 * neap.block: some lines between two marks, in a file that belongs to others.
 *
 * The whole change is worked out in read(). Knows the machine only through the view and the host; must not
 * know Lua, other types, nor whether this is a plan.
 */
#include "engine/part.h"

enum { PATH, NAME, CONTENT, ENSURE, COMMENT, INSERT_BEFORE, INSERT_AFTER, PARAM_COUNT };

#define NAME_MAX_LEN 200
#define COMMENT_MAX_LEN 20

struct block_want {
	struct neap_want base;
	const char *path, *name;
	struct neap_text content;
	unsigned ensure;
	const char *comment;
	struct neap_pattern insert_before, insert_after;
};

enum edit {
	EDIT_NONE,
	EDIT_INSERT,
	EDIT_REPLACE,
	EDIT_REMOVE,
};

struct block_have {
	struct neap_part_file file;
	enum edit edit;
	struct neap_place place; /* EDIT_INSERT */
	size_t first, last;      /* numbers of the marks of a block that is there */
	/* Content as it is shown: every line ends with a newline. */
	struct neap_content inner;
	struct neap_text wanted;
};

static bool is_secret(const struct block_want *want)
{
	return neap_given(want, CONTENT) && want->content.span_count > 0;
}

static struct neap_str marker(const struct block_want *want, const char *what, struct neap_arena *arena)
{
	const char *comment = neap_given(want, COMMENT) ? want->comment : "#";
	return neap_str(neap_arena_printf(arena, "%s%s%s", comment, what, want->name));
}

/* The next line that is wanted; *at begins with 0. What ends the lines does not count. */
static bool next_wanted(const struct block_want *want, size_t *at, struct neap_str *ret)
{
	struct neap_str content = { want->content.data, want->content.len };
	if (*at >= content.len)
		return false;
	struct neap_line line = neap_line_at(content, *at);
	*at = line.next;
	*ret = neap_line_bytes(content, line);
	return true;
}

/* ---- what is there ----------------------------------------------------------------------------------- */

/* The only line that is `mark`; `line->next` 0: there is none. */
static int find_mark(const struct block_want *want, struct neap_str text, struct neap_str mark,
		     struct neap_line *line, struct neap_error **err)
{
	struct neap_line again;

	*line = (struct neap_line){ 0 };
	if (!neap_line_find(text, mark, 0, line) || !neap_line_find(text, mark, line->next, &again))
		return 0;
	neap_error_set(err, "%s has \"%s\" twice: lines %zu and %zu", want->path, mark.data,
		       neap_line_number(text, line->start), neap_line_number(text, again.start));
	return neap_error_hint(err, "a block is there once: remove the other by hand, marks and all");
}

static int find_block(const struct block_want *want, struct neap_str text, struct neap_str begin_mark,
		      struct neap_str end_mark, struct neap_line *begin, struct neap_line *end,
		      struct neap_error **err)
{
	if (find_mark(want, text, begin_mark, begin, err) < 0 ||
	    find_mark(want, text, end_mark, end, err) < 0)
		return -1;
	if (!begin->next && !end->next)
		return 0;
	if (begin->next && end->next && end->start > begin->start)
		return 0;
	if (begin->next && end->next)
		neap_error_set(err, "%s ends the block %s in line %zu, before it begins in line %zu",
			       want->path, want->name, neap_line_number(text, end->start),
			       neap_line_number(text, begin->start));
	else
		neap_error_set(err, "%s %s the block %s in line %zu, but has no line \"%s\"", want->path,
			       begin->next ? "begins" : "ends", want->name,
			       neap_line_number(text, begin->next ? begin->start : end->start),
			       begin->next ? end_mark.data : begin_mark.data);
	return neap_error_hint(
		err, "where it lies cannot be known: put the marks around it by hand, or remove both");
}

static bool same_lines(const struct block_want *want, struct neap_str inner)
{
	size_t at = 0, wanted = 0;
	struct neap_str line;

	while (next_wanted(want, &wanted, &line)) {
		if (at >= inner.len)
			return false;
		struct neap_line is = neap_line_at(inner, at);
		if (!neap_str_equal(neap_line_bytes(inner, is), line))
			return false;
		at = is.next;
	}
	return at >= inner.len;
}

static void put_lines(const struct block_want *want, struct neap_rewrite *rewrite)
{
	struct neap_str line;

	for (size_t at = 0; next_wanted(want, &at, &line);)
		neap_rewrite_line(rewrite, line);
}

/* ---- the type ---------------------------------------------------------------------------------------- */

static int check_name(const struct block_want *want, struct neap_error **err)
{
	size_t len = strlen(want->name);
	struct neap_str trimmed = neap_str_trim(neap_str(want->name));

	if (len > NAME_MAX_LEN)
		return neap_error_set(err, "name is longer than %d bytes", NAME_MAX_LEN);
	if (trimmed.len != len || strchr(want->name, '\r'))
		return neap_error_set(err, "name must not begin or end with blanks, nor hold a carriage "
					   "return");
	if (neap_given(want, COMMENT)) {
		size_t comment = strlen(want->comment);
		if (comment > COMMENT_MAX_LEN)
			return neap_error_set(err, "comment is longer than %d bytes", COMMENT_MAX_LEN);
		if (want->comment[comment - 1] == ' ' || strchr(want->comment, '\r'))
			return neap_error_set(err, "comment must not end with a blank, nor hold a carriage "
						   "return");
	}
	return 0;
}

static int check_content(const struct block_want *want, struct neap_error **err)
{
	struct neap_str line;

	if (want->content.len && memchr(want->content.data, '\0', want->content.len))
		return neap_error_set(err, "content must not hold a NUL byte");
	for (size_t at = 0; next_wanted(want, &at, &line);)
		if (line.len && (memmem(line.data, line.len, NEAP_BLOCK_BEGIN, strlen(NEAP_BLOCK_BEGIN)) ||
				 memmem(line.data, line.len, NEAP_BLOCK_END, strlen(NEAP_BLOCK_END))))
			return neap_error_set(err, "content must not hold the mark of a block");
	return 0;
}

static int block_check(const void *wanted, struct neap_error **err)
{
	const struct block_want *want = wanted;

	if (check_name(want, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, CONTENT, CONTENT, err) < 0
			       ? -1
			       : neap_absent_check(want, INSERT_BEFORE, INSERT_AFTER, err);
	if (!neap_given(want, CONTENT))
		return neap_error_set(err, "content is required, unless ensure = \"absent\"");
	if (neap_given(want, INSERT_BEFORE) && neap_given(want, INSERT_AFTER)) {
		neap_error_set(err, "insert_before and insert_after contradict each other");
		return neap_error_hint(err, "give one of them");
	}
	return check_content(want, err);
}

static void block_claim(const void *wanted, struct neap_claims *claims)
{
	const struct block_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	neap_claim_part(claims, want->path, neap_arena_printf(arena, "block\n%s", want->name), NULL);
	neap_claim_lines(claims, want->path, marker(want, NEAP_BLOCK_BEGIN, arena));
	neap_claim_lines(claims, want->path, marker(want, NEAP_BLOCK_END, arena));
	if (want->ensure == NEAP_PRESENT)
		neap_claim_lines(claims, want->path,
				 (struct neap_str){ want->content.data, want->content.len });
}

static struct neap_text ended(struct neap_arena *arena, struct neap_text content)
{
	struct neap_text_builder builder NEAP_AUTO_TEXT_BUILDER = { 0 };

	if (!content.len || content.data[content.len - 1] == '\n')
		return content;
	neap_text_builder_add(&builder, content);
	neap_text_builder_add(&builder, neap_text("\n"));
	return neap_text_builder_take(&builder, arena);
}

static struct neap_content without_returns(struct neap_arena *arena, struct neap_str lines)
{
	char *bytes = neap_arena_bytes(arena, lines.len + 1), *to = bytes;

	for (size_t at = 0; at < lines.len;) {
		struct neap_line line = neap_line_at(lines, at);
		to = mempcpy(to, lines.data + line.start, line.end - line.start);
		*to++ = '\n';
		at = line.next;
	}
	*to = '\0';
	return (struct neap_content){ .data = bytes, .size = (size_t)(to - bytes) };
}

static int block_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      void *had, struct neap_error **err)
{
	const struct block_want *want = wanted;
	struct block_have *have = had;
	struct neap_str begin_mark = marker(want, NEAP_BLOCK_BEGIN, ctx->scratch);
	struct neap_str end_mark = marker(want, NEAP_BLOCK_END, ctx->scratch);
	struct neap_str text;
	struct neap_line begin, end;
	struct neap_rewrite rewrite;

	int r = neap_part_read(view, ctx, want->path, want->ensure == NEAP_PRESENT, &have->file, err);
	if (r)
		return r;
	if (check_content(want, err) < 0) /* it may be known only now */
		return -1;
	have->wanted = ended(ctx->scratch, want->content);
	text = neap_part_text(&have->file);
	if (find_block(want, text, begin_mark, end_mark, &begin, &end, err) < 0)
		return -1;
	if (begin.next) {
		have->first = neap_line_number(text, begin.start);
		have->last = neap_line_number(text, end.start);
	}
	neap_part_begin(&have->file, &rewrite);
	if (want->ensure == NEAP_ABSENT) {
		if (!begin.next)
			return 0;
		have->edit = EDIT_REMOVE;
		neap_rewrite_keep(&rewrite, begin.start);
		neap_rewrite_drop(&rewrite, end.next);
	} else if (begin.next) {
		struct neap_str inner = { text.data + begin.next, end.start - begin.next };
		if (!neap_given(want, CONTENT) || same_lines(want, inner))
			return 0;
		have->edit = EDIT_REPLACE;
		have->inner = without_returns(ctx->scratch, inner);
		neap_rewrite_keep(&rewrite, begin.next);
		put_lines(want, &rewrite);
		neap_rewrite_drop(&rewrite, end.start);
	} else {
		if (neap_place_find(want->path, text,
				    neap_given(want, INSERT_BEFORE) ? &want->insert_before : NULL,
				    neap_given(want, INSERT_AFTER) ? &want->insert_after : NULL, &have->place,
				    err) < 0)
			return -1;
		have->edit = EDIT_INSERT;
		neap_rewrite_keep(&rewrite, have->place.at);
		neap_rewrite_line(&rewrite, begin_mark);
		put_lines(want, &rewrite);
		neap_rewrite_line(&rewrite, end_mark);
	}
	return neap_part_end(&have->file, want->path, &rewrite, err);
}

static int block_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		      struct neap_diff *diff, struct neap_error **err)
{
	const struct block_want *want = wanted;
	const struct block_have *have = had;
	struct neap_content after = { .data = have->wanted.data, .size = have->wanted.len };
	(void)ctx, (void)err;

	switch (have->edit) {
	case EDIT_NONE:
		return 0;
	case EDIT_INSERT:
		neap_diff_ensure(diff, NEAP_PRESENT);
		if (neap_given(want, CONTENT))
			neap_diff_content(diff, "content", NULL, &after, &have->wanted, false);
		if (have->file.stat.kind != NEAP_FILE_ABSENT)
			neap_place_diff(&have->place, diff);
		break;
	case EDIT_REPLACE:
		neap_diff_content(diff, "content", &have->inner, &after, &have->wanted,
				  (have->file.stat.mode & 0004) == 0);
		neap_diff_reason(diff, "in lines %zu to %zu", have->first, have->last);
		break;
	case EDIT_REMOVE:
		neap_diff_ensure(diff, NEAP_ABSENT);
		neap_diff_reason(diff, "removes lines %zu to %zu", have->first, have->last);
		break;
	}
	neap_part_diff(&have->file, is_secret(want) ? "mode 0600, as the content holds a secret" : NULL,
		       is_secret(want), diff);
	return 0;
}

static int block_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		       const void *had, struct neap_error **err)
{
	const struct block_want *want = wanted;
	const struct block_have *have = had;
	(void)ctx;

	return neap_part_apply(host, want->path, have ? &have->file : NULL, want->ensure, is_secret(want),
			       want->ensure == NEAP_ABSENT || neap_given(want, CONTENT), err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The file that holds the block, as an absolute path. At most 1 MB; not a link.",
		.offset = offsetof(struct block_want, path),
	},
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "What tells this block from others in the file. It stands in the marks, so with another name it is "
		       "another block.",
		.offset = offsetof(struct block_want, name),
	},
	[CONTENT] = {
		.name = "content",
		.kind = NEAP_PARAM_TEXT,
		.flags = NEAP_PARAM_SECRET,
		.doc = "The lines between the marks. A newline at the end makes no further line. Required unless the "
		       "block is to be absent.",
		.offset = offsetof(struct block_want, content),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the block is to be there. With `\"absent\"` it goes with its marks.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct block_want, ensure),
	},
	[COMMENT] = {
		.name = "comment",
		.kind = NEAP_PARAM_STRING,
		.doc = "What makes a line a comment in this file, such as `\"//\"`. The marks begin with it; a block whose "
		       "marks begin with something else is not seen.",
		.fallback = "#",
		.offset = offsetof(struct block_want, comment),
	},
	[INSERT_BEFORE] = {
		.name = "insert_before",
		.kind = NEAP_PARAM_REGEX,
		.doc = "Where a block that is missing goes: before the last line that this regexp (PCRE2) fits, or at the "
		       "end when there is none.",
		.fallback = "at the end",
		.offset = offsetof(struct block_want, insert_before),
	},
	[INSERT_AFTER] = {
		.name = "insert_after",
		.kind = NEAP_PARAM_REGEX,
		.doc = "Where a block that is missing goes: after the last line that this regexp fits, or at the end when "
		       "there is none.",
		.fallback = "at the end",
		.offset = offsetof(struct block_want, insert_after),
	},
};

static const char description[] =
	"Some lines, kept together between two marks, in a file whose other lines are somebody else's:\n"
	"\n"
	"    # BEGIN neap: NAME\n"
	"    …\n"
	"    # END neap: NAME\n"
	"\n"
	"- A block that is there stays where it is: `insert_before` and `insert_after` say where a\n"
	"  missing one goes. It never goes into another block, but before or after the whole of it.\n"
	"- What stands between the marks is the block's: other lines there go.\n"
	"- A mark without its other one, and marks that are there twice, are errors that name the\n"
	"  lines: neap does not guess how far a block goes.\n"
	"- An absent file is made, with its parent directories (0755): mode 0644, or 0600 when the\n"
	"  content holds a secret. Owner, group and mode of an existing file are kept.\n"
	"- Lines get the ending that the file's first line has (LF or CRLF), and a file that ends\n"
	"  without a newline still does.\n"
	"- Types that own parts of one path run in the order of their declaration. A `neap.line` whose\n"
	"  `match` fits a line of the block is an error of the recipe.\n";

static const char example[] = "neap.block {\n"
			      "  path = \"/etc/ssh/sshd_config\",\n"
			      "  name = \"deploy\",\n"
			      "  content = [[\n"
			      "Match User deploy\n"
			      "  AllowTcpForwarding no\n"
			      "]],\n"
			      "}\n";

extern const struct neap_resource_type neap_type_block;
const struct neap_resource_type neap_type_block = {
	.name = "block",
	.summary = "marked lines in a file that belongs to others",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct block_want),
	.have_size = sizeof(struct block_have),
	.check = block_check,
	.claim = block_claim,
	.read = block_read,
	.diff = block_diff,
	.apply = block_apply,
};
