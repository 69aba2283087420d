/*
 * Files of units: whatever bytes they hold, the links that are asked for lie at most one directory below
 * /etc/systemd/system, by names of units, sorted and each once.
 */
#include "base/unitfile.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const char *const names[] = { "a.service", "a@.service", "a-b@x-y.service",
				     "m.mount",   "a.socket",   "s.slice" };

static void hold_link(struct neap_arena *arena, const char *path)
{
	const char *slash = strchr(path, '/'), *dot;

	HOLDS(neap_unit_name(slash ? slash + 1 : path) != NEAP_UNIT_NAME_WRONG);
	if (!slash)
		return;
	const char *directory = neap_arena_copy(arena, path, (size_t)(slash - path));
	dot = strrchr(directory, '.');
	HOLDS(dot && (strcmp(dot, ".wants") == 0 || strcmp(dot, ".requires") == 0));
	HOLDS(neap_unit_name(neap_arena_copy(arena, directory, (size_t)(dot - directory))) !=
	      NEAP_UNIT_NAME_WRONG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_str text = { (const char *)data + 1, size - 1 };
	struct neap_unitfile file = { .arena = arena };
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_unit_links links;

	if (!size)
		return 0;
	file.name = names[data[0] % (sizeof names / sizeof *names)];
	if (neap_unitfile_read(&file, text, "f", &err) < 0 || neap_unitfile_links(&file, &links, &err) < 0) {
		HOLDS(err && err->message);
		return 0;
	}
	for (size_t i = 0; i < links.count; i++) {
		hold_link(arena, links.items[i].path);
		HOLDS(!i || strcmp(links.items[i - 1].path, links.items[i].path) < 0);
	}
	for (size_t i = 0; i < file.also.count; i++)
		HOLDS(neap_unit_name(file.also.items[i]) != NEAP_UNIT_NAME_WRONG);
	/* Dropped in to itself it may ask for other links, and must be as good or as bad a text. */
	if (neap_unitfile_read(&file, text, "f", NULL) == 0)
		neap_unitfile_links(&file, &links, NULL);
	return 0;
}
