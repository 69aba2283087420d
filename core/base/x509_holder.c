/* Names of certificates: how they are written, read and compared. See x509.h. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/x509_private.h"

#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63
#define SUBJECT_MAX 64 /* characters, by RFC 5280 */

/* ---- words ------------------------------------------------------------------------------------------- */

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct neap_words neap_words_of(struct neap_arena *arena, const char *const *items, size_t count)
{
	const char **sorted = neap_arena_array_of(arena, const char *, count + 1);
	size_t kept = 0;

	if (count)
		memcpy(sorted, items, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_words);
	for (size_t i = 0; i < count; i++)
		if (!kept || strcmp(sorted[kept - 1], sorted[i]) != 0)
			sorted[kept++] = sorted[i];
	sorted[kept] = NULL;
	return (struct neap_words){ sorted, kept };
}

bool neap_words_equal(const struct neap_words *a, const struct neap_words *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

/* A string of a certificate for people and comparison: what cannot be printed becomes "?", and is equal to
 * nothing that can be wanted. */
static char *printable(struct neap_arena *arena, const char *prefix, const void *data, size_t len)
{
	size_t before = strlen(prefix);
	char *text = neap_arena_bytes(arena, before + len + 1), *body = text + before;

	memcpy(text, prefix, before);
	if (len)
		memcpy(body, data, len);
	body[len] = '\0';
	bool utf8 = neap_str_is_utf8((struct neap_str){ body, len });
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)body[i];
		if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			body[i] = '?';
	}
	return text;
}

static void lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

/* ---- names as they are wanted ------------------------------------------------------------------------ */

static bool is_label(const char *label, size_t len)
{
	if (len == 0 || len > DNS_LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", label[i]))
			return false;
	return true;
}

/* `name` is in lower case. */
static int check_dns(const char *name, struct neap_error **err)
{
	size_t len = strlen(name);

	for (const char *p = name; *p; p++)
		if ((unsigned char)*p >= 0x80) {
			neap_error_set(err, "DNS:%s is not ASCII", name);
			return neap_error_hint(err, "write it as it stands in the DNS, with xn--");
		}
	if (len > DNS_NAME_MAX)
		return neap_error_set(err, "DNS:%.20s… is longer than 253 characters", name);
	const char *label = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
	for (;;) {
		size_t span = strcspn(label, ".");
		if (!is_label(label, span)) {
			neap_error_set(err, "DNS:%s is no name of a host", name);
			return neap_error_hint(
				err,
				"labels of letters, digits and hyphens, as in DNS:www.example.org; a first "
				"label may be *");
		}
		label += span;
		if (!*label++)
			return 0;
	}
}

static int canonical_ip(const char *address, struct neap_arena *arena, const char **ret,
			struct neap_error **err)
{
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, address, bytes) != 1 || !inet_ntop(family, bytes, text, sizeof text)) {
		neap_error_set(err, "IP:%s is no address", address);
		return neap_error_hint(err,
				       "write it as IP:10.0.0.1 or IP:2001:db8::1, without a prefix length");
	}
	*ret = neap_arena_printf(arena, "IP:%s", text);
	return 0;
}

