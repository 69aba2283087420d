/*
 * neap.apt_repository: where apt gets packages from, with the key they are signed by.
 *
 * Two files and apt-get update for them. Until that has succeeded the file of the source is 0600, and 0644
 * after it: so a run that is killed in between, or that cannot reach the repository, is seen by the next one
 * without a book of its own.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "engine/apt.h"
#include "engine/attributes.h"
#include "engine/resource.h"

enum {
	NAME,
	ENSURE,
	URIS,
	SUITES,
	COMPONENTS,
	ARCHITECTURES,
	TYPES,
	KEY,
	KEY_SOURCE,
	SIGNED_BY,
	TRUSTED,
	LOCK_WAIT,
	PARAM_COUNT
};

#define UNFINISHED 0600
#define FINISHED 0644

struct repository_want {
	struct neap_want base;
	const char *name;
	unsigned ensure;
	struct neap_strings uris, suites, components, architectures, types;
	struct neap_text key;
	struct neap_source key_source;
	const char *signed_by;
	bool trusted;
	int64_t lock_wait;
};

enum { SOURCES, ARMORED, BINARY, FILE_COUNT };

struct file {
	const char *path;
	struct neap_stat stat;
	struct neap_content is;
	const struct neap_content *wanted; /* NULL: it has to go */
	bool differs;
};

struct repository_have {
	struct file files[FILE_COUNT];
	struct neap_content sources, key; /* wanted */
	struct neap_parents parents, key_parents;
};

/* ---- what is wanted ------------------------------------------------------------------------------------ */

static bool has_key(const struct repository_want *want)
{
	return neap_given(want, KEY) || neap_given(want, KEY_SOURCE);
}

static struct neap_content key_of(const struct repository_want *want)
{
	if (neap_given(want, KEY_SOURCE))
		return want->key_source.content;
	return (struct neap_content){ .data = want->key.data, .size = want->key.len };
}

/* Which of the files the key is in: apt tells by the name. */
static int key_file(const struct neap_content *key)
{
	static const char armor[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

	if (!key->data || !key->size)
		return -1;
	if (key->size >= sizeof armor - 1 && memcmp(key->data, armor, sizeof armor - 1) == 0)
		return ARMORED;
	/* A binary one begins with the packet of a public key, in the old or the new way of writing it. */
	unsigned char first = (unsigned char)key->data[0];
	return (first & 0xfc) == 0x98 || first == 0xc6 ? BINARY : -1;
}

static const char *path_of(const struct repository_want *want, struct neap_arena *arena, unsigned which)
{
	static const char *const formats[FILE_COUNT][2] = {
		[SOURCES] = { "/etc/apt/sources.list.d/", ".sources" },
		[ARMORED] = { "/etc/apt/keyrings/", ".asc" },
		[BINARY] = { "/etc/apt/keyrings/", ".gpg" },
	};

	return neap_arena_printf(arena, "%s%s%s", formats[which][0], want->name, formats[which][1]);
}

static void add_field(struct neap_buf *buf, const char *name, const struct neap_strings *values)
{
	if (!values->count)
		return;
	neap_buf_printf(buf, "%s:", name);
	for (size_t i = 0; i < values->count; i++)
		neap_buf_printf(buf, " %s", values->items[i]);
	neap_buf_putc(buf, '\n');
}

static struct neap_content sources_of(const struct repository_want *want, struct neap_arena *arena)
{
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	const char *signed_by = neap_given(want, SIGNED_BY) ? want->signed_by : NULL;

	if (has_key(want)) {
		struct neap_content key = key_of(want);
		int which = key_file(&key);
		signed_by = which < 0 ? NULL : path_of(want, arena, (unsigned)which);
	}
	if (want->types.count)
		add_field(&buf, "Types", &want->types);
	else
		neap_buf_puts(&buf, "Types: deb\n");
	add_field(&buf, "URIs", &want->uris);
	add_field(&buf, "Suites", &want->suites);
	add_field(&buf, "Components", &want->components);
	add_field(&buf, "Architectures", &want->architectures);
	if (signed_by)
		neap_buf_printf(&buf, "Signed-By: %s\n", signed_by);
	if (neap_given(want, TRUSTED))
		neap_buf_printf(&buf, "Trusted: %s\n", want->trusted ? "yes" : "no");
	return (struct neap_content){ .data = neap_arena_copy(arena, buf.data, buf.len), .size = buf.len };
}

static void set_wanted(const struct repository_want *want, struct neap_arena *arena,
		       struct repository_have *have)
{
	for (unsigned i = 0; i < FILE_COUNT; i++)
		have->files[i].path = path_of(want, arena, i);
	if (want->ensure == NEAP_ABSENT)
		return;
	have->sources = sources_of(want, arena);
	have->files[SOURCES].wanted = &have->sources;
	if (has_key(want)) {
		have->key = key_of(want);
		int which = key_file(&have->key);
		if (which >= 0)
			have->files[which].wanted = &have->key;
	}
}

/* ---- checks -------------------------------------------------------------------------------------------- */

static const char words[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!strchr(words, name[i]) && !(i && strchr("_.-", name[i])))
			return false;
	return len && len <= 200;
}

