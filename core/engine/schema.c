/*
 * Parameter tables: finding a parameter, saying what it takes, and putting a checked value into a want
 * struct. Knows no type and no graph; what must wait for the run (expressions) is refused here.
 */
#include "engine/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/regex.h"
#include "engine/shown.h"
#include "engine/source.h"

const struct neap_param neap_common_params[NEAP_RELATIONS] = {
	[NEAP_REQUIRE] = { .name = "require",
			   .doc = "Resources that are brought about before this one. When one of them fails, "
				  "this "
				  "one is skipped." },
	[NEAP_BEFORE] = { .name = "before",
			  .doc = "Resources that are brought about after this one. When this one fails, they "
				 "are "
				 "skipped." },
	[NEAP_NOTIFY] = { .name = "notify",
			  .doc = "As before; and when this one changes, they refresh (restart, reload, run "
				 "again)." },
	[NEAP_SUBSCRIBE] = { .name = "subscribe",
			     .doc = "As require; and when one of them changes, this one refreshes." },
};

#define META(member) .offset = offsetof(struct neap_meta, member)
static const struct neap_param meta_params[NEAP_META_COUNT] = {
	[NEAP_META_ONLY_IF] = { .name = "only_if",
				.kind = NEAP_PARAM_ARGV,
				META(only_if),
				.doc = "A command that only looks: the resource is left alone unless it "
				       "exits with "
				       "0." },
	[NEAP_META_NOT_IF] = { .name = "not_if",
			       .kind = NEAP_PARAM_ARGV,
			       META(not_if),
			       .doc = "A command that only looks: the resource is left alone when it exits "
				      "with 0." },
	[NEAP_META_TAGS] = { .name = "tags",
			     .kind = NEAP_PARAM_STRINGS,
			     META(tags),
			     .doc = "Names by which `-t` selects resources." },
	[NEAP_META_RETRIES] = { .name = "retries",
				.kind = NEAP_PARAM_INTEGER,
				META(retries),
				.min = 0,
				.max = 1000,
				.doc = "How many more times it is tried when it fails." },
	[NEAP_META_DELAY] = { .name = "delay",
			      .kind = NEAP_PARAM_DURATION,
			      META(delay),
			      .min = 0,
			      .max = 86400,
			      .fallback = "1s",
			      .doc = "The pause between two tries." },
	[NEAP_META_NOOP] = { .name = "noop",
			     .kind = NEAP_PARAM_BOOLEAN,
			     META(noop),
			     .doc = "Look and say what would be done, but do nothing." },
	[NEAP_META_PROTECT] = { .name = "protect",
				.kind = NEAP_PARAM_BOOLEAN,
				META(protect),
				.doc = "It is an error when a run would remove it." },
};
const struct neap_resource_type neap_meta = {
	.name = "every type",
	.params = meta_params,
	.param_count = NEAP_META_COUNT,
	.want_size = sizeof(struct neap_meta),
};

