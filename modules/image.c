/*
 * neap.image: a container image in containerd, from an archive, by its digest. One question to containerd
 * serves all images of a namespace.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "base/lines.h"
#include "engine/resource.h"

enum { NAME, SOURCE, DIGEST, NAMESPACE, SOCKET, ENSURE, PARAM_COUNT };

#define DEFAULT_NAMESPACE "k8s.io"
#define DEFAULT_SOCKET "/run/containerd/containerd.sock"
#define DIGEST_PREFIX "sha256:"
#define LIST_TIMEOUT 30    /* seconds */
#define IMPORT_TIMEOUT 900 /* seconds */
#define LIST_MAX ((size_t)4 << 20)

struct image_want {
	struct neap_want base;
	const char *name;
	struct neap_source source;
	const char *digest, *namespace, *socket;
	unsigned ensure;
};

struct image_have {
	const char *digest; /* NULL: there is none of the name */
};

static bool is_digest(const char *text)
{
	size_t prefix = strlen(DIGEST_PREFIX);

	return strncmp(text, DIGEST_PREFIX, prefix) == 0 && strlen(text + prefix) == 64 &&
	       strspn(text + prefix, "0123456789abcdef") == 64;
}

static int image_check(const void *wanted, struct neap_error **err)
{
	const struct image_want *want = wanted;

	if (strpbrk(want->name, " \t") || want->name[0] == '-')
		return neap_error_set(err, "\"%s\" is no name of an image", want->name);
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, SOURCE, DIGEST, err);
	if (!neap_given(want, SOURCE) || !neap_given(want, DIGEST))
		return neap_error_set(err, "%s is required, unless ensure = \"absent\"",
				      neap_given(want, SOURCE) ? "digest" : "source");
	if (is_digest(want->digest))
		return 0;
	neap_error_set(err, "\"%s\" is no digest", want->digest);
	return neap_error_hint(err, "\"sha256:\" and 64 hexadecimal digits, as `ctr images ls` prints it");
}

static const char *socket_of(const struct image_want *want)
{
	return neap_given(want, SOCKET) ? want->socket : DEFAULT_SOCKET;
}

static const char *namespace_of(const struct image_want *want)
{
	return neap_given(want, NAMESPACE) ? want->namespace : DEFAULT_NAMESPACE;
}

/* The words after `ctr`, up to the first NULL. */
static const char *const *command(const struct image_want *want, struct neap_arena *arena, const char *verb,
				  const char *argument)
{
	const char **argv = neap_arena_array_of(arena, const char *, 10);
	const char *const words[] = {
		"ctr",    "--address", socket_of(want), "--namespace", namespace_of(want),
		"images", verb,        argument,
	};

	memcpy(argv, words, sizeof words);
	return argv;
}

static int failed(const struct neap_process *process, const struct neap_process_result *result,
		  struct neap_error **err)
{
	const char *said = result->errors[0] ? result->errors : result->out;

	return neap_error_set(err, "ctr images %s: exit %d: %.*s", process->argv[6], result->status,
			      (int)strcspn(said, "\n"), said);
}

/* In lines "REF TYPE DIGEST SIZE …", below a head that has no digest. */
static const char *find(struct neap_str text, const char *name, struct neap_arena *arena)
{
	for (size_t at = 0; at < text.len;) {
		struct neap_line line = neap_line_at(text, at);
		struct neap_str rest = neap_line_bytes(text, line), word = neap_str_word(&rest);

		at = line.next;
		if (!neap_str_equal(word, neap_str(name)))
			continue;
		neap_str_word(&rest);
		word = neap_str_word(&rest);
		return neap_arena_copy(arena, word.data, word.len);
	}
	return NULL;
}

static int image_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      void *had, struct neap_error **err)
{
	const struct image_want *want = wanted;
	struct image_have *have = had;
	struct neap_process process = {
		.argv = command(want, ctx->scratch, "ls", NULL),
		.timeout = LIST_TIMEOUT,
		.output_max = LIST_MAX,
		.shared = true,
	};
	struct neap_process_result result;
	int r;

	if (!neap_view_running(view)) {
		neap_error_set(err, "a tree of files has no containerd");
		return neap_error_hint(err, "images go into a machine that runs, not below --root");
	}
	r = neap_view_query(view, &process, ctx->scratch, &result, err);
	if (r != 0)
		return r;
	if (!result.ok)
		return failed(&process, &result, err);
	if (result.out_len >= LIST_MAX)
		return neap_error_set(err, "containerd has more images than fit into 4 MB of text");
	have->digest = find((struct neap_str){ result.out, result.out_len }, want->name, ctx->scratch);
	return 0;
}

