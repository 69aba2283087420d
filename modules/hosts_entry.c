/*
 * neap.hosts_entry: a name and its address in /etc/hosts.
 *
 * The lines that may hold the name are walked twice, in read(): which line is the name's, and what has to
 * change. Knows the machine only through the view and the host; must not know Lua, other types, nor whether
 * this is a plan.
 */
#include "base/ip.h"
#include "engine/part.h"

enum { NAME, IP, ALIASES, ENSURE, PATH, PARAM_COUNT };

#define HOST_MAX_LEN 253
#define LABEL_MAX_LEN 63
#define ALIASES_MAX 100
#define ELSEWHERE_MAX 101 /* addresses named in a plan, and one more to say so */

struct hosts_want {
	struct neap_want base;
	const char *name, *ip;
	struct neap_strings aliases;
	unsigned ensure;
	const char *path;
};

struct hosts_have {
	struct neap_part_file file;
	bool differs, there; /* the name is there, with some address */
	size_t number;       /* of the line that becomes the name's; 0: a new one at the end */
	struct neap_line_numbers cut, removed; /* lines that lose a name, and those that lose the last one */
	const char *ip_before;                 /* that the name has instead; NULL: none */
	const char **aliases_before;           /* of the line */
	size_t aliases_before_count;
	const char *elsewhere[ELSEWHERE_MAX]; /* addresses that lose a name */
	size_t elsewhere_count;
};

static const char *path_of(const struct hosts_want *want)
{
	return neap_given(want, PATH) ? want->path : "/etc/hosts";
}

/* ---- the lines --------------------------------------------------------------------------------------- */

struct host {
	struct neap_line line;
	bool valid; /* an address and at least one name */
	struct neap_str ip_text, names;
	struct neap_ip ip;
};

static struct host host_at(struct neap_str file, size_t start)
{
	struct host host = { .line = neap_line_at(file, start) };
	struct neap_str rest = neap_line_bytes(file, host.line);
	const char *comment = rest.len ? memchr(rest.data, '#', rest.len) : NULL;

	if (comment)
		rest.len = (size_t)(comment - rest.data);
	host.ip_text = neap_str_word(&rest);
	host.names = neap_str_trim(rest);
	host.valid = host.names.len && neap_ip_parse(host.ip_text, &host.ip);
	return host;
}

/* The lines in which one's own names stand, if only as a part of others: a file of thousands is not taken
 * apart for each of its names. */
struct search {
	struct neap_str file;
	const char *lower; /* the file, in lower case */
	struct neap_str names[1 + ALIASES_MAX];
	size_t found[1 + ALIASES_MAX]; /* behind the byte where each begins next; 0: not looked for yet */
	size_t count;
};

static char *lower_case(struct neap_arena *arena, const char *text, size_t len)
{
	char *lower = neap_arena_copy(arena, text, len);

	for (size_t i = 0; i < len; i++)
		lower[i] = (char)(lower[i] + (lower[i] >= 'A' && lower[i] <= 'Z' ? 'a' - 'A' : 0));
	return lower;
}

static void search_begin(const struct hosts_want *want, const struct hosts_have *have, struct search *ret)
{
	struct neap_arena *arena = have->file.arena;

	*ret = (struct search){ .file = neap_part_text(&have->file) };
	ret->lower = lower_case(arena, ret->file.data, ret->file.len);
	ret->names[ret->count++] = neap_str(lower_case(arena, want->name, strlen(want->name)));
	for (size_t i = 0; neap_given(want, ALIASES) && i < want->aliases.count; i++)
		ret->names[ret->count++] =
			neap_str(lower_case(arena, want->aliases.items[i], strlen(want->aliases.items[i])));
}

/* The next such line at or after `at`; from the file's start when that is 0. */
static bool search_next(struct search *search, size_t at, struct host *ret)
{
	struct neap_str file = search->file;
	size_t first = file.len;
	const char *before;

	for (size_t i = 0; i < search->count; i++) {
		const char *there = search->lower + at;

		if (at == 0 || search->found[i] <= at) {
			there = memmem(there, file.len - at, search->names[i].data, search->names[i].len);
			search->found[i] = (there ? (size_t)(there - search->lower) : file.len) + 1;
		}
		if (search->found[i] - 1 < first)
			first = search->found[i] - 1;
	}
	if (first == file.len)
		return false;
	before = memrchr(file.data, '\n', first);
	*ret = host_at(file, before ? (size_t)(before - file.data) + 1 : 0);
	return true;
}

