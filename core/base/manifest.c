/*
 * See manifest.h. Knows nothing of what of an archive is wanted, nor where it goes.
 */
#include "base/manifest.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"

#define MAGIC "neap manifest 1\n"
#define CHUNK ((size_t)256 << 10)

/* ---- making -------------------------------------------------------------------------------------------- */

struct making {
	struct neap_archive *archive;
	struct neap_arena *arena;
	NEAP_VEC(struct neap_manifest_entry) entries;
	struct neap_map names; /* -> number of the entry + 1 */
	char *chunk;
};

static const char *kind_name(enum neap_member_kind kind)
{
	switch (kind) {
	case NEAP_MEMBER_FILE:
	case NEAP_MEMBER_HARD:
		return "a file";
	case NEAP_MEMBER_DIRECTORY:
		return "a directory";
	case NEAP_MEMBER_LINK:
		return "a link";
	case NEAP_MEMBER_OTHER:
		break;
	}
	return "a device, fifo or socket";
}

static int digest_member(struct making *making, struct neap_manifest_entry *entry, struct neap_error **err)
{
	struct neap_digest_state *state = neap_digest_begin();
	ssize_t got;

	while ((got = neap_archive_read(making->archive, making->chunk, CHUNK, err)) > 0)
		neap_digest_update(state, making->chunk, (size_t)got);
	neap_digest_end(state, entry->digest);
	return got < 0 ? -1 : 0;
}

/* A hard link is another name for bytes that came before. */
static int follow_hard(struct making *making, const struct neap_member *member,
		       struct neap_manifest_entry *entry, struct neap_error **err)
{
	uintptr_t found = (uintptr_t)neap_map_get(&making->names, member->target);
	struct neap_manifest_entry *of = found ? &making->entries.items[found - 1] : NULL;
	char name[NEAP_ARCHIVE_SHOWN], target[NEAP_ARCHIVE_SHOWN];

	if (!of || of->kind != NEAP_MEMBER_FILE)
		return neap_error_set(err, "its hard link \"%s\" is to \"%s\", which is no file before it",
				      neap_archive_shown(member->name.data, name),
				      neap_archive_shown(member->target.data, target));
	of->shared = true;
	*entry = *of;
	return 0;
}

static int describe(struct making *making, const struct neap_member *member, uint32_t ordinal,
		    struct neap_manifest_entry *ret, struct neap_error **err)
{
	*ret = (struct neap_manifest_entry){ .kind = member->kind, .mode = member->mode };
	switch (member->kind) {
	case NEAP_MEMBER_FILE:
		ret->size = member->size;
		ret->ordinal = ordinal;
		return digest_member(making, ret, err);
	case NEAP_MEMBER_HARD:
		return follow_hard(making, member, ret, err);
	case NEAP_MEMBER_LINK:
		ret->target = neap_arena_copy(making->arena, member->target.data, member->target.len);
		return 0;
	case NEAP_MEMBER_DIRECTORY:
	case NEAP_MEMBER_OTHER:
		break;
	}
	return 0;
}

static int add(struct making *making, const struct neap_member *member, uint32_t ordinal,
	       struct neap_error **err)
{
	uintptr_t found = (uintptr_t)neap_map_get(&making->names, member->name);
	struct neap_manifest_entry entry, *before;
	char name[NEAP_ARCHIVE_SHOWN];

	if (!member->name.len) {
		if (member->kind == NEAP_MEMBER_DIRECTORY)
			return 0;
		return neap_error_set(err, "its member \".\" is %s", kind_name(member->kind));
	}
	if (describe(making, member, ordinal, &entry, err) < 0)
		return -1;
	if (!found) {
		entry.name.data = neap_arena_copy(making->arena, member->name.data, member->name.len);
		entry.name.len = member->name.len;
		neap_vec_push(&making->entries, entry);
		neap_map_put(&making->names, entry.name, (void *)(uintptr_t)making->entries.count);
		return 0;
	}
	before = &making->entries.items[found - 1];
	if (before->kind != entry.kind)
		return neap_error_set(err, "its member \"%s\" is there twice, as %s and as %s",
				      neap_archive_shown(member->name.data, name), kind_name(before->kind),
				      kind_name(entry.kind));
	entry.name = before->name;
	*before = entry;
	return 0;
}

int neap_manifest_make(struct neap_archive *archive, struct neap_arena *arena, struct neap_manifest *ret,
		       struct neap_error **err)
{
	struct making making = { .archive = archive, .arena = arena, .chunk = neap_alloc(CHUNK) };
	const struct neap_member *member;
	uint32_t ordinal = 0;
	int r;

