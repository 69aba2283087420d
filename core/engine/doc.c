/*
 * neap doc: the reference of a resource type, on a terminal, as Markdown (docs/reference.md) and as
 * annotations for editors (lua/meta/neap.lua). All of it comes from the tables of the types and of the
 * schema.
 *
 * Must not know any type by name.
 */
#include "engine/emit.h"
#include "engine/report.h"
#include "engine/schema.h"

#define BOLD "\033[1m"
#define RESET "\033[0m"

/* What happens without the parameter, or NULL. */
static const char *not_given(const struct neap_param *param, struct neap_arena *arena)
{
	if (!param->fallback && param->choices && !(param->flags & NEAP_PARAM_OR_FALSE))
		return neap_arena_printf(arena, "\"%s\"", param->choices[0]);
	return param->fallback;
}

/* ---- on a terminal ------------------------------------------------------------------------------------ */

/*
 * Appends words of `text` to lines of `width`, each line indented. *column is where the line stands; a line
 * begun by the caller goes on.
 */
static void wrap(struct neap_buf *buf, const char *text, size_t len, size_t indent, size_t width,
		 size_t *column)
{
	for (size_t i = 0; i < len;) {
		size_t start = i;
		while (i < len && text[i] != ' ' && text[i] != '\n')
			i++;
		size_t columns = neap_emit_columns(text + start, i - start);
		if (columns > 0) {
			if (*column > indent && *column + 1 + columns > width) {
				neap_buf_putc(buf, '\n');
				*column = 0;
			}
			if (*column < indent) {
				neap_buf_printf(buf, "%*s", (int)(indent - *column), "");
				*column = indent;
			} else if (*column > indent) {
				neap_buf_putc(buf, ' ');
				++*column;
			}
			neap_buf_append(buf, text + start, i - start);
			*column += columns;
		}
		i++;
	}
}

static void wrap_paragraph(struct neap_buf *buf, const char *text, size_t len, size_t indent, size_t width)
{
	size_t column = 0;
	if (len > 2 && text[0] == '-' && text[1] == ' ') {
		neap_buf_printf(buf, "%*s- ", (int)indent, "");
		column = indent += 2;
		text += 2;
		len -= 2;
	}
	wrap(buf, text, len, indent, width, &column);
	neap_buf_putc(buf, '\n');
}

/* The Markdown of a description: paragraphs, and items that start with "- ", filled to the width. */
static void put_description(struct neap_buf *buf, const char *text, size_t indent, size_t width)
{
	while (*text) {
		const char *end = text;
		while (*end && !(end[0] == '\n' && (end[1] == '\n' || (end[1] == '-' && end[2] == ' '))))
			end++;
		if (end > text)
			wrap_paragraph(buf, text, (size_t)(end - text), indent, width);
		if (end[0] == '\n' && end[1] == '\n') {
			neap_buf_putc(buf, '\n');
			end++;
		}
		text = *end ? end + 1 : end;
	}
}

static void heading(struct neap_buf *buf, const char *text, bool color)
{
	neap_buf_printf(buf, "\n%s%s%s\n", color ? BOLD : "", text, color ? RESET : "");
}

static size_t widest_name(const struct neap_param *params, size_t count)
{
	size_t widest = 0;
	for (size_t i = 0; i < count; i++)
		if (strlen(params[i].name) > widest)
			widest = strlen(params[i].name);
	return widest;
}

static void put_param(struct neap_buf *buf, const struct neap_param *param, const char *takes,
		      const char *fallback, size_t name_width, size_t width, bool color)
{
	size_t indent = 2 + name_width + 2, column = indent;
	const char *required = param->flags & NEAP_PARAM_REQUIRED ? "; required" : "";

	neap_buf_printf(buf, "  %s%s%s%*s", color ? BOLD : "", param->name, color ? RESET : "",
			(int)(name_width + 2 - strlen(param->name)), "");
	neap_buf_printf(buf, "%s%s\n", takes, required);
	column = 0;
	wrap(buf, param->doc, strlen(param->doc), indent, width, &column);
	neap_buf_putc(buf, '\n');
	if (!fallback)
		return;
	column = 0;
	wrap(buf, "Not given:", 10, indent, width, &column);
	wrap(buf, fallback, strlen(fallback), indent, width, &column);
	neap_buf_puts(buf, ".\n");
}

