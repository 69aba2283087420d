/* neap.hosts_entry on a machine of tables: what is there × what is wanted, in a plan and in an apply. */
#include "base/ip.h"
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define IP "ip", "192.0.2.1"
#define DB "name", "db.example.org"
#define ENTRY IP, DB
#define WITH ENTRY, "aliases", "db sql"
#define NO "ensure", "absent"

static void hosts_entry__texts(void **state)
{
	static const struct driver_text cells[] = {
		/* as wanted */
		{ "192.0.2.1\tdb.example.org\n", { ENTRY } },
		{ "  192.0.2.1  x DB.example.ORG y # here\n", { ENTRY } },
		{ "192.0.2.1 db.example.org db\n", { ENTRY } },
		{ "192.0.2.1 db.example.org sql DB\n", { WITH } },
		{ "::1 h\n", { "ip", "0:0:0::1", "name", "h" } },
		{ "fe80::1%eth0 h\n", { "ip", "FE80::0:1%eth0", "name", "h" } },
		{ "::2 db.example.org\n192.0.2.1 db.example.org\n", { ENTRY } },
		{ "192.0.2.1 db.example.org\n192.0.2.1 db.example.org x\n", { ENTRY } },
		{ "#192.0.2.9 db.example.org\nnonsense db.example.org\n192.0.2.1 db.example.org\n",
		  { ENTRY } },
		{ "192.0.2.1 db.example.org\n", { ENTRY, "aliases", "" } },
		/* nowhere */
		{ NULL, { ENTRY }, "(makes the file)", "192.0.2.1\tdb.example.org\n" },
		{ "", { WITH }, "(at the end)", "192.0.2.1\tdb.example.org db sql\n" },
		{ "127.0.0.1 localhost",
		  { ENTRY },
		  "(at the end)",
		  "127.0.0.1 localhost\n192.0.2.1\tdb.example.org" },
		{ "1.1.1.1 x\r\n", { ENTRY }, "(at the end)", "1.1.1.1 x\r\n192.0.2.1\tdb.example.org\r\n" },
		{ "192.0.2.1 x # db.example.org\n",
		  { ENTRY },
		  "(at the end)",
		  "192.0.2.1 x # db.example.org\n192.0.2.1\tdb.example.org\n" },
		{ "fe80::1%eth1 h\n",
		  { "ip", "fe80::1%eth0", "name", "h" },
		  "(in line 1)",
		  "fe80::1%eth0 h\n" },
		/* with another address: the line becomes it, if it has nothing else */
		{ "1.1.1.1 x\n192.0.2.9\tdb.example.org # one\n",
		  { ENTRY },
		  "(in line 2)",
		  "1.1.1.1 x\n192.0.2.1\tdb.example.org # one\n" },
		{ "192.0.2.9 db.example.org db\n",
		  { WITH },
		  "(in line 1)",
		  "192.0.2.1 db.example.org db sql\n" },
		{ "192.0.2.9 db db.example.org\n",
		  { WITH },
		  "(in line 1)",
		  "192.0.2.1 db.example.org db sql\n" },
		{ "192.0.2.9  x  db.example.org  y # z\n",
		  { ENTRY },
		  "(at the end; takes names off line 1)",
		  "192.0.2.9  x  y # z\n192.0.2.1\tdb.example.org\n" },
		{ "192.0.2.9 db.example.org x\n192.0.2.1 db.example.org\n",
		  { ENTRY },
		  "(takes names off line 1)",
		  "192.0.2.9 x\n192.0.2.1 db.example.org\n" },
		{ "192.0.2.9 db.example.org\n192.0.2.1 db.example.org\n192.0.2.8 DB.EXAMPLE.ORG\n",
		  { ENTRY },
		  "(removes lines 1, 3)",
		  "192.0.2.1 db.example.org\n" },
		/* aliases: all of them, and nowhere else */
		{ "192.0.2.1 db.example.org x\n",
		  { WITH },
		  "(in line 1)",
		  "192.0.2.1 db.example.org db sql\n" },
		{ "192.0.2.1 db.example.org db\n",
		  { ENTRY, "aliases", "" },
		  "(in line 1)",
		  "192.0.2.1 db.example.org\n" },
		{ "192.0.2.1 x db.example.org\n",
		  { WITH },
		  "(takes names off line 1)",
		  "192.0.2.1 x\n192.0.2.1\tdb.example.org db sql\n" },
		{ "192.0.2.1 db.example.org db sql\n192.0.2.7 sql y\n::1 sql\n",
		  { WITH },
		  "(takes names off line 2)",
		  "192.0.2.1 db.example.org db sql\n192.0.2.7 y\n::1 sql\n" },
		/* gone */
		{ "192.0.2.1 db.example.org\n::2 x db.example.org\n",
		  { DB, NO },
		  "(removes line 1; takes names off line 2)",
		  "::2 x\n" },
		{ "192.0.2.1 db.example.org\n::2 x db.example.org\n",
		  { ENTRY, NO },
		  "(removes line 1)",
		  "::2 x db.example.org\n" },
		{ "192.0.2.1 db.example.org", { DB, NO }, "(removes line 1)", "" },
		{ "192.0.2.2 db.example.org\n", { ENTRY, NO } },
		{ NULL, { DB, NO } },
	};
	(void)state;
	DRIVER_RUN_TEXTS("hosts_entry", cells);
}

