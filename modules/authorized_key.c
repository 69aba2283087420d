/*
 * neap.authorized_key: one public key in the file that says who may log in as a user.
 *
 * The user owns that file and the way to it, so nothing here trusts it: it is only ever read as a whole,
 * replaced as a whole, and never through a link. Knows the machine only through the view and the host; must
 * not know Lua, other types, nor whether this is a plan.
 */
#include "base/digest.h"
#include "base/path.h"
#include "engine/part.h"
#include "engine/shown.h"

enum { USER, KEY, OPTIONS, PATH, ENSURE, PARAM_COUNT };

#define KEY_MAX_LEN 16384 /* as sshd takes */
#define OPTIONS_MAX 100
#define DIRECTORY_MODE 0700
#define FILE_MODE 0600
#define FINGERPRINT_SHOWN 16 /* of 43 characters: nobody makes two keys that agree in them */
#define COMMENT_SHOWN 40

struct key_want {
	struct neap_want base;
	const char *user, *key;
	struct neap_strings options;
	const char *path;
	unsigned ensure;
};

/* "ssh-ed25519 AAAA… me@there" */
struct key {
	struct neap_str type, body, comment;
};

struct key_have {
	struct neap_home home;
	const char *path, *directory; /* directory NULL: the path is given, the way to it is not ours */
	bool left;                    /* another resource has the directory */
	struct neap_stat directory_stat;
	struct neap_part_file file;
	struct neap_attributes_state directory_attributes, attributes; /* of what is there, and is ours */
	bool differs, there;
	size_t number; /* of the line that is replaced; 0: none is */
	struct neap_line_numbers removed;
	const char *before, *after; /* options as they are and as they shall be; NULL: equal */
	const char *comment_before, *comment_after;
};

/* ---- the line ---------------------------------------------------------------------------------------- */

static struct key parse_key(struct neap_str rest)
{
	struct key key;

	key.type = neap_str_word(&rest);
	key.body = neap_str_word(&rest);
	key.comment = neap_str_trim(rest);
	return key;
}

/* How long what is before the next blank (or `stop`) outside of quotes is. */
static size_t unquoted_length(struct neap_str text, char stop)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < text.len; i++) {
		char c = text.data[i];
		if (c == '\\' && i + 1 < text.len && text.data[i + 1] == '"')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == stop || c == ' ' || c == '\t'))
			break;
	}
	return i;
}

/* Whether the line gives `wanted`; *ret_options: what stands before it. */
static bool parse_line(struct neap_str line, const struct key *wanted, struct key *ret,
		       struct neap_str *ret_options)
{
	struct neap_str rest = neap_str_trim(line);

	if (!rest.len || rest.data[0] == '#')
		return false;
	*ret = parse_key(rest);
	*ret_options = NEAP_STR("");
	if (neap_str_equal(ret->type, wanted->type) && neap_str_equal(ret->body, wanted->body))
		return true;
	size_t len = unquoted_length(rest, ' ');
	*ret_options = (struct neap_str){ rest.data, len };
	*ret = parse_key((struct neap_str){ rest.data + len, rest.len - len });
	return neap_str_equal(ret->type, wanted->type) && neap_str_equal(ret->body, wanted->body);
}

static bool has_option(struct neap_str options, struct neap_str option)
{
	while (options.len) {
		size_t len = unquoted_length(options, ',');
		if (neap_str_equal((struct neap_str){ options.data, len }, option))
			return true;
		len += len < options.len;
		options = (struct neap_str){ options.data + len, options.len - len };
	}
	return false;
}

/* In any order. */
static bool same_options(const struct key_want *want, struct neap_str options)
{
	struct neap_str rest = options;
	size_t count = 0;

	for (; rest.len; count++) {
		size_t len = unquoted_length(rest, ',');
		len += len < rest.len;
		rest = (struct neap_str){ rest.data + len, rest.len - len };
	}
	if (count != want->options.count)
		return false;
	for (size_t i = 0; i < want->options.count; i++)
		if (!has_option(options, neap_str(want->options.items[i])))
			return false;
	return true;
}

