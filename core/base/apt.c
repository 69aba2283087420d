/* Reads what dpkg and apt print. See apt.h. */
#include "base/apt.h"

#include "base/map.h"
#include "base/vec.h"

#define NAME_MAX_BYTES 200
#define COMPLAINT_LINES 8
#define COMPLAINT_BYTES 1000

static bool starts_with(struct neap_str text, const char *start)
{
	size_t len = strlen(start);

	return text.len >= len && memcmp(text.data, start, len) == 0;
}

static struct neap_str rest_of(struct neap_str text, size_t skip)
{
	skip = skip < text.len ? skip : text.len;
	return (struct neap_str){ text.data + skip, text.len - skip };
}

/* Takes the text up to `stop` off the front of *rest, and the stop. */
static struct neap_str take(struct neap_str *rest, char stop)
{
	const char *end = rest->len ? memchr(rest->data, stop, rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->data) : rest->len;
	struct neap_str taken = { rest->data, len };

	*rest = rest_of(*rest, len + 1);
	return taken;
}

static bool next_line(struct neap_str *rest, struct neap_str *ret)
{
	if (!rest->len)
		return false;
	*ret = take(rest, '\n');
	return true;
}

static const char *copy(struct neap_arena *arena, struct neap_str text)
{
	return neap_arena_copy(arena, text.data, text.len);
}

/* ---- names ------------------------------------------------------------------------------------------- */

/* Debian's rule for names of packages, and an architecture behind a colon. */
bool neap_dpkg_is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	if (len < 2 || !memchr(letters, name[0], sizeof letters - 1))
		return false;
	if (name[len] == ':') {
		size_t more = strspn(name + len + 1, "abcdefghijklmnopqrstuvwxyz0123456789-");
		if (!more || name[len + 1] == '-')
			return false;
		len += 1 + more;
	}
	return name[len] == '\0' && len <= NAME_MAX_BYTES;
}

bool neap_dpkg_is_version(const char *version)
{
	size_t len = strspn(version, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-:~");

	return version[len] == '\0' && len && len <= NAME_MAX_BYTES && strchr("0123456789", version[0]);
}

/* ---- dpkg-query ---------------------------------------------------------------------------------------- */

static const struct {
	char letter;
	const char *name;
} statuses[] = {
	[NEAP_DPKG_NOT_INSTALLED] = { 'n', "not-installed" },
	[NEAP_DPKG_CONFIG_FILES] = { 'c', "config-files" },
	[NEAP_DPKG_HALF_INSTALLED] = { 'H', "half-installed" },
	[NEAP_DPKG_UNPACKED] = { 'U', "unpacked" },
	[NEAP_DPKG_HALF_CONFIGURED] = { 'F', "half-configured" },
	[NEAP_DPKG_TRIGGERS_AWAITED] = { 'W', "triggers-awaited" },
	[NEAP_DPKG_TRIGGERS_PENDING] = { 't', "triggers-pending" },
	[NEAP_DPKG_INSTALLED] = { 'i', "installed" },
};

const char *neap_dpkg_status_name(enum neap_dpkg_status status)
{
	return statuses[status].name;
}

static int parse_status(struct neap_str text, struct neap_dpkg_package *ret)
{
	if (text.len < 2)
		return -1;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		if (statuses[i].letter != text.data[1])
			continue;
		ret->status = (enum neap_dpkg_status)i;
		ret->held = text.data[0] == 'h';
		/* Whatever the letter says, dpkg wants it unpacked again. */
		if (text.len > 2 && text.data[2] == 'R')
			ret->status = NEAP_DPKG_HALF_INSTALLED;
		return 0;
	}
	return -1;
}

int neap_dpkg_parse(struct neap_arena *arena, struct neap_str text, struct neap_dpkg_package **ret,
		    size_t *ret_count, struct neap_error **err)
{
	NEAP_VEC(struct neap_dpkg_package) found = { 0 };
	struct neap_str line;
	int r = 0;

	while (r == 0 && next_line(&text, &line)) {
		struct neap_dpkg_package package = { 0 };
		struct neap_str rest = line;
		r = parse_status(take(&rest, '\t'), &package);
		package.name = copy(arena, take(&rest, '\t'));
		package.architecture = copy(arena, take(&rest, '\t'));
		package.version = copy(arena, rest);
		if (r < 0 || !*package.name)
			r = neap_error_set(err, "dpkg-query says \"%.*s\", which neap does not understand",
					   (int)(line.len < 200 ? line.len : 200), line.data);
		else
			neap_vec_push(&found, package);
	}
	*ret_count = found.count;
	*ret = neap_arena_array_of(arena, struct neap_dpkg_package, found.count);
	if (found.count)
		memcpy(*ret, found.items, found.count * sizeof **ret);
	neap_vec_done(&found);
	return r;
}

