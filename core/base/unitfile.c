/*
 * See unitfile.h. This follows config_parse() and install.c of systemd 252, as far as they can be told from
 * outside; tests/property/unit_enable_test.c holds it against systemctl. It must not know a machine.
 */
#include "base/unitfile.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\n\r"
#define NAME_BYTES_MAX 256 /* of what specifiers make */

/* ---- lines --------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct neap_str strip(struct neap_str text)
{
	while (text.len && is_blank(text.data[0]))
		text.data++, text.len--;
	while (text.len && is_blank(text.data[text.len - 1]))
		text.len--;
	return text;
}

/* LF, CR and NUL end a line, or two of them together, which may be followed by a NUL. False at the end. */
static bool next_line(struct neap_str *rest, struct neap_str *ret)
{
	unsigned seen = 0, end;
	size_t at = 0, len;

	if (!rest->len)
		return false;
	while (at < rest->len && rest->data[at] != '\n' && rest->data[at] != '\r' && rest->data[at])
		at++;
	len = at;
	for (; at < rest->len && !(seen & 4); at++) {
		char c = rest->data[at];

		end = c == '\n' ? 1 : c == '\r' ? 2 : c == '\0' ? 4 : 0;
		if (!end || (seen & end))
			break;
		seen |= end;
	}
	*ret = (struct neap_str){ rest->data, len };
	*rest = (struct neap_str){ rest->data + at, rest->len - at };
	return true;
}

/* Whether the backslash at its end is one that continues it. */
static bool continues(struct neap_str text)
{
	bool escaped = false;

	for (size_t i = 0; i < text.len; i++)
		escaped = !escaped && text.data[i] == '\\';
	return escaped;
}

/* ---- words --------------------------------------------------------------------------------------------- */

static void add_word(struct neap_unitfile *file, struct neap_unit_words *words, const char *word)
{
	if (words->count == words->size) {
		size_t size = words->size ? 2 * words->size : 8;
		const char **items = neap_arena_array_of(file->arena, const char *, size);

		if (words->count)
			memcpy(items, words->items, words->count * sizeof *items);
		words->items = items;
		words->size = size;
	}
	words->items[words->count++] = word;
}

/*
 * The next word of *rest: 1; 0: there is none; -1: it has no end. `quotes`: they are taken off, blanks in
 * them are part of the word, and a backslash is a byte; else they are bytes, and a backslash takes the next
 * one as it is.
 */
static int next_word(struct neap_unitfile *file, struct neap_str *rest, bool quotes, const char **ret)
{
	struct neap_str text = strip(*rest);
	char quote = '\0', *word, *to;
	bool escaped = false;
	size_t end = 0;

	if (!text.len)
		return 0;
	for (; end < text.len && (quote || escaped || !is_blank(text.data[end])); end++) {
		char c = text.data[end];

		escaped = !quotes && !escaped && c == '\\';
		if (quotes && (quote ? c == quote : c == '"' || c == '\''))
			quote = quote ? '\0' : c;
	}
	if (quote || escaped)
		return -1;
	word = to = neap_arena_bytes(file->arena, end + 1);
	for (size_t i = 0; i < end; i++) {
		char c = text.data[i];

		if (quotes && (quote ? c == quote : c == '"' || c == '\''))
			quote = quote ? '\0' : c;
		else if (!quotes && c == '\\')
			*to++ = text.data[++i];
		else
			*to++ = c;
	}
	*to = '\0';
	*ret = word;
	*rest = (struct neap_str){ text.data + end, text.len - end };
	return 1;
}

/* ---- specifiers ---------------------------------------------------------------------------------------- */

static const char *suffix_of(const char *name)
{
	return strrchr(name, '.');
}

static bool is_template(const char *name)
{
	return neap_unit_name(name) == NEAP_UNIT_NAME_TEMPLATE;
}

