/*
 * neap.wait_for: nothing of its own; what stands on it begins when something answers.
 *
 * Knows the network only through the host; must not know Lua, other types, nor whether this is a plan.
 */
#include "engine/remote.h"
#include "engine/resource.h"

enum {
	NAME,
	URL,
	HOST,
	PORT,
	COMMAND,
	STATUS,
	HEADERS,
	CA_CERT,
	CLIENT_CERT,
	CLIENT_KEY,
	TIMEOUT,
	DELAY,
	PARAM_COUNT
};

struct wait_want {
	struct neap_want base;
	const char *name, *url, *host;
	int64_t port, status, timeout, delay;
	struct neap_strings command;
	struct neap_texts headers;
	struct neap_related ca_cert, client_cert, client_key;
};

static const struct neap_param params[PARAM_COUNT];

/* A name of DNS or an address. */
static int check_host(const char *host, struct neap_error **err)
{
	size_t len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	if (strchr(host, ':'))
		len = strspn(host, "abcdefABCDEF0123456789.:");
	if (!host[len] && len <= 255 && host[0] != '-')
		return 0;
	neap_error_set(err, "host \"%.40s\" is neither a name nor an address", host);
	return neap_error_hint(err, "the port is a parameter of its own; a URL is `url`");
}

static int wait_check(const void *wanted, struct neap_error **err)
{
	const struct wait_want *want = wanted;
	unsigned kinds = neap_given(want, URL) + neap_given(want, HOST) + neap_given(want, COMMAND);

	if (kinds == 0) {
		neap_error_set(err, "what is waited for is not said");
		return neap_error_hint(err, "give url, or host and port, or command");
	}
	if (kinds > 1)
		return neap_error_set(err, "url, host and command contradict each other: give one of them");
	if (neap_given(want, HOST) != neap_given(want, PORT))
		return neap_error_set(err, "host and port are given together or not at all");
	if (neap_given(want, COMMAND) && !neap_given(want, NAME))
		return neap_error_set(err, "a command needs a name to be called by");
	for (unsigned i = STATUS; i < TIMEOUT && !neap_given(want, URL); i++)
		if (neap_given(want, i))
			return neap_error_set(err, "%s has no meaning without url", params[i].name);
	if (neap_given(want, CLIENT_KEY) && !neap_given(want, CLIENT_CERT))
		return neap_error_set(err, "client_key has no meaning without client_cert");
	if (neap_given(want, URL) && neap_remote_check_url("url", want->url, err) < 0)
		return -1;
	if (neap_given(want, HOST) && check_host(want->host, err) < 0)
		return -1;
	return neap_remote_check_headers(&want->headers, err);
}

static int wait_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	(void)view, (void)ctx, (void)wanted, (void)had, (void)err;
	return 0;
}

static int wait_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	(void)ctx, (void)wanted, (void)had, (void)diff, (void)err;
	return 0;
}

/* Only where it is not known whether there will be anything to wait for. */
static int wait_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	(void)host, (void)ctx, (void)wanted, (void)had, (void)err;
	return 0;
}