void neap_doc_type_text(FILE *out, const struct neap_resource_type *type, unsigned width, bool color)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	size_t name_width = widest_name(type->params, type->param_count);
	size_t common_width = widest_name(neap_common_params, NEAP_RELATIONS);
	size_t meta_width = widest_name(neap_meta.params, NEAP_META_COUNT);
	if (common_width < meta_width)
		common_width = meta_width;
	if (width > 100)
		width = 100; /* longer lines are hard to read */
	if (width < 40)
		width = 40;

	neap_buf_printf(&buf, "%sneap.%s%s: %s\n", color ? BOLD : "", type->name, color ? RESET : "",
			type->summary);
	if (type->description) {
		neap_buf_putc(&buf, '\n');
		put_description(&buf, type->description, 0, width);
	}
	heading(&buf, "Parameters", color);
	for (size_t i = 0; i < type->param_count; i++)
		put_param(&buf, &type->params[i], neap_schema_takes(&type->params[i], arena),
			  not_given(&type->params[i], arena), name_width, width, color);
	heading(&buf, "Parameters of every type", color);
	for (size_t i = 0; i < NEAP_RELATIONS; i++)
		put_param(&buf, &neap_common_params[i], "a resource, its address, or a list of them", NULL,
			  common_width, width, color);
	for (size_t i = 0; i < NEAP_META_COUNT; i++)
		put_param(&buf, &neap_meta.params[i], neap_schema_takes(&neap_meta.params[i], arena),
			  not_given(&neap_meta.params[i], arena), common_width, width, color);
	if (type->output_count > 0)
		heading(&buf, "Outputs", color);
	for (size_t i = 0; i < type->output_count; i++) {
		size_t column = 0;
		neap_buf_printf(&buf, "  %s%s\n", type->outputs[i].name,
				type->outputs[i].secret ? " (secret)" : "");
		wrap(&buf, type->outputs[i].doc, strlen(type->outputs[i].doc), 6, width, &column);
		neap_buf_putc(&buf, '\n');
	}
	if (type->example) {
		heading(&buf, "Example", color);
		for (const char *line = type->example; *line;) {
			size_t len = strcspn(line, "\n");
			neap_buf_printf(&buf, "  %.*s\n", (int)len, line);
			line += len + (line[len] == '\n');
		}
	}
	fwrite(buf.data, 1, buf.len, out);
}

void neap_doc_list_text(FILE *out, const struct neap_registry *registry)
{
	size_t widest = 0;
	for (size_t i = 0; registry->types[i]; i++)
		if (strlen(registry->types[i]->name) > widest)
			widest = strlen(registry->types[i]->name);
	for (size_t i = 0; registry->types[i]; i++)
		fprintf(out, "%-*s  %s\n", (int)widest, registry->types[i]->name,
			registry->types[i]->summary);
	fputs("\nneap doc TYPE shows what a type promises and its parameters.\n"
	      "neap doc facts shows what neap.facts holds.\n",
	      out);
}

/* ---- facts -------------------------------------------------------------------------------------------- */

static const char *const fact_takes[] = {
	[NEAP_FACT_STRING] = "a string",
	[NEAP_FACT_INTEGER] = "an integer",
	[NEAP_FACT_STRINGS] = "a list of strings",
	[NEAP_FACT_INTERFACE_MAP] = "a table by name",
};
static const char facts_summary[] =
	"Facts are what a recipe knows of the machine. A fact is asked for when the recipe first reads it, "
	"and is then in the plan; nothing of the moment, such as an uptime, is one. Reading one that is not "
	"there is an error, but for those that are nil where a machine has none. With `--facts FILE` they "
	"are what the file says, and nothing else: it may leave out known ones and have others, those of a "
	"site.";

