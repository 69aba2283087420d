/* See url.h. */
#include "base/url.h"

#include <stddef.h>
#include <strings.h>

/* 0: there is none; negative: it is no port. */
static int parse_port(struct neap_str digits)
{
	int port = 0;

	if (digits.len > 5)
		return -1;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return -1;
		port = 10 * port + (digits.data[i] - '0');
	}
	return digits.len && (port == 0 || port > UINT16_MAX) ? -1 : port;
}

static int no_url(const char *text, struct neap_error **err)
{
	neap_error_set(err, "\"%.*s\" is no URL of the web", (int)strnlen(text, 40), text);
	return neap_error_hint(err, "it begins with https:// or http://");
}

/* Only what may stand in a URL: anything else is written as %XX there, and would be sent as it is. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("\"<>\\^`{|}", *text))
			return false;
	return true;
}

int neap_url_parse(const char *text, struct neap_url *ret, struct neap_error **err)
{
	struct neap_url url = { .secure = strncasecmp(text, "https://", 8) == 0 };
	const char *start = text + (url.secure ? 8 : 7), *colon;
	size_t len;
	int port;

	if (!url.secure && strncasecmp(text, "http://", 7) != 0)
		return no_url(text, err);
	if (strlen(text) > NEAP_URL_MAX)
		return neap_error_set(err, "the URL is longer than %d bytes", NEAP_URL_MAX);
	if (!is_plain(text)) {
		neap_error_set(err, "the URL holds a character that no URL may hold");
		return neap_error_hint(err, "a space is written as %%20, and so on");
	}
	len = strcspn(start, "/?#");
	if (memchr(start, '@', len)) {
		neap_error_set(err, "the URL holds a name or a password, which plans would show");
		return neap_error_hint(err, "give them in a header, with neap.secret: "
					    "headers = { Authorization = \"Basic \" .. … }");
	}
	url.host = (struct neap_str){ start, len };
	colon = *start == '[' ? memchr(start, ']', len) : start;
	if (!colon)
		return no_url(text, err);
	colon = memchr(colon, ':', len - (size_t)(colon - start));
	if (colon)
		url.host.len = (size_t)(colon - start);
	port = colon ? parse_port((struct neap_str){ colon + 1, len - url.host.len - 1 }) : 0;
	if (port < 0)
		return neap_error_set(err, "the URL has a port that is none: %.*s",
				      (int)(len - url.host.len - 1), colon + 1);
	if (!url.host.len || url.host.len > 255)
		return no_url(text, err);
	url.port = port ? (uint16_t)port : url.secure ? 443 : 80;
	if (ret)
		*ret = url;
	return 0;
}

bool neap_url_same_server(const struct neap_url *a, const struct neap_url *b)
{
	return a->secure == b->secure && a->port == b->port && a->host.len == b->host.len &&
	       strncasecmp(a->host.data, b->host.data, a->host.len) == 0;
}
