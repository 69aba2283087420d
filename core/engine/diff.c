/*
 * Collects what differs between wanted and present. Decides here, once for all types, what of it may be
 * shown: a value that holds secrets is masked by its marks, and what stood there before it is hidden whole.
 */
#include "engine/diff.h"

#include "base/items.h"

static struct neap_change_entry *add(struct neap_diff *diff, const char *param)
{
	if (diff->count == diff->size) {
		size_t size = diff->size ? 2 * diff->size : 4;
		struct neap_change_entry *entries =
			neap_arena_array_of(diff->arena, struct neap_change_entry, size);
		if (diff->count)
			memcpy(entries, diff->entries, diff->count * sizeof *entries);
		diff->entries = entries;
		diff->size = size;
	}
	struct neap_change_entry *entry = &diff->entries[diff->count++];
	*entry = (struct neap_change_entry){ .param = param };
	if (diff->action == NEAP_ACTION_NONE)
		diff->action = NEAP_ACTION_UPDATE;
	return entry;
}

void neap_diff_action(struct neap_diff *diff, enum neap_action action)
{
	diff->action = action;
}

void neap_diff_refresh(struct neap_diff *diff)
{
	diff->refresh = true;
}

void neap_diff_text(struct neap_diff *diff, const char *param, const struct neap_text *before,
		    const struct neap_text *after)
{
	struct neap_change_entry *entry = add(diff, param);
	if (before)
		entry->before = neap_value_text(*before);
	if (after)
		entry->after = neap_value_text(*after);
	entry->hide_before = before && after && after->span_count > 0;
}

void neap_diff_value(struct neap_diff *diff, const char *param, const struct neap_value *before,
		     const struct neap_value *after, bool hide)
{
	struct neap_change_entry *entry = add(diff, param);
	entry->before = *before;
	entry->after = *after;
	entry->hide_before = before->kind != NEAP_NIL && (hide || neap_value_has_secret(after));
}

void neap_diff_string(struct neap_diff *diff, const char *param, const char *before, const char *after)
{
	struct neap_change_entry *entry = add(diff, param);
	if (before)
		entry->before = neap_value_string(before);
	if (after)
		entry->after = neap_value_string(after);
}

static struct neap_value mode_value(struct neap_diff *diff, uint32_t mode)
{
	if (mode == NEAP_KEEP)
		return (struct neap_value){ 0 };
	return neap_value_string(neap_arena_printf(diff->arena, "%04o", mode));
}

void neap_diff_mode(struct neap_diff *diff, const char *param, uint32_t before, uint32_t after)
{
	struct neap_change_entry *entry = add(diff, param);
	entry->before = mode_value(diff, before);
	entry->after = mode_value(diff, after);
}

/* The caller's struct may not outlive the call, only what it points to. */
static const struct neap_content *kept(struct neap_diff *diff, const struct neap_content *content)
{
	if (!content)
		return NULL;
	struct neap_content *copy = neap_arena_new_of(diff->arena, struct neap_content);
	*copy = *content;
	return copy;
}

void neap_diff_content(struct neap_diff *diff, const char *param, const struct neap_content *before,
		       const struct neap_content *after, const struct neap_text *text, bool hide)
{
	struct neap_change_entry *entry = add(diff, param);
	if (before && before->data)
		entry->before = neap_value_text(neap_text_plain(before->data, before->size));
	else
		entry->large_before = kept(diff, before);
	if (text)
		entry->after = neap_value_text(*text);
	else if (after && after->data)
		entry->after = neap_value_text(neap_text_plain(after->data, after->size));
	else
		entry->large_after = kept(diff, after);
	entry->hide_before = before && (hide || (text && text->span_count > 0));
}

static struct neap_value list_value(struct neap_diff *diff, const char *const *items, size_t count)
{
	struct neap_value list = { .kind = NEAP_LIST };
	list.list.items = neap_arena_array_of(diff->arena, struct neap_value, count ? count : 1);
	list.list.count = count;
	for (size_t i = 0; i < count; i++)
		list.list.items[i] = neap_value_string(items[i]);
	return list;
}

/* What is in `list` and then what is in `more` and not yet there. */
static struct neap_value joined(struct neap_diff *diff, const struct neap_value *list,
				const struct neap_value *more)
{
	struct neap_value all = { .kind = NEAP_LIST };
	size_t count = list->list.count;
	struct neap_items there;

	neap_items_init(&there, list);
	all.list.items = neap_arena_array_of(diff->arena, struct neap_value, count + more->list.count + 1);
	if (count)
		memcpy(all.list.items, list->list.items, count * sizeof *all.list.items);
	for (size_t i = 0; i < more->list.count; i++)
		if (!neap_items_has(&there, &more->list.items[i]))
			all.list.items[count++] = more->list.items[i];
	neap_items_done(&there);
	all.list.count = count;
	return all;
}

/* Said twice (the parents of two files), it is one list. */
void neap_diff_list(struct neap_diff *diff, const char *param, const char *const *before, size_t before_count,
		    const char *const *after, size_t after_count)
{
	struct neap_value old = list_value(diff, before, before_count);
	struct neap_value new = list_value(diff, after, after_count);
	for (size_t i = 0; i < diff->count; i++) {
		struct neap_change_entry *said = &diff->entries[i];
		if (strcmp(said->param, param) == 0 && said->after.kind == NEAP_LIST) {
			said->before = joined(diff, &said->before, &old);
			said->after = joined(diff, &said->after, &new);
			return;
		}
	}
	struct neap_change_entry *entry = add(diff, param);
	entry->before = old;
	entry->after = new;
}

/* Said already: two files that make one directory say so both. */
static bool has_reason(const char *reason, const char *text)
{
	size_t len = strlen(text);

	for (const char *at = reason; at; at = strstr(at, "; "), at = at ? at + 2 : NULL)
		if (strncmp(at, text, len) == 0 && (!at[len] || strncmp(at + len, "; ", 2) == 0))
			return true;
	return false;
}

static const char *joined_reason(const struct neap_diff *diff, const char *reason, const char *text)
{
	if (has_reason(reason, text))
		return reason;
	return reason ? neap_arena_printf(diff->arena, "%s; %s", reason, text) : text;
}

void neap_diff_reason(struct neap_diff *diff, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = neap_arena_vprintf(diff->arena, format, args);
	va_end(args);
	if (diff->done)
		diff->done = joined_reason(diff, diff->done, text);
	diff->reason = joined_reason(diff, diff->reason, text);
}

void neap_diff_promise(struct neap_diff *diff, const char *done, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = neap_arena_vprintf(diff->arena, format, args);
	va_end(args);
	diff->done = joined_reason(diff, diff->done ? diff->done : diff->reason, done);
	diff->reason = joined_reason(diff, diff->reason, text);
}

bool neap_diff_empty(const struct neap_diff *diff)
{
	return diff->action == NEAP_ACTION_NONE;
}

struct neap_arena *neap_diff_arena(struct neap_diff *diff)
{
	return diff->arena;
}

void neap_diff_unknown(struct neap_diff *diff, const char *param)
{
	enum neap_action action = diff->action;
	struct neap_change_entry *entry = add(diff, param);
	entry->unknown = true;
	diff->action = action == NEAP_ACTION_NONE ? NEAP_ACTION_UNKNOWN : action;
}

const char *neap_diff_names(const struct neap_diff *diff)
{
	const char *names = "";
	for (size_t i = 0; i < diff->count; i++)
		names = i == 0 ? diff->entries[i].param
			       : neap_arena_printf(diff->arena, "%s, %s", names, diff->entries[i].param);
	return names;
}
