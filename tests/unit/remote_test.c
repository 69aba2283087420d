/* engine/remote: headers as parameters, and which key belongs to a certificate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/remote.h"

static void remote__headers_that_are_none_are_refused(void **state)
{
	static char longest[(16 << 10) + 2];
	const struct {
		const char *name, *value, *error;
	} cells[] = {
		{ "X-Token", "a b\tc", NULL },
		{ "authorization", "Bearer \xc3\xa4", NULL },
		{ "X-Token", "", "headers: X-Token is empty" },
		{ "X Token", "a", "headers: \"X Token\" is no name of a header" },
		{ "X-Token:", "a", "headers: \"X-Token:\" is no name of a header" },
		{ "X\r\nY", "a", "headers: \"X\\r\\nY\" is no name of a header" },
		{ "X", "a\r\nY: b", "headers: X holds a newline or another control character" },
		{ "X", "a\n", "headers: X holds a newline or another control character" },
		{ "range", "bytes=0-1", "headers: range is not for a recipe to set" },
		{ "Accept-Encoding", "gzip", "headers: Accept-Encoding is not for a recipe to set" },
		{ "te", "gzip", "headers: te is not for a recipe to set" },
		{ "X", longest, "headers: X is longer than 16 KB" },
	};
	(void)state;

	memset(longest, 'a', sizeof longest - 1);
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		const struct neap_text text = neap_text(cells[i].value);
		const struct neap_texts headers = { &cells[i].name, &text, 1 };

		int r = neap_remote_check_headers(&headers, &err);
		assert_int_equal(r, cells[i].error ? -1 : 0);
		if (cells[i].error)
			assert_string_equal(err->message, cells[i].error);
	}
}

static void remote__headers_are_lines(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *const names[] = { "A", "B" };
	const struct neap_text texts[] = { neap_text("1"), neap_text_secret(arena, "2 3", 3) };
	const struct neap_texts headers = { names, texts, 2 };
	(void)state;

	const char *const *lines = neap_remote_headers(&headers, arena);
	assert_string_equal(lines[0], "A: 1");
	assert_string_equal(lines[1], "B: 2 3");
	assert_null(lines[2]);
	assert_null(neap_remote_headers(&(struct neap_texts){ 0 }, arena)[0]);
}

struct cert_want {
	struct neap_want base;
	const char *path, *key;
};
static const struct neap_param cert_params[] = {
	{ .name = "path", .kind = NEAP_PARAM_PATH, .offset = offsetof(struct cert_want, path) },
	{ .name = "key", .kind = NEAP_PARAM_PATH, .offset = offsetof(struct cert_want, key) },
};
static const struct neap_resource_type cert = { .params = cert_params, .param_count = 2 };

static void remote__key_of_a_certificate_is_its_resources(void **state)
{
	const struct cert_want with = { { 3 }, "/c", "/k" }, without = { { 1 }, "/c", NULL };
	const struct neap_related none = { 0 }, path = { .path = "/c" }, other = { .path = "/other" };
	(void)state;

	struct neap_related related = { "/c", &cert, &with };
	struct neap_tls_files files = neap_remote_tls(&other, &related, &none);
	assert_string_equal(files.ca_cert, "/other");
	assert_string_equal(files.client_cert, "/c");
	assert_string_equal(files.client_key, "/k");
	assert_string_equal(neap_remote_tls(&none, &related, &other).client_key, "/other");
	related.want = &without;
	assert_null(neap_remote_tls(&none, &related, &none).client_key);
	assert_null(neap_remote_tls(&none, &path, &none).client_key);
	assert_null(neap_remote_tls(&none, &none, &none).client_cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remote__headers_that_are_none_are_refused),
		cmocka_unit_test(remote__headers_are_lines),
		cmocka_unit_test(remote__key_of_a_certificate_is_its_resources),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