static const char *joined_options(const struct key_want *want, struct neap_arena *arena)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };

	neap_buf_puts(&text, "");
	for (size_t i = 0; neap_given(want, OPTIONS) && i < want->options.count; i++)
		neap_buf_printf(&text, "%s%s", i ? "," : "", want->options.items[i]);
	return neap_arena_copy(arena, text.data, text.len);
}

static struct neap_str whole_line(struct neap_arena *arena, const char *options, const struct key *key,
				  const char *comment)
{
	return neap_str(neap_arena_printf(arena, "%s%s%.*s %.*s%s%s", options, *options ? " " : "",
					  (int)key->type.len, key->type.data, (int)key->body.len,
					  key->body.data, *comment ? " " : "", comment));
}

/* ---- the change -------------------------------------------------------------------------------------- */

static const char *copied(struct neap_arena *arena, struct neap_str text)
{
	return neap_arena_copy(arena, text.data, text.len);
}

/* What is not given stays as it is. */
static void set_line(const struct key_want *want, struct key_have *have, struct neap_arena *arena,
		     struct neap_rewrite *rewrite, struct neap_line line, size_t number,
		     struct neap_str options, const struct key *is, const struct key *wanted)
{
	const char *old_options = copied(arena, options), *new_options = old_options;
	const char *old_comment = copied(arena, is->comment), *new_comment = old_comment;

	if (neap_given(want, OPTIONS) && !same_options(want, options))
		new_options = joined_options(want, arena);
	if (wanted->comment.len && !neap_str_equal(wanted->comment, is->comment))
		new_comment = copied(arena, wanted->comment);
	if (new_options == old_options && new_comment == old_comment)
		return;
	if (new_options != old_options)
		have->before = old_options, have->after = new_options;
	if (new_comment != old_comment)
		have->comment_before = old_comment, have->comment_after = new_comment;
	have->differs = true;
	have->number = number;
	neap_rewrite_keep(rewrite, line.start);
	neap_rewrite_put(rewrite, whole_line(arena, new_options, wanted, new_comment));
	neap_rewrite_drop(rewrite, line.end);
}

static int plan_lines(const struct key_want *want, struct key_have *have, struct neap_arena *arena,
		      struct neap_error **err)
{
	const struct key wanted = parse_key(neap_str(want->key));
	struct neap_str file = neap_part_text(&have->file), options;
	struct neap_rewrite rewrite;
	struct neap_line line;
	struct key is;
	size_t number = 1;

	neap_part_begin(&have->file, &rewrite);
	for (size_t at = 0; at < file.len; at = line.next, number++) {
		line = neap_line_at(file, at);
		if (!parse_line(neap_line_bytes(file, line), &wanted, &is, &options))
			continue;
		if (want->ensure == NEAP_PRESENT && !have->there) {
			have->there = true;
			set_line(want, have, arena, &rewrite, line, number, options, &is, &wanted);
			continue;
		}
		have->differs = true;
		neap_line_note(&have->removed, number);
		neap_rewrite_keep(&rewrite, line.start);
		neap_rewrite_drop(&rewrite, line.next);
	}
	if (want->ensure == NEAP_PRESENT && !have->there) {
		have->differs = true;
		neap_rewrite_keep(&rewrite, file.len);
		neap_rewrite_line(&rewrite, whole_line(arena, joined_options(want, arena), &wanted,
						       copied(arena, wanted.comment)));
	}
	return have->differs ? neap_part_end(&have->file, have->path, &rewrite, err) : 0;
}

/* ---- the way to it ----------------------------------------------------------------------------------- */

static int find_paths(const struct neap_view *view, struct neap_arena *arena, const struct key_want *want,
		      struct key_have *have, struct neap_error **err)
{
	struct neap_error *why NEAP_AUTO_ERROR = NULL;
	struct neap_str home;

