/* PCRE2, loaded when the first regular expression is read; see loaded.c. */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct neap_libpcre2 {
#define X(name) __typeof__(name) *(name);
#include "base/libpcre2.def"
#undef X
};
const struct neap_libpcre2 *neap_libpcre2(void);

#include <libpcre2_calls.h>
