/*
 * The overlay over the network: a plan asks nothing of it, an apply lets everything land first, as what is
 * asked may hang on it (a resolver's file, a server's). Also checksums of what is held.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/overlay_parts.h"
#include "host/tls.h"

#define CHUNK ((size_t)256 << 10)

/* ---- the network --------------------------------------------------------------------------------------- */

/* What a plan can foresee: a certificate that is not there. */
static int look_at_files(struct neap_host *host, const struct neap_tls_files *files, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_web_tls tls;

	neap_arena_wipe(arena);
	return neap_tls_read(&host->view, files, arena, &tls, err) < 0 ? -1 : 0;
}

int neap_overlay_fetch(struct neap_host *host, const struct neap_fetch *fetch, struct neap_arena *arena,
		       struct neap_content *ret, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);

	if (overlay->mode == NEAP_OVERLAY_PLAN) {
		if (look_at_files(host, &fetch->tls, err) < 0)
			return -1;
		*ret = (struct neap_content){ .unknown = true };
		return 0;
	}
	if (neap_overlay_land_first(overlay, "download", fetch->urls[0], err) < 0)
		return -1;
	return overlay->machine->ops->fetch(overlay->machine, fetch, arena, ret, err);
}

int neap_overlay_wait(struct neap_host *host, const struct neap_probe *probe, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	const char *what = probe->url ? probe->url : probe->host ? probe->host : probe->command->argv[0];

	if (overlay->mode == NEAP_OVERLAY_PLAN)
		return look_at_files(host, &probe->tls, err);
	if (neap_overlay_land_first(overlay, "wait for", what, err) < 0)
		return -1;
	return overlay->machine->ops->wait(overlay->machine, probe, err);
}

/* ---- checksums ----------------------------------------------------------------------------------------- */

static int sum_stream(const struct neap_stream *stream, struct neap_checksum_state *sum,
		      struct neap_error **err)
{
	NEAP_AUTO_FREE char *bytes = neap_alloc(CHUNK);
	void *reader;
	ssize_t got;

	if (stream->open(stream->ctx, &reader, err) < 0)
		return -1;
	while ((got = stream->read(reader, bytes, CHUNK, err)) > 0)
		neap_checksum_update(sum, bytes, (size_t)got);
	stream->close(reader);
	return got < 0 ? -1 : 0;
}

static int sum_source(const char *source, struct neap_checksum_state *sum, struct neap_error **err)
{
	NEAP_AUTO_FREE char *bytes = neap_alloc(CHUNK);
	int fd = open(source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return neap_error_errno(err, errno, "open %s", source);
	while ((got = read(fd, bytes, CHUNK)) > 0 || (got < 0 && errno == EINTR))
		if (got > 0)
			neap_checksum_update(sum, bytes, (size_t)got);
	if (got < 0)
		neap_error_errno(err, errno, "read %s", source);
	close(fd);
	return got < 0 ? -1 : 0;
}

int neap_overlay_sum(const struct neap_content *content, enum neap_checksum_kind kind,
		     struct neap_checksum *ret, struct neap_error **err)
{
	struct neap_checksum_state *sum;
	int r = 0;

	if (!content->data && kind == NEAP_SHA256) {
		*ret = (struct neap_checksum){ .kind = kind };
		memcpy(ret->bytes, content->digest, sizeof(content->digest));
		return 0;
	}
	sum = neap_checksum_begin(kind);
	if (content->data)
		neap_checksum_update(sum, content->data, (size_t)content->size);
	else if (content->stream)
		r = sum_stream(content->stream, sum, err);
	else if (content->source)
		r = sum_source(content->source, sum, err);
	else
		r = neap_error_set(err, "the checksum of content that is not at hand");
	neap_checksum_end(sum, ret);
	return r;
}
