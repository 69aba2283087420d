/* Keys, certificates and requests, with the openssl command as the judge of what they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/pkey.h"
#include "base/random.h"
#include "base/x509.h"

#define DAY ((int64_t)86400)

static struct neap_arena *arena;
static char directory[] = "/tmp/neap-x509-XXXXXX";

static int setup(void **state)
{
	(void)state;
	arena = neap_arena_new();
	return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	neap_arena_free(arena);
	return system(neap_arena_printf(arena = neap_arena_new(), "rm -rf %s", directory));
}

static void put(const char *name, const char *data, size_t len)
{
	FILE *file = fopen(neap_arena_printf(arena, "%s/%s", directory, name), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* What a command says, run in the directory; *ret_status its end. */
static const char *run(int *ret_status, const char *command)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };
	FILE *pipe = popen(neap_arena_printf(arena, "cd %s && ( %s ) 2>&1", directory, command), "r");
	size_t got;

	assert_non_null(pipe);
	while ((got = fread(neap_buf_reserve(&out, 4096), 1, 4096, pipe)) > 0)
		out.len += got;
	*ret_status = pclose(pipe);
	return neap_arena_copy(arena, out.data ? out.data : "", out.len);
}

static const char *must(const char *command)
{
	int status;
	const char *out = run(&status, command);
	if (status != 0)
		fail_msg("%s: %s", command, out);
	return out;
}

static void must_say(const char *command, const char *what)
{
	const char *out = must(command);
	if (!strstr(out, what))
		fail_msg("%s: no \"%s\" in\n%s", command, what, out);
}

static void must_not_say(const char *command, const char *what)
{
	const char *out = must(command);
	if (strstr(out, what))
		fail_msg("%s: \"%s\" in\n%s", command, what, out);
}

static unsigned algorithm(const char *name)
{
	for (unsigned i = 0; neap_key_algorithms[i]; i++)
		if (strcmp(neap_key_algorithms[i], name) == 0)
			return i;
	fail_msg("no algorithm %s", name);
	return 0;
}

static struct neap_key *parse_key(struct neap_str pem)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_key *key = NULL;
	if (neap_key_parse(pem, &key, &err) < 0)
		fail_msg("%s", err->message);
	return key;
}

/* A new key, also as file NAME.key. */
static struct neap_key *make_key(const char *kind, const char *name)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_text pem;
	if (neap_key_make(algorithm(kind), arena, &pem, &err) < 0)
		fail_msg("%s", err->message);
	assert_int_equal(pem.span_count, 1);
	assert_int_equal(pem.spans[0].len, pem.len);
	put(neap_arena_printf(arena, "%s.key", name), pem.data, pem.len);
	return parse_key((struct neap_str){ pem.data, pem.len });
}

#define WORDS(...)                                                                                           \
	neap_words_of(arena, (const char *const[]){ __VA_ARGS__ },                                           \
		      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static bool are(const struct neap_words *words, struct neap_words others)
{
	return neap_words_equal(words, &others);
}

/* A new certificate, also as file NAME.crt. */
static struct neap_cert *make_cert(const struct neap_cert_order *order, const char *name)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_cert *cert = NULL;
	struct neap_str pem;
	if (neap_cert_make(order, arena, &pem, &err) < 0 || neap_cert_parse(pem, &cert, &err) < 0)
		fail_msg("%s", err->message);
	put(neap_arena_printf(arena, "%s.crt", name), pem.data, pem.len);
	return cert;
}

static struct neap_cert_order ca_order(const struct neap_key *key, const char *common_name)
{
	return (struct neap_cert_order){
		.holder = { .common_name = common_name, .ca = true, .path_length = -1 },
		.begins = time(NULL) - 300,
		.ends = time(NULL) + 10 * DAY,
		.key = key,
	};
}

static struct neap_cert_order leaf_order(const struct neap_key *key, const struct neap_cert *issuer,
					 const struct neap_key *issuer_key)
{
	return (struct neap_cert_order){
		.holder = { .common_name = "server",
			    .organization = WORDS("Example \xc3\x9cnion", "another"),
			    .names = WORDS("DNS:www.example.org", "IP:127.0.0.1", "IP:2001:db8::1",
					   "DNS:*.example.net", "URI:spiffe://x/y", "email:a@b.example"),
			    .usages = WORDS("server", "client"),
			    .path_length = -1 },
		.begins = time(NULL) - 300,
		.ends = time(NULL) + DAY,
		.key = key,
		.issuer = issuer,
		.issuer_key = issuer_key,
	};
}