static bool same_name(struct neap_str a, const char *b)
{
	return a.len == strlen(b) && strncasecmp(a.data, b, a.len) == 0;
}

/* Name, or one of the aliases that are given. */
static bool is_own(const struct hosts_want *want, struct neap_str name)
{
	if (same_name(name, want->name))
		return true;
	for (size_t i = 0; neap_given(want, ALIASES) && i < want->aliases.count; i++)
		if (same_name(name, want->aliases.items[i]))
			return true;
	return false;
}

enum holds {
	NOTHING,
	SOME,
	FIRST,
	ALL
}; /* what of a line's names is one's own; ALL and the name among them */

static enum holds holds(const struct hosts_want *want, const struct host *host, bool *ret_name)
{
	struct neap_str rest = host->names, word;
	enum holds result = NOTHING;
	bool all = true, first = true;

	*ret_name = false;
	for (; (word = neap_str_word(&rest)).len; first = false) {
		bool name = same_name(word, want->name);
		*ret_name |= name;
		all &= is_own(want, word);
		if (first && name)
			result = FIRST;
		else if (result == NOTHING && is_own(want, word))
			result = SOME;
	}
	return all && *ret_name ? ALL : result;
}

/* Whether the line's names are the name, first, and the aliases in any order. */
static bool has_aliases(const struct hosts_want *want, const struct host *host)
{
	struct neap_str rest = host->names, word = neap_str_word(&rest);
	size_t count = 0;

	if (!neap_given(want, ALIASES))
		return true;
	if (!same_name(word, want->name))
		return false;
	for (; (word = neap_str_word(&rest)).len; count++)
		if (!is_own(want, word) || same_name(word, want->name))
			return false;
	if (count != want->aliases.count)
		return false;
	for (size_t i = 0; i < want->aliases.count; i++) {
		bool found = false;
		for (rest = host->names; !found && (word = neap_str_word(&rest)).len;)
			found = same_name(word, want->aliases.items[i]);
		if (!found)
			return false;
	}
	return true;
}

/* ---- the change -------------------------------------------------------------------------------------- */

static struct neap_str names_of(const struct hosts_want *want, struct neap_arena *arena)
{
	struct neap_buf names NEAP_AUTO_BUF = { 0 };

	neap_buf_puts(&names, want->name);
	for (size_t i = 0; neap_given(want, ALIASES) && i < want->aliases.count; i++)
		neap_buf_printf(&names, " %s", want->aliases.items[i]);
	return (struct neap_str){ neap_arena_copy(arena, names.data, names.len), names.len };
}

static const char *copied(struct neap_arena *arena, struct neap_str text)
{
	return neap_arena_copy(arena, text.data, text.len);
}

static size_t offset_in(struct neap_str file, const char *at)
{
	return (size_t)(at - file.data);
}

/* The names that are one's own go; with the last one the line goes. */
static void take_names(const struct hosts_want *want, struct hosts_have *have, struct neap_arena *arena,
		       struct neap_rewrite *rewrite, const struct host *host)
{
	struct neap_str file = rewrite->text, rest = host->names, word;
	size_t number = neap_line_number(file, host->line.start);
	bool name, left = false;

	if (holds(want, host, &name) == NOTHING)
		return;
	have->differs = true;
	/* What `ip` says need not be said again. */
	if (have->elsewhere_count < ELSEWHERE_MAX &&
	    !(have->ip_before && neap_str_equal(host->ip_text, neap_str(have->ip_before))))
		have->elsewhere[have->elsewhere_count++] = copied(arena, host->ip_text);
	while (!left && (word = neap_str_word(&rest)).len)
		left = !is_own(want, word);
	if (!left) {
		neap_line_note(&have->removed, number);
		neap_rewrite_keep(rewrite, host->line.start);
		neap_rewrite_drop(rewrite, host->line.next);
		return;
	}
	neap_line_note(&have->cut, number);
	rest = host->names;
	for (const char *end = host->ip_text.data + host->ip_text.len; (word = neap_str_word(&rest)).len;
	     end = word.data + word.len) {
		if (!is_own(want, word))
			continue;
		neap_rewrite_keep(rewrite, offset_in(file, end));
		neap_rewrite_drop(rewrite, offset_in(file, word.data + word.len));
	}
}

