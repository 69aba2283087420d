/* The bytes of content that lands on a machine of tables, wherever they come from. */
#include <errno.h>
#include <stdio.h>

#include "host/memory_parts.h"

static int read_source(const char *path, struct neap_arena *arena, const char **ret, size_t *ret_size)
{
	NEAP_AUTO_BUF struct neap_buf bytes = { 0 };
	FILE *file = fopen(path, "re");
	size_t got;

	if (!file)
		return errno;
	do {
		got = fread(neap_buf_reserve(&bytes, 65536), 1, 65536, file);
		bytes.len += got;
	} while (got);
	fclose(file);
	*ret = neap_arena_copy(arena, bytes.data, bytes.len);
	*ret_size = bytes.len;
	return 0;
}

static int read_stream(const struct neap_stream *stream, struct neap_arena *arena, const char **ret,
		       size_t *ret_size)
{
	NEAP_AUTO_BUF struct neap_buf bytes = { 0 };
	ssize_t got;
	void *reader;

	if (stream->open(stream->ctx, &reader, NULL) < 0)
		return EIO;
	while ((got = stream->read(reader, neap_buf_reserve(&bytes, 65536), 65536, NULL)) > 0)
		bytes.len += (size_t)got;
	stream->close(reader);
	*ret = neap_arena_copy(arena, bytes.data ? bytes.data : "", bytes.len);
	*ret_size = bytes.len;
	return got < 0 ? EIO : 0;
}

int neap_memory_bytes(const struct neap_content *content, struct neap_arena *arena, const char **ret,
		      size_t *ret_size)
{
	*ret_size = content->size;
	*ret = NULL;
	if (content->data)
		*ret = neap_arena_copy(arena, content->data, content->size);
	else if (content->source)
		return read_source(content->source, arena, ret, ret_size);
	else if (content->stream)
		return read_stream(content->stream, arena, ret, ret_size);
	return content->data ? 0 : EINVAL;
}
