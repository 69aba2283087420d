/*
 * Libraries that base/ loads when they are first needed: linked, libcrypto alone would be more than half of
 * every start, and most runs need none of them. Whoever includes libNAME.h calls the library's functions by
 * their own names, which libNAME_calls.h, made by CMake of libNAME.def, turns into calls through a table; a
 * function that libNAME.def does not list does not link.
 *
 * Where one cannot be had there is one line that says so, and the process ends, as it does for want of
 * memory.
 */
#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/libcrypto.h"
#include "base/libpcre2.h"
#include "base/libyaml.h"

static void load(const char *file, const char *package, const char *const *names, void **places, size_t count)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	bool all = handle;

	for (size_t i = 0; all && i < count; i++)
		all = (places[i] = dlsym(handle, names[i]));
	if (all)
		return;
	dprintf(STDERR_FILENO, "neap: load %s: %s: install the package %s\n", file, dlerror(), package);
	_exit(4);
}

static const char *const libcrypto_names[] = {
#define X(name) #name,
#include "base/libcrypto.def"
};
static const char *const libpcre2_names[] = {
#include "base/libpcre2.def"
};
static const char *const libyaml_names[] = {
#include "base/libyaml.def"
#undef X
};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LIBRARY(name, file, package)                                                                         \
	static union {                                                                                       \
		struct neap_##name functions;                                                                \
		void *places[COUNT(name##_names)];                                                           \
	} name##_table;                                                                                      \
	static_assert(sizeof name##_table.functions == sizeof name##_table.places, "a place for each name"); \
	static void load_##name(void)                                                                        \
	{                                                                                                    \
		load(file, package, name##_names, name##_table.places, COUNT(name##_names));                 \
	}                                                                                                    \
	const struct neap_##name *neap_##name(void)                                                          \
	{                                                                                                    \
		static pthread_once_t once = PTHREAD_ONCE_INIT;                                              \
                                                                                                             \
		pthread_once(&once, load_##name);                                                            \
		return &name##_table.functions;                                                              \
	}

LIBRARY(libcrypto, NEAP_LIBCRYPTO, "libssl3")
LIBRARY(libpcre2, NEAP_LIBPCRE2, "libpcre2-8-0")
LIBRARY(libyaml, NEAP_LIBYAML, "libyaml-0-2")
