/* Archives as bytes: what is read of honest ones, and what is refused; manifests, patterns, choosing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/members.h"
#include "tar_maker.h"

/* ---- reading from memory ------------------------------------------------------------------------------- */

struct bytes {
	struct neap_archive_input input;
	const char *data;
	size_t left, step;
};

static ssize_t read_bytes(void *ctx, void *bytes, size_t size, struct neap_error **err)
{
	struct bytes *from = ctx;

	if (from->step == SIZE_MAX)
		return neap_error_set(err, "the disk is on fire");
	if (from->step && size > from->step)
		size = from->step;
	if (size > from->left)
		size = from->left;
	memcpy(bytes, from->data, size);
	from->data += size;
	from->left -= size;
	return (ssize_t)size;
}

/* `step`: at most so many bytes at a time, 0: as asked; SIZE_MAX: fails. */
static int make(const struct neap_buf *tar, size_t step, struct neap_arena *arena, struct neap_manifest *ret,
		struct neap_error **err)
{
	struct bytes bytes = { .data = tar->data, .left = tar->len, .step = step };
	struct neap_archive *archive;
	int r;

	bytes.input = (struct neap_archive_input){ &bytes, tar->len, read_bytes };
	if (neap_archive_open(&bytes.input, &archive, err) < 0)
		return -1;
	r = neap_manifest_make(archive, arena, ret, err);
	neap_archive_close(archive);
	return r;
}

static const char *quoted_digest(const struct neap_manifest_entry *entry, const char *bytes)
{
	uint8_t digest[NEAP_DIGEST_SIZE];

	neap_digest(bytes, strlen(bytes), digest);
	return memcmp(digest, entry->digest, sizeof digest) == 0 ? "as written" : "OTHER";
}

/* "f name 0644 5\n" for each; d, l name > target, o. */
static const char *dump(const struct neap_manifest *manifest, struct neap_arena *arena)
{
	NEAP_AUTO_BUF struct neap_buf out = { 0 };

	for (size_t i = 0; i < manifest->count; i++) {
		const struct neap_manifest_entry *entry = &manifest->entries[i];

		neap_buf_printf(&out, "%c %s", "fdlho"[entry->kind], entry -> name.data);
		if (entry->kind == NEAP_MEMBER_LINK)
			neap_buf_printf(&out, " > %s\n", entry->target);
		else if (entry->kind == NEAP_MEMBER_FILE)
			neap_buf_printf(&out, " %04o %llu #%u%s\n", entry->mode,
					(unsigned long long)entry->size, entry->ordinal,
					entry->shared ? " shared" : "");
		else
			neap_buf_printf(&out, " %04o\n", entry->mode);
	}
	return neap_arena_copy(arena, out.data ? out.data : "", out.len);
}

/* The manifest as text, or the error. */
static const char *read_of(struct neap_buf *tar, size_t step, struct neap_arena *arena)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_manifest manifest;

	if (make(tar, step, arena, &manifest, &err) < 0)
		return neap_arena_strdup(arena, err->message);
	return dump(&manifest, arena);
}

/* ---- honest archives ----------------------------------------------------------------------------------- */

static void honest(struct neap_buf *tar)
{
	tar_directory(tar, "./", 0700);
	tar_directory(tar, "./top/", 0755);
	tar_file(tar, "./top//a", 0644, "alpha");
	tar_file(tar, "top/./b", 04755, "");
	tar_link(tar, "top/l", "a");
	tar_hard(tar, "top/h", "./top/a");
	tar_header(tar, &(struct tar_header){ .name = "top/fifo", .type = '6' });
}

static const char honest_says[] = "d top 0755\n"
				  "f top/a 0644 5 #2 shared\n"
				  "f top/b 4755 0 #3\n"
				  "l top/l > a\n"
				  "f top/h 0644 5 #2 shared\n"
				  "o top/fifo 0644\n";

static void archive__names_kinds_modes_and_bytes_are_read(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 };
	struct neap_manifest manifest;
	(void)state;

	honest(&tar);
	tar_end(&tar);
	assert_int_equal(make(&tar, 0, arena, &manifest, NULL), 0);
	assert_string_equal(dump(&manifest, arena), honest_says);
	assert_string_equal(quoted_digest(&manifest.entries[1], "alpha"), "as written");
	assert_string_equal(quoted_digest(&manifest.entries[2], ""), "as written");
	assert_string_equal(quoted_digest(&manifest.entries[4], "alpha"), "as written");
}