static void x509__chains_of_each_kind_of_key_satisfy_openssl(void **state)
{
	(void)state;
	for (unsigned i = 0; neap_key_algorithms[i]; i++) {
		const char *kind = neap_key_algorithms[i];
		struct neap_key *root_key NEAP_AUTO_KEY = make_key(kind, "root");
		struct neap_key *middle_key NEAP_AUTO_KEY = make_key("ecdsa-p256", "middle");
		/* One key of 4096 bits takes long enough. */
		const char *leaf_kind = strcmp(kind, "rsa-4096") == 0 ? "rsa-2048" : kind;
		struct neap_key *leaf_key NEAP_AUTO_KEY = make_key(leaf_kind, "leaf");
		struct neap_cert_order order = ca_order(root_key, "root");
		struct neap_cert *root NEAP_AUTO_CERT = make_cert(&order, "root");
		order = ca_order(middle_key, "middle");
		order.holder.path_length = 0;
		order.issuer = root;
		order.issuer_key = root_key;
		struct neap_cert *middle NEAP_AUTO_CERT = make_cert(&order, "middle");
		order = leaf_order(leaf_key, middle, middle_key);
		struct neap_cert *leaf NEAP_AUTO_CERT = make_cert(&order, "leaf");

		assert_string_equal(neap_key_name(root_key, arena), kind);
		must("openssl pkey -in leaf.key -noout");
		must("openssl verify -x509_strict -purpose sslserver -CAfile root.crt -untrusted middle.crt "
		     "leaf.crt");
		must("openssl verify -x509_strict -purpose sslclient -CAfile root.crt -untrusted middle.crt "
		     "leaf.crt");
		must("openssl verify -x509_strict -CAfile root.crt root.crt");
		assert_string_equal(must("openssl x509 -in leaf.crt -noout -pubkey"),
				    must("openssl pkey -in leaf.key -pubout"));
		assert_int_equal(neap_cert_issued(leaf, middle), NEAP_ISSUED);
		assert_int_equal(neap_cert_issued(middle, root), NEAP_ISSUED);
		assert_int_equal(neap_cert_issued(root, root), NEAP_ISSUED);
		assert_int_equal(neap_cert_issued(leaf, root), NEAP_ISSUED_OTHER_NAME);
		assert_true(neap_cert_is_of(leaf, leaf_key));
		assert_false(neap_cert_is_of(leaf, middle_key));
	}
}

