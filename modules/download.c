/*
 * neap.download: a file whose bytes come from a URL and are known by their checksum.
 *
 * Knows the machine and the network only through the view and the host; must not know Lua, other types, nor
 * whether this is a plan.
 */
#include "engine/attributes.h"
#include "engine/remote.h"
#include "engine/resource.h"

#define MIRRORS_MAX 32

enum {
	PATH,
	ENSURE,
	URL,
	CHECKSUM,
	MIRRORS,
	HEADERS,
	CA_CERT,
	CLIENT_CERT,
	CLIENT_KEY,
	TIMEOUT,
	OWNER,
	GROUP,
	MODE,
	PARAM_COUNT
};

struct download_want {
	struct neap_want base;
	const char *path, *url, *checksum;
	unsigned ensure;
	struct neap_strings mirrors;
	struct neap_texts headers;
	struct neap_related ca_cert, client_cert, client_key;
	int64_t timeout;
	const char *owner, *group;
	uint32_t mode;
};

struct download_have {
	struct neap_stat stat;
	struct neap_checksum wanted, checksum;
	bool differs; /* the bytes */
	struct neap_attributes_state attributes;
	struct neap_parents parents;
};

static struct neap_attributes wanted_attributes(const struct download_want *want)
{
	return (struct neap_attributes){
		.owner = neap_given(want, OWNER) ? want->owner : NULL,
		.group = neap_given(want, GROUP) ? want->group : NULL,
		.mode = neap_given(want, MODE) ? want->mode : NEAP_KEEP,
	};
}

static int parse_checksum(const char *text, struct neap_checksum *ret, struct neap_error **err)
{
	return neap_checksum_parse(text, ret, err) < 0 ? neap_error_prefix(err, "checksum") : 0;
}

/* ---- what may be wanted ------------------------------------------------------------------------------ */

static int check_source(const struct download_want *want, struct neap_error **err)
{
	struct neap_checksum checksum;

	if (!neap_given(want, URL))
		return neap_error_set(err, "url is required, unless ensure = \"absent\"");
	if (!neap_given(want, CHECKSUM)) {
		neap_error_set(err, "checksum is required, unless ensure = \"absent\"");
		return neap_error_hint(err, "write \"sha256:\" and what `sha256sum` says of the right file");
	}
	/* Empty stands for what is not known yet. */
	if (*want->checksum && parse_checksum(want->checksum, &checksum, err) < 0)
		return -1;
	if (neap_remote_check_url("url", want->url, err) < 0)
		return -1;
	if (want->mirrors.count > MIRRORS_MAX)
		return neap_error_set(err, "mirrors: more than %d", MIRRORS_MAX);
	for (size_t i = 0; i < want->mirrors.count; i++) {
		if (!*want->mirrors.items[i])
			return neap_error_set(err, "mirrors: item %zu is empty", i + 1);
		if (neap_remote_check_url("mirrors", want->mirrors.items[i], err) < 0)
			return -1;
	}
	return 0;
}

static int download_check(const void *wanted, struct neap_error **err)
{
	const struct download_want *want = wanted;

	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, ENSURE + 1, PARAM_COUNT - 1, err);
	if (check_source(want, err) < 0 || neap_remote_check_headers(&want->headers, err) < 0)
		return -1;
	if (neap_given(want, CLIENT_KEY) && !neap_given(want, CLIENT_CERT))
		return neap_error_set(err, "client_key has no meaning without client_cert");
	return 0;
}

static void download_claim(const void *wanted, struct neap_claims *claims)
{
	const struct download_want *want = wanted;

	neap_claim_path(claims, want->path,
			NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES,
			want->ensure == NEAP_ABSENT);
}

/* ---- what is there ----------------------------------------------------------------------------------- */