/* Values stand on one line with blanks between. */
static int check_words(const char *name, const struct neap_strings *values, struct neap_error **err)
{
	for (size_t i = 0; i < values->count; i++)
		for (const char *at = values->items[i]; *at; at++)
			if (*at <= ' ' || *at > '~' || (at == values->items[i] && *at == '#'))
				return neap_error_set(err,
						      "%s: \"%s\" has a character that does not belong there",
						      name, values->items[i]);
	return 0;
}

static int check_uris(const struct repository_want *want, struct neap_error **err)
{
	if (!want->uris.count)
		return neap_error_set(err, "uris is required: where is the repository?");
	for (size_t i = 0; i < want->uris.count; i++) {
		const char *uri = want->uris.items[i], *colon = strchr(uri, ':');
		if (!colon || colon == uri || !strchr(colon, '/')) {
			neap_error_set(err, "uris: \"%s\" is no address of a repository", uri);
			return neap_error_hint(
				err, "it looks like https://deb.example.org/debian or file:/srv/debian");
		}
		if (strncmp(colon, "://", 3) != 0)
			continue;
		const char *user = strchr(colon + 3, '@');
		if (user && user < colon + 3 + strcspn(colon + 3, "/")) {
			neap_error_set(err, "uris must not hold a user or a password");
			return neap_error_hint(err,
					       "they belong into a file in /etc/apt/auth.conf.d, mode 0600");
		}
	}
	return 0;
}

static int check_suites(const struct repository_want *want, struct neap_error **err)
{
	size_t flat = 0;

	if (!want->suites.count) {
		neap_error_set(err, "suites is required");
		return neap_error_hint(
			err, "suites = { \"bookworm\" }, or { \"./\" } for a repository without suites");
	}
	for (size_t i = 0; i < want->suites.count; i++)
		flat += want->suites.items[i][strlen(want->suites.items[i]) - 1] == '/';
	if (flat && want->components.count)
		return neap_error_set(err, "components has no meaning with a suite that ends in \"/\"");
	if (flat < want->suites.count && !want->components.count)
		return neap_error_set(err, "components is required, as in components = { \"main\" }");
	return 0;
}

static int check_types(const struct repository_want *want, struct neap_error **err)
{
	for (size_t i = 0; i < want->types.count; i++)
		if (strcmp(want->types.items[i], "deb") != 0 && strcmp(want->types.items[i], "deb-src") != 0)
			return neap_error_set(err, "types: \"%s\" is neither deb nor deb-src",
					      want->types.items[i]);
	return 0;
}

static int check_key(const struct repository_want *want, struct neap_error **err)
{
	unsigned given = neap_given(want, KEY) + neap_given(want, KEY_SOURCE) + neap_given(want, SIGNED_BY);
	struct neap_content key;

	if (given > 1)
		return neap_error_set(err, "key, key_source and signed_by contradict each other");
	if (!has_key(want))
		return 0;
	key = key_of(want);
	if (key_file(&key) >= 0)
		return 0;
	neap_error_set(err, "%s is no public key of OpenPGP, neither armored nor binary",
		       neap_given(want, KEY) ? "key" : "key_source");
	return neap_error_hint(err, "gpg --armor --export prints one; it is at most 1 MB");
}