static void archive__how_its_bytes_come_does_not_matter(void **state)
{
	static const size_t steps[] = { 1, 7, 511, 513 };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 };
	(void)state;

	honest(&tar);
	tar_end(&tar);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(read_of(&tar, steps[i], arena), honest_says);
	assert_string_equal(read_of(&tar, SIZE_MAX, arena), "the disk is on fire");
}

static void archive__names_are_bytes(void **state)
{
	static const char *const names[] = { "e\xcc\x81-decomposed", "latin\xe9", "comp\xc3\xa9",
					     "new\nline" };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	for (size_t i = 0; i < 8; i++) {
		NEAP_AUTO_BUF struct neap_buf tar = { 0 };
		const char *name = names[i % 4];

		if (i < 4)
			tar_pax(&tar, "path", name);
		tar_file(&tar, i < 4 ? "other" : name, 0644, "x");
		tar_end(&tar);
		assert_string_equal(read_of(&tar, 0, arena),
				    neap_arena_printf(arena, "f %s 0644 1 #0\n", name));
	}
}

static void archive__long_names_are_read(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 }, name = { 0 };
	(void)state;

	for (unsigned i = 0; i < 20; i++)
		neap_buf_printf(
			&name, "%s%.200s", i ? "/" : "",
			"12345678901234567890123456789012345678901234567890123456789012345678901234567890"
			"12345678901234567890123456789012345678901234567890123456789012345678901234567890"
			"1234567890123456789012345678901234567890");
	tar_pax(&tar, "path", name.data);
	tar_file(&tar, "other", 0644, "x");
	tar_end(&tar);
	assert_string_equal(read_of(&tar, 0, arena), neap_arena_printf(arena, "f %s 0644 1 #0\n", name.data));
}

static void archive__the_last_of_two_with_one_name_counts(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 };
	(void)state;

	tar_file(&tar, "a", 0600, "first");
	tar_hard(&tar, "h", "a");
	tar_file(&tar, "b", 0644, "");
	tar_file(&tar, "a", 0644, "second one");
	tar_end(&tar);
	assert_string_equal(read_of(&tar, 0, arena), "f a 0644 10 #3\n"
						     "f h 0600 5 #0 shared\n"
						     "f b 0644 0 #2\n");
}

/* ---- refused ------------------------------------------------------------------------------------------- */

struct hostile {
	struct tar_header header;
	const char *says; /* contains */
};

static void assert_says(const char *is, const char *part)
{
	if (!strstr(is, part))
		fail_msg("\"%s\" does not say \"%s\"", is, part);
}

static void archive__hostile_members_are_refused_by_name(void **state)
{
	static const struct hostile cells[] = {
		{ { "../x", '0' }, "its member \"../x\" holds \"..\"" },
		{ { "a/../../x", '0' }, "its member \"a/../../x\" holds \"..\"" },
		{ { "a/..", '5' }, "holds \"..\"" },
		{ { "/etc/passwd", '0' }, "its member \"/etc/passwd\" is absolute" },
		{ { "h", '1', .link = "/etc/passwd" },
		  "the target of a hard link, \"/etc/passwd\" is absolute" },
		{ { "h", '1', .link = "../../etc/passwd" }, "holds \"..\"" },
		{ { "h", '1', .link = "nothing" },
		  "hard link \"h\" is to \"nothing\", which is no file before it" },
		{ { "h", '1', .link = "directory" }, "which is no file before it" },
		{ { "h", '1', .link = "h" }, "which is no file before it" },
		{ { "l", '2', .link = "" }, "the target of its link \"l\" is empty" },
		{ { "", '0' }, "a member without a name" },
		{ { ".", '0' }, "its member \".\" is a file" },
		{ { "directory", '0' },
		  "its member \"directory\" is there twice, as a directory and as a file" },
		{ { "file", '5' }, "is there twice, as a file and as a directory" },
		{ { "file", '2', .link = "/etc" }, "is there twice, as a file and as a link" },
		{ { "huge", '0', .size = UINT64_C(1) << 62 }, "it unpacks to more than 1000 times its size" },
		{ { "large", '0', .size = UINT64_C(2) << 30 },
		  "it unpacks to more than 1000 times its size" },
	};
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		NEAP_AUTO_BUF struct neap_buf tar = { 0 };

		tar_directory(&tar, "directory", 0);
		tar_file(&tar, "file", 0, "x");
		tar_header(&tar, &cells[i].header);
		tar_end(&tar);
		assert_says(read_of(&tar, 0, arena), cells[i].says);
	}
}

