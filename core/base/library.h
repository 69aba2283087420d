/*
 * Libraries that are loaded when they are first needed: linked, each would cost every run what it and all
 * that it brings along take to load, and most runs need none of them.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct neap_library {
	const char *file;    /* "libcurl.so.4" */
	const char *package; /* of Debian, to be installed where it is missing */
	const char *const *names;
	void *functions; /* a struct of as many pointers to functions, in the order of the names */
	size_t size;     /* of that */
	atomic_bool loaded;
};

/* It is loaded once, by whichever thread comes first, and stays for good. One that is missing, or lacks a
 * function, is an error that says which package to install; asked again it is looked for again. */
int neap_library_load(struct neap_library *library, struct neap_error **err);
