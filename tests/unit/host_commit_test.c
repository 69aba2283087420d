/* The real machine: changes that land, or do not. */
#include "commit_fixture.h"

#include <sys/xattr.h>

#include "base/digest.h"

/* ---- landing ------------------------------------------------------------------------------------------- */

static void commit__makes_files_directories_and_links_in_order(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = {
		change_of(NEAP_CHANGE_MKDIR, 0, "/etc", 0755),
		change_of(NEAP_CHANGE_MKDIR, 0, "/etc/app", 02750),
		write_of(1, "/etc/app/conf", "words\n"),
		link_of(2, "/etc/current", "app/conf"),
		change_of(NEAP_CHANGE_WRITE, 3, "/empty", 0604),
	};
	char target[16] = "";

	changes[2].mode = 04711;
	COMMIT(f, changes);
	assert_int_equal(look(f, "/etc").st_mode & 07777, 0755);
	assert_int_equal(look(f, "/etc/app").st_mode & 07777, 02750);
	assert_int_equal(look(f, "/etc/app/conf").st_mode, S_IFREG | 04711);
	assert_string_equal(get(f, "/etc/app/conf"), "words\n");
	assert_int_equal(readlink(real(f, "/etc/current"), target, sizeof(target)), 8);
	assert_string_equal(target, "app/conf");
	assert_int_equal(look(f, "/empty").st_mode & 07777, 0604);
}

static void commit__many_files_land_in_one_group(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[60];
	char paths[60][32];
	unsigned before = count_fds();

	for (int i = 0; i < 60; i += 2) { /* a directory and its file: more than are synced one by one */
		snprintf(paths[i], sizeof(paths[i]), "/d%d", i);
		snprintf(paths[i + 1], sizeof(paths[i + 1]), "/d%d/file", i);
		changes[i] = change_of(NEAP_CHANGE_MKDIR, 0, paths[i], 0755);
		changes[i + 1] = write_of(0, paths[i + 1], paths[i + 1]);
	}
	COMMIT(f, changes);
	for (int i = 1; i < 60; i += 2)
		assert_string_equal(get(f, paths[i]), paths[i]);
	assert_true(count_fds() <= before + 64); /* directories that are kept; no temps, no syncs */
}

static void commit__owner_is_set_and_set_user_id_survives(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = {
		write_of(0, "/tool", "x"),
		change_of(NEAP_CHANGE_MKDIR, 1, "/dir", 03775),
	};
	struct neap_change later[] = { change_of(NEAP_CHANGE_ATTRIBUTES, 0, "/tool", NEAP_KEEP) };

	NEED_ROOT();
	changes[0].mode = 06755;
	changes[0].uid = changes[1].uid = 4711;
	changes[0].gid = changes[1].gid = 4712;
	COMMIT(f, changes);
	assert_int_equal(look(f, "/tool").st_mode & 07777, 06755);
	assert_int_equal(look(f, "/tool").st_uid, 4711);
	assert_int_equal(look(f, "/tool").st_gid, 4712);
	assert_int_equal(look(f, "/dir").st_mode & 07777, 03775);
	assert_int_equal(look(f, "/dir").st_gid, 4712);
	later[0].uid = 4713;
	later[0].gid = NEAP_KEEP;
	COMMIT(f, later);
	assert_int_equal(look(f, "/tool").st_mode & 07777, 06755);
	assert_int_equal(look(f, "/tool").st_uid, 4713);
	assert_int_equal(look(f, "/tool").st_gid, 4712);
}

static void commit__umask_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = { write_of(0, "/file", "x"),
					 change_of(NEAP_CHANGE_MKDIR, 1, "/dir", 0777) };

	changes[0].mode = 0666;
	umask(geteuid() == 0 ? 0777 : 077); /* 0777 shuts out others from their own temps */
	COMMIT(f, changes);
	umask(022);
	assert_int_equal(look(f, "/file").st_mode & 07777, 0666);
	assert_int_equal(look(f, "/dir").st_mode & 07777, 0777);
}

