/*
 * neap.csr: a request for a certificate, for a key that is there.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/holder.h"
#include "engine/keyfile.h"

enum { PATH, KEY, ENSURE, COMMON_NAME, ORGANIZATION, SANS, USAGES, OWNER, GROUP, MODE, PARAM_COUNT };
enum { PEM };

struct csr_want {
	struct neap_want base;
	const char *path;
	struct neap_related key;
	unsigned ensure;
	const char *common_name;
	struct neap_strings organization, sans, usages;
	const char *owner, *group;
	uint32_t mode;
};

struct csr_have {
	struct neap_stat stat;
	struct neap_attributes_state attributes;
	struct neap_parents parents;
	struct neap_holder wanted, there;
	bool other_key;
};

static int wanted_holder(const struct csr_want *want, struct neap_arena *arena, struct neap_holder *ret,
			 struct neap_error **err)
{
	const struct neap_holder_params given = {
		.common_name = neap_given(want, COMMON_NAME) ? want->common_name : NULL,
		.organization = neap_given(want, ORGANIZATION) ? &want->organization : NULL,
		.sans = neap_given(want, SANS) ? &want->sans : NULL,
		.usages = neap_given(want, USAGES) ? &want->usages : NULL,
	};
	return neap_holder_wanted(&given, arena, ret, err);
}

static struct neap_attributes wanted_attributes(const struct csr_want *want)
{
	return (struct neap_attributes){
		.owner = neap_given(want, OWNER) ? want->owner : NULL,
		.group = neap_given(want, GROUP) ? want->group : NULL,
		.mode = neap_given(want, MODE) ? want->mode : NEAP_KEEP,
	};
}

static int csr_check(const void *wanted, struct neap_error **err)
{
	const struct csr_want *want = wanted;
	struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_holder holder;

	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, KEY, PARAM_COUNT - 1, err);
	if (!neap_given(want, KEY)) {
		neap_error_set(err, "key is required: a request is signed by the key that it is for");
		return neap_error_hint(err, "make one by neap.key { path = … } and give its handle");
	}
	if (strcmp(want->key.path, want->path) == 0)
		return neap_error_set(err, "path and key are the same file");
	if (wanted_holder(want, scratch, &holder, err) < 0)
		return -1;
	if (!holder.common_name && !holder.organization.count && !holder.names.count)
		return neap_error_set(err, "it would speak of nobody: give common_name or sans");
	return 0;
}

static void csr_claim(const void *wanted, struct neap_claims *claims)
{
	const struct csr_want *want = wanted;

	neap_claim_path(claims, want->path,
			NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES,
			want->ensure == NEAP_ABSENT);
}

/* What is there, against the key. */
static int read_request(const struct neap_view *view, struct neap_arena *arena, const struct csr_want *want,
			struct neap_str pem, struct csr_have *have, struct neap_error **err)
{
	struct neap_request *request NEAP_AUTO_REQUEST = NULL;
	struct neap_key *key NEAP_AUTO_KEY = NULL;

	if (neap_request_parse(pem, &request, err) < 0)
		return neap_error_prefix(err, "%s", want->path);
	int r = neap_keyfile_load(view, arena, want->key.path, &key, err);
	if (r)
		return r;
	neap_request_holder(request, arena, &have->there);
	have->other_key = !neap_request_is_of(request, key);
	return 0;
}

static int csr_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		    void *had, struct neap_error **err)
{
	const struct csr_want *want = wanted;
	struct csr_have *have = had;
	struct neap_str pem;

	if (want->ensure == NEAP_ABSENT)
		return neap_pem_stat(view, want->path, &have->stat, err);
	int r = neap_pem_read(view, ctx->scratch, want->path, &have->stat, &pem, err);
	if (r == 0)
		r = wanted_holder(want, ctx->scratch, &have->wanted, err);
	if (r)
		return r;
	struct neap_attributes attributes = wanted_attributes(want);
	r = neap_attributes_read(view, ctx->scratch, &attributes, pem.data ? &have->stat : NULL,
				 &have->attributes, err);
	if (r)
		return r;
	return pem.data ? read_request(view, ctx->scratch, want, pem, have, err)
			: neap_parents_read(view, ctx->scratch, want->path, &have->parents, err);
}

static bool to_be_made(const struct csr_have *have)
{
	return have->stat.kind == NEAP_FILE_ABSENT || have->other_key ||
	       !neap_holder_equal(&have->there, &have->wanted);
}

static int csr_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		    struct neap_diff *diff, struct neap_error **err)
{
	const struct csr_want *want = wanted;
	const struct csr_have *have = had;
	bool there = have->stat.kind != NEAP_FILE_ABSENT;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (there)
			neap_diff_ensure(diff, NEAP_ABSENT);
		return 0;
	}
	if (!there) {
		neap_diff_ensure(diff, NEAP_PRESENT);
		neap_diff_string(diff, "key", NULL, want->key.path);
	} else if (have->other_key) {
		neap_diff_string(diff, "key", "another", want->key.path);
		neap_diff_reason(diff, "key does not match");
	}
	if (to_be_made(have))
		neap_holder_diff(there ? &have->there : NULL, &have->wanted, diff);
	neap_attributes_diff(&have->attributes, diff);
	neap_parents_diff(&have->parents, diff);
	return 0;
}

struct making {
	struct neap_holder holder;
	struct neap_key *key;
};

static int make_request(void *ctx, struct neap_arena *arena, struct neap_text *ret, struct neap_error **err)
{
	const struct making *making = ctx;
	struct neap_str pem;

	if (neap_request_make(&making->holder, making->key, arena, &pem, err) < 0)
		return -1;
	*ret = neap_text_plain(pem.data, pem.len);
	return 0;
}