const char *neap_unit_instance(const char *template, const char *instance, struct neap_arena *arena)
{
	const char *name = neap_arena_printf(arena, "%.*s@%s%s", (int)strcspn(template, "@"), template,
					     instance, suffix_of(template));

	return neap_unit_name(name) == NEAP_UNIT_NAME_INSTANCE ? name : NULL;
}

/* What stands for a specifier; NULL: neap does not know. */
static const char *specifier(const struct neap_unitfile *file, char c)
{
	const char *name = file->name, *at = strchr(name, '@'), *dot = suffix_of(name);
	const char *filled = is_template(name) ? file->default_instance : NULL;
	const char *prefix = neap_arena_copy(file->arena, name, (size_t)((at ? at : dot) - name));
	const char *dash = strrchr(prefix, '-');

	switch (c) {
	case '%':
		return "%";
	case 'p':
		return prefix;
	case 'j':
		return dash ? dash + 1 : prefix;
	case 'i':
		return filled ? filled
		       : at   ? neap_arena_copy(file->arena, at + 1, (size_t)(dot - at) - 1)
			      : "";
	case 'n':
	case 'N':
		return neap_arena_printf(file->arena, "%.*s%s%s", (int)(dot - name), name,
					 filled ? filled : "", c == 'n' ? dot : "");
	default:
		return NULL;
	}
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int expand(const struct neap_unitfile *file, const char *key, const char *word, const char **ret,
		  struct neap_error **err)
{
	char name[NAME_BYTES_MAX];
	size_t len = 0;

	for (const char *at = word; *at; at++) {
		const char *put = at;
		size_t size = 1;

		if (*at == '%' && at[1]) {
			put = specifier(file, *++at);
			size = put ? strlen(put) : 2;
			if (!put && is_letter(*at)) {
				neap_error_set(err, "%s=%.100s: what %%%c stands for is not known to neap",
					       key, word, *at);
				return neap_error_hint(err, "it knows %%i, %%j, %%n, %%N and %%p");
			}
			put = put ? put : at - 1;
		}
		if (len + size > sizeof name)
			return neap_error_set(err, "%s=%.100s… is longer than any name", key, word);
		memcpy(name + len, put, size);
		len += size;
	}
	*ret = neap_arena_copy(file->arena, name, len);
	return 0;
}

/* ---- settings ------------------------------------------------------------------------------------------ */

/* Words that are added to the list; nothing empties it. */
static void set_words(struct neap_unitfile *file, struct neap_unit_words *words, struct neap_str value)
{
	const char *word;

	if (!value.len)
		words->count = 0;
	/* What comes behind a quote without an end is passed over. */
	while (next_word(file, &value, true, &word) > 0)
		add_word(file, words, word);
}

static int set_also(struct neap_unitfile *file, struct neap_str value, struct neap_error **err)
{
	const char *word, *name;
	int r;

	while ((r = next_word(file, &value, false, &word)) > 0) {
		if (expand(file, "Also", word, &name, err) < 0)
			return -1;
		if (neap_unit_name(name) == NEAP_UNIT_NAME_WRONG)
			return neap_error_set(err, "Also=%.100s is no name of a unit", name);
		add_word(file, &file->also, name);
	}
	return r < 0 ? neap_error_set(err, "Also= ends in a backslash") : 0;
}

static int set_default_instance(struct neap_unitfile *file, struct neap_str value, struct neap_error **err)
{
	const char *name;

	if (!is_template(file->name))
		return 0;
	if (expand(file, "DefaultInstance", neap_arena_copy(file->arena, value.data, value.len), &name, err) <
	    0)
		return -1;
	if (*name && !neap_unit_instance(file->name, name, file->arena))
		return neap_error_set(err, "DefaultInstance=%.100s is no name of an instance", name);
	file->default_instance = *name ? name : NULL;
	return 0;
}

static bool may_alias(const char *name)
{
	static const char *const suffixes[] = {
		".service", ".socket", ".target", ".device", ".timer", ".path"
	};

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
		if (strcmp(suffix_of(name), suffixes[i]) == 0)
			return true;
	return false;
}

static bool may_template(const char *name)
{
	return may_alias(name) && strcmp(suffix_of(name), ".device") != 0;
}

static bool is_key(struct neap_str key, const char *name)
{
	return neap_str_equal(key, neap_str(name));
}

static int set_install(struct neap_unitfile *file, struct neap_str key, struct neap_str value,
		       struct neap_error **err)
{
	if (is_key(key, "WantedBy"))
		set_words(file, &file->wanted_by, value);
	else if (is_key(key, "RequiredBy"))
		set_words(file, &file->required_by, value);
	else if (is_key(key, "Alias") && may_alias(file->name))
		set_words(file, &file->aliases, value);
	else if (is_key(key, "Also"))
		return set_also(file, value, err);
	else if (is_key(key, "DefaultInstance"))
		return set_default_instance(file, value, err);
	else if (is_key(key, "UpheldBy"))
		file->strange = value.len ? "UpheldBy" : NULL;
	return 0;
}

static void set_service(struct neap_unitfile *file, struct neap_str key, struct neap_str value)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on", NULL };
	const char *text = neap_arena_copy(file->arena, value.data, value.len);

	if (is_key(key, "Type"))
		file->type = text;
	else if (is_key(key, "User"))
		file->user = *text ? text : NULL;
	else if (is_key(key, "Group"))
		file->group = *text ? text : NULL;
	else if (is_key(key, "RemainAfterExit")) {
		file->remains = false;
		for (size_t i = 0; yes[i]; i++)
			file->remains |= strcasecmp(text, yes[i]) == 0;
	}
}

