/* A page of text in the making, and what a resource's changes look like on it. Private to the reports. */
#pragma once

#include "engine/emit.h"
#include "engine/report.h"

#define RESET "\033[0m"
#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define MAGENTA "\033[35m"
#define CYAN "\033[36m"

struct neap_page {
	FILE *out;
	const struct neap_run *run;
	const struct neap_report_options *options;
	struct neap_arena *scratch; /* reset after each resource */
	struct neap_buf buf;        /* what is to be written; lines end in \n */
	size_t lines;
	bool folded; /* --diff would show more */
};

static inline void neap_page_paint(struct neap_page *page, const char *color)
{
	if (page->options->color)
		neap_buf_puts(&page->buf, color);
}

static inline void neap_page_end_line(struct neap_page *page)
{
	neap_buf_putc(&page->buf, '\n');
	page->lines++;
}

/* A line below a resource, dim: reasons, causes. `format` has one %s, for `text`. */
void neap_page_note(struct neap_page *page, const char *format, const char *text);
/* A hint: it may quote what somebody else has said, line by line. */
void neap_page_notes(struct neap_page *page, const char *indent, const char *text);

/* The parameters that differ, below the resource's line. */
void neap_page_changes(struct neap_page *page, const struct neap_resource *resource,
		       const struct neap_result *result);
