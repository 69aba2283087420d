/*
 * neap.file: a regular file with its content, owner, group and mode.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/attributes.h"
#include "engine/resource.h"

enum { PATH, ENSURE, CONTENT, SOURCE, OWNER, GROUP, MODE, VALIDATE, BACKUP, PARAM_COUNT };

struct file_want {
	struct neap_want base;
	const char *path;
	unsigned ensure;
	struct neap_text content;
	struct neap_source source;
	const char *owner, *group;
	uint32_t mode;
	struct neap_strings validate;
	bool backup;
};

struct file_have {
	struct neap_stat stat;
	struct neap_content content;
	struct neap_attributes_state attributes;
	struct neap_parents parents;
};

static bool wants_bytes(const struct file_want *want)
{
	return neap_given(want, CONTENT) || neap_given(want, SOURCE);
}

static struct neap_content wanted_content(const struct file_want *want)
{
	if (neap_given(want, SOURCE))
		return want->source.content;
	if (neap_given(want, CONTENT))
		return (struct neap_content){ .data = want->content.data, .size = want->content.len };
	return (struct neap_content){ .data = "" };
}

static bool is_secret(const struct file_want *want)
{
	return neap_given(want, CONTENT) && want->content.span_count > 0;
}

static struct neap_attributes wanted_attributes(const struct file_want *want)
{
	return (struct neap_attributes){
		.owner = neap_given(want, OWNER) ? want->owner : NULL,
		.group = neap_given(want, GROUP) ? want->group : NULL,
		.mode = neap_given(want, MODE) ? want->mode : NEAP_KEEP,
	};
}

static bool names_staged_file(const struct neap_strings *argv)
{
	for (size_t i = 0; i < argv->count; i++)
		if (strstr(argv->items[i], "%s"))
			return true;
	return false;
}

static int file_check(const void *wanted, struct neap_error **err)
{
	const struct file_want *want = wanted;

	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, CONTENT, PARAM_COUNT - 1, err);
	if (neap_given(want, CONTENT) && neap_given(want, SOURCE)) {
		neap_error_set(err, "content and source contradict each other");
		return neap_error_hint(err, "give one of them");
	}
	if (neap_given(want, VALIDATE)) {
		if (!wants_bytes(want))
			return neap_error_set(err, "validate has no meaning without content or source");
		if (!names_staged_file(&want->validate)) {
			neap_error_set(err, "validate never looks at the new file: no argument holds %%s");
			return neap_error_hint(err, "write %%s where the path of the new file belongs, as in "
						    "{ \"visudo\", \"-cf\", \"%%s\" }");
		}
	}
	return 0;
}

static void file_claim(const void *wanted, struct neap_claims *claims)
{
	const struct file_want *want = wanted;
	unsigned aspects = NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_ATTRIBUTES;

	/* Without content others may own lines of it. */
	if (wants_bytes(want) || want->ensure == NEAP_ABSENT)
		aspects |= NEAP_ASPECT_CONTENT;
	neap_claim_path(claims, want->path, aspects, want->ensure == NEAP_ABSENT);
}

static int file_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct file_want *want = wanted;
	struct file_have *have = had;
	int r;

	if (wants_bytes(want))
		r = neap_view_file(view, want->path, ctx->scratch, &have->stat, &have->content, err);
	else
		r = neap_view_stat(view, want->path, &have->stat, err);
	if (r)
		return r;

	switch (have->stat.kind) {
	case NEAP_FILE_DIRECTORY:
		neap_error_set(err, "%s is a directory", want->path);
		return neap_error_hint(err,
				       "remove it with neap.directory { path = \"%s\", ensure = \"absent\" }",
				       want->path);
	case NEAP_FILE_OTHER:
		neap_error_set(err, "%s is a device, fifo or socket", want->path);
		return neap_error_hint(err,
				       "neap.file leaves these alone; remove it by hand if it should go");
	case NEAP_FILE_ABSENT:
	case NEAP_FILE_REGULAR:
	case NEAP_FILE_LINK:
		break;
	}
	if (want->ensure == NEAP_ABSENT)
		return 0;

	struct neap_attributes attributes = wanted_attributes(want);
	const struct neap_stat *stat = have->stat.kind == NEAP_FILE_REGULAR ? &have->stat : NULL;
	r = neap_attributes_read(view, ctx->scratch, &attributes, stat, &have->attributes, err);
	if (r == 0 && have->stat.kind == NEAP_FILE_ABSENT)
		r = neap_parents_read(view, ctx->scratch, want->path, &have->parents, err);
	return r;
}

