/*
 * neap graph: resources and the reasons of their order, for Graphviz, Mermaid or a script. An arrow goes from
 * what runs first to what runs after it. Looks at nothing but the graph.
 */
#include "engine/report.h"
#include "engine/report_parts.h"

static bool is_join(const struct neap_graph *graph, uint32_t node)
{
	return node >= graph->resources.count;
}

static const char *why(const struct neap_edge *edge)
{
	return neap_why_name(edge->why);
}

/* ---- dot ---------------------------------------------------------------------------------------------- */

static void dot_string(struct neap_buf *buf, const char *text)
{
	struct neap_buf safe NEAP_AUTO_BUF = { 0 };
	neap_emit_safes(&safe, text);
	neap_buf_putc(buf, '"');
	for (size_t i = 0; i < safe.len; i++) {
		if (safe.data[i] == '"' || safe.data[i] == '\\')
			neap_buf_putc(buf, '\\');
		neap_buf_putc(buf, safe.data[i] == '\t' ? ' ' : safe.data[i]);
	}
	neap_buf_putc(buf, '"');
}

static void dot_name(struct neap_buf *buf, const struct neap_graph *graph, uint32_t node)
{
	if (is_join(graph, node))
		neap_buf_puts(buf, graph->joins.items[node - graph->resources.count].name);
	else
		dot_string(buf, graph->resources.items[node].address);
}

static void dot(struct neap_buf *buf, const struct neap_graph *graph)
{
	neap_buf_puts(buf, "digraph neap {\n\tnode [shape=box];\n\tedge [fontsize=10];\n");
	for (size_t i = 0; i < graph->node_count; i++) {
		neap_buf_putc(buf, '\t');
		dot_name(buf, graph, graph->order[i]);
		if (is_join(graph, graph->order[i]))
			neap_buf_puts(buf, " [shape=point]");
		neap_buf_puts(buf, ";\n");
	}
	for (size_t i = 0; i < graph->edges.count; i++) {
		const struct neap_edge *edge = &graph->edges.items[i];
		neap_buf_putc(buf, '\t');
		dot_name(buf, graph, edge->from);
		neap_buf_puts(buf, " -> ");
		dot_name(buf, graph, edge->to);
		neap_buf_printf(buf, " [label=\"%s\"%s];\n", why(edge),
				edge->why == NEAP_WHY_AUTOREQUIRE ? ", style=dashed" : "");
	}
	neap_buf_puts(buf, "}\n");
}

/* ---- mermaid ------------------------------------------------------------------------------------------ */

/* Inside a quoted label: what Mermaid or HTML would read as something else becomes an entity. */
static void mermaid_label(struct neap_buf *buf, const char *text)
{
	struct neap_buf safe NEAP_AUTO_BUF = { 0 };
	neap_emit_safes(&safe, text);
	for (size_t i = 0; i < safe.len; i++) {
		if (strchr("\"#<>&`;\t", safe.data[i]))
			neap_buf_printf(buf, "#%d;", safe.data[i]);
		else
			neap_buf_putc(buf, safe.data[i]);
	}
}

static void mermaid(struct neap_buf *buf, const struct neap_graph *graph)
{
	neap_buf_puts(buf, "flowchart TD\n");
	for (size_t i = 0; i < graph->node_count; i++) {
		uint32_t node = graph->order[i];
		if (is_join(graph, node)) {
			neap_buf_printf(buf, "\tr%u((%s))\n", node,
					graph->joins.items[node - graph->resources.count].name);
			continue;
		}
		neap_buf_printf(buf, "\tr%u[\"", node);
		mermaid_label(buf, graph->resources.items[node].address);
		neap_buf_puts(buf, "\"]\n");
	}
	for (size_t i = 0; i < graph->edges.count; i++) {
		const struct neap_edge *edge = &graph->edges.items[i];
		neap_buf_printf(buf, "\tr%u %s|%s| r%u\n", edge->from,
				edge->why == NEAP_WHY_AUTOREQUIRE ? "-.->" : "-->", why(edge), edge->to);
	}
}

/* ---- json --------------------------------------------------------------------------------------------- */

static void json(struct neap_buf *buf, const struct neap_graph *graph)
{
	struct neap_emit emit = { .buf = buf };
	char digest[NEAP_DIGEST_HEX_SIZE];

	neap_graph_digest(graph, digest);
	neap_emit_open(&emit, '{');
	neap_emit_line(&emit);
	neap_emit_key(&emit, "format_version");
	neap_emit_integer(&emit, 1);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "graph_digest");
	neap_emit_string(&emit, digest);
	neap_emit_line(&emit);
	neap_report_emit_groups(&emit, graph);
	neap_emit_line(&emit);
	neap_emit_key(&emit, "resources");
	neap_emit_open(&emit, '[');
	for (size_t i = 0; i < graph->node_count; i++) {
		if (is_join(graph, graph->order[i]))
			continue;
		const struct neap_resource *resource = &graph->resources.items[graph->order[i]];
		neap_emit_line(&emit);
		neap_emit_open(&emit, '{');
		neap_emit_key(&emit, "address");
		neap_emit_string(&emit, resource->address);
		neap_emit_key(&emit, "host");
		neap_emit_string(&emit, "local");
		neap_emit_key(&emit, "name");
		neap_emit_string(&emit, resource->name);
		neap_report_emit_requires(&emit, graph, resource->index);
		neap_report_emit_source(&emit, resource->at);
		neap_emit_key(&emit, "type");
		neap_emit_string(&emit, resource->type->name);
		neap_emit_close(&emit, '}');
	}
	neap_emit_close(&emit, ']');
	neap_buf_puts(buf, "\n}\n");
}

void neap_report_graph(FILE *out, const struct neap_graph *graph, enum neap_graph_format format)
{
	static void (*const writers[])(struct neap_buf *, const struct neap_graph *) = {
		[NEAP_GRAPH_DOT] = dot,
		[NEAP_GRAPH_MERMAID] = mermaid,
		[NEAP_GRAPH_JSON] = json,
	};
	struct neap_buf buf NEAP_AUTO_BUF = { 0 };
	writers[format](&buf, graph);
	fwrite(buf.data, 1, buf.len, out);
}