	int r = neap_view_home(view, want->user, arena, &have->home, err);
	if (r)
		return r;
	if (neap_given(want, PATH)) {
		have->path = want->path;
		return 0;
	}
	if (neap_path_normalise(arena, neap_str(have->home.path), &home, &why) < 0) {
		neap_error_set(err,
			       "the home of %s in /etc/passwd is \"%.200s\", which is no place for a "
			       "file: %s",
			       want->user, have->home.path, why->message);
		return neap_error_hint(err, "give path");
	}
	have->home.path = home.data;
	have->directory = neap_arena_printf(arena, "%s/.ssh", home.len > 1 ? home.data : "");
	have->path = neap_arena_printf(arena, "%s/authorized_keys", have->directory);
	return 0;
}

/* The directory and the file are the user's alone. */
static int read_attributes(const struct neap_view *view, struct neap_arena *arena,
			   const struct key_want *want, const struct neap_stat *stat, uint32_t mode,
			   struct neap_attributes_state *ret, struct neap_error **err)
{
	const struct neap_attributes wanted = { .owner = want->user, .mode = mode };
	return neap_attributes_read(view, arena, &wanted, stat, ret, err);
}

static bool is_left(const struct neap_context *ctx, const struct key_have *have)
{
	return have->directory && ctx->others && ctx->others(ctx, have->directory);
}

static int read_directory(const struct neap_view *view, const struct neap_context *ctx,
			  const struct key_want *want, struct key_have *have, struct neap_error **err)
{
	struct neap_stat *stat = &have->directory_stat, home;
	struct neap_arena *arena = ctx->scratch;
	const char **made;

	int r = neap_view_stat(view, have->directory, stat, err);
	if (r)
		return r;
	have->left = is_left(ctx, have);
	if (have->left && stat->kind == NEAP_FILE_ABSENT) {
		neap_error_set(err, "%s is not there yet, and another resource is to make it",
			       have->directory);
		return neap_error_hint(err, "require that one here");
	}
	if (have->left)
		return 0;
	if (stat->kind == NEAP_FILE_DIRECTORY)
		return read_attributes(view, arena, want, stat, DIRECTORY_MODE, &have->directory_attributes,
				       err);
	if (stat->kind != NEAP_FILE_ABSENT)
		return neap_error_set(err, "%s is %s, not a directory", have->directory,
				      neap_file_kind_name(stat->kind));
	r = neap_view_stat(view, have->home.path, &home, err);
	if (r)
		return r;
	if (home.kind == NEAP_FILE_ABSENT) {
		neap_error_set(err, "%s, the home of %s, does not exist", have->home.path, want->user);
		return neap_error_hint(err, "it has to be made first; or give path");
	}
	made = neap_arena_array_of(arena, const char *, 1);
	made[0] = have->directory;
	have->file.parents = (struct neap_parents){ .paths = made, .count = 1 };
	return 0;
}

/* ---- the type ---------------------------------------------------------------------------------------- */

/* What the body stands for; *ret_len 0 when it is no public key. */
static const char *blob_of(const struct key *key, struct neap_arena *arena, size_t *ret_len)
{
	unsigned char *blob = neap_arena_alloc(arena, key->body.len / 4 * 3 + 3);
	ptrdiff_t len = neap_base64_read(key->body.data, key->body.len, (char *)blob);
	size_t type = key->type.len;
	bool good = len > (ptrdiff_t)type + 4 && type < 256 && blob[0] == 0 && blob[1] == 0 && blob[2] == 0 &&
		    blob[3] == type && memcmp(blob + 4, key->type.data, type) == 0;

	*ret_len = good ? (size_t)len : 0;
	return (const char *)blob;
}

static bool is_public_key(const struct key *key)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	size_t len;

	blob_of(key, arena, &len);
	return len > 0;
}

/* "deploy: SHA256:AHs9/Fjo5jyegtTb me@there": as `ssh-keygen -l` has it. */
static const char *key_name(const void *wanted, struct neap_arena *arena)
{
	const struct key_want *want = wanted;
	const struct key key = parse_key(neap_str(want->key));
	struct neap_text comment = neap_text_plain(key.comment.data, key.comment.len);
	uint8_t digest[NEAP_DIGEST_SIZE];
	size_t len;
	const char *blob = blob_of(&key, arena, &len);

	if (!len)
		return NULL;
	neap_digest(blob, len, digest);
	return neap_arena_printf(
		arena, "%s: SHA256:%.*s%s%s%s%s", want->user, FINGERPRINT_SHOWN,
		neap_text_base64(arena, neap_text_plain((const char *)digest, sizeof digest)).data,
		comment.len ? " " : "", comment.len ? neap_shown(arena, comment, COMMENT_SHOWN).data : "",
		neap_given(want, PATH) ? ": " : "", neap_given(want, PATH) ? want->path : "");
}