static void commit__replaced_file_keeps_attributes_and_breaks_hard_links(void **state)
{
	/* An ACL with an entry for user 4711. */
	static const unsigned char acl[] = { 2,   0,   0,   0,   1,   0,    6,    0,   255, 255, 255,
					     255, 2,   0,   4,   0,   0x67, 0x12, 0,   0,   4,   0,
					     4,   0,   255, 255, 255, 255,  16,   0,   4,   0,   255,
					     255, 255, 255, 32,  0,   0,    0,    255, 255, 255, 255 };
	struct fixture *f = *state;
	struct neap_change changes[] = { write_of(0, "/file", "new") };
	char value[16] = "", got[64];

	put(f, "/file", "old");
	assert_int_equal(link(real(f, "/file"), real(f, "/other")), 0);
	if (setxattr(real(f, "/file"), "user.note", "kept", 4, 0) < 0)
		skip();
	assert_int_equal(setxattr(real(f, "/file"), "system.posix_acl_access", acl, sizeof(acl), 0), 0);
	changes[0].mode = 0640;
	COMMIT(f, changes);
	assert_string_equal(get(f, "/file"), "new");
	assert_string_equal(get(f, "/other"), "old");
	assert_int_equal(getxattr(real(f, "/file"), "user.note", value, sizeof(value)), 4);
	assert_string_equal(value, "kept");
	assert_int_equal(getxattr(real(f, "/file"), "system.posix_acl_access", got, sizeof(got)),
			 sizeof(acl));
	assert_int_equal(look(f, "/file").st_mode & 07777, 0640);
}

static void commit__default_acl_above_is_not_inherited(void **state)
{
	static const unsigned char acl[] = { 2,   0,   0,   0,   1,   0,    7,    0,   255, 255, 255,
					     255, 2,   0,   7,   0,   0x67, 0x12, 0,   0,   4,   0,
					     5,   0,   255, 255, 255, 255,  16,   0,   7,   0,   255,
					     255, 255, 255, 32,  0,   5,    0,    255, 255, 255, 255 };
	struct fixture *f = *state;
	struct neap_change changes[] = { write_of(0, "/file", "new"),
					 change_of(NEAP_CHANGE_MKDIR, 1, "/dir", 0750) };
	char got[64];

	if (setxattr(f->root, "system.posix_acl_default", acl, sizeof(acl), 0) < 0)
		skip();
	COMMIT(f, changes);
	assert_int_equal(getxattr(real(f, "/file"), "system.posix_acl_access", got, sizeof(got)), -1);
	assert_int_equal(getxattr(real(f, "/dir"), "system.posix_acl_access", got, sizeof(got)), -1);
	assert_int_equal(look(f, "/file").st_mode & 07777, 0644);
}

static void commit__links_and_fifos_are_replaced_not_followed(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = { write_of(0, "/link", "new"), write_of(1, "/fifo", "new"),
					 link_of(2, "/file", "target") };

	put(f, "/precious", "precious");
	make_link(f, "/link", "precious");
	put(f, "/file", "x");
	assert_int_equal(mkfifo(real(f, "/fifo"), 0600), 0);
	alarm(10);
	COMMIT(f, changes);
	alarm(0);
	assert_string_equal(get(f, "/precious"), "precious");
	assert_true(S_ISREG(look(f, "/link").st_mode));
	assert_true(S_ISREG(look(f, "/fifo").st_mode));
	assert_true(S_ISLNK(look(f, "/file").st_mode));
}