/* The line becomes the name's; its comment and its blanks stay. */
static void set_line(const struct hosts_want *want, struct hosts_have *have, struct neap_arena *arena,
		     struct neap_rewrite *rewrite, const struct host *host, bool same_ip)
{
	struct neap_str file = rewrite->text, rest = host->names, word = neap_str_word(&rest);
	size_t count = 0;

	have->differs = true;
	have->number = neap_line_number(file, host->line.start);
	have->aliases_before = neap_arena_array_of(arena, const char *, host->names.len);
	if (!same_name(word, want->name))
		rest = host->names;
	while ((word = neap_str_word(&rest)).len)
		have->aliases_before[count++] = copied(arena, word);
	have->aliases_before_count = count;
	if (!same_ip) {
		neap_rewrite_keep(rewrite, offset_in(file, host->ip_text.data));
		neap_rewrite_put(rewrite, neap_str(want->ip));
		neap_rewrite_drop(rewrite, offset_in(file, host->ip_text.data + host->ip_text.len));
	}
	neap_rewrite_keep(rewrite, offset_in(file, host->names.data));
	neap_rewrite_put(rewrite, names_of(want, rewrite->arena));
	neap_rewrite_drop(rewrite, offset_in(file, host->names.data + host->names.len));
}

/* The line that is the name's already, or can become it: where it starts, or the file's end. */
static size_t find_line(const struct hosts_want *want, struct hosts_have *have, struct search *search,
			const struct neap_ip *ip, struct neap_arena *arena)
{
	struct neap_str file = search->file;
	size_t own = file.len, other = file.len;
	struct host host;

	for (size_t at = 0; search_next(search, at, &host); at = host.line.next) {
		bool name;
		if (!host.valid || host.ip.six != ip->six)
			continue;
		enum holds part = holds(want, &host, &name);
		if (!name)
			continue;
		have->there = true;
		if (!neap_ip_equal(&host.ip, ip)) {
			bool becomes = part == ALL && other == file.len;
			if (!have->ip_before || becomes)
				have->ip_before = copied(arena, host.ip_text);
			if (becomes)
				other = host.line.start;
		} else if (own == file.len && (!neap_given(want, ALIASES) || part == ALL || part == FIRST)) {
			own = host.line.start;
		}
	}
	if (own != file.len)
		have->ip_before = NULL;
	return own != file.len ? own : other;
}

static int plan_present(const struct hosts_want *want, struct hosts_have *have, struct neap_arena *arena,
			struct neap_error **err)
{
	struct neap_str file = neap_part_text(&have->file);
	bool given = neap_given(want, ALIASES);
	struct neap_rewrite rewrite;
	struct neap_ip ip = { 0 };
	struct search search;
	struct host host;
	size_t line;

	neap_ip_parse(neap_str(want->ip), &ip);
	search_begin(want, have, &search);
	line = find_line(want, have, &search, &ip, arena);
	neap_part_begin(&have->file, &rewrite);
	for (size_t at = 0; search_next(&search, at, &host); at = host.line.next) {
		if (!host.valid || host.ip.six != ip.six)
			continue;
		bool same_ip = neap_ip_equal(&host.ip, &ip);
		if (host.line.start == line) {
			if (!same_ip || !has_aliases(want, &host))
				set_line(want, have, arena, &rewrite, &host, same_ip);
		} else if (given || !same_ip) {
			take_names(want, have, arena, &rewrite, &host);
		}
	}
	if (line == file.len) {
		have->differs = true;
		neap_rewrite_keep(&rewrite, file.len);
		neap_rewrite_line(&rewrite, neap_str(neap_arena_printf(arena, "%s\t%s", want->ip,
								       names_of(want, arena).data)));
	}
	return have->differs ? neap_part_end(&have->file, path_of(want), &rewrite, err) : 0;
}

static int plan_absent(const struct hosts_want *want, struct hosts_have *have, struct neap_arena *arena,
		       struct neap_error **err)
{
	struct neap_rewrite rewrite;
	struct neap_ip ip = { 0 };
	struct search search;
	struct host host;

	if (neap_given(want, IP))
		neap_ip_parse(neap_str(want->ip), &ip);
	search_begin(want, have, &search);
	neap_part_begin(&have->file, &rewrite);
	for (size_t at = 0; search_next(&search, at, &host); at = host.line.next) {
		if (host.valid && (!neap_given(want, IP) || neap_ip_equal(&host.ip, &ip)))
			take_names(want, have, arena, &rewrite, &host);
	}
	return have->differs ? neap_part_end(&have->file, path_of(want), &rewrite, err) : 0;
}