int neap_schema_find(const struct neap_resource_type *type, const char *name)
{
	size_t i;

	for (i = 0; i < type->param_count; i++)
		if (type->params[i].name[0] == name[0] && strcmp(type->params[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *neap_schema_nearest(const struct neap_resource_type *type, const char *name)
{
	const char **names = neap_alloc((type->param_count + NEAP_RELATIONS + NEAP_META_COUNT + 1) *
					sizeof *names),
		   *nearest;
	size_t count = 0, i;

	for (i = 0; i < type->param_count; i++)
		names[count++] = type->params[i].name;
	for (i = 0; i < NEAP_RELATIONS; i++)
		names[count++] = neap_common_params[i].name;
	for (i = 0; i < NEAP_META_COUNT; i++)
		names[count++] = meta_params[i].name;
	names[count] = NULL;
	nearest = neap_str_nearest(name, names);
	free(names);
	return nearest;
}

const char *neap_schema_hint(const struct neap_resource_type *type, const char *name,
			     struct neap_arena *arena)
{
	const char *nearest;

	for (const struct neap_param_hint *at = type->hints; at && at->name; at++)
		if (strcmp(at->name, name) == 0)
			return at->hint;
	nearest = neap_schema_nearest(type, name);
	return nearest ? neap_arena_printf(arena, "did you mean \"%s\"?", nearest) : NULL;
}

static const char *choices(const struct neap_param *param, const char *joint, const char *last,
			   struct neap_arena *arena)
{
	NEAP_AUTO_BUF struct neap_buf buf = { 0 };
	size_t i;

	for (i = 0; param->choices[i]; i++) {
		const char *quote = i == 0 && (param->flags & NEAP_PARAM_OR_FALSE) ? "" : "\"";

		if (i)
			neap_buf_puts(&buf, param->choices[i + 1] ? joint : last);
		neap_buf_printf(&buf, "%s%s%s", quote, param->choices[i], quote);
	}
	return neap_arena_copy(arena, buf.data ? buf.data : "", buf.len);
}

/* min and max both 0: any number. */
static bool ranged(const struct neap_param *param)
{
	return param->min != 0 || param->max != 0;
}

const char *neap_schema_takes(const struct neap_param *param, struct neap_arena *arena)
{
	switch (param->kind) {
	case NEAP_PARAM_TEXT:
	case NEAP_PARAM_STRING:
		return param->flags & NEAP_PARAM_OR_INTEGER ? "a string or a whole number" : "a string";
	case NEAP_PARAM_PATH:
		return "an absolute path";
	case NEAP_PARAM_SOURCE:
		return "the name of a file, looked up beside the recipe";
	case NEAP_PARAM_CHOICE:
		return neap_arena_printf(arena, "one of %s", choices(param, ", ", ", ", arena));
	case NEAP_PARAM_BOOLEAN:
		return "true or false";
	case NEAP_PARAM_INTEGER:
		if (!ranged(param))
			return "a whole number";
		return neap_arena_printf(arena, "a whole number from %lld to %lld", (long long)param->min,
					 (long long)param->max);
	case NEAP_PARAM_MODE:
		return "a mode such as \"0644\"";
	case NEAP_PARAM_OWNER:
		return "an account name or a number";
	case NEAP_PARAM_REGEX:
		return "a regular expression";
	case NEAP_PARAM_STRINGS:
		return param->flags & NEAP_PARAM_OR_ONE ? "a string or a list of strings"
							: "a list of strings";
	case NEAP_PARAM_ARGV:
		return "a command as a list of strings";
	case NEAP_PARAM_DURATION:
		return "a duration such as \"30s\" or \"90d\"";
	case NEAP_PARAM_INTEGERS:
		return "a whole number or a list of them";
	case NEAP_PARAM_TEXTS:
		return param->flags & NEAP_PARAM_OR_FALSE
			       ? "a table of names and strings, or false in place of one"
			       : "a table of names and strings";
	case NEAP_PARAM_RESOURCE:
		return "a resource that has a path, or an absolute path";
	}
	return "a value";
}

/* ---- one value ----------------------------------------------------------------------------------------- */

struct setting {
	const struct neap_schema_context *ctx;
	const struct neap_param *param;
	const struct neap_value *value;
	struct neap_error **err;
};

static int wrong_kind(const struct setting *set, const char *wanted)
{
	if (set->value->kind == NEAP_EXPRESSION)
		return neap_error_set(set->err, "%s must be known when the recipe is evaluated",
				      set->param->name);
	return neap_error_set(set->err, "%s must be %s, not %s", set->param->name, wanted,
			      neap_value_kind_name(set->value->kind));
}

static const char *quoted(const struct setting *set, struct neap_text text)
{
	return neap_shown(set->ctx->arena, text, NEAP_SHOWN_VALUE).data;
}

static int refuse_secret(const struct setting *set)
{
	neap_error_set(set->err, "%s cannot hold a secret", set->param->name);
	return set->param->instead ? neap_error_hint(set->err, "%s", set->param->instead) : -1;
}

/* A string that may stand in a message, an address, an argv: no secrets without leave, no NUL. */
static int plain_string(const struct setting *set, const char *wanted, struct neap_text *ret)
{
	const struct neap_text *text = &set->value->text;

	if (set->value->kind != NEAP_STRING)
		return wrong_kind(set, wanted);
	if (text->span_count && !(set->param->flags & NEAP_PARAM_SECRET))
		return refuse_secret(set);
	if (!text->len)
		return neap_error_set(set->err, "%s is empty", set->param->name);
	if (memchr(text->data, '\0', text->len))
		return neap_error_set(set->err, "%s holds a NUL byte", set->param->name);
	*ret = *text;
	return 0;
}

static int one_line(const struct setting *set, const char *wanted, struct neap_text *ret)
{
	struct neap_text text;

	if (plain_string(set, wanted, &text) < 0)
		return -1;
	if ((set->param->flags & NEAP_PARAM_LINE) && text.len > 1 && text.data[text.len - 1] == '\n')
		text.len--;
	if (memchr(text.data, '\n', text.len))
		return neap_error_set(set->err, "%s holds a newline", set->param->name);
	*ret = text;
	return 0;
}

static int set_text(const struct setting *set, struct neap_text *ret)
{
	if (set->value->kind != NEAP_STRING)
		return wrong_kind(set, "a string");
	if (set->value->text.span_count && !(set->param->flags & NEAP_PARAM_SECRET))
		return refuse_secret(set);
	*ret = neap_text_copy(set->ctx->arena, set->value->text);
	return 0;
}

static int set_string(const struct setting *set, const char **ret)
{
	struct neap_text text;

	if (one_line(set, "a string", &text) < 0)
		return -1;
	*ret = neap_arena_copy(set->ctx->arena, text.data, text.len);
	return 0;
}

static int set_path(const struct setting *set, const char **ret)
{
	struct neap_text text;
	struct neap_str path;

	if (one_line(set, "a string", &text) < 0)
		return -1;
	if (neap_path_normalise(set->ctx->arena, (struct neap_str){ text.data, text.len }, &path, set->err) <
	    0) {
		/* The message speaks of "path"; say which parameter when it has another name. */
		if (strcmp(set->param->name, "path") != 0)
			neap_error_prefix(set->err, "%s", set->param->name);
		return -1;
	}
	*ret = path.data;
	return 0;
}

static int set_source(const struct setting *set, struct neap_source *ret)
{
	NEAP_AUTO_ERROR struct neap_error *why = NULL;
	const char *name, *shown;
	struct neap_text text;

	if (one_line(set, "the name of a file", &text) < 0)
		return -1;
	name = neap_arena_copy(set->ctx->arena, text.data, text.len);
	if (strncmp(name, "http://", 7) == 0 || strncmp(name, "https://", 8) == 0 ||
	    strncmp(name, "file://", 7) == 0) {
		neap_error_set(set->err, "%s must be a file, not a URL: %.200s", set->param->name, name);
		return neap_error_hint(set->err, "fetch it beforehand, and name the file");
	}
	if (!set->ctx->sources)
		return neap_error_set(set->err, "%s: there are no files here", set->param->name);
	shown = neap_sources_relative(set->ctx->sources, set->ctx->directory, name);
	if (neap_sources_content(set->ctx->sources, shown, &ret->content, &why) < 0) {
		neap_error_set(set->err, "%s %s", set->param->name, why->message);
		if (name[0] != '/')
			neap_error_hint(set->err, "it is looked up beside the recipe that names it: %s",
					neap_sources_real(set->ctx->sources, shown));
		return -1;
	}
	ret->path = neap_sources_real(set->ctx->sources, shown);
	return 0;
}

static int set_choice(const struct setting *set, unsigned *ret)
{
	const struct neap_param *param = set->param;
	struct neap_text text;
	const char *given, *nearest;
	unsigned i, first = (param->flags & NEAP_PARAM_OR_FALSE) != 0;

	if (first && set->value->kind == NEAP_BOOLEAN && !set->value->boolean) {
		*ret = 0;
		return 0;
	}
	if (set->value->kind != NEAP_STRING)
		return wrong_kind(set, choices(param, ", ", " or ", set->ctx->arena));
	if (plain_string(set, "", &text) < 0)
		return -1;
	for (i = first; param->choices[i]; i++) {
		if (neap_str_equal(neap_str(param->choices[i]), (struct neap_str){ text.data, text.len })) {
			*ret = i;
			return 0;
		}
	}
	given = quoted(set, text);
	neap_error_set(set->err, "%s must be %s, not \"%s\"", param->name,
		       choices(param, ", ", " or ", set->ctx->arena), given);
	nearest = neap_str_nearest(given, param->choices + first);
	if (nearest)
		neap_error_hint(set->err, "did you mean \"%s\"?", nearest);
	return -1;
}

static int set_integer(const struct setting *set, int64_t *ret)
{
	const struct neap_param *param = set->param;

	if (set->value->kind != NEAP_INTEGER)
		return wrong_kind(set, "a whole number");
	if (ranged(param) && (set->value->integer < param->min || set->value->integer > param->max))
		return neap_error_set(set->err, "%s must be from %lld to %lld, not %lld", param->name,
				      (long long)param->min, (long long)param->max,
				      (long long)set->value->integer);
	*ret = set->value->integer;
	return 0;
}

static int set_mode(const struct setting *set, uint32_t *ret)
{
	const char *name = set->param->name;
	struct neap_text text;
	uint32_t mode = 0;
	size_t i;

	if (set->value->kind == NEAP_INTEGER || set->value->kind == NEAP_FLOAT) {
		return neap_error_set(
			set->err,
			"%s must be a string such as \"0644\": Lua reads 0644 as the decimal number 644",
			name);
	}
	if (plain_string(set, "a string such as \"0644\"", &text) < 0)
		return -1;
	for (i = 0; i < text.len && text.data[i] >= '0' && text.data[i] <= '7'; i++)
		if (i < 5)
			mode = mode << 3 | (uint32_t)(text.data[i] - '0');
	if (i < text.len && strchr("ugoarwxXst+-=,", text.data[i]))
		return neap_error_set(set->err, "%s \"%s\" is symbolic: give the mode in octal digits", name,
				      quoted(set, text));
	if (i < text.len || text.len < 3 || text.len > 5 || mode > 07777)
		return neap_error_set(set->err,
				      "%s must be three or four octal digits such as \"0644\", not \"%s\"",
				      name, quoted(set, text));
	*ret = mode;
	return 0;
}

/* Numbers end below the one that the kernel takes for "leave it". */
static bool account_number(const char *digits, size_t len)
{
	uint64_t number = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		number = number * 10 + (uint64_t)(digits[i] - '0');
		if (number >= UINT32_MAX)
			return false;
	}
	return true;
}

static int set_owner(const struct setting *set, const char **ret)
{
	const char *name = set->param->name;
	struct neap_text text;
	size_t i, digits = 0;

	if (set->value->kind == NEAP_INTEGER) {
		if (set->value->integer < 0 || set->value->integer >= UINT32_MAX)
			return neap_error_set(set->err, "%s %lld is not an account number", name,
					      (long long)set->value->integer);
		*ret = neap_arena_printf(set->ctx->arena, "%lld", (long long)set->value->integer);
		return 0;
	}
	if (one_line(set, "a string", &text) < 0)
		return -1;
	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		digits += c >= '0' && c <= '9';
		if (c <= ' ' || c == 0x7f || c == ':' || c == ',' || c == '/')
			break;
	}
	/* A leading "-", as in "-1", is never a name either. */
	if (i < text.len || text.data[0] == '-' || text.len > 255)
		return neap_error_set(set->err, "%s \"%s\" is not an account name", name, quoted(set, text));
	if (digits == text.len && !account_number(text.data, text.len))
		return neap_error_set(set->err, "%s %s is not an account number", name, quoted(set, text));
	*ret = neap_arena_copy(set->ctx->arena, text.data, text.len);
	return 0;
}

static int set_regex(const struct setting *set, struct neap_pattern *ret)
{
	struct neap_text text;
	struct neap_regex *regex;

	if (plain_string(set, "a regular expression", &text) < 0)
		return -1;
	ret->text = neap_arena_copy(set->ctx->arena, text.data, text.len);
	if (neap_regex_new(ret->text, &regex, set->err) < 0)
		return neap_error_prefix(set->err, "%s", set->param->name);
	ret->regex = regex;
	return 0;
}

static int set_strings(const struct setting *set, struct neap_strings *ret)
{
	const struct neap_param *param = set->param;
	bool argv = param->kind == NEAP_PARAM_ARGV;
	bool one = (param->flags & NEAP_PARAM_OR_ONE) && set->value->kind == NEAP_STRING;
	const struct neap_value single = { .kind = NEAP_LIST,
					   .list = { .items = (struct neap_value *)set->value, .count = 1 } };
	const struct neap_value *value = one ? &single : set->value;
	/* {} is all that Lua has for an empty list. */
	size_t count = value->kind == NEAP_LIST ? value->list.count : 0, i;
	const char **items;

	if (value->kind != NEAP_LIST && !(value->kind == NEAP_MAP && !value->map.count))
		return wrong_kind(set, argv ? "a list of strings such as { \"true\" }" : "a list of strings");
	if (argv && !count)
		return neap_error_set(set->err, "%s is empty: it needs a program", param->name);
	items = neap_arena_array_of(set->ctx->arena, const char *, count + 1);
	for (i = 0; i < count; i++) {
		const struct neap_value *item = &value->list.items[i];

		if (item->kind == NEAP_NIL)
			return neap_error_set(set->err, "%s has a hole: item %zu is nil", param->name, i + 1);
		if (item->kind == NEAP_EXPRESSION)
			return neap_error_set(set->err,
					      "item %zu of %s must be known when the recipe is evaluated",
					      i + 1, param->name);
		if (item->kind != NEAP_STRING)
			return neap_error_set(set->err, "item %zu of %s must be a string, not %s", i + 1,
					      param->name, neap_value_kind_name(item->kind));
		if (item->text.span_count && !(param->flags & NEAP_PARAM_SECRET))
			return refuse_secret(set);
		if (item->text.len && memchr(item->text.data, '\0', item->text.len))
			return neap_error_set(set->err, "item %zu of %s holds a NUL byte", i + 1,
					      param->name);
		if (argv && !i && !item->text.len)
			return neap_error_set(set->err, "%s names no program: its first item is empty",
					      param->name);
		items[i] = neap_arena_copy(set->ctx->arena, item->text.data, item->text.len);
	}
	*ret = (struct neap_strings){ items, count };
	return 0;
}

/* A number and s, m, h, d, w or y (365 days). */
static int set_duration(const struct setting *set, int64_t *ret)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 },     { 'm', 60 },        { 'h', 3600 },
		      { 'd', 86400 }, { 'w', 7 * 86400 }, { 'y', 365 * 86400 } };
	const struct neap_param *param = set->param;
	struct neap_text text;
	int64_t number = 0;
	size_t i, digits;

	if (set->value->kind == NEAP_INTEGER || set->value->kind == NEAP_FLOAT)
		return neap_error_set(set->err, "%s must be a string with a unit, such as \"30s\" or \"90d\"",
				      param->name);
	if (plain_string(set, "a string such as \"30s\" or \"90d\"", &text) < 0)
		return -1;
	for (digits = 0; digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9'; digits++)
		if (digits < 10)
			number = number * 10 + (text.data[digits] - '0');
	for (i = 0; i < sizeof units / sizeof *units; i++)
		if (digits > 0 && digits < 10 && digits + 1 == text.len && text.data[digits] == units[i].unit)
			break;
	if (i == sizeof units / sizeof *units) {
		neap_error_set(set->err, "%s must be a duration such as \"30s\" or \"90d\", not \"%s\"",
			       param->name, quoted(set, text));
		return neap_error_hint(set->err, "a whole number and s, m, h, d, w or y");
	}
	number *= units[i].seconds;
	if (ranged(param) && (number < param->min || number > param->max))
		return neap_error_set(set->err, "%s must be from %llds to %llds, not %s", param->name,
				      (long long)param->min, (long long)param->max, quoted(set, text));
	*ret = number;
	return 0;
}

