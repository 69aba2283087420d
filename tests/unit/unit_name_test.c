/* core/base/unit.c: which names are units'. systemd's own rules, as its documentation tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/unit.h"

static void unit__names_are_told_apart(void **state)
{
	char longest[300], longer[300];
	const struct {
		const char *name;
		enum neap_unit_name kind;
	} names[] = {
		{ "etcd.service", NEAP_UNIT_NAME_PLAIN },
		{ "a.b.service", NEAP_UNIT_NAME_PLAIN },
		{ "-.mount", NEAP_UNIT_NAME_PLAIN },
		{ "dev-sda1.swap", NEAP_UNIT_NAME_PLAIN },
		{ "a\\x2db:c_d-e.timer", NEAP_UNIT_NAME_PLAIN },
		{ "x.automount", NEAP_UNIT_NAME_PLAIN },
		{ "etcd@.service", NEAP_UNIT_NAME_TEMPLATE },
		{ "etcd@a.service", NEAP_UNIT_NAME_INSTANCE },
		{ "etcd@a@b.service", NEAP_UNIT_NAME_INSTANCE },
		{ "etcd@.b.service", NEAP_UNIT_NAME_INSTANCE },
		{ longest, NEAP_UNIT_NAME_PLAIN },
		{ longer, NEAP_UNIT_NAME_WRONG },
		{ "", NEAP_UNIT_NAME_WRONG },
		{ "etcd", NEAP_UNIT_NAME_WRONG },
		{ ".service", NEAP_UNIT_NAME_WRONG },
		{ "@.service", NEAP_UNIT_NAME_WRONG },
		{ "@a.service", NEAP_UNIT_NAME_WRONG },
		{ "etcd.services", NEAP_UNIT_NAME_WRONG },
		{ "etcd.conf", NEAP_UNIT_NAME_WRONG },
		{ "a/b.service", NEAP_UNIT_NAME_WRONG },
		{ "a b.service", NEAP_UNIT_NAME_WRONG },
		{ "a\n.service", NEAP_UNIT_NAME_WRONG },
		{ "\xc3\xa4.service", NEAP_UNIT_NAME_WRONG },
	};
	(void)state;

	memset(longer, 'a', sizeof(longer));
	memcpy(longer + 248, ".service", 9);
	memcpy(longest, longer + 1, sizeof(longest) - 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (neap_unit_name(names[i].name) != names[i].kind)
			fail_msg("%s is taken for %d", names[i].name, (int)neap_unit_name(names[i].name));
	assert_true(neap_unit_has_suffix("etcd.socket"));
	assert_true(neap_unit_has_suffix("a b.socket"));
	assert_false(neap_unit_has_suffix("etcd"));
	assert_false(neap_unit_has_suffix("etcd.sock"));
}

static void unit__what_is_dropped_in_ends_in_conf_and_is_not_hidden(void **state)
{
	static const char *const others[] = { "", ".conf", ".a.conf", "a.conf~", "conf", "a.config", "a" };

	(void)state;
	assert_true(neap_unit_is_drop_in("a.conf"));
	assert_true(neap_unit_is_drop_in("10-a.b.conf"));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(neap_unit_is_drop_in(others[i]));
}

static void unit__an_instance_has_a_template(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	(void)state;

	assert_string_equal(neap_unit_template("etcd@a.service", arena), "etcd@.service");
	assert_string_equal(neap_unit_template("etcd@a@b.c.socket", arena), "etcd@.socket");
	assert_null(neap_unit_template("etcd.service", arena));
	assert_null(neap_unit_template("etcd@.service", arena));
	assert_null(neap_unit_template("etcd@a", arena));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unit__names_are_told_apart),
		cmocka_unit_test(unit__what_is_dropped_in_ends_in_conf_and_is_not_hidden),
		cmocka_unit_test(unit__an_instance_has_a_template),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
