/*
 * Libraries that base/ loads when they are first needed: linked, libcrypto alone would be more than half of
 * every start, and most runs need none of them. Whoever includes libNAME.h calls the library's functions by
 * their own names, which libNAME_calls.h, made by CMake of libNAME.def, turns into calls through a table; a
 * function that libNAME.def does not list does not link.
 *
 * Where one cannot be had there is one line that says so, and the process ends, as it does for want of
 * memory. Not in the midst of its changes: before the first one all are loaded, by neap_loaded().
 */
#include "base/loaded.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "base/libcrypto.h"
#include "base/libpcre2.h"
#include "base/library.h"
#include "base/libyaml.h"

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

static struct neap_libcrypto libcrypto;
static struct neap_libpcre2 libpcre2;
static struct neap_libyaml libyaml;

enum { LIBCRYPTO, LIBPCRE2, LIBYAML, LIBRARIES };
static struct neap_library libraries[LIBRARIES] = {
	[LIBCRYPTO] = { NEAP_LIBCRYPTO, "libssl3", libcrypto_names, &libcrypto, sizeof(libcrypto), false },
	[LIBPCRE2] = { NEAP_LIBPCRE2, "libpcre2-8-0", libpcre2_names, &libpcre2, sizeof(libpcre2), false },
	[LIBYAML] = { NEAP_LIBYAML, "libyaml-0-2", libyaml_names, &libyaml, sizeof(libyaml), false },
};
#define EACH_NAMED(name) static_assert(sizeof(name) == sizeof(name##_names), "a place for each name")
EACH_NAMED(libcrypto);
EACH_NAMED(libpcre2);
EACH_NAMED(libyaml);

int neap_loaded(struct neap_error **err)
{
	for (size_t i = 0; i < LIBRARIES; i++)
		if (neap_library_load(&libraries[i], err) < 0)
			return -1;
	return 0;
}

static void need(struct neap_library *library)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;

	if (neap_library_load(library, &err) == 0)
		return;
	dprintf(STDERR_FILENO, "neap: %s: %s\n", err->message, err->hint);
	_exit(4);
}

const struct neap_libcrypto *neap_libcrypto(void)
{
	need(&libraries[LIBCRYPTO]);
	return &libcrypto;
}

const struct neap_libpcre2 *neap_libpcre2(void)
{
	need(&libraries[LIBPCRE2]);
	return &libpcre2;
}

const struct neap_libyaml *neap_libyaml(void)
{
	need(&libraries[LIBYAML]);
	return &libyaml;
}
