/*
 * See web.h. The only file that knows libcurl.
 *
 * The library is loaded when the first request is made: it brings thirty others with it, and a run that asks
 * nothing of the network, which is nearly every one, shall not wait for them.
 *
 * What a server says is an enemy's word: its head is bounded, redirects are only told (who asked decides),
 * what is compressed stays so, and nothing of it is quoted.
 */
#include "host/web.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/library.h"
#include "base/url.h"

#define LIBRARY "libcurl.so.4"
#define CONNECT_MS 30000
#define HEAD_MAX ((size_t)256 << 10)
#define IDLE_MAX ((uint64_t)64 << 10) /* of what nobody wants */
#define STALL_BYTES 1024              /* fewer a second are as good as none */

/* ---- the library --------------------------------------------------------------------------------------- */

static struct {
	typeof(curl_global_init) *global_init;
	typeof(curl_easy_init) *init;
	typeof(curl_easy_setopt) *set;
	typeof(curl_easy_perform) *perform;
	typeof(curl_easy_getinfo) *get;
	typeof(curl_easy_cleanup) *cleanup;
	typeof(curl_easy_strerror) *text;
	typeof(curl_slist_append) *append;
	typeof(curl_slist_free_all) *free_all;
} lib;

static const char *const lib_names[] = {
	"curl_global_init",   "curl_easy_init",    "curl_easy_setopt",
	"curl_easy_perform",  "curl_easy_getinfo", "curl_easy_cleanup",
	"curl_easy_strerror", "curl_slist_append", "curl_slist_free_all",
};
static struct neap_library library = { LIBRARY, "libcurl4", lib_names, &lib, sizeof(lib), false };