static void x509__leaf_says_what_was_ordered(void **state)
{
	(void)state;
	struct neap_key *ca_key NEAP_AUTO_KEY = make_key("rsa-2048", "ca");
	struct neap_key *key NEAP_AUTO_KEY = make_key("rsa-2048", "leaf");
	struct neap_cert_order order = ca_order(ca_key, "ca");
	struct neap_cert *ca NEAP_AUTO_CERT = make_cert(&order, "ca");
	order = leaf_order(key, ca, ca_key);
	struct neap_cert *leaf NEAP_AUTO_CERT = make_cert(&order, "leaf");
	struct neap_cert_facts facts;

	must_say("openssl x509 -in leaf.crt -noout -checkhost www.example.org", "does match");
	must_say("openssl x509 -in leaf.crt -noout -checkhost deep.example.net", "does match");
	must_say("openssl x509 -in leaf.crt -noout -checkhost server", "does NOT match");
	must_say("openssl x509 -in leaf.crt -noout -checkip 127.0.0.1", "does match");
	must_say("openssl x509 -in leaf.crt -noout -checkip 2001:db8::1", "does match");
	must_say("openssl x509 -in leaf.crt -noout -checkemail a@b.example", "does match");
	const char *text = "openssl x509 -in leaf.crt -noout -text -nameopt utf8";
	must_say(text, "Version: 3");
	must_say(text, "sha256WithRSAEncryption");
	must_say(text, "Basic Constraints: critical\n                CA:FALSE");
	must_say(text, "Key Usage: critical\n                Digital Signature, Key Encipherment\n");
	must_say(text, "TLS Web Client Authentication, TLS Web Server Authentication");
	must_say(text, "URI:spiffe://x/y");
	must_say(text, "Subject: O=Example \xc3\x9cnion, O=another, CN=server");
	must_not_say(text, "Alternative Name: critical");
	text = "openssl x509 -in ca.crt -noout -text";
	must_say(text, "Basic Constraints: critical\n                CA:TRUE\n");
	must_say(text,
		 "Key Usage: critical\n                Digital Signature, Certificate Sign, CRL Sign\n");
	must_not_say(text, "Extended Key Usage");

	assert_int_equal(neap_cert_facts(leaf, arena, &facts, NULL), 0);
	assert_int_equal(facts.begins, order.begins);
	assert_int_equal(facts.ends, order.ends);
	assert_string_equal(facts.holder.common_name, "server");
	assert_true(neap_words_equal(&facts.holder.organization, &order.holder.organization));
	assert_true(neap_words_equal(&facts.holder.names, &order.holder.names));
	assert_true(neap_words_equal(&facts.holder.usages, &order.holder.usages));
	assert_int_equal(facts.holder.subject.count, 0);
	assert_int_equal(facts.holder.path_length, -1);
	assert_false(facts.holder.ca);
	assert_true(facts.key_usage);
	assert_int_equal(neap_cert_facts(ca, arena, &facts, NULL), 0);
	assert_true(facts.holder.ca);
	assert_true(facts.key_usage);
}

static void x509__without_a_subject_the_names_are_critical(void **state)
{
	(void)state;
	struct neap_key *key NEAP_AUTO_KEY = make_key("ed25519", "bare");
	struct neap_cert_order order = leaf_order(key, NULL, NULL);
	order.holder.common_name = NULL;
	order.holder.organization.count = 0;
	struct neap_cert *cert NEAP_AUTO_CERT = make_cert(&order, "bare");

	must_say("openssl x509 -in bare.crt -noout -text", "Alternative Name: critical");
	must("openssl verify -CAfile bare.crt bare.crt");
	assert_int_equal(neap_cert_issued(cert, cert), NEAP_ISSUED);
}

static void x509__serial_numbers_are_twenty_octets_and_differ(void **state)
{
	(void)state;
	struct neap_key *key NEAP_AUTO_KEY = make_key("ed25519", "serial");
	struct neap_cert_order order = ca_order(key, "serial");
	const char *before = "";

	for (int i = 0; i < 20; i++) {
		struct neap_cert *cert NEAP_AUTO_CERT = make_cert(&order, "serial");
		const char *serial = must("openssl x509 -in serial.crt -noout -serial");
		(void)cert;
		assert_int_equal(strlen(serial), strlen("serial=\n") + 40);
		assert_true(serial[7] >= '4' && serial[7] <= '7');
		assert_string_not_equal(serial, before);
		before = serial;
	}
}

static void x509__a_ca_made_again_with_its_key_keeps_its_leaves_and_with_another_loses_them(void **state)
{
	(void)state;
	struct neap_key *key NEAP_AUTO_KEY = make_key("ecdsa-p256", "first");
	struct neap_key *other NEAP_AUTO_KEY = make_key("ecdsa-p256", "other");
	struct neap_key *leaf_key NEAP_AUTO_KEY = make_key("ecdsa-p256", "leaf");
	struct neap_cert_order order = ca_order(key, "ca");
	struct neap_cert *ca NEAP_AUTO_CERT = make_cert(&order, "ca1");
	struct neap_cert *again NEAP_AUTO_CERT = make_cert(&order, "ca2");
	order.key = other;
	struct neap_cert *replaced NEAP_AUTO_CERT = make_cert(&order, "ca3");
	order = leaf_order(leaf_key, ca, key);
	struct neap_cert *leaf NEAP_AUTO_CERT = make_cert(&order, "leaf");

	assert_int_equal(neap_cert_issued(leaf, again), NEAP_ISSUED);
	must("openssl verify -x509_strict -CAfile ca2.crt leaf.crt");
	assert_int_equal(neap_cert_issued(leaf, replaced), NEAP_ISSUED_OTHER_KEY);

	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_str pem;
	order.issuer_key = other;
	assert_int_equal(neap_cert_make(&order, arena, &pem, &err), -1);
	assert_non_null(strstr(err->message, "the issuer's key is not the key of its certificate"));
}

