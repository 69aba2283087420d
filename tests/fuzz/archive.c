/* Archives: whatever is understood has names that stay below where they are unpacked, fits its bounds, can be
 * kept and read again, and is the same however its bytes come. */
#include "base/members.h"
#include "tests/fuzz/fuzz.h"

struct bytes {
	const uint8_t *data;
	size_t left, step;
};

static ssize_t read_bytes(void *ctx, void *bytes, size_t size, struct neap_error **err)
{
	struct bytes *from = ctx;
	(void)err;

	size = size > from->step ? from->step : size;
	size = size > from->left ? from->left : size;
	memcpy(bytes, from->data, size);
	from->data += size;
	from->left -= size;
	return (ssize_t)size;
}

static int understand(const uint8_t *data, size_t size, size_t step, struct neap_arena *arena,
		      struct neap_manifest *ret, struct neap_error **err)
{
	struct bytes bytes = { data, size, step };
	const struct neap_archive_input input = { &bytes, size, read_bytes };
	struct neap_archive *archive;
	int r;

	if (neap_archive_open(&input, &archive, err) < 0)
		return -1;
	r = neap_manifest_make(archive, arena, ret, err);
	neap_archive_close(archive);
	return r;
}

static bool stays(struct neap_str name)
{
	bool good = name.len && name.len <= 4095 && name.data[0] != '/' && !name.data[name.len];

	for (size_t at = 0; good && at < name.len;) {
		const char *slash = memchr(name.data + at, '/', name.len - at);
		size_t len = slash ? (size_t)(slash - name.data) - at : name.len - at;
		const char *component = name.data + at;

		good = len && len <= 255 && !(len == 1 && component[0] == '.') &&
		       !(len == 2 && component[0] == '.' && component[1] == '.');
		at += len + 1;
	}
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL, *other NEAP_AUTO_ERROR = NULL;
	const struct neap_members_rule rule = { .strip = size & 1 };
	NEAP_AUTO_BUF struct neap_buf kept = { 0 }, kept_again = { 0 };
	struct neap_manifest manifest, again;
	struct neap_wanted_member *wanted;
	size_t count;

	if (understand(data, size, SIZE_MAX, arena, &manifest, &err) < 0) {
		HOLDS(err && err->message[0]);
		return 0;
	}
	HOLDS(manifest.count <= NEAP_ARCHIVE_MEMBERS);
	for (size_t i = 0; i < manifest.count; i++)
		HOLDS(stays(manifest.entries[i].name));
	neap_manifest_encode(&manifest, &kept);
	HOLDS(neap_manifest_decode((struct neap_str){ kept.data, kept.len }, arena, &again));
	HOLDS(understand(data, size, 13, arena, &again, NULL) == 0);
	neap_manifest_encode(&again, &kept_again);
	HOLDS(kept.len == kept_again.len && memcmp(kept.data, kept_again.data, kept.len) == 0);
	if (neap_members_choose(&manifest, &rule, arena, &wanted, &count, &other) < 0) {
		HOLDS(other && other->message[0]);
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		HOLDS(stays(wanted[i].name));
	return 0;
}