/* The rest of the two kinds that are compared as they are. */
static int check_plain(const char *name, const char *value, const char *must_hold, struct neap_error **err)
{
	for (const char *p = value; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return neap_error_set(err, "%s may hold printable ASCII only, without blanks", name);
	const char *found = strpbrk(value, must_hold);
	if (!found || found == value || !found[1])
		return neap_error_set(err, "%s is no %s", name,
				      must_hold[0] == '@' ? "address of mail" : "URI with a scheme");
	return 0;
}

int neap_name_canonical(const char *name, struct neap_arena *arena, const char **ret, struct neap_error **err)
{
	if (strlen(name) > 2048)
		return neap_error_set(err, "%.20s… is longer than 2048 bytes", name);
	if (strncmp(name, "IP:", 3) == 0)
		return canonical_ip(name + 3, arena, ret, err);
	if (strncmp(name, "DNS:", 4) == 0) {
		char *text = neap_arena_strdup(arena, name);
		lower(text + 4);
		*ret = text;
		return check_dns(text + 4, err);
	}
	*ret = neap_arena_strdup(arena, name);
	if (strncmp(name, "URI:", 4) == 0)
		return check_plain(name, name + 4, ":", err);
	if (strncmp(name, "email:", 6) == 0)
		return check_plain(name, name + 6, "@", err);
	neap_error_set(err, "%s does not say what kind of name it is", name);
	return neap_error_hint(err, "write DNS:, IP:, URI: or email: in front of it");
}

int neap_subject_check(const char *what, const char *text, struct neap_error **err)
{
	struct neap_str str = neap_str(text);
	size_t characters = 0;

	if (!neap_str_is_utf8(str))
		return neap_error_set(err, "%s is not UTF-8", what);
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (c < 0x20 || c == 0x7f)
			return neap_error_set(err, "%s holds a control character", what);
		characters += (c & 0xc0) != 0x80;
	}
	if (characters < 1 || characters > SUBJECT_MAX) {
		neap_error_set(err, "%s has %zu characters, and may have 1 to %d", what, characters,
			       SUBJECT_MAX);
		return neap_error_hint(err, "long names of hosts belong into sans");
	}
	return 0;
}

/* ---- written ----------------------------------------------------------------------------------------- */

static void add_part(X509_NAME *subject, int nid, const char *text)
{
	if (!X509_NAME_add_entry_by_NID(subject, nid, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0))
		neap_out_of_memory();
}

int neap_holder_subject(const struct neap_holder *holder, X509_NAME **ret, struct neap_error **err)
{
	for (size_t i = 0; i < holder->organization.count; i++)
		if (neap_subject_check("organization", holder->organization.items[i], err) < 0)
			return -1;
	if (holder->common_name && neap_subject_check("common_name", holder->common_name, err) < 0)
		return -1;
	X509_NAME *subject = X509_NAME_new();
	if (!subject)
		neap_out_of_memory();
	for (size_t i = 0; i < holder->organization.count; i++)
		add_part(subject, NID_organizationName, holder->organization.items[i]);
	if (holder->common_name)
		add_part(subject, NID_commonName, holder->common_name);
	*ret = subject;
	return 0;
}

static void add_extension(STACK_OF(X509_EXTENSION) * *extensions, int nid, bool critical, void *value)
{
	if (X509V3_add1_i2d(extensions, nid, value, critical, X509V3_ADD_APPEND) != 1)
		neap_out_of_memory();
}

static void add_constraints(const struct neap_holder *holder, STACK_OF(X509_EXTENSION) * *extensions)
{
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();

	if (!constraints)
		neap_out_of_memory();
	constraints->ca = holder->ca ? 0xff : 0;
	if (holder->ca && holder->path_length >= 0) {
		constraints->pathlen = ASN1_INTEGER_new();
		if (!constraints->pathlen || !ASN1_INTEGER_set(constraints->pathlen, holder->path_length))
			neap_out_of_memory();
	}
	add_extension(extensions, NID_basic_constraints, true, constraints);
	BASIC_CONSTRAINTS_free(constraints);
}

/* Bits of keyUsage, counted from 0 (RFC 5280, 4.2.1.3). */
enum { DIGITAL_SIGNATURE = 0, KEY_ENCIPHERMENT = 2, KEY_CERT_SIGN = 5, CRL_SIGN = 6 };

static void add_key_usage(const struct neap_holder *holder, const struct neap_key *key,
			  STACK_OF(X509_EXTENSION) * *extensions)
{
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	bool good = bits && ASN1_BIT_STRING_set_bit(bits, DIGITAL_SIGNATURE, 1);

	if (good && holder->ca)
		good = ASN1_BIT_STRING_set_bit(bits, KEY_CERT_SIGN, 1) &&
		       ASN1_BIT_STRING_set_bit(bits, CRL_SIGN, 1);
	else if (good && EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_RSA)
		good = ASN1_BIT_STRING_set_bit(bits, KEY_ENCIPHERMENT, 1);
	if (!good)
		neap_out_of_memory();
	add_extension(extensions, NID_key_usage, true, bits);
	ASN1_BIT_STRING_free(bits);
}

static const struct {
	const char *word;
	int nid;
} purposes[] = { { "server", NID_server_auth }, { "client", NID_client_auth } };

