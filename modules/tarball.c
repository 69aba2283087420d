/*
 * neap.tarball: what an archive holds, unpacked below a directory, and kept as the archive has it.
 *
 * What the archive holds is known by its manifest; each run verifies the machine against that, and what
 * differs is put right a file at a time. Knows the machine only through the view and the host; must not know
 * Lua, other types, nor whether this is a plan.
 */
#include "engine/attributes.h"
#include "engine/placing.h"
#include "engine/resource.h"

#include "base/path.h"

enum {
	PATH,
	ENSURE,
	SOURCE,
	CHECKSUM,
	NESTED,
	MEMBERS,
	INCLUDE,
	EXCLUDE,
	STRIP,
	OWNER,
	GROUP,
	MODE,
	PARAM_COUNT
};

#define STRIP_MAX 64
#define PATH_LIMIT 4095
#define CACHE_KIND "manifest"

struct tarball_want {
	struct neap_want base;
	const char *path;
	unsigned ensure;
	struct neap_source source;
	const char *checksum, *nested;
	struct neap_strings members, include, exclude;
	int64_t strip;
	const char *owner, *group;
	uint32_t mode;
};

struct tarball_have {
	const char *key;                         /* of the manifest */
	struct neap_manifest manifest;           /* made just now, and to be kept; else empty */
	struct neap_attributes_state attributes; /* of the destination; the owners are everybody's */
	struct neap_parents parents;
	bool there; /* the destination */
	struct neap_placing placing;
};

/* ---- check --------------------------------------------------------------------------------------------- */

static int check_globs(const struct neap_strings *globs, const char *name, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const struct neap_glob *glob;

	for (size_t i = 0; i < globs->count; i++)
		if (neap_glob_new(globs->items[i], arena, &glob, err) < 0)
			return neap_error_prefix(err, "%s", name);
	return 0;
}

static void digest_of(const struct neap_content *content, uint8_t ret[NEAP_DIGEST_SIZE])
{
	if (content->data)
		neap_digest(content->data, content->size, ret);
	else
		memcpy(ret, content->digest, NEAP_DIGEST_SIZE);
}

static int check_sum(const struct tarball_want *want, struct neap_error **err)
{
	static const char start[] = "sha256:", digits[] = "0123456789abcdefABCDEF";
	const char *given = want->checksum + strlen(start);
	char hex[NEAP_DIGEST_HEX_SIZE];
	uint8_t digest[NEAP_DIGEST_SIZE];

	if (strncmp(want->checksum, start, strlen(start)) != 0 || strlen(given) != 2 * NEAP_DIGEST_SIZE ||
	    given[strspn(given, digits)])
		return neap_error_set(err, "checksum \"%.80s\" must be \"sha256:\" and 64 hexadecimal digits",
				      want->checksum);
	if (!neap_given(want, SOURCE))
		return 0;
	digest_of(&want->source.content, digest);
	neap_digest_hex(digest, hex);
	if (strcasecmp(hex, given) == 0)
		return 0;
	neap_error_set(err, "source %s is not what checksum says: it is sha256:%s", want->source.path, hex);
	return neap_error_hint(err, "either the file has changed, or the checksum is another file's");
}

static int tarball_check(const void *wanted, struct neap_error **err)
{
	const struct tarball_want *want = wanted;

	if (want->ensure == NEAP_ABSENT && neap_absent_check(want, OWNER, MODE, err) < 0)
		return -1;
	if (neap_given(want, CHECKSUM) && check_sum(want, err) < 0)
		return -1;
	if (check_globs(&want->include, "include", err) < 0)
		return -1;
	return check_globs(&want->exclude, "exclude", err);
}

static void tarball_claim(const void *wanted, struct neap_claims *claims)
{
	const struct tarball_want *want = wanted;

	neap_claim_path(claims, want->path, NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_ATTRIBUTES | NEAP_ASPECT_TREE,
			want->ensure == NEAP_ABSENT);
}

/* ---- what is wanted ------------------------------------------------------------------------------------ */

static struct neap_unpack_source unpack_source(const struct tarball_want *want)
{
	return (struct neap_unpack_source){
		.name = want->source.path,
		.content = want->source.content,
		.nested = neap_given(want, NESTED) ? want->nested : NULL,
	};
}

