/*
 * neap.token: a random value in a file, made once and then left alone.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "base/random.h"
#include "engine/keyfile.h"

enum { PATH, LENGTH, ENSURE, OWNER, GROUP, MODE, PARAM_COUNT };
enum { VALUE };

#define LENGTH_DEFAULT 32
#define LENGTH_MIN 16
#define LENGTH_MAX 1024
#define TOKEN_MAX ((size_t)64 << 10) /* as of every secret */

struct token_want {
	struct neap_want base;
	const char *path;
	int64_t length;
	unsigned ensure;
	const char *owner, *group;
	uint32_t mode;
};

struct token_have {
	struct neap_stat stat;
	struct neap_attributes_state attributes;
	struct neap_parents parents;
};

static struct neap_attributes wanted_attributes(const struct token_want *want)
{
	return (struct neap_attributes){
		.owner = neap_given(want, OWNER) ? want->owner : NULL,
		.group = neap_given(want, GROUP) ? want->group : NULL,
		.mode = neap_given(want, MODE) ? want->mode : 0600,
	};
}

static int token_check(const void *wanted, struct neap_error **err)
{
	const struct token_want *want = wanted;

	return want->ensure == NEAP_ABSENT ? neap_absent_check(want, 0, PARAM_COUNT - 1, err) : 0;
}

static void token_claim(const void *wanted, struct neap_claims *claims)
{
	const struct token_want *want = wanted;

	neap_claim_path(claims, want->path,
			NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES,
			want->ensure == NEAP_ABSENT);
}

/* The value in `bytes`: without a newline at its end, which an editor or echo has put there. */
static int value_of(const struct token_want *want, struct neap_str bytes, struct neap_str *ret,
		    struct neap_error **err)
{
	if (bytes.len && bytes.data[bytes.len - 1] == '\n')
		bytes.len--;
	if (!bytes.len || bytes.len > TOKEN_MAX || memchr(bytes.data, '\n', bytes.len) ||
	    memchr(bytes.data, '\0', bytes.len)) {
		neap_error_set(err, "%s holds no token: that is one line, not empty, of at most 64 KB",
			       want->path);
		return neap_error_hint(err, "what is there is never replaced: move it away, and a new one is "
					    "made");
	}
	/* Whatever the spelling, so few characters cannot hold so many random bytes. */
	if (neap_given(want, LENGTH) && bytes.len < (size_t)want->length) {
		neap_error_set(err, "%s holds %zu characters, too few for a token of length = %lld",
			       want->path, bytes.len, (long long)want->length);
		return neap_error_hint(err,
				       "a token that is there is never replaced: move it away, and a new "
				       "one is made, or ask for less");
	}
	*ret = bytes;
	return 0;
}

static int token_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      void *had, struct neap_error **err)
{
	const struct token_want *want = wanted;
	struct token_have *have = had;
	struct neap_str bytes, value;

	if (want->ensure == NEAP_ABSENT)
		return neap_pem_stat(view, want->path, &have->stat, err);
	int r = neap_pem_read(view, ctx->scratch, want->path, &have->stat, &bytes, err);
	if (r == 0 && bytes.data)
		r = value_of(want, bytes, &value, err);
	if (r)
		return r;
	struct neap_attributes attributes = wanted_attributes(want);
	r = neap_attributes_read(view, ctx->scratch, &attributes, bytes.data ? &have->stat : NULL,
				 &have->attributes, err);
	if (r == 0 && !bytes.data)
		r = neap_parents_read(view, ctx->scratch, want->path, &have->parents, err);
	return r;
}

static int token_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		      struct neap_diff *diff, struct neap_error **err)
{
	const struct token_want *want = wanted;
	const struct token_have *have = had;
	bool there = have->stat.kind != NEAP_FILE_ABSENT;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (there)
			neap_diff_ensure(diff, NEAP_ABSENT);
		return 0;
	}
	if (!there)
		neap_diff_ensure(diff, NEAP_PRESENT);
	neap_attributes_diff(&have->attributes, diff);
	neap_parents_diff(&have->parents, diff);
	return 0;
}

static int make_token(void *ctx, struct neap_arena *arena, struct neap_text *ret, struct neap_error **err)
{
	const struct token_want *want = ctx;
	size_t length = neap_given(want, LENGTH) ? (size_t)want->length : LENGTH_DEFAULT;

	return neap_random_hex(length, arena, ret, err);
}

