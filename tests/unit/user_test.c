/* modules/user.c and engine/home.c on a machine of tables. */
#include "account_cells.h"

#define NEW_SHADOW(name) "+shadow " name ":!:20000:0:99999:7:::\n"
#define NEW_GROUP(name, gid) "+group " name ":x:" gid ":\n"

static void user__new_ones(void **state)
{
	static const struct account_cell cells[] = {
		{ "plain", .want = { "name", "bob" },
		  .says = "create ensure=absent->present uid=->1001 group=->bob home=->/home/bob "
			  "shell=->/bin/sh "
			  "(makes group bob, gid 1001; subordinate uids from 165536)",
		  .then = "+passwd bob:x:1001:1001::/home/bob:/bin/sh\n" NEW_GROUP("bob", "1001")
			  NEW_SHADOW("bob") "+gshadow bob:!::\n+subuid bob:165536:65536\n" },
		{ "of the system", .want = { "name", "etcd", "system", "true" },
		  .says = "create ensure=absent->present uid=->997 group=->etcd home=->/home/etcd "
			  "shell=->/usr/sbin/nologin (makes group etcd, gid 997)",
		  .then = "+passwd etcd:x:997:997::/home/etcd:/usr/sbin/nologin\n" NEW_GROUP(
			  "etcd", "997") "+shadow etcd:!:20000::::::\n+gshadow etcd:!::\n" },
		{ "with all that can be said",
		  .want = { "name", "bob", "uid", "7", "group", "team", "groups", "log team", "comment",
			    "Bob B.", "home", "/srv/bob", "shell", "/bin/zsh", "!password", HASH },
		  .says = "create ensure=absent->present uid=->7 group=->team comment=->Bob B. "
			  "home=->/srv/bob "
			  "shell=->/bin/zsh groups=[]->[log team] password=->(secret)",
		  .then = "+passwd bob:x:7:50:Bob B.:/srv/bob:/bin/zsh\n"
			  "-group team:x:50:ann\n-group log:x:51:\n+group team:x:50:ann,bob\n+group "
			  "log:x:51:bob\n"
			  "+shadow bob:" HASH ":20000:0:99999:7:::\n"
			  "-gshadow team:!:ann:ann\n-gshadow log:!::\n+gshadow team:!:ann:ann,bob\n+gshadow "
			  "log:!::bob\n" },
		{ "its group by number", .want = { "name", "bob", "group", "51", "system", "true" },
		  .says = "create ensure=absent->present uid=->997 group=->log home=->/home/bob "
			  "shell=->/usr/sbin/nologin",
		  .then = "+passwd bob:x:997:51::/home/bob:/usr/sbin/nologin\n+shadow bob:!:20000::::::\n" },
		{ "a number for its own group", .want = { "name", "bob", "uid", "70000", "gid", "70001" },
		  .says = "create ensure=absent->present uid=->70000 group=->bob home=->/home/bob "
			  "shell=->/bin/sh "
			  "(makes group bob, gid 70001)",
		  .then = "+passwd bob:x:70000:70001::/home/bob:/bin/sh\n" NEW_GROUP("bob", "70001")
			  NEW_SHADOW("bob") "+gshadow bob:!::\n" },
		{ "a number that a group has", .want = { "name", "bob", "uid", "70000", "gid", "51" },
		  .says = "create ensure=absent->present uid=->70000 group=->log home=->/home/bob "
			  "shell=->/bin/sh",
		  .then = "+passwd bob:x:70000:51::/home/bob:/bin/sh\n" NEW_SHADOW("bob") },
		{ "a group of its name is there", .want = { "name", "log", "uid", "70000" },
		  .says = "create ensure=absent->present uid=->70000 group=->log home=->/home/log "
			  "shell=->/bin/sh",
		  .then = "+passwd log:x:70000:51::/home/log:/bin/sh\n" NEW_SHADOW("log") },
		{ "and has another number", .want = { "name", "log", "gid", "900" },
		  .error = "gid 900: the group log is there, and has the number 51 | neap.group { name = …, "
			   "gid = … } "
			   "changes the number of a group" },
		{ "without groups of their own",
		  .have = { { "/etc/login.defs", NEAP_FILE_REGULAR, 0644, 0, 0,
			      "USERGROUPS_ENAB no\nSUB_UID_COUNT 0\n" },
			    { "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, "users:x:100:\n" } },
		  .want = { "name", "bob" },
		  .says = "create ensure=absent->present uid=->1001 group=->users home=->/home/bob "
			  "shell=->/bin/sh",
		  .then = "+passwd bob:x:1001:100::/home/bob:/bin/sh\n" NEW_SHADOW("bob") },
		{ "what an interrupted making has left is used",
		  .have = { { "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, "bob:x:1001:\n" },
			    { "/etc/shadow", NEAP_FILE_REGULAR, 0640, 0, 0, "bob:" HASH ":1::::::\n" },
			    { "/etc/gshadow", NEAP_FILE_REGULAR, 0640, 0, 0, "bob:!::\n" },
			    { "/etc/subuid", NEAP_FILE_REGULAR, 0640, 0, 0, "bob:100000:65536\n" } },
		  .want = { "name", "bob" },
		  .says = "create ensure=absent->present uid=->1001 group=->bob home=->/home/bob "
			  "shell=->/bin/sh",
		  .then = "+passwd bob:x:1001:1001::/home/bob:/bin/sh\n-shadow bob:" HASH
			  ":1::::::\n" NEW_SHADOW("bob") },
		{ "no such group", .want = { "name", "bob", "group", "nope" },
		  .error = "group nope does not exist" },
		{ "no such group by number", .want = { "name", "bob", "group", "4711" },
		  .error = "group 4711 does not exist | declare it: neap.group { name = … }" },
		{ "no such group to be in", .want = { "name", "bob", "groups", "team nope" },
		  .error = "group nope does not exist | declare it: neap.group { name = … }" },
		{ "a number that another has", .want = { "name", "bob", "uid", "998" },
		  .error = "uid 998 is that of svc" },
		{ "a range that makes no sense",
		  .have = { { "/etc/login.defs", NEAP_FILE_REGULAR, 0644, 0, 0, "UID_MIN 9\nUID_MAX 3\n" } },
		  .want = { "name", "bob" },
		  .error = "/etc/login.defs: from UID_MIN 9 to UID_MAX 3 is no range" },
		{ "a setting that is no number",
		  .have = { { "/etc/login.defs", NEAP_FILE_REGULAR, 0644, 0, 0, "UID_MIN many\n" } },
		  .want = { "name", "bob" }, .error = "/etc/login.defs: UID_MIN is no number" },
	};

	(void)state;
	ACCOUNT_RUN("user", cells);
}

static void user__ones_that_are_there(void **state)
{
	static const struct account_cell cells[] = {
		{ "nothing asked", .want = { "name", "ann" } },
		{ "all as asked", .want = { "name",    "ann",       "uid",
					    "1000",    "group",     "ann",
					    "groups",  "team",      "groups_exclusive",
					    "true",    "comment",   "Ann",
					    "home",    "/home/ann", "shell",
					    "/bin/sh", "!password", HASH,
					    "system",  "true" } },
		{ "other fields",
		  .want = { "name", "ann", "uid", "1500", "group", "log", "comment", "", "home", "/h",
			    "shell", "/s" },
		  .says = "update uid=1000->1500 group=ann->log comment=Ann-> home=/home/ann->/h "
			  "shell=/bin/sh->/s "
			  "(files of user 1000 stay as they are)",
		  .then = "-passwd ann:x:1000:1000:Ann:/home/ann:/bin/sh\n+passwd ann:x:1500:51::/h:/s\n" },
		{ "one more group", .want = { "name", "ann", "groups", "log" },
		  .says = "update groups=[team]->[team log]",
		  .then = "-group log:x:51:\n+group log:x:51:ann\n-gshadow log:!::\n+gshadow log:!::ann\n" },
		{ "this group only", .want = { "name", "ann", "groups", "log", "groups_exclusive", "true" },
		  .says = "update groups=[team]->[log]",
		  .then = "-group team:x:50:ann\n-group log:x:51:\n+group team:x:50:\n+group log:x:51:ann\n"
			  "-gshadow team:!:ann:ann\n-gshadow log:!::\n+gshadow team:!::\n+gshadow "
			  "log:!::ann\n" },
		{ "another password", .want = { "name", "ann", "password", "!" HASH },
		  .says = "update password=(hidden)->(secret)",
		  .then = "-shadow ann:" HASH ":19000:0:99999:7:::\n+shadow ann:!" HASH
			  ":20000:0:99999:7:::\n" },
		{ "a password in passwd moves",
		  .have = { { "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0,
			      "ann:" HASH ":1000:1000::/:/s\n" } },
		  .want = { "name", "ann", "password", HASH }, .says = "update password=(hidden)->(secret)",
		  .then = "-passwd ann:" HASH ":1000:1000::/:/s\n+passwd ann:x:1000:1000::/:/s\n"
			  "-shadow ann:" HASH ":19000:0:99999:7:::\n+shadow ann:" HASH
			  ":20000:0:99999:7:::\n" },
		{ "a removal that was interrupted",
		  .have = { { "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, "team:x:50:\n" },
			    { "/etc/gshadow", NEAP_FILE_REGULAR, 0640, 0, 0, "" },
			    { "/etc/shadow", NEAP_FILE_REGULAR, 0640, 0, 0, "" },
			    { "/etc/subuid", NEAP_FILE_REGULAR, 0644, 0, 0, "" } },
		  .want = { "name", "ann" },
		  .says = "update group=->ann password=->! (it is not in /etc/shadow; makes group ann, gid "
			  "1000; "
			  "subordinate uids from 100000)",
		  .then = NEW_GROUP("ann", "1000")
			  NEW_SHADOW("ann") "+gshadow ann:!::\n+subuid ann:100000:65536\n" },
		{ "a number that another has", .want = { "name", "ann", "uid", "998" },
		  .error = "uid 998 is that of svc" },
		{ "a malformed line in the way",
		  .have = { { "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0,
			      "root:x:0:0:::\nann:x:12x:1000:::\n" } },
		  .want = { "name", "ann" },
		  .error = "/etc/passwd:2: the entry of ann is malformed | mend or remove the line by hand "
			   "(pwck and "
			   "grpck help to)" },
		{ "a group that is no number",
		  .have = { { "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0, "ann:x:12:x:::\n" } },
		  .want = { "name", "ann" },
		  .error = "/etc/passwd: the entry of ann is malformed: its group is no number" },
	};

	(void)state;
	ACCOUNT_RUN("user", cells);
}

#define MAKES_BOB                                                                                            \
	"+passwd bob:x:1001:1001::/home/bob:/bin/sh\n" NEW_GROUP("bob", "1001")                              \
		NEW_SHADOW("bob") "+gshadow bob:!::\n+subuid bob:165536:65536\n"
#define SAYS_BOB "create ensure=absent->present uid=->1001 group=->bob home=->/home/bob shell=->/bin/sh"

static void user__homes(void **state)
{
	static const struct account_cell cells[] = {
		{ "made from skel",
		  .have = { { "/etc/skel/d", NEAP_FILE_DIRECTORY, 0711, 5, 5, NULL },
			    { "/etc/skel/d/f", NEAP_FILE_REGULAR, 0400, 5, 5, "f" },
			    { "/etc/skel/l", NEAP_FILE_LINK, 0777, 0, 0, "d/f" } },
		  .want = { "name", "bob", "create_home", "true" },
		  .says = SAYS_BOB
		  " create_home=->true (makes group bob, gid 1001; subordinate uids from 165536; makes "
		  "/home/bob, 0755, from /etc/skel)",
		  .then = MAKES_BOB
		  "d /home/bob 0755 1001:1001\nf /home/bob/.profile 0644 1001:1001 p\n"
		  "d /home/bob/d 0711 1001:1001\nf /home/bob/d/f 0400 1001:1001 f\nl /home/bob/l d/f\n" },
		{ "its mode by login.defs",
		  .have = { { "/etc/login.defs", NEAP_FILE_REGULAR, 0644, 0, 0,
			      "UMASK 027\n#HOME_MODE 0700\n" } },
		  .want = { "name", "ann", "create_home", "true" },
		  .says = "update create_home=->true (makes /home/ann, 0750, from /etc/skel)",
		  .then = "d /home/ann 0750 1000:1000\nf /home/ann/.profile 0644 1000:1000 p\n" },
		{ "its mode by HOME_MODE, and parents",
		  .have = { { "/etc/login.defs", NEAP_FILE_REGULAR, 0644, 0, 0,
			      "UMASK 027\nHOME_MODE 0700\n" } },
		  .want = { "name", "ann", "create_home", "true", "home", "/home/a/b" },
		  .says = "update home=/home/ann->/home/a/b create_home=->true parents=[]->[/home/a] (makes "
			  "/home/a; makes "
			  "/home/a/b, 0700, from /etc/skel)",
		  .then = "-passwd ann:x:1000:1000:Ann:/home/ann:/bin/sh\n+passwd "
			  "ann:x:1000:1000:Ann:/home/a/b:/bin/sh\n"
			  "d /home/a 0755 0:0\nd /home/a/b 0700 1000:1000\nf /home/a/b/.profile 0644 "
			  "1000:1000 p\n" },
		{ "one that is there stays as it is",
		  .have = { { "/home/ann", NEAP_FILE_DIRECTORY, 0700, 1, 1, NULL } },
		  .want = { "name", "ann", "create_home", "true" }, .then = "d /home/ann 0700 1:1\n" },
		{ "of a new user too", .have = { { "/home/bob/x", NEAP_FILE_REGULAR, 0700, 0, 0, "" } },
		  .want = { "name", "bob", "create_home", "true" },
		  .says = SAYS_BOB
		  " (makes group bob, gid 1001; subordinate uids from 165536; /home/bob is there, and stays "
		  "as it is)",
		  .then = MAKES_BOB "d /home/bob 0755 0:0\nf /home/bob/x 0700 0:0 \n" },
		{ "a part is completed",
		  .have = { { "/home/ann", NEAP_FILE_DIRECTORY, 01700, 0, 0, NULL },
			    { "/home/ann/d", NEAP_FILE_DIRECTORY, 0755, 1000, 1000, NULL },
			    { "/etc/skel/d/f", NEAP_FILE_REGULAR, 0400, 5, 5, "f" } },
		  .want = { "name", "ann", "create_home", "true" },
		  .says = "update create_home=->true (completes /home/ann, of which a part is there)",
		  .then = "d /home/ann 0755 1000:1000\nf /home/ann/.profile 0644 1000:1000 p\nd /home/ann/d "
			  "0755 1000:1000\n"
			  "f /home/ann/d/f 0400 1000:1000 f\n" },
		{ "but not with something else in it",
		  .have = { { "/home/ann", NEAP_FILE_DIRECTORY, 01700, 0, 0, NULL },
			    { "/home/ann/own", NEAP_FILE_REGULAR, 0700, 0, 0, "" } },
		  .want = { "name", "ann", "create_home", "true" },
		  .then = "d /home/ann 1700 0:0\nf /home/ann/own 0700 0:0 \n" },
		{ "a file in the way", .have = { { "/home/ann", NEAP_FILE_REGULAR, 0700, 0, 0, "" } },
		  .want = { "name", "ann", "create_home", "true" },
		  .error = "/home/ann is a regular file | a home is a directory: remove it, or give another "
			   "home" },
		{ "a socket in skel", .have = { { "/etc/skel/s", NEAP_FILE_OTHER, 0700, 0, 0, NULL } },
		  .want = { "name", "ann", "create_home", "true" },
		  .error = "/etc/skel/s is a device, fifo or socket | a home is made of files, links and "
			   "directories: "
			   "remove it" },
	};

	(void)state;
	ACCOUNT_RUN("user", cells);
}

#define LEAVES_ANN                                                                                           \
	"-passwd ann:x:1000:1000:Ann:/home/ann:/bin/sh\n-group ann:x:1000:\n-group team:x:50:ann\n"          \
	"+group team:x:50:\n-shadow ann:" HASH                                                               \
	":19000:0:99999:7:::\n-gshadow ann:!::\n-gshadow team:!:ann:ann\n"                                   \
	"+gshadow team:!::\n-subuid ann:100000:65536\n"

static void user__ones_that_go(void **state)
{
	static const struct account_cell cells[] = {
		{ "gone already", .want = { "name", "bob", "ensure", "absent", "remove_home", "true" } },
		{ "everything but the home",
		  .have = { { "/home/ann/x", NEAP_FILE_REGULAR, 0644, 1000, 1000, "x" } },
		  .want = { "name", "ann", "ensure", "absent" },
		  .says = "delete ensure=present->absent groups=[team]->[] (removes group ann; /home/ann "
			  "stays)",
		  .then = LEAVES_ANN "d /home/ann 0755 0:0\nf /home/ann/x 0644 1000:1000 x\n" },
		{ "the home too",
		  .have = { { "/home/ann", NEAP_FILE_DIRECTORY, 0755, 1000, 1000, NULL },
			    { "/home/ann/d/x", NEAP_FILE_REGULAR, 0644, 1000, 1000, "x" } },
		  .want = { "name", "ann", "ensure", "absent", "remove_home", "true" },
		  .says = "delete ensure=present->absent groups=[team]->[] (removes group ann; removes "
			  "/home/ann and all "
			  "that is in it)",
		  .then = LEAVES_ANN },
		{ "its group is another's too",
		  .have = { { "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, "ann:x:1000:svc\n" } },
		  .want = { "name", "ann", "ensure", "absent" },
		  .says = "delete ensure=present->absent (/home/ann stays)",
		  .then = "-passwd ann:x:1000:1000:Ann:/home/ann:/bin/sh\n-shadow ann:" HASH
			  ":19000:0:99999:7:::\n-subuid ann:100000:65536\n" },
		{ "its group is another's first",
		  .have = { { "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0,
			      "ann:x:1:1000:::\nbob:x:2:1000:::\n" },
			    { "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, "ann:x:1000:\n" } },
		  .want = { "name", "ann", "ensure", "absent" },
		  .says = "delete ensure=present->absent ( stays)",
		  .then = "-passwd ann:x:1:1000:::\n-shadow ann:" HASH
			  ":19000:0:99999:7:::\n-subuid ann:100000:65536\n" },
		{ "a home that is not the user's own",
		  .have = { { "/home/ann", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL } },
		  .want = { "name", "ann", "ensure", "absent", "remove_home", "true" },
		  .error = "remove the home of ann: /home/ann is not the user's own | leave out remove_home, "
			   "and remove it "
			   "by neap.directory if it should go" },
		{ "a home in which others own something",
		  .have = { { "/home/ann", NEAP_FILE_DIRECTORY, 0755, 1000, 1000, NULL } },
		  .owned = { "/home/ann/.ssh" },
		  .want = { "name", "ann", "ensure", "absent", "remove_home", "true" },
		  .error = "remove /home/ann: other resources own it or something in it | make these absent "
			   "too, or leave "
			   "out remove_home" },
		{ "a home at the top",
		  .have = { { "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0, "ann:x:1000:1000::/home:/s\n" },
			    { "/home", NEAP_FILE_DIRECTORY, 0755, 1000, 1000, NULL } },
		  .want = { "name", "ann", "ensure", "absent", "remove_home", "true" },
		  .error = "remove the home of ann: /home is at the top of the file system | leave out "
			   "remove_home, and "
			   "remove it by neap.directory if it should go" },
		{ "a home that holds another",
		  .have = { { "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0,
			      "ann:x:1000:1000::/home/ann:/s\nbob:x:5:5::/home/ann/bob:/s\n" },
			    { "/home/ann", NEAP_FILE_DIRECTORY, 0755, 1000, 1000, NULL } },
		  .want = { "name", "ann", "ensure", "absent", "remove_home", "true" },
		  .error = "remove /home/ann: it holds the home of bob too" },
	};

	(void)state;
	ACCOUNT_RUN("user", cells);
}

static void user__what_contradicts_itself_is_refused(void **state)
{
	static const char hash[] =
		"password must be a hash of crypt(3), such as $y$… or $6$…, or \"!\" or \"*\"";
	static const char *const wrong[] = { "secret",
					     "$ecret",
					     "$6$salt$short",
					     "abcdefghijklm",
					     "$$$aaaaaaaaaaaaaaaaaaaaaaa",
					     "$6$salt$aaaaaaaaaaaaaaaaaaaaaaaa:",
					     "!x",
					     "$6$s alt$aaaaaaaaaaaaaaaaaaaaaaaa" };
	static const char *const right[] = {
		"!",
		"*",
		"!!",
		"!*",
		HASH,
		"!" HASH,
		"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
		"$2b$12$EXRkfkdmXn2gzds2SSitu.MW9.gAVqa9eLS1//RYtYCmB1eLHg.9q",
		"$6$rounds=5000$salt$"
		"aaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct neap_arena *arena = neap_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "password", wrong[i]), hash);
	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "password", right[i]), "");
	assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "group", "x", "gid", "3"),
			    "group and gid contradict each other");
	assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "groups_exclusive", "true"),
			    "groups_exclusive has no meaning without groups");
	assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "remove_home", "true"),
			    "remove_home has no meaning without ensure = \"absent\"");
	assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "ensure", "absent", "shell", "/x"),
			    "shell has no meaning with ensure = \"absent\"");
	assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "comment", "a:b"),
			    "comment must not hold a colon: it separates fields");
	assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "comment", "a\nb"),
			    "comment must not hold control bytes");
	assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "home", "/a:b"),
			    "home must not hold a colon: it separates fields");
	assert_string_equal(DRIVER_CHECK(arena, "user", "name", "a", "shell", "/a\tb"),
			    "shell must not hold control bytes");
	neap_arena_free(arena);
}

