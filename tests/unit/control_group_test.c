/* core/host/control_group.h: which units a path is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/control_group.h"

static void control_group__has_the_units_that_it_is_made_of(void **state)
{
	static const char group[] = "/system.slice/system-app.slice/app@x.service/_cpu.a.service/__b.service";

	(void)state;
	assert_true(neap_control_group_has(group, "system.slice"));
	assert_true(neap_control_group_has(group, "app@x.service"));
	/* What could be the kernel's name has one put before it. */
	assert_true(neap_control_group_has(group, "cpu.a.service"));
	assert_true(neap_control_group_has(group, "_b.service"));
	assert_false(neap_control_group_has(group, "a.service"));
	assert_false(neap_control_group_has(group, "app@.service"));
	assert_false(neap_control_group_has(group, "app@x.servic"));
	assert_false(neap_control_group_has(group, "pp@x.service"));
	assert_false(neap_control_group_has("", "a.service"));
	assert_false(neap_control_group_has("/", "a.service"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_group__has_the_units_that_it_is_made_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