static bool content_differs(const struct file_want *want, const struct file_have *have)
{
	if (!wants_bytes(want))
		return false;
	struct neap_content content = wanted_content(want);
	return !neap_content_equal(&have->content, &content);
}

/* Bytes will be written: what else that means. */
static void diff_write(const struct file_want *want, const struct file_have *have, struct neap_diff *diff)
{
	bool there = have->stat.kind == NEAP_FILE_REGULAR;

	if (wants_bytes(want)) {
		struct neap_content after = wanted_content(want);
		bool hide = there && (have->stat.mode & 0004) == 0;
		neap_diff_content(diff, "content", there ? &have->content : NULL, &after,
				  neap_given(want, CONTENT) ? &want->content : NULL, hide);
	}
	uint32_t mode = neap_given(want, MODE) ? want->mode : there ? have->stat.mode : 0600;
	if (is_secret(want) && (mode & 0004))
		neap_diff_reason(diff, "others may read the file, mode %04o, and it gets a secret", mode);
	if (!there && is_secret(want) && !neap_given(want, MODE))
		neap_diff_reason(diff, "mode 0600, as the content holds a secret");
	if (there && have->stat.links > 1) {
		unsigned long long others = have->stat.links - 1;
		neap_diff_reason(diff, "breaks %llu hard link%s", others, others == 1 ? "" : "s");
	}
	if (neap_given(want, VALIDATE))
		neap_diff_reason(diff, "validate runs before the file is put in place");
}

static int file_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct file_want *want = wanted;
	const struct file_have *have = had;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (have->stat.kind != NEAP_FILE_ABSENT)
			neap_diff_ensure(diff, NEAP_ABSENT);
		return 0;
	}
	switch (have->stat.kind) {
	case NEAP_FILE_ABSENT:
		neap_diff_ensure(diff, NEAP_PRESENT);
		diff_write(want, have, diff);
		break;
	case NEAP_FILE_REGULAR:
		if (content_differs(want, have))
			diff_write(want, have, diff);
		break;
	case NEAP_FILE_LINK:
	case NEAP_FILE_DIRECTORY: /* refused by read, as is OTHER */
	case NEAP_FILE_OTHER:
		neap_diff_string(diff, "kind", "link", "file");
		diff_write(want, have, diff);
		break;
	}
	neap_attributes_diff(&have->attributes, diff);
	neap_parents_diff(&have->parents, diff);
	return 0;
}

static int write_file(struct neap_host *host, const struct file_want *want, uint32_t mode, uint32_t uid,
		      uint32_t gid, struct neap_error **err)
{
	struct neap_file_write write = {
		.content = wanted_content(want),
		.mode = mode,
		.uid = uid,
		.gid = gid,
		.validate = neap_given(want, VALIDATE) ? want->validate.items : NULL,
		.backup = want->backup,
		.secret = is_secret(want),
	};
	return neap_host_write(host, want->path, &write, err);
}

/* Nothing is known of what is there. */
static int apply_blindly(struct neap_host *host, const struct file_want *want, struct neap_error **err)
{
	struct neap_attributes attributes = wanted_attributes(want);
	uint32_t uid, gid, mode = attributes.mode;

	if (want->ensure == NEAP_ABSENT)
		return neap_host_unlink(host, want->path, err);
	if (neap_attributes_numbers(&host->view, &attributes, &uid, &gid, err) < 0 ||
	    neap_host_mkdir_parents(host, want->path, err) < 0)
		return -1;
	/* Without content what it holds stays unknown: an empty file would be a guess. */
	if (!wants_bytes(want))
		return neap_host_attributes(host, want->path, mode, uid, gid, err);
	if (mode == NEAP_KEEP && is_secret(want))
		mode = 0600;
	return write_file(host, want, mode, uid, gid, err);
}

