/*
 * See fetch.h. Knows neither where the file lies nor what it is for.
 *
 * Nothing is believed but the checksum: not what a former run left, not what a server says of its sizes. What
 * was gone on with and turns out wrong is thrown away and fetched once more from its beginning; it may have
 * been of another file, or the disk may have lost it in a crash.
 *
 * Headers and client certificates are for the servers that were named. Where one of them sends us on to
 * another server, that gets none.
 */
#include "host/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/url.h"

#define BYTES_MAX ((uint64_t)16 << 30)
#define TIMEOUT (4 * 3600)
#define STALL 60
#define REDIRECTS_MAX 10
#define AGAIN 1 /* the bytes that are there are of no use: start over */

struct fetch {
	const struct neap_fetch_order *order;
	struct neap_arena *arena;
	int fd;
	uint64_t have, max;
	struct neap_checksum_state *sum;    /* of what is had */
	struct neap_checksum_state *digest; /* SHA-256, when that is not what is asked for */
	bool ours; /* what went wrong is not the server's fault: no other one will do better */
	bool resumed;
};

/* ---- the file ------------------------------------------------------------------------------------------ */

static void sum_begin(struct fetch *fetch)
{
	fetch->have = 0;
	fetch->sum = neap_checksum_begin(fetch->order->checksum.kind);
	if (fetch->order->checksum.kind != NEAP_SHA256)
		fetch->digest = neap_checksum_begin(NEAP_SHA256);
}

static void sum_add(struct fetch *fetch, const void *bytes, size_t len)
{
	neap_checksum_update(fetch->sum, bytes, len);
	if (fetch->digest)
		neap_checksum_update(fetch->digest, bytes, len);
	fetch->have += len;
}

static void sum_end(struct fetch *fetch)
{
	struct neap_checksum unused;

	neap_checksum_end(fetch->sum, &unused);
	if (fetch->digest)
		neap_checksum_end(fetch->digest, &unused);
	fetch->sum = fetch->digest = NULL;
}

static int start_over(struct fetch *fetch, struct neap_error **err)
{
	sum_end(fetch);
	sum_begin(fetch);
	if (ftruncate(fetch->fd, 0) == 0)
		return 0;
	fetch->ours = true;
	return neap_error_errno(err, errno, "empty the file that it is written to");
}

/* What a former run has left counts as if it had just come. */
static int read_part(struct fetch *fetch, struct neap_error **err)
{
	const size_t size = (size_t)256 << 10;
	NEAP_AUTO_FREE char *bytes = neap_alloc(size);

	while (true) {
		ssize_t got = pread(fetch->fd, bytes, size, (off_t)fetch->have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			fetch->ours = true;
			return neap_error_errno(err, errno, "read what a former run has fetched");
		}
		if (got == 0)
			return 0;
		sum_add(fetch, bytes, (size_t)got);
		if (fetch->have > fetch->max)
			return start_over(fetch, err);
	}
}

static int append(struct fetch *fetch, const char *bytes, size_t len, struct neap_error **err)
{
	while (len) {
		ssize_t done = pwrite(fetch->fd, bytes, len, (off_t)fetch->have);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			int errnum = errno;

			neap_error_errno(err, errnum, "write the file that it is kept in");
			if (errnum == ENOSPC || errnum == EDQUOT)
				start_over(fetch, NULL); /* the disk is not kept full */
			fetch->ours = true;
			return -1;
		}
		sum_add(fetch, bytes, (size_t)done);
		bytes += done;
		len -= (size_t)done;
	}
	return 0;
}

static bool is_right(const struct fetch *fetch)
{
	struct neap_checksum now;

	neap_checksum_now(fetch->sum, &now);
	return neap_checksum_equal(&now, &fetch->order->checksum);
}

/* ---- one answer ---------------------------------------------------------------------------------------- */

static int too_large(struct fetch *fetch, struct neap_error **err)
{
	neap_error_set(err, "it is larger than %" PRIu64 " bytes", fetch->max);
	start_over(fetch, NULL);
	return -1;
}

static int on_head(void *ctx, const struct neap_web_answer *answer, struct neap_error **err)
{
	struct fetch *fetch = ctx;

	switch (answer->status) {
	case 200:
		/* Asked for the rest, it sends the whole. */
		if (fetch->have && start_over(fetch, err) < 0)
			return -1;
		break;
	case 206:
		if (!answer->partial || answer->from != fetch->have)
			return 1;
		fetch->resumed = fetch->have > 0;
		break;
	default:
		return 1;
	}
	return 0;
}

static int on_body(void *ctx, const void *bytes, size_t len, struct neap_error **err)
{
	struct fetch *fetch = ctx;

	if (len > fetch->max - fetch->have)
		return too_large(fetch, err);
	return append(fetch, bytes, len, err);
}

static bool is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where the answer sends us on to. */
static int next_url(const struct neap_web_answer *answer, const struct neap_url *from, struct neap_url *ret,
		    struct neap_error **err)
{
	struct neap_error *why NEAP_AUTO_ERROR = NULL;