static void archive__names_beyond_the_bounds_are_refused(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf component = { 0 }, deep = { 0 }, longer = { 0 };
	const char *names[3],
		*says[3] = { "part of more than 255 bytes", "256 directories deep", "4095 bytes" };
	(void)state;

	for (unsigned i = 0; i < 256; i++)
		neap_buf_putc(&component, 'a');
	for (unsigned i = 0; i < 257; i++)
		neap_buf_puts(&deep, i ? "/d" : "d");
	for (unsigned i = 0; i < 42; i++)
		neap_buf_printf(&longer, "%s%.99s", i ? "/" : "", component.data);
	names[0] = component.data;
	names[1] = deep.data;
	names[2] = longer.data;
	for (unsigned i = 0; i < 3; i++) {
		NEAP_AUTO_BUF struct neap_buf tar = { 0 };

		tar_pax(&tar, "path", names[i]);
		tar_file(&tar, "other", 0644, "x");
		tar_end(&tar);
		assert_says(read_of(&tar, 0, arena), says[i]);
	}
}

static void archive__one_that_is_cut_off_is_refused(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 };
	size_t end;
	(void)state;

	honest(&tar);
	tar_file(&tar, "last", 0644, "with some bytes of its own");
	end = tar.len;
	tar_end(&tar);
	for (tar.len = end - 1; tar.len > 512; tar.len -= 256 + 1)
		assert_says(read_of(&tar, 0, arena), "it is cut off");
	/* Between two members nothing is missing but the mark of the end. */
	for (tar.len = end; tar.len > end - 2048; tar.len -= 512)
		assert_says(read_of(&tar, 0, arena), "it is cut off");
	tar.len = end + 512;
	assert_non_null(strstr(read_of(&tar, 0, arena), "f last 0644 26"));
}

static void archive__what_is_no_tar_is_refused(void **state)
{
	static const struct neap_str cells[] = { NEAP_STR("hello"),
						 NEAP_STR("PK\003\004 and so on"),
						 { "", 0 },
						 NEAP_STR("\x1f\x8b\x08 no gzip"),
						 NEAP_STR("\xfd"
							  "7zXZ\0\0"),
						 NEAP_STR("\x28\xb5\x2f\xfd") };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 };
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const char *says;

		tar.len = 0;
		neap_buf_append(&tar, cells[i].data, cells[i].len);
		says = read_of(&tar, 0, arena);
		assert_true(strstr(says, "it is no tar archive") || strstr(says, "cut off or damaged"));
	}
	honest(&tar);
	tar.data[0x60] ^= 1; /* of the first header's name */
	assert_true(strstr(read_of(&tar, 0, arena), "it is no tar archive") ||
		    strstr(read_of(&tar, 0, arena), "damaged"));
}

static void archive__headers_without_end_are_refused(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 };
	(void)state;

	for (unsigned i = 0; i < 20000; i++)
		tar_pax(&tar, "comment", "x");
	tar_file(&tar, "a", 0644, "x");
	tar_end(&tar);
	assert_says(read_of(&tar, 0, arena), "damaged");
}

/* ---- manifests ----------------------------------------------------------------------------------------- */

static void manifest__is_the_same_when_it_was_kept(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 }, kept = { 0 };
	struct neap_manifest manifest, again;
	(void)state;

	honest(&tar);
	tar_end(&tar);
	assert_int_equal(make(&tar, 0, arena, &manifest, NULL), 0);
	neap_manifest_encode(&manifest, &kept);
	assert_true(neap_manifest_decode((struct neap_str){ kept.data, kept.len }, arena, &again));
	assert_string_equal(dump(&again, arena), honest_says);
	for (size_t i = 0; i < again.count; i++)
		assert_memory_equal(again.entries[i].digest, manifest.entries[i].digest, NEAP_DIGEST_SIZE);
}

