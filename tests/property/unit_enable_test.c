/*
 * Units are enabled as systemctl enables them: random trees of unit files, and then neap on a machine of
 * tables and `systemctl --root` on the same files in a directory. What one refuses the other refuses, and the
 * links are the same, byte for byte.
 *
 * NEAP_SEED=n starts elsewhere, NEAP_ROUNDS=n runs more, NEAP_ONLY=n runs one seed and prints it.
 */
#include "tests/support/world.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/unit_links.h"
#include "host/machine.h"
#include "host/overlay.h"

static char root[64];

static unsigned long number_from(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

/* ---- words --------------------------------------------------------------------------------------------- */

#define PICK(random, list) (list)[world_random(random, (uint32_t)(sizeof(list) / sizeof *(list)))]

static const char *const names[] = {
	"a.service", "a.service", "a.service", "a@.service", "a@x.service", "a@x.service",     "b-c.socket",
	"t.timer",   "p.path",    "m.target",  "d.mount",    "s.slice",     "a-b@q-r.service",
};
static const char *const others[] = { "a.socket",    "b.service",    "o.timer",
				      "a@y.service", "none.service", "a.service" };

static const char *const targets[] = {
	"multi-user.target",
	"multi-user.target graphical.target",
	"x@.target",
	"%p.target",
	"%i.target",
	"%N.target",
	"%n",
	"a%%b.target",
	"\"multi-user.target\"",
	"'a.target' \"b.target\"",
	"multi-user.target  \t timers.target",
	"\"open.target",
	"a.target \"open",
	"",
	"",
	"wrong",
	"a/b.target",
	"%j.target",
	"x@%i.target",
	"%H.target",
	"%-.target",
	"end%",
	"multi-user.target\\",
	"a.target \\\\",
	"t\"op\".target",
	"multi-user.target;x",
	"a.target # no comment",
	"dev-%i.device",
};
static const char *const aliases[] = {
	"z.service",
	"z@.service",
	"z@%i.service",
	"z@x.service",
	"z.socket",
	"z.timer",
	"%p-alias.service",
	"a.service",
	"multi-user.target.wants/a.service",
	"multi-user.target.requires/a@x.service",
	"x@.target.wants/a@.service",
	"sub/z.service",
	"../z.service",
	"multi-user.target.wants/z.service",
	"z.target z2.target",
	"z.path",
	"z.mount",
	"multi-user.target.wants//a.service",
	"/z.service",
	"",
	"multi-user.target.wants/",
	"z\\x2d.service",
};
static const char *const also[] = {
	"a.socket",      "b.service", "o.timer a.socket", "none.service", "a@y.service", "%p.socket", "",
	"\"b.service\"", "wrong",     "b\\.service",      "a.service",    "b.service\\",
};
static const char *const instances[] = { "one", "%i", "", "a/b", "two-%p", "x@y", "%n", "é" };
static const char *const noise[] = {
	"# WantedBy=comment.target",
	"; WantedBy=comment.target",
	"[Unit]",
	"[Service]",
	"Type=oneshot",
	"[Install]",
	"[X-Own]",
	"[Strange]",
	"no equals",
	"=nothing",
	"Unknown=1",
	"  ",
	"",
	" [Install] ",
	"[Install",
	"[]",
	"Wanted By=a.target",
	"WantedBy = spaced.target",
	"\tWantedBy=tab.target\t",
	"wantedby=low.target",
	"ExecStart=/bin/true \\",
	"\\",
	"\xff\xfe",
	"X=\xc3\xa9",
	"\xef\xbb\xbf[Install]",
	"[Ins\\tall]",
};
static const char *const ends[] = {
	"\n", "\n", "\n", "\n", "\n", "\n", "\r\n", "\n\n", "\r", "\\\n", "\\\n# in between\n", "\n\r"
};

static void put_line(struct world_random *random, struct neap_buf *ret)
{
	switch (world_random(random, 12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		neap_buf_printf(ret, "WantedBy=%s", PICK(random, targets));
		break;
	case 4:
	case 5:
		neap_buf_printf(ret, "RequiredBy=%s", PICK(random, targets));
		break;
	case 6:
	case 7:
		neap_buf_printf(ret, "Alias=%s", PICK(random, aliases));
		break;
	case 8:
		neap_buf_printf(ret, "Also=%s", PICK(random, also));
		break;
	case 9:
		neap_buf_printf(ret, "DefaultInstance=%s", PICK(random, instances));
		break;
	default:
		neap_buf_puts(ret, PICK(random, noise));
	}
	neap_buf_puts(ret, PICK(random, ends));
}

/* Mostly something that can be enabled, sometimes anything. */
static void draw_text(struct world_random *random, struct neap_buf *ret)
{
	static const char *const plain[] = { "WantedBy=multi-user.target\n", "RequiredBy=a.target b.target\n",
					     "" };

	if (world_random(random, 8) > 0)
		neap_buf_puts(ret, "[Unit]\nDescription=x\n[Install]\n");
	neap_buf_puts(ret, PICK(random, plain));
	for (unsigned count = world_random(random, 5); count > 0; count--)
		put_line(random, ret);
}

/* ---- two machines -------------------------------------------------------------------------------------- */

static struct neap_machine *machine;
static bool loud;
static struct neap_buf given; /* the links that were drawn: "\npath\n" */

static void make_parents(const char *path)
{
	char text[512];

	snprintf(text, sizeof text, "%s", path);
	for (char *at = text + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(text, 0755);
		*at = '/';
	}
}

static void put_file(const char *path, const char *data, size_t len)
{
	char real[512];

	snprintf(real, sizeof real, "%s%s", root, path);
	make_parents(real);
	unlink(real);
	FILE *file = fopen(real, "we");
	assert_non_null(file);
	fwrite(data, 1, len, file);
	fclose(file);
	neap_host_memory_put(machine, path, NEAP_FILE_REGULAR, 0644, 0, 0, data, len);
	if (loud)
		print_message("--- %s\n%.*s\n", path, (int)len, data);
}

static void put_link(const char *path, const char *target)
{
	char real[512];

	snprintf(real, sizeof real, "%s%s", root, path);
	make_parents(real);
	unlink(real);
	neap_buf_printf(&given, "\n%s\n", path);
	assert_int_equal(symlink(target, real), 0);
	neap_host_memory_put(machine, path, NEAP_FILE_LINK, 0777, 0, 0, target, strlen(target));
	if (loud)
		print_message("--- %s -> %s\n", path, target);
}

static const char *const places[] = { "/etc/systemd/system",           "/etc/systemd/system",
				      "/etc/systemd/system",           "/run/systemd/system",
				      "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
				      "/usr/lib/systemd/system" };

static void draw_file(struct world_random *random, const char *name)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };
	char path[256];

	draw_text(random, &text);
	snprintf(path, sizeof path, "%s/%s", PICK(random, places), name);
	put_file(path, text.data ? text.data : "", text.len);
}

