/*
 * Bytes on their way out: JSON, and text that is safe on a terminal. Private to the reports.
 *
 * Knows no resource and no run. Never sees a secret: who calls has masked it.
 */
#pragma once

#include <stdio.h>

#include "base/str.h"
#include "base/value.h"
#include "host/host.h"

/* ---- JSON: the caller writes keys in sorted order ----------------------------------------------------- */

struct neap_emit {
	struct neap_buf *buf;
	bool next; /* a comma comes first */
};

void neap_emit_open(struct neap_emit *emit, char bracket);
void neap_emit_close(struct neap_emit *emit, char bracket);
/* On a line of its own, for what a person looks for or a diff compares: only whitespace. */
void neap_emit_line(struct neap_emit *emit);
void neap_emit_key(struct neap_emit *emit, const char *key);
/* Bytes that are not UTF-8 come out as the text \xNN. */
void neap_emit_text(struct neap_emit *emit, struct neap_str text);
void neap_emit_string(struct neap_emit *emit, const char *text); /* NULL: null */
void neap_emit_integer(struct neap_emit *emit, int64_t number);
void neap_emit_word(struct neap_emit *emit, const char *word); /* true, false, null, a number */
/* Strings that are not UTF-8 or longer than NEAP_EMIT_MAX: {sha256, size}. */
void neap_emit_value(struct neap_emit *emit, const struct neap_value *value);
/* {sha256, size}; {size} when `hidden`. */
void neap_emit_content(struct neap_emit *emit, const struct neap_content *content, bool hidden);

#define NEAP_EMIT_MAX 65536

/* ---- text for people ---------------------------------------------------------------------------------- */

/*
 * Appends `text` so that no byte of it can steer a terminal or a reader's eye: control characters (C1 too),
 * bidirectional overrides, invisible characters and bytes that are not UTF-8 are escaped. `quoted`: also
 * quotes and backslashes, for the inside of "…". Tabs stay as they are unless quoted.
 */
void neap_emit_safe(struct neap_buf *buf, struct neap_str text, bool quoted);
void neap_emit_safes(struct neap_buf *buf, const char *text);
/* Columns that safe text takes: a character is a column. */
size_t neap_emit_columns(const char *text, size_t len);
/* Bytes of the longest start of safe `text` that takes at most `columns`. */
size_t neap_emit_fit(const char *text, size_t len, size_t columns);
