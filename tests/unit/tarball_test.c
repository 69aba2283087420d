/* neap.tarball on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "type_driver.h"

#include <errno.h>

#include "base/manifest.h"
#include "tar_maker.h"

#define REG NEAP_FILE_REGULAR
#define DIR NEAP_FILE_DIRECTORY
#define LNK NEAP_FILE_LINK
#define OTHER NEAP_FILE_OTHER
#define P "path", "/t/x"
#define S "source", "plain"

/* ---- archives ------------------------------------------------------------------------------------------ */

static struct neap_buf archives[5];

static void make_archives(void)
{
	struct neap_buf *plain = &archives[0], *hostile = &archives[1], *cut = &archives[2],
			*outer = &archives[3];
	struct neap_buf *special = &archives[4];

	tar_directory(plain, "./", 0700);
	tar_directory(plain, "bin/", 0755);
	tar_file(plain, "bin/app", 0755, "program");
	tar_file(plain, "doc/read", 0664, "text");
	tar_link(plain, "bin/l", "app");
	tar_hard(plain, "doc/same", "bin/app");
	tar_end(plain);

	tar_file(hostile, "fine", 0644, "x");
	tar_file(hostile, "../../etc/passwd", 0644, "x");
	tar_end(hostile);

	neap_buf_append(cut, plain->data, plain->len - 1024);

	tar_file(outer, "doc/first", 0644, "not wanted");
	tar_header(outer, &(struct tar_header){ .name = "in.tar", .type = '0', .size = plain->len });
	tar_bytes(outer, plain->data, plain->len);
	tar_end(outer);

	tar_directory(special, "closed", 0555);
	tar_file(special, "closed/set", 06777, "s");
	tar_file(special, "closed/none", 010, "n");
	tar_end(special);
}

static struct neap_content content_of(const char *name)
{
	static const char *const names[] = { "plain", "hostile", "cut", "outer", "special" };

	for (size_t i = 0; i < 5; i++)
		if (strcmp(names[i], name) == 0)
			return (struct neap_content){ .data = archives[i].data, .size = archives[i].len };
	return (struct neap_content){ .data = name, .size = strlen(name) };
}

static int setup(void **state)
{
	(void)state;
	make_archives();
	driver_content = content_of;
	return 0;
}

static int teardown(void **state)
{
	for (size_t i = 0; i < 5; i++)
		neap_buf_done(&archives[i]);
	return driver_teardown(state);
}

#define ALL                                                                                                  \
	"d /t/x 0755 0:0\nd /t/x/bin 0755 0:0\nf /t/x/bin/app 0755 0:0 program\nl /t/x/bin/l app\n"          \
	"d /t/x/doc 0755 0:0\nf /t/x/doc/read 0664 0:0 text\nf /t/x/doc/same 0755 0:0 program\n"
#define UNPACKED                                                                                             \
	{ "/t/x", DIR, 0755, 0, 0, NULL }, { "/t/x/bin", DIR, 0755, 0, 0, NULL },                            \
		{ "/t/x/bin/app", REG, 0755, 0, 0, "program" }, { "/t/x/bin/l", LNK, 0777, 0, 0, "app" },    \
		{ "/t/x/doc/read", REG, 0664, 0, 0, "text" },                                                \
	{                                                                                                    \
		"/t/x/doc/same", REG, 0755, 0, 0, "program"                                                  \
	}