/* ---- the file ------------------------------------------------------------------------------------------ */

enum section { SECTION_OTHER, SECTION_INSTALL, SECTION_SERVICE };

/* No quotes, backslashes, control characters. */
static bool is_safe(struct neap_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c < ' ' || c == 0x7f || c == '"' || c == '\'' || c == '\\')
			return false;
	}
	return true;
}

static int read_section(struct neap_str line, enum section *section, struct neap_error **err)
{
	struct neap_str name = { line.data + 1, line.len > 1 ? line.len - 2 : 0 };

	if (line.data[line.len - 1] != ']' || line.len < 2 || !is_safe(name))
		return neap_error_set(err, "no section begins with \"%.*s\"",
				      (int)(line.len > 60 ? 60 : line.len), line.data);
	*section = is_key(name, "Install")   ? SECTION_INSTALL
		   : is_key(name, "Service") ? SECTION_SERVICE
					     : SECTION_OTHER;
	return 0;
}

static int read_line(struct neap_unitfile *file, struct neap_str line, enum section *section,
		     struct neap_error **err)
{
	const char *equals;

	line = strip(line);
	if (!line.len)
		return 0;
	if (!neap_str_is_utf8(line))
		return neap_error_set(err, "it is not UTF-8");
	if (line.data[0] == '[')
		return read_section(line, section, err);
	equals = memchr(line.data, '=', line.len);
	if (!equals || *section == SECTION_OTHER)
		return 0;
	struct neap_str key = strip((struct neap_str){ line.data, (size_t)(equals - line.data) });
	struct neap_str value =
		strip((struct neap_str){ equals + 1, line.len - (size_t)(equals - line.data) - 1 });
	if (*section == SECTION_INSTALL)
		return set_install(file, key, value, err);
	set_service(file, key, value);
	return 0;
}

int neap_unitfile_read(struct neap_unitfile *file, struct neap_str text, const char *path,
		       struct neap_error **err)
{
	static const char mark[] = "\xef\xbb\xbf", blanks[] = BLANKS;
	struct neap_buf whole NEAP_AUTO_BUF = { 0 };
	enum section section = SECTION_OTHER;
	struct neap_str line;
	bool marked = false, open = false;
	size_t number = 0;

