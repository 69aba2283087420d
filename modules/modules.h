/* The built-in resource types, sorted by name. */
#pragma once

#include "engine/registry.h"

extern const struct neap_registry neap_modules;