static void tarball__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "absent × all",
		  { { 0 } },
		  { P, S },
		  { 0 },
		  "create ensure=absent->present members=[]->[bin bin/app bin/l doc doc/read doc/same] "
		  "(unpacks 3 files, 18 bytes)",
		  NULL,
		  ALL },
		{ "absent × all, parents missing",
		  { { 0 } },
		  { "path", "/t/a/x", S, "members", "doc/read" },
		  { 0 },
		  "create ensure=absent->present members=[]->[doc doc/read] parents=[]->[/t/a] (makes /t/a; "
		  "unpacks 1 file, 4 bytes)",
		  NULL,
		  "d /t/a 0755 0:0\nd /t/a/x 0755 0:0\nd /t/a/x/doc 0755 0:0\nf /t/a/x/doc/read 0664 0:0 "
		  "text\n" },
		{ "absent × owner, group, mode",
		  { { 0 } },
		  { P, S, "owner", "web", "group", "www", "mode", "0640" },
		  { 0 },
		  "create ensure=absent->present owner=->web group=->www mode=->0640 members=[]->[bin "
		  "bin/app "
		  "bin/l doc doc/read doc/same] (unpacks 3 files, 18 bytes)",
		  NULL,
		  "d /t/x 0750 33:44\nd /t/x/bin 0750 33:44\nf /t/x/bin/app 0640 33:44 program\nl /t/x/bin/l "
		  "app\n"
		  "d /t/x/doc 0750 33:44\nf /t/x/doc/read 0640 33:44 text\nf /t/x/doc/same 0640 33:44 "
		  "program\n" },
		{ "absent × modes of the archive are tamed",
		  { { 0 } },
		  { P, "source", "special" },
		  { 0 },
		  "create ensure=absent->present members=[]->[closed closed/none closed/set] (unpacks 2 "
		  "files, 2 "
		  "bytes)",
		  NULL,
		  "d /t/x 0755 0:0\nd /t/x/closed 0755 0:0\nf /t/x/closed/none 0010 0:0 n\n"
		  "f /t/x/closed/set 0775 0:0 s\n" },
		{ "absent × stripped",
		  { { 0 } },
		  { P, S, "strip_components", "1", "exclude", "bin/l doc/same" },
		  { 0 },
		  "create ensure=absent->present members=[]->[app read] (unpacks 2 files, 11 bytes)",
		  NULL,
		  "d /t/x 0755 0:0\nf /t/x/app 0755 0:0 program\nf /t/x/read 0664 0:0 text\n" },
		{ "absent × nested",
		  { { 0 } },
		  { P, "source", "outer", "nested", "in.tar", "include", "doc" },
		  { 0 },
		  "create ensure=absent->present members=[]->[doc doc/read doc/same] (unpacks 2 files, 11 "
		  "bytes)",
		  NULL,
		  "d /t/x 0755 0:0\nd /t/x/doc 0755 0:0\nf /t/x/doc/read 0664 0:0 text\n"
		  "f /t/x/doc/same 0755 0:0 program\n" },
		{ "absent × absent", { { 0 } }, { P, S, "ensure", "absent" }, { 0 }, "", NULL, NULL },
		{ "absent × unknown owner",
		  { { 0 } },
		  { P, S, "owner", "etcd" },
		  { 0 },
		  NULL,
		  "user etcd does not exist",
		  NULL },

		{ "unpacked × all", { UNPACKED }, { P, S }, { 0 }, "", NULL, NULL },
		{ "unpacked and more × all",
		  { UNPACKED, { "/t/x/bin/more", REG, 0600, 5, 5, "mine" } },
		  { P, S, "owner", "root" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "a byte, a mode, a link, a file for a link and the other way × all",
		  { { "/t/x", DIR, 0711, 5, 5, NULL },
		    { "/t/x/bin", DIR, 0700, 0, 0, NULL },
		    { "/t/x/bin/app", REG, 0755, 7, 7, "prOgram" },
		    { "/t/x/bin/l", REG, 0777, 0, 0, "app" },
		    { "/t/x/doc/read", REG, 0600, 0, 0, "text" },
		    { "/t/x/doc/same", LNK, 0777, 0, 0, "/t/other" },
		    { "/t/other", REG, 0600, 0, 0, "untouched" } },
		  { P, S },
		  { 0 },
		  "update repairs=[]->[bin (mode 0700) bin/app (content) bin/l (is a file) doc/read (mode "
		  "0600) "
		  "doc/same (is a link)] (unpacks 2 files, 14 bytes)",
		  NULL,
		  "f /t/other 0600 0:0 untouched\n"
		  "d /t/x 0711 5:5\nd /t/x/bin 0755 0:0\nf /t/x/bin/app 0755 7:7 program\nl /t/x/bin/l app\n"
		  "d /t/x/doc 0755 0:0\nf /t/x/doc/read 0664 0:0 text\nf /t/x/doc/same 0755 0:0 program\n" },
		{ "other owners × owner",
		  { { "/t/x", DIR, 0755, 5, 5, NULL },
		    { "/t/x/bin", DIR, 0755, 33, 0, NULL },
		    { "/t/x/bin/app", REG, 0700, 5, 0, "program" },
		    { "/t/x/doc/read", REG, 0664, 33, 5, "old" } },
		  { P, S, "owner", "web", "exclude", "bin/l doc/same" },
		  { 0 },
		  "update owner=5->web repairs=[]->[bin/app (mode 0700, owner) doc/read (content)] (unpacks "
		  "1 "
		  "file, 4 bytes)",
		  NULL,
		  "d /t/x 0755 33:5\nd /t/x/bin 0755 33:0\nf /t/x/bin/app 0755 33:0 program\n"
		  "d /t/x/doc 0755 0:0\nf /t/x/doc/read 0664 33:5 text\n" },
		{ "some missing × all",
		  { { "/t/x", DIR, 0755, 0, 0, NULL }, { "/t/x/doc/read", REG, 0664, 0, 0, "text" } },
		  { P, S },
		  { 0 },
		  "update members=[]->[bin bin/app bin/l doc/same] (unpacks 2 files, 14 bytes)",
		  NULL,
		  ALL },
		{ "a directory with its set-group-ID bit × all",
		  { { "/t/x", DIR, 02755, 0, 9, NULL }, { "/t/x/bin", DIR, 02755, 0, 9, NULL } },
		  { P, S, "members", "bin/app" },
		  { 0 },
		  "create ensure=absent->present members=[]->[bin/app] (unpacks 1 file, 7 bytes)",
		  NULL,
		  "d /t/x 2755 0:9\nd /t/x/bin 2755 0:9\nf /t/x/bin/app 0755 0:9 program\n" },

		{ "a link for the destination × all",
		  { { "/t/x", LNK, 0777, 0, 0, "/t/y" }, { "/t/y", DIR, 0755, 0, 0, NULL } },
		  { P, S },
		  { 0 },
		  NULL,
		  "/t/x is a link, where a directory is wanted | nothing is unpacked through a link in the "
		  "destination; remove it, or leave what is behind it out with exclude",
		  NULL },
		{ "a link on the way × all",
		  { { "/t/x/bin", LNK, 0777, 0, 0, "/t/y" }, { "/t/y", DIR, 0755, 0, 0, NULL } },
		  { P, S },
		  { 0 },
		  NULL,
		  "/t/x/bin is a link, where a directory is wanted | nothing is unpacked through a link in "
		  "the "
		  "destination; remove it, or leave what is behind it out with exclude",
		  NULL },
		{ "a link on the way that the archive does not speak of × all",
		  { { "/t/x/doc", LNK, 0777, 0, 0, "/t/y" }, { "/t/y", DIR, 0755, 0, 0, NULL } },
		  { P, S, "members", "doc/read" },
		  { 0 },
		  NULL,
		  "/t/x/doc is a link, where a directory is wanted | nothing is unpacked through a link in "
		  "the "
		  "destination; remove it, or leave what is behind it out with exclude",
		  NULL },
		{ "a directory in the place of a file × all",
		  { { "/t/x/bin/app", DIR, 0755, 0, 0, NULL } },
		  { P, S },
		  { 0 },
		  NULL,
		  "/t/x/bin/app is a directory, where a file is wanted | move it away: only files and links "
		  "are "
		  "replaced",
		  NULL },
		{ "a fifo in the place of a link × all",
		  { { "/t/x/bin/l", OTHER, 0600, 0, 0, NULL } },
		  { P, S },
		  { 0 },
		  NULL,
		  "/t/x/bin/l is a device, fifo or socket, where a link is wanted | move it away: only files "
		  "and "
		  "links are replaced",
		  NULL },
		{ "a file for the destination × all",
		  { { "/t/x", REG, 0644, 0, 0, "x" } },
		  { P, S },
		  { 0 },
		  NULL,
		  "/t/x is a regular file, where a directory is wanted | move it away: only files and links "
		  "are "
		  "replaced",
		  NULL },

		{ "absent × hostile",
		  { { 0 } },
		  { P, "source", "hostile" },
		  { 0 },
		  NULL,
		  "files/source: its member \"../../etc/passwd\" holds \"..\"",
		  NULL },
		{ "absent × hostile, though that is not wanted",
		  { { 0 } },
		  { P, "source", "hostile", "members", "fine" },
		  { 0 },
		  NULL,
		  "files/source: its member \"../../etc/passwd\" holds \"..\"",
		  NULL },
		{ "absent × cut off",
		  { { 0 } },
		  { P, "source", "cut" },
		  { 0 },
		  NULL,
		  "files/source: it is cut off: it lacks the mark that ends a tar | get it again, and "
		  "compare its "
		  "checksum with the publisher's",
		  NULL },
		{ "absent × no archive",
		  { { 0 } },
		  { P, "source", "hello" },
		  { 0 },
		  NULL,
		  "files/source: it is no tar archive | tar is read plain, or compressed with gzip, bzip2, "
		  "xz or "
		  "zstd",
		  NULL },
		{ "absent × nothing nested of that name",
		  { { 0 } },
		  { P, "source", "outer", "nested", "x.tar" },
		  { 0 },
		  NULL,
		  "files/source: it has no member \"x.tar\"",
		  NULL },
		{ "absent × nested in what is no archive",
		  { { 0 } },
		  { P, "source", "outer", "nested", "doc/first" },
		  { 0 },
		  NULL,
		  "files/source: its member \"doc/first\": it is no tar archive | tar is read plain, or "
		  "compressed "
		  "with gzip, bzip2, xz or zstd",
		  NULL },
		{ "absent × a member that is not there",
		  { { 0 } },
		  { P, S, "members", "bin/app bin/ap" },
		  { 0 },
		  NULL,
		  "files/source: it has no member \"bin/ap\"",
		  NULL },

		{ "unpacked × absent",
		  { UNPACKED },
		  { P, S, "ensure", "absent" },
		  { 0 },
		  "delete ensure=present->absent members=[bin bin/app bin/l doc doc/read doc/same]->[]",
		  NULL,
		  "" },
		{ "unpacked and more × absent",
		  { UNPACKED, { "/t/x/bin/more", REG, 0600, 0, 0, "mine" } },
		  { P, S, "ensure", "absent" },
		  { 0 },
		  "delete ensure=present->absent members=[bin/app bin/l doc doc/read doc/same]->[] (leaves "
		  "what the "
		  "archive does not hold)",
		  NULL,
		  "d /t/x 0755 0:0\nd /t/x/bin 0755 0:0\nf /t/x/bin/more 0600 0:0 mine\n" },
		{ "only more × absent",
		  { { "/t/x/bin/more", REG, 0600, 0, 0, "mine" } },
		  { P, S, "ensure", "absent" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
		{ "an empty destination × absent",
		  { { "/t/x", DIR, 0755, 0, 0, NULL } },
		  { P, S, "ensure", "absent" },
		  { 0 },
		  "delete ensure=present->absent",
		  NULL,
		  "" },
		{ "other files behind a link × absent",
		  { { "/t/x/bin", LNK, 0777, 0, 0, "/t/y" }, { "/t/y/app", REG, 0644, 0, 0, "not ours" } },
		  { P, S, "ensure", "absent" },
		  { 0 },
		  "",
		  NULL,
		  NULL },
	};
	(void)state;

	DRIVER_RUN("tarball", cells);
}

static void tarball__wrong_parameters_are_refused(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	assert_string_equal(DRIVER_CHECK(arena, "tarball", P, S), "");
	assert_string_equal(DRIVER_CHECK(arena, "tarball", P, S, "include", "a[b"),
			    "include: the pattern \"a[b\" has a [ without its ]");
	assert_string_equal(DRIVER_CHECK(arena, "tarball", P, S, "exclude", "a b\\"),
			    "exclude: the pattern \"b\\\" ends in a single \\");
	assert_string_equal(DRIVER_CHECK(arena, "tarball", P, S, "ensure", "absent", "owner", "web"),
			    "owner has no meaning with ensure = \"absent\"");
	assert_string_equal(DRIVER_CHECK(arena, "tarball", P, S, "checksum", "md5:00"),
			    "checksum \"md5:00\" must be \"sha256:\" and 64 hexadecimal digits");
	assert_string_equal(DRIVER_CHECK(arena, "tarball", P, S, "checksum", "sha256:" SUM "0"),
			    "checksum \"sha256:" SUM "0\" must be \"sha256:\" and 64 hexadecimal digits");
	const char *says = DRIVER_CHECK(arena, "tarball", P, S, "checksum", "sha256:" SUM);
	const char *is = strstr(says, "source files/source is not what checksum says: it is sha256:");
	assert_non_null(is);
	is = strstr(is, "sha256:");
	assert_string_equal(DRIVER_CHECK(arena, "tarball", P, S, "checksum", is), "");
}

/* ---- manifests that are kept -----------------------------------------------------------------------------
 */

static const char *apply_once(struct driver *driver, const char *source, struct neap_error **err)
{
	const struct neap_resource_type *type = driver_type("tarball");
	const char *const pairs[] = { P, "source", source, NULL, NULL }, *says;

	if (driver_run(driver, type, driver_want(driver->arena, type, pairs), &says, err) < 0)
		return NULL;
	return says;
}

static void tarball__what_an_archive_holds_is_learnt_once(void **state)
{
	struct driver driver;
	uint8_t digest[NEAP_DIGEST_SIZE];
	char key[NEAP_DIGEST_HEX_SIZE];
	struct neap_content kept;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_APPLY);
	driver_open(&driver);
	assert_non_null(apply_once(&driver, "plain", NULL));
	neap_digest(archives[0].data, archives[0].len, digest);
	neap_digest_hex(digest, key);
	neap_view_cached(&driver.machine->view, "manifest", key, driver.arena, &kept);
	assert_non_null(kept.data);
	/* A kept one is believed: this one says that the archive holds nothing but a file. */
	struct neap_manifest_entry entry = { .name = NEAP_STR("only"), .mode = 0644, .size = 3 };
	const struct neap_manifest manifest = { &entry, 1 };
	NEAP_AUTO_BUF struct neap_buf bytes = { 0 };
	neap_manifest_encode(&manifest, &bytes);
	neap_host_cache(driver.overlay, "manifest", key, bytes.data, bytes.len);
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	assert_null(apply_once(&driver, "plain", &err)); /* the archive has another first member */
	assert_non_null(err->message);
	/* A torn one is not. */
	neap_host_cache(driver.overlay, "manifest", key, bytes.data, bytes.len - 1);
	assert_string_equal(apply_once(&driver, "plain", NULL), "");
	driver_end(&driver);
}

