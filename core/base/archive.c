/*
 * See archive.h. Two readers of libarchive, one behind the other: the outer one takes the compression off,
 * the inner one knows tar. So what comes out of the compression can be counted while it comes, and is read to
 * its end, where the check sums are, though a tar ends before.
 *
 * Names: libarchive turns those of pax headers into the locale's encoding, and in a UTF-8 locale it composes
 * what was decomposed, so that the name is another one than tar makes. In the C locale it cannot, says so,
 * and leaves the bytes as they are, which is what is wanted.
 */
#include "base/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/library.h"

#define AGAIN "get it again, and compare its checksum with the publisher's"
#define BLOCK ((size_t)64 << 10)
#define NAME_LIMIT 4095
#define COMPONENT_LIMIT 255
#define DEPTH_LIMIT 256

/* What of libarchive is used. It brings a dozen libraries with it, whose loading costs more than all else
 * that a small run does, so that it is loaded when the first archive is opened. */
#define FUNCTIONS(X)                                                                                         \
	X(archive_entry_filetype)                                                                            \
	X(archive_entry_free)                                                                                \
	X(archive_entry_hardlink)                                                                            \
	X(archive_entry_is_encrypted)                                                                        \
	X(archive_entry_mode)                                                                                \
	X(archive_entry_new)                                                                                 \
	X(archive_entry_pathname)                                                                            \
	X(archive_entry_size)                                                                                \
	X(archive_entry_sparse_count)                                                                        \
	X(archive_entry_symlink)                                                                             \
	X(archive_error_string)                                                                              \
	X(archive_filter_count)                                                                              \
	X(archive_read_data)                                                                                 \
	X(archive_read_data_block)                                                                           \
	X(archive_read_free)                                                                                 \
	X(archive_read_header_position)                                                                      \
	X(archive_read_new)                                                                                  \
	X(archive_read_next_header)                                                                          \
	X(archive_read_next_header2)                                                                         \
	X(archive_read_open)                                                                                 \
	X(archive_read_support_filter_bzip2)                                                                 \
	X(archive_read_support_filter_gzip)                                                                  \
	X(archive_read_support_filter_xz)                                                                    \
	X(archive_read_support_filter_zstd)                                                                  \
	X(archive_read_support_format_raw)                                                                   \
	X(archive_read_support_format_tar)                                                                   \
	X(archive_set_error)

static struct {
#define X(name) __typeof__(name) *(name);
	FUNCTIONS(X)
#undef X
	/* Of zlib, which libarchive stands on. */
	unsigned long (*crc32)(unsigned long crc, const unsigned char *bytes, unsigned size);
} lib;
static const char *const lib_names[] = {
#define X(name) #name,
	FUNCTIONS(X)
#undef X
		"crc32",
};
static struct neap_library library = { NEAP_LIBARCHIVE, "libarchive13", lib_names, &lib, sizeof(lib), false };

static locale_t c_locale; /* in which names are bytes */
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_locale(void)
{
	c_locale = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
}

struct neap_archive {
	const struct neap_archive_input *input;
	struct archive *outer, *inner;
	struct archive_entry *entry; /* of the inner one; its own */
	char *block;
	struct neap_error *failed; /* of a callback */
	uint64_t raw;              /* bytes that came out of the compression */
	bool gzip;
	unsigned long crc;        /* of them, for gzip */
	unsigned char tail[8];    /* of the input */
	uint64_t taken;           /* bytes of the input */
	uint64_t unpacked, names; /* bytes that the headers speak of */
	uint64_t left;            /* of the member */
	uint32_t count;
	struct neap_buf name, target;
	struct neap_member member;
};

/* ---- errors -------------------------------------------------------------------------------------------- */

const char *neap_archive_shown(const char *name, char ret[NEAP_ARCHIVE_SHOWN])
{
	static const size_t limit = NEAP_ARCHIVE_SHOWN - sizeof("…");
	size_t len = strlen(name), kept = len < limit ? len : limit;

	kept = neap_str_utf8_prefix((struct neap_str){ name, kept });
	for (size_t i = 0; i < kept; i++)
		ret[i] = (unsigned char)name[i] < ' ' || name[i] == 0x7f ? '?' : name[i];
	snprintf(ret + kept, NEAP_ARCHIVE_SHOWN - kept, "%s", kept < len ? "…" : "");
	return ret;
}

/* What a callback had to say, else libarchive. */
static int broken(struct neap_archive *archive, struct archive *reader, struct neap_error **err)
{
	const char *why = lib.archive_error_string(reader);

	if (archive->failed) {
		neap_error_pass(err, &archive->failed);
		return -1;
	}
	neap_error_set(err, "it is cut off or damaged: %s", why ? why : "no reason given");
	return neap_error_hint(err, AGAIN);
}