static int repository_check(const void *wanted, struct neap_error **err)
{
	const struct repository_want *want = wanted;
	const struct neap_strings *const lists[] = { &want->uris, &want->suites, &want->components,
						     &want->architectures };
	static const char *const names[] = { "uris", "suites", "components", "architectures" };

	if (!is_name(want->name)) {
		neap_error_set(err, "\"%s\" cannot be the name of a file that apt reads", want->name);
		return neap_error_hint(err, "letters, digits, - _ and . make a name");
	}
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, URIS, PARAM_COUNT - 1, err);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (check_words(names[i], lists[i], err) < 0)
			return -1;
	if (check_uris(want, err) < 0 || check_suites(want, err) < 0 || check_types(want, err) < 0)
		return -1;
	return check_key(want, err);
}

static void repository_claim(const void *wanted, struct neap_claims *claims)
{
	const struct repository_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct repository_have have = { 0 };

	/* The key's other name too: of the two only one may be there. */
	set_wanted(want, arena, &have);
	for (unsigned i = 0; i < FILE_COUNT; i++)
		neap_claim_path(claims, have.files[i].path,
				NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES,
				!have.files[i].wanted);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static int read_file(const struct neap_view *view, struct neap_arena *arena, struct file *file,
		     struct neap_error **err)
{
	int r = neap_view_file(view, file->path, arena, &file->stat, &file->is, err);

	if (r)
		return r;
	switch (file->stat.kind) {
	case NEAP_FILE_ABSENT:
		file->differs = file->wanted != NULL;
		return 0;
	case NEAP_FILE_REGULAR:
		file->differs = !file->wanted || !neap_content_equal(&file->is, file->wanted) ||
				file->stat.mode != FINISHED;
		return 0;
	case NEAP_FILE_LINK:
	case NEAP_FILE_DIRECTORY:
	case NEAP_FILE_OTHER:
		break;
	}
	neap_error_set(err, "%s is %s", file->path, neap_file_kind_name(file->stat.kind));
	return neap_error_hint(err, "remove it by hand if it should go");
}

static int repository_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			   void *had, struct neap_error **err)
{
	const struct repository_want *want = wanted;
	struct repository_have *have = had;
	int r;

	/* One that another resource gives is seen here first. */
	if (check_key(want, err) < 0)
		return -1;
	r = 0;
	set_wanted(want, ctx->scratch, have);
	for (unsigned i = 0; r == 0 && i < FILE_COUNT; i++)
		r = read_file(view, ctx->scratch, &have->files[i], err);
	if (r == 0 && have->files[SOURCES].wanted && have->files[SOURCES].stat.kind == NEAP_FILE_ABSENT)
		r = neap_parents_read(view, ctx->scratch, have->files[SOURCES].path, &have->parents, err);
	for (unsigned i = ARMORED; r == 0 && i < FILE_COUNT; i++)
		if (have->files[i].wanted && have->files[i].stat.kind == NEAP_FILE_ABSENT)
			r = neap_parents_read(view, ctx->scratch, have->files[i].path, &have->key_parents,
					      err);
	return r;
}

/* ---- what differs -------------------------------------------------------------------------------------- */

static bool differs(const struct repository_have *have)
{
	bool any = false;

	for (unsigned i = 0; i < FILE_COUNT; i++)
		any |= have->files[i].wanted ? have->files[i].differs
					     : have->files[i].stat.kind != NEAP_FILE_ABSENT;
	return any;
}

static void diff_file(const struct file *file, const char *param, struct neap_diff *diff)
{
	bool there = file->stat.kind == NEAP_FILE_REGULAR;

	if (!file->wanted) {
		if (there)
			neap_diff_list(diff, "removes", &file->path, 1, NULL, 0);
		return;
	}
	if (!there || !neap_content_equal(&file->is, file->wanted))
		neap_diff_content(diff, param, there ? &file->is : NULL, file->wanted, NULL, false);
	if (there && file->stat.mode != FINISHED)
		neap_diff_mode(diff, strcmp(param, "key") == 0 ? "key_mode" : "mode", file->stat.mode,
			       FINISHED);
}

