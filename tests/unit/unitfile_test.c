/* What files of units say, and the links that [Install] asks for. tests/property/unit_enable_test.c holds the
 * same against systemctl; here is what each rule means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/unitfile.h"

/* The links, with a blank between them; or "error | hint". */
static const char *links_of(struct neap_arena *arena, const char *name, const char *text)
{
	struct neap_unitfile file = { .name = name, .arena = arena };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_buf out NEAP_AUTO_BUF = { 0 };
	struct neap_unit_links links;

	if (neap_unitfile_read(&file, neap_str(text), "f", &err) < 0 ||
	    neap_unitfile_links(&file, &links, &err) < 0)
		return neap_arena_printf(arena, "%s%s%s", err->message, err->hint ? " | " : "",
					 err->hint ? err->hint : "");
	for (size_t i = 0; i < links.count; i++)
		neap_buf_printf(&out, "%s%s%s", i ? " " : "", links.items[i].alias ? "=" : "",
				links.items[i].path);
	return neap_arena_copy(arena, out.len ? out.data : "", out.len);
}

static void unitfile__links(void **state)
{
	static const struct {
		const char *name, *install, *links;
	} cells[] = {
		{ "a.service", "", "" },
		{ "a.service", "WantedBy=m.target", "m.target.wants/a.service" },
		{ "a.service", "WantedBy=m.target\nRequiredBy=m.target n.target",
		  "m.target.requires/a.service m.target.wants/a.service n.target.requires/a.service" },
		{ "a.service", "WantedBy=m.target m.target\nWantedBy=m.target", "m.target.wants/a.service" },
		{ "a.service", "WantedBy=m.target\nWantedBy=\nWantedBy=n.target",
		  "n.target.wants/a.service" },
		{ "a.service", "WantedBy = \"m.target\" 'n.target' ",
		  "m.target.wants/a.service n.target.wants/a.service" },
		{ "a.service", "WantedBy=m.target \"n.target", "m.target.wants/a.service" },
		{ "a.service", "WantedBy=m.target \\\n# not part of it\n n.target",
		  "m.target.wants/a.service n.target.wants/a.service" },
		{ "a.service", "WantedBy=m.target\\\n", "m.target.wants/a.service" },
		{ "a.service", "# WantedBy=m.target\n ; WantedBy=m.target", "" },
		{ "a.service", "[Unit]\nWantedBy=m.target", "" },
		{ "a.service", "[Unit]\n[Install]\nWantedBy=m.target", "m.target.wants/a.service" },
		{ "a.service", "wantedby=m.target", "" },
		{ "a.service", "WantedBy=%n.wants %N.target",
		  "WantedBy=a.service.wants is no name of a unit" },
		{ "a.service", "WantedBy=%N-%p.target", "a-a.target.wants/a.service" },
		{ "a.service", "WantedBy=100%%.target", "WantedBy=100%.target is no name of a unit" },
		{ "a.service", "WantedBy=%H.target",
		  "WantedBy=%H.target: what %H stands for is not known to neap | it knows %i, %j, %n, %N and "
		  "%p" },
		{ "a.service", "Alias=b.service", "=b.service" },
		{ "a.service", "Alias=a.service", "" },
		{ "a.service", "Alias=b.socket",
		  "Alias=b.socket cannot be a name of a.service: it is of another kind" },
		{ "a.service", "Alias=b@.service",
		  "Alias=b@.service cannot be a name of a.service: one of them is a template or an "
		  "instance" },
		{ "a.service", "Alias=../b.service",
		  "Alias=../b.service cannot be a name of a.service: it lies in no directory that ends in "
		  ".wants or "
		  ".requires" },
		{ "a.service", "Alias=m.target.wants/a.service", "=m.target.wants/a.service" },
		{ "a.service", "Alias=m.target.wants/b.service",
		  "Alias=m.target.wants/b.service cannot be a name of a.service: it names another unit" },
		{ "m.mount", "Alias=n.mount\nWantedBy=m.target", "m.target.wants/m.mount" },
		{ "a@.service", "WantedBy=m.target",
		  "WantedBy=m.target: a@.service is a template, and says no DefaultInstance= | enable an "
		  "instance of "
		  "it, such as a@a.service" },
		{ "a@.service", "WantedBy=m@.target", "m@.target.wants/a@.service" },
		{ "a@.service", "DefaultInstance=x\nWantedBy=m.target", "m.target.wants/a@x.service" },
		{ "a@.service", "DefaultInstance=x\nDefaultInstance=\nWantedBy=m@.target",
		  "m@.target.wants/a@.service" },
		{ "a@.service", "DefaultInstance=x/y",
		  "f: line 2: DefaultInstance=x/y is no name of an instance" },
		{ "a@.service", "Alias=b@.service", "=b@.service" },
		{ "a@x.service", "DefaultInstance=y\nWantedBy=m-%i.target", "m-x.target.wants/a@x.service" },
		{ "a@x.service", "Alias=b@.service", "=b@x.service" },
		{ "a@x.service", "Alias=b@y.service",
		  "Alias=b@y.service cannot be a name of a@x.service: it is another instance" },
		{ "a-b@x.service", "WantedBy=%j.target", "b.target.wants/a-b@x.service" },
		{ "a.service", "UpheldBy=m.target",
		  "UpheldBy= in [Install] is not known to neap | leave enabled out, and make its links with "
		  "neap.link" },
		{ "a.service", "UpheldBy=m.target\nUpheldBy=", "" },
		{ "a.service", "Also=\"b.service\"", "f: line 2: Also=\"b.service\" is no name of a unit" },
		{ "a.service", "[Install", "f: line 2: no section begins with \"[Install\"" },
		{ "a.service", "X=\xff", "f: line 2: it is not UTF-8" },
	};
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const char *text = neap_arena_printf(arena, "[Install]\n%s\n", cells[i].install);
		const char *links = links_of(arena, cells[i].name, text);
		if (strcmp(links, cells[i].links) != 0)
			fail_msg("%s, %s:\n  is       %s\n  expected %s", cells[i].name, cells[i].install,
				 links, cells[i].links);
	}
}