/* ---- the type ---------------------------------------------------------------------------------------- */

static int check_host(const char *param, const char *name, struct neap_error **err)
{
	struct neap_ip ip;
	size_t label = 0, len = strlen(name);

	if (neap_ip_parse(neap_str(name), &ip))
		return neap_error_set(err, "%s \"%s\" is an address, not a name", param, name);
	for (size_t i = 0; i <= len; i++) {
		char c = name[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			     c == '_';
		if (c == '.' || c == '\0') {
			if (label == 0 || label > LABEL_MAX_LEN || name[i - 1] == '-')
				break;
			if (c == '\0' && len <= HOST_MAX_LEN)
				return 0;
			label = 0;
		} else if (plain || (c == '-' && label)) {
			label++;
		} else {
			break;
		}
	}
	neap_error_set(err, "%s \"%.*s\" is not the name of a host", param, HOST_MAX_LEN, name);
	return neap_error_hint(
		err, "letters, digits, \"-\" and \"_\", in parts separated by dots, each of at most "
		     "63 bytes");
}

static int check_aliases(const struct hosts_want *want, struct neap_error **err)
{
	const struct neap_strings *aliases = &want->aliases;

	if (aliases->count > ALIASES_MAX)
		return neap_error_set(err, "aliases are more than %d", ALIASES_MAX);
	for (size_t i = 0; i < aliases->count; i++) {
		const char *alias = aliases->items[i];
		bool twice = strcasecmp(alias, want->name) == 0;
		if (check_host("alias", alias, err) < 0)
			return -1;
		for (size_t k = 0; k < i && !twice; k++)
			twice = strcasecmp(alias, aliases->items[k]) == 0;
		if (twice)
			return neap_error_set(err, "alias \"%s\" is there twice, or is the name", alias);
	}
	return 0;
}

static int hosts_check(const void *wanted, struct neap_error **err)
{
	const struct hosts_want *want = wanted;
	struct neap_ip ip;

	if (check_host("name", want->name, err) < 0)
		return -1;
	if (neap_given(want, IP) && !neap_ip_parse(neap_str(want->ip), &ip)) {
		neap_error_set(err, "ip \"%.60s\" is not an address", want->ip);
		return neap_error_hint(err, "give IPv4 as in \"192.0.2.7\" (no leading zeros), or IPv6");
	}
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, ALIASES, ALIASES, err);
	if (!neap_given(want, IP))
		return neap_error_set(err, "ip is required, unless ensure = \"absent\"");
	return neap_given(want, ALIASES) ? check_aliases(want, err) : 0;
}

static void claim_name(struct neap_claims *claims, const char *path, bool six, const char *name)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	char *lower = neap_arena_strdup(arena, name);

	for (char *c = lower; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	neap_claim_part(claims, path, neap_arena_printf(arena, "hosts\n%c\n%s", six ? '6' : '4', lower),
			NULL);
}

static void hosts_claim(const void *wanted, struct neap_claims *claims)
{
	const struct hosts_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_ip ip = { 0 };

	if (neap_given(want, IP))
		neap_ip_parse(neap_str(want->ip), &ip);
	for (int six = 0; six < 2; six++) {
		if (neap_given(want, IP) && ip.six != (six == 1))
			continue;
		claim_name(claims, path_of(want), six == 1, want->name);
		for (size_t i = 0; neap_given(want, ALIASES) && i < want->aliases.count; i++)
			claim_name(claims, path_of(want), six == 1, want->aliases.items[i]);
	}
	if (want->ensure == NEAP_PRESENT)
		neap_claim_lines(
			claims, path_of(want),
			neap_str(neap_arena_printf(arena, "%s\t%s", want->ip, names_of(want, arena).data)));
}

static int hosts_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		      void *had, struct neap_error **err)
{
	const struct hosts_want *want = wanted;
	struct hosts_have *have = had;
	bool present = want->ensure == NEAP_PRESENT;

	int r = neap_part_read(view, ctx, path_of(want), present, &have->file, err);
	if (r)
		return r;
	return present ? plan_present(want, have, ctx->scratch, err)
		       : plan_absent(want, have, ctx->scratch, err);
}

static void diff_lines(const struct neap_line_numbers *numbers, const char *what, struct neap_diff *diff)
{
	struct neap_buf list NEAP_AUTO_BUF = { 0 };

	if (numbers->count == 0)
		return;
	neap_line_print(numbers, &list);
	neap_diff_reason(diff, "%s line%s %s", what, numbers->count == 1 ? "" : "s", list.data);
}