/* By the digest of the archive, and of the name of the one in it that is meant. */
static const char *cache_key(const struct tarball_want *want, struct neap_arena *arena)
{
	char hex[NEAP_DIGEST_HEX_SIZE], nested[NEAP_DIGEST_HEX_SIZE];
	uint8_t digest[NEAP_DIGEST_SIZE];

	digest_of(&want->source.content, digest);
	neap_digest_hex(digest, hex);
	if (!neap_given(want, NESTED))
		return neap_arena_strdup(arena, hex);
	neap_digest(want->nested, strlen(want->nested), digest);
	neap_digest_hex(digest, nested);
	return neap_arena_printf(arena, "%s.%.32s", hex, nested);
}

/* *ret_new: it was not kept from an earlier run. */
static int find_manifest(const struct neap_view *view, struct neap_arena *arena,
			 const struct tarball_want *want, const char *key, struct neap_manifest *ret,
			 bool *ret_new, struct neap_error **err)
{
	struct neap_unpack_source source = unpack_source(want);
	struct neap_content content;

	*ret_new = false;
	neap_view_cached(view, CACHE_KIND, key, arena, &content);
	if (content.data &&
	    neap_manifest_decode((struct neap_str){ content.data, (size_t)content.size }, arena, ret))
		return 0;
	*ret_new = true;
	return neap_unpack_manifest(&source, arena, ret, err);
}

static const struct neap_glob *const *globs_of(const struct neap_strings *globs, struct neap_arena *arena)
{
	const struct neap_glob **ret = neap_arena_array_of(arena, const struct neap_glob *, globs->count + 1);

	for (size_t i = 0; i < globs->count; i++) /* checked before: each is good */
		if (neap_glob_new(globs->items[i], arena, &ret[i], NULL) < 0)
			return NULL;
	return ret;
}

/* A directory is for its owner to work in, whatever the archive says: what is in it must be put right, too.
 */
static uint32_t directory_mode(uint32_t mode)
{
	return (mode & 0777) | 0700;
}

static uint32_t wanted_mode(const struct tarball_want *want, const struct neap_manifest_entry *entry)
{
	uint32_t mode = neap_given(want, MODE) ? want->mode : entry ? entry->mode & 0775 : 0755;

	if (entry && entry->kind != NEAP_MEMBER_DIRECTORY)
		return mode;
	/* Whom a directory may be read by, it may be entered by. */
	return directory_mode(neap_given(want, MODE) ? mode | (mode & 0444) >> 2 : mode);
}

/* The members at their places, not yet looked at. */
static int find_members(const struct neap_view *view, struct neap_arena *arena,
			const struct tarball_want *want, struct tarball_have *have, struct neap_error **err)
{
	const struct neap_members_rule rule = {
		.names = want->members.items,
		.include = globs_of(&want->include, arena),
		.exclude = globs_of(&want->exclude, arena),
		.strip = (unsigned)want->strip,
	};
	struct neap_placing placing = { .path = want->path, have->attributes.uid, have->attributes.gid };
	const char *above = want->path[1] ? want->path : "";
	struct neap_wanted_member *wanted;
	struct neap_manifest manifest;
	bool new;

	have->key = cache_key(want, arena);
	if (find_manifest(view, arena, want, have->key, &manifest, &new, err) < 0)
		return -1;
	if (new)
		have->manifest = manifest;
	if (neap_members_choose(&manifest, &rule, arena, &wanted, &placing.count, err) < 0)
		return neap_error_prefix(err, "%s", want->source.path);
	placing.members = neap_arena_array_of(arena, struct neap_placed, placing.count);
	for (size_t i = 0; i < placing.count; i++) {
		char text[NEAP_ARCHIVE_SHOWN];

		if (strlen(above) + 1 + wanted[i].name.len > PATH_LIMIT)
			return neap_error_set(
				err, "%s: the path of its member \"%s\" gets longer than %d bytes",
				want->source.path, neap_archive_shown(wanted[i].name.data, text), PATH_LIMIT);
		placing.members[i] = (struct neap_placed){
			.wanted = &wanted[i],
			.path = neap_arena_printf(arena, "%s/%s", above, wanted[i].name.data),
			.mode = wanted_mode(want, wanted[i].entry),
			.old_mode = NEAP_KEEP,
		};
	}
	have->placing = placing;
	return 0;
}

static struct neap_attributes wanted_owners(const struct tarball_want *want)
{
	return (struct neap_attributes){
		.owner = neap_given(want, OWNER) ? want->owner : NULL,
		.group = neap_given(want, GROUP) ? want->group : NULL,
		.mode = NEAP_KEEP,
	};
}

