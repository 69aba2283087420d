/*
 * neap.link: a symbolic link and where it points.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/attributes.h"
#include "engine/resource.h"

enum { PATH, ENSURE, TARGET, PARAM_COUNT };

#define TARGET_MAX 4095 /* PATH_MAX without its NUL: the kernel takes no more */

struct link_want {
	struct neap_want base;
	const char *path;
	unsigned ensure;
	const char *target;
};

struct link_have {
	struct neap_stat stat;
	const char *target; /* NULL: no link is there */
	struct neap_parents parents;
};

static int link_check(const void *wanted, struct neap_error **err)
{
	const struct link_want *want = wanted;

	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, TARGET, TARGET, err);
	if (!neap_given(want, TARGET))
		return neap_error_set(err, "target is required, unless ensure = \"absent\"");
	if (want->target && strlen(want->target) > TARGET_MAX)
		return neap_error_set(err, "target is longer than %d bytes", TARGET_MAX);
	return 0;
}

static void link_claim(const void *wanted, struct neap_claims *claims)
{
	const struct link_want *want = wanted;

	neap_claim_path(claims, want->path,
			NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES,
			want->ensure == NEAP_ABSENT);
}

static int link_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct link_want *want = wanted;
	struct link_have *have = had;

	int r = neap_view_link(view, want->path, ctx->scratch, &have->stat, &have->target, err);
	if (r)
		return r;
	switch (have->stat.kind) {
	case NEAP_FILE_LINK:
		return 0;
	case NEAP_FILE_ABSENT:
		if (want->ensure == NEAP_ABSENT)
			return 0;
		return neap_parents_read(view, ctx->scratch, want->path, &have->parents, err);
	case NEAP_FILE_DIRECTORY:
		neap_error_set(err, "%s is a directory, not a link", want->path);
		return neap_error_hint(err,
				       "remove it with neap.directory { path = \"%s\", ensure = \"absent\" }",
				       want->path);
	case NEAP_FILE_REGULAR:
		neap_error_set(err, "%s is a regular file, not a link", want->path);
		return neap_error_hint(err, "remove it with neap.file { path = \"%s\", ensure = \"absent\" }",
				       want->path);
	case NEAP_FILE_OTHER:
		break;
	}
	neap_error_set(err, "%s is a device, fifo or socket, not a link", want->path);
	return neap_error_hint(err, "neap.link leaves these alone; remove it by hand if it should go");
}

static int link_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct link_want *want = wanted;
	const struct link_have *have = had;
	bool there = have->stat.kind == NEAP_FILE_LINK;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (there)
			neap_diff_ensure(diff, NEAP_ABSENT);
		return 0;
	}
	if (!there)
		neap_diff_ensure(diff, NEAP_PRESENT);
	if (neap_given(want, TARGET) && (!there || strcmp(have->target, want->target) != 0))
		neap_diff_string(diff, "target", there ? have->target : NULL, want->target);
	neap_parents_diff(&have->parents, diff);
	return 0;
}

static int link_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct link_want *want = wanted;
	const struct link_have *have = had;
	(void)ctx;

	if (want->ensure == NEAP_ABSENT)
		return neap_host_unlink(host, want->path, err);
	if ((!have || have->parents.count > 0) && neap_host_mkdir_parents(host, want->path, err) < 0)
		return -1;
	if (!neap_given(want, TARGET))
		return 0; /* not known yet: where it will point cannot be said */
	return neap_host_symlink(host, want->path, want->target, err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The link itself, as an absolute path. Directories on the way may be links.",
		.offset = offsetof(struct link_want, path),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the link is to be there. `\"absent\"` removes only a link, never what it points to.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct link_want, ensure),
	},
	[TARGET] = {
		.name = "target",
		.kind = NEAP_PARAM_STRING,
		.doc = "Where it points: the text of the link, kept as it is. Required unless the link is to be "
		       "absent. It may be relative, and nothing needs to be there.",
		.offset = offsetof(struct link_want, target),
	},
};

static const char description[] =
	"A symbolic link.\n"
	"\n"
	"- The text of `target` is compared and written as it is: `../a` and `/x/a` are two targets\n"
	"  even where they lead to one place. A dangling link is fine.\n"
	"- Another link at `path` is replaced at one moment. A file, directory, device, fifo or\n"
	"  socket there is an error, with `ensure = \"absent\"` too.\n"
	"- Missing parent directories are made (0755).\n";

static const char example[] =
	"neap.link { path = \"/usr/local/bin/etcd\", target = \"/opt/etcd/etcd\" }\n"
	"neap.link { path = \"/etc/nginx/sites-enabled/default\", ensure = \"absent\" }\n";

extern const struct neap_resource_type neap_type_link;
const struct neap_resource_type neap_type_link = {
	.name = "link",
	.summary = "a symbolic link",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct link_want),
	.have_size = sizeof(struct link_have),
	.check = link_check,
	.claim = link_claim,
	.read = link_read,
	.diff = link_diff,
	.apply = link_apply,
};
