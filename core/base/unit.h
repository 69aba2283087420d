/*
 * Names of units of systemd, and where their files may lie. Knows no manager and looks at no file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum neap_unit_name {
	NEAP_UNIT_NAME_WRONG,    /* no name of a unit: also one without a suffix that systemd knows */
	NEAP_UNIT_NAME_PLAIN,    /* "etcd.service" */
	NEAP_UNIT_NAME_TEMPLATE, /* "etcd@.service" */
	NEAP_UNIT_NAME_INSTANCE, /* "etcd@a.service" */
};
enum neap_unit_name neap_unit_name(const char *name);
/* Whether `name` ends as units do: ".service", ".timer" … */
bool neap_unit_has_suffix(const char *name);
/* Where units that people make are; where enabling makes its links. */
#define NEAP_UNIT_DIRECTORY "/etc/systemd/system"
/* Where the manager looks for a unit's file, the first one wins: systemd's own list without the directories
 * that only programs write. */
#define NEAP_UNIT_DIRECTORIES 5
extern const char *const neap_unit_directories[NEAP_UNIT_DIRECTORIES];

/* Whether the manager reads a file of this name in a directory of what is dropped in: not one that is hidden.
 */
bool neap_unit_is_drop_in(const char *name);
/* "etcd@.service" of the instance "etcd@a.service"; NULL of any other name. */
char *neap_unit_template(const char *name, struct neap_arena *arena);
