/*
 * Names of units of systemd. Knows no manager and no files.
 */
#pragma once

#include <stdbool.h>

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
/* "etcd@.service" of the instance "etcd@a.service"; NULL of any other name. */
char *neap_unit_template(const char *name, struct neap_arena *arena);