static int tarball_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
			void *had, struct neap_error **err)
{
	const struct tarball_want *want = wanted;
	struct neap_attributes owners = wanted_owners(want);
	struct tarball_have *have = had;
	struct neap_stat stat;
	int r = neap_view_stat(view, want->path, &stat, err);

	if (r || (want->ensure == NEAP_ABSENT && stat.kind == NEAP_FILE_ABSENT))
		return r;
	have->there = stat.kind == NEAP_FILE_DIRECTORY;
	if (!have->there && stat.kind != NEAP_FILE_ABSENT)
		return neap_placing_refuse(want->path, stat.kind, "a directory", err);
	r = neap_attributes_read(view, ctx->scratch, &owners, have->there ? &stat : NULL, &have->attributes,
				 err);
	if (r == 0 && !have->there)
		r = neap_parents_read(view, ctx->scratch, want->path, &have->parents, err);
	if (r == 0)
		r = find_members(view, ctx->scratch, want, have, err);
	if (r)
		return r;
	return want->ensure == NEAP_ABSENT
		       ? neap_placing_look_absent(&have->placing, view, ctx->scratch, err)
		       : neap_placing_look(&have->placing, view, have->there, ctx->scratch, err);
}

/* ---- diff ---------------------------------------------------------------------------------------------- */

/* Those that differ: the missing ones, or the others. */
static const char *const *list(const struct neap_placing *placing, bool missing, struct neap_arena *arena,
			       size_t *ret_count)
{
	const char **items = neap_arena_array_of(arena, const char *, placing->differ + 1);
	size_t count = 0;

	for (size_t i = 0; i < placing->count; i++) {
		const struct neap_placed *member = &placing->members[i];

		if (member->differs && ((member->differs & NEAP_PLACED_MISSING) != 0) == missing)
			items[count++] = neap_placed_text(member, arena);
	}
	*ret_count = count;
	return items;
}

static void diff_size(const struct neap_placing *placing, struct neap_diff *diff)
{
	static const char *const units[] = { "bytes", "KB", "MB", "GB", "TB" };
	double size = (double)placing->bytes;
	unsigned unit = 0;

	for (; size >= 1024 && unit < 4; unit++)
		size /= 1024;
	if (placing->files)
		neap_diff_reason(diff, "unpacks %zu %s, %.*f %s", placing->files,
				 placing->files == 1 ? "file" : "files", unit ? 1 : 0, size, units[unit]);
}

static void diff_absent(const struct neap_placing *placing, struct neap_diff *diff)
{
	const char *const *names;
	size_t count;

	if (!placing->differ && !placing->empties)
		return;
	names = list(placing, false, neap_diff_arena(diff), &count);
	neap_diff_ensure(diff, NEAP_ABSENT);
	if (count)
		neap_diff_list(diff, "members", names, count, NULL, 0);
	if (!placing->empties)
		neap_diff_reason(diff, "leaves what the archive does not hold");
}

static int tarball_diff(const struct neap_context *ctx, const void *wanted, const void *had,
			struct neap_diff *diff, struct neap_error **err)
{
	const struct tarball_want *want = wanted;
	const struct tarball_have *have = had;
	const struct neap_placing *placing = &have->placing;
	struct neap_arena *arena = neap_diff_arena(diff);
	const char *const *missing, *const *wrong;
	size_t missing_count, wrong_count;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT) {
		diff_absent(placing, diff);
		return 0;
	}
	if (!placing->differ && !have->attributes.differ)
		return 0;
	if (!placing->found)
		neap_diff_ensure(diff, NEAP_PRESENT);
	neap_attributes_diff(&have->attributes, diff);
	if (!placing->found && neap_given(want, MODE))
		neap_diff_mode(diff, "mode", NEAP_KEEP, want->mode);
	missing = list(placing, true, arena, &missing_count);
	wrong = list(placing, false, arena, &wrong_count);
	if (missing_count)
		neap_diff_list(diff, "members", NULL, 0, missing, missing_count);
	if (wrong_count)
		neap_diff_list(diff, "repairs", NULL, 0, wrong, wrong_count);
	neap_parents_diff(&have->parents, diff);
	diff_size(placing, diff);
	return 0;
}

/* ---- apply --------------------------------------------------------------------------------------------- */

static void keep_manifest(struct neap_host *host, const struct tarball_have *have)
{
	NEAP_AUTO_BUF struct neap_buf bytes = { 0 };

	if (!have->manifest.count)
		return;
	neap_manifest_encode(&have->manifest, &bytes);
	neap_host_cache(host, CACHE_KIND, have->key, bytes.data, bytes.len);
}

