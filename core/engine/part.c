#include "engine/part.h"

#include "base/regex.h"

int neap_part_read(const struct neap_view *view, const struct neap_context *ctx, const char *path,
		   bool wanted, struct neap_part_file *ret, struct neap_error **err)
{
	ret->arena = ctx->passing;
	int r = neap_view_small_file(view, path, ret->arena, &ret->stat, &ret->content, err);
	if (r)
		return r;
	switch (ret->stat.kind) {
	case NEAP_FILE_ABSENT:
		ret->content = (struct neap_content){ .data = "" };
		return wanted ? neap_parents_read(view, ctx->scratch, path, &ret->parents, err) : 0;
	case NEAP_FILE_LINK:
		neap_error_set(err, "%s is a link", path);
		return neap_error_hint(err, "name the file that it points to");
	case NEAP_FILE_DIRECTORY:
		return neap_error_set(err, "%s is a directory", path);
	case NEAP_FILE_OTHER:
		return neap_error_set(err, "%s is a device, fifo or socket", path);
	case NEAP_FILE_REGULAR:
		break;
	}
	if (!ret->content.data) {
		neap_error_set(err, "%s is larger than 1 MB", path);
		return neap_error_hint(
			err, "neap edits files in memory; manage the whole of a large one by neap.file");
	}
	return 0;
}

void neap_part_begin(const struct neap_part_file *file, struct neap_rewrite *rewrite)
{
	neap_rewrite_begin(rewrite, file->arena, neap_part_text(file));
}

struct neap_content neap_part_slice(const struct neap_context *ctx, struct neap_str slice)
{
	return (struct neap_content){ .data = neap_arena_copy(ctx->scratch, slice.len ? slice.data : "",
							      slice.len),
				      .size = slice.len };
}

int neap_part_end(struct neap_part_file *file, const char *path, struct neap_rewrite *rewrite,
		  struct neap_error **err)
{
	struct neap_str text = neap_rewrite_end(rewrite);

	if (text.len > NEAP_CONTENT_MAX)
		return neap_error_set(err, "%s would become larger than 1 MB", path);
	file->result = (struct neap_content){ .data = text.data, .size = text.len };
	return 0;
}

void neap_part_diff(const struct neap_part_file *file, const char *made, bool secret, struct neap_diff *diff)
{
	if (file->stat.kind == NEAP_FILE_ABSENT)
		neap_diff_reason(diff, "makes the file%s%s", made ? ", " : "", made ? made : "");
	if (file->stat.kind == NEAP_FILE_REGULAR && secret && (file->stat.mode & 0004))
		neap_diff_reason(diff, "others may read the file, mode %04o, and it gets a secret",
				 file->stat.mode);
	if (file->stat.kind == NEAP_FILE_REGULAR && file->stat.links > 1) {
		unsigned long long others = file->stat.links - 1;
		neap_diff_reason(diff, "breaks %llu hard link%s", others, others == 1 ? "" : "s");
	}
	neap_parents_diff(&file->parents, diff);
}

/* Where changes are made every parameter is known. */
static int make_unknown(void *ctx, struct neap_arena *arena, struct neap_text *ret, struct neap_error **err)
{
	(void)ctx, (void)arena, (void)ret;
	return neap_error_set(err, "what goes into the file is not known: a bug in neap");
}

int neap_part_unknown(struct neap_host *host, struct neap_arena *arena, struct neap_content *ret,
		      struct neap_error **err)
{
	return neap_host_make(host, make_unknown, NULL, arena, ret, err);
}

int neap_part_write(struct neap_host *host, const char *path, const struct neap_part_file *file, bool secret,
		    bool known, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_file_write write = {
		.content = file->result,
		.mode = secret && file->stat.kind == NEAP_FILE_ABSENT ? 0600 : NEAP_KEEP,
		.uid = NEAP_KEEP,
		.gid = NEAP_KEEP,
		.secret = secret,
	};

	if (file->parents.count > 0 && neap_host_mkdir_parents(host, path, err) < 0)
		return -1;
	if (!known && neap_part_unknown(host, arena, &write.content, err) < 0)
		return -1;
	return neap_host_write(host, path, &write, err);
}