static void tarball__a_plan_keeps_nothing(void **state)
{
	struct driver driver;
	uint8_t digest[NEAP_DIGEST_SIZE];
	char key[NEAP_DIGEST_HEX_SIZE];
	struct neap_content kept;
	(void)state;

	driver_begin(&driver, NEAP_OVERLAY_PLAN);
	driver_open(&driver);
	assert_non_null(apply_once(&driver, "plain", NULL));
	neap_digest(archives[0].data, archives[0].len, digest);
	neap_digest_hex(digest, key);
	neap_view_cached(&driver.machine->view, "manifest", key, driver.arena, &kept);
	assert_null(kept.data);
	driver_end(&driver);
}

/* ---- failures, and what is not known ------------------------------------------------------------------ */

static void tarball__each_call_failing_once_is_an_error_and_the_next_run_converges(void **state)
{
	static const struct driver_node have[] = {
		{ "/t/x", DIR, 0755, 0, 0, NULL },
		{ "/t/x/bin/app", REG, 0755, 0, 0, "old" },
		{ "/t/x/bin/l", REG, 0755, 0, 0, "old" },
	};
	bool failed = true;
	(void)state;

	for (uint64_t call = 1; failed; call++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct driver driver;

		driver_begin(&driver, NEAP_OVERLAY_APPLY);
		for (size_t i = 0; i < sizeof have / sizeof *have; i++)
			driver_put(&driver, &have[i]);
		driver_open(&driver);
		neap_host_memory_fail(driver.machine, call, EIO);
		const struct neap_resource_type *type = driver_type("tarball");
		const char *const pairs[] = { P, S, NULL, NULL };
		const void *want = driver_want(driver.arena, type, pairs);
		struct neap_context ctx = { .scratch = driver.arena,
					    .passing = driver.arena,
					    .engine = &driver,
					    .owned = driver_owned };
		void *had = neap_arena_alloc(driver.arena, type->have_size);
		int r = type->read(&driver.overlay->view, &ctx, want, had, &err);
		if (r == 0)
			r = type->apply(driver.overlay, &ctx, want, had, &err);
		if (r == 0)
			r = driver_land(&driver, &err);
		failed = r < 0;
		assert_int_equal(failed, err != NULL);
		neap_host_memory_fail(driver.machine, 0, 0);
		neap_overlay_free(driver.overlay);
		driver_open(&driver);
		assert_non_null(apply_once(&driver, "plain", NULL));
		assert_string_equal(driver_dump(&driver.overlay->view, driver.arena), ALL);
		driver_end(&driver);
	}
}