static int add_usages(const struct neap_words *usages, STACK_OF(X509_EXTENSION) * *extensions,
		      struct neap_error **err)
{
	EXTENDED_KEY_USAGE *list = sk_ASN1_OBJECT_new_null();
	int r = 0;

	if (!list)
		neap_out_of_memory();
	for (size_t i = 0; i < usages->count; i++) {
		int nid = NID_undef;
		for (size_t p = 0; p < sizeof purposes / sizeof *purposes; p++)
			if (strcmp(purposes[p].word, usages->items[i]) == 0)
				nid = purposes[p].nid;
		if (nid == NID_undef)
			r = neap_error_set(err, "%s is no usage", usages->items[i]);
		else if (!sk_ASN1_OBJECT_push(list, OBJ_nid2obj(nid)))
			neap_out_of_memory();
	}
	if (r == 0 && usages->count)
		add_extension(extensions, NID_ext_key_usage, false, list);
	sk_ASN1_OBJECT_pop_free(list, ASN1_OBJECT_free);
	return r;
}

/* `word` is canonical. */
static GENERAL_NAME *general_name(const char *word)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	const char *value = strchr(word, ':') + 1;
	unsigned char bytes[16];

	if (!name)
		neap_out_of_memory();
	if (strncmp(word, "IP:", 3) == 0) {
		bool six = strchr(value, ':');
		ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
		if (!octets || inet_pton(six ? AF_INET6 : AF_INET, value, bytes) != 1 ||
		    !ASN1_OCTET_STRING_set(octets, bytes, six ? 16 : 4))
			neap_out_of_memory();
		GENERAL_NAME_set0_value(name, GEN_IPADD, octets);
		return name;
	}
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	if (!text || !ASN1_STRING_set(text, value, -1))
		neap_out_of_memory();
	GENERAL_NAME_set0_value(name, word[0] == 'D' ? GEN_DNS : word[0] == 'U' ? GEN_URI : GEN_EMAIL, text);
	return name;
}

static int add_names(const struct neap_holder *holder, STACK_OF(X509_EXTENSION) * *extensions,
		     struct neap_error **err)
{
	struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	bool critical = !holder->common_name && !holder->organization.count;
	int r = 0;

	if (!names)
		neap_out_of_memory();
	for (size_t i = 0; i < holder->names.count && r == 0; i++) {
		const char *canonical;
		r = neap_name_canonical(holder->names.items[i], scratch, &canonical, err);
		if (r == 0 && !sk_GENERAL_NAME_push(names, general_name(canonical)))
			neap_out_of_memory();
	}
	if (r == 0 && holder->names.count)
		add_extension(extensions, NID_subject_alt_name, critical, names);
	sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
	return r;
}

int neap_holder_extensions(const struct neap_holder *holder, bool request, const struct neap_key *key,
			   STACK_OF(X509_EXTENSION) * *ret, struct neap_error **err)
{
	STACK_OF(X509_EXTENSION) *extensions = NULL;

	if (!request) {
		add_constraints(holder, &extensions);
		add_key_usage(holder, key, &extensions);
	}
	if (add_usages(&holder->usages, &extensions, err) < 0 || add_names(holder, &extensions, err) < 0) {
		sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
		return -1;
	}
	*ret = extensions;
	return 0;
}

/* ---- read -------------------------------------------------------------------------------------------- */

static char *part_text(const X509_NAME_ENTRY *entry, const char *prefix, struct neap_arena *arena)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
	char *text = printable(arena, prefix, utf8, len > 0 ? (size_t)len : 0);

	OPENSSL_free(utf8);
	return text;
}

static const char *object_name(const ASN1_OBJECT *object, struct neap_arena *arena)
{
	char text[128];

	if (OBJ_obj2nid(object) != NID_undef)
		return OBJ_nid2sn(OBJ_obj2nid(object));
	if (OBJ_obj2txt(text, sizeof text, object, 1) <= 0)
		return "?";
	return neap_arena_strdup(arena, text);
}