void neap_doc_facts_text(FILE *out, unsigned width, bool color)
{
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	size_t column = 0, widest = 0;
	width = width > 100 ? 100 : width < 40 ? 40 : width;
	for (size_t i = 0; i < NEAP_FACT_COUNT; i++)
		if (strlen(neap_facts_known[i].name) > widest)
			widest = strlen(neap_facts_known[i].name);
	wrap(&buf, facts_summary, strlen(facts_summary), 0, width, &column);
	neap_buf_puts(&buf, "\n\n");
	for (size_t i = 0; i < NEAP_FACT_COUNT; i++) {
		const struct neap_fact_info *fact = &neap_facts_known[i];
		neap_buf_printf(&buf, "  %s%s%s%*s%s%s\n", color ? BOLD : "", fact->name, color ? RESET : "",
				(int)(widest + 2 - strlen(fact->name)), "", fact_takes[fact->kind],
				fact->optional ? ", or nil" : "");
		column = 0;
		wrap(&buf, fact->doc, strlen(fact->doc), 6, width, &column);
		neap_buf_putc(&buf, '\n');
	}
	fwrite(buf.data, 1, buf.len, out);
}

/* ---- docs/reference.md -------------------------------------------------------------------------------- */

/* Inside a table a bar and a line end would be something else. */
static void put_cell(struct neap_buf *buf, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			neap_buf_putc(buf, '\\');
		neap_buf_putc(buf, *text == '\n' ? ' ' : *text);
	}
}

static void put_row(struct neap_buf *buf, const struct neap_param *param, const char *takes,
		    const char *fallback)
{
	neap_buf_printf(buf, "| `%s` | ", param->name);
	put_cell(buf, takes);
	if (param->flags & NEAP_PARAM_REQUIRED)
		neap_buf_puts(buf, " (required)");
	neap_buf_puts(buf, " | ");
	put_cell(buf, param->doc);
	if (fallback) {
		neap_buf_puts(buf, " Not given: ");
		put_cell(buf, fallback);
		neap_buf_putc(buf, '.');
	}
	neap_buf_puts(buf, " |\n");
}

static void put_reference(struct neap_buf *buf, const struct neap_resource_type *type,
			  struct neap_arena *arena)
{
	neap_buf_printf(buf, "\n## neap.%s\n\n%c%s.\n", type->name, type->summary[0] & ~0x20,
			type->summary + 1);
	if (type->description)
		neap_buf_printf(buf, "\n%s", type->description);
	neap_buf_puts(buf, "\n| Parameter | Takes | Meaning |\n|---|---|---|\n");
	for (size_t i = 0; i < type->param_count; i++)
		put_row(buf, &type->params[i], neap_schema_takes(&type->params[i], arena),
			not_given(&type->params[i], arena));
	if (type->output_count > 0)
		neap_buf_puts(buf, "\n| Output | |\n|---|---|\n");
	for (size_t i = 0; i < type->output_count; i++) {
		neap_buf_printf(buf, "| `%s` | ", type->outputs[i].name);
		put_cell(buf, type->outputs[i].doc);
		neap_buf_puts(buf, type->outputs[i].secret ? " Secret. |\n" : " |\n");
	}
	if (type->example)
		neap_buf_printf(buf, "\n```lua\n%s```\n", type->example);
}