static void commit__removals(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = {
		change_of(NEAP_CHANGE_UNLINK, 0, "/d/file", 0),
		change_of(NEAP_CHANGE_UNLINK, 0, "/d/link", 0),
		change_of(NEAP_CHANGE_RMDIR, 0, "/d", 0),
		change_of(NEAP_CHANGE_UNLINK, 1, "/was/never/there", 0),
	};

	make_dir(f, "/d");
	put(f, "/d/file", "x");
	make_link(f, "/d/link", "file");
	COMMIT(f, changes);
	assert_false(exists(f, "/d"));
}

static void commit__ways_are_seen_anew_after_a_change_of_link_or_directory(void **state)
{
	struct fixture *f = *state;
	struct neap_change turn[] = { link_of(0, "/current", "v2") };
	struct neap_change kinds[] = {
		change_of(NEAP_CHANGE_UNLINK, 0, "/current", 0),
		change_of(NEAP_CHANGE_MKDIR, 0, "/current", 0755),
		write_of(0, "/current/file", "directory"),
	};
	struct neap_change remake[] = {
		change_of(NEAP_CHANGE_UNLINK, 0, "/current/file", 0),
		change_of(NEAP_CHANGE_RMDIR, 0, "/current", 0),
		change_of(NEAP_CHANGE_MKDIR, 0, "/current", 0700),
		write_of(0, "/current/file", "remade"),
	};
	struct neap_content content;
	struct neap_stat stat;

	make_dir(f, "/v1");
	make_dir(f, "/v2");
	put(f, "/v1/file", "one");
	put(f, "/v2/file", "two");
	make_link(f, "/current", "v1");
#define EXPECT(words)                                                                                        \
	do {                                                                                                 \
		assert_int_equal(                                                                            \
			view(f)->reads->file(view(f), "/current/file", f->arena, &stat, &content, NULL), 0); \
		assert_string_equal(content.data, words);                                                    \
	} while (0)
	EXPECT("one");
	COMMIT(f, turn);
	EXPECT("two");
	COMMIT(f, kinds);
	EXPECT("directory");
	assert_string_equal(get(f, "/v2/file"), "two");
	COMMIT(f, remake);
	EXPECT("remade");
}

static void commit__content_comes_from_its_source_when_large(void **state)
{
	struct fixture *f = *state;
	size_t size = 3000000;
	char *bytes = malloc(size), source[128];
	struct neap_change change = write_of(0, "/large", "");
	struct stat st;
	FILE *file;

	snprintf(source, sizeof(source), "%s/source", f->base);
	memset(bytes, 's', size);
	file = fopen(source, "we");
	fwrite(bytes, 1, size, file);
	fclose(file);
	change.content = (struct neap_content){ .size = size, .source = source };
	neap_digest(bytes, size, change.content.digest);
	commit_all(f, &change, 1);
	st = look(f, "/large");
	assert_int_equal(st.st_size, size);
	file = fopen(source, "ae");
	fputs("more", file);
	fclose(file);
	assert_non_null(strstr(refusal(f, change), "changed while it was read"));
	change.content.size += 4;
	assert_non_null(strstr(refusal(f, change), "changed while it was read"));
	assert_int_equal(unlink(source), 0);
	assert_non_null(strstr(refusal(f, change), "No such file or directory"));
	assert_int_equal(look(f, "/large").st_ino, st.st_ino);
	free(bytes);
}

/* ---- groups -------------------------------------------------------------------------------------------- */

static void commit__of_several_writes_only_the_last_lands(void **state)
{
	struct fixture *f = *state;
	struct engine engine = { 0 };
	struct neap_change changes[] = {
		write_of(0, "/file", "first"),
		write_of(1, "/file", "second"),
		change_of(NEAP_CHANGE_ATTRIBUTES, 2, "/file", 0600),
		write_of(3, "/file", "last"),
	};

	/* The first could not even be staged: nobody tries. */
	changes[0].content = (struct neap_content){ .size = 5, .source = "/no/such/source" };
	changes[3].mode = 0600;
	commit_as(f, &engine, changes, 4);
	assert_false(engine.failed[0]);
	assert_string_equal(get(f, "/file"), "last");
	assert_int_equal(look(f, "/file").st_mode & 07777, 0600);
}