static int csr_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		     const void *had, struct neap_error **err)
{
	const struct csr_want *want = wanted;
	const struct csr_have *have = had;
	struct neap_attributes attributes = wanted_attributes(want);
	struct neap_file_write write = { .mode = attributes.mode };
	struct neap_key *key NEAP_AUTO_KEY = NULL;
	struct making making;

	if (want->ensure == NEAP_ABSENT)
		return neap_host_unlink(host, want->path, err);
	if (neap_attributes_numbers(&host->view, &attributes, &write.uid, &write.gid, err) < 0)
		return -1;
	if (have && !to_be_made(have))
		return neap_host_attributes(host, want->path, write.mode, write.uid, write.gid, err);
	/* A key that is made in the same plan has no bytes yet; where there are none, nothing is made. */
	if (neap_keyfile_load(&host->view, ctx->scratch, want->key.path, &key, err) < 0 ||
	    wanted_holder(want, ctx->scratch, &making.holder, err) < 0)
		return -1;
	making.key = key;
	if ((!have || have->parents.count) && neap_host_mkdir_parents(host, want->path, err) < 0)
		return -1;
	if (neap_host_make(host, make_request, &making, ctx->scratch, &write.content, err) < 0)
		return -1;
	return neap_host_write(host, want->path, &write, err);
}

static int csr_output(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      unsigned index, struct neap_text *ret, struct neap_error **err)
{
	const struct csr_want *want = wanted;
	(void)index;

	return neap_pem_output(view, ctx->scratch, want->path, ret, err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "Where the request lies, as an absolute path; not a link.",
		.offset = offsetof(struct csr_want, path),
	},
	[KEY] = {
		.name = "key",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "The private key: the handle of a `neap.key`, or the path of a key that is there.",
		.offset = offsetof(struct csr_want, key),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the request is to be there. With `\"absent\"` no other parameter but `path` may be given.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct csr_want, ensure),
	},
	[COMMON_NAME] = {
		.name = "common_name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KNOWN,
		.doc = "The CN of the subject, at most 64 characters.",
		.fallback = "none; then there have to be sans",
		.offset = offsetof(struct csr_want, common_name),
	},
	[ORGANIZATION] = {
		.name = "organization",
		.kind = NEAP_PARAM_STRINGS,
		.flags = NEAP_PARAM_OR_ONE,
		.doc = "The O of the subject; of several the order does not count.",
		.fallback = "none",
		.offset = offsetof(struct csr_want, organization),
	},
	[SANS] = {
		.name = "sans",
		.kind = NEAP_PARAM_STRINGS,
		.flags = NEAP_PARAM_OR_ONE,
		.doc = "Alternative names, each as `DNS:`, `IP:`, `URI:` or `email:` and the name. Their order does not "
		       "count.",
		.fallback = "none",
		.offset = offsetof(struct csr_want, sans),
	},
	[USAGES] = {
		.name = "usages",
		.kind = NEAP_PARAM_STRINGS,
		.flags = NEAP_PARAM_OR_ONE,
		.doc = "The extended key usages to ask for: `\"server\"`, `\"client\"`.",
		.fallback = "none: who signs decides",
		.offset = offsetof(struct csr_want, usages),
	},
	[OWNER] = {
		.name = "owner",
		.kind = NEAP_PARAM_OWNER,
		.doc = "The user it belongs to, by name or number.",
		.fallback = "left alone; a new file belongs to who runs neap",
		.offset = offsetof(struct csr_want, owner),
	},
	[GROUP] = {
		.name = "group",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_GROUP,
		.doc = "The group it belongs to, by name or number.",
		.fallback = "left alone; a new file gets the group of who runs neap",
		.offset = offsetof(struct csr_want, group),
	},
	[MODE] = {
		.name = "mode",
		.kind = NEAP_PARAM_MODE,
		.doc = "Permission bits as an octal string.",
		.fallback = "left alone; a new file gets 0644",
		.offset = offsetof(struct csr_want, mode),
	},
};

static const struct neap_output outputs[] = {
	[PEM] = { .name = "pem", .doc = "The request, in PEM." },
};

static const char description[] =
	"A request for a certificate (PKCS#10, in PEM), to be signed by an authority elsewhere.\n"
	"\n"
	"- It is made again only for a reason, and the plan names it: the key is another one, or the\n"
	"  subject, the names or the usages differ.\n"
	"- A file that is no request, a link, or a key that cannot be read is an error; nothing of it is\n"
	"  replaced.\n";

static const char example[] =
	"local key = neap.key { path = \"/etc/ssl/private/www.key\", algorithm = \"ecdsa-p256\" }\n"
	"neap.csr {\n"
	"  path = \"/etc/ssl/www.csr\",\n"
	"  key = key,\n"
	"  common_name = \"www.example.org\",\n"
	"  sans = { \"DNS:www.example.org\", \"DNS:example.org\" },\n"
	"}\n";

extern const struct neap_resource_type neap_type_csr;
const struct neap_resource_type neap_type_csr = {
	.name = "csr",
	.summary = "a request for a certificate",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.outputs = outputs,
	.output_count = sizeof outputs / sizeof *outputs,
	.want_size = sizeof(struct csr_want),
	.have_size = sizeof(struct csr_have),
	.check = csr_check,
	.claim = csr_claim,
	.read = csr_read,
	.diff = csr_diff,
	.apply = csr_apply,
	.output = csr_output,
};