void neap_doc_reference(FILE *out, const struct neap_registry *registry)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	neap_buf_puts(&buf,
		      "<!-- GENERATED by `neap doc --reference`: change the tables in modules/ instead. -->\n"
		      "\n# Resource types\n\n");
	for (size_t i = 0; registry->types[i]; i++)
		neap_buf_printf(&buf, "- [neap.%s](#neap%s): %s\n", registry->types[i]->name,
				registry->types[i]->name, registry->types[i]->summary);
	neap_buf_puts(&buf,
		      "\n## Parameters of every type\n\n| Parameter | Takes | Meaning |\n|---|---|---|\n");
	for (size_t i = 0; i < NEAP_RELATIONS; i++)
		put_row(&buf, &neap_common_params[i], "a resource, its address, or a list of them", NULL);
	for (size_t i = 0; i < NEAP_META_COUNT; i++)
		put_row(&buf, &neap_meta.params[i], neap_schema_takes(&neap_meta.params[i], arena),
			not_given(&neap_meta.params[i], arena));
	for (size_t i = 0; registry->types[i]; i++)
		put_reference(&buf, registry->types[i], arena);
	neap_buf_printf(&buf, "\n## neap.facts\n\n%s\n\n| Fact | Is | Meaning |\n|---|---|---|\n",
			facts_summary);
	for (size_t i = 0; i < NEAP_FACT_COUNT; i++)
		neap_buf_printf(&buf, "| `%s` | %s%s | %s |\n", neap_facts_known[i].name,
				fact_takes[neap_facts_known[i].kind],
				neap_facts_known[i].optional ? ", or nil" : "", neap_facts_known[i].doc);
	fwrite(buf.data, 1, buf.len, out);
}

/* ---- lua/meta/neap.lua -------------------------------------------------------------------------------- */

static void put_lua_type(struct neap_buf *buf, const struct neap_param *param)
{
	static const char *const names[] = {
		[NEAP_PARAM_TEXT] = "neap.text",
		[NEAP_PARAM_STRING] = "string",
		[NEAP_PARAM_PATH] = "string",
		[NEAP_PARAM_SOURCE] = "string",
		[NEAP_PARAM_BOOLEAN] = "boolean",
		[NEAP_PARAM_INTEGER] = "integer",
		[NEAP_PARAM_MODE] = "string",
		[NEAP_PARAM_OWNER] = "string|integer",
		[NEAP_PARAM_REGEX] = "string",
		[NEAP_PARAM_STRINGS] = "string[]",
		[NEAP_PARAM_ARGV] = "string[]",
		[NEAP_PARAM_DURATION] = "string",
		[NEAP_PARAM_TEXTS] = "table<string, neap.text>",
		[NEAP_PARAM_RESOURCE] = "string|neap.handle",
		[NEAP_PARAM_INTEGERS] = "integer|integer[]",
	};
	if (param->flags & NEAP_PARAM_OR_ONE)
		neap_buf_puts(buf, "string|");
	if (param->kind != NEAP_PARAM_CHOICE) {
		neap_buf_puts(buf, param->kind == NEAP_PARAM_TEXTS && (param->flags & NEAP_PARAM_OR_FALSE)
					   ? "table<string, neap.text|false>"
					   : names[param->kind]);
		neap_buf_puts(buf, param->flags & NEAP_PARAM_OR_INTEGER ? "|integer" : "");
		return;
	}
	for (size_t i = 0; param->choices[i]; i++) {
		const char *quote = i == 0 && (param->flags & NEAP_PARAM_OR_FALSE) ? "" : "\"";

		neap_buf_printf(buf, "%s%s%s%s", i ? "|" : "", quote, param->choices[i], quote);
	}
}

static void put_comment(struct neap_buf *buf, const char *text)
{
	for (; *text; text++)
		neap_buf_putc(buf, *text == '\n' ? ' ' : *text);
}

static void put_field(struct neap_buf *buf, const struct neap_param *param, struct neap_arena *arena)
{
	neap_buf_printf(buf, "---@field %s%s ", param->name, param->flags & NEAP_PARAM_REQUIRED ? "" : "?");
	put_lua_type(buf, param);
	neap_buf_putc(buf, ' ');
	put_comment(buf, param->doc);
	const char *fallback = not_given(param, arena);
	if (fallback) {
		neap_buf_puts(buf, " Not given: ");
		put_comment(buf, fallback);
		neap_buf_putc(buf, '.');
	}
	neap_buf_putc(buf, '\n');
}