	while ((r = neap_archive_next(archive, &member, err)) == 0 && member)
		if ((r = add(&making, member, ordinal++, err)) < 0)
			break;
	if (r == 0) {
		ret->count = making.entries.count;
		ret->entries = neap_arena_array_of(arena, struct neap_manifest_entry, ret->count);
		if (ret->count)
			memcpy(ret->entries, making.entries.items, ret->count * sizeof *ret->entries);
	}
	neap_vec_done(&making.entries);
	neap_map_done(&making.names);
	free(making.chunk);
	return r;
}

/* ---- keeping ------------------------------------------------------------------------------------------- */

static void put_number(struct neap_buf *buf, uint64_t number)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	neap_buf_append(buf, bytes, sizeof bytes);
}

static void put_text(struct neap_buf *buf, const char *text, size_t len)
{
	put_number(buf, len);
	neap_buf_append(buf, text, len);
}

void neap_manifest_encode(const struct neap_manifest *manifest, struct neap_buf *ret)
{
	uint8_t digest[NEAP_DIGEST_SIZE];
	size_t start = ret->len;

	neap_buf_puts(ret, MAGIC);
	put_number(ret, manifest->count);
	for (size_t i = 0; i < manifest->count; i++) {
		const struct neap_manifest_entry *entry = &manifest->entries[i];

		put_number(ret, (uint64_t)entry->kind << 32 | (uint64_t)entry->shared << 16 | entry->mode);
		put_text(ret, entry->name.data, entry->name.len);
		if (entry->kind == NEAP_MEMBER_LINK)
			put_text(ret, entry->target, strlen(entry->target));
		if (entry->kind != NEAP_MEMBER_FILE)
			continue;
		put_number(ret, entry->ordinal);
		put_number(ret, entry->size);
		neap_buf_append(ret, entry->digest, sizeof entry->digest);
	}
	neap_digest(ret->data + start, ret->len - start, digest);
	neap_buf_append(ret, digest, sizeof digest);
}

static bool take_number(struct neap_str *data, uint64_t *ret)
{
	if (data->len < 8)
		return false;
	*ret = 0;
	for (unsigned i = 0; i < 8; i++)
		*ret |= (uint64_t)(uint8_t)data->data[i] << (8 * i);
	data->data += 8;
	data->len -= 8;
	return true;
}

static bool take_text(struct neap_str *data, struct neap_arena *arena, struct neap_str *ret)
{
	uint64_t len;

	if (!take_number(data, &len) || !len || len > data->len || memchr(data->data, '\0', len))
		return false;
	*ret = (struct neap_str){ neap_arena_copy(arena, data->data, len), len };
	data->data += len;
	data->len -= len;
	return true;
}

static bool take_entry(struct neap_str *data, struct neap_arena *arena, struct neap_manifest_entry *ret)
{
	uint64_t head, ordinal, size;
	struct neap_str target;

	if (!take_number(data, &head) || !take_text(data, arena, &ret->name))
		return false;
	ret->kind = (enum neap_member_kind)(head >> 32);
	ret->mode = head & 07777;
	ret->shared = (head >> 16) & 1;
	switch (ret->kind) {
	case NEAP_MEMBER_LINK:
		if (!take_text(data, arena, &target))
			return false;
		ret->target = target.data;
		return true;
	case NEAP_MEMBER_FILE:
		if (!take_number(data, &ordinal) || !take_number(data, &size) ||
		    ordinal >= NEAP_ARCHIVE_MEMBERS || data->len < sizeof ret->digest)
			return false;
		ret->ordinal = (uint32_t)ordinal;
		ret->size = size;
		memcpy(ret->digest, data->data, sizeof ret->digest);
		data->data += sizeof ret->digest;
		data->len -= sizeof ret->digest;
		return true;
	case NEAP_MEMBER_DIRECTORY:
	case NEAP_MEMBER_OTHER:
		return true;
	case NEAP_MEMBER_HARD:
		break;
	}
	return false;
}

bool neap_manifest_decode(struct neap_str data, struct neap_arena *arena, struct neap_manifest *ret)
{
	struct neap_manifest manifest = { 0 };
	uint8_t digest[NEAP_DIGEST_SIZE];
	uint64_t count;

	if (data.len < strlen(MAGIC) + sizeof digest || memcmp(data.data, MAGIC, strlen(MAGIC)) != 0)
		return false;
	data.len -= sizeof digest;
	neap_digest(data.data, data.len, digest);
	if (memcmp(digest, data.data + data.len, sizeof digest) != 0)
		return false;
	data.data += strlen(MAGIC);
	data.len -= strlen(MAGIC);
	if (!take_number(&data, &count) || count > NEAP_ARCHIVE_MEMBERS)
		return false;
	manifest.entries = neap_arena_array_of(arena, struct neap_manifest_entry, count);
	for (; manifest.count < count; manifest.count++)
		if (!take_entry(&data, arena, &manifest.entries[manifest.count]))
			return false;
	if (data.len)
		return false;
	*ret = manifest;
	return true;
}