static int repository_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			   struct neap_diff *diff, struct neap_error **err)
{
	const struct repository_want *want = wanted;
	const struct repository_have *have = had;
	const struct file *sources = &have->files[SOURCES];
	(void)ctx, (void)err;

	if (!differs(have))
		return 0;
	if (want->ensure == NEAP_ABSENT) {
		neap_diff_ensure(diff, NEAP_ABSENT);
	} else if (sources->stat.kind == NEAP_FILE_ABSENT) {
		neap_diff_ensure(diff, NEAP_PRESENT);
	}
	diff_file(sources, "content", diff);
	diff_file(&have->files[ARMORED], "key", diff);
	diff_file(&have->files[BINARY], "key", diff);
	neap_parents_diff(&have->parents, diff);
	neap_parents_diff(&have->key_parents, diff);
	if (want->ensure == NEAP_ABSENT)
		return 0;
	if (sources->stat.kind == NEAP_FILE_REGULAR && sources->stat.mode == UNFINISHED)
		neap_diff_reason(diff, "a run before this one has not come to its end");
	neap_diff_reason(diff, "apt-get update for this source");
	return 0;
}

/* ---- changing ------------------------------------------------------------------------------------------ */

static int put_file(struct neap_host *host, const struct file *file, uint32_t mode, struct neap_error **err)
{
	const struct neap_file_write write = {
		.content = *file->wanted, .mode = mode, .uid = NEAP_KEEP, .gid = NEAP_KEEP
	};

	if (neap_host_mkdir_parents(host, file->path, err) < 0)
		return -1;
	return neap_host_write(host, file->path, &write, err);
}

/* The lists of this source alone; those of others are neither fetched nor thrown away. */
static int update(struct neap_host *host, const struct neap_context *ctx, const struct repository_want *want,
		  const char *sources, struct neap_error **err)
{
	const char *only = neap_arena_printf(ctx->scratch, "Dir::Etc::sourcelist=%s", sources);

	return neap_apt_run(host, ctx->scratch,
			    (const char *const[]){ "apt-get", "-q", "update", "--error-on=any", "-o", only,
						   "-o", "Dir::Etc::sourceparts=-", "-o",
						   "APT::Get::List-Cleanup=0", NULL },
			    NULL, neap_given(want, LOCK_WAIT) ? want->lock_wait : NEAP_APT_LOCK_WAIT,
			    "apt-get update", err);
}

static int repository_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			    const void *had, struct neap_error **err)
{
	const struct repository_want *want = wanted;
	struct repository_have all = { 0 };
	const struct repository_have *have = had;

	if (!have) {
		set_wanted(want, ctx->scratch, &all);
		for (unsigned i = 0; i < FILE_COUNT; i++) {
			all.files[i].differs = all.files[i].wanted != NULL;
			all.files[i].stat.kind = all.files[i].wanted ? NEAP_FILE_ABSENT : NEAP_FILE_REGULAR;
		}
		have = &all;
	}
	const struct file *sources = &have->files[SOURCES];
	/* First of all, so that it is not finished whatever comes between. */
	if (sources->wanted && put_file(host, sources, UNFINISHED, err) < 0)
		return -1;
	for (unsigned i = 0; i < FILE_COUNT; i++) {
		const struct file *file = &have->files[i];
		if (!file->wanted && file->stat.kind != NEAP_FILE_ABSENT &&
		    neap_host_unlink(host, file->path, err) < 0)
			return -1;
		if (file->wanted && i != SOURCES && file->differs && put_file(host, file, FINISHED, err) < 0)
			return -1;
	}
	if (!sources->wanted)
		return 0;
	if (update(host, ctx, want, sources->path, err) < 0)
		return -1;
	return neap_host_attributes(host, sources->path, FINISHED, NEAP_KEEP, NEAP_KEEP, err);
}