static void put_annotations(struct neap_buf *buf, const struct neap_resource_type *type,
			    struct neap_arena *arena)
{
	neap_buf_printf(buf, "\n---@class neap.%s.params: neap.common\n", type->name);
	for (size_t i = 0; i < type->param_count; i++)
		put_field(buf, &type->params[i], arena);
	neap_buf_printf(buf, "\n---@class neap.%s: neap.handle, neap.%s.params\n", type->name, type->name);
	for (size_t i = 0; i < type->output_count; i++) {
		neap_buf_printf(buf, "---@field %s neap.text ", type->outputs[i].name);
		put_comment(buf, type->outputs[i].doc);
		neap_buf_putc(buf, '\n');
	}
	neap_buf_printf(buf,
			"\n---%c%s.\n---@param params neap.%s.params\n---@return neap.%s\n"
			"function neap.%s(params) end\n",
			type->summary[0] & ~0x20, type->summary + 1, type->name, type->name, type->name);
}

/* A class for the facts, and one for each branch of them; the table is sorted. */
static void put_fact_annotations(struct neap_buf *buf)
{
	static const char *const kinds[] = {
		[NEAP_FACT_STRING] = "string",
		[NEAP_FACT_INTEGER] = "integer",
		[NEAP_FACT_STRINGS] = "string[]",
		[NEAP_FACT_INTERFACE_MAP] = "table<string, neap.facts.interface>",
	};
	struct neap_buf top NEAP_AUTO_BUF = { 0 };
	const char *branch = "";
	neap_buf_puts(&top, "\n---What is known of the machine; those of a site too.\n---@class neap.facts\n"
			    "---@field [string] any\n");
	neap_buf_puts(buf, "\n---@class neap.facts.interface\n---@field addresses string[]\n"
			   "---@field mac? string\n");
	for (size_t i = 0; i < NEAP_FACT_COUNT; i++) {
		const struct neap_fact_info *fact = &neap_facts_known[i];
		const char *point = strchr(fact->name, '.');
		size_t len = point ? (size_t)(point - fact->name) : 0;
		if (point && (strncmp(branch, fact->name, len) != 0 || branch[len] != '.')) {
			branch = fact->name;
			neap_buf_printf(buf, "\n---@class neap.facts.%.*s\n", (int)len, fact->name);
			neap_buf_printf(&top, "---@field %.*s neap.facts.%.*s\n", (int)len, fact->name,
					(int)len, fact->name);
		}
		neap_buf_printf(point ? buf : &top, "---@field %s%s %s %s\n", point ? point + 1 : fact->name,
				fact->optional ? "?" : "", kinds[fact->kind], fact->doc);
	}
	neap_buf_append(buf, top.data, top.len);
}

void neap_doc_annotations(FILE *out, const struct neap_registry *registry)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	neap_buf_puts(&buf,
		      "---@meta neap\n"
		      "-- GENERATED by `neap doc --annotations`: change the tables in modules/ instead.\n"
		      "\n---A string, or one that holds secrets or is known only while the graph runs.\n"
		      "---@alias neap.text string|userdata\n"
		      "\n---A resource, or its address.\n"
		      "---@alias neap.target neap.handle|string\n"
		      "\n---What declaring a resource gives back.\n"
		      "---@class neap.handle\n"
		      "---@field address string Such as `file[/etc/motd]`.\n"
		      "\n---@class neap.common\n");
	for (size_t i = 0; i < NEAP_RELATIONS; i++) {
		neap_buf_printf(&buf, "---@field %s? neap.target|neap.target[] ", neap_common_params[i].name);
		put_comment(&buf, neap_common_params[i].doc);
		neap_buf_putc(&buf, '\n');
	}
	for (size_t i = 0; i < NEAP_META_COUNT; i++)
		put_field(&buf, &neap_meta.params[i], arena);
	put_fact_annotations(&buf);
	neap_buf_puts(&buf, "\n---@class neap\n---@field facts neap.facts\nlocal neap = {}\n");
	for (size_t i = 0; registry->types[i]; i++)
		put_annotations(&buf, registry->types[i], arena);
	neap_buf_puts(&buf, "\nreturn neap\n");
	fwrite(buf.data, 1, buf.len, out);
}
