/* A real directory to be a machine's root, one for the state, and what tests of the real machine ask often.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/machine.h"
#include "host/state.h"

#define UNUSED __attribute__((unused))

struct fixture {
	char base[64], root[80], state_dir[80];
	struct neap_state *state;
	struct neap_machine *machine;
	struct neap_arena *arena;
};

UNUSED static void fixture_open(struct fixture *f)
{
	struct neap_error *err = NULL;

	if (neap_state_open(f->state_dir, f->root, 5, &f->state, &err) < 0)
		fail_msg("%s", err->message);
	if (neap_host_local_new(f->root, f->state, &f->machine, &err) < 0)
		fail_msg("%s", err->message);
}

UNUSED static void fixture_close(struct fixture *f)
{
	neap_machine_free(f->machine);
	neap_state_close(f->state);
	f->machine = NULL;
	f->state = NULL;
}

UNUSED static int fixture_new(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->base, "/tmp/neap-test-XXXXXX");
	assert_non_null(mkdtemp(f->base));
	assert_int_equal(chmod(f->base, 0755), 0);
	snprintf(f->root, sizeof(f->root), "%s/root", f->base);
	snprintf(f->state_dir, sizeof(f->state_dir), "%s/state", f->base);
	assert_int_equal(mkdir(f->root, 0755), 0);
	f->arena = neap_arena_new();
	fixture_open(f);
	*state = f;
	return 0;
}

UNUSED static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

UNUSED static int fixture_free(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	neap_arena_free(f->arena);
	nftw(f->base, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(f);
	return 0;
}

/* The path on this machine; good for the next few calls. */
UNUSED static const char *real(const struct fixture *f, const char *path)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *text = paths[next++ % 8];

	snprintf(text, PATH_MAX, "%s%s", f->root, path);
	return text;
}

UNUSED static void put(const struct fixture *f, const char *path, const char *data)
{
	FILE *file = fopen(real(f, path), "we");

	assert_non_null(file);
	fputs(data, file);
	assert_int_equal(fclose(file), 0);
}

UNUSED static const char *slurp(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file)
		return "(absent)";
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

UNUSED static const char *get(const struct fixture *f, const char *path)
{
	return slurp(real(f, path));
}

UNUSED static void make_dir(const struct fixture *f, const char *path)
{
	assert_int_equal(mkdir(real(f, path), 0755), 0);
}

UNUSED static void make_link(const struct fixture *f, const char *path, const char *target)
{
	assert_int_equal(symlink(target, real(f, path)), 0);
}

static unsigned leftovers;

UNUSED static int count_leftover(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	if (strncmp(path + ftw->base, ".neap-", 6) == 0)
		leftovers++;
	return 0;
}

/* How many things of neap's lie about below the root. */
UNUSED static unsigned count_leftovers(const struct fixture *f)
{
	leftovers = 0;
	nftw(f->root, count_leftover, 16, FTW_PHYS);
	return leftovers;
}

UNUSED static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

UNUSED static const struct neap_view *view(const struct fixture *f)
{
	return &f->machine->view;
}