static void commit__when_the_last_write_may_not_the_one_before_lands(void **state)
{
	struct fixture *f = *state;

	/* 0: known before staging, 1: only when it is about to land, 2: it cannot be staged. */
	for (int when = 0; when < 3; when++) {
		struct engine engine = { 0 };
		struct neap_change changes[] = {
			write_of(0, "/file", "first"),
			write_of(1, "/file", "second"),
			change_of(NEAP_CHANGE_ATTRIBUTES, 1, "/file", 0600),
			write_of(2, "/file", "last"),
			write_of(3, "/other", "other"),
		};

		put(f, "/file", "old");
		assert_int_equal(chmod(real(f, "/file"), 0644), 0);
		if (when == 0)
			engine.forbidden[2] = true;
		if (when == 1)
			engine.forbid_after[2] = 2;
		if (when == 2)
			changes[3].content = (struct neap_content){ .size = 5, .source = "/no/such/source" };
		commit_as(f, &engine, changes, 5);
		assert_int_equal(engine.failed[2], when == 2);
		assert_string_equal(get(f, "/file"), "second");
		assert_int_equal(look(f, "/file").st_mode & 07777, 0600);
		assert_string_equal(get(f, "/other"), "other");
	}
}

static void commit__removal_between_two_writes_starts_afresh(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = {
		write_of(0, "/file", "first"),
		change_of(NEAP_CHANGE_UNLINK, 1, "/file", 0),
		write_of(2, "/file", "last"),
	};
	char value[8];

	put(f, "/file", "old");
	if (setxattr(real(f, "/file"), "user.note", "gone", 4, 0) < 0)
		skip();
	COMMIT(f, changes);
	assert_string_equal(get(f, "/file"), "last");
	assert_int_equal(getxattr(real(f, "/file"), "user.note", value, sizeof(value)), -1);
}

static void commit__failure_holds_back_only_what_stands_on_it(void **state)
{
	struct fixture *f = *state;
	struct engine engine = { .needs = { [1] = 1, [2] = 2 } };
	struct neap_change changes[] = {
		change_of(NEAP_CHANGE_MKDIR, 0, "/there", 0755), write_of(1, "/there/file", "held back"),
		write_of(2, "/elsewhere", "held back too"),      write_of(3, "/free", "lands"),
		change_of(NEAP_CHANGE_UNLINK, 1, "/keep", 0),
	};

	make_dir(f, "/there");
	put(f, "/there/file", "old");
	put(f, "/keep", "x");
	commit_as(f, &engine, changes, 5);
	assert_string_equal(engine.error[0], "mkdir /there: File exists");
	assert_string_equal(engine.error[1], "");
	assert_string_equal(get(f, "/there/file"), "old");
	assert_false(exists(f, "/elsewhere"));
	assert_true(exists(f, "/keep"));
	assert_string_equal(get(f, "/free"), "lands");
}

static void commit__errors_name_operation_path_and_reason(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "/dir");
	put(f, "/dir/file", "x");
	make_link(f, "/link", "dir");
	assert_string_equal(refusal(f, write_of(0, "/dir", "x")), "write /dir: is a directory");
	assert_string_equal(refusal(f, link_of(0, "/dir", "x")), "link /dir: is a directory");
	assert_string_equal(refusal(f, change_of(NEAP_CHANGE_UNLINK, 0, "/dir", 0)),
			    "remove /dir: is a directory");
	assert_string_equal(refusal(f, change_of(NEAP_CHANGE_RMDIR, 0, "/dir", 0)),
			    "rmdir /dir: Directory not empty");
	assert_string_equal(refusal(f, write_of(0, "/none/file", "x")),
			    "write /none/file: the directory above it does not exist");
	assert_string_equal(refusal(f, write_of(0, "/dir/file/x", "x")),
			    "write /dir/file/x: /dir/file is not a directory");
	assert_string_equal(refusal(f, change_of(NEAP_CHANGE_ATTRIBUTES, 0, "/link", 0600)),
			    "set owner and mode of /link: is a link");
	assert_string_equal(refusal(f, change_of(NEAP_CHANGE_ATTRIBUTES, 0, "/none", 0600)),
			    "set owner and mode of /none: No such file or directory");
}