static int wait_wait(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		     struct neap_error **err)
{
	const struct wait_want *want = wanted;
	const struct neap_process process = { .argv = want->command.items };
	const struct neap_probe probe = {
		.url = want->url,
		.headers = neap_remote_headers(&want->headers, ctx->scratch),
		.status = (unsigned)want->status,
		.tls = neap_remote_tls(&want->ca_cert, &want->client_cert, &want->client_key),
		.host = want->host,
		.port = (uint16_t)want->port,
		.command = neap_given(want, COMMAND) ? &process : NULL,
		.timeout = (unsigned)want->timeout,
		.delay = (unsigned)want->delay,
	};

	return neap_host_wait(host, &probe, err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY,
		.doc = "What it is called, to tell it from others that wait for the same. Required with `command`.",
		.offset = offsetof(struct wait_want, name),
	},
	[URL] = {
		.name = "url",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY,
		.doc = "A URL, by http or https, that is asked for until the status is as wanted. Redirects are not "
		       "followed.",
		.offset = offsetof(struct wait_want, url),
	},
	[HOST] = {
		.name = "host",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY,
		.doc = "A name or an address at which somebody listens, at `port`, by TCP.",
		.offset = offsetof(struct wait_want, host),
	},
	[PORT] = {
		.name = "port",
		.kind = NEAP_PARAM_INTEGER,
		.flags = NEAP_PARAM_KEY,
		.min = 1,
		.max = 65535,
		.doc = "See `host`.",
		.offset = offsetof(struct wait_want, port),
	},
	[COMMAND] = {
		.name = "command",
		.kind = NEAP_PARAM_ARGV,
		.doc = "A command that only looks, run until it exits with 0; one run of it may take 30 seconds.",
		.offset = offsetof(struct wait_want, command),
	},
	[STATUS] = {
		.name = "status",
		.kind = NEAP_PARAM_INTEGER,
		.min = 100,
		.max = 599,
		.doc = "The status that the answer to `url` has to have.",
		.fallback = "any from 200 to 399",
		.offset = offsetof(struct wait_want, status),
	},
	[HEADERS] = {
		.name = "headers",
		.kind = NEAP_PARAM_TEXTS,
		.flags = NEAP_PARAM_SECRET,
		.doc = "Headers of the request for `url`.",
		.offset = offsetof(struct wait_want, headers),
	},
	[CA_CERT] = {
		.name = "ca_cert",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "A PEM file of the machine with the certificates that the server is verified by, instead of the "
		       "system's.",
		.offset = offsetof(struct wait_want, ca_cert),
	},
	[CLIENT_CERT] = {
		.name = "client_cert",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "A PEM file of the machine with the certificate that is shown to the server.",
		.offset = offsetof(struct wait_want, client_cert),
	},
	[CLIENT_KEY] = {
		.name = "client_key",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "The PEM file with its key, which has no passphrase.",
		.fallback = "the `key` of the resource that `client_cert` is, or the same file",
		.offset = offsetof(struct wait_want, client_key),
	},
	[TIMEOUT] = {
		.name = "timeout",
		.kind = NEAP_PARAM_DURATION,
		.min = 1,
		.max = 24 * 3600,
		.doc = "How long it is tried. Then the resource fails, with the error of the last try.",
		.fallback = "60s",
		.offset = offsetof(struct wait_want, timeout),
	},
	[DELAY] = {
		.name = "delay",
		.kind = NEAP_PARAM_DURATION,
		.min = 1,
		.max = 3600,
		.doc = "The pause between two tries.",
		.fallback = "1s",
		.offset = offsetof(struct wait_want, delay),
	},
};

static const char description[] =
	"Something that has to answer before what stands on it is begun: a port, a URL, a command.\n"
	"\n"
	"- It changes nothing. A plan says that it will wait, and asks nothing.\n"
	"- All changes before it are on the machine when it begins to wait.\n"
	"- Each try has its own end, 30 seconds at most. A signal ends the wait at once.\n"
	"- The network is that of the machine that runs neap, also with `--root`; certificates are\n"
	"  files below the root, and a command runs in it, which only root may.\n"
	"- `url` goes through the proxies of the environment (`http_proxy`, `https_proxy`, `all_proxy`,\n"
	"  `no_proxy`), `host` through none. TLS is always verified.\n"
	"- The pause between two tries is `delay`; with `retries` all of the waiting happens again.\n";

static const char example[] =
	"neap.wait_for {\n"
	"  url = \"https://127.0.0.1:2379/health\",\n"
	"  ca_cert = \"/etc/etcd/ca.crt\",\n"
	"  client_cert = \"/etc/etcd/client.crt\", client_key = \"/etc/etcd/client.key\",\n"
	"  timeout = \"2m\",\n"
	"}\n"
	"neap.wait_for { host = \"db.example.org\", port = 5432 }\n";

extern const struct neap_resource_type neap_type_wait_for;
const struct neap_resource_type neap_type_wait_for = {
	.name = "wait_for",
	.summary = "something has to answer before what stands on it is begun",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct wait_want),
	.have_size = 0,
	.check = wait_check,
	.read = wait_read,
	.diff = wait_diff,
	.apply = wait_apply,
	.wait = wait_wait,
};
