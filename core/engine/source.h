/*
 * Files of the evaluating machine that a recipe is made of: the recipe, what it requires, templates and local
 * sources. Each is read once a run and bounded. Embedded recipes ("@name") come from a table that the build
 * makes of recipes/ and lua/neap/.
 *
 * A file is named by the text that shows it to people: "site.lua", "lib/users.lua" (relative to the recipe's
 * directory), "@control-plane-files/init.lua" for embedded ones.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "host/host.h"

struct neap_sources;

struct neap_embedded_file {
	const char *path; /* "control-plane-files/init.lua" */
	const char *data;
	size_t len;
};

/*
 * `recipe` as given on the command line: a file, a directory (its init.lua), "@name". The error says what was
 * looked for; for "@name" it names the nearest embedded recipe. `embedded` ends with path NULL.
 */
int neap_sources_open(struct neap_arena *arena, const char *recipe, const struct neap_embedded_file *embedded,
		      struct neap_sources **ret, struct neap_error **err);
const char *neap_sources_main(const struct neap_sources *sources); /* shown name of the recipe file */

/* Bytes of a file by its shown name, at most 16 MB, regular files only. */
int neap_sources_text(struct neap_sources *sources, const char *shown, struct neap_str *ret,
		      struct neap_error **err);
/* `require "a.b"` from anywhere: shown name of a/b.lua or a/b/init.lua in the recipe's directory, then
 * embedded. *ret NULL when there is none. The error for `..` and other tricks. */
int neap_sources_module(struct neap_sources *sources, const char *module, const char **ret,
			struct neap_error **err);
/* Shown directory of a shown file: what relative names in it start from. */
const char *neap_sources_directory(struct neap_sources *sources, const char *shown);
/* A relative name in a recipe file of shown directory `directory`, or an absolute one: its shown name. */
const char *neap_sources_relative(struct neap_sources *sources, const char *directory, const char *name);
/* Where a shown name lies on the evaluating machine, absolute; an embedded one is given back as it is. */
const char *neap_sources_real(struct neap_sources *sources, const char *shown);
/* Content for a resource: bytes up to NEAP_CONTENT_MAX, else digest, size and path to stream from. */
int neap_sources_content(struct neap_sources *sources, const char *shown, struct neap_content *ret,
			 struct neap_error **err);
/* The bytes of a file that is no part of the recipe, at most `max` (whole MB); a regular one. NUL-terminated.
 */
int neap_sources_read(struct neap_arena *arena, const char *path, size_t max, struct neap_str *ret,
		      struct neap_error **err);
/* A digest over names and bytes of all that was read so far: the recipe's digest in a plan. */
void neap_sources_digest(const struct neap_sources *sources, char ret[NEAP_DIGEST_HEX_SIZE]);