static void commit__attributes_open_no_fifo(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = { change_of(NEAP_CHANGE_ATTRIBUTES, 0, "/fifo", 0640),
					 change_of(NEAP_CHANGE_ATTRIBUTES, 0, "/", 0711) };

	assert_int_equal(mkfifo(real(f, "/fifo"), 0600), 0);
	alarm(10);
	COMMIT(f, changes);
	alarm(0);
	assert_int_equal(look(f, "/fifo").st_mode & 07777, 0640);
	assert_int_equal(look(f, "/").st_mode & 07777, 0711);
}

static void commit__second_name_of_anothers_file_is_not_given_away(void **state)
{
	struct fixture *f = *state;
	struct neap_change change = change_of(NEAP_CHANGE_ATTRIBUTES, 0, "/ann/x", 0666);

	NEED_ROOT();
	put(f, "/shadow", "root's");
	make_dir(f, "/ann");
	assert_int_equal(chown(real(f, "/ann"), 4711, 4711), 0);
	assert_int_equal(link(real(f, "/shadow"), real(f, "/ann/x")), 0);
	change.uid = 4711;
	assert_non_null(strstr(refusal(f, change), "it has 2 names"));
	assert_int_equal(look(f, "/shadow").st_uid, 0);
}

static void commit__without_a_state_nothing_can_be_changed(void **state)
{
	struct fixture *f = *state;
	struct neap_change change = write_of(0, "/file", "x");
	struct engine engine = { 0 };
	struct neap_commit commit = { .ctx = &engine, .may = engine_may, .failed = engine_failed };
	struct neap_machine *machine;

	assert_int_equal(neap_host_local_new(f->root, NULL, &machine, NULL), 0);
	assert_int_equal(machine->ops->commit(machine, &change, 1, &commit, NULL), -1);
	assert_false(exists(f, "/file"));
	neap_machine_free(machine);
}

/* ---- validate and backup ------------------------------------------------------------------------------- */

static void commit__validated_file_keeps_its_name_and_sees_what_landed_before(void **state)
{
	struct fixture *f = *state;
	char script[512];
	const char *const argv[] = { "sh", "-c", script, "sh", "%s", "--file=%s", NULL };
	struct neap_change changes[] = { write_of(0, "/included", "1"), write_of(1, "/sudoers", "fine") };

	snprintf(script, sizeof(script),
		 "test \"$(basename $1)\" = sudoers && test \"--file=$1\" = \"$2\" && test $(cat $1) = fine "
		 "&& test -e %s",
		 real(f, "/included"));
	changes[1].validate = argv;
	COMMIT(f, changes);
	assert_string_equal(get(f, "/sudoers"), "fine");
}

static void commit__failed_validation_leaves_the_old_file(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "sh", "-c",
				     "echo \"$0:3: syntax error near 'password=hunter22'\" >&2; exit 4", "%s",
				     NULL };
	struct engine engine = { .needs = { [1] = 1 } };
	struct neap_change changes[] = { write_of(0, "/sudoers", "user root\npassword=hunter22\n"),
					 write_of(1, "/after", "x"), write_of(2, "/free", "x") };
	char wanted[512];

	put(f, "/sudoers", "old");
	changes[0].validate = argv;
	commit_as(f, &engine, changes, 3);
	snprintf(wanted, sizeof(wanted),
		 "validate /sudoers: sh -c %s %%s: exit 4: /sudoers:3: syntax error near 'password=hunter22'",
		 argv[2]);
	assert_string_equal(engine.error[0], wanted);
	assert_string_equal(get(f, "/sudoers"), "old");
	assert_false(exists(f, "/after"));
	assert_true(exists(f, "/free"));
}