	if (text.len > NEAP_UNITFILE_MAX)
		return neap_error_set(err, "%s is longer than 1 MB", path);
	while (next_line(&text, &line)) {
		size_t skip = 0;

		number++;
		while (skip < line.len && memchr(blanks, line.data[skip], sizeof blanks - 1))
			skip++;
		if (skip < line.len && (line.data[skip] == '#' || line.data[skip] == ';'))
			continue;
		if (!marked && line.len >= 3 && memcmp(line.data, mark, 3) == 0) {
			marked = true;
			line.data += 3, line.len -= 3;
		}
		if (open || continues(line)) {
			open = continues(line);
			neap_buf_append(&whole, line.data, line.len - open);
			if (open) {
				neap_buf_putc(&whole, ' ');
				continue;
			}
			line = (struct neap_str){ whole.data, whole.len };
		}
		if (read_line(file, line, &section, err) < 0)
			return neap_error_prefix(err, "%s: line %zu", path, number);
		whole.len = 0;
	}
	line = (struct neap_str){ whole.data, whole.len };
	if (open && read_line(file, line, &section, err) < 0)
		return neap_error_prefix(err, "%s: line %zu", path, number);
	return 0;
}

bool neap_unitfile_passes(const struct neap_unitfile *file)
{
	return file->type && strcmp(file->type, "oneshot") == 0 && !file->remains;
}

/* ---- links --------------------------------------------------------------------------------------------- */

struct gathering {
	const struct neap_unitfile *file;
	struct neap_unit_links *links;
	struct neap_error **err;
};

static void add_link(struct gathering *gathering, const char *path, bool alias)
{
	struct neap_unit_links *links = gathering->links;

	links->items[links->count++] = (struct neap_unit_link){ path, alias };
}

/* TARGET.wants/UNIT for each target of a list. */
static int link_targets(struct gathering *gathering, const char *key, const struct neap_unit_words *targets,
			const char *kind)
{
	const struct neap_unitfile *file = gathering->file;
	const char *name = file->name, *target;
	bool plain = true; /* a target may be one */

	if (is_template(name) && file->default_instance)
		name = neap_unit_instance(name, file->default_instance, file->arena);
	else if (is_template(name))
		plain = false;
	for (size_t i = 0; i < targets->count; i++) {
		enum neap_unit_name is;

		if (expand(file, key, targets->items[i], &target, gathering->err) < 0)
			return -1;
		is = neap_unit_name(target);
		if (is == NEAP_UNIT_NAME_WRONG)
			return neap_error_set(gathering->err, "%s=%.100s is no name of a unit", key, target);
		if (is == NEAP_UNIT_NAME_PLAIN && !plain) {
			neap_error_set(gathering->err,
				       "%s=%s: %s is a template, and says no DefaultInstance=", key, target,
				       name);
			return neap_error_hint(gathering->err, "enable an instance of it, such as %s",
					       neap_unit_instance(name, "a", file->arena));
		}
		add_link(gathering, neap_arena_printf(file->arena, "%s.%s/%s", target, kind, name), false);
	}
	return 0;
}

static int wrong_alias(struct gathering *gathering, const char *alias, const char *why)
{
	return neap_error_set(gathering->err, "Alias=%.100s cannot be a name of %s: %s", alias,
			      gathering->file->name, why);
}

/* An alias with a directory in it, "multi-user.target.wants/etcd.service", as they were written long ago. */
static int link_directory(struct gathering *gathering, const char *alias)
{
	const struct neap_unitfile *file = gathering->file;
	const char *name = strrchr(alias, '/') + 1, *kind;
	size_t len = (size_t)(name - alias) - 1;
	char *target;
	enum neap_unit_name is, of;

	while (len && alias[len - 1] == '/')
		len--;
	target = neap_arena_copy(file->arena, alias, len);
	kind = strrchr(target, '.');
	if (!kind || (strcmp(kind, ".wants") != 0 && strcmp(kind, ".requires") != 0))
		return wrong_alias(gathering, alias,
				   "it lies in no directory that ends in .wants or .requires");
	target[kind - target] = '\0';
	of = neap_unit_name(target);
	if (of == NEAP_UNIT_NAME_WRONG)
		return wrong_alias(gathering, alias, "the directory belongs to no unit");
	is = neap_unit_name(name);
	if (strcmp(name, file->name) == 0) {
		if (is == NEAP_UNIT_NAME_TEMPLATE && of != NEAP_UNIT_NAME_TEMPLATE)
			return wrong_alias(gathering, alias, "it names no instance");
	} else if (is != NEAP_UNIT_NAME_INSTANCE ||
		   strcmp(neap_unit_template(name, file->arena), file->name) != 0) {
		return wrong_alias(gathering, alias, "it names another unit");
	}
	add_link(gathering, neap_arena_printf(file->arena, "%s.%s/%s", target, kind + 1, name), true);
	return 0;
}