static void x509__a_ca_of_openssl_keeps_its_identifier(void **state)
{
	(void)state;
	must("openssl req -x509 -newkey rsa:2048 -nodes -keyout theirs.key -out theirs.crt -subj /CN=theirs "
	     "-days 9");
	const char *pem = must("cat theirs.key");
	struct neap_key *key NEAP_AUTO_KEY = parse_key(neap_str(pem));
	struct neap_cert_order order = ca_order(key, "theirs");
	struct neap_cert *cert NEAP_AUTO_CERT = make_cert(&order, "ours");
	(void)cert;
	assert_string_equal(must("openssl x509 -in theirs.crt -noout -ext subjectKeyIdentifier"),
			    must("openssl x509 -in ours.crt -noout -ext subjectKeyIdentifier"));
}

static void x509__signature_of_another_is_seen(void **state)
{
	(void)state;
	/* Same name, same key identifier by force: only the signature tells. */
	must("openssl req -x509 -newkey ed25519 -nodes -keyout a.key -out a.crt -subj /CN=same -days 9 "
	     "-addext subjectKeyIdentifier=01:02:03");
	must("openssl req -x509 -newkey ed25519 -nodes -keyout b.key -out b.crt -subj /CN=same -days 9 "
	     "-addext subjectKeyIdentifier=01:02:03");
	must("openssl req -newkey ed25519 -nodes -keyout l.key -out l.csr -subj /CN=leaf");
	must("openssl x509 -req -in l.csr -CA a.crt -CAkey a.key -out l.crt -days 3");
	struct neap_cert *a NEAP_AUTO_CERT = NULL, *b NEAP_AUTO_CERT = NULL, *leaf NEAP_AUTO_CERT = NULL;
	assert_int_equal(neap_cert_parse(neap_str(must("cat a.crt")), &a, NULL), 0);
	assert_int_equal(neap_cert_parse(neap_str(must("cat b.crt")), &b, NULL), 0);
	assert_int_equal(neap_cert_parse(neap_str(must("cat l.crt")), &leaf, NULL), 0);
	assert_int_equal(neap_cert_issued(leaf, a), NEAP_ISSUED);
	assert_int_equal(neap_cert_issued(leaf, b), NEAP_ISSUED_OTHER_KEY);
}

static void x509__certificates_of_openssl_are_read(void **state)
{
	(void)state;
	must("openssl req -x509 -newkey rsa:1024 -nodes -keyout k.key -out k.crt -days 30 "
	     "-subj '/C=DE/O=b/O=a/OU=ops/CN=x' -addext "
	     "'subjectAltName=DNS:B.Example,IP:::1,RID:1.2.3,DNS:a' "
	     "-addext extendedKeyUsage=codeSigning,serverAuth,1.2.3.4 -addext "
	     "basicConstraints=CA:true,pathlen:3 "
	     "-addext keyUsage=digitalSignature");
	struct neap_key *key NEAP_AUTO_KEY = parse_key(neap_str(must("cat k.key")));
	struct neap_cert *cert NEAP_AUTO_CERT = NULL;
	struct neap_cert_facts facts;
	/* text before the certificate, and more than one */
	assert_int_equal(
		neap_cert_parse(neap_str(must("openssl x509 -in k.crt -text; cat k.crt")), &cert, NULL), 0);
	assert_int_equal(neap_cert_facts(cert, arena, &facts, NULL), 0);
	assert_string_equal(neap_key_name(key, arena), "rsa-1024");
	assert_string_equal(facts.holder.common_name, "x");
	assert_true(are(&facts.holder.organization, WORDS("a", "b")));
	assert_true(are(&facts.holder.subject, WORDS("C=DE", "OU=ops")));
	assert_true(are(&facts.holder.names, WORDS("DNS:b.example", "IP:::1", "DNS:a", "name of kind 8")));
	assert_true(are(&facts.holder.usages, WORDS("codeSigning", "server", "1.2.3.4")));
	assert_true(facts.holder.ca);
	assert_int_equal(facts.holder.path_length, 3);
	assert_false(facts.key_usage);
	assert_int_equal(facts.ends - facts.begins, 30 * DAY);
}