static int check_options(const struct key_want *want, struct neap_error **err)
{
	if (want->options.count > OPTIONS_MAX)
		return neap_error_set(err, "options are more than %d", OPTIONS_MAX);
	for (size_t i = 0; i < want->options.count; i++) {
		struct neap_str option = neap_str(want->options.items[i]);
		bool quoted = false;
		for (size_t k = 0; k < option.len; k++) {
			if (option.data[k] == '\\' && option.data[k + 1] == '"')
				k++;
			else if (option.data[k] == '"')
				quoted = !quoted;
		}
		if (!option.len || strpbrk(option.data, "\n\r"))
			return neap_error_set(err, "option %zu is empty, or not one line", i + 1);
		if (quoted)
			return neap_error_set(err, "option %zu has a quote without its other one", i + 1);
		if (unquoted_length(option, ',') != option.len) {
			neap_error_set(err, "option %zu has a comma or a blank outside of quotes", i + 1);
			return neap_error_hint(err, "each option is an item of its own, as in { "
						    "'from=\"10.0.0.0/8,192.0.2.7\"', \"no-pty\" }");
		}
		for (size_t k = 0; k < i; k++)
			if (strcmp(want->options.items[k], option.data) == 0)
				return neap_error_set(err, "option %zu is there twice", i + 1);
	}
	return 0;
}

static int key_check(const void *wanted, struct neap_error **err)
{
	const struct key_want *want = wanted;
	const struct key key = parse_key(neap_str(want->key));

	if (strlen(want->key) > KEY_MAX_LEN)
		return neap_error_set(err, "key is longer than %d bytes", KEY_MAX_LEN);
	if (strchr(want->key, '\r'))
		return neap_error_set(err, "key must not hold a carriage return");
	if (!is_public_key(&key)) {
		neap_error_set(err, "key is not a public key of ssh");
		return neap_error_hint(err,
				       "it is the one line of a file such as id_ed25519.pub, \"ssh-ed25519 "
				       "AAAA… comment\"; what limits it goes into options");
	}
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, OPTIONS, OPTIONS, err);
	return neap_given(want, OPTIONS) ? check_options(want, err) : 0;
}

/* Where it lies if he lives where users do: after who makes the directory there. */
static const char *usual_path(const char *user, struct neap_arena *arena)
{
	return neap_arena_printf(arena, "%s/%s/.ssh/authorized_keys",
				 strcmp(user, "root") == 0 ? "" : "/home", user);
}

/* Where a user lives is known on the machine only; until then the file has a name that no path has. */
static void key_claim(const void *wanted, struct neap_claims *claims)
{
	const struct key_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const struct key key = parse_key(neap_str(want->key));
	const char *path = neap_given(want, PATH)
				   ? want->path
				   : neap_arena_printf(arena, "/~%s/.ssh/authorized_keys", want->user);

	if (!neap_given(want, PATH))
		neap_claim_entries(claims, usual_path(want->user, arena));
	neap_claim_part(claims, path, neap_arena_printf(arena, "key\n%.*s", (int)key.body.len, key.body.data),
			NULL);
	if (want->ensure == NEAP_PRESENT)
		neap_claim_lines(
			claims, path,
			whole_line(arena, joined_options(want, arena), &key, copied(arena, key.comment)));
}

static int key_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		    void *had, struct neap_error **err)
{
	const struct key_want *want = wanted;
	struct key_have *have = had;
	bool present = want->ensure == NEAP_PRESENT;

	int r = find_paths(view, ctx->scratch, want, have, err);
	if (r == 0 && present && have->directory)
		r = read_directory(view, ctx, want, have, err);
	if (r == 0)
		r = neap_part_read(view, ctx, have->path, present && !have->directory, &have->file, err);
	if (r == 0 && present && have->directory && have->file.stat.kind == NEAP_FILE_REGULAR)
		r = read_attributes(view, ctx->scratch, want, &have->file.stat, FILE_MODE, &have->attributes,
				    err);
	return r ? r : plan_lines(want, have, ctx->scratch, err);
}

