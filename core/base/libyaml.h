/* libyaml, loaded when the first document is read or written; see loaded.c. */
#pragma once

#include <yaml.h>

struct neap_libyaml {
#define X(name) __typeof__(name) *(name);
#include "base/libyaml.def"
#undef X
};
const struct neap_libyaml *neap_libyaml(void);

#include <libyaml_calls.h>