static int check_kind(const struct download_want *want, enum neap_file_kind kind, struct neap_error **err)
{
	switch (kind) {
	case NEAP_FILE_ABSENT:
	case NEAP_FILE_REGULAR:
		break;
	case NEAP_FILE_DIRECTORY:
	case NEAP_FILE_LINK:
		neap_error_set(err, "%s is %s", want->path, neap_file_kind_name(kind));
		return neap_error_hint(err, "remove it with neap.%s { path = \"%s\", ensure = \"absent\" }",
				       kind == NEAP_FILE_LINK ? "link" : "directory", want->path);
	case NEAP_FILE_OTHER:
		neap_error_set(err, "%s is a device, fifo or socket", want->path);
		return neap_error_hint(err,
				       "neap.download leaves these alone; remove it by hand if it should go");
	}
	return 0;
}

/* The bytes that are there. A checksum or URL that was not known before is looked at now. */
static int read_bytes(const struct neap_view *view, const struct download_want *want,
		      struct download_have *have, struct neap_error **err)
{
	int r;

	if (neap_given(want, URL) && neap_remote_check_url("url", want->url, err) < 0)
		return -1;
	if (!neap_given(want, CHECKSUM))
		return neap_view_stat(view, want->path, &have->stat, err);
	if (parse_checksum(want->checksum, &have->wanted, err) < 0)
		return -1;
	r = neap_view_checksum(view, want->path, have->wanted.kind, &have->stat, &have->checksum, err);
	have->differs = r == 0 && (have->stat.kind != NEAP_FILE_REGULAR ||
				   !neap_checksum_equal(&have->checksum, &have->wanted));
	return r;
}

static int download_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			 void *had, struct neap_error **err)
{
	const struct download_want *want = wanted;
	struct download_have *have = had;
	struct neap_attributes attributes = wanted_attributes(want);
	int r;

	r = want->ensure == NEAP_ABSENT ? neap_view_stat(view, want->path, &have->stat, err)
					: read_bytes(view, want, have, err);
	if (r == 0)
		r = check_kind(want, have->stat.kind, err);
	if (r || want->ensure == NEAP_ABSENT)
		return r;
	r = neap_attributes_read(view, ctx->scratch, &attributes,
				 have->stat.kind == NEAP_FILE_REGULAR ? &have->stat : NULL, &have->attributes,
				 err);
	if (r == 0 && have->stat.kind == NEAP_FILE_ABSENT)
		r = neap_parents_read(view, ctx->scratch, want->path, &have->parents, err);
	return r;
}

/* ---- what differs ------------------------------------------------------------------------------------ */

static void diff_bytes(const struct download_want *want, const struct download_have *have,
		       struct neap_diff *diff)
{
	struct neap_arena *arena = neap_diff_arena(diff);
	const char *is = neap_checksum_text(&have->checksum, arena);
	struct neap_text before = neap_text(is), after = neap_text(neap_checksum_text(&have->wanted, arena));
	bool there = have->stat.kind == NEAP_FILE_REGULAR;

	/* What not everybody may read is not told by its checksum either: short texts can be guessed by it.
	 */
	if (there && !(have->stat.mode & 0004))
		before = neap_text_secret(arena, is, strlen(is));
	neap_diff_text(diff, "checksum", there ? &before : NULL, &after);
	if (neap_given(want, URL))
		neap_diff_reason(diff, "from %s", want->url);
	if (there && have->stat.links > 1) {
		unsigned long long others = have->stat.links - 1;

		neap_diff_reason(diff, "breaks %llu hard link%s", others, others == 1 ? "" : "s");
	}
}

static int download_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			 struct neap_diff *diff, struct neap_error **err)
{
	const struct download_want *want = wanted;
	const struct download_have *have = had;
	bool there = have->stat.kind == NEAP_FILE_REGULAR;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (there)
			neap_diff_ensure(diff, NEAP_ABSENT);
		return 0;
	}
	if (!there)
		neap_diff_ensure(diff, NEAP_PRESENT);
	if (have->differs)
		diff_bytes(want, have, diff);
	neap_attributes_diff(&have->attributes, diff);
	neap_parents_diff(&have->parents, diff);
	return 0;
}