static int file_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct file_want *want = wanted;
	const struct file_have *have = had;
	(void)ctx;

	if (!have)
		return apply_blindly(host, want, err);
	if (want->ensure == NEAP_ABSENT)
		return neap_host_unlink(host, want->path, err);

	uint32_t mode = have->attributes.mode, uid = have->attributes.uid, gid = have->attributes.gid;
	if (have->stat.kind == NEAP_FILE_REGULAR) {
		if (content_differs(want, have))
			return write_file(host, want, mode, uid, gid, err);
		return neap_host_attributes(host, want->path, mode, uid, gid, err);
	}

	if (mode == NEAP_KEEP && is_secret(want))
		mode = 0600;
	if (have->parents.count > 0 && neap_host_mkdir_parents(host, want->path, err) < 0)
		return -1;
	return write_file(host, want, mode, uid, gid, err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The file, as an absolute path. Directories on the way may be links; the file itself is never "
		       "looked at through one.",
		.offset = offsetof(struct file_want, path),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the file is to be there. With `\"absent\"` a regular file or a link at `path` is "
		       "removed, and no other parameter may be given.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct file_want, ensure),
	},
	[CONTENT] = {
		.name = "content",
		.kind = NEAP_PARAM_TEXT,
		.flags = NEAP_PARAM_SECRET,
		.doc = "What the file holds, byte for byte.",
		.fallback = "what is there stays; a file that is absent is made empty",
		.offset = offsetof(struct file_want, content),
	},
	[SOURCE] = {
		.name = "source",
		.kind = NEAP_PARAM_SOURCE,
		.doc = "A file of the machine that evaluates the recipe, to be copied. A relative name starts beside "
		       "the recipe file that says it.",
		.fallback = "see content",
		.offset = offsetof(struct file_want, source),
	},
	[OWNER] = {
		.name = "owner",
		.kind = NEAP_PARAM_OWNER,
		.doc = "The user it belongs to, by name or number.",
		.fallback = "left alone; a new file belongs to who runs neap",
		.offset = offsetof(struct file_want, owner),
	},
	[GROUP] = {
		.name = "group",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_GROUP,
		.doc = "The group it belongs to, by name or number.",
		.fallback = "left alone; a new file gets the group of who runs neap, or that of a set-group-ID "
			    "directory",
		.offset = offsetof(struct file_want, group),
	},
	[MODE] = {
		.name = "mode",
		.kind = NEAP_PARAM_MODE,
		.doc = "Permission bits as an octal string, such as `\"0640\"`.",
		.fallback = "left alone; a new file gets 0644, or 0600 when its content holds a secret",
		.offset = offsetof(struct file_want, mode),
	},
	[VALIDATE] = {
		.name = "validate",
		.kind = NEAP_PARAM_ARGV,
		.doc = "A command that must succeed on the new file before it is put in place; `%s` stands for the "
		       "new file, which has the same base name. When it fails, the old file stays. It does not run "
		       "in a plan.",
		.offset = offsetof(struct file_want, validate),
	},
	[BACKUP] = {
		.name = "backup",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether the bytes that are replaced are kept, as a 0600 file below neap's state directory, "
		       "never beside the file.",
		.fallback = "false",
		.offset = offsetof(struct file_want, backup),
	},
};

static const char description[] =
	"A regular file: that it is there, what it holds, whose it is and who may read it.\n"
	"\n"
	"- The file changes at one moment: a reader sees the old one or the new one whole, and the\n"
	"  new one has its owner and mode before it has its name. Missing parent directories are made\n"
	"  (0755).\n"
	"- Owner, group and mode that are not given are left alone on a file that is there. This\n"
	"  holds for secret content too: a secret makes a *new* file 0600, but does not close an\n"
	"  existing one; give `mode` for that.\n"
	"- When only owner, group or mode differ, the bytes are not rewritten. Extended attributes\n"
	"  and ACLs are kept; hard links are broken when content changes, and the plan says how many.\n"
	"- A link at `path` is replaced by the file; what it points to is not touched. A directory,\n"
	"  device, fifo or socket there is an error.\n"
	"- In a plan with `--diff`, what the file held is hidden when the new content has secrets or\n"
	"  when not everybody may read the file.\n"
	"- Without `content` and `source` the content belongs to others, such as `neap.line`.\n";

static const char example[] = "neap.file {\n"
			      "  path = \"/etc/sudoers.d/deploy\",\n"
			      "  content = \"deploy ALL=(ALL) NOPASSWD: /usr/bin/systemctl\\n\",\n"
			      "  owner = \"root\", group = \"root\", mode = \"0440\",\n"
			      "  validate = { \"visudo\", \"-cf\", \"%s\" },\n"
			      "}\n";

extern const struct neap_resource_type neap_type_file;
const struct neap_resource_type neap_type_file = {
	.name = "file",
	.summary = "a regular file: content, owner, group, mode",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct file_want),
	.have_size = sizeof(struct file_have),
	.check = file_check,
	.claim = file_claim,
	.read = file_read,
	.diff = file_diff,
	.apply = file_apply,
};