static void user__each_call_failing_once_ends_in_the_same_place(void **state)
{
	static const struct account_cell cells[] = {
		{ "a new one", .have = { { "/etc/skel/d/f", NEAP_FILE_REGULAR, 0400, 5, 5, "f" } },
		  .want = { "name", "bob", "create_home", "true", "groups", "team log", "password", HASH } },
		{ "one that changes",
		  .want = { "name", "ann", "create_home", "true", "groups", "log", "groups_exclusive", "true",
			    "shell", "/x", "password", "!" } },
		{ "one that goes",
		  .have = { { "/home/ann", NEAP_FILE_DIRECTORY, 0755, 1000, 1000, NULL },
			    { "/home/ann/d/x", NEAP_FILE_REGULAR, 0644, 1000, 1000, "x" } },
		  .want = { "name", "ann", "ensure", "absent", "remove_home", "true" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
		account_fail_each_call("user", &cells[i]);
}

/* While something is pending, one who is not there may come yet: then no free number is known either. */
static void user__one_who_may_come_yet_makes_free_numbers_unknown(void **state)
{
	const struct neap_resource_type *type = driver_type("user");
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct driver driver;

	(void)state;
	account_begin(&driver, &(struct account_cell){ 0 }, NEAP_OVERLAY_PLAN);
	driver_open(&driver);
	struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
	void *have = neap_arena_alloc(driver.arena, type->have_size);
	const void *bob = driver_want(driver.arena, type, (const char *[]){ "name", "bob", NULL });
	const void *eve = driver_want(driver.arena, type, (const char *[]){ "name", "eve", NULL });
	const void *ann = driver_want(driver.arena, type, (const char *[]){ "name", "ann", NULL });
	const void *fixed = driver_want(
		driver.arena, type,
		(const char *[]){ "name", "eve", "uid", "7", "group", "log", "system", "true", NULL });
	neap_overlay_step(driver.overlay, 4, 3);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, bob, have, &err), NEAP_UNKNOWN);
	assert_int_equal(neap_view_cause(&driver.overlay->view), 3);
	assert_int_equal(type->apply(driver.overlay, &ctx, bob, NULL, &err), 0);
	neap_overlay_step(driver.overlay, 5, NEAP_NO_STEP);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, eve, have, &err), NEAP_UNKNOWN);
	assert_int_equal(neap_view_cause(&driver.overlay->view), 3);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, ann, have, &err), 0);
	memset(have, 0, type->have_size);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, fixed, have, &err), 0);
	driver_end(&driver);
}