static void draw_drop_in(struct world_random *random, const char *name)
{
	static const char *const files[] = { "10-a.conf", "20-b.conf", "a.conf", "no.txt", ".hidden.conf" };
	const char *file = PICK(random, files);
	char path[320];

	snprintf(path, sizeof path, "%s.d/%s", name, file);
	if (world_random(random, 10) == 0) {
		char whole[384];
		snprintf(whole, sizeof whole, "%s/%s", PICK(random, places), path);
		put_link(whole, "/dev/null");
	} else {
		draw_file(random, path);
	}
}

/* In a directory such as a.target.wants links go by the name of their unit: neap does not look where one of
 * another name leads. Nor does enabling a template disable its instances. */
static void draw_link(struct world_random *random, const char *name)
{
	static const char *const directories[] = { "multi-user.target.wants", "old.target.wants",
						   "old.target.requires", "a.target.wants" };
	static const char *const at[] = { "a.service", "a@x.service", "b.service", "a@y.service" };
	bool template = neap_unit_name(name) == NEAP_UNIT_NAME_TEMPLATE;
	const char *unit = template || world_random(random, 3) ? name : PICK(random, at);
	char path[256], target[256];

	if (world_random(random, 3) == 0)
		snprintf(path, sizeof path, "/etc/systemd/system/z.service");
	else
		snprintf(path, sizeof path, "/etc/systemd/system/%s/%s", PICK(random, directories), unit);
	snprintf(target, sizeof target, "%s/%s", PICK(random, places), unit);
	put_link(path, target);
}