static void tarball__behind_a_program_it_is_unknown_and_then_as_wanted(void **state)
{
	static const char *const effects[] = { "/t/x", NULL };
	static const char *const argv[] = { "true", NULL };
	struct neap_process_result result;
	struct driver driver;
	const char *says;
	(void)state;

	for (unsigned absent = 0; absent < 2; absent++) {
		const struct neap_resource_type *type = driver_type("tarball");
		const char *const pairs[] = { P, S, "ensure", absent ? "absent" : "present", NULL, NULL };

		driver_begin(&driver, NEAP_OVERLAY_PLAN);
		driver_open(&driver);
		assert_int_equal(neap_host_run(driver.overlay,
					       &(struct neap_process){ .argv = argv, .effects = effects },
					       driver.arena, &result, NULL),
				 0);
		int r = driver_run(&driver, type, driver_want(driver.arena, type, pairs), &says, NULL);
		assert_int_equal(r, NEAP_UNKNOWN);
		if (!absent) {
			struct neap_stat stat;
			struct neap_content content;
			assert_int_equal(neap_view_file(&driver.overlay->view, "/t/x/bin/app", driver.arena,
							&stat, &content, NULL),
					 0);
			assert_int_equal(stat.kind, NEAP_FILE_REGULAR);
			assert_int_equal(stat.mode, 0755);
			assert_memory_equal(content.data, "program", 7);
		}
		driver_end(&driver);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tarball__cells),
		cmocka_unit_test(tarball__wrong_parameters_are_refused),
		cmocka_unit_test(tarball__what_an_archive_holds_is_learnt_once),
		cmocka_unit_test(tarball__a_plan_keeps_nothing),
		cmocka_unit_test(tarball__each_call_failing_once_is_an_error_and_the_next_run_converges),
		cmocka_unit_test(tarball__behind_a_program_it_is_unknown_and_then_as_wanted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