static void hosts_entry__cells(void **state)
{
	static const struct driver_cell cells[] = {
		{ "the line that becomes its own is not the first that has it",
		  { { "/t/x", REG, 0640, 33, 44,
		      "192.0.2.9 db.example.org old\n192.0.2.8 db.example.org\n" } },
		  { "path", "/t/x", ENTRY },
		  { 0 },
		  "update ip=192.0.2.8->192.0.2.1 elsewhere=[192.0.2.9]->[] (in line 2; takes names off line "
		  "1)",
		  NULL,
		  "f /t/x 0640 33:44 192.0.2.9 old\n192.0.2.1 db.example.org\n\n" },
		{ "moved, with an alias that is elsewhere",
		  { { "/t/x", REG, 0640, 33, 44, "192.0.2.9 db.example.org old\n192.0.2.8 sql\n" } },
		  { "path", "/t/x", WITH },
		  { 0 },
		  "update ip=192.0.2.9->192.0.2.1 elsewhere=[192.0.2.8]->[] (removes line 2; takes "
		  "names "
		  "off line 1)",
		  NULL,
		  "f /t/x 0640 33:44 192.0.2.9 old\n192.0.2.1\tdb.example.org db sql\n\n" },
		{ "aliases",
		  { { "/t/x", REG, 0644, 0, 0, "192.0.2.1 db.example.org old\n" } },
		  { "path", "/t/x", WITH },
		  { 0 },
		  "update aliases=[old]->[db sql] (in line 1)",
		  NULL,
		  "f /t/x 0644 0:0 192.0.2.1 db.example.org db sql\n\n" },
		{ "new",
		  { { 0 } },
		  { "path", "/t/a/x", WITH },
		  { 0 },
		  "create ensure=absent->present ip=->192.0.2.1 aliases=[]->[db sql] parents=[]->[/t/a] "
		  "(makes the "
		  "file; makes /t/a)",
		  NULL,
		  "d /t/a 0755 0:0\nf /t/a/x 0644 0:0 192.0.2.1\tdb.example.org db sql\n\n" },
	};
	(void)state;
	DRIVER_RUN("hosts_entry", cells);
	driver_run_faults("hosts_entry", &cells[0]);
	driver_run_faults("hosts_entry", &cells[2]);
}

static void hosts_entry__check_knows_addresses_and_names(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	static const char *const bad_ips[] = { "192.0.2",  "192.0.2.256",  "192.0.2.01", "1.2.3.4.5",
					       ":::",      "1:2:3",        "12345::",    "x",
					       "fe80::1%", "1.1.1.1%eth0", "1.1.1.1 ",   NULL };
	static const char *const bad_names[] = { "a b", "-a",  "a-",     "a..b", ".a",
						 "a.",  "a/b", "a.-b.c", "a#b",  NULL };
	(void)state;

#define CHECK(expected, ...) assert_string_equal(DRIVER_CHECK(arena, "hosts_entry", __VA_ARGS__), expected)
	CHECK("", ENTRY);
	CHECK("", "ip", "2001:DB8::1", "name", "a_b-1.c");
	CHECK("", DB, NO);
	CHECK("ip is required, unless ensure = \"absent\"", DB);
	CHECK("aliases has no meaning with ensure = \"absent\"", WITH, NO);
	CHECK("name \"192.0.2.1\" is an address, not a name", IP, "name", "192.0.2.1");
	CHECK("alias \"db\" is there twice, or is the name", ENTRY, "aliases", "db x db");
	CHECK("alias \"DB.example.org\" is there twice, or is the name", ENTRY, "aliases", "DB.example.org");
	CHECK("alias \"a/b\" is not the name of a host", ENTRY, "aliases", "a/b");
	for (size_t i = 0; bad_ips[i]; i++)
		CHECK(neap_arena_printf(arena, "ip \"%s\" is not an address", bad_ips[i]), "ip", bad_ips[i],
		      DB);
	for (size_t i = 0; bad_names[i]; i++)
		CHECK(neap_arena_printf(arena, "name \"%s\" is not the name of a host", bad_names[i]), IP,
		      "name", bad_names[i]);
	const char *label = "a23456789012345678901234567890123456789012345678901234567890123";
	CHECK("", IP, "name", label);
	label = neap_arena_printf(arena, "%sx", label);
	CHECK(neap_arena_printf(arena, "name \"%s\" is not the name of a host", label), IP, "name", label);
#undef CHECK
}

static void ip__texts_of_one_address_are_equal(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} pairs[] = {
		{ "::1", "0:0:0:0:0:0:0:1", true },
		{ "2001:DB8::A", "2001:db8:0::000a", true },
		{ "::ffff:1.2.3.4", "::ffff:102:304", true },
		{ "::1", "::2", false },
		{ "1.2.3.4", "::1.2.3.4", false },
		{ "fe80::1%a", "fe80::1%b", false },
		{ "fe80::1%a", "fe80::1", false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct neap_ip a, b;
		assert_true(neap_ip_parse(neap_str(pairs[i].a), &a));
		assert_true(neap_ip_parse(neap_str(pairs[i].b), &b));
		assert_int_equal(neap_ip_equal(&a, &b), pairs[i].equal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_entry__texts),
		cmocka_unit_test(hosts_entry__cells),
		cmocka_unit_test(hosts_entry__check_knows_addresses_and_names),
		cmocka_unit_test(ip__texts_of_one_address_are_equal),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
