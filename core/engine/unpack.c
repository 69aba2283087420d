/*
 * See unpack.h. Between two streams the reader is kept where it stands, one in the whole process: who lands
 * members asks for one after another, and nobody says when the last one was had.
 */
#include "engine/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define KEPT_MAX ((uint64_t)16 << 20) /* a member with several names is held, up to this size */

struct input { /* the archive's bytes */
	struct neap_content content;
	struct neap_stream
		from; /* of the content; a copy, as a reader may rest longer than its unpack lives */
	void *stream;
	int fd;
	uint64_t done;
	struct neap_digest_state *digest; /* NULL: nobody will ask */
};

struct reader {
	uint64_t id; /* of the unpack it belongs to; 0: of none */
	struct input input;
	struct neap_archive_input outside, inside;
	struct neap_archive *outer; /* NULL: nothing is nested */
	struct neap_archive *archive;
	uint32_t next; /* number of the member that comes next */
};

/* ---- the archive's bytes ------------------------------------------------------------------------------- */

static int open_input(struct input *input, const struct neap_unpack_source *source, bool whole,
		      struct neap_error **err)
{
	const struct neap_content *content = &source->content;

	*input = (struct input){ .content = *content, .fd = -1 };
	if (content->stream) {
		input->from = *content->stream;
		if (input->from.open(input->from.ctx, &input->stream, err) < 0)
			return -1;
	} else if (!content->data) {
		input->fd = open(content->source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (input->fd < 0)
			return neap_error_errno(err, errno, "open %s", content->source);
	}
	if (whole && !content->data)
		input->digest = neap_digest_begin();
	return 0;
}

static void close_input(struct input *input)
{
	uint8_t digest[NEAP_DIGEST_SIZE];

	if (input->digest)
		neap_digest_end(input->digest, digest);
	if (input->stream)
		input->from.close(input->stream);
	if (input->fd >= 0)
		close(input->fd);
	*input = (struct input){ .fd = -1 };
}

static ssize_t read_some(struct input *input, void *bytes, size_t size, struct neap_error **err)
{
	const struct neap_content *content = &input->content;
	ssize_t got;

	if (content->data) {
		uint64_t left = content->size - input->done;

		size = left < size ? (size_t)left : size;
		memcpy(bytes, content->data + input->done, size);
		return (ssize_t)size;
	}
	if (input->stream)
		return input->from.read(input->stream, bytes, size, err);
	do
		got = read(input->fd, bytes, size);
	while (got < 0 && errno == EINTR);
	return got < 0 ? neap_error_errno(err, errno, "read") : got;
}

static ssize_t read_input(void *ctx, void *bytes, size_t size, struct neap_error **err)
{
	struct input *input = ctx;
	ssize_t got = read_some(input, bytes, size, err);

	if (got > 0) {
		input->done += (uint64_t)got;
		if (input->digest)
			neap_digest_update(input->digest, bytes, (size_t)got);
	}
	return got;
}

/* All of it has been read: whether it was what it should be. */
static int check_input(struct input *input, struct neap_error **err)
{
	const struct neap_content *content = &input->content;
	uint8_t digest[NEAP_DIGEST_SIZE];

	if (!input->digest)
		return 0;
	neap_digest_end(input->digest, digest);
	input->digest = NULL;
	if (input->done == content->size && memcmp(digest, content->digest, sizeof digest) == 0)
		return 0;
	neap_error_set(err, "it changed while it was read");
	return neap_error_hint(err, "run again when nobody writes to it");
}

/* ---- readers ------------------------------------------------------------------------------------------- */

static ssize_t read_outer(void *ctx, void *bytes, size_t size, struct neap_error **err)
{
	return neap_archive_read(ctx, bytes, size, err);
}

/* Goes to the member that is an archive, and opens that. */
static int enter_nested(struct reader *reader, const char *nested, struct neap_error **err)
{
	const struct neap_member *member;
	int r;

	while ((r = neap_archive_next(reader->outer, &member, err)) == 0 && member)
		if (neap_str_equal(member->name, neap_str(nested)))
			break;
	if (r < 0)
		return r;
	if (!member)
		return neap_error_set(err, "it has no member \"%s\"", nested);
	if (member->kind != NEAP_MEMBER_FILE)
		return neap_error_set(err, "its member \"%s\" is no file", nested);
	reader->inside =
		(struct neap_archive_input){ .ctx = reader->outer, .size = member->size, .read = read_outer };
	if (neap_archive_open(&reader->inside, &reader->archive, err) < 0)
		return neap_error_prefix(err, "its member \"%s\"", nested);
	return 0;
}

static void reader_close(struct reader *reader)
{
	if (!reader)
		return;
	neap_archive_close(reader->archive);
	neap_archive_close(reader->outer);
	close_input(&reader->input);
	free(reader);
}

static int reader_open(const struct neap_unpack_source *source, bool whole, struct reader **ret,
		       struct neap_error **err)
{
	struct reader *reader = neap_alloc(sizeof *reader);
	int r;