/* One who is half there: the other half may come yet, whatever else differs. */
static void user__one_who_may_come_to_shadow_yet_is_unknown(void **state)
{
	const struct neap_resource_type *type = driver_type("user");
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct driver driver;

	(void)state;
	account_begin(&driver, &(struct account_cell){ 0 }, NEAP_OVERLAY_PLAN);
	neap_host_memory_put(driver.machine, "/etc/shadow", NEAP_FILE_REGULAR, 0640, 0, 42, "root:*:::::::\n",
			     14);
	driver_open(&driver);
	struct neap_context ctx = { .scratch = driver.arena, .passing = driver.arena };
	void *have = neap_arena_alloc(driver.arena, type->have_size);
	const void *ann =
		driver_want(driver.arena, type, (const char *[]){ "name", "ann", "shell", "/bin/zsh", NULL });
	neap_overlay_step(driver.overlay, 4, 3);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, ann, have, &err), NEAP_UNKNOWN);
	neap_overlay_step(driver.overlay, 5, NEAP_NO_STEP);
	assert_int_equal(type->read(&driver.overlay->view, &ctx, ann, have, &err), 0);
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user__new_ones),
		cmocka_unit_test(user__ones_that_are_there),
		cmocka_unit_test(user__homes),
		cmocka_unit_test(user__ones_that_go),
		cmocka_unit_test(user__what_contradicts_itself_is_refused),
		cmocka_unit_test(user__each_call_failing_once_ends_in_the_same_place),
		cmocka_unit_test(user__one_who_may_come_yet_makes_free_numbers_unknown),
		cmocka_unit_test(user__one_who_may_come_to_shadow_yet_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