/* ---- apt-cache policy ---------------------------------------------------------------------------------- */

/* " *** 1.0 500" or "     1.0 500": a version. What it comes from is further in. */
static bool is_version(struct neap_str line)
{
	return line.len > 5 && (starts_with(line, " *** ") || starts_with(line, "     ")) &&
	       line.data[5] != ' ';
}

void neap_apt_policy_parse(struct neap_arena *arena, struct neap_str text, struct neap_apt_policy **ret,
			   size_t *ret_count)
{
	NEAP_VEC(struct neap_apt_policy) found = { 0 };
	NEAP_VEC(const char *) versions = { 0 };
	NEAP_VEC(size_t) starts = { 0 }; /* of each package's versions */
	static const char candidate[] = "  Candidate: ";
	struct neap_str line;
	const char **all;

	while (next_line(&text, &line)) {
		if (line.len > 1 && line.data[0] != ' ' && line.data[line.len - 1] == ':') {
			line.len--;
			neap_vec_push(&found, (struct neap_apt_policy){ .name = copy(arena, line) });
			neap_vec_push(&starts, versions.count);
		} else if (!found.count) {
			continue;
		} else if (starts_with(line, candidate)) {
			line = rest_of(line, sizeof candidate - 1);
			if (!neap_str_equal(line, NEAP_STR("(none)")))
				found.items[found.count - 1].candidate = copy(arena, line);
		} else if (is_version(line)) {
			line = rest_of(line, 5);
			neap_vec_push(&versions, copy(arena, take(&line, ' ')));
			found.items[found.count - 1].version_count++;
		}
	}
	all = neap_arena_array_of(arena, const char *, versions.count);
	if (versions.count)
		memcpy(all, versions.items, versions.count * sizeof *all);
	*ret_count = found.count;
	*ret = neap_arena_array_of(arena, struct neap_apt_policy, found.count);
	for (size_t i = 0; i < found.count; i++) {
		(*ret)[i] = found.items[i];
		(*ret)[i].versions = all + starts.items[i];
	}
	neap_vec_done(&found);
	neap_vec_done(&versions);
	neap_vec_done(&starts);
}

/* ---- apt-get --simulate -------------------------------------------------------------------------------- */

/* "Inst NAME [BEFORE] (AFTER ORIGIN [ARCH])", "Remv NAME [BEFORE]", "Purg NAME [BEFORE]", "Conf NAME (AFTER
 * …)" */
static bool parse_step(struct neap_arena *arena, struct neap_str line, struct neap_apt_step *ret)
{
	static const char *const verbs[] = { "Inst ", "Remv ", "Purg ", "Conf " };
	static const enum neap_apt_kind kinds[] = { NEAP_APT_INSTALL, NEAP_APT_REMOVE, NEAP_APT_REMOVE,
						    NEAP_APT_CONFIGURE };
	struct neap_str rest = rest_of(line, 5);
	size_t verb = 0;

	while (verb < sizeof kinds / sizeof *kinds && !starts_with(line, verbs[verb]))
		verb++;
	if (verb == sizeof kinds / sizeof *kinds)
		return false;
	*ret = (struct neap_apt_step){ .kind = kinds[verb], .name = copy(arena, take(&rest, ' ')) };
	if (starts_with(rest, "[")) {
		rest = rest_of(rest, 1);
		ret->before = copy(arena, take(&rest, ']'));
		rest = rest_of(rest, 1);
	}
	if (starts_with(rest, "(")) {
		rest = rest_of(rest, 1);
		ret->after = copy(arena, take(&rest, ' '));
	}
	if (ret->kind == NEAP_APT_INSTALL && ret->before)
		ret->kind = NEAP_APT_CHANGE;
	return *ret->name != '\0';
}

/* Names listed under a heading; they are indented. A mark behind a name ("*": purged) is not part of it. */
static void take_names(struct neap_arena *arena, struct neap_str *text, struct neap_map *ret)
{
	while (starts_with(*text, "  ")) {
		struct neap_str line = take(text, '\n');
		while (line.len) {
			struct neap_str name = take(&line, ' ');
			if (name.len && name.data[name.len - 1] == '*')
				name.len--;
			if (name.len)
				neap_map_put(ret, (struct neap_str){ copy(arena, name), name.len }, ret);
		}
	}
}

