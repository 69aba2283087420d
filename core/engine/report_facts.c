/*
 * neap facts: what a machine is, for people a line each, and for programs as the file that --facts takes.
 */
#include "engine/emit.h"
#include "engine/report.h"

struct list {
	struct neap_facts *facts;
	struct neap_problems *problems;
	struct neap_arena *arena;
	size_t width;        /* of the widest name */
	struct neap_buf buf; /* what the machine has */
	struct neap_buf none;
};

/* Opens all there is, as deep as documents are. */
static void open_all(struct list *list, struct neap_facts_node *node)
{
	struct neap_error *err = NULL;
	size_t columns;
	if (neap_facts_open(list->facts, node, &err) < 0) {
		neap_problem_take(list->problems, (struct neap_position){ 0 }, NULL, &err);
		return;
	}
	for (size_t i = 0; node->state == NEAP_FACTS_BRANCH && i < node->count; i++)
		open_all(list, &node->children[i]);
	if (node->state == NEAP_FACTS_BRANCH)
		return;
	columns = strlen(neap_facts_name(node, list->arena));
	if (columns > list->width && columns <= 40)
		list->width = columns;
}

static void put_name(struct list *list, struct neap_buf *buf, const struct neap_facts_node *node)
{
	size_t start = buf->len;
	neap_emit_safes(buf, neap_facts_name(node, list->arena));
	size_t columns = neap_emit_columns(buf->data + start, buf->len - start);
	neap_buf_printf(buf, "%*s", (int)(columns < list->width ? list->width - columns + 2 : 2), "");
}

/* A string as it is, several with commas between them, all else as JSON. */
static void put_value(struct neap_buf *buf, const struct neap_value *value)
{
	struct neap_buf json NEAP_AUTO_BUF = { 0 };
	struct neap_emit emit = { .buf = &json };
	bool strings = value->kind == NEAP_LIST;
	if (value->kind == NEAP_STRING) {
		neap_emit_safe(buf, (struct neap_str){ value->text.data, value->text.len }, false);
		return;
	}
	for (size_t i = 0; strings && i < value->list.count; i++)
		strings = value->list.items[i].kind == NEAP_STRING;
	for (size_t i = 0; strings && i < value->list.count; i++) {
		neap_buf_puts(buf, i ? ", " : "");
		put_value(buf, &value->list.items[i]);
	}
	if (strings)
		return;
	neap_emit_value(&emit, value);
	neap_emit_safe(buf, (struct neap_str){ json.data, json.len }, false);
}

static void put(struct list *list, const struct neap_facts_node *node)
{
	for (size_t i = 0; node->state == NEAP_FACTS_BRANCH && i < node->count; i++)
		put(list, &node->children[i]);
	if (node->state == NEAP_FACTS_LEAF) {
		put_name(list, &list->buf, node);
		put_value(&list->buf, &node->value);
		while (list->buf.len && list->buf.data[list->buf.len - 1] == ' ')
			list->buf.len--;
		neap_buf_putc(&list->buf, '\n');
	} else if (node->state == NEAP_FACTS_NONE) {
		put_name(list, &list->none, node);
		neap_emit_safes(&list->none, node->why);
		neap_buf_putc(&list->none, '\n');
	}
}

void neap_report_facts_text(FILE *out, struct neap_facts *facts, struct neap_problems *problems)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct list list = { .facts = facts, .problems = problems, .arena = arena };
	open_all(&list, neap_facts_root(facts));
	put(&list, neap_facts_root(facts));
	if (list.buf.len)
		fwrite(list.buf.data, 1, list.buf.len, out);
	if (list.none.len) {
		fputs("\nnot here:\n", out);
		fwrite(list.none.data, 1, list.none.len, out);
	}
	neap_buf_done(&list.buf);
	neap_buf_done(&list.none);
}

void neap_report_facts_json(FILE *out, struct neap_facts *facts, struct neap_problems *problems)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct list list = { .facts = facts, .problems = problems, .arena = arena };
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	struct neap_emit emit = { .buf = &buf };
	struct neap_value all = { .kind = NEAP_MAP };
	size_t before = problems->errors.count;
	open_all(&list, neap_facts_root(facts));
	if (problems->errors.count > before)
		return;
	neap_facts_value(facts, neap_facts_root(facts), arena, &all, NULL);
	neap_emit_open(&emit, '{');
	for (size_t i = 0; i < all.map.count; i++) { /* a line each, to be read and compared */
		neap_emit_line(&emit);
		neap_emit_key(&emit,
			      neap_arena_copy(arena, all.map.pairs[i].key.data, all.map.pairs[i].key.len));
		neap_emit_value(&emit, &all.map.pairs[i].value);
	}
	neap_buf_puts(&buf, "\n}\n");
	fwrite(buf.data, 1, buf.len, out);
}