static int make_destination(struct neap_host *host, const struct tarball_want *want,
			    const struct tarball_have *have, struct neap_error **err)
{
	uint32_t uid = have->attributes.uid, gid = have->attributes.gid;

	if (have->there)
		return have->attributes.differ
			       ? neap_host_attributes(host, want->path, NEAP_KEEP, uid, gid, err)
			       : 0;
	if (have->parents.count > 0 && neap_host_mkdir_parents(host, want->path, err) < 0)
		return -1;
	return neap_host_mkdir(host, want->path, wanted_mode(want, NULL), uid, gid, err);
}

/* What is there is not known. */
static int guess(struct neap_host *host, struct neap_arena *arena, const struct tarball_want *want,
		 struct tarball_have *ret, struct neap_error **err)
{
	struct neap_attributes owners = wanted_owners(want);
	struct neap_attributes_state *state = &ret->attributes;
	struct neap_stat stat;
	int r;

	*ret = (struct tarball_have){ .parents.count = 1 };
	if (neap_attributes_numbers(&host->view, &owners, &state->uid, &state->gid, err) < 0 ||
	    find_members(&host->view, arena, want, ret, err) < 0)
		return -1;
	r = neap_view_stat(&host->view, want->path, &stat, err);
	if (r < 0)
		return r;
	ret->there = r == 0 && stat.kind == NEAP_FILE_DIRECTORY;
	state->differ = state->uid != NEAP_KEEP || state->gid != NEAP_KEEP;
	return neap_placing_guess(&ret->placing, &host->view, want->ensure == NEAP_ABSENT, err);
}

/* Directories of which nobody can say whether they get empty may go: what lies beside `path` is not known
 * then. */
static int unsettle(struct neap_host *host, struct neap_arena *arena, const struct tarball_want *want,
		    struct neap_error **err)
{
	struct neap_str above = neap_path_parent(neap_str(want->path));

	return neap_host_unsettle(host, neap_arena_copy(arena, above.data, above.len), err);
}

static int tarball_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
			 const void *had, struct neap_error **err)
{
	const struct tarball_want *want = wanted;
	const struct tarball_have *have = had;
	const struct neap_unpack_source source = unpack_source(want);
	struct tarball_have guessed;

	if (!have && guess(host, ctx->scratch, want, &guessed, err) < 0)
		return -1;
	if (!have)
		have = &guessed;
	keep_manifest(host, have);
	if (want->ensure == NEAP_ABSENT) {
		if (neap_placing_remove(&have->placing, host, err) < 0)
			return -1;
		if (have == &guessed)
			return unsettle(host, ctx->scratch, want, err);
		return have->placing.empties ? neap_host_rmdir(host, want->path, err) : 0;
	}
	if (make_destination(host, want, have, err) < 0)
		return -1;
	return neap_placing_make(&have->placing, host, neap_unpack_new(&source, ctx->scratch), ctx->scratch,
				 err);
}