static void read_subject(const X509_NAME *subject, struct neap_arena *arena, struct neap_holder *ret)
{
	int count = X509_NAME_entry_count(subject);
	const char **organization = neap_arena_array_of(arena, const char *, (size_t)count + 1);
	const char **rest = neap_arena_array_of(arena, const char *, (size_t)count + 1);
	size_t organizations = 0, others = 0;

	for (int i = 0; i < count; i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
		const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
		int nid = OBJ_obj2nid(object);
		if (nid == NID_organizationName)
			organization[organizations++] = part_text(entry, "", arena);
		else if (nid == NID_commonName && !ret->common_name)
			ret->common_name = part_text(entry, "", arena);
		else
			rest[others++] = part_text(
				entry, neap_arena_printf(arena, "%s=", object_name(object, arena)), arena);
	}
	ret->organization = neap_words_of(arena, organization, organizations);
	ret->subject = neap_words_of(arena, rest, others);
}

static const char *name_text(const GENERAL_NAME *name, struct neap_arena *arena)
{
	static const char *const prefixes[] = {
		[GEN_EMAIL] = "email:", [GEN_DNS] = "DNS:", [GEN_URI] = "URI:"
	};
	char address[INET6_ADDRSTRLEN];
	int kind;
	const void *value = GENERAL_NAME_get0_value(name, &kind);

	if (kind == GEN_EMAIL || kind == GEN_DNS || kind == GEN_URI) {
		char *text = printable(arena, prefixes[kind], ASN1_STRING_get0_data(value),
				       (size_t)ASN1_STRING_length(value));
		if (kind == GEN_DNS)
			lower(text + 4);
		return text;
	}
	if (kind == GEN_IPADD) {
		int len = ASN1_STRING_length(value);
		if ((len == 4 || len == 16) &&
		    inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), address,
			      sizeof address))
			return neap_arena_printf(arena, "IP:%s", address);
	}
	return neap_arena_printf(arena, "name of kind %d", kind);
}

static void read_names(const STACK_OF(X509_EXTENSION) * extensions, struct neap_arena *arena,
		       struct neap_holder *ret)
{
	GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
	int count = names ? sk_GENERAL_NAME_num(names) : 0;
	const char **words = neap_arena_array_of(arena, const char *, (size_t)count + 1);

	for (int i = 0; i < count; i++)
		words[i] = name_text(sk_GENERAL_NAME_value(names, i), arena);
	ret->names = neap_words_of(arena, words, (size_t)count);
	GENERAL_NAMES_free(names);
}

static void read_usages(const STACK_OF(X509_EXTENSION) * extensions, struct neap_arena *arena,
			struct neap_holder *ret)
{
	EXTENDED_KEY_USAGE *list = X509V3_get_d2i(extensions, NID_ext_key_usage, NULL, NULL);
	int count = list ? sk_ASN1_OBJECT_num(list) : 0;
	const char **words = neap_arena_array_of(arena, const char *, (size_t)count + 1);

	for (int i = 0; i < count; i++) {
		const ASN1_OBJECT *object = sk_ASN1_OBJECT_value(list, i);
		words[i] = object_name(object, arena);
		for (size_t p = 0; p < sizeof purposes / sizeof *purposes; p++)
			if (OBJ_obj2nid(object) == purposes[p].nid)
				words[i] = purposes[p].word;
	}
	ret->usages = neap_words_of(arena, words, (size_t)count);
	EXTENDED_KEY_USAGE_free(list);
}

void neap_holder_read(const X509_NAME *subject, const STACK_OF(X509_EXTENSION) * extensions,
		      struct neap_arena *arena, struct neap_holder *ret)
{
	*ret = (struct neap_holder){ .path_length = -1 };
	read_subject(subject, arena, ret);
	read_names(extensions, arena, ret);
	read_usages(extensions, arena, ret);
	BASIC_CONSTRAINTS *constraints = X509V3_get_d2i(extensions, NID_basic_constraints, NULL, NULL);
	if (constraints) {
		ret->ca = constraints->ca;
		long length = constraints->pathlen ? ASN1_INTEGER_get(constraints->pathlen) : -1;
		ret->path_length = length < 0 ? -1 : length > 1000 ? 1000 : (int)length;
		BASIC_CONSTRAINTS_free(constraints);
	}
	ERR_clear_error();
}
