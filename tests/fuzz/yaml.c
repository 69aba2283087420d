/*
 * YAML: whatever was understood comes out of the writer such that it is understood the same; and the lines
 * that neap_yaml_line() tells are lines of the text.
 */
#include <math.h>

#include "base/document.h"
#include "tests/fuzz/fuzz.h"

/* A NaN is not equal to itself. */
static int has_nan(const struct neap_value *value)
{
	int found = value->kind == NEAP_FLOAT && isnan(value->number);

	for (size_t i = 0; !found && value->kind == NEAP_LIST && i < value->list.count; i++)
		found = has_nan(&value->list.items[i]);
	for (size_t i = 0; !found && value->kind == NEAP_MAP && i < value->map.count; i++)
		found = has_nan(&value->map.pairs[i].value);
	return found;
}

static void look_for_lines(struct neap_str text, const struct neap_value *value)
{
	struct neap_str keys[4];
	size_t lines = 1, count = 0, last = 0;

	for (size_t i = 0; i < text.len; i++) /* as YAML breaks lines */
		lines += text.data[i] == '\n' || text.data[i] == '\r' || (uint8_t)text.data[i] >= 0x80;
	for (; count < 4 && value->kind == NEAP_MAP && value->map.count; count++) {
		const struct neap_pair *pair = &value->map.pairs[value->map.count / 2];
		size_t line;

		keys[count] = pair->key;
		line = neap_yaml_line(text, keys, count + 1);
		HOLDS(line >= 1 && line >= last && line <= lines);
		last = line;
		value = &pair->value;
	}
	HOLDS(neap_yaml_line(text, &NEAP_STR("\x01 not a key"), 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_str given = { (const char *)data, size };
	struct neap_value value, text, again;

	if (neap_yaml_parse(arena, given, &value, &err) < 0) {
		HOLDS(err && err->message[0]);
		return 0;
	}
	look_for_lines(given, &value);
	HOLDS(neap_yaml_write(arena, &value, &text, NULL) == 0);
	HOLDS(neap_yaml_parse(arena, (struct neap_str){ text.text.data, text.text.len }, &again, NULL) == 0);
	HOLDS(has_nan(&value) || neap_value_equal(&value, &again));
	return 0;
}