static int bomb(const struct neap_archive *archive, struct neap_error **err)
{
	neap_error_set(err, "it unpacks to more than %d times its size of %llu bytes", NEAP_ARCHIVE_RATIO,
		       (unsigned long long)archive->input->size);
	return neap_error_hint(err, "no honest archive does; nothing of it is unpacked");
}

static bool explodes(const struct neap_archive *archive, uint64_t bytes)
{
	return bytes > NEAP_ARCHIVE_BOMB && bytes / NEAP_ARCHIVE_RATIO > archive->input->size;
}

/* ---- callbacks ----------------------------------------------------------------------------------------- */

/* A block of the input, whose last bytes are remembered. */
static ssize_t take_input(struct neap_archive *archive, struct neap_error **err)
{
	ssize_t got = archive->input->read(archive->input->ctx, archive->block, BLOCK, err);
	size_t size = got > 0 ? (size_t)got : 0, kept = sizeof archive->tail;

	if (!archive->taken)
		archive->gzip = size > 1 && memcmp(archive->block, "\x1f\x8b", 2) == 0;
	archive->taken += size;
	if (size < kept) {
		memmove(archive->tail, archive->tail + size, kept - size);
		memcpy(archive->tail + kept - size, archive->block, size);
	} else {
		memcpy(archive->tail, archive->block + size - kept, kept);
	}
	return got;
}

static la_ssize_t read_input(struct archive *reader, void *ctx, const void **ret)
{
	struct neap_archive *archive = ctx;
	ssize_t got = take_input(archive, &archive->failed);

	if (got < 0)
		lib.archive_set_error(reader, EIO, "read");
	*ret = archive->block;
	return got;
}

/* The next bytes without compression: 1, 0 at the end, negative (what lib.archive_error_string() of `outer`,
 * or `failed`, explains). */
static int next_block(struct neap_archive *archive, const void **ret, size_t *ret_size)
{
	la_int64_t offset;
	int r;

	do {
		r = lib.archive_read_data_block(archive->outer, ret, ret_size, &offset);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return -1;
	} while (!*ret_size);
	archive->raw += *ret_size;
	if (archive->gzip) /* a block is never as large as an unsigned can be */
		archive->crc = lib.crc32(archive->crc, *ret, (unsigned)*ret_size);
	if (!explodes(archive, archive->raw))
		return 1;
	bomb(archive, &archive->failed);
	return -1;
}