static void diff_text(struct neap_diff *diff, const char *param, const struct key_have *have,
		      const char *before, const char *after)
{
	struct neap_content old = { .data = before, .size = strlen(before) };
	struct neap_content new = { .data = after, .size = strlen(after) };

	neap_diff_content(diff, param, &old, &new, NULL, (have->file.stat.mode & 0004) == 0);
}

static void diff_line(const struct key_want *want, const struct key_have *have, struct neap_diff *diff)
{
	struct neap_buf list NEAP_AUTO_BUF = { 0 };

	if (want->ensure == NEAP_PRESENT && !have->there) {
		neap_diff_ensure(diff, NEAP_PRESENT);
		if (neap_given(want, OPTIONS))
			neap_diff_list(diff, "options", NULL, 0, want->options.items, want->options.count);
		if (have->file.stat.kind != NEAP_FILE_ABSENT)
			neap_diff_reason(diff, "at the end");
	}
	if (have->after)
		diff_text(diff, "options", have, have->before, have->after);
	if (have->comment_after)
		diff_text(diff, "comment", have, have->comment_before, have->comment_after);
	if (have->number)
		neap_diff_reason(diff, "in line %zu", have->number);
	if (have->removed.count == 0)
		return;
	neap_line_print(&have->removed, &list);
	const char *numbers = neap_arena_copy(neap_diff_arena(diff), list.data, list.len);
	if (want->ensure == NEAP_ABSENT) {
		neap_diff_ensure(diff, NEAP_ABSENT);
	} else {
		neap_diff_string(diff, "duplicates", numbers, NULL);
	}
	neap_diff_reason(diff, "removes line%s %s", have->removed.count == 1 ? "" : "s", numbers);
}

static int key_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		    struct neap_diff *diff, struct neap_error **err)
{
	const struct key_want *want = wanted;
	const struct key_have *have = had;
	const struct neap_attributes_state *directory = &have->directory_attributes;
	(void)ctx, (void)err;

	if (have->differs)
		diff_line(want, have, diff);
	if (directory->differ && directory->owner)
		neap_diff_string(diff, "directory_owner", directory->owner_before, directory->owner);
	if (directory->differ && directory->mode != directory->mode_before)
		neap_diff_mode(diff, "directory_mode", directory->mode_before, directory->mode);
	if (have->attributes.differ)
		neap_attributes_diff(&have->attributes, diff);
	if (have->differs)
		neap_part_diff(&have->file, "mode 0600", false, diff);
	return 0;
}

static int make_directory(struct neap_host *host, const struct key_have *have, struct neap_error **err)
{
	struct neap_stat stat;

	if (!have->directory)
		return neap_host_mkdir_parents(host, have->path, err);
	int r = neap_view_stat(&host->view, have->directory, &stat, err);
	if (r < 0)
		return r;
	if (r == 0 && stat.kind == NEAP_FILE_DIRECTORY)
		return neap_host_attributes(host, have->directory, DIRECTORY_MODE, have->home.uid, NEAP_KEEP,
					    err);
	if (neap_host_mkdir_parents(host, have->directory, err) < 0)
		return -1;
	return neap_host_mkdir(host, have->directory, DIRECTORY_MODE, have->home.uid, have->home.gid, err);
}

/* Where the home of the user is not known, nothing can be said of any file. */
static int apply_blindly(struct neap_host *host, const struct neap_context *ctx, const struct key_want *want,
			 struct neap_error **err)
{
	struct key_have have = { 0 };

	if (want->ensure == NEAP_ABSENT)
		return 0;
	int r = find_paths(&host->view, ctx->scratch, want, &have, err);
	if (r)
		return r < 0 ? r : 0;
	have.left = is_left(ctx, &have);
	if (!have.left && make_directory(host, &have, err) < 0)
		return -1;
	return neap_host_attributes(host, have.path, have.directory ? FILE_MODE : NEAP_KEEP,
				    have.directory ? have.home.uid : NEAP_KEEP, NEAP_KEEP, err);
}

