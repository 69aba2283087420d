/* base/url: what is a URL of the web, and which server it means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/url.h"

static void url__names_a_server(void **state)
{
	static const struct {
		const char *text, *host;
		bool secure;
		uint16_t port;
	} right[] = {
		{ "https://example.org/a.tar.gz", "example.org", true, 443 },
		{ "http://example.org", "example.org", false, 80 },
		{ "HTTPS://Example.org:8443?x=http://a:b@c/", "Example.org", true, 8443 },
		{ "http://[::1]:80/#a", "[::1]", false, 80 },
		{ "http://[fe80::1]", "[fe80::1]", false, 80 },
		{ "https://127.0.0.1:65535/%20", "127.0.0.1", true, 65535 },
		{ "https://example.org:/", "example.org", true, 443 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
		struct neap_url url;

		assert_int_equal(neap_url_parse(right[i].text, &url, NULL), 0);
		assert_true(neap_str_equal(url.host, neap_str(right[i].host)));
		assert_int_equal(url.secure, right[i].secure);
		assert_int_equal(url.port, right[i].port);
	}
}

static void url__what_is_none_is_told(void **state)
{
	static char longest[NEAP_URL_MAX + 2];
	const char *const wrong[][2] = {
		{ "", "\"\" is no URL of the web" },
		{ "ftp://example.org/a", "\"ftp://example.org/a\" is no URL of the web" },
		{ "file:///etc/passwd", "\"file:///etc/passwd\" is no URL of the web" },
		{ "http:/example.org", "\"http:/example.org\" is no URL of the web" },
		{ "http://", "\"http://\" is no URL of the web" },
		{ "http://:80/", "\"http://:80/\" is no URL of the web" },
		{ "http://[::1/", "\"http://[::1/\" is no URL of the web" },
		{ "http://a:0/", "the URL has a port that is none: 0" },
		{ "http://a:65536/", "the URL has a port that is none: 65536" },
		{ "http://a:80x/", "the URL has a port that is none: 80x" },
		{ "http://a:080808/", "the URL has a port that is none: 080808" },
		{ "http://u:p@a/", "the URL holds a name or a password, which plans would show" },
		{ "http://a/b c", "the URL holds a character that no URL may hold" },
		{ "http://a/b\rc", "the URL holds a character that no URL may hold" },
		{ "http://a/\xc3\xa4", "the URL holds a character that no URL may hold" },
		{ longest, "the URL is longer than 4095 bytes" },
	};
	(void)state;

	memset(longest, 'a', sizeof longest - 1);
	memcpy(longest, "http://a/", 9);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct neap_error *err NEAP_AUTO_ERROR = NULL;

		assert_int_equal(neap_url_parse(wrong[i][0], NULL, &err), -1);
		assert_string_equal(err->message, wrong[i][1]);
	}
}

static bool same(const char *a, const char *b)
{
	struct neap_url left, right;

	assert_int_equal(neap_url_parse(a, &left, NULL), 0);
	assert_int_equal(neap_url_parse(b, &right, NULL), 0);
	return neap_url_same_server(&left, &right);
}

static void url__one_server_has_one_scheme_host_and_port(void **state)
{
	(void)state;
	assert_true(same("https://a/x", "https://A:443/y"));
	assert_false(same("https://a/x", "http://a:443/x"));
	assert_false(same("https://a/x", "https://a:444/x"));
	assert_false(same("https://a/x", "https://b/x"));
	assert_false(same("https://a/x", "https://aa/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url__names_a_server),
		cmocka_unit_test(url__what_is_none_is_told),
		cmocka_unit_test(url__one_server_has_one_scheme_host_and_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