static la_ssize_t read_raw(struct archive *reader, void *ctx, const void **ret)
{
	struct neap_archive *archive = ctx;
	size_t size = 0;
	int r = next_block(archive, ret, &size);

	if (r < 0 && !archive->failed)
		broken(archive, archive->outer, &archive->failed);
	if (r < 0) {
		lib.archive_set_error(reader, EIO, "read");
		return -1;
	}
	return r > 0 ? (la_ssize_t)size : 0;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static int no_tar(struct neap_error **err)
{
	neap_error_set(err, "it is no tar archive");
	return neap_error_hint(err, "tar is read plain, or compressed with gzip, bzip2, xz or zstd");
}

/* ARCHIVE_WARN would mean: by a program, which nobody here wants started. */
static bool add_filters(struct archive *reader)
{
	return lib.archive_read_support_filter_gzip(reader) == ARCHIVE_OK &&
	       lib.archive_read_support_filter_bzip2(reader) == ARCHIVE_OK &&
	       lib.archive_read_support_filter_xz(reader) == ARCHIVE_OK &&
	       lib.archive_read_support_filter_zstd(reader) == ARCHIVE_OK &&
	       lib.archive_read_support_format_raw(reader) == ARCHIVE_OK;
}

static int open_both(struct neap_archive *archive, struct neap_error **err)
{
	struct archive_entry *data;

	if (!add_filters(archive->outer) || lib.archive_read_support_format_tar(archive->inner) != ARCHIVE_OK)
		return neap_error_set(err, "this libarchive lacks tar, gzip, bzip2, xz or zstd");
	if (!archive->input->size)
		return no_tar(err);
	if (lib.archive_read_open(archive->outer, archive, NULL, read_input, NULL) != ARCHIVE_OK ||
	    lib.archive_read_next_header(archive->outer, &data) != ARCHIVE_OK)
		return broken(archive, archive->outer, err);
	/* The last filter is the input. */
	if (lib.archive_filter_count(archive->outer) > 2) {
		neap_error_set(err, "it is compressed more than once");
		return neap_error_hint(err, "take one layer off; nothing honest is packed like that");
	}
	if (lib.archive_read_open(archive->inner, archive, NULL, read_raw, NULL) != ARCHIVE_OK)
		return archive->failed ? broken(archive, archive->inner, err) : no_tar(err);
	return 0;
}

int neap_archive_open(const struct neap_archive_input *input, struct neap_archive **ret,
		      struct neap_error **err)
{
	struct neap_archive *archive;
	locale_t before;
	int r;

	if (neap_library_load(&library, err) < 0)
		return -1;
	pthread_once(&c_locale_once, make_locale);
	archive = neap_alloc(sizeof *archive);
	*archive = (struct neap_archive){
		.input = input,
		.outer = lib.archive_read_new(),
		.inner = lib.archive_read_new(),
		.entry = lib.archive_entry_new(),
		.block = neap_alloc(BLOCK),
	};
	if (!archive->outer || !archive->inner || !archive->entry || !c_locale)
		neap_out_of_memory();
	before = uselocale(c_locale);
	r = open_both(archive, err);
	uselocale(before);
	if (r < 0)
		neap_archive_close(archive);
	else
		*ret = archive;
	return r;
}

void neap_archive_close(struct neap_archive *archive)
{
	if (!archive)
		return;
	lib.archive_entry_free(archive->entry);
	lib.archive_read_free(archive->inner); /* reads from the outer one until here */
	lib.archive_read_free(archive->outer);
	neap_error_free(archive->failed);
	neap_buf_done(&archive->name);
	neap_buf_done(&archive->target);
	free(archive->block);
	free(archive);
}

/* ---- members ------------------------------------------------------------------------------------------- */

/* `what` says in an error whose name it is. */
static int take_name(struct neap_archive *archive, const char *name, const char *what, struct neap_buf *ret,
		     struct neap_error **err)
{
	char text[NEAP_ARCHIVE_SHOWN];
	size_t len = strlen(name), depth = 0;

	ret->len = 0;
	neap_buf_reserve(ret, 1)[0] = '\0';
	archive->names += len;
	if (len > NAME_LIMIT || archive->names > NEAP_ARCHIVE_NAMES)
		return neap_error_set(err, "%s \"%s\": names are longer than %s", what,
				      neap_archive_shown(name, text),
				      len > NAME_LIMIT ? "4095 bytes" : "128 MB together");
	if (name[0] == '/')
		return neap_error_set(err, "%s \"%s\" is absolute", what, neap_archive_shown(name, text));
	for (const char *at = name; *at;) {
		size_t size = strcspn(at, "/");
		const char *component = at;

		at += size;
		at += *at == '/';
		if (!size || (size == 1 && component[0] == '.'))
			continue;
		if (size == 2 && component[0] == '.' && component[1] == '.')
			return neap_error_set(err, "%s \"%s\" holds \"..\"", what,
					      neap_archive_shown(name, text));
		if (size > COMPONENT_LIMIT || ++depth > DEPTH_LIMIT)
			return neap_error_set(err, "%s \"%s\" %s", what, neap_archive_shown(name, text),
					      size > COMPONENT_LIMIT ? "has a part of more than 255 bytes"
								     : "lies more than 256 directories deep");
		if (ret->len)
			neap_buf_putc(ret, '/');
		neap_buf_append(ret, component, size);
	}
	return 0;
}

static int take_target(struct neap_archive *archive, const char *target, struct neap_error **err)
{
	char text[NEAP_ARCHIVE_SHOWN];
	size_t len = target ? strlen(target) : 0;

	archive->names += len;
	if (!len || len > NAME_LIMIT || archive->names > NEAP_ARCHIVE_NAMES)
		return neap_error_set(err, "the target of its link \"%s\" is %s",
				      neap_archive_shown(archive->name.data, text),
				      len ? "too long" : "empty");
	archive->target.len = 0;
	neap_buf_append(&archive->target, target, len);
	return 0;
}

static enum neap_member_kind kind_of(struct archive_entry *entry)
{
	if (lib.archive_entry_hardlink(entry))
		return NEAP_MEMBER_HARD;
	switch (lib.archive_entry_filetype(entry)) {
	case AE_IFREG:
		return NEAP_MEMBER_FILE;
	case AE_IFDIR:
		return NEAP_MEMBER_DIRECTORY;
	case AE_IFLNK:
		return NEAP_MEMBER_LINK;
	default:
		return NEAP_MEMBER_OTHER;
	}
}

static int take_size(struct neap_archive *archive, struct neap_error **err)
{
	la_int64_t size = lib.archive_entry_size(archive->entry);
	char text[NEAP_ARCHIVE_SHOWN];

	if (size < 0 || lib.archive_entry_is_encrypted(archive->entry))
		return neap_error_set(err, "its member \"%s\" cannot be read",
				      neap_archive_shown(archive->name.data, text));
	archive->unpacked += (uint64_t)size;
	if (archive->unpacked < (uint64_t)size || explodes(archive, archive->unpacked))
		return bomb(archive, err);
	archive->left = archive->member.size = (uint64_t)size;
	return 0;
}

static int take_member(struct neap_archive *archive, struct neap_error **err)
{
	struct archive_entry *entry = archive->entry;
	const char *name = lib.archive_entry_pathname(entry);
	enum neap_member_kind kind = kind_of(entry);

	if (++archive->count > NEAP_ARCHIVE_MEMBERS)
		return neap_error_set(err, "it has more than %d members", NEAP_ARCHIVE_MEMBERS);
	if (!name || !*name)
		return neap_error_set(err, "it has a member without a name");
	if (take_name(archive, name, "its member", &archive->name, err) < 0)
		return -1;
	archive->left = 0;
	archive->target.len = 0;
	archive->member = (struct neap_member){
		.name = { archive->name.data, archive->name.len },
		.kind = kind,
		.mode = lib.archive_entry_mode(entry) & 07777,
	};
	if (kind == NEAP_MEMBER_FILE && take_size(archive, err) < 0)
		return -1;
	if (kind == NEAP_MEMBER_HARD && take_name(archive, lib.archive_entry_hardlink(entry),
						  "the target of a hard link,", &archive->target, err) < 0)
		return -1;
	if (kind == NEAP_MEMBER_LINK && take_target(archive, lib.archive_entry_symlink(entry), err) < 0)
		return -1;
	archive->member.target = (struct neap_str){ archive->target.data, archive->target.len };
	return 0;
}

static int cut_off(struct neap_error **err, const char *what)
{
	neap_error_set(err, "%s", what);
	return neap_error_hint(err, AGAIN);
}

static uint32_t little_endian(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* The one check sum that libarchive does not look at. It and the number of bytes end each part of a gzip
 * file; of several parts those of the last one say nothing of all, and then the numbers differ. */
static bool gzip_fits(const struct neap_archive *archive)
{
	return !archive->gzip || little_endian(archive->tail + 4) != (uint32_t)archive->raw ||
	       little_endian(archive->tail) == (uint32_t)archive->crc;
}

/* After the last member: a tar that was cut between two members lacks its end mark, and check sums come last.
 */
static int check_end(struct neap_archive *archive, struct neap_error **err)
{
	uint64_t end = (uint64_t)lib.archive_read_header_position(archive->inner);
	const void *block;
	ssize_t got;
	size_t size;
	int r;

	while ((r = next_block(archive, &block, &size)) > 0)
		;
	if (r < 0)
		return broken(archive, archive->outer, err);
	if (archive->raw < end + 512)
		return cut_off(err, "it is cut off: it lacks the mark that ends a tar");
	/* The compression may end before the input does. */
	while ((got = take_input(archive, err)) > 0)
		;
	if (got < 0)
		return -1;
	return gzip_fits(archive) ? 0 : cut_off(err, "it is damaged: the check sum of gzip does not fit");
}

static int next_member(struct neap_archive *archive, const struct neap_member **ret, struct neap_error **err)
{
	int r = lib.archive_read_next_header2(archive->inner, archive->entry);
	const char *why = lib.archive_error_string(archive->inner);

	*ret = NULL;
	if (r == ARCHIVE_EOF)
		return check_end(archive, err);
	/* The one warning that is no damage: a name that is not ASCII. */
	if (r != ARCHIVE_OK && !(r == ARCHIVE_WARN && why && strstr(why, "can't be converted")))
		return broken(archive, archive->inner, err);
	if (take_member(archive, err) < 0)
		return -1;
	*ret = &archive->member;
	return 0;
}

int neap_archive_next(struct neap_archive *archive, const struct neap_member **ret, struct neap_error **err)
{
	locale_t before = uselocale(c_locale);
	int r = next_member(archive, ret, err);

	uselocale(before);
	return r;
}

ssize_t neap_archive_read(struct neap_archive *archive, void *bytes, size_t size, struct neap_error **err)
{
	la_ssize_t got;
	char text[NEAP_ARCHIVE_SHOWN];

	if (size > archive->left)
		size = (size_t)archive->left;
	if (!size)
		return 0;
	got = lib.archive_read_data(archive->inner, bytes, size);
	if (got < 0) {
		broken(archive, archive->inner, err);
		return neap_error_prefix(err, "member \"%s\"", neap_archive_shown(archive->name.data, text));
	}
	if (!got && !lib.archive_entry_sparse_count(archive->entry))
		return neap_error_set(err, "it is cut off in its member \"%s\"",
				      neap_archive_shown(archive->name.data, text));
	if (!got) { /* the hole that a sparse file ends with */
		memset(bytes, 0, size);
		got = (la_ssize_t)size;
	}
	archive->left -= (uint64_t)got;
	return got;
}
