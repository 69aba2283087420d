#include "base/unit.h"

#include <string.h>

#define NAME_MAX_BYTES 255

/* /lib before /usr/lib: where these are two directories, systemd is of a time that wants it so. */
const char *const neap_unit_directories[NEAP_UNIT_DIRECTORIES] = {
	NEAP_UNIT_DIRECTORY,   "/run/systemd/system",     "/usr/local/lib/systemd/system",
	"/lib/systemd/system", "/usr/lib/systemd/system",
};

static const char *suffix_of(const char *name)
{
	static const char *const suffixes[] = { "service", "socket", "target", "timer",  "path",     "mount",
						"slice",   "scope",  "swap",   "device", "automount" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof(suffixes) / sizeof(*suffixes); i++)
		if (strcmp(dot + 1, suffixes[i]) == 0)
			return dot;
	return NULL;
}

bool neap_unit_has_suffix(const char *name)
{
	return suffix_of(name) != NULL;
}

enum neap_unit_name neap_unit_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
	const char *dot = suffix_of(name), *at = strchr(name, '@');

	if (!dot || dot == name || at == name || name[strspn(name, letters)] || strlen(name) > NAME_MAX_BYTES)
		return NEAP_UNIT_NAME_WRONG;
	if (!at)
		return NEAP_UNIT_NAME_PLAIN;
	return dot == at + 1 ? NEAP_UNIT_NAME_TEMPLATE : NEAP_UNIT_NAME_INSTANCE;
}

bool neap_unit_is_drop_in(const char *name)
{
	size_t len = strlen(name);

	return *name != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

char *neap_unit_template(const char *name, struct neap_arena *arena)
{
	if (neap_unit_name(name) != NEAP_UNIT_NAME_INSTANCE)
		return NULL;
	return neap_arena_printf(arena, "%.*s@%s", (int)strcspn(name, "@"), name, suffix_of(name));
}