static void manifest__that_is_torn_or_changed_is_none(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 }, kept = { 0 };
	struct neap_manifest manifest;
	(void)state;

	honest(&tar);
	tar_end(&tar);
	assert_int_equal(make(&tar, 0, arena, &manifest, NULL), 0);
	neap_manifest_encode(&manifest, &kept);
	for (size_t i = 0; i < kept.len; i++) {
		assert_false(neap_manifest_decode((struct neap_str){ kept.data, i }, arena, &manifest));
		kept.data[i] ^= 0x40;
		assert_false(
			neap_manifest_decode((struct neap_str){ kept.data, kept.len }, arena, &manifest));
		kept.data[i] ^= 0x40;
	}
}

/* Also behind a good digest: state could come from another version. */
static void manifest__nonsense_with_a_good_digest_is_none(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf tar = { 0 }, kept = { 0 };
	struct neap_manifest manifest;
	(void)state;

	honest(&tar);
	tar_end(&tar);
	assert_int_equal(make(&tar, 0, arena, &manifest, NULL), 0);
	neap_manifest_encode(&manifest, &kept);
	size_t len = kept.len - NEAP_DIGEST_SIZE;
	for (size_t i = 16; i < len; i++) {
		char before = kept.data[i];

		kept.data[i] = (char)0xff;
		neap_digest(kept.data, len, (uint8_t *)kept.data + len);
		/* Names and digests may be anything; nothing is read beyond the end. */
		neap_manifest_decode((struct neap_str){ kept.data, kept.len }, arena, &manifest);
		kept.data[i] = before;
	}
}

/* ---- patterns ------------------------------------------------------------------------------------------ */

static void glob__cells(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool covers;
	} cells[] = {
		{ "a", "a", true },
		{ "a", "b", false },
		{ "a", "ab", false },
		{ "a", "a/b/c", true },
		{ "a/b", "a", false },
		{ "*", "a", true },
		{ "*", "a/b", true }, /* by its directory */
		{ "*.c", "x.c", true },
		{ "*.c", "d/x.c", false },
		{ "*/x.c", "d/x.c", true },
		{ "*/x.c", "d/e/x.c", false },
		{ "**/x.c", "d/e/x.c", true },
		{ "**.c", "d/e/x.c", true },
		{ "a**c", "a/b/c", true },
		{ "a**c", "ac", true },
		{ "a*c", "a/c", false },
		{ "?", "/", false },
		{ "a?c", "abc", true },
		{ "a?c", "a/c", false },
		{ "[a-c]x", "bx", true },
		{ "[a-c]x", "dx", false },
		{ "[!a-c]x", "dx", true },
		{ "a[!b]c", "a/c", false },
		{ "[]x]", "]", true },
		{ "[a-]", "-", true },
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "[\\]]", "]", true },
		{ "*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  false },
		{ "top/*", "top", false },
		{ "\xc3\xa9*", "\xc3\xa9t\xc3\xa9", true },
	};
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const struct neap_glob *glob;

		assert_int_equal(neap_glob_new(cells[i].pattern, arena, &glob, NULL), 0);
		if (neap_glob_covers(glob, neap_str(cells[i].name)) != cells[i].covers)
			fail_msg("%s %s %s", cells[i].pattern, cells[i].covers ? "does not cover" : "covers",
				 cells[i].name);
	}
}

static void glob__wrong_patterns_are_refused(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	static const char *const cells[][2] = { { "", "a pattern is empty" },
						{ "a[b", "the pattern \"a[b\" has a [ without its ]" },
						{ "a\\", "the pattern \"a\\\" ends in a single \\" } };
	char longer[NEAP_GLOB_MAX + 2];
	(void)state;

	for (size_t i = 0; i < 4; i++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		const struct neap_glob *glob;

		memset(longer, 'a', sizeof longer - 1);
		longer[sizeof longer - 1] = '\0';
		assert_int_equal(neap_glob_new(i < 3 ? cells[i][0] : longer, arena, &glob, &err), -1);
		assert_string_equal(err->message,
				    i < 3 ? cells[i][1]
					  : "a pattern of 1025 bytes is too long: 1024 are the most");
	}
}

/* ---- choosing ------------------------------------------------------------------------------------------ */

struct choice {
	const char *members; /* words: "d:name", "f:name", "l:name>target", "o:name" */
	const char *names[4], *include[4], *exclude[4];
	unsigned strip;
	const char
		*says; /* names chosen, a "*" before those that the archive does not speak of; or the error */
};

