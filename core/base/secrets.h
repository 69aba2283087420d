/*
 * The secrets that are known, so that text which came from outside (what a program printed, lines of a
 * journal) can be shown without them. Marks do not travel through a program; its output is searched for their
 * bytes.
 *
 * Of a secret of several lines each line is one. What is shorter than NEAP_SECRETS_MIN bytes is not looked
 * for: it would be found everywhere.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

#define NEAP_SECRETS_MIN 4
#define NEAP_SECRETS_RUN 16

struct neap_secrets;
struct neap_secrets *neap_secrets_new(void);
void neap_secrets_free(struct neap_secrets *secrets); /* wipes */

/* The secret spans of `text`, which are copied. */
void neap_secrets_add(struct neap_secrets *secrets, struct neap_text text);
/* What may come folded in any way, as base64 does: NEAP_SECRETS_RUN bytes of it in a row, or more, are one.
 * Copied. */
void neap_secrets_add_runs(struct neap_secrets *secrets, struct neap_str bytes);

/*
 * Whether `text` holds any: then `ret` has it with "(secret)" in their place. O(text * log(secrets)). Next to
 * "…", where text has been cut, the rest of one is one too.
 */
bool neap_secrets_mask(struct neap_secrets *secrets, const char *text, struct neap_buf *ret);
