/*
 * JSON (jansson) and YAML 1.2 core schema (libyaml), read and written.
 *
 * Reading is bounded: 16 MB of input, depth 64, 1,000,000 nodes (aliases are refused: no billion laughs).
 * Duplicate keys, invalid UTF-8 and trailing garbage are errors with line and column.
 * Writing carries marks: secret strings are written double-quoted and their bytes stay marked; expressions
 * come out as an expression of the whole document. Map keys come sorted; the result ends in a newline.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"

int neap_json_parse(struct neap_arena *arena, struct neap_str text, struct neap_value *ret,
		    struct neap_error **err);
int neap_yaml_parse(struct neap_arena *arena, struct neap_str text, struct neap_value *ret,
		    struct neap_error **err);

/* The line of a key of a text that has been parsed, as YAML or as JSON: keys[0] of the whole, keys[1] in its
 * value … Where that cannot be found, the line of the last that can; 0: of none. */
size_t neap_yaml_line(struct neap_str text, const struct neap_str *keys, size_t count);

/* *ret is NEAP_STRING, or NEAP_EXPRESSION when `value` holds one. `pretty`: two spaces of indentation. */
int neap_json_write(struct neap_arena *arena, const struct neap_value *value, bool pretty,
		    struct neap_value *ret, struct neap_error **err);
/* Block style. Strings that another YAML 1.1 or 1.2 reader might take for something else are quoted. */
int neap_yaml_write(struct neap_arena *arena, const struct neap_value *value, struct neap_value *ret,
		    struct neap_error **err);