static void diff_present(const struct hosts_want *want, const struct hosts_have *have, struct neap_diff *diff)
{
	bool fresh = !have->there;

	if (fresh)
		neap_diff_ensure(diff, NEAP_PRESENT);
	if (fresh || have->ip_before)
		neap_diff_string(diff, "ip", have->ip_before, want->ip);
	if (neap_given(want, ALIASES) && (fresh || have->number > 0))
		neap_diff_list(diff, "aliases", have->aliases_before, have->aliases_before_count,
			       want->aliases.items, want->aliases.count);
	if (have->elsewhere_count)
		neap_diff_list(diff, "elsewhere", have->elsewhere, have->elsewhere_count, NULL, 0);
	if (have->number)
		neap_diff_reason(diff, "in line %zu", have->number);
	else if (!have->elsewhere_count && have->file.stat.kind != NEAP_FILE_ABSENT)
		neap_diff_reason(diff, "at the end");
}

static int hosts_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		      struct neap_diff *diff, struct neap_error **err)
{
	const struct hosts_want *want = wanted;
	const struct hosts_have *have = had;
	(void)ctx, (void)err;

	if (!have->differs)
		return 0;
	if (want->ensure == NEAP_ABSENT) {
		neap_diff_ensure(diff, NEAP_ABSENT);
	} else {
		diff_present(want, have, diff);
	}
	diff_lines(&have->removed, "removes", diff);
	diff_lines(&have->cut, "takes names off", diff);
	neap_part_diff(&have->file, NULL, false, diff);
	return 0;
}

static int hosts_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		       const void *had, struct neap_error **err)
{
	const struct hosts_want *want = wanted;
	const struct hosts_have *have = had;
	(void)ctx;

	return neap_part_apply(host, path_of(want), have ? &have->file : NULL, want->ensure, false, true,
			       err);
}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The name of the host. Upper and lower case do not differ.",
		.offset = offsetof(struct hosts_want, name),
	},
	[IP] = {
		.name = "ip",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY,
		.doc = "Its address, IPv4 or IPv6, however it is written. A name may have one of each, as two resources. "
		       "Required, unless the name is to be absent.",
		.offset = offsetof(struct hosts_want, ip),
	},
	[ALIASES] = {
		.name = "aliases",
		.kind = NEAP_PARAM_STRINGS,
		.doc = "The other names in the line, all of them: the name comes first, and these follow. At most 100.",
		.fallback = "left alone; a new line has none",
		.offset = offsetof(struct hosts_want, aliases),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the name is to be there. With `\"absent\"` it goes from all lines, or from those of `ip`; a "
		       "line without a name left goes too.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct hosts_want, ensure),
	},
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY,
		.doc = "The file, as an absolute path. At most 1 MB; not a link.",
		.fallback = "/etc/hosts",
		.offset = offsetof(struct hosts_want, path),
	},
};

static const char description[] =
	"A name and its address in `/etc/hosts`, whose other lines are somebody else's.\n"
	"\n"
	"- The name has this address and no other of its kind: it goes from lines with another IPv4\n"
	"  address (IPv6 for an IPv6 one), and a line that had nothing but these names becomes the\n"
	"  new one, where it is. Else a new line goes to the end.\n"
	"- Without `aliases` it is enough that some line of the address has the name, in whatever\n"
	"  place, and the other names in it stay. With `aliases` the line is `ip name aliases…` and\n"
	"  nothing else, and no other line of its kind has any of these names.\n"
	"- Comments, also those behind names, and lines that are no entries are left alone.\n"
	"- An absent file is made, 0644; owner, group and mode of an existing one are kept.\n"
	"- Types that own parts of one path run in the order of their declaration.\n";

static const char example[] =
	"neap.hosts_entry { ip = \"192.0.2.7\", name = \"db.example.org\", aliases = { \"db\" } }\n"
	"neap.hosts_entry { name = \"old.example.org\", ensure = \"absent\" }\n";

extern const struct neap_resource_type neap_type_hosts_entry;
const struct neap_resource_type neap_type_hosts_entry = {
	.name = "hosts_entry",
	.summary = "a name and its address in /etc/hosts",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct hosts_want),
	.have_size = sizeof(struct hosts_have),
	.check = hosts_check,
	.claim = hosts_claim,
	.read = hosts_read,
	.diff = hosts_diff,
	.apply = hosts_apply,
};
