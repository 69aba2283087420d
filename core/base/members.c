/*
 * See members.h. Works on names alone; what lies on a machine is looked at by who unpacks.
 */
#include "base/members.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"

#define HOPS_MAX 40                  /* links that a link may lead through, as for the kernel */
#define WORK_MAX ((uint64_t)1 << 30) /* bytes of names looked up to follow links */

struct choosing {
	const struct neap_members_rule *rule;
	struct neap_arena *arena;
	NEAP_VEC(struct neap_wanted_member) wanted;
	struct neap_map names; /* the rule's literal names -> number + 1 */
	bool *names_used, *include_used;
	struct neap_map links; /* name below the destination -> entry */
	uint64_t work;
};

/* ---- choosing ------------------------------------------------------------------------------------------ */

static bool named(struct choosing *choosing, struct neap_str name)
{
	bool found = false;

	/* Itself, or a directory above it. Each that fits counts as used. */
	for (size_t len = 1; choosing->names.count && len <= name.len; len++) {
		uintptr_t number;

		if (len < name.len && name.data[len] != '/')
			continue;
		number = (uintptr_t)neap_map_get(&choosing->names, (struct neap_str){ name.data, len });
		if (number)
			choosing->names_used[number - 1] = found = true;
	}
	return found;
}

static bool included(struct choosing *choosing, struct neap_str name)
{
	bool found = false;

	for (size_t i = 0; choosing->rule->include && choosing->rule->include[i]; i++)
		if (neap_glob_covers(choosing->rule->include[i], name))
			choosing->include_used[i] = found = true;
	return found;
}

static bool excluded(const struct choosing *choosing, struct neap_str name)
{
	for (size_t i = 0; choosing->rule->exclude && choosing->rule->exclude[i]; i++)
		if (neap_glob_covers(choosing->rule->exclude[i], name))
			return true;
	return false;
}

/* What is left of `name`; empty: nothing. */
static struct neap_str stripped(struct neap_str name, unsigned strip)
{
	for (; strip && name.len; strip--) {
		const char *slash = memchr(name.data, '/', name.len);
		size_t gone = slash ? (size_t)(slash - name.data) + 1 : name.len;

		name.data += gone;
		name.len -= gone;
	}
	return name;
}

static int refuse_kind(const struct neap_manifest_entry *entry, struct neap_error **err)
{
	char text[NEAP_ARCHIVE_SHOWN];

	neap_error_set(err, "its member \"%s\" is a device, fifo or socket",
		       neap_archive_shown(entry->name.data, text));
	return neap_error_hint(err, "these are not unpacked; leave it out with exclude");
}

static int choose(struct choosing *choosing, const struct neap_manifest_entry *entry, struct neap_error **err)
{
	const struct neap_members_rule *rule = choosing->rule;
	bool some = (rule->names && rule->names[0]) || (rule->include && rule->include[0]);
	struct neap_wanted_member member = { .entry = entry };

	if (some) {
		bool by_name = named(choosing, entry->name), by_glob = included(choosing, entry->name);

		if (!by_name && !by_glob)
			return 0;
	}
	if (excluded(choosing, entry->name))
		return 0;
	member.name = stripped(entry->name, rule->strip);
	if (!member.name.len)
		return 0;
	if (entry->kind == NEAP_MEMBER_OTHER)
		return refuse_kind(entry, err);
	neap_vec_push(&choosing->wanted, member);
	if (entry->kind == NEAP_MEMBER_LINK)
		neap_map_put(&choosing->links, member.name, (void *)(uintptr_t)entry);
	return 0;
}

static int check_used(const struct choosing *choosing, struct neap_error **err)
{
	const struct neap_members_rule *rule = choosing->rule;

	for (size_t i = 0; rule->names && rule->names[i]; i++)
		if (!choosing->names_used[i])
			return neap_error_set(err, "it has no member \"%s\"", rule->names[i]);
	for (size_t i = 0; rule->include && rule->include[i]; i++)
		if (!choosing->include_used[i])
			return neap_error_set(err, "none of its members fits \"%s\"",
					      neap_glob_text(rule->include[i]));
	if (!choosing->wanted.count)
		return neap_error_set(err, "none of its members is left to unpack");
	return 0;
}

/* ---- the tree ------------------------------------------------------------------------------------------ */