static int set_integers(const struct setting *set, struct neap_integers *ret)
{
	const struct neap_value *value = set->value, *items = value;
	size_t count = 1, i;
	int64_t *numbers;

	if (value->kind == NEAP_LIST) {
		items = value->list.items;
		count = value->list.count;
	}
	if (value->kind != NEAP_LIST && value->kind != NEAP_INTEGER)
		return wrong_kind(set, "a whole number or a list of them");
	numbers = neap_arena_array_of(set->ctx->arena, int64_t, count + 1);
	for (i = 0; i < count; i++) {
		struct setting one = *set;

		one.value = &items[i];
		if (set_integer(&one, &numbers[i]) < 0)
			return -1;
	}
	*ret = (struct neap_integers){ numbers, count };
	return 0;
}

static int set_texts(const struct setting *set, struct neap_texts *ret)
{
	const struct neap_value *value = set->value;
	const struct neap_param *param = set->param;
	size_t count = value->kind == NEAP_MAP ? value->map.count : 0, i;
	bool or_false = param->flags & NEAP_PARAM_OR_FALSE;
	const char **names;
	struct neap_text *texts;

	if (value->kind != NEAP_MAP && !(value->kind == NEAP_LIST && !value->list.count))
		return wrong_kind(set, "a table such as { NAME = \"value\" }");
	names = neap_arena_array_of(set->ctx->arena, const char *, count + 1);
	texts = neap_arena_array_of(set->ctx->arena, struct neap_text, count + 1);
	for (i = 0; i < count; i++) {
		const struct neap_pair *pair = &value->map.pairs[i];
		const char *name = neap_arena_copy(set->ctx->arena, pair->key.data, pair->key.len);

		if (!pair->key.len || memchr(pair->key.data, '\0', pair->key.len))
			return neap_error_set(set->err, "%s has a name that is empty or holds a NUL byte",
					      param->name);
		if (pair->value.kind == NEAP_EXPRESSION)
			return neap_error_set(set->err, "%s in %s must be known when the recipe is evaluated",
					      name, param->name);
		names[i] = name;
		if (or_false && pair->value.kind == NEAP_BOOLEAN && !pair->value.boolean)
			continue;
		if (pair->value.kind != NEAP_STRING)
			return neap_error_set(set->err, "%s in %s must be a string%s, not %s", name,
					      param->name, or_false ? " or false" : "",
					      neap_value_kind_name(pair->value.kind));
		if (pair->value.text.span_count && !(param->flags & NEAP_PARAM_SECRET))
			return refuse_secret(set);
		texts[i] = neap_text_copy(set->ctx->arena, pair->value.text);
	}
	*ret = (struct neap_texts){ names, texts, count };
	return 0;
}

