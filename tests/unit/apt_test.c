/* base/apt.h: what dpkg and apt print, as data; and text that is none of theirs does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/apt.h"

static void apt__dpkg_states(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_dpkg_package *packages;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	size_t count;
	static const struct {
		const char *letters, *name;
		bool held;
	} cells[] = {
		{ "ii ", "installed", false },        { "hi ", "installed", true },
		{ "rc ", "config-files", false },     { "un ", "not-installed", false },
		{ "iU ", "unpacked", false },         { "iF ", "half-configured", false },
		{ "iHR", "half-installed", false },   { "iH ", "half-installed", false },
		{ "iW ", "triggers-awaited", false }, { "it ", "triggers-pending", false },
		{ "iUR", "half-installed", false },   { "ii", "installed", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const char *text = neap_arena_printf(
			arena, "%s\tlibc6\tamd64\t2.36-9+deb12u14\nii \tx\tall\t1:2~3\n", cells[i].letters);
		assert_int_equal(neap_dpkg_parse(arena, neap_str(text), &packages, &count, &err), 0);
		assert_int_equal(count, 2);
		assert_string_equal(neap_dpkg_status_name(packages[0].status), cells[i].name);
		assert_int_equal(packages[0].held, cells[i].held);
		assert_string_equal(packages[0].name, "libc6");
		assert_string_equal(packages[0].architecture, "amd64");
		assert_string_equal(packages[0].version, "2.36-9+deb12u14");
		assert_string_equal(packages[1].version, "1:2~3");
	}
	assert_int_equal(neap_dpkg_parse(arena, neap_str(""), &packages, &count, &err), 0);
	assert_int_equal(count, 0);
}

static void apt__what_dpkg_never_says_is_an_error(void **state)
{
	static const char *const texts[] = { "\n",    "i\tx\ta\t1\n",    "iX \tx\tall\t1\n",
					     "ii \n", "ii \t\tall\t1\n", "dpkg-query: error: nonsense\n" };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_dpkg_package *packages;
	size_t count;
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		assert_true(neap_dpkg_parse(arena, neap_str(texts[i]), &packages, &count, &err) < 0);
		assert_non_null(strstr(err->message, "which neap does not understand"));
	}
}

static void apt__names_and_versions(void **state)
{
	static const char *const names[] = { "ed",          "g++",        "libstdc++6", "0ad",
					     "zlib1g:i386", "python3.11", "a-b.c+d" };
	static const char *const no_names[] = { "",     "x",      "Ed",   "-ed",    "+ed",           "ed ",
						"ed=1", "ed/sid", "ed:",  "ed:-a",  "ed:amd64:i386", "ed\n",
						"e*",   "ed^",    "ed_1", "--purge" };
	static const char *const versions[] = { "1", "1:2.3-4", "0~rc1", "2.36-9+deb12u14", "1.0A" };
	static const char *const no_versions[] = { "", "a", "1*", "1 ", "-1", "1/sid", "1=2", "1_2" };
	char long_name[300];
	(void)state;

#define ALL(list, function, value)                                                                           \
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)                                              \
		if (function(list[i]) != value)                                                              \
	fail_msg("\"%s\"", list[i])
	ALL(names, neap_dpkg_is_name, true);
	ALL(no_names, neap_dpkg_is_name, false);
	ALL(versions, neap_dpkg_is_version, true);
	ALL(no_versions, neap_dpkg_is_version, false);
	memset(long_name, 'a', sizeof long_name);
	long_name[200] = '\0';
	assert_true(neap_dpkg_is_name(long_name));
	long_name[200] = 'a';
	long_name[201] = '\0';
	assert_false(neap_dpkg_is_name(long_name));
}

static const char policy[] = "nt-a:\n"
			     "  Installed: 1.0\n"
			     "  Candidate: 2.0\n"
			     "  Package pin: 3.0\n"
			     "  Version table:\n"
			     "     2.0 500\n"
			     "        500 file:/tmp/repo ./ Packages\n"
			     "        100 http://deb.debian.org/debian bookworm/main amd64 Packages\n"
			     " *** 1.0 100\n"
			     "        100 /var/lib/dpkg/status\n"
			     "zlib1g:i386:\n"
			     "  Installed: (none)\n"
			     "  Candidate: (none)\n"
			     "  Version table:\n"
			     "     1:1.2.13 -1\n"
			     "         -1 http://deb.debian.org/debian bookworm/main i386 Packages\n";

static void apt__policy(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_apt_policy *policies;
	size_t count;
	(void)state;

	neap_apt_policy_parse(arena, neap_str(policy), &policies, &count);
	assert_int_equal(count, 2);
	assert_string_equal(policies[0].name, "nt-a");
	assert_string_equal(policies[0].candidate, "2.0");
	assert_int_equal(policies[0].version_count, 2);
	assert_string_equal(policies[0].versions[0], "2.0");
	assert_string_equal(policies[0].versions[1], "1.0");
	assert_string_equal(policies[1].name, "zlib1g:i386");
	assert_null(policies[1].candidate);
	assert_int_equal(policies[1].version_count, 1);
	assert_string_equal(policies[1].versions[0], "1:1.2.13");
}

static const char simulation[] =
	"Reading package lists...\n"
	"The following held packages will be changed:\n"
	"  nt-held\n"
	"The following packages will be REMOVED:\n"
	"  nt-gone nt-purged*\n"
	"The following packages will be DOWNGRADED:\n"
	"  nt-down\n"
	"  nt-held nt-more\n"
	"0 upgraded, 1 newly installed, 2 downgraded, 2 to remove and 0 not upgraded.\n"
	"Remv nt-gone [1.0]\n"
	"Purg nt-purged\n"
	"Inst libc6 [2.35] (2.36 Debian:12/stable [amd64]) [nt-x:amd64 ]\n"
	"Inst zlib1g:i386 (1.2 Debian:12/stable [i386])\n"
	"Inst nt-down [2.0] (1.0 localhost [all]) []\n"
	"Inst nt-held [3.0] (1.0 localhost [all])\n"
	"Conf libc6 (2.36 Debian:12/stable [amd64])\n"
	"Conf zlib1g:i386 (1.2 Debian:12/stable [i386])\n"
	"Conf nt-half (1.0 localhost [all])\n";

static void apt__simulation(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_apt_simulation is;
	static const struct neap_apt_step expected[] = {
		{ NEAP_APT_REMOVE, "nt-gone", "1.0", NULL, false, false },
		{ NEAP_APT_REMOVE, "nt-purged", NULL, NULL, false, false },
		{ NEAP_APT_CHANGE, "libc6", "2.35", "2.36", false, false },
		{ NEAP_APT_INSTALL, "zlib1g:i386", NULL, "1.2", false, false },
		{ NEAP_APT_CHANGE, "nt-down", "2.0", "1.0", true, false },
		{ NEAP_APT_CHANGE, "nt-held", "3.0", "1.0", true, true },
		{ NEAP_APT_CONFIGURE, "nt-half", NULL, "1.0", false, false },
	};
	(void)state;

	neap_apt_simulation_parse(arena, neap_str(simulation), &is);
	assert_int_equal(is.count, sizeof expected / sizeof *expected);
	for (size_t i = 0; i < is.count; i++) {
		const struct neap_apt_step *step = &is.steps[i];
		assert_int_equal(step->kind, expected[i].kind);
		assert_string_equal(step->name, expected[i].name);
		assert_string_equal(step->before ? step->before : "-",
				    expected[i].before ? expected[i].before : "-");
		assert_string_equal(step->after ? step->after : "-",
				    expected[i].after ? expected[i].after : "-");
		assert_int_equal(step->downgrade, expected[i].downgrade);
		assert_int_equal(step->held, expected[i].held);
	}
}

/* Every start of every text, and every byte of it changed to some others: nothing is read beyond. */
static void apt__any_text_is_survived(void **state)
{
	static const char *const texts[] = { policy, simulation,
					     "ii \tlibc6\tamd64\t2.36\nrc \tx\tall\t1\n" };
	static const char others[] = { '\n', ' ', '\t', '\0', '[', '(', ':', '*', '\xff' };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t len = strlen(texts[i]);
		for (size_t at = 0; at <= len; at++) {
			for (size_t k = 0; k <= sizeof others; k++) {
				struct neap_arena_mark mark = neap_arena_mark(arena);
				/* without a NUL behind it, so that the sanitizer sees a step too far */
				size_t size = k == sizeof others ? at : len;
				char *copy NEAP_AUTO_FREE = neap_alloc(size + !size);
				struct neap_dpkg_package *packages;
				struct neap_apt_policy *policies;
				struct neap_apt_simulation is;
				size_t count;
				memcpy(copy, texts[i], size);
				if (k < sizeof others && at < len)
					copy[at] = others[k];
				struct neap_str text = { copy, size };
				neap_dpkg_parse(arena, text, &packages, &count, NULL);
				neap_apt_policy_parse(arena, text, &policies, &count);
				neap_apt_simulation_parse(arena, text, &is);
				neap_arena_rewind(arena, mark);
			}
		}
	}
}