int neap_part_write_blindly(struct neap_host *host, const char *path, struct neap_error **err)
{
	return neap_host_mkdir_parents(host, path, err) < 0
		       ? -1
		       : neap_host_attributes(host, path, NEAP_KEEP, NEAP_KEEP, NEAP_KEEP, err);
}

int neap_part_apply(struct neap_host *host, const char *path, const struct neap_part_file *file,
		    unsigned ensure, bool secret, bool known, struct neap_error **err)
{
	if (file)
		return neap_part_write(host, path, file, secret, known, err);
	return ensure == NEAP_ABSENT ? 0 : neap_part_write_blindly(host, path, err);
}

/* ---- where something new goes ------------------------------------------------------------------------ */

/* The name in a line "… BEGIN neap: NAME", or "… END neap: NAME". */
static bool marker_name(struct neap_str line, struct neap_str marker, struct neap_str *ret)
{
	const char *found = line.len ? memmem(line.data, line.len, marker.data, marker.len) : NULL;

	if (!found)
		return false;
	*ret = (struct neap_str){ found + marker.len, (size_t)(line.data + line.len - found) - marker.len };
	return true;
}

bool neap_block_around(struct neap_str text, struct neap_line at, struct neap_line *ret_begin,
		       struct neap_line *ret_end)
{
	static const struct neap_str begin = NEAP_STR(NEAP_BLOCK_BEGIN), end = NEAP_STR(NEAP_BLOCK_END);
	struct neap_line line = at;
	struct neap_str name, other;

	for (;;) {
		struct neap_str bytes = neap_line_bytes(text, line);
		if (marker_name(bytes, begin, &name))
			break;
		if (line.start == 0 || (line.start != at.start && marker_name(bytes, end, &other)))
			return false;
		line = neap_line_before(text, line.start);
	}
	*ret_begin = line;
	for (size_t next = line.next; next < text.len; next = line.next) {
		line = neap_line_at(text, next);
		if (marker_name(neap_line_bytes(text, line), end, &other) && neap_str_equal(name, other)) {
			*ret_end = line;
			return line.start >= at.start;
		}
	}
	return false;
}

static int find_last(const char *path, struct neap_str text, const struct neap_pattern *pattern,
		     bool *ret_found, struct neap_line *ret, struct neap_error **err)
{
	bool found = false;

	for (size_t next = text.len; next > 0; next = ret->start) {
		*ret = neap_line_before(text, next);
		if (neap_regex_search(pattern->regex, neap_line_bytes(text, *ret), &found, err) < 0)
			return neap_error_prefix(err, "%s line %zu", path,
						 neap_line_number(text, ret->start));
		if (found)
			break;
	}
	*ret_found = found;
	return 0;
}

int neap_place_find(const char *path, struct neap_str text, const struct neap_pattern *before,
		    const struct neap_pattern *after, struct neap_place *ret, struct neap_error **err)
{
	const struct neap_pattern *pattern = before ? before : after;
	struct neap_line anchor, begin, end;
	bool found = false;

	if (pattern && find_last(path, text, pattern, &found, &anchor, err) < 0)
		return -1;
	if (!found) {
		*ret = (struct neap_place){ .kind = NEAP_PLACE_END, .at = text.len };
		return 0;
	}
	if (neap_block_around(text, anchor, &begin, &end))
		anchor = before ? begin : end;
	*ret = (struct neap_place){
		.kind = before ? NEAP_PLACE_BEFORE : NEAP_PLACE_AFTER,
		.at = before ? anchor.start : anchor.next,
		.number = neap_line_number(text, anchor.start),
	};
	return 0;
}

void neap_place_diff(const struct neap_place *place, struct neap_diff *diff)
{
	if (place->kind == NEAP_PLACE_END)
		neap_diff_reason(diff, "at the end");
	else
		neap_diff_reason(diff, "%s line %zu", place->kind == NEAP_PLACE_BEFORE ? "before" : "after",
				 place->number);
}
