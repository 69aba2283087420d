#include "host/control_group.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CGROUP_MAX 8192

const char *neap_control_group(struct neap_arena *arena)
{
	char *text = neap_arena_alloc(arena, CGROUP_MAX), *line, *rest = text;
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, CGROUP_MAX - 1);

	if (fd >= 0)
		close(fd);
	text[len < 0 ? 0 : len] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		const char *path = strchr(line, ':');

		path = path ? strchr(path + 1, ':') : NULL;
		if (path && (strncmp(line, "0::", 3) == 0 || strstr(line, ":name=systemd:")))
			return path + 1;
	}
	return "";
}

bool neap_control_group_has(const char *group, const char *unit)
{
	size_t len = strlen(unit);

	for (const char *at = group; (at = strchr(at, '/'));) {
		at += at[1] == '_' ? 2 : 1; /* names that could be the kernel's have one put before them */
		if (strncmp(at, unit, len) == 0 && (!at[len] || at[len] == '/'))
			return true;
	}
	return false;
}