static int load(struct neap_error **err)
{
	static bool started;

	if (neap_library_load(&library, err) < 0)
		return -1;
	if (!started && lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return neap_error_set(err, "load %s: it does not start", LIBRARY);
	started = true;
	return 0;
}

/* ---- one exchange -------------------------------------------------------------------------------------- */

struct exchange {
	const struct neap_web_request *request;
	struct neap_web_answer answer;
	CURL *curl;
	struct curl_slist *headers;
	size_t head;              /* bytes of it */
	uint64_t got;             /* of the body */
	bool begun, done, large;  /* the asker knows the head; has enough; the head is too large */
	struct neap_error *error; /* the asker's */
	char text[CURL_ERROR_SIZE];
};

bool neap_web_stopped(const struct neap_machine_watch *watch)
{
	return watch && watch->stop && *watch->stop;
}

/* "bytes 100-199/200": digits, and nothing before them. */
static void content_range(const char *value, struct neap_web_answer *answer)
{
	uint64_t from = 0;
	size_t digits;

	value += strspn(value, " \t");
	if (strncasecmp(value, "bytes ", 6) != 0)
		return;
	value += 6;
	digits = strspn(value, "0123456789");
	if (!digits || digits > 18 || value[digits] != '-')
		return;
	for (size_t i = 0; i < digits; i++)
		from = 10 * from + (uint64_t)(value[i] - '0');
	answer->partial = true;
	answer->from = from;
}

/* Tells the asker what came before the body. */
static void begin(struct exchange *exchange)
{
	const struct neap_web_request *request = exchange->request;
	long status = 0;

	if (exchange->begun)
		return;
	exchange->begun = true;
	lib.get(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
	exchange->answer.status = status > 0 ? (unsigned)status : 0;
	if (request->head)
		exchange->done = request->head(request->ctx, &exchange->answer, &exchange->error) > 0;
}

/* What libcurl knows of a redirect it says only when the answer has come to its end. */
static bool is_redirect(const struct exchange *exchange)
{
	return exchange->answer.status / 100 == 3;
}

static bool is_over(const struct exchange *exchange)
{
	return exchange->error || (exchange->done && !is_redirect(exchange));
}

/* One line of the head. A status line begins a new one: after "100 Continue" the real one. */
static size_t on_header(char *line, size_t one, size_t len, void *ctx)
{
	static const char range[] = "content-range:";
	const size_t name = sizeof(range) - 1;
	struct exchange *exchange = ctx;
	long status = 0;
	char value[80];

	(void)one;
	exchange->head += len;
	if (exchange->head > HEAD_MAX) {
		exchange->large = true;
		return 0;
	}
	if (len > 5 && strncmp(line, "HTTP/", 5) == 0)
		exchange->answer = (struct neap_web_answer){ 0 };
	if (len > name && strncasecmp(line, range, name) == 0) {
		snprintf(value, sizeof(value), "%.*s", (int)(len - name < 79 ? len - name : 79), line + name);
		content_range(value, &exchange->answer);
	}
	if (line[0] == '\r' || line[0] == '\n') {
		lib.get(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
		if (status >= 200)
			begin(exchange);
	}
	return is_over(exchange) ? 0 : len;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *ctx)
{
	struct exchange *exchange = ctx;
	const struct neap_web_request *request = exchange->request;

	(void)one;
	begin(exchange);
	exchange->got += len;
	if (exchange->done)
		return is_redirect(exchange) && exchange->got <= IDLE_MAX ? len : 0;
	if (request->body && !exchange->error)
		exchange->done = request->body(request->ctx, bytes, len, &exchange->error) > 0;
	return is_over(exchange) ? 0 : len;
}

static int on_progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
	const struct exchange *exchange = ctx;
	const struct neap_machine_watch *watch = exchange->request->watch;

	(void)up_total, (void)up;
	if (watch && watch->progress && now > 0) {
		uint64_t from = exchange->answer.partial ? exchange->answer.from : 0;

		watch->progress(watch->ctx, from + (uint64_t)now, total > 0 ? from + (uint64_t)total : 0);
	}
	return neap_web_stopped(watch);
}

static struct curl_blob blob(struct neap_str text)
{
	return (struct curl_blob){ (void *)(uintptr_t)text.data, text.len, CURL_BLOB_NOCOPY };
}

static void set_tls(const struct exchange *exchange)
{
	const struct neap_web_tls *tls = exchange->request->tls;
	struct curl_blob ca, cert, key;

	/* A key with a passphrase is an error; without this OpenSSL would ask the terminal. */
	lib.set(exchange->curl, CURLOPT_KEYPASSWD, "");
	if (!tls)
		return;
	ca = blob(tls->ca);
	cert = blob(tls->cert);
	key = blob(tls->key);
	if (ca.data) { /* it alone, not beside the system's */
		lib.set(exchange->curl, CURLOPT_CAINFO_BLOB, &ca);
		lib.set(exchange->curl, CURLOPT_CAPATH, NULL);
	}
	if (cert.data)
		lib.set(exchange->curl, CURLOPT_SSLCERT_BLOB, &cert);
	if (key.data)
		lib.set(exchange->curl, CURLOPT_SSLKEY_BLOB, &key);
}

static void set_request(struct exchange *exchange)
{
	const struct neap_web_request *request = exchange->request;
	CURL *curl = exchange->curl;
	char range[32];

	lib.set(curl, CURLOPT_URL, request->url);
	lib.set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	lib.set(curl, CURLOPT_USERAGENT, "neap/" NEAP_VERSION);
	lib.set(curl, CURLOPT_NOSIGNAL, 1L);
	lib.set(curl, CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs is not waited for */
	lib.set(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	lib.set(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	lib.set(curl, CURLOPT_CONNECTTIMEOUT_MS,
		(long)(request->connect_ms ? request->connect_ms : CONNECT_MS));
	lib.set(curl, CURLOPT_TIMEOUT_MS,
		(long)(request->total_ms < INT32_MAX ? request->total_ms : INT32_MAX));
	if (request->stall) {
		lib.set(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
		lib.set(curl, CURLOPT_LOW_SPEED_TIME, (long)request->stall);
	}
	if (request->connect_only) {
		lib.set(curl, CURLOPT_CONNECT_ONLY, 1L);
		lib.set(curl, CURLOPT_PROXY, "");
	}
	if (request->max)
		lib.set(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max);
	if (request->from) {
		snprintf(range, sizeof(range), "%" PRIu64 "-", request->from);
		lib.set(curl, CURLOPT_RANGE, range); /* copied */
	}
	for (const char *const *header = request->headers; header && *header; header++) {
		struct curl_slist *longer = lib.append(exchange->headers, *header);

		if (!longer)
			neap_out_of_memory();
		exchange->headers = longer;
	}
	lib.set(curl, CURLOPT_HTTPHEADER, exchange->headers);
	lib.set(curl, CURLOPT_ERRORBUFFER, exchange->text);
	lib.set(curl, CURLOPT_HEADERFUNCTION, on_header);
	lib.set(curl, CURLOPT_HEADERDATA, exchange);
	lib.set(curl, CURLOPT_WRITEFUNCTION, on_body);
	lib.set(curl, CURLOPT_WRITEDATA, exchange);
	lib.set(curl, CURLOPT_NOPROGRESS, 0L);
	lib.set(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	lib.set(curl, CURLOPT_XFERINFODATA, exchange);
	set_tls(exchange);
}

/* ---- errors -------------------------------------------------------------------------------------------- */

/* Whom it could not reach: the server, or the proxy on the way. */
static int not_reached(const struct exchange *exchange, struct neap_error **err)
{
	char host[257];
	unsigned port;
	long errnum = 0;

	lib.get(exchange->curl, CURLINFO_OS_ERRNO, &errnum);
	if (sscanf(exchange->text, "Failed to connect to %256s port %u", host, &port) != 2 || !errnum)
		return neap_error_set(err, "%s", exchange->text[0] ? exchange->text : "cannot connect");
	return neap_error_errno(err, (int)errnum, "connect %s:%u", host, port);
}

static int timed_out(const struct exchange *exchange, struct neap_error **err)
{
	const struct neap_web_request *request = exchange->request;
	double connected = 0;

	lib.get(exchange->curl, CURLINFO_CONNECT_TIME, &connected);
	if (connected <= 0)
		return neap_error_set(err, "connect: no answer");
	if (!exchange->begun)
		return neap_error_set(err, "no answer in time");
	if (request->stall && strstr(exchange->text, "too slow"))
		return neap_error_set(err, "nothing comes any more, after %" PRIu64 " bytes", exchange->got);
	return neap_error_set(err, "not done in time, after %" PRIu64 " bytes", exchange->got);
}

static int tls_failed(const struct exchange *exchange, CURLcode code, struct neap_error **err)
{
	neap_error_set(err, "TLS: %s", exchange->text[0] ? exchange->text : lib.text(code));
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		neap_error_hint(err,
				"ca_cert names the file with the certificates that it is to be verified by");
	return -1;
}

static int explain(const struct exchange *exchange, CURLcode code, struct neap_error **err)
{
	if (neap_web_stopped(exchange->request->watch))
		return neap_error_errno(err, EINTR, "stopped");
	if (exchange->large)
		return neap_error_set(err, "the head of the answer is larger than %zu KB", HEAD_MAX >> 10);
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return not_reached(exchange, err);
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(exchange, err);
	case CURLE_FILESIZE_EXCEEDED:
		return neap_error_set(err, "more is announced than is taken");
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2_STREAM:
		if (exchange->begun)
			return neap_error_set(err, "the connection broke off after %" PRIu64 " bytes",
					      exchange->got);
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return tls_failed(exchange, code, err);
	default:
		break;
	}
	return neap_error_set(err, "%s", exchange->text[0] ? exchange->text : lib.text(code));
}

/* ---- asking -------------------------------------------------------------------------------------------- */

static int perform(struct exchange *exchange, struct neap_arena *arena, struct neap_web_answer *ret,
		   struct neap_error **err)
{
	CURLcode code;
	char *location = NULL;

	set_request(exchange);
	code = lib.perform(exchange->curl);
	if (code == CURLE_OK && !exchange->request->connect_only)
		begin(exchange);
	if (exchange->error) /* the asker's own says it best */
		return neap_error_pass(err, &exchange->error);
	if (code != CURLE_OK && !exchange->done)
		return explain(exchange, code, err);
	lib.get(exchange->curl, CURLINFO_REDIRECT_URL, &location);
	if (location && strlen(location) <= NEAP_URL_MAX)
		exchange->answer.location = neap_arena_strdup(arena, location);
	*ret = exchange->answer;
	return 0;
}

int neap_web_get(const struct neap_web_request *request, struct neap_arena *arena,
		 struct neap_web_answer *ret, struct neap_error **err)
{
	struct exchange exchange = { .request = request };
	struct neap_error *failure = NULL;
	int r;

	if (load(err) < 0)
		return -1;
	exchange.curl = lib.init();
	if (!exchange.curl)
		neap_out_of_memory();
	r = perform(&exchange, arena, ret, &failure);
	lib.cleanup(exchange.curl);
	lib.free_all(exchange.headers);
	neap_error_pass(err, &failure);
	return r;
}