/* Bytewise, but "/" before all others: what is in a directory follows it at once. */
static int compare_names(struct neap_str a, struct neap_str b)
{
	size_t len = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < len; i++) {
		if (a.data[i] == b.data[i])
			continue;
		if (a.data[i] == '/' || b.data[i] == '/')
			return a.data[i] == '/' ? -1 : 1;
		return (unsigned char)a.data[i] < (unsigned char)b.data[i] ? -1 : 1;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

static int by_name(const void *left, const void *right)
{
	const struct neap_wanted_member *a = left, *b = right;
	int order = compare_names(a->name, b->name);

	return order ? order : a->entry < b->entry ? -1 : a->entry > b->entry;
}

static bool is_below(struct neap_str name, struct neap_str above)
{
	return name.len > above.len && name.data[above.len] == '/' &&
	       memcmp(name.data, above.data, above.len) == 0;
}

static int refuse_pair(const struct neap_wanted_member *a, const struct neap_wanted_member *b,
		       const char *what, struct neap_error **err)
{
	char first[NEAP_ARCHIVE_SHOWN], second[NEAP_ARCHIVE_SHOWN];

	return neap_error_set(err, "its member \"%s\" %s \"%s\"",
			      neap_archive_shown(b->entry->name.data, second), what,
			      neap_archive_shown(a->entry->name.data, first));
}

/* Sorted members become a tree: each directory once, also those that no member speaks of. */
static int make_tree(struct choosing *choosing, struct neap_wanted_member **ret, size_t *ret_count,
		     struct neap_error **err)
{
	NEAP_VEC(struct neap_wanted_member) tree = { 0 };
	const struct neap_wanted_member *leaf = NULL, *last = NULL;
	int r = 0;

	if (choosing->wanted.count)
		qsort(choosing->wanted.items, choosing->wanted.count, sizeof *choosing->wanted.items,
		      by_name);
	for (size_t i = 0; r == 0 && i < choosing->wanted.count; i++) {
		const struct neap_wanted_member *member = &choosing->wanted.items[i];
		bool directory = member->entry->kind == NEAP_MEMBER_DIRECTORY;
		size_t same = 0;

		if (leaf && is_below(member->name, leaf->name)) {
			r = refuse_pair(leaf, member, "lies below what is no directory:", err);
			break;
		}
		if (last && neap_str_equal(last->name, member->name)) {
			if (!directory || last->entry->kind != NEAP_MEMBER_DIRECTORY)
				r = refuse_pair(last, member, "gets the same name as", err);
			else
				tree.items[tree.count - 1] = *member;
			last = member;
			continue;
		}
		/* The directories above that the one before is not in, nor is. */
		while (last && same < last->name.len && same < member->name.len &&
		       last->name.data[same] == member->name.data[same])
			same++;
		for (size_t at = 0; at < member->name.len; at++) {
			bool met = at < same || (last && at == same && at == last->name.len);

			if (member->name.data[at] == '/' && !met)
				neap_vec_push(&tree, (struct neap_wanted_member){
							     .name = { member->name.data, at } });
		}
		neap_vec_push(&tree, *member);
		leaf = directory ? NULL : member;
		last = member;
	}
	*ret_count = tree.count;
	*ret = neap_arena_array_of(choosing->arena, struct neap_wanted_member, tree.count);
	for (size_t i = 0; i < tree.count; i++) {
		(*ret)[i] = tree.items[i];
		if (!tree.items[i].entry)
			(*ret)[i].name.data = neap_arena_copy(choosing->arena, tree.items[i].name.data,
							      tree.items[i].name.len);
	}
	neap_vec_done(&tree);
	return r;
}

/* ---- links --------------------------------------------------------------------------------------------- */

/* A way being followed: `at` is where it stands, below the destination, `rest` what is still to go. */
struct way {
	struct neap_buf at, rest, next;
	unsigned hops;
};

static void go_up(struct neap_buf *at)
{
	while (at->len && at->data[at->len - 1] != '/')
		at->len--;
	at->len -= at->len > 0;
}

static const char out[] = "leads out of the destination", circle[] = "leads in a circle";

/* One component more. NULL, or what is wrong. */
static const char *step(struct choosing *choosing, struct way *way, const char *component, size_t len,
			const char *behind)
{
	const struct neap_manifest_entry *link;

	if (!len || (len == 1 && component[0] == '.'))
		return NULL;
	if (len == 2 && component[0] == '.' && component[1] == '.') {
		if (!way->at.len)
			return out;
		go_up(&way->at);
		return NULL;
	}
	if (way->at.len)
		neap_buf_putc(&way->at, '/');
	neap_buf_append(&way->at, component, len);
	choosing->work += way->at.len;
	link = neap_map_get(&choosing->links, (struct neap_str){ way->at.data, way->at.len });
	if (!link)
		return NULL;
	if (link->target[0] == '/')
		return out;
	if (++way->hops > HOPS_MAX || choosing->work > WORK_MAX)
		return circle;
	go_up(&way->at);
	way->next.len = 0;
	neap_buf_puts(&way->next, link->target);
	neap_buf_putc(&way->next, '/');
	neap_buf_puts(&way->next, behind);
	return NULL;
}

/* Where the link `name` leads, by way of the other links. NULL, or what is wrong. */
static const char *follow(struct choosing *choosing, struct way *way, struct neap_str name)
{
	const char *wrong = NULL;

	way->at.len = way->next.len = 0;
	way->hops = 0;
	neap_buf_append(&way->next, name.data, name.len);
	while (!wrong && way->next.len) {
		struct neap_buf swap = way->rest;

		way->rest = way->next;
		way->next = swap;
		way->next.len = 0;
		for (const char *at = way->rest.data; !wrong && !way->next.len && *at;) {
			const char *component = at;
			size_t len = strcspn(at, "/");

			at += len;
			at += *at == '/';
			wrong = step(choosing, way, component, len, at);
		}
	}
	return wrong;
}

static int check_links(struct choosing *choosing, struct neap_error **err)
{
	struct way way = { 0 };
	const char *wrong = NULL;

	for (size_t i = 0; !wrong && i < choosing->links.count; i++) {
		const struct neap_map_entry *link = &choosing->links.entries[i];
		const struct neap_manifest_entry *entry = link->value;
		char name[NEAP_ARCHIVE_SHOWN], target[NEAP_ARCHIVE_SHOWN];

		wrong = follow(choosing, &way, link->key);
		if (!wrong)
			continue;
		neap_error_set(err, "its link \"%s\" to \"%s\" %s",
			       neap_archive_shown(entry->name.data, name),
			       neap_archive_shown(entry->target, target), wrong);
		neap_error_hint(err, "leave it out with exclude; a neap.link may lead anywhere");
	}
	neap_buf_done(&way.at);
	neap_buf_done(&way.rest);
	neap_buf_done(&way.next);
	return wrong ? -1 : 0;
}

/* A name as `tar t` prints it: "./a/" is "a". */
static struct neap_str bare(const char *name)
{
	struct neap_str text;

	while (name[0] == '.' && name[1] == '/')
		name += 2;
	text = neap_str(name);
	while (text.len && text.data[text.len - 1] == '/')
		text.len--;
	return text;
}

int neap_members_choose(const struct neap_manifest *manifest, const struct neap_members_rule *rule,
			struct neap_arena *arena, struct neap_wanted_member **ret, size_t *ret_count,
			struct neap_error **err)
{
	struct choosing choosing = { .rule = rule, .arena = arena };
	size_t names = 0, includes = 0;
	int r = 0;

	while (rule->names && rule->names[names])
		names++;
	while (rule->include && rule->include[includes])
		includes++;
	choosing.names_used = neap_arena_array_of(arena, bool, names + 1);
	for (size_t i = 0; i < names; i++) {
		struct neap_str name = bare(rule->names[i]);

		choosing.names_used[i] = neap_map_get(&choosing.names, name); /* given twice */
		if (!choosing.names_used[i])
			neap_map_put(&choosing.names, name, (void *)(uintptr_t)(i + 1));
	}
	choosing.include_used = neap_arena_array_of(arena, bool, includes + 1);
	for (size_t i = 0; r == 0 && i < manifest->count; i++)
		r = choose(&choosing, &manifest->entries[i], err);
	if (r == 0)
		r = check_used(&choosing, err);
	if (r == 0)
		r = check_links(&choosing, err);
	if (r == 0)
		r = make_tree(&choosing, ret, ret_count, err);
	neap_vec_done(&choosing.wanted);
	neap_map_done(&choosing.names);
	neap_map_done(&choosing.links);
	return r;
}