static int token_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		       const void *had, struct neap_error **err)
{
	struct token_want want = *(const struct token_want *)wanted;
	const struct token_have *have = had;
	struct neap_attributes attributes = wanted_attributes(&want);
	struct neap_file_write write = { .mode = attributes.mode, .secret = true };

	if (want.ensure == NEAP_ABSENT)
		return neap_host_unlink(host, want.path, err);
	if (neap_attributes_numbers(&host->view, &attributes, &write.uid, &write.gid, err) < 0)
		return -1;
	if (have && have->stat.kind != NEAP_FILE_ABSENT)
		return neap_host_attributes(host, want.path, write.mode, write.uid, write.gid, err);
	if ((!have || have->parents.count) && neap_host_mkdir_parents(host, want.path, err) < 0)
		return -1;
	if (neap_host_make(host, make_token, &want, ctx->scratch, &write.content, err) < 0)
		return -1;
	return neap_host_write(host, want.path, &write, err);
}

static int token_output(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			unsigned index, struct neap_text *ret, struct neap_error **err)
{
	const struct token_want *want = wanted;
	struct neap_stat stat;
	struct neap_str bytes, value;
	(void)index;

	int r = neap_pem_read(view, ctx->scratch, want->path, &stat, &bytes, err);
	if (r)
		return r;
	if (!bytes.data)
		return neap_error_set(err, "%s is not there", want->path);
	if (value_of(want, bytes, &value, err) < 0)
		return -1;
	*ret = neap_text_secret(ctx->scratch, value.data, value.len);
	return 0;
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "Where the token lies, as an absolute path; not a link.",
		.offset = offsetof(struct token_want, path),
	},
	[LENGTH] = {
		.name = "length",
		.kind = NEAP_PARAM_INTEGER,
		.doc = "How many random bytes a token that is made has; it is written as twice as many digits of "
		       "lower-case hex. A token that is there and has fewer characters than `length` is an error.",
		.fallback = "32; a token that is there may be of any length",
		.min = LENGTH_MIN,
		.max = LENGTH_MAX,
		.offset = offsetof(struct token_want, length),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the token is to be there. With `\"absent\"` no other parameter but `path` may be given.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct token_want, ensure),
	},
	[OWNER] = {
		.name = "owner",
		.kind = NEAP_PARAM_OWNER,
		.doc = "The user it belongs to, by name or number.",
		.fallback = "left alone; a new file belongs to who runs neap",
		.offset = offsetof(struct token_want, owner),
	},
	[GROUP] = {
		.name = "group",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_GROUP,
		.doc = "The group it belongs to, by name or number.",
		.fallback = "left alone; a new file gets the group of who runs neap",
		.offset = offsetof(struct token_want, group),
	},
	[MODE] = {
		.name = "mode",
		.kind = NEAP_PARAM_MODE,
		.doc = "Permission bits as an octal string.",
		.fallback = "0600, for a token that is there too",
		.offset = offsetof(struct token_want, mode),
	},
};

static const struct neap_output outputs[] = {
	[VALUE] = { .name = "value", .doc = "The token, without a newline at its end.", .secret = true },
};

static const char description[] =
	"A random value that is made once, from the system's randomness, and then stays: a password, a\n"
	"bearer token, a cookie.\n"
	"\n"
	"- The file holds the token and nothing else, not even a newline. `value` refers to it; what is\n"
	"  made of it is secret, too.\n"
	"- A token that is there is never replaced, whoever made it. Its file has to hold one line that\n"
	"  is not empty (a newline at its end does no harm); else, or where it is a link, the resource\n"
	"  fails.\n";

static const char example[] = "local admin = neap.token { path = \"/etc/kubernetes/admin.token\" }\n"
			      "neap.file {\n"
			      "  path = \"/etc/kubernetes/tokens.csv\",\n"
			      "  content = admin.value .. \",admin,admin\\n\",\n"
			      "  mode = \"0600\",\n"
			      "}\n";

extern const struct neap_resource_type neap_type_token;
const struct neap_resource_type neap_type_token = {
	.name = "token",
	.summary = "a random value, made once",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.outputs = outputs,
	.output_count = sizeof outputs / sizeof *outputs,
	.want_size = sizeof(struct token_want),
	.have_size = sizeof(struct token_have),
	.check = token_check,
	.claim = token_claim,
	.read = token_read,
	.diff = token_diff,
	.apply = token_apply,
	.output = token_output,
};