static int key_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		     const void *had, struct neap_error **err)
{
	const struct key_want *want = wanted;
	const struct key_have *have = had;

	if (!have)
		return apply_blindly(host, ctx, want, err);
	bool absent = have->file.stat.kind == NEAP_FILE_ABSENT;
	bool own = absent || (have->directory && want->ensure == NEAP_PRESENT);
	const struct neap_file_write write = {
		.content = have->file.result,
		.mode = own ? FILE_MODE : NEAP_KEEP,
		.uid = own ? have->home.uid : NEAP_KEEP,
		.gid = absent ? have->home.gid : NEAP_KEEP,
	};
	if ((have->file.parents.count > 0 || have->directory_attributes.differ) &&
	    make_directory(host, have, err) < 0)
		return -1;
	if (have->differs)
		return neap_host_write(host, have->path, &write, err);
	return have->attributes.differ
		       ? neap_host_attributes(host, have->path, FILE_MODE, have->home.uid, NEAP_KEEP, err)
		       : 0;
}

static const struct neap_param params[PARAM_COUNT] = {
	[USER] = {
		.name = "user",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "Who may log in with the key: the name of an account in /etc/passwd.",
		.offset = offsetof(struct key_want, user),
	},
	[KEY] = {
		.name = "key",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED | NEAP_PARAM_LINE,
		.doc = "The public key, as the line of a file such as `id_ed25519.pub`: type, key, and if wanted a comment. "
		       "`neap.read(\"id_ed25519.pub\")` is one.",
		.offset = offsetof(struct key_want, key),
	},
	[OPTIONS] = {
		.name = "options",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "What limits the key, each option an item: `\"no-pty\"`, `'from=\"10.0.0.0/8\"'`. All of them: `{}` is "
		       "none. Their order does not count.",
		.fallback = "left alone; a new line has none",
		.offset = offsetof(struct key_want, options),
	},
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY,
		.doc = "The file, where sshd looks for it in another place.",
		.fallback = ".ssh/authorized_keys in the home that /etc/passwd gives the user",
		.offset = offsetof(struct key_want, path),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the key is to be there. With `\"absent\"` all its lines go.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct key_want, ensure),
	},
};

static const char description[] =
	"A public key that lets somebody log in as a user by ssh; the other lines of the file are\n"
	"somebody else's.\n"
	"\n"
	"- The key is known by its type and its body. A comment that is given has to be there too; one\n"
	"  that is not stays as it is.\n"
	"- One line is enough: further ones with the same key go, as sshd would try each of them.\n"
	"- Without `path` the file is `~/.ssh/authorized_keys`: the directory is 0700, the file 0600,\n"
	"  both of the user, also when they were there before. The home itself has to be there. A\n"
	"  directory that is another resource's is left to that.\n"
	"- With `path` a new file is 0600 and the user's; missing directories are made, 0755. A file\n"
	"  that is there keeps its owner and mode.\n"
	"- No link is followed: not at the file, nor at `.ssh`, nor anywhere below a directory of the\n"
	"  user.\n"
	"- A `neap.user` that makes the account comes first by itself. Another resource that works on\n"
	"  the same file by its path needs `path` here, too.\n"
	"- Types that own parts of one path run in the order of their declaration.\n";

static const char example[] = "neap.authorized_key {\n"
			      "  user = \"deploy\",\n"
			      "  key = neap.read(\"keys/deploy.pub\"),\n"
			      "  options = { \"restrict\", 'command=\"/usr/bin/rrsync /srv\"' },\n"
			      "}\n";

extern const struct neap_resource_type neap_type_authorized_key;
const struct neap_resource_type neap_type_authorized_key = {
	.name = "authorized_key",
	.summary = "a public key with which one may log in as a user",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct key_want),
	.have_size = sizeof(struct key_have),
	.name_of = key_name,
	.check = key_check,
	.claim = key_claim,
	.read = key_read,
	.diff = key_diff,
	.apply = key_apply,
};
