/* JSON: whatever was understood comes out of the writer such that it is understood the same. */
#include "base/document.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_value value, text, again;

	if (neap_json_parse(arena, (struct neap_str){ (const char *)data, size }, &value, &err) < 0) {
		HOLDS(err && err->message[0]);
		return 0;
	}
	for (int pretty = 0; pretty < 2; pretty++) {
		HOLDS(neap_json_write(arena, &value, pretty, &text, NULL) == 0);
		HOLDS(neap_json_parse(arena, (struct neap_str){ text.text.data, text.text.len }, &again,
				      NULL) == 0);
		HOLDS(neap_value_equal(&value, &again));
	}
	return 0;
}