static void unitfile__lines_end_as_systemd_ends_them(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf[Install]\r\nWantedBy=a.target\rWantedBy=b.target\n\rWantedBy=c.target\0"
		"WantedBy=d.target";
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_unitfile file = { .name = "a.service", .arena = arena };
	(void)state;

	assert_int_equal(neap_unitfile_read(&file, (struct neap_str){ text, sizeof text - 1 }, "f", NULL), 0);
	assert_int_equal(file.wanted_by.count, 4);
}

static void unitfile__what_is_dropped_in_adds_and_empties(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_unitfile file = { .name = "a.service", .arena = arena };
	struct neap_unit_links links;
	(void)state;

	assert_int_equal(neap_unitfile_read(&file, NEAP_STR("[Install]\nWantedBy=a.target\nAlso=b.service"),
					    "f", NULL),
			 0);
	/* A file begins outside of every section. */
	assert_int_equal(neap_unitfile_read(&file,
					    NEAP_STR("WantedBy=x.target\n[Install]\nRequiredBy=c.target"),
					    "g", NULL),
			 0);
	assert_int_equal(neap_unitfile_links(&file, &links, NULL), 0);
	assert_int_equal(links.count, 2);
	assert_string_equal(links.items[0].path, "a.target.wants/a.service");
	assert_int_equal(neap_unitfile_read(&file, NEAP_STR("[Install]\nWantedBy=\nAlso=\n"), "g", NULL), 0);
	assert_int_equal(neap_unitfile_links(&file, &links, NULL), 0);
	assert_int_equal(links.count, 1);
	assert_int_equal(file.also.count, 1); /* as systemctl has it */
}

static void unitfile__how_a_service_runs(void **state)
{
	static const struct {
		const char *service;
		bool passes;
	} cells[] = {
		{ "ExecStart=/bin/x", false },
		{ "Type=oneshot", true },
		{ "Type=oneshot\nRemainAfterExit=Yes", false },
		{ "Type=oneshot\nRemainAfterExit=on\nRemainAfterExit=no", true },
		{ "Type=oneshot\nType=simple", false },
		{ "[Unit]\nType=oneshot", false },
	};
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct neap_unitfile file = { .name = "a.service", .arena = arena };
		const char *text =
			neap_arena_printf(arena, "[Service]\nUser=web\nGroup=\n%s", cells[i].service);
		assert_int_equal(neap_unitfile_read(&file, neap_str(text), "f", NULL), 0);
		assert_int_equal(neap_unitfile_passes(&file), cells[i].passes);
		assert_string_equal(file.user, "web");
		assert_null(file.group);
	}
}

static void unitfile__a_megabyte_takes_no_time(void **state)
{
	static const char *const parts[] = { "\\\n", "WantedBy=a.target\n", "a.target ",
					     "#\n",  "Also=b.service\n",    "\"\" " };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct neap_unitfile file = { .name = "a.service", .arena = arena };
		struct neap_buf text NEAP_AUTO_BUF = { 0 };
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		struct neap_unit_links links;
		neap_buf_puts(&text, "[Install]\nWantedBy=");
		while (text.len < NEAP_UNITFILE_MAX - 20)
			neap_buf_puts(&text, parts[i]);
		if (neap_unitfile_read(&file, (struct neap_str){ text.data, text.len }, "f", &err) == 0)
			neap_unitfile_links(&file, &links, &err);
		while (text.len <= NEAP_UNITFILE_MAX)
			neap_buf_puts(&text, parts[i]);
		neap_error_free(err);
		err = NULL;
		assert_int_equal(
			neap_unitfile_read(&file, (struct neap_str){ text.data, text.len }, "f", &err), -1);
		assert_string_equal(err->message, "f is longer than 1 MB");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unitfile__links),
		cmocka_unit_test(unitfile__lines_end_as_systemd_ends_them),
		cmocka_unit_test(unitfile__what_is_dropped_in_adds_and_empties),
		cmocka_unit_test(unitfile__how_a_service_runs),
		cmocka_unit_test(unitfile__a_megabyte_takes_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