static int link_alias(struct gathering *gathering, const char *word)
{
	const struct neap_unitfile *file = gathering->file;
	enum neap_unit_name is, of = neap_unit_name(file->name);
	const char *alias, *instance = strchr(file->name, '@');

	if (expand(file, "Alias", word, &alias, gathering->err) < 0)
		return -1;
	if (strchr(alias, '/'))
		return link_directory(gathering, alias);
	if (is_template(alias) && of == NEAP_UNIT_NAME_INSTANCE) {
		const char *text = neap_arena_copy(file->arena, instance + 1,
						   (size_t)(suffix_of(file->name) - instance) - 1);

		alias = neap_unit_instance(alias, text, file->arena);
		if (!alias)
			return wrong_alias(gathering, word, "it is too long");
	}
	is = neap_unit_name(alias);
	if (is == NEAP_UNIT_NAME_WRONG)
		return wrong_alias(gathering, alias, "it is no name of a unit");
	if (strcmp(alias, file->name) == 0)
		return 0; /* passed over */
	if (strcmp(suffix_of(alias), suffix_of(file->name)) != 0)
		return wrong_alias(gathering, alias, "it is of another kind");
	if (is != NEAP_UNIT_NAME_PLAIN && !may_template(alias))
		return wrong_alias(gathering, alias, "such units have no templates");
	if (is != of && !(is == NEAP_UNIT_NAME_INSTANCE && of == NEAP_UNIT_NAME_TEMPLATE))
		return wrong_alias(gathering, alias, "one of them is a template or an instance");
	if (of == NEAP_UNIT_NAME_INSTANCE && strcmp(strchr(alias, '@'), instance) != 0)
		return wrong_alias(gathering, alias, "it is another instance");
	add_link(gathering, alias, true);
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct neap_unit_link *one = a, *two = b;
	int order = strcmp(one->path, two->path);

	return order ? order : two->alias - one->alias;
}

int neap_unitfile_links(const struct neap_unitfile *file, struct neap_unit_links *ret,
			struct neap_error **err)
{
	struct neap_unit_links links = { 0 };
	struct gathering gathering = { file, &links, err };
	size_t count = file->aliases.count + file->wanted_by.count + file->required_by.count, kept = 0;

	if (file->strange) {
		neap_error_set(err, "%s= in [Install] is not known to neap", file->strange);
		return neap_error_hint(err, "leave enabled out, and make its links with neap.link");
	}
	if (neap_unit_name(file->name) != NEAP_UNIT_NAME_PLAIN && !may_template(file->name))
		return neap_error_set(err, "units that end in %s have no templates", suffix_of(file->name));
	links.items = neap_arena_array_of(file->arena, struct neap_unit_link, count + 1);
	for (size_t i = 0; i < file->aliases.count; i++)
		if (link_alias(&gathering, file->aliases.items[i]) < 0)
			return -1;
	if (link_targets(&gathering, "WantedBy", &file->wanted_by, "wants") < 0 ||
	    link_targets(&gathering, "RequiredBy", &file->required_by, "requires") < 0)
		return -1;
	qsort(links.items, links.count, sizeof *links.items, by_path);
	for (size_t i = 0; i < links.count; i++)
		if (!i || strcmp(links.items[i].path, links.items[i - 1].path) != 0)
			links.items[kept++] = links.items[i];
	links.count = kept;
	*ret = links;
	return 0;
}
