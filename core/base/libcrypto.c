#include "base/libcrypto.h"

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static const char *const names[] = {
#define X(name) #name,
#include "base/libcrypto.def"
#undef X
};
static union {
	struct neap_libcrypto functions;
	void *places[sizeof names / sizeof *names];
} lib;
static_assert(sizeof lib.functions == sizeof lib.places, "a place for each name");
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	void *handle = dlopen(NEAP_LIBCRYPTO, RTLD_NOW | RTLD_LOCAL);
	bool all = handle;

	for (size_t i = 0; all && i < sizeof names / sizeof *names; i++)
		all = (lib.places[i] = dlsym(handle, names[i]));
	if (all)
		return;
	dprintf(STDERR_FILENO, "neap: load " NEAP_LIBCRYPTO ": %s: install the package libssl3\n", dlerror());
	_exit(4);
}

const struct neap_libcrypto *neap_libcrypto(void)
{
	pthread_once(&once, load);
	return &lib.functions;
}
