/*
 * neap.key: a private key in a file, made once and then left alone.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/keyfile.h"

enum { PATH, ALGORITHM, ENSURE, OWNER, GROUP, MODE, PARAM_COUNT };
enum { PUBLIC_PEM };

struct key_want {
	struct neap_want base;
	const char *path;
	unsigned algorithm, ensure;
	const char *owner, *group;
	uint32_t mode;
};

struct key_have {
	struct neap_keyfile file;
};

static struct neap_keyfile_want wanted_file(const struct key_want *want)
{
	return (struct neap_keyfile_want){
		.path = want->path,
		.param = "algorithm",
		.algorithm = want->algorithm,
		.chosen = neap_given(want, ALGORITHM),
		.attributes = { .owner = neap_given(want, OWNER) ? want->owner : NULL,
				.group = neap_given(want, GROUP) ? want->group : NULL,
				.mode = neap_given(want, MODE) ? want->mode : 0600 },
	};
}

static int key_check(const void *wanted, struct neap_error **err)
{
	const struct key_want *want = wanted;

	return want->ensure == NEAP_ABSENT ? neap_absent_check(want, 0, PARAM_COUNT - 1, err) : 0;
}

static void key_claim(const void *wanted, struct neap_claims *claims)
{
	const struct key_want *want = wanted;

	neap_claim_path(claims, want->path,
			NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES,
			want->ensure == NEAP_ABSENT);
}

static int key_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		    void *had, struct neap_error **err)
{
	const struct key_want *want = wanted;
	struct key_have *have = had;
	struct neap_key *key NEAP_AUTO_KEY = NULL;

	if (want->ensure == NEAP_ABSENT)
		return neap_pem_stat(view, want->path, &have->file.stat, err);
	struct neap_keyfile_want file = wanted_file(want);
	return neap_keyfile_read(view, ctx->scratch, &file, &have->file, &key, err);
}

static int key_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		    struct neap_diff *diff, struct neap_error **err)
{
	const struct key_want *want = wanted;
	const struct neap_keyfile *file = &((const struct key_have *)had)->file;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (file->stat.kind != NEAP_FILE_ABSENT)
			neap_diff_ensure(diff, NEAP_ABSENT);
		return 0;
	}
	if (!file->kind)
		neap_diff_ensure(diff, NEAP_PRESENT);
	if (file->make)
		neap_diff_string(diff, "algorithm", file->kind, neap_key_algorithms[want->algorithm]);
	if (file->make && file->kind)
		neap_diff_reason(diff, "makes another key, of the kind that is wanted");
	neap_attributes_diff(&file->attributes, diff);
	neap_parents_diff(&file->parents, diff);
	return 0;
}

static int key_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		     const void *had, struct neap_error **err)
{
	const struct key_want *want = wanted;
	const struct key_have *have = had;
	struct neap_key *key NEAP_AUTO_KEY = NULL;

	if (want->ensure == NEAP_ABSENT)
		return neap_host_unlink(host, want->path, err);
	struct neap_keyfile_want file = wanted_file(want);
	return neap_keyfile_apply(host, ctx->scratch, &file, have ? &have->file : NULL, &key, err);
}

static int key_output(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      unsigned index, struct neap_text *ret, struct neap_error **err)
{
	const struct key_want *want = wanted;
	struct neap_key *key NEAP_AUTO_KEY = NULL;
	struct neap_str pem;
	(void)index;

	int r = neap_keyfile_load(view, ctx->scratch, want->path, &key, err);
	if (r == 0)
		r = neap_key_public(key, ctx->scratch, &pem, err);
	if (r == 0)
		*ret = neap_text_plain(pem.data, pem.len);
	return r;
}

static const char *key_secret_file(const void *wanted)
{
	const struct key_want *want = wanted;

	return want->path;
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "Where the key lies, as an absolute path; not a link.",
		.offset = offsetof(struct key_want, path),
	},
	[ALGORITHM] = {
		.name = "algorithm",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "What kind of key. When it is given and the key that is there is of another kind, another key "
		       "is made.",
		.choices = neap_key_algorithms,
		.fallback = "rsa-2048 for a key that is made; one that is there is kept, whatever its kind",
		.offset = offsetof(struct key_want, algorithm),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the key is to be there. With `\"absent\"` no other parameter but `path` may be given.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct key_want, ensure),
	},
	[OWNER] = {
		.name = "owner",
		.kind = NEAP_PARAM_OWNER,
		.doc = "The user it belongs to, by name or number.",
		.fallback = "left alone; a new file belongs to who runs neap",
		.offset = offsetof(struct key_want, owner),
	},
	[GROUP] = {
		.name = "group",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_GROUP,
		.doc = "The group it belongs to, by name or number.",
		.fallback = "left alone; a new file gets the group of who runs neap",
		.offset = offsetof(struct key_want, group),
	},
	[MODE] = {
		.name = "mode",
		.kind = NEAP_PARAM_MODE,
		.doc = "Permission bits as an octal string.",
		.fallback = "0600, for a key that is there too",
		.offset = offsetof(struct key_want, mode),
	},
};

static const struct neap_output outputs[] = {
	[PUBLIC_PEM] = { .name = "public_pem", .doc = "The public half, in PEM." },
};

static const char description[] =
	"A private key that is made once, from the system's randomness, and then stays.\n"
	"\n"
	"- It is written in PEM (PKCS#8) without a passphrase; a new file has its owner and mode before\n"
	"  it has its name.\n"
	"- A key that is there is read in each run: RSA, ECDSA and Ed25519, in PKCS#8 or the older\n"
	"  forms. One that cannot be read, is encrypted or is of another kind is an error and is never\n"
	"  replaced; nor is a link, or anything that is no regular file.\n"
	"- Only another `algorithm`, given by name, makes another key of one that is there. What was\n"
	"  made from the old one is not touched; a `neap.cert` or `neap.csr` of this key follows.\n"
	"- The key is in no plan, no diff and no report.\n";

static const char example[] =
	"local sa = neap.key { path = \"/etc/kubernetes/pki/sa.key\" }\n"
	"neap.file { path = \"/etc/kubernetes/pki/sa.pub\", content = sa.public_pem }\n";

extern const struct neap_resource_type neap_type_key;
const struct neap_resource_type neap_type_key = {
	.name = "key",
	.summary = "a private key, made once",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.outputs = outputs,
	.output_count = sizeof outputs / sizeof *outputs,
	.want_size = sizeof(struct key_want),
	.have_size = sizeof(struct key_have),
	.check = key_check,
	.claim = key_claim,
	.read = key_read,
	.diff = key_diff,
	.apply = key_apply,
	.output = key_output,
	.secret_file = key_secret_file,
};