	if (!answer->location)
		return neap_error_set(err, "redirected (%u), and not said whereto", answer->status);
	/* Where that leads may be a secret: signed URLs are. */
	if (neap_url_parse(answer->location, ret, &why) < 0)
		return neap_error_set(err, "redirected (%u) to what neap does not follow", answer->status);
	if (from->secure && !ret->secure)
		return neap_error_set(err, "redirected from https to http://%.*s, which is not followed",
				      (int)ret->host.len, ret->host.data);
	return 0;
}

/* From `url`, wherever it sends us on to. 0, negative or AGAIN. */
static int ask(struct fetch *fetch, const char *url, struct neap_error **err)
{
	const struct neap_fetch_order *order = fetch->order;
	const struct neap_web_tls only_ca = { .ca = order->tls ? order->tls->ca : (struct neap_str){ 0 } };
	unsigned timeout = order->timeout ? order->timeout : TIMEOUT;
	struct neap_url named, at, next;

	if (neap_url_parse(url, &named, err) < 0)
		return -1;
	at = named;
	for (unsigned hops = 0; hops <= REDIRECTS_MAX; hops++) {
		bool known = neap_url_same_server(&named, &at);
		struct neap_web_request request = {
			.url = url,
			.headers = known ? order->headers : NULL,
			.tls = known ? order->tls : &only_ca,
			.from = fetch->have,
			.max = fetch->max,
			.total_ms = (uint64_t)timeout * 1000,
			.stall = STALL,
			.watch = order->watch,
			.ctx = fetch,
			.head = on_head,
			.body = on_body,
		};
		struct neap_web_answer answer;

		if (neap_web_get(&request, fetch->arena, &answer, err) < 0) {
			if (!neap_url_same_server(&named, &at))
				neap_error_prefix(err, "redirected to %.*s", (int)at.host.len, at.host.data);
			return -1;
		}
		if (answer.status == 200 || (answer.status == 206 && answer.partial))
			return answer.status == 206 && answer.from != request.from ? AGAIN : 0;
		if ((answer.status == 416 || answer.status == 206) && request.from)
			return AGAIN;
		if (!is_redirect(answer.status))
			return neap_error_set(err, "the server answers %u", answer.status);
		if (next_url(&answer, &at, &next, err) < 0)
			return -1;
		url = answer.location;
		at = next;
	}
	return neap_error_set(err, "redirected more than %d times", REDIRECTS_MAX);
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

static int is_wrong(struct fetch *fetch, struct neap_error **err)
{
	struct neap_checksum now;

	neap_checksum_now(fetch->sum, &now);
	neap_error_set(err, "what it sends is not what is wanted: %" PRIu64 " bytes of %s", fetch->have,
		       neap_checksum_text(&now, fetch->arena));
	neap_error_hint(err, "either the file there has changed, or the checksum is another file's");
	return start_over(fetch, NULL);
}

static int fetch_from(struct fetch *fetch, const char *url, struct neap_error **err)
{
	for (int tries = 0; tries < 2; tries++) {
		int r;

		fetch->resumed = false;
		r = ask(fetch, url, err);
		if (r < 0)
			return -1;
		if (r == 0 && is_right(fetch))
			return 0;
		/* From its beginning, and all of one piece: it is that. */
		if (r == 0 && !fetch->resumed)
			break;
		if (start_over(fetch, err) < 0)
			return -1;
	}
	is_wrong(fetch, err);
	return -1;
}

/* Every URL's own error, in one; the last one's hint. */
static int fetch_any(struct fetch *fetch, struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf all = { 0 };

	for (const char *const *url = fetch->order->urls; *url; url++) {
		struct neap_error *one NEAP_AUTO_ERROR = NULL;
		bool last = !url[1];

		if (fetch_from(fetch, *url, &one) == 0)
			return 0;
		last |= fetch->ours || neap_web_stopped(fetch->order->watch);
		neap_buf_printf(&all, "%s%s: %s", all.len ? "; " : "", *url, one->message);
		if (!last)
			continue;
		neap_error_set(err, "download %s", all.data);
		neap_error_mark(err, one->errnum);
		if (one->hint)
			neap_error_hint(err, "%s", one->hint);
		break;
	}
	return -1;
}

int neap_fetch_into(const struct neap_fetch_order *order, int fd, struct neap_content *ret,
		    struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct fetch fetch = {
		.order = order, .arena = arena, .fd = fd, .max = order->max ? order->max : BYTES_MAX
	};
	struct neap_checksum digest;
	int r;

	sum_begin(&fetch);
	r = read_part(&fetch, err);
	if (r == 0 && !(fetch.have && is_right(&fetch)))
		r = fetch_any(&fetch, err);
	if (r == 0) {
		neap_checksum_now(fetch.digest ? fetch.digest : fetch.sum, &digest);
		*ret = (struct neap_content){ .size = fetch.have };
		memcpy(ret->digest, digest.bytes, sizeof(ret->digest));
	}
	sum_end(&fetch);
	return r;
}