void neap_apt_simulation_parse(struct neap_arena *arena, struct neap_str text,
			       struct neap_apt_simulation *ret)
{
	NEAP_VEC(struct neap_apt_step) steps = { 0 };
	struct neap_map seen = { 0 }, downgraded = { 0 }, held = { 0 };
	struct neap_apt_step step, *all;
	struct neap_str line;

	while (next_line(&text, &line)) {
		if (neap_str_equal(line, NEAP_STR("The following packages will be DOWNGRADED:")))
			take_names(arena, &text, &downgraded);
		else if (neap_str_equal(line, NEAP_STR("The following held packages will be changed:")))
			take_names(arena, &text, &held);
		/* A package is configured after it was unpacked: that is one step. */
		else if (parse_step(arena, line, &step) && !neap_map_put(&seen, neap_str(step.name), arena))
			neap_vec_push(&steps, step);
	}
	all = neap_arena_array_of(arena, struct neap_apt_step, steps.count);
	for (size_t i = 0; i < steps.count; i++) {
		all[i] = steps.items[i];
		all[i].downgrade = neap_map_get(&downgraded, neap_str(all[i].name)) != NULL;
		all[i].held = neap_map_get(&held, neap_str(all[i].name)) != NULL;
	}
	*ret = (struct neap_apt_simulation){ all, steps.count };
	neap_vec_done(&steps);
	neap_map_done(&seen);
	neap_map_done(&downgraded);
	neap_map_done(&held);
}

/* ---- for people ---------------------------------------------------------------------------------------- */

static struct neap_str trimmed(struct neap_str line)
{
	while (line.len && (line.data[0] == ' ' || line.data[0] == '\t'))
		line = rest_of(line, 1);
	while (line.len && strchr(" \t\r", line.data[line.len - 1]))
		line.len--;
	return line;
}

struct words {
	struct neap_str lines[COMPLAINT_LINES]; /* a ring: the last ones stay */
	size_t count;
};

static void say(struct words *words, struct neap_str line)
{
	if (line.len)
		words->lines[words->count++ % COMPLAINT_LINES] = line;
}

/* What matters on standard output: who could not be satisfied, and who holds a lock. */
static void collect_out(struct words *words, struct neap_str out)
{
	struct neap_str line, lock = { 0 };

	while (next_line(&out, &line)) {
		if (starts_with(line, "Waiting for cache lock: "))
			lock = rest_of(line, strlen("Waiting for cache lock: "));
		if (!neap_str_equal(line, NEAP_STR("The following packages have unmet dependencies:")))
			continue;
		while (starts_with(out, " "))
			say(words, trimmed(take(&out, '\n')));
	}
	say(words, trimmed(lock));
}

static void collect_errors(struct words *words, struct neap_str errors)
{
	static const char *const noise[] = { "W: ", "N: ", "Note: ", "and the entire system. See ",
					     "dpkg: warning: " };
	struct neap_str line;

	while (next_line(&errors, &line)) {
		bool skip = false;
		for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
			skip |= starts_with(line, noise[i]);
		if (starts_with(line, "E: "))
			line = rest_of(line, 3);
		if (!skip)
			say(words, trimmed(line));
	}
}

const char *neap_apt_complaint(struct neap_arena *arena, const char *out, const char *errors)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };
	struct words words = { 0 };
	size_t first;

	collect_out(&words, neap_str(out));
	collect_errors(&words, neap_str(errors));
	first = words.count > COMPLAINT_LINES ? words.count - COMPLAINT_LINES : 0;
	for (size_t i = first; i < words.count && text.len < COMPLAINT_BYTES; i++) {
		struct neap_str line = words.lines[i % COMPLAINT_LINES];
		const char *between = "";
		if (text.len)
			between = text.data[text.len - 1] == ':' ? " " : "; ";
		neap_buf_puts(&text, between);
		neap_buf_append(&text, line.data, line.len);
	}
	if (text.len > COMPLAINT_BYTES) {
		text.len = neap_str_utf8_prefix((struct neap_str){ text.data, COMPLAINT_BYTES });
		text.data[text.len] = '\0';
		neap_buf_puts(&text, "…");
	}
	return text.len ? neap_arena_copy(arena, text.data, text.len) : "it said nothing";
}