/* ---- the type ------------------------------------------------------------------------------------------ */

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The directory below which the archive is unpacked. It is made when it is not there; it may not "
		       "be a link.",
		.offset = offsetof(struct tarball_want, path),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the members of the archive are to be there. With `\"absent\"` its files and links go, and "
		       "then those of its directories, and `path`, in which nothing else lies.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct tarball_want, ensure),
	},
	[SOURCE] = {
		.name = "source",
		.kind = NEAP_PARAM_SOURCE,
		.flags = NEAP_PARAM_REQUIRED,
		.doc = "The archive: a file of the machine that evaluates the recipe. A relative name starts beside the "
		       "recipe file that says it.",
		.offset = offsetof(struct tarball_want, source),
	},
	[CHECKSUM] = {
		.name = "checksum",
		.kind = NEAP_PARAM_STRING,
		.doc = "What the archive must be, as `\"sha256:\"` and 64 hexadecimal digits.",
		.fallback = "the archive is taken as it is",
		.offset = offsetof(struct tarball_want, checksum),
	},
	[NESTED] = {
		.name = "nested",
		.kind = NEAP_PARAM_STRING,
		.doc = "A member that is a tar archive itself. It is unpacked instead of the one it lies in, which is not.",
		.fallback = "the archive itself is unpacked",
		.offset = offsetof(struct tarball_want, nested),
	},
	[MEMBERS] = {
		.name = "members",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Names of members that are wanted, as the archive has them; a directory stands for all that is in "
		       "it. One that the archive does not hold is an error.",
		.fallback = "all, or those of include",
		.offset = offsetof(struct tarball_want, members),
	},
	[INCLUDE] = {
		.name = "include",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Patterns for members that are wanted, beside those of `members`: `*` stands for any bytes but a "
		       "slash, `**` for any bytes, `?` for one, `[a-z]` for one of a set. They are held against the whole "
		       "name, and one that fits a directory takes all that is in it. One that fits nothing is an error.",
		.fallback = "all, or those of members",
		.offset = offsetof(struct tarball_want, include),
	},
	[EXCLUDE] = {
		.name = "exclude",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "Patterns for members that are left out, whatever `members` and `include` say.",
		.offset = offsetof(struct tarball_want, exclude),
	},
	[STRIP] = {
		.name = "strip_components",
		.kind = NEAP_PARAM_INTEGER,
		.doc = "How many components are taken off the front of each name, after it was chosen. A member that has "
		       "no more is left out.",
		.fallback = "0",
		.min = 0,
		.max = STRIP_MAX,
		.offset = offsetof(struct tarball_want, strip),
	},
	[OWNER] = {
		.name = "owner",
		.kind = NEAP_PARAM_OWNER,
		.doc = "The user that `path` and the members' files and directories belong to, by name or number.",
		.fallback = "left alone; what is made belongs to who runs neap, whatever the archive says",
		.offset = offsetof(struct tarball_want, owner),
	},
	[GROUP] = {
		.name = "group",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_GROUP,
		.doc = "The group that `path` and the members' files and directories belong to, by name or number.",
		.fallback = "left alone; what is made gets the group of who runs neap, or that of a set-group-ID "
			    "directory",
		.offset = offsetof(struct tarball_want, group),
	},
	[MODE] = {
		.name = "mode",
		.kind = NEAP_PARAM_MODE,
		.doc = "Permission bits of all files, as an octal string such as `\"0755\"`. Directories get them too, and "
		       "can be entered by whom they can be read by.",
		.fallback = "the archive's, without set-user-ID, set-group-ID, sticky bit and what lets everybody write; a "
			    "directory can always be worked in by its owner",
		.offset = offsetof(struct tarball_want, mode),
	},
};

static const char description[] =
	"What a tar archive holds, below a directory: plain, or compressed with gzip, bzip2, xz or zstd.\n"
	"\n"
	"- Each run verifies kind, mode and bytes of every member, so that a byte that somebody changed is\n"
	"  found though size and time are as they were. What differs is put right, a file at a time: each\n"
	"  is the old one or the new one whole. What the archive holds is learnt once and kept by its\n"
	"  digest; a run that finds all in order does not unpack it.\n"
	"- The archive is read to its end before anything is changed. One that is cut off or damaged, a\n"
	"  name that is absolute or holds `..`, a member below a link, a link that leads out of `path`, and\n"
	"  what unpacks to more than 1 GB and 1000 times its size fail the resource, and nothing is made.\n"
	"  Devices, fifos and sockets do, unless `exclude` leaves them out.\n"
	"- Owners, times, attributes and ACLs of the archive are ignored. A hard link becomes a file of its\n"
	"  own. Of two members with one name the last counts. Names are bytes.\n"
	"- What else lies in `path` is left alone, also what a former archive put there. A link in the\n"
	"  place of one of the archive's directories is an error; in that of a file it is replaced. A "
	"`purge` of\n"
	"  a directory above spares all that is below `path`.\n"
	"- Directories that the archive does not speak of are made (0755, or as `mode` says), and left\n"
	"  alone when they are there.\n";

static const char example[] =
	"neap.tarball {\n"
	"  source = \"files/etcd-v3.4.23-linux-amd64.tar.gz\",\n"
	"  path = \"/opt/etcd-3.4.23\",\n"
	"  strip_components = 1,\n"
	"  members = { \"etcd-v3.4.23-linux-amd64/etcd\", \"etcd-v3.4.23-linux-amd64/etcdctl\" },\n"
	"  owner = \"root\", group = \"root\",\n"
	"}\n"
	"neap.link { path = \"/opt/etcd\", target = \"etcd-3.4.23\" }\n";

extern const struct neap_resource_type neap_type_tarball;
const struct neap_resource_type neap_type_tarball = {
	.name = "tarball",
	.summary = "what an archive holds, unpacked below a directory",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct tarball_want),
	.have_size = sizeof(struct tarball_have),
	.check = tarball_check,
	.claim = tarball_claim,
	.read = tarball_read,
	.diff = tarball_diff,
	.apply = tarball_apply,
};