/* ---- bringing it about ------------------------------------------------------------------------------- */

static int fetch(struct neap_host *host, const struct neap_context *ctx, const struct download_want *want,
		 struct neap_content *ret, struct neap_error **err)
{
	const char **urls = neap_arena_array_of(ctx->scratch, const char *, want->mirrors.count + 2);
	struct neap_fetch order = {
		.urls = urls,
		.headers = neap_remote_headers(&want->headers, ctx->scratch),
		.tls = neap_remote_tls(&want->ca_cert, &want->client_cert, &want->client_key),
		.timeout = (unsigned)want->timeout,
	};
	size_t count = 0;

	if (neap_given(want, URL))
		urls[count++] = want->url;
	for (size_t i = 0; i < want->mirrors.count; i++)
		urls[count++] = want->mirrors.items[i];
	if (neap_given(want, CHECKSUM) && parse_checksum(want->checksum, &order.checksum, err) < 0)
		return -1;
	return neap_host_fetch(host, &order, ctx->scratch, ret, err);
}

static int download_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			  const void *had, struct neap_error **err)
{
	const struct download_want *want = wanted;
	const struct download_have *have = had;
	struct neap_attributes attributes = wanted_attributes(want);
	struct neap_file_write write = { .mode = attributes.mode };

	if (want->ensure == NEAP_ABSENT)
		return neap_host_unlink(host, want->path, err);
	if (neap_attributes_numbers(&host->view, &attributes, &write.uid, &write.gid, err) < 0)
		return -1;
	if (have && have->stat.kind == NEAP_FILE_REGULAR && !have->differs)
		return neap_host_attributes(host, want->path, write.mode, write.uid, write.gid, err);
	/* First of all, for it may take long and fail: nothing else of this resource is held by then. */
	if (fetch(host, ctx, want, &write.content, err) < 0 ||
	    neap_host_mkdir_parents(host, want->path, err) < 0)
		return -1;
	return neap_host_write(host, want->path, &write, err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The file, as an absolute path. Directories on the way may be links, the file itself may not.",
		.offset = offsetof(struct download_want, path),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the file is to be there. With `\"absent\"` no other parameter may be given.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct download_want, ensure),
	},
	[URL] = {
		.name = "url",
		.kind = NEAP_PARAM_STRING,
		.doc = "Where it comes from, by http or https; without a name or password in it. Required unless the "
		       "file is to be absent.",
		.offset = offsetof(struct download_want, url),
	},
	[CHECKSUM] = {
		.name = "checksum",
		.kind = NEAP_PARAM_STRING,
		.doc = "What the bytes are known by: `\"sha256:\"` or `\"sha512:\"` and the digest in hexadecimal "
		       "digits. Required unless the file is to be absent.",
		.offset = offsetof(struct download_want, checksum),
	},
	[MIRRORS] = {
		.name = "mirrors",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Other URLs of the same bytes, at most 32, tried in their order when `url` has failed.",
		.offset = offsetof(struct download_want, mirrors),
	},
	[HEADERS] = {
		.name = "headers",
		.kind = NEAP_PARAM_TEXTS,
		.flags = NEAP_PARAM_SECRET,
		.doc = "Headers of the request, such as `{ Authorization = neap.secret { … } }`. They go to the servers "
		       "of `url` and `mirrors`, and not to others that these redirect to.",
		.offset = offsetof(struct download_want, headers),
	},
	[CA_CERT] = {
		.name = "ca_cert",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "A PEM file of the machine with the certificates that a server is verified by, instead of the "
		       "system's.",
		.offset = offsetof(struct download_want, ca_cert),
	},
	[CLIENT_CERT] = {
		.name = "client_cert",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "A PEM file of the machine with the certificate that is shown to the servers of `url` and "
		       "`mirrors`.",
		.offset = offsetof(struct download_want, client_cert),
	},
	[CLIENT_KEY] = {
		.name = "client_key",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "The PEM file with its key, which has no passphrase.",
		.fallback = "the `key` of the resource that `client_cert` is, or the same file",
		.offset = offsetof(struct download_want, client_key),
	},
	[TIMEOUT] = {
		.name = "timeout",
		.kind = NEAP_PARAM_DURATION,
		.min = 1,
		.max = 7 * 24 * 3600,
		.doc = "How long one URL may take. A connection that is not there in 30 seconds, or through which "
		       "less than 1 KB a second has come for a minute, is given up before.",
		.fallback = "4h",
		.offset = offsetof(struct download_want, timeout),
	},
	[OWNER] = {
		.name = "owner",
		.kind = NEAP_PARAM_OWNER,
		.doc = "The user it belongs to, by name or number.",
		.fallback = "left alone; a new file belongs to who runs neap",
		.offset = offsetof(struct download_want, owner),
	},
	[GROUP] = {
		.name = "group",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_GROUP,
		.doc = "The group it belongs to, by name or number.",
		.fallback = "left alone; a new file gets the group of who runs neap, or that of a set-group-ID "
			    "directory",
		.offset = offsetof(struct download_want, group),
	},
	[MODE] = {
		.name = "mode",
		.kind = NEAP_PARAM_MODE,
		.doc = "Permission bits as an octal string, such as `\"0755\"`.",
		.fallback = "left alone; a new file gets 0644",
		.offset = offsetof(struct download_want, mode),
	},
};

