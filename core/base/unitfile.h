/*
 * Files of units, as far as neap has to understand them: what [Install] asks for, and how a service counts as
 * running. They are read as systemd reads them (line ends, continuations, quotes, specifiers) and what
 * systemctl refuses to enable is an error here. Bytes in, names out: nothing here opens a file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "base/unit.h"

#define NEAP_UNITFILE_MAX ((size_t)1 << 20)

struct neap_unit_words {
	const char **items;
	size_t count, size;
};

/* Of one unit: gathered from its file, and then from each that is dropped in. Zeroed but for the first two.
 */
struct neap_unitfile {
	const char *name; /* of the unit; of an instance, whose template the file may be */
	struct neap_arena *arena;
	struct neap_unit_words aliases, wanted_by, required_by; /* as they are written */
	struct neap_unit_words also;                            /* names of units */
	const char *default_instance;                           /* of a template, or NULL */
	const char *strange; /* a key of [Install] that asks for links and that neap does not know; or NULL */
	/* [Service]; NULL: not said */
	const char *type, *user, *group;
	bool remains; /* RemainAfterExit */
};

/* Takes in the text of a file, which is called `path` in errors. What is set here stays when it fails. */
int neap_unitfile_read(struct neap_unitfile *file, struct neap_str text, const char *path,
		       struct neap_error **err);

/* A link that enabling makes: where, below /etc/systemd/system. All lead to the file of the unit. */
struct neap_unit_link {
	const char *path; /* "multi-user.target.wants/etcd.service", "dbus.service" */
	bool alias;       /* another name of the unit: never takes the place of something else */
};
struct neap_unit_links {
	struct neap_unit_link *items; /* sorted by path, each once */
	size_t count;
};
/* The links that [Install] asks for, without those of the units that Also= names. None when it asks for
 * none. */
int neap_unitfile_links(const struct neap_unitfile *file, struct neap_unit_links *ret,
			struct neap_error **err);

/* Whether a service with these settings is never running once it has been started. */
bool neap_unitfile_passes(const struct neap_unitfile *file);

/* "etcd@a.service" of "etcd@.service" and "a"; NULL when that is no name. */
const char *neap_unit_instance(const char *template, const char *instance, struct neap_arena *arena);