static void draw_tree(struct world_random *random, const char *name)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *template = neap_unit_template(name, arena);
	char real[256];

	snprintf(real, sizeof real, "rm -rf '%s' && mkdir -p '%s/etc/systemd/system'", root, root);
	assert_int_equal(system(real), 0);
	given.len = 0;
	assert_int_equal(neap_host_memory_new(&machine), 0);
	neap_host_memory_put(machine, "/etc/systemd/system", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
	put_file("/dev/null", "", 0);  /* it may not be made by everybody; for systemd empty is as good */
	if (world_random(random, 2)) { /* a merged /usr, of Debian 12 */
		put_link("/lib", "usr/lib");
		put_file("/usr/lib/systemd/system/systemd-journald.service",
			 "[Service]\nExecStart=/lib/systemd/systemd-journald\n", 51);
	}
	draw_file(random, template && world_random(random, 3) ? template : name);
	for (unsigned count = world_random(random, 3); count > 0; count--)
		draw_drop_in(random, template && world_random(random, 2) ? template : name);
	for (unsigned count = world_random(random, 3); count > 0; count--)
		draw_file(random, PICK(random, others));
	if (world_random(random, 3) == 0)
		for (unsigned count = 1 + world_random(random, 2); count > 0; count--)
			draw_link(random, name);
}

/* A link that was there is kept when it leads to the same unit, be it in another directory. */
static const char *shown_target(struct neap_arena *arena, const char *below, const char *target)
{
	const char *key = neap_arena_printf(arena, "\n/etc/systemd/system%s\n", below);
	const char *slash = strrchr(target, '/');

	return given.len && strstr(given.data, key) && slash ? slash : target;
}

/* ---- what the two make of it --------------------------------------------------------------------------- */