static int image_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		      struct neap_diff *diff, struct neap_error **err)
{
	const struct image_want *want = wanted;
	const struct image_have *have = had;

	(void)ctx, (void)err;
	if (want->ensure == NEAP_ABSENT) {
		if (!have->digest)
			return 0;
		neap_diff_ensure(diff, NEAP_ABSENT);
		return 0;
	}
	if (have->digest && strcmp(have->digest, want->digest) == 0)
		return 0;
	if (!have->digest)
		neap_diff_action(diff, NEAP_ACTION_CREATE);
	neap_diff_string(diff, "digest", have->digest, want->digest);
	return 0;
}

static int image_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		       const void *had, struct neap_error **err)
{
	const struct image_want *want = wanted;
	struct neap_process process = { .timeout = IMPORT_TIMEOUT };
	struct neap_process_result result;
	int r;

	(void)had;
	process.argv = want->ensure == NEAP_PRESENT ? command(want, ctx->scratch, "import", want->source.path)
						    : command(want, ctx->scratch, "rm", want->name);
	r = neap_host_run(host, &process, ctx->scratch, &result, err);
	return r == 0 && !result.ok ? failed(&process, &result, err) : r;
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The whole reference, such as `registry.k8s.io/pause:3.9`: the archive has to name the image so.",
		.offset = offsetof(struct image_want, name),
	},
	[SOURCE] = {
		.name = "source",
		.kind = NEAP_PARAM_SOURCE,
		.doc = "The archive, as `docker save` or `ctr images export` writes it, beside the recipe. Required "
		       "unless `ensure = \"absent\"`.",
		.offset = offsetof(struct image_want, source),
	},
	[DIGEST] = {
		.name = "digest",
		.kind = NEAP_PARAM_STRING,
		.doc = "The digest of the image in containerd, `sha256:…`, as `ctr images ls` prints it. Required "
		       "unless `ensure = \"absent\"`.",
		.offset = offsetof(struct image_want, digest),
	},
	[NAMESPACE] = {
		.name = "namespace",
		.kind = NEAP_PARAM_STRING,
		.doc = "The namespace of containerd; the kubelet's is `k8s.io`.",
		.fallback = "`" DEFAULT_NAMESPACE "`",
		.offset = offsetof(struct image_want, namespace),
	},
	[SOCKET] = {
		.name = "socket",
		.kind = NEAP_PARAM_PATH,
		.doc = "Where containerd listens.",
		.fallback = "`" DEFAULT_SOCKET "`",
		.offset = offsetof(struct image_want, socket),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether containerd is to have it.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct image_want, ensure),
	},
};

static const char description[] =
	"A container image in containerd, imported from an archive.\n"
	"\n"
	"- What counts is the digest that containerd has for the name: another one is replaced.\n"
	"- All images of a namespace are looked up by one `ctr images ls`; the import is `ctr images\n"
	"  import`, opaque in a plan. An archive that holds another image has not converged, and the\n"
	"  error says what is there.\n"
	"- The archive lies on the machine that runs neap. Below `--root` the resource fails.\n";

static const char example[] =
	"neap.image {\n"
	"  name = \"registry.k8s.io/pause:3.9\",\n"
	"  source = \"images/pause.tar\",\n"
	"  digest = \"sha256:7031c1b283388d2c2e09b57badb803c05ebed362dc88d84b480cc47f72a21097\",\n"
	"}\n";

extern const struct neap_resource_type neap_type_image;
const struct neap_resource_type neap_type_image = {
	.name = "image",
	.summary = "a container image in containerd",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct image_want),
	.have_size = sizeof(struct image_have),
	.check = image_check,
	.read = image_read,
	.diff = image_diff,
	.apply = image_apply,
};