int neap_schema_set(const struct neap_schema_context *ctx, const struct neap_resource_type *type,
		    unsigned param, const struct neap_value *value, struct neap_want *want,
		    struct neap_error **err)
{
	struct setting set = { ctx, &type->params[param], value, err };
	void *member = (char *)want + set.param->offset;
	struct neap_value digits;
	int r = -1;

	if (value->kind == NEAP_NIL)
		return 0;
	if (value->kind == NEAP_INTEGER && (set.param->flags & NEAP_PARAM_OR_INTEGER)) {
		digits = neap_value_string(neap_arena_printf(ctx->arena, "%lld", (long long)value->integer));
		set.value = &digits;
	}
	switch (set.param->kind) {
	case NEAP_PARAM_TEXT:
		r = set_text(&set, member);
		break;
	case NEAP_PARAM_STRING:
		r = set_string(&set, member);
		break;
	case NEAP_PARAM_PATH:
		r = set_path(&set, member);
		break;
	case NEAP_PARAM_SOURCE:
		r = set_source(&set, member);
		break;
	case NEAP_PARAM_CHOICE:
		r = set_choice(&set, member);
		break;
	case NEAP_PARAM_BOOLEAN:
		if (value->kind != NEAP_BOOLEAN)
			return wrong_kind(&set, "true or false");
		*(bool *)member = value->boolean;
		r = 0;
		break;
	case NEAP_PARAM_INTEGER:
		r = set_integer(&set, member);
		break;
	case NEAP_PARAM_MODE:
		r = set_mode(&set, member);
		break;
	case NEAP_PARAM_OWNER:
		r = set_owner(&set, member);
		break;
	case NEAP_PARAM_REGEX:
		r = set_regex(&set, member);
		break;
	case NEAP_PARAM_STRINGS:
	case NEAP_PARAM_ARGV:
		r = set_strings(&set, member);
		break;
	case NEAP_PARAM_DURATION:
		r = set_duration(&set, member);
		break;
	case NEAP_PARAM_INTEGERS:
		r = set_integers(&set, member);
		break;
	case NEAP_PARAM_TEXTS:
		r = set_texts(&set, member);
		break;
	case NEAP_PARAM_RESOURCE: /* a handle comes by neap_graph_set_resource() */
		*(struct neap_related *)member = (struct neap_related){ 0 };
		r = set_path(&set, &((struct neap_related *)member)->path);
		break;
	}
	if (r < 0)
		return -1;
	want->given |= UINT64_C(1) << param;
	return 0;
}
