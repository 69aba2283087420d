#include "engine/holder.h"

#define NAMES_SAID 10 /* in a reason */

static int wanted_organization(const struct neap_strings *strings, struct neap_arena *arena,
			       struct neap_words *ret, struct neap_error **err)
{
	if (strings->count > NEAP_HOLDER_NAMES_MAX)
		return neap_error_set(err, "organization has more than %d items", NEAP_HOLDER_NAMES_MAX);
	for (size_t i = 0; i < strings->count; i++)
		if (neap_subject_check("organization", strings->items[i], err) < 0)
			return -1;
	*ret = neap_words_of(arena, strings->items, strings->count);
	return 0;
}

static int wanted_sans(const struct neap_strings *strings, struct neap_arena *arena, struct neap_words *ret,
		       struct neap_error **err)
{
	const char **names = neap_arena_array_of(arena, const char *, strings->count + 1);

	if (strings->count > NEAP_HOLDER_NAMES_MAX)
		return neap_error_set(err, "sans has more than %d names", NEAP_HOLDER_NAMES_MAX);
	for (size_t i = 0; i < strings->count; i++)
		if (neap_name_canonical(strings->items[i], arena, &names[i], err) < 0)
			return neap_error_prefix(err, "sans");
	*ret = neap_words_of(arena, names, strings->count);
	return 0;
}

static int wanted_usages(const struct neap_strings *strings, struct neap_arena *arena, struct neap_words *ret,
			 struct neap_error **err)
{
	for (size_t i = 0; i < strings->count; i++) {
		const char *usage = strings->items[i];
		if (strcmp(usage, "server") == 0 || strcmp(usage, "client") == 0)
			continue;
		neap_error_set(err, "usages: there is no usage \"%s\"", usage);
		return neap_error_hint(err, "\"server\" and \"client\" are");
	}
	*ret = neap_words_of(arena, strings->items, strings->count);
	return 0;
}

int neap_holder_wanted(const struct neap_holder_params *params, struct neap_arena *arena,
		       struct neap_holder *ret, struct neap_error **err)
{
	struct neap_holder holder = { .common_name = params->common_name, .path_length = -1 };

	if (params->common_name && neap_subject_check("common_name", params->common_name, err) < 0)
		return -1;
	if (params->organization &&
	    wanted_organization(params->organization, arena, &holder.organization, err) < 0)
		return -1;
	if (params->sans && wanted_sans(params->sans, arena, &holder.names, err) < 0)
		return -1;
	if (params->usages && wanted_usages(params->usages, arena, &holder.usages, err) < 0)
		return -1;
	*ret = holder;
	return 0;
}

static bool same_string(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_subject(const struct neap_holder *a, const struct neap_holder *b)
{
	return same_string(a->common_name, b->common_name) &&
	       neap_words_equal(&a->organization, &b->organization) &&
	       neap_words_equal(&a->subject, &b->subject);
}

bool neap_holder_equal(const struct neap_holder *a, const struct neap_holder *b)
{
	return same_subject(a, b) && neap_words_equal(&a->names, &b->names) &&
	       neap_words_equal(&a->usages, &b->usages) && a->ca == b->ca && a->path_length == b->path_length;
}

/* " + DNS:a - DNS:b", at most NAMES_SAID of them. */
static const char *say_change(const struct neap_words *before, const struct neap_words *after,
			      struct neap_arena *arena)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };
	size_t old = 0, new = 0, said = 0;

	while (old < before->count || new < after->count) {
		int order = old == before->count  ? 1
			    : new == after->count ? -1
						  : strcmp(before->items[old], after->items[new]);
		const char *word = order < 0 ? before->items[old] : after->items[new];
		if (order != 0 && said++ < NAMES_SAID)
			neap_buf_printf(&text, " %c %s", order < 0 ? '-' : '+', word);
		old += order <= 0;
		new += order >= 0;
	}
	if (said > NAMES_SAID)
		neap_buf_printf(&text, " and %zu more", said - NAMES_SAID);
	return neap_arena_copy(arena, text.data, text.len);
}

static void diff_words(struct neap_diff *diff, const char *param, const struct neap_words *before,
		       const struct neap_words *after, const char *reason)
{
	if (neap_words_equal(before, after))
		return;
	neap_diff_list(diff, param, before->items, before->count, after->items, after->count);
	if (reason)
		neap_diff_reason(diff, "%s:%s", reason, say_change(before, after, neap_diff_arena(diff)));
}

static void diff_path_length(int before, int after, struct neap_diff *diff)
{
	struct neap_arena *arena = neap_diff_arena(diff);

	if (before == after)
		return;
	neap_diff_string(diff, "path_length", before < 0 ? NULL : neap_arena_printf(arena, "%d", before),
			 after < 0 ? NULL : neap_arena_printf(arena, "%d", after));
}

void neap_holder_diff(const struct neap_holder *before, const struct neap_holder *after,
		      struct neap_diff *diff)
{
	static const struct neap_holder none = { .path_length = -1 };
	bool is_new = !before;

	if (is_new)
		before = &none;
	else if (!same_subject(before, after))
		neap_diff_reason(diff, "the subject differs");
	if (!same_string(before->common_name, after->common_name))
		neap_diff_string(diff, "common_name", before->common_name, after->common_name);
	diff_words(diff, "organization", &before->organization, &after->organization, NULL);
	diff_words(diff, "subject", &before->subject, &after->subject, NULL);
	diff_words(diff, "sans", &before->names, &after->names, is_new ? NULL : "names differ");
	diff_words(diff, "usages", &before->usages, &after->usages, is_new ? NULL : "usages differ");
	if (before->ca != after->ca) {
		neap_diff_string(diff, "ca",
				 is_new       ? NULL
				 : before->ca ? "true"
					      : "false",
				 after->ca ? "true" : "false");
		if (!is_new)
			neap_diff_reason(diff, after->ca ? "it is not a CA's" : "it is a CA's");
	}
	diff_path_length(before->path_length, after->path_length, diff);
}