static void apt__complaints(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	assert_string_equal(neap_apt_complaint(arena, "", ""), "it said nothing");
	assert_string_equal(
		neap_apt_complaint(
			arena,
			"Reading package lists...\nThe following packages have unmet dependencies:\n"
			" nt-d : Depends: nt-nowhere but it is not installable\n"
			"        Recommends: nt-x\n",
			"W: nothing to worry about\nE: Unable to correct problems, you have held broken "
			"packages.\n"),
		"nt-d : Depends: nt-nowhere but it is not installable; Recommends: nt-x; Unable to correct "
		"problems, you "
		"have held broken packages.");
	assert_string_equal(
		neap_apt_complaint(
			arena, "",
			"dpkg: error processing package nt-s (--configure):\n installed nt-s package "
			"post-installation script subprocess returned error exit status 3\nE: Sub-process "
			"/usr/bin/dpkg returned an error code (1)\n"),
		"dpkg: error processing package nt-s (--configure): installed nt-s package post-installation "
		"script subprocess returned error exit status 3; Sub-process /usr/bin/dpkg returned an error "
		"code (1)");
	/* of a wait only the last is told */
	assert_string_equal(
		neap_apt_complaint(arena,
				   "Waiting for cache lock: Could not get lock /x. It is held by process 7 "
				   "(one)...\nWaiting for cache lock: Could not get lock /x. It is held by "
				   "process 8 (two)...\n",
				   "E: Unable to acquire the dpkg frontend lock\n"),
		"Could not get lock /x. It is held by process 8 (two)...; Unable to acquire the dpkg "
		"frontend "
		"lock");
	/* the last lines stay, and not for ever */
	struct neap_buf many NEAP_AUTO_BUF = { 0 };
	for (unsigned i = 0; i < 100; i++)
		neap_buf_printf(&many, "E: ä%u %0300u\n", i, i);
	const char *text = neap_apt_complaint(arena, "", many.data);
	assert_true(strlen(text) <= 1000 + strlen("…"));
	assert_true(neap_str_is_utf8(neap_str(text)));
	assert_memory_equal(text, "ä92 ", strlen("ä92 "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(apt__dpkg_states),
		cmocka_unit_test(apt__what_dpkg_never_says_is_an_error),
		cmocka_unit_test(apt__names_and_versions),
		cmocka_unit_test(apt__policy),
		cmocka_unit_test(apt__simulation),
		cmocka_unit_test(apt__any_text_is_survived),
		cmocka_unit_test(apt__complaints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