/* ---- the type ------------------------------------------------------------------------------------------ */

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The file is /etc/apt/sources.list.d/NAME.sources, that of the key "
		       "/etc/apt/keyrings/NAME.asc or NAME.gpg.",
		.offset = offsetof(struct repository_want, name),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether apt is to know it. With `\"absent\"` its files go, and no other parameter may be given.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct repository_want, ensure),
	},
	[URIS] = {
		.name = "uris",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Where the repository is. Without user and password: these belong into a file in "
		       "/etc/apt/auth.conf.d.",
		.offset = offsetof(struct repository_want, uris),
	},
	[SUITES] = {
		.name = "suites",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Suites or code names, such as `bookworm`; one that ends in `/` is a directory.",
		.offset = offsetof(struct repository_want, suites),
	},
	[COMPONENTS] = {
		.name = "components",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Parts of a suite, such as `main`. Required unless the suites are directories.",
		.offset = offsetof(struct repository_want, components),
	},
	[ARCHITECTURES] = {
		.name = "architectures",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Only these.",
		.fallback = "those of the machine",
		.offset = offsetof(struct repository_want, architectures),
	},
	[TYPES] = {
		.name = "types",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "`deb` for packages, `deb-src` for their sources.",
		.fallback = "{ \"deb\" }",
		.offset = offsetof(struct repository_want, types),
	},
	[KEY] = {
		.name = "key",
		.kind = NEAP_PARAM_TEXT,
		.doc = "The public key that signs it, armored or binary. Nothing signed by another key is taken from it.",
		.fallback = "the keys that apt trusts for everything",
		.offset = offsetof(struct repository_want, key),
	},
	[KEY_SOURCE] = {
		.name = "key_source",
		.kind = NEAP_PARAM_SOURCE,
		.doc = "The same, as a file beside the recipe.",
		.offset = offsetof(struct repository_want, key_source),
	},
	[SIGNED_BY] = {
		.name = "signed_by",
		.kind = NEAP_PARAM_PATH,
		.doc = "The same, as a file of the machine that is there, such as a keyring that a package brings.",
		.offset = offsetof(struct repository_want, signed_by),
	},
	[TRUSTED] = {
		.name = "trusted",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether what is not signed is taken too, or (false) nothing at all unless it is.",
		.fallback = "as apt is configured: only what is signed",
		.offset = offsetof(struct repository_want, trusted),
	},
	[LOCK_WAIT] = {
		.name = "lock_wait",
		.kind = NEAP_PARAM_DURATION,
		.doc = "How long to wait for another program that is fetching lists of packages.",
		.fallback = "10m",
		.max = 86400,
		.offset = offsetof(struct repository_want, lock_wait),
	},
};

static const char description[] =
	"A repository that apt gets packages from, and its key.\n"
	"\n"
	"- When something of it changes, `apt-get update` is run for this source alone, and an error of\n"
	"  it fails the resource. While that has not succeeded the file is 0600, and the next run\n"
	"  tries again; afterwards it is 0644.\n"
	"- Packages of the recipe come after it without an edge being written, unless it needs one of\n"
	"  them itself. In a plan in which it changes they are unknown.\n"
	"- The lists are not fetched again while nothing of it changes: how fresh they are to be is the\n"
	"  business of the machine (apt-daily.timer), or of an `exec`.\n"
	"- With `ensure = \"absent\"` its files go; the packages that came from it stay.\n";

static const char example[] = "neap.apt_repository {\n"
			      "  name = \"example\",\n"
			      "  uris = { \"https://deb.example.org/debian\" },\n"
			      "  suites = { \"bookworm\" }, components = { \"main\" },\n"
			      "  key_source = \"files/example.asc\",\n"
			      "}\n"
			      "neap.package { name = \"example-tool\" }\n";

extern const struct neap_resource_type neap_type_apt_repository;
const struct neap_resource_type neap_type_apt_repository = {
	.name = "apt_repository",
	.summary = "a repository that apt gets packages from, and its key",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct repository_want),
	.have_size = sizeof(struct repository_have),
	.check = repository_check,
	.claim = repository_claim,
	.read = repository_read,
	.diff = repository_diff,
	.apply = repository_apply,
};
