/* core/engine/networkd.c: which file networkd uses for a link, and what of that cannot be told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine/networkd.h"
#include "host/machine.h"

static void networkd__a_match_is_told_by_names_alone(void **state)
{
	static const struct {
		const char *text;
		enum neap_networkd_match match;
	} cells[] = {
		{ "[Match]\nName=eth1\n", NEAP_NETWORKD_FITS },
		{ " [Match] \n Name = eth1 \n[Network]\nName=eth2\nDHCP=yes\n", NEAP_NETWORKD_FITS },
		{ "# x\n;y\n[Match]\nName=eth1", NEAP_NETWORKD_FITS },
		{ "[Match]\nName=eth2\nName=\nName=eth1\n", NEAP_NETWORKD_FITS },
		{ "[Match]\nName=eth2\n", NEAP_NETWORKD_FITS_NOT },
		{ "[Match]\nName=eth10\n", NEAP_NETWORKD_FITS_NOT },
		{ "[Match]\nName=eth2\nDriver=x\n", NEAP_NETWORKD_FITS_NOT },
		{ "[Match]\nName=!eth1\n", NEAP_NETWORKD_FITS_NOT },
		{ "[Match]\nName=!eth2 eth1\n", NEAP_NETWORKD_FITS_NOT },
		{ "[Match]\n", NEAP_NETWORKD_FITS_NOT },
		{ "", NEAP_NETWORKD_FITS_NOT },
		{ "[Network]\nName=eth1\n", NEAP_NETWORKD_FITS_NOT },
		{ "[Match]\nName=eth*\n", NEAP_NETWORKD_OTHERS },
		{ "[Match]\nName=eth1 eth2\n", NEAP_NETWORKD_OTHERS },
		{ "[Match]\nName=eth2\nName=eth1\n", NEAP_NETWORKD_OTHERS },
		{ "[Match]\nName=!eth2\n", NEAP_NETWORKD_OTHERS },
		{ "[Match]\nName=eth[12]\n", NEAP_NETWORKD_OTHERS },
		{ "[Match]\nName=eth1\nDriver=x\n", NEAP_NETWORKD_PERHAPS },
		{ "[Match]\nMACAddress=00:00:00:00:00:01\n", NEAP_NETWORKD_PERHAPS },
		{ "[Match]\nName=\"eth1\"\n", NEAP_NETWORKD_PERHAPS },
		{ "[Match]\nName=eth2 \\\n eth1\n", NEAP_NETWORKD_PERHAPS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
		if (neap_networkd_judge(neap_str(cells[i].text), "eth1") != cells[i].match)
			fail_msg("%zu: %s", i, cells[i].text);
}

static void put(struct neap_machine *machine, const char *path, const char *text)
{
	neap_host_memory_put(machine, path, NEAP_FILE_REGULAR, 0644, 0, 0, text, strlen(text));
}

/* The file, or what is wrong. */
static const char *finds(struct neap_machine *machine, struct neap_arena *arena, const char *link,
			 const char *own)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *name;

	return neap_networkd_file(&machine->view, arena, link, own, &name, &err) == 0
		       ? name
		       : neap_arena_strdup(arena, err->message);
}

static void networkd__the_first_file_that_fits_is_used(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_machine *machine;

	(void)state;
	assert_int_equal(neap_host_memory_new(&machine), 0);
	assert_string_equal(finds(machine, arena, "eth1", NULL),
			    "networkd has no .network file for the link eth1");
	assert_string_equal(finds(machine, arena, "br0", "50-neap-br0.network"), "50-neap-br0.network");
	put(machine, "/usr/lib/systemd/network/80-any.network", "[Match]\nName=*\n");
	assert_string_equal(finds(machine, arena, "br0", "50-neap-br0.network"), "50-neap-br0.network");
	assert_string_equal(finds(machine, arena, "eth1", NULL),
			    "/usr/lib/systemd/network/80-any.network, which networkd uses for eth1, fits "
			    "other links too");
	put(machine, "/usr/lib/systemd/network/80-any.network", "[Match]\nType=wlan\n");
	assert_string_equal(finds(machine, arena, "eth1", NULL),
			    "networkd has no .network file for the link eth1");
	put(machine, "/run/systemd/network/90-eth1.network", "[Match]\nName=eth1\n");
	assert_string_equal(
		finds(machine, arena, "eth1", NULL),
		"whether networkd uses /usr/lib/systemd/network/80-any.network for eth1 cannot be "
		"told from its [Match] section");
	neap_host_memory_put(machine, "/run/systemd/network/90-eth1.network", NEAP_FILE_ABSENT, 0, 0, 0, NULL,
			     0);
	put(machine, "/run/systemd/network/70-eth1.network", "[Match]\nName=eth1\n");
	put(machine, "/etc/systemd/network/60-eth2.network", "[Match]\nName=eth2\n");
	assert_string_equal(finds(machine, arena, "eth1", NULL), "70-eth1.network");
	/* Of one name the first directory's counts; what is masked is not there. */
	put(machine, "/etc/systemd/network/70-eth1.network", "[Match]\nName=eth3\n");
	assert_string_equal(finds(machine, arena, "eth3", NULL), "70-eth1.network");
	neap_host_memory_put(machine, "/etc/systemd/network/70-eth1.network", NEAP_FILE_LINK, 0777, 0, 0,
			     "/dev/null", 9);
	put(machine, "/etc/systemd/network/80-any.network", "");
	assert_string_equal(finds(machine, arena, "eth1", NULL),
			    "networkd has no .network file for the link eth1");
	put(machine, "/etc/systemd/network/10-all.network", "[Match]\nName=br*\n");
	assert_string_equal(
		finds(machine, arena, "br0", "50-neap-br0.network"),
		"networkd would use /etc/systemd/network/10-all.network for br0, as it comes before "
		"50-neap-br0.network");
	put(machine, "/etc/systemd/network/10-all.network", "[Match]\nType=ether\n");
	assert_string_equal(finds(machine, arena, "eth1", NULL),
			    "whether networkd uses /etc/systemd/network/10-all.network for eth1 cannot be "
			    "told from its [Match] section");
	neap_machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networkd__a_match_is_told_by_names_alone),
		cmocka_unit_test(networkd__the_first_file_that_fits_is_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