static const char description[] =
	"A file that comes from a URL and is known by its checksum.\n"
	"\n"
	"- A file whose bytes have the checksum is not asked for: no run touches the network for it.\n"
	"  Owner, group and mode are compared all the same. Bytes that differ are replaced.\n"
	"- A plan asks nothing of the network. What is fetched is not known in it, so what stands on\n"
	"  its content is unknown, too.\n"
	"- The bytes come into neap's state directory, are checked there, and then take the file's\n"
	"  place at one moment, with owner and mode. A run that was killed has left a part there, and\n"
	"  the next one goes on from it; what is not gone on with for a week is removed by an apply.\n"
	"- Nothing but the checksum is believed. A server that cannot go on sends the whole. Compressed\n"
	"  bytes stay compressed. More than 16 GB are not taken.\n"
	"- Up to 10 redirects are followed, to http and https, and from https only to https. TLS is\n"
	"  always verified.\n"
	"- `url` and then each of `mirrors` is asked once, the error names what was wrong with each;\n"
	"  `retries` makes it all happen again.\n"
	"- Proxies are those of the environment: `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`.\n"
	"- A signal ends it at once; what has come is kept for the next run.\n"
	"- Anything but a regular file at `path` is an error.\n";

static const char example[] =
	"neap.download {\n"
	"  path = \"/usr/local/bin/tool\", mode = \"0755\",\n"
	"  url = \"https://downloads.example.org/tool-1.2.3\",\n"
	"  mirrors = { \"https://mirror.example.net/tool-1.2.3\" },\n"
	"  checksum = \"sha256:9c9f15a3a1f5d4b8a5ec8ba64b0a4c3fcd6ee9f3f5d1c1b0a4a8a8b1c7d2e3f4\",\n"
	"  headers = { Authorization = neap.format(\"Bearer %s\", neap.secret { env = \"TOKEN\" }) },\n"
	"}\n";

extern const struct neap_resource_type neap_type_download;
const struct neap_resource_type neap_type_download = {
	.name = "download",
	.summary = "a file from a URL, known by its checksum",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct download_want),
	.have_size = sizeof(struct download_have),
	.check = download_check,
	.claim = download_claim,
	.read = download_read,
	.diff = download_diff,
	.apply = download_apply,
};
