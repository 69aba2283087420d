/* Secrets are found in text that came from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/secrets.h"

static struct neap_secrets *with(const char *const *list, size_t count)
{
	struct neap_secrets *secrets = neap_secrets_new();
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	for (size_t i = 0; i < count; i++)
		neap_secrets_add(secrets, neap_text_secret(arena, list[i], strlen(list[i])));
	return secrets;
}

static void expect(struct neap_secrets *secrets, const char *text, const char *shown)
{
	struct neap_buf masked NEAP_AUTO_BUF = { 0 };
	bool found = neap_secrets_mask(secrets, text, &masked);

	assert_string_equal(found ? masked.data : text, shown);
}

static void secrets__are_masked_wherever_they_stand(void **state)
{
	static const char *const list[] = { "TopSecret", "TopSecretPw99", "pw", "hunter2", "opSe" };
	struct neap_secrets *secrets = with(list, sizeof(list) / sizeof(*list));

	(void)state;
	expect(secrets, "exit 3: pw=TopSecretPw99|hunter2", "exit 3: pw=(secret)|(secret)");
	expect(secrets, "TopSecretPw98", "(secret)Pw98");
	expect(secrets, "TopSec Tops", "T(secret)c Tops"); /* "opSe" is one */
	expect(secrets, "nothing of it", "nothing of it");
	expect(secrets, "hunter", "hunter");
	expect(secrets, "", "");
	neap_secrets_free(secrets);
}

static void secrets__of_several_lines_are_masked_line_by_line(void **state)
{
	static const char *const list[] = { "  first line\r\n\nab\nsecond\tthird\n", "p\xc3\xa4ssword one" };
	struct neap_secrets *secrets = with(list, 2);

	(void)state;
	expect(secrets, "x first line y|second third|ab", "x (secret) y|(secret) (secret)|ab");
	expect(secrets, "p\xc3\xa4ssword one", "(secret)");
	expect(secrets, "p?\?ssword one", "p?\?(secret)"); /* where not all was UTF-8 */
	neap_secrets_free(secrets);
}

static void secrets__that_come_folded_are_masked_however_they_are(void **state)
{
	static const char one[] = "MC4CAQAwBQYDK2VwBCIEIJ0abcdefghijklmnop",
			  two[] = "MC4CAQAwBQYDK2VwBCIEIZ9zyxwvutsrqponm";
	struct neap_secrets *secrets = neap_secrets_new();

	(void)state;
	neap_secrets_add_runs(secrets, neap_str(one));
	neap_secrets_add_runs(secrets, neap_str(two));
	expect(secrets, one, "(secret)");
	expect(secrets, "key: BCIEIJ0abcdefgh\nijklmnop", "key: BCIEIJ0abcdefgh\nijklmnop"); /* 15, and 8 */
	expect(secrets, "key: wBCIEIJ0abcdefgh\nijklmnop", "key: (secret)\nijklmnop");
	expect(secrets, "a QYDK2VwBCIEIZ9zyxwvut!", "a (secret)!");
	expect(secrets, "xMC4CAQAwBQYDK2VwBCIEIZ9zyxwvutsrqponmx", "x(secret)x");
	expect(secrets, "MC4CAQAwBQYDK2VwBCIEIxMC4CAQAwBQYDK2Vw", "(secret)x(secret)");
	neap_secrets_free(secrets);
}

static void secrets__that_were_cut_are_masked_too(void **state)
{
	static const char *const list[] = { "abcdefghijkl", "0123456789" };
	struct neap_secrets *secrets = with(list, 2);

	(void)state;
	expect(secrets, "exit 1: …efghijkl and 56789", "exit 1: …(secret) and 56789");
	expect(secrets, "line 012345…", "line (secret)…");
	expect(secrets, "a…b…jkl 012…", "a…b…jkl 012…"); /* too little to tell */
	expect(secrets, "……ghijkl……", "……(secret)……");
	neap_secrets_free(secrets);
}

static void secrets__that_come_later_are_known_too(void **state)
{
	static const char *const list[] = { "early bird" };
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_secrets *secrets = with(list, 1);

	(void)state;
	expect(secrets, "an early bird, a late one", "an (secret), a late one");
	neap_secrets_add(secrets, neap_text_secret(arena, "late one", 8));
	neap_secrets_add(secrets, neap_text_secret(arena, "late one", 8));
	neap_secrets_add(secrets, neap_text("plain"));
	expect(secrets, "an early bird, a late one, plain", "an (secret), a (secret), plain");
	neap_secrets_free(secrets);
}

static void secrets__none_costs_nothing(void **state)
{
	struct neap_secrets *secrets = neap_secrets_new();

	(void)state;
	expect(secrets, "exit 1: …", "exit 1: …");
	neap_secrets_free(secrets);
}

/* Random ones of two letters against a plain search. */
static void secrets__match_a_plain_search(void **state)
{
	(void)state;
	srandom(7);
	for (unsigned round = 0; round < 400; round++) {
		char words[12][12], text[40];
		const char *list[12];
		struct neap_buf want NEAP_AUTO_BUF = { 0 };
		struct neap_secrets *secrets;
		size_t count = 1 + (size_t)random() % 12;

		for (size_t i = 0; i < count; i++) {
			size_t len = 4 + (size_t)random() % 7;

			for (size_t j = 0; j < len; j++)
				words[i][j] = "ab"[random() & 1];
			words[i][len] = '\0';
			list[i] = words[i];
		}
		for (size_t j = 0; j < sizeof(text) - 1; j++)
			text[j] = "ab"[random() & 1];
		text[sizeof(text) - 1] = '\0';
		for (size_t at = 0; text[at];) {
			size_t longest = 0;

			for (size_t i = 0; i < count; i++)
				if (strncmp(text + at, words[i], strlen(words[i])) == 0 &&
				    strlen(words[i]) > longest)
					longest = strlen(words[i]);
			if (longest)
				neap_buf_puts(&want, "(secret)");
			else
				neap_buf_putc(&want, text[at]);
			at += longest ? longest : 1;
		}
		secrets = with(list, count);
		expect(secrets, text, want.data);
		neap_secrets_free(secrets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets__are_masked_wherever_they_stand),
		cmocka_unit_test(secrets__of_several_lines_are_masked_line_by_line),
		cmocka_unit_test(secrets__that_come_folded_are_masked_however_they_are),
		cmocka_unit_test(secrets__that_were_cut_are_masked_too),
		cmocka_unit_test(secrets__that_come_later_are_known_too),
		cmocka_unit_test(secrets__none_costs_nothing),
		cmocka_unit_test(secrets__match_a_plain_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