static void commit__validated_writes_are_judged_one_by_one(void **state)
{
	struct fixture *f = *state;
	const char *const yes[] = { "true", NULL }, *const no[] = { "false", NULL };
	struct engine engine = { 0 };
	struct neap_change changes[] = {
		write_of(0, "/a", "judged"), write_of(1, "/a", "last"), /* the second lands all the same */
		write_of(2, "/b", "first"),
		write_of(3, "/b", "bad"), /* the second does not, the first does */
	};

	put(f, "/b", "old");
	changes[0].validate = no;
	changes[3].validate = no;
	commit_as(f, &engine, changes, 4);
	assert_string_equal(engine.error[0], "validate /a: false: exit 1");
	assert_string_equal(get(f, "/a"), "last");
	assert_true(engine.failed[3] && !engine.failed[2]);
	assert_string_equal(get(f, "/b"), "first");
	changes[3].validate = yes;
	commit_all(f, &changes[3], 1);
	assert_string_equal(get(f, "/b"), "bad");
}

static void commit__validation_quotes_nothing_of_a_private_file(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "sh", "-c", "echo bad line: $(cat $0) >&2; exit 1", "%s", NULL };
	struct neap_change change = write_of(0, "/private", "password=hunter22");
	const char *message;

	change.validate = argv;
	change.mode = 0640;
	message = refusal(f, change);
	assert_null(strstr(message, "hunter"));
	assert_non_null(
		strstr(message, "%s: exit 1 (its output is not shown: the file is not for everybody)"));
	/* A secret may lie in a file for everybody, and come out in any shape. */
	change.mode = 0644;
	change.secret = true;
	message = refusal(f, change);
	assert_null(strstr(message, "hunter"));
	assert_non_null(strstr(message, "%s: exit 1 (its output is not shown: the file holds secrets)"));
}

/* Whatever `script` does to the new file ($0): the old one stays, and what comes after lands. */
static void spoil(struct fixture *f, const char *script)
{
	const char *const argv[] = { "sh", "-c", script, "%s", NULL }, *const good[] = { "test", "-s", "%s",
											 NULL };
	static const char wanted[] = "write /d/k: validate changed the new file: it is not put in place";
	struct neap_change changes[] = {
		write_of(0, "/d/k", "new\n"),           change_of(NEAP_CHANGE_MKDIR, 1, "/d/sub", 0755),
		write_of(2, "/d/sub/file", "after\n"),  link_of(3, "/d/link", "file"),
		write_of(4, "/d/checked", "checked\n"), write_of(5, "/d/last", "last\n")
	};
	struct engine engine = { 0 };

	make_dir(f, "/d");
	put(f, "/d/k", "old\n");
	changes[0].validate = argv;
	changes[4].validate = good;
	changes[3].uid = geteuid();
	changes[3].gid = getegid();
	commit_as(f, &engine, changes, 6);
	if (strcmp(engine.error[0], wanted) != 0)
		fail_msg("%s: %s", script, engine.error[0]);
	for (int i = 1; i < 6; i++)
		if (engine.error[i][0])
			fail_msg("%s: %s", script, engine.error[i]);
	assert_string_equal(get(f, "/d/k"), "old\n");
	assert_true(S_ISREG(look(f, "/d/k").st_mode));
	assert_string_equal(get(f, "/d/sub/file"), "after\n");
	assert_true(S_ISLNK(look(f, "/d/link").st_mode));
	assert_string_equal(get(f, "/d/checked"), "checked\n");
	assert_string_equal(get(f, "/d/last"), "last\n");
	for (int i = 0; i < 4; i++)
		remove(real(f, (const char *const[]){ "/d/sub/file", "/d/sub", "/d/link", "/d/checked" }[i]));
	remove(real(f, "/d/last"));
	remove(real(f, "/d/k"));
	remove(real(f, "/d"));
	fixture_close(f); /* it keeps /d open */
	fixture_open(f);
}

