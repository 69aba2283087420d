/*
 * Where the file of a unit lies and what is dropped in to it, looked for as systemd does: the first directory
 * wins, an instance has its template's. Reads only, and knows no resource type.
 */
#pragma once

#include "base/unitfile.h"
#include "engine/resource.h"

struct neap_unit_drop_in {
	const char *path;
	struct neap_str text; /* data NULL: it will not be there */
};
/* A unit, with what shall be in place of what lies there. */
struct neap_unit_source {
	const char *name;
	struct neap_str content; /* of its file in NEAP_UNIT_DIRECTORY; data NULL: as it lies there */
	const struct neap_unit_drop_in *drop_ins; /* in its directory there */
	size_t drop_in_count;
	bool unmasked; /* what lies there masks it, and will not be there */
};

enum neap_unit_found {
	NEAP_UNIT_FILE_NONE,
	NEAP_UNIT_FILE_FOUND,
	NEAP_UNIT_FILE_MASKED,  /* a link to /dev/null, or empty */
	NEAP_UNIT_FILE_ALIAS,   /* another name of a unit, whose file is `target` */
	NEAP_UNIT_FILE_FOREIGN, /* a link to a file where no units are */
};
struct neap_unit_file {
	enum neap_unit_found found;
	const char *path;          /* unless NONE */
	const char *target;        /* of a link */
	struct neap_unitfile says; /* when FOUND */
};

/* Finds it, and reads it and what is dropped in when it is FOUND. 0, negative, NEAP_UNKNOWN. */
int neap_unit_file_read(const struct neap_view *view, struct neap_arena *arena,
			const struct neap_unit_source *source, struct neap_unit_file *ret,
			struct neap_error **err);
/* Whether its file says that it is a service that never runs, but only happens (Type=oneshot, without
 * RemainAfterExit). One that cannot be read says nothing. 0 or NEAP_UNKNOWN. */
int neap_unit_file_passes(const struct neap_view *view, struct neap_arena *arena,
			  const struct neap_unit_source *source, bool *ret);
/* Only finds it. */
int neap_unit_file_find(const struct neap_view *view, struct neap_arena *arena,
			const struct neap_unit_source *source, struct neap_unit_file *ret,
			struct neap_error **err);
/* As neap_unit_file_find(), but what lies in NEAP_UNIT_DIRECTORY does not count. */
int neap_unit_file_behind(const struct neap_view *view, struct neap_arena *arena, const char *name,
			  struct neap_unit_file *ret, struct neap_error **err);

/* Whether `path` is one of a unit's file, in a directory where units are. */
bool neap_unit_path(const char *path);
/* Where the link `path` points, as a path without links taken into account. NULL: nowhere that can be named.
 */
const char *neap_unit_link_target(const char *path, const char *target, struct neap_arena *arena);