	*reader = (struct reader){ .input = { .fd = -1 } };
	r = open_input(&reader->input, source, whole, err);
	reader->outside = (struct neap_archive_input){ .ctx = &reader->input,
						       .size = source->content.size,
						       .read = read_input };
	if (r == 0)
		r = neap_archive_open(&reader->outside, source->nested ? &reader->outer : &reader->archive,
				      err);
	if (r == 0 && source->nested)
		r = enter_nested(reader, source->nested, err);
	if (r < 0)
		reader_close(reader);
	else
		*ret = reader;
	return r;
}

int neap_unpack_manifest(const struct neap_unpack_source *source, struct neap_arena *arena,
			 struct neap_manifest *ret, struct neap_error **err)
{
	const struct neap_member *member;
	struct reader *reader = NULL;
	int r = reader_open(source, true, &reader, err);

	if (r == 0) {
		r = neap_manifest_make(reader->archive, arena, ret, err);
		if (r < 0 && reader->outer)
			neap_error_prefix(err, "its member \"%s\"", source->nested);
	}
	/* What surrounds a nested one must be whole, too. */
	if (r == 0 && reader->outer)
		while ((r = neap_archive_next(reader->outer, &member, err)) == 0 && member)
			;
	if (r == 0)
		r = check_input(&reader->input, err);
	reader_close(reader);
	return r < 0 ? neap_error_prefix(err, "%s", source->name) : r;
}

/* ---- members ------------------------------------------------------------------------------------------- */

struct neap_unpack {
	struct neap_unpack_source source;
	struct neap_arena *arena;
	uint64_t id;
	uint32_t last; /* the largest ordinal of which a stream was given */
};

struct member { /* ctx of a stream */
	struct neap_stream stream;
	struct neap_unpack *unpack;
	const struct neap_manifest_entry *entry;
};

struct handle { /* a stream that is open */
	const struct member *member;
	struct reader *reader; /* or … */
	uint64_t done;         /* … bytes given of those kept */
};

/* Between two streams: where the reader stands, and the bytes of a member that has more than one name. */
static struct reader *resting;
static struct {
	uint64_t id;
	uint32_t ordinal;
	char *bytes;
	uint64_t size;
} kept;

static bool is_kept(const struct member *member)
{
	return kept.bytes && kept.id == member->unpack->id && kept.ordinal == member->entry->ordinal;
}

/* A reader that stands at the member's bytes. */
static int go_to(const struct member *member, struct reader **ret, struct neap_error **err)
{
	const struct neap_unpack *unpack = member->unpack;
	const struct neap_member *found;
	struct reader *reader = resting;
	int r = 0;

	resting = NULL;
	if (reader && (reader->id != unpack->id || reader->next > member->entry->ordinal)) {
		reader_close(reader);
		reader = NULL;
	}
	if (!reader)
		r = reader_open(&unpack->source, false, &reader, err);
	if (r < 0)
		return r;
	reader->id = unpack->id;
	do {
		r = neap_archive_next(reader->archive, &found, err);
		if (r == 0 && !found)
			r = neap_error_set(err, "it changed while it was read");
	} while (r == 0 && reader->next++ < member->entry->ordinal);
	if (r == 0 && (found->kind != NEAP_MEMBER_FILE || found->size != member->entry->size))
		r = neap_error_set(err, "it changed while it was read");
	if (r < 0)
		reader_close(reader);
	else
		*ret = reader;
	return r;
}

/* For who comes next: as long as something is still to be had of it. */
static void rest(const struct member *member, struct reader *reader)
{
	if (resting || reader->next > member->unpack->last) {
		reader_close(reader);
		return;
	}
	resting = reader;
}

/* A member with several names is read once, and held until another one is. */
static int keep(const struct member *member, struct neap_error **err)
{
	const struct neap_manifest_entry *entry = member->entry;
	struct reader *reader;
	uint64_t len = 0;
	ssize_t got = 0;
	char *bytes;

	if (go_to(member, &reader, err) < 0)
		return -1;
	bytes = neap_alloc(entry->size + 1);
	while (len < entry->size &&
	       (got = neap_archive_read(reader->archive, bytes + len, (size_t)(entry->size - len), err)) > 0)
		len += (uint64_t)got;
	rest(member, reader);
	if (got < 0) {
		free(bytes);
		return -1;
	}
	free(kept.bytes);
	kept.id = member->unpack->id;
	kept.ordinal = entry->ordinal;
	kept.bytes = bytes;
	kept.size = len;
	return 0;
}

static int open_member(void *ctx, void **ret, struct neap_error **err)
{
	const struct member *member = ctx;
	struct handle handle = { .member = member };
	bool held = member->entry->shared && member->entry->size <= KEPT_MAX;
	int r = 0;

	if (!held)
		r = go_to(member, &handle.reader, err);
	else if (!is_kept(member))
		r = keep(member, err);
	if (r < 0)
		return neap_error_prefix(err, "%s", member->unpack->source.name);
	*ret = neap_alloc(sizeof handle);
	*(struct handle *)*ret = handle;
	return 0;
}

static ssize_t read_member(void *opened, void *bytes, size_t size, struct neap_error **err)
{
	struct handle *handle = opened;
	ssize_t got;

	if (handle->reader) {
		got = neap_archive_read(handle->reader->archive, bytes, size, err);
		return got < 0 ? neap_error_prefix(err, "%s", handle->member->unpack->source.name) : got;
	}
	if (!is_kept(handle->member))
		return neap_error_set(err, "%s: read out of turn", handle->member->unpack->source.name);
	if (size > kept.size - handle->done)
		size = (size_t)(kept.size - handle->done);
	memcpy(bytes, kept.bytes + handle->done, size);
	handle->done += size;
	return (ssize_t)size;
}

static void close_member(void *opened)
{
	struct handle *handle = opened;

	if (handle->reader)
		rest(handle->member, handle->reader);
	free(handle);
}

struct neap_unpack *neap_unpack_new(const struct neap_unpack_source *source, struct neap_arena *arena)
{
	static uint64_t last_id;
	struct neap_unpack *unpack = neap_arena_new_of(arena, struct neap_unpack);

	*unpack = (struct neap_unpack){ .source = *source, .arena = arena, .id = ++last_id };
	return unpack;
}

const struct neap_stream *neap_unpack_stream(struct neap_unpack *unpack,
					     const struct neap_manifest_entry *entry)
{
	struct member *member = neap_arena_new_of(unpack->arena, struct member);

	*member = (struct member){
		.stream = { .ctx = member, .open = open_member, .read = read_member, .close = close_member },
		.unpack = unpack,
		.entry = entry,
	};
	if (entry->ordinal > unpack->last)
		unpack->last = entry->ordinal;
	return &member->stream;
}