static void commit__what_validate_has_changed_is_not_put_in_place(void **state)
{
	static const char *const scripts[] = {
		"echo more >> $0",
		"rm $0; ln -s /etc/passwd $0",
		"rm $0; mkdir $0; touch $0/x",
		"cp $0 $0.2; mv $0.2 $0",
		"printf bad | dd of=$0 conv=notrunc 2>/dev/null",
		"chmod 0666 $0",
		"ln $0 $0.2",
		"rm $0",
		"rm -r $(dirname $0)",
		"rm -r $(dirname $(dirname $0))/*",
		"rm -r $(dirname $(dirname $0))",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		spoil(f, scripts[i]);
}

/* The times of a file cannot tell two writes of one tick apart. */
static void commit__validate_is_caught_within_one_tick_of_the_clock(void **state)
{
	struct fixture *f = *state;
	static const char script[] = "printf 'b' | dd of=$0 conv=notrunc 2>/dev/null";
	const char *const argv[] = { "sh", "-c", script, "%s", NULL };

	for (int i = 0; i < 20; i++) {
		struct neap_change change = write_of(0, "/k", "a");

		change.validate = argv;
		assert_non_null(strstr(refusal(f, change), "validate changed the new file"));
		assert_false(exists(f, "/k"));
	}
}

static void commit__backup_keeps_the_replaced_bytes(void **state)
{
	struct fixture *f = *state;
	struct neap_change changes[] = { write_of(0, "/motd", "first"), write_of(1, "/motd", "new"),
					 write_of(2, "/new", "new") };
	char command[256];

	put(f, "/motd", "old words");
	changes[0].backup = changes[2].backup = true; /* also when superseded; nothing for what is new */
	COMMIT(f, changes);
	snprintf(command, sizeof(command), "cat %s/backup/*/* | grep -qx 'old words'", f->state_dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "test $(ls %s/backup | wc -l) = 1", f->state_dir);
	assert_int_equal(system(command), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commit__makes_files_directories_and_links_in_order),
		TEST(commit__many_files_land_in_one_group),
		TEST(commit__owner_is_set_and_set_user_id_survives),
		TEST(commit__umask_changes_nothing),
		TEST(commit__replaced_file_keeps_attributes_and_breaks_hard_links),
		TEST(commit__default_acl_above_is_not_inherited),
		TEST(commit__links_and_fifos_are_replaced_not_followed),
		TEST(commit__removals),
		TEST(commit__ways_are_seen_anew_after_a_change_of_link_or_directory),
		TEST(commit__content_comes_from_its_source_when_large),
		TEST(commit__of_several_writes_only_the_last_lands),
		TEST(commit__when_the_last_write_may_not_the_one_before_lands),
		TEST(commit__removal_between_two_writes_starts_afresh),
		TEST(commit__failure_holds_back_only_what_stands_on_it),
		TEST(commit__errors_name_operation_path_and_reason),
		TEST(commit__attributes_open_no_fifo),
		TEST(commit__second_name_of_anothers_file_is_not_given_away),
		TEST(commit__without_a_state_nothing_can_be_changed),
		TEST(commit__validated_file_keeps_its_name_and_sees_what_landed_before),
		TEST(commit__failed_validation_leaves_the_old_file),
		TEST(commit__validated_writes_are_judged_one_by_one),
		TEST(commit__validation_quotes_nothing_of_a_private_file),
		TEST(commit__what_validate_has_changed_is_not_put_in_place),
		TEST(commit__validate_is_caught_within_one_tick_of_the_clock),
		TEST(commit__backup_keeps_the_replaced_bytes),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
