/*
 * Libraries that are loaded when they are first needed: linked, each would cost every run what it and all
 * that it brings along take to load, and most runs need none of them. Private to host/.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct neap_library_function {
	const char *name;
	void *place; /* of a pointer to it */
};
/* Loads `file` ("libcurl.so.4") and finds the functions. It stays for good. The hint says to install
 * `package`. */
int neap_library_load(const char *file, const char *package, const struct neap_library_function *functions,
		      size_t count, struct neap_error **err);