static void x509__requests_satisfy_openssl_and_read_back(void **state)
{
	(void)state;
	static const char *const kinds[] = { "rsa-2048", "ecdsa-p384", "ed25519" };
	for (size_t i = 0; i < 3; i++) {
		struct neap_key *key NEAP_AUTO_KEY = make_key(kinds[i], "req");
		struct neap_key *other NEAP_AUTO_KEY = make_key(kinds[i], "other");
		struct neap_holder holder = leaf_order(key, NULL, NULL).holder, back;
		struct neap_request *request NEAP_AUTO_REQUEST = NULL;
		struct neap_str pem;
		assert_int_equal(neap_request_make(&holder, key, arena, &pem, NULL), 0);
		put("req.csr", pem.data, pem.len);
		must("openssl req -in req.csr -noout -verify");
		must_say("openssl req -in req.csr -noout -text", "DNS:www.example.org");
		must_say("openssl req -in req.csr -noout -text", "TLS Web Server");
		assert_int_equal(neap_request_parse(pem, &request, NULL), 0);
		assert_true(neap_request_is_of(request, key));
		assert_false(neap_request_is_of(request, other));
		neap_request_holder(request, arena, &back);
		assert_true(neap_words_equal(&holder.names, &back.names));
		assert_true(neap_words_equal(&holder.usages, &back.usages));
		assert_string_equal(back.common_name, "server");
	}
	struct neap_key *key NEAP_AUTO_KEY = make_key("ed25519", "plain");
	struct neap_holder holder = { .common_name = "plain", .path_length = -1 };
	struct neap_str pem;
	assert_int_equal(neap_request_make(&holder, key, arena, &pem, NULL), 0);
	put("plain.csr", pem.data, pem.len);
	must("openssl req -in plain.csr -noout -verify");
}

static void expect_refused(struct neap_str pem, const char *message, const char *hint)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_key *key NEAP_AUTO_KEY = NULL;
	assert_int_equal(neap_key_parse(pem, &key, &err), -1);
	assert_non_null(strstr(err->message, message));
	assert_non_null(strstr(err->hint, hint));
}

static void pkey__older_forms_are_read_and_what_cannot_be_used_is_refused(void **state)
{
	(void)state;
	static const char *const forms[] = {
		"openssl genrsa -traditional 2048",
		"openssl genpkey -algorithm RSA",
		"openssl ecparam -name prime256v1 -genkey",
		"openssl genpkey -algorithm ed25519",
	};
	static const char *const names[] = { "rsa-2048", "rsa-2048", "ecdsa-p256", "ed25519" };
	for (size_t i = 0; i < 4; i++) {
		struct neap_key *key NEAP_AUTO_KEY =
			parse_key(neap_str(must(neap_arena_printf(arena, "%s 2>/dev/null", forms[i]))));
		assert_string_equal(neap_key_name(key, arena), names[i]);
	}
	expect_refused(neap_str(must("openssl genrsa -traditional -aes128 -passout pass:x 2048 2>/dev/null")),
		       "is encrypted", "passphrase");
	expect_refused(neap_str(must("openssl genpkey -algorithm RSA -aes128 -pass pass:x 2>/dev/null")),
		       "is encrypted", "passphrase");
	expect_refused(neap_str(must("openssl genpkey -algorithm x25519")), "not known here", "Ed25519");
	expect_refused(neap_str(must("openssl genpkey -algorithm ed25519 -outform DER | base64")),
		       "holds no private key", "never replaced");
	expect_refused(NEAP_STR(""), "holds no private key", "never replaced");
	expect_refused(NEAP_STR("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"),
		       "holds no private key", "never replaced");
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_cert *cert NEAP_AUTO_CERT = NULL;
	assert_int_equal(neap_cert_parse(NEAP_STR("garbage\0more"), &cert, &err), -1);
	assert_non_null(strstr(err->message, "holds no certificate in PEM"));
}

