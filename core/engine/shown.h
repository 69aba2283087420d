/* Text out of a recipe as a person may see it in a message or an address: one line, nothing secret. */
#pragma once

#include "base/arena.h"
#include "base/str.h"

#define NEAP_SHOWN_NAME 120 /* longest name in an address */
#define NEAP_SHOWN_VALUE 60 /* longest value quoted in a message */

/* Whether every byte is printable ASCII: then showing it is copying it. */
bool neap_shown_plain(const char *data, size_t len);
/*
 * Secrets become "(secret)", control characters and bytes that are not UTF-8 become escapes ("\n", "\x1b"),
 * and what is longer than `limit` bytes is cut in the middle ("start…end"). NUL-terminated, in `arena`.
 */
struct neap_str neap_shown(struct neap_arena *arena, struct neap_text text, size_t limit);
