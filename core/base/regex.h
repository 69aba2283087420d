/* Regular expressions (PCRE2, UTF off: bytes), with match, depth and heap limits so that no pattern hangs. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

struct neap_regex;

/* Error text names the offset. */
int neap_regex_new(const char *pattern, struct neap_regex **ret, struct neap_error **err);
void neap_regex_free(struct neap_regex *regex);
/* *ret_found: whether it matches anywhere in `text`. An exceeded limit is an error. */
int neap_regex_search(const struct neap_regex *regex, struct neap_str text, bool *ret_found,
		      struct neap_error **err);
