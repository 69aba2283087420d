/* See remote.h. */
#include "engine/remote.h"

#include <strings.h>

#include "base/url.h"
#include "engine/schema.h"

#define HEADERS_MAX 64
#define HEADER_MAX ((size_t)16 << 10)

int neap_remote_check_url(const char *param, const char *url, struct neap_error **err)
{
	if (!*url || neap_url_parse(url, NULL, err) == 0)
		return 0;
	return neap_error_prefix(err, "%s", param);
}

/* A token, as HTTP calls it. */
static bool is_name(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!#$%&'*+^`|~");

	return len > 0 && !name[len];
}

/* These say how a message is sent, which is not for a recipe to decide. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = { "Accept-Encoding", "Connection", "Content-Length",   "Host",
					    "If-Range",        "Range",      "Transfer-Encoding" };

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcasecmp(name, ours[i]) == 0)
			return true;
	return strlen(name) == 2; /* the only one so short asks for encodings, too */
}

static int check_value(const char *name, const struct neap_text *value, struct neap_error **err)
{
	if (!value->len)
		return neap_error_set(err, "headers: %s is empty", name);
	if (value->len > HEADER_MAX)
		return neap_error_set(err, "headers: %s is longer than %zu KB", name, HEADER_MAX >> 10);
	for (size_t i = 0; i < value->len; i++) {
		unsigned char c = (unsigned char)value->data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f) {
			neap_error_set(err, "headers: %s holds a newline or another control character", name);
			return neap_error_hint(err, "a header is one line");
		}
	}
	return 0;
}

int neap_remote_check_headers(const struct neap_texts *headers, struct neap_error **err)
{
	if (headers->count > HEADERS_MAX)
		return neap_error_set(err, "headers: more than %d", HEADERS_MAX);
	for (size_t i = 0; i < headers->count; i++) {
		const char *name = headers->names[i];

		if (!is_name(name))
			return neap_error_set(err, "headers: \"%.40s\" is no name of a header", name);
		if (is_ours(name))
			return neap_error_set(err, "headers: %s is not for a recipe to set", name);
		if (check_value(name, &headers->texts[i], err) < 0)
			return -1;
	}
	return 0;
}

const char *const *neap_remote_headers(const struct neap_texts *headers, struct neap_arena *arena)
{
	const char **list = neap_arena_array_of(arena, const char *, headers->count + 1);

	for (size_t i = 0; i < headers->count; i++) {
		if (headers->texts[i].span_count)
			neap_arena_wipe(arena);
		list[i] = neap_arena_printf(arena, "%s: %s", headers->names[i], headers->texts[i].data);
	}
	return list;
}

static const char *key_of(const struct neap_related *cert)
{
	int index = cert->type ? neap_schema_find(cert->type, "key") : -1;
	const struct neap_want *want = cert->want;
	const struct neap_param *param;
	const void *member;

	if (index < 0 || !(want->given >> index & 1))
		return NULL;
	param = &cert->type->params[index];
	member = (const char *)cert->want + param->offset;
	if (param->kind == NEAP_PARAM_RESOURCE)
		return ((const struct neap_related *)member)->path;
	return param->kind == NEAP_PARAM_PATH ? *(const char *const *)member : NULL;
}

struct neap_tls_files neap_remote_tls(const struct neap_related *ca_cert,
				      const struct neap_related *client_cert,
				      const struct neap_related *client_key)
{
	return (struct neap_tls_files){
		.ca_cert = ca_cert->path,
		.client_cert = client_cert->path,
		.client_key = client_key->path ? client_key->path : key_of(client_cert),
	};
}
