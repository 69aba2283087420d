/*
 * What dpkg and apt print, as data. Nothing here runs them: text in, tables out, and text that is none of
 * theirs is an error or is passed over, never a guess.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* Debian's rules; an architecture may be behind a name, with a colon. */
bool neap_dpkg_is_name(const char *name);
bool neap_dpkg_is_version(const char *version);

/* ---- dpkg-query ---------------------------------------------------------------------------------------- */

/* What to give as --showformat for neap_dpkg_parse(). */
#define NEAP_DPKG_FORMAT "${db:Status-Abbrev}\\t${Package}\\t${Architecture}\\t${Version}\\n"

enum neap_dpkg_status {
	NEAP_DPKG_NOT_INSTALLED,
	NEAP_DPKG_CONFIG_FILES, /* removed, its configuration files are there */
	NEAP_DPKG_HALF_INSTALLED,
	NEAP_DPKG_UNPACKED,
	NEAP_DPKG_HALF_CONFIGURED,
	NEAP_DPKG_TRIGGERS_AWAITED,
	NEAP_DPKG_TRIGGERS_PENDING,
	NEAP_DPKG_INSTALLED,
};
const char *neap_dpkg_status_name(enum neap_dpkg_status status); /* dpkg's own words */

struct neap_dpkg_package {
	const char *name, *architecture, *version;
	enum neap_dpkg_status status;
	bool held;
};
int neap_dpkg_parse(struct neap_arena *arena, struct neap_str text, struct neap_dpkg_package **ret,
		    size_t *ret_count, struct neap_error **err);

/* ---- apt-cache policy ---------------------------------------------------------------------------------- */

struct neap_apt_policy {
	const char *name;            /* as it was asked for */
	const char *candidate;       /* NULL: none */
	const char *const *versions; /* that it could have, best first */
	size_t version_count;
};
/* Names that apt does not know are not there. */
void neap_apt_policy_parse(struct neap_arena *arena, struct neap_str text, struct neap_apt_policy **ret,
			   size_t *ret_count);

/* ---- apt-get --simulate -------------------------------------------------------------------------------- */

enum neap_apt_kind {
	NEAP_APT_INSTALL,   /* was not there */
	NEAP_APT_CHANGE,    /* another version, or the same one again */
	NEAP_APT_REMOVE,    /* purge too */
	NEAP_APT_CONFIGURE, /* is there and not yet configured */
};
struct neap_apt_step {
	enum neap_apt_kind kind;
	const char *name;           /* "zlib1g", of a foreign architecture "zlib1g:i386" */
	const char *before, *after; /* versions; NULL: none */
	bool downgrade, held;
};
struct neap_apt_simulation {
	const struct neap_apt_step *steps; /* one a package, in apt's order */
	size_t count;
};
void neap_apt_simulation_parse(struct neap_arena *arena, struct neap_str text,
			       struct neap_apt_simulation *ret);

/* ---- for people ---------------------------------------------------------------------------------------- */

/* Why apt or dpkg failed, in one line of bounded length: their last words, without progress and warnings. */
const char *neap_apt_complaint(struct neap_arena *arena, const char *out, const char *errors);