static const char *choose(const struct choice *choice, struct neap_arena *arena)
{
	struct neap_manifest manifest = { neap_arena_array_of(arena, struct neap_manifest_entry, 50), 0 };
	const struct neap_glob *include[5] = { 0 }, *exclude[5] = { 0 };
	struct neap_members_rule rule = { choice->names, include, exclude, choice->strip };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	NEAP_AUTO_BUF struct neap_buf out = { 0 };
	char *words = neap_arena_strdup(arena, choice->members), *word;
	struct neap_wanted_member *wanted;
	size_t count;

	while ((word = strsep(&words, " "))) {
		struct neap_manifest_entry *entry = &manifest.entries[manifest.count++];
		char *target = strchr(word, '>');

		if (target)
			*target++ = '\0';
		entry->name = neap_str(word + 2);
		entry->target = target;
		entry->kind = word[0] == 'd'   ? NEAP_MEMBER_DIRECTORY
			      : word[0] == 'l' ? NEAP_MEMBER_LINK
			      : word[0] == 'o' ? NEAP_MEMBER_OTHER
					       : NEAP_MEMBER_FILE;
	}
	for (size_t i = 0; i < 4 && choice->include[i]; i++)
		assert_int_equal(neap_glob_new(choice->include[i], arena, &include[i], NULL), 0);
	for (size_t i = 0; i < 4 && choice->exclude[i]; i++)
		assert_int_equal(neap_glob_new(choice->exclude[i], arena, &exclude[i], NULL), 0);
	if (neap_members_choose(&manifest, &rule, arena, &wanted, &count, &err) < 0)
		return neap_arena_strdup(arena, err->message);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(wanted[i].name.len, strlen(wanted[i].name.data));
		neap_buf_printf(&out, "%s%s%s", i ? " " : "", wanted[i].entry ? "" : "*",
				wanted[i].name.data);
	}
	return neap_arena_copy(arena, out.data ? out.data : "", out.len);
}

static void members__cells(void **state)
{
	static const struct choice cells[] = {
		{ "f:a f:b", .says = "a b" },
		{ "f:b f:a", .says = "a b" },
		{ "f:a/b/c f:a/x", .says = "*a *a/b a/b/c a/x" },
		{ "f:a/b d:a", .says = "a a/b" },
		{ "f:a-b f:a/b f:ab", .says = "*a a/b a-b ab" },
		{ "f:ab/x f:a/x f:abc/x", .says = "*a a/x *ab ab/x *abc abc/x" },
		{ "f:a f:b f:c", .names = { "b", "./b", "b" }, .says = "b" },
		{ "d:a f:a/b f:c", .names = { "a/" }, .says = "a a/b" },
		{ "f:a/b f:a/c", .names = { "a/c" }, .says = "*a a/c" },
		{ "f:a f:b", .names = { "a", "x" }, .says = "it has no member \"x\"" },
		{ "f:a.c f:a.h f:b", .include = { "*.c", "b" }, .says = "a.c b" },
		{ "f:a.c f:a.h f:b", .names = { "b" }, .include = { "*.h" }, .says = "a.h b" },
		{ "f:a.c f:b", .include = { "*.x" }, .says = "none of its members fits \"*.x\"" },
		{ "f:a.c f:b", .exclude = { "*.c" }, .says = "b" },
		{ "f:a/b f:c", .exclude = { "a", "nothing" }, .says = "c" },
		{ "f:a", .exclude = { "*" }, .says = "none of its members is left to unpack" },
		{ "f:a f:b", .names = { "a" }, .exclude = { "a" },
		  .says = "none of its members is left to unpack" },
		{ "d:t f:t/a d:t/d f:t/d/x", .strip = 1, .says = "a d d/x" },
		{ "d:t f:t/a f:t/d/x", .strip = 2, .says = "x" },
		{ "f:t/a", .strip = 9, .says = "none of its members is left to unpack" },
		{ "f:s/a f:t/a", .strip = 1, .says = "its member \"t/a\" gets the same name as \"s/a\"" },
		{ "d:s/a d:t/a f:t/a/x", .strip = 1, .says = "a a/x" },
		{ "f:s/a d:t/a", .strip = 1, .says = "its member \"t/a\" gets the same name as \"s/a\"" },
		{ "o:dev f:a", .says = "its member \"dev\" is a device, fifo or socket" },
		{ "o:dev f:a", .exclude = { "dev" }, .says = "a" },
		{ "f:a f:a/b", .says = "its member \"a/b\" lies below what is no directory: \"a\"" },
		{ "f:a/b/c f:a", .says = "its member \"a/b/c\" lies below what is no directory: \"a\"" },
		{ "l:a>/tmp f:a/b", .exclude = { "a" }, .says = "none of its members is left to unpack" },
		{ "l:a>d d:d f:a/b", .says = "its member \"a/b\" lies below what is no directory: \"a\"" },
		{ "f:a/b/c l:x/a>y", .strip = 1, .says = "a *b b/c" },
	};
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const char *is = choose(&cells[i], arena);

		if (strcmp(is, cells[i].says) != 0)
			fail_msg("%s\n  is       %s\n  expected %s", cells[i].members, is, cells[i].says);
	}
}

