/*
 * Keys, certificates and requests that somebody else wrote, and names of certificates. The first byte says
 * what the rest is: PEM as it lies in a file; DER, which is put into PEM here, so that the fuzzer need not
 * learn base64; or a name.
 */
#include "base/x509.h"
#include "base/pkey.h"
#include "base/value.h"
#include "fuzz.h"

static void is_set(const struct neap_words *words)
{
	for (size_t i = 1; i < words->count; i++)
		HOLDS(strcmp(words->items[i - 1], words->items[i]) < 0);
}

static void holds(const struct neap_holder *holder)
{
	is_set(&holder->organization);
	is_set(&holder->subject);
	is_set(&holder->names);
	is_set(&holder->usages);
	HOLDS(holder->path_length >= -1);
}

static void try_cert(struct neap_str pem, struct neap_arena *arena)
{
	struct neap_cert *cert NEAP_AUTO_CERT = NULL;
	struct neap_cert_facts facts;

	if (neap_cert_parse(pem, &cert, NULL) < 0)
		return;
	if (neap_cert_facts(cert, arena, &facts, NULL) == 0)
		holds(&facts.holder);
	neap_cert_issued(cert, cert);
}

static void try_key(struct neap_str pem, struct neap_arena *arena)
{
	struct neap_key *key NEAP_AUTO_KEY = NULL;
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	struct neap_str public;

	if (neap_key_parse(pem, &key, &err) < 0) {
		HOLDS(err && err->hint);
		return;
	}
	HOLDS(*neap_key_name(key, arena));
	neap_key_public(key, arena, &public, NULL);
}

static void try_request(struct neap_str pem, struct neap_arena *arena)
{
	struct neap_request *request NEAP_AUTO_REQUEST = NULL;
	struct neap_holder holder;

	if (neap_request_parse(pem, &request, NULL) < 0)
		return;
	neap_request_holder(request, arena, &holder);
	holds(&holder);
}

static void try_name(const char *name, struct neap_arena *arena)
{
	const char *once, *twice;

	if (neap_name_canonical(name, arena, &once, NULL) < 0)
		return;
	HOLDS(neap_name_canonical(once, arena, &twice, NULL) == 0);
	HOLDS(strcmp(once, twice) == 0);
}

static struct neap_str pem_of(const char *label, const uint8_t *der, size_t size, struct neap_arena *arena)
{
	struct neap_text base64 = neap_text_base64(arena, neap_text_plain((const char *)der, size));
	struct neap_buf pem NEAP_AUTO_BUF = { 0 };

	neap_buf_printf(&pem, "-----BEGIN %s-----\n", label);
	for (size_t at = 0; at < base64.len; at += 64) {
		neap_buf_append(&pem, base64.data + at, base64.len - at < 64 ? base64.len - at : 64);
		neap_buf_putc(&pem, '\n');
	}
	neap_buf_printf(&pem, "-----END %s-----\n", label);
	return (struct neap_str){ neap_arena_copy(arena, pem.data, pem.len), pem.len };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	if (size == 0)
		return 0;
	struct neap_str rest = { neap_arena_copy(arena, data + 1, size - 1), size - 1 };
	switch (data[0]) {
	case 'c':
		try_cert(pem_of("CERTIFICATE", data + 1, size - 1, arena), arena);
		break;
	case 'k':
		try_key(pem_of("PRIVATE KEY", data + 1, size - 1, arena), arena);
		break;
	case 'r':
		try_request(pem_of("CERTIFICATE REQUEST", data + 1, size - 1, arena), arena);
		break;
	case 'n':
		try_name(rest.data, arena);
		break;
	default:
		try_cert(rest, arena);
		try_key(rest, arena);
		try_request(rest, arena);
	}
	return 0;
}