static void pkey__public_half_is_what_openssl_says(void **state)
{
	(void)state;
	struct neap_key *key NEAP_AUTO_KEY = make_key("ecdsa-p384", "pub");
	struct neap_str pem;
	assert_int_equal(neap_key_public(key, arena, &pem, NULL), 0);
	assert_string_equal(pem.data, must("openssl pkey -in pub.key -pubout"));
}

static void name__forms_are_made_one_and_nonsense_is_refused(void **state)
{
	(void)state;
	static const char *const cells[][2] = {
		{ "DNS:WWW.Example.ORG", "DNS:www.example.org" },
		{ "DNS:localhost", "DNS:localhost" },
		{ "DNS:*.example.org", "DNS:*.example.org" },
		{ "DNS:_sip.example.org", "DNS:_sip.example.org" },
		{ "IP:127.0.0.1", "IP:127.0.0.1" },
		{ "IP:2001:DB8:0:0::1", "IP:2001:db8::1" },
		{ "IP:::1", "IP:::1" },
		{ "URI:spiffe://a/b", "URI:spiffe://a/b" },
		{ "email:me@example.org", "email:me@example.org" },
		{ "www.example.org", NULL },
		{ "dns:www.example.org", NULL },
		{ "DNS:", NULL },
		{ "DNS:a..b", NULL },
		{ "DNS:a.b.", NULL },
		{ "DNS:-a", NULL },
		{ "DNS:a-", NULL },
		{ "DNS:*", NULL },
		{ "DNS:a.*.b", NULL },
		{ "DNS:a b", NULL },
		{ "DNS:\xc3\xbc.example", NULL },
		{ "DNS:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
		{ "IP:1.2.3", NULL },
		{ "IP:1.2.3.4/24", NULL },
		{ "IP:1. 2.3.4", NULL },
		{ "IP:www", NULL },
		{ "IP:fe80::1%eth0", NULL },
		{ "URI:x", NULL },
		{ "URI:a b:c", NULL },
		{ "email:me", NULL },
		{ "email:@x", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const char *is = NULL;
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		int r = neap_name_canonical(cells[i][0], arena, &is, &err);
		if (r != (cells[i][1] ? 0 : -1) || (r == 0 && strcmp(is, cells[i][1]) != 0))
			fail_msg("%s: %d %s", cells[i][0], r, is ? is : "");
		assert_true(r == 0 || err);
	}
}

static void random__hex_is_long_secret_and_another_each_time(void **state)
{
	(void)state;
	struct neap_text one, two;
	assert_int_equal(neap_random_hex(32, arena, &one, NULL), 0);
	assert_int_equal(neap_random_hex(32, arena, &two, NULL), 0);
	assert_int_equal(one.len, 64);
	assert_int_equal(strspn(one.data, "0123456789abcdef"), 64);
	assert_int_equal(one.spans[0].len, 64);
	assert_string_not_equal(one.data, two.data);
	/* no half of it says the other */
	assert_memory_not_equal(one.data, one.data + 32, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x509__chains_of_each_kind_of_key_satisfy_openssl),
		cmocka_unit_test(x509__leaf_says_what_was_ordered),
		cmocka_unit_test(x509__without_a_subject_the_names_are_critical),
		cmocka_unit_test(x509__serial_numbers_are_twenty_octets_and_differ),
		cmocka_unit_test(
			x509__a_ca_made_again_with_its_key_keeps_its_leaves_and_with_another_loses_them),
		cmocka_unit_test(x509__a_ca_of_openssl_keeps_its_identifier),
		cmocka_unit_test(x509__signature_of_another_is_seen),
		cmocka_unit_test(x509__certificates_of_openssl_are_read),
		cmocka_unit_test(x509__requests_satisfy_openssl_and_read_back),
		cmocka_unit_test(pkey__older_forms_are_read_and_what_cannot_be_used_is_refused),
		cmocka_unit_test(pkey__public_half_is_what_openssl_says),
		cmocka_unit_test(name__forms_are_made_one_and_nonsense_is_refused),
		cmocka_unit_test(random__hex_is_long_secret_and_another_each_time),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