/* Links below /etc/systemd/system and directories, sorted. */
static void list_real(struct neap_arena *arena, const char *below, struct neap_buf *ret)
{
	char path[512];
	struct dirent **entries;

	snprintf(path, sizeof path, "%s/etc/systemd/system%s", root, below);
	int count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		const char *child = neap_arena_printf(arena, "%s/%s", below, entries[i]->d_name);
		char real[600], target[512];
		ssize_t len;

		snprintf(real, sizeof real, "%s/etc/systemd/system%s", root, child);
		len = readlink(real, target, sizeof target - 1);
		if (len >= 0) {
			target[len] = '\0';
			neap_buf_printf(ret, "%s -> %s\n", child, shown_target(arena, child, target));
		} else if (entries[i]->d_type == DT_DIR && entries[i]->d_name[0] != '.')
			neap_buf_printf(ret, "%s/\n", child), list_real(arena, child, ret);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void list_machine(struct neap_arena *arena, const char *below, struct neap_buf *ret)
{
	const char *path = neap_arena_printf(arena, "/etc/systemd/system%s", below);
	struct neap_entry *entries;
	size_t count;

	assert_int_equal(neap_view_list(&machine->view, path, arena, &entries, &count, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		const char *child = neap_arena_printf(arena, "%s/%s", below, entries[i].name), *target;
		struct neap_stat stat;
		const char *whole = neap_arena_printf(arena, "/etc/systemd/system%s", child);
		assert_int_equal(neap_view_link(&machine->view, whole, arena, &stat, &target, NULL), 0);
		if (target)
			neap_buf_printf(ret, "%s -> %s\n", child, shown_target(arena, child, target));
		else if (stat.kind == NEAP_FILE_DIRECTORY)
			neap_buf_printf(ret, "%s/\n", child), list_machine(arena, child, ret);
	}
}

/* Its exit code forgets what failed first. */
static bool run_systemctl(const char *verb, const char *name)
{
	char command[640];

	snprintf(command, sizeof command,
		 "r=0; out=$(systemctl --root='%s' %s '%s' 2>&1) || r=1; %s case $out in *\"Failed to %s "
		 "unit\"*|*\"Failed to enable \"*\", destination\"*) r=1;; esac; "
		 "exit $r",
		 root, verb, name, loud ? "printf '%s\\n' \"$out\";" : "", verb);
	int status = system(command);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool may(void *ctx, uint32_t step)
{
	(void)ctx, (void)step;
	return true;
}

static void failed(void *ctx, uint32_t step, struct neap_error *err)
{
	(void)ctx, (void)step;
	fail_msg("landing: %s", err->message);
}

/* 0, or negative with *err. */
static int run_neap(struct neap_arena *arena, bool enabled, const char *name, struct neap_error **err)
{
	const struct neap_commit commit = { .may = may, .failed = failed };
	const struct neap_unit_source source = { .name = name };
	struct neap_host *overlay = neap_overlay_new(machine, NEAP_OVERLAY_APPLY);
	struct neap_unit_file file;
	struct neap_unit_enabling enabling = { .source = &source, .file = &file, .enabled = enabled };
	struct neap_unit_links_state state = { 0 }, again = { 0 };

	neap_overlay_step(overlay, 0, NEAP_NO_STEP);
	int r = neap_unit_file_read(&overlay->view, arena, &source, &file, err);
	if (r == 0 && file.found != NEAP_UNIT_FILE_FOUND)
		r = neap_error_set(err, "found %d", file.found);
	if (r == 0)
		r = neap_unit_links_read(&overlay->view, arena, &enabling, &state, err);
	if (r == 0)
		r = neap_unit_links_apply(overlay, &state, err);
	if (r == 0) {
		assert_int_equal(neap_unit_links_read(&overlay->view, arena, &enabling, &again, NULL), 0);
		if (again.change_count)
			fail_msg("%s still differs", again.changes[0].path);
		assert_int_equal(neap_overlay_land(overlay, &commit, NULL), 0);
	}
	neap_overlay_free(overlay);
	return r;
}

static unsigned refused, same, linked;

/* False: it was refused, and systemctl may have done some of it. */
static bool compare(struct neap_arena *arena, uint64_t seed, const char *verb, const char *name)
{
	struct neap_buf ours NEAP_AUTO_BUF = { 0 }, theirs NEAP_AUTO_BUF = { 0 };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	bool enable = strcmp(verb, "enable") == 0;
	int r = run_neap(arena, enable, name, &err);
	bool good;

	/* What was enabled otherwise goes. (reenable does not look at what is dropped in.) */
	if (enable)
		run_systemctl("disable", name);
	good = run_systemctl(verb, name);

	if (loud)
		print_message("%s %s: neap %d %s, systemctl %s\n", verb, name, r, err ? err->message : "",
			      good ? "succeeds" : "fails");
	if (r < 0) {
		/* What neap refuses by name may be possible. */
		if (good && !strstr(err->message, "is not known to neap"))
			fail_msg("seed %llu: %s %s: systemctl succeeds, and neap says: %s",
				 (unsigned long long)seed, verb, name, err->message);
		refused++;
		return false;
	}
	list_machine(arena, "", &ours);
	list_real(arena, "", &theirs);
	/* It disables in spite of a unit behind Also= that it cannot read, and complains. */
	if (!good && enable)
		fail_msg("seed %llu: %s %s: systemctl fails, and neap does not", (unsigned long long)seed,
			 verb, name);
	same++;
	linked += ours.len > 0;
	if (ours.len != theirs.len || (ours.len && memcmp(ours.data, theirs.data, ours.len) != 0))
		fail_msg("seed %llu: %s %s: neap makes\n%s\nand systemctl\n%s", (unsigned long long)seed,
			 verb, name, ours.data ? ours.data : "", theirs.data ? theirs.data : "");
	return true;
}

static void units__are_enabled_as_systemctl_does(void **state)
{
	uint64_t first = number_from("NEAP_SEED", 1), rounds = number_from("NEAP_ROUNDS", 1500) / 6;
	const char *only = getenv("NEAP_ONLY");

	(void)state;
	if (system("systemctl --version >/dev/null 2>&1") != 0) {
		print_message("needs systemctl\n");
		skip();
	}
	loud = only != NULL;
	if (only)
		first = strtoull(only, NULL, 10), rounds = 1;
	for (uint64_t seed = first; seed < first + rounds; seed++) {
		struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
		struct world_random random = { seed };
		const char *name = PICK(&random, names);
		draw_tree(&random, name);
		if (compare(arena, seed, "enable", name) && world_random(&random, 2))
			compare(arena, seed, "disable", name);
		neap_machine_free(machine);
	}
	print_message("%u the same (%u with links), %u refused by both\n", same, linked, refused);
	assert_true(only || (linked > rounds / 4 && refused > rounds / 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(units__are_enabled_as_systemctl_does) };
	const char *base = getenv("TMPDIR");
	char command[128];

	snprintf(root, sizeof root, "%s/neap-units-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(root))
		return 1;
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf '%s'", root);
	return system(command) != 0 || r;
}