static void members__links_stay_in_the_destination(void **state)
{
#define OUT "leads out of the destination"
	static const struct {
		const char *members, *wrong;
		unsigned strip;
	} cells[] = {
		{ "l:a>b", NULL, 0 },
		{ "l:a>.", NULL, 0 },
		{ "l:d/a>../b", NULL, 0 },
		{ "l:d/a>..", NULL, 0 },
		{ "l:d/a>./..//.", NULL, 0 },
		{ "l:a>b/../c", NULL, 0 },
		{ "l:a>/etc", OUT, 0 },
		{ "l:a>..", OUT, 0 },
		{ "l:a>../x", OUT, 0 },
		{ "l:a>b/../../c", OUT, 0 },
		{ "l:d/a>../../x", OUT, 0 },
		{ "l:t/a>../t/b", NULL, 0 },
		{ "l:t/a>../t/b", OUT, 1 },
		{ "l:t/d/a>../b", NULL, 1 },
		/* By way of others: in is where `up` leads, and from there it goes out. */
		{ "l:a/b/up>../.. l:x/l>../a/b/up/..", OUT, 0 },
		{ "l:a/b/up>../.. l:x/l>../a/b/up/x", NULL, 0 },
		{ "l:p>q/r l:q>s l:s>..", OUT, 0 },
		{ "l:a>b l:b>c l:c>d", NULL, 0 },
		{ "l:a>a", "leads in a circle", 0 },
		{ "l:a>b/x l:b>a/y", "leads in a circle", 0 },
	};
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const struct choice choice = { .members = cells[i].members, .strip = cells[i].strip };
		const char *is = choose(&choice, arena);
		bool refused = strncmp(is, "its link", 8) == 0;

		if (refused != (cells[i].wrong != NULL) || (refused && !strstr(is, cells[i].wrong)))
			fail_msg("%s: %s", cells[i].members, is);
	}
}

/* Links that double at every step, as in a laugh of a billion: bounded. */
static void members__links_of_links_end(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	NEAP_AUTO_BUF struct neap_buf members = { 0 };
	(void)state;

	neap_buf_puts(&members, "l:l0>.");
	for (unsigned i = 0; i < 40; i++)
		neap_buf_printf(&members, " l:l%u>l%u/l%u", i + 1, i, i);
	const struct choice choice = { .members = members.data };
	assert_says(choose(&choice, arena), "leads in a circle");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(archive__names_kinds_modes_and_bytes_are_read),
		cmocka_unit_test(archive__how_its_bytes_come_does_not_matter),
		cmocka_unit_test(archive__names_are_bytes),
		cmocka_unit_test(archive__long_names_are_read),
		cmocka_unit_test(archive__the_last_of_two_with_one_name_counts),
		cmocka_unit_test(archive__hostile_members_are_refused_by_name),
		cmocka_unit_test(archive__names_beyond_the_bounds_are_refused),
		cmocka_unit_test(archive__one_that_is_cut_off_is_refused),
		cmocka_unit_test(archive__what_is_no_tar_is_refused),
		cmocka_unit_test(archive__headers_without_end_are_refused),
		cmocka_unit_test(manifest__is_the_same_when_it_was_kept),
		cmocka_unit_test(manifest__that_is_torn_or_changed_is_none),
		cmocka_unit_test(manifest__nonsense_with_a_good_digest_is_none),
		cmocka_unit_test(glob__cells),
		cmocka_unit_test(glob__wrong_patterns_are_refused),
		cmocka_unit_test(members__cells),
		cmocka_unit_test(members__links_stay_in_the_destination),
		cmocka_unit_test(members__links_of_links_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
