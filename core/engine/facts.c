/*
 * The facts there are, and the tree of them that a recipe walks. See facts.h.
 */
#include "engine/facts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/document.h"
#include "base/tree.h"

const struct neap_fact_info neap_facts_known[NEAP_FACT_COUNT] = {
	[NEAP_FACT_ADDRESSES] = { "addresses", NEAP_FACT_STRINGS, false,
				  "IP addresses that others can reach, so none of the loopback, of one link "
				  "only "
				  "or temporary: IPv4 before IPv6, by number of the interface, and of one "
				  "interface the one given first before others." },
	[NEAP_FACT_ARCH] = { "arch", NEAP_FACT_STRING, false,
			     "The architecture as the kernel names it, such as `x86_64` or `aarch64`." },
	[NEAP_FACT_CPUS] = { "cpus", NEAP_FACT_INTEGER, false, "Processors that are online." },
	[NEAP_FACT_DOMAIN] = { "domain", NEAP_FACT_STRING, true, "`fqdn` behind its first point." },
	[NEAP_FACT_FQDN] = { "fqdn", NEAP_FACT_STRING, false,
			     "The name with its domain: that in /etc/hostname, else one that /etc/hosts "
			     "gives. "
			     "The network is not asked." },
	[NEAP_FACT_HOSTNAME] = { "hostname", NEAP_FACT_STRING, false,
				 "The name in /etc/hostname up to its first point; without that file, what "
				 "the "
				 "running kernel is called." },
	[NEAP_FACT_INTERFACES] = { "interfaces", NEAP_FACT_INTERFACE_MAP, false,
				   "Network interfaces by name, without the loopback, each with `addresses` "
				   "(as "
				   "above, with the length of the prefix: `192.0.2.7/24`) and `mac`, if it "
				   "has "
				   "one." },
	[NEAP_FACT_KERNEL] = { "kernel", NEAP_FACT_STRING, false, "The release of the kernel that runs." },
	[NEAP_FACT_MACHINE_ID] = { "machine_id", NEAP_FACT_STRING, false,
				   "What /etc/machine-id holds: 32 digits, never the same on two machines." },
	[NEAP_FACT_MEMORY_MB] = { "memory_mb", NEAP_FACT_INTEGER, false,
				  "Memory that the kernel can use, in MB of 2^20 bytes." },
	[NEAP_FACT_OS_CODENAME] = { "os.codename", NEAP_FACT_STRING, true,
				    "VERSION_CODENAME of /etc/os-release, such as `bookworm`." },
	[NEAP_FACT_OS_ID] = { "os.id", NEAP_FACT_STRING, false, "ID of /etc/os-release, such as `debian`." },
	[NEAP_FACT_OS_ID_LIKE] = { "os.id_like", NEAP_FACT_STRINGS, false,
				   "ID_LIKE of /etc/os-release, the systems it descends from, nearest "
				   "first." },
	[NEAP_FACT_OS_NAME] = { "os.name", NEAP_FACT_STRING, false,
				"PRETTY_NAME of /etc/os-release, for people." },
	[NEAP_FACT_OS_VERSION] = { "os.version", NEAP_FACT_STRING, true,
				   "VERSION_ID of /etc/os-release, such as `12`: a string." },
};

struct neap_facts {
	struct neap_arena *arena;
	neap_facts_ask_fn *ask;
	void *ctx;
	const char *file; /* that replaces the machine's, or NULL */
	struct neap_fact_answer answers[NEAP_FACT_COUNT];
	struct neap_facts_node root;
};

/* A leaf for each name without a point; those with one below a branch. The table is sorted. */
static void plant(struct neap_facts *facts)
{
	struct neap_facts_node *root = &facts->root, *branch = NULL;

	root->children = neap_arena_array_of(facts->arena, struct neap_facts_node, NEAP_FACT_COUNT);
	for (enum neap_fact fact = 0; fact < NEAP_FACT_COUNT; fact++) {
		const char *name = neap_facts_known[fact].name, *point = strchr(name, '.');
		struct neap_str head = { name, point ? (size_t)(point - name) : strlen(name) };

		if (point && (!branch || !neap_str_equal(branch->key, head))) {
			branch = &root->children[root->count++];
			*branch = (struct neap_facts_node){ .key = head,
							    .parent = root,
							    .state = NEAP_FACTS_BRANCH };
			branch->children = neap_arena_array_of(facts->arena, struct neap_facts_node,
							       NEAP_FACT_COUNT - fact);
		}
		if (point)
			branch->children[branch->count++] = (struct neap_facts_node){
				.key = neap_str(point + 1), .parent = branch, .fact = fact
			};
		else
			root->children[root->count++] =
				(struct neap_facts_node){ .key = head, .parent = root, .fact = fact };
	}
}

struct neap_facts *neap_facts_new(neap_facts_ask_fn *ask, void *ctx)
{
	struct neap_facts *facts = neap_alloc(sizeof(*facts));

	*facts = (struct neap_facts){ .arena = neap_arena_new(), .ask = ask, .ctx = ctx };
	facts->root.state = NEAP_FACTS_BRANCH;
	if (ask)
		plant(facts);
	return facts;
}

void neap_facts_free(struct neap_facts *facts)
{
	if (!facts)
		return;
	neap_arena_free(facts->arena);
	free(facts);
}

struct neap_facts_node *neap_facts_root(struct neap_facts *facts)
{
	return &facts->root;
}

const char *neap_facts_name(const struct neap_facts_node *node, struct neap_arena *arena)
{
	size_t len = 0;
	char *name;

	for (const struct neap_facts_node *at = node; at->parent; at = at->parent)
		len += at->key.len + 1;
	if (!len)
		return "";
	name = neap_arena_bytes(arena, len);
	name[--len] = '\0';
	for (const struct neap_facts_node *at = node; at->parent; at = at->parent) {
		len -= at->key.len;
		memcpy(name + len, at->key.data, at->key.len);
		if (len)
			name[--len] = '.';
	}
	return name;
}

/* ---- asking ------------------------------------------------------------------------------------------ */

static void set_value(struct neap_facts_node *node, const struct neap_value *value)
{
	if (value->kind == NEAP_MAP) {
		node->state = NEAP_FACTS_BRANCH;
		node->unopened = value;
	} else {
		node->state = NEAP_FACTS_LEAF;
		node->value = *value;
	}
}

int neap_facts_open(struct neap_facts *facts, struct neap_facts_node *node, struct neap_error **err)
{
	const struct neap_value *map;

	if (node->state == NEAP_FACTS_UNASKED) {
		struct neap_fact_answer *answer = &facts->answers[node->fact];

		if (!answer->asked &&
		    facts->ask(facts->ctx, node->fact, facts->arena, facts->answers, err) < 0)
			return neap_error_prefix(err, "fact %s", neap_facts_known[node->fact].name);
		if (answer->value.kind == NEAP_NIL) {
			node->state = NEAP_FACTS_NONE;
			node->why = answer->why;
		} else {
			set_value(node, &answer->value);
		}
	}
	map = node->unopened;
	if (!map)
		return 0;
	node->unopened = NULL;
	node->children = neap_arena_array_of(facts->arena, struct neap_facts_node, map->map.count);
	for (size_t i = 0; i < map->map.count; i++) {
		struct neap_facts_node *child = &node->children[node->count];

		if (map->map.pairs[i].value.kind == NEAP_NIL)
			continue; /* "name:" in a file says that there is none */
		child->key = map->map.pairs[i].key;
		child->parent = node;
		set_value(child, &map->map.pairs[i].value);
		node->count++;
	}
	return 0;
}

static struct neap_facts_node *find(const struct neap_facts_node *branch, struct neap_str key)
{
	size_t low = 0, high = branch->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct neap_facts_node *node = &branch->children[middle];
		size_t len = node->key.len < key.len ? node->key.len : key.len;
		int order = memcmp(key.data, node->key.data, len);

		if (!order)
			order = (key.len > node->key.len) - (key.len < node->key.len);
		if (!order)
			return node;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static const struct neap_fact_info *known(const char *name)
{
	for (size_t i = 0; i < NEAP_FACT_COUNT; i++)
		if (strcmp(neap_facts_known[i].name, name) == 0)
			return &neap_facts_known[i];
	return NULL;
}

/* The nearest name beside it, or at the root the one of that name in a branch. */
static const char *nearest(const struct neap_facts_node *branch, const char *key, struct neap_arena *arena)
{
	const char **names, *found;

	if (strlen(key) > 64) /* no slip of the pen */
		return NULL;
	names = neap_arena_array_of(arena, const char *, branch->count + 1);
	for (size_t i = 0; i < branch->count; i++)
		names[i] = neap_arena_copy(arena, branch->children[i].key.data, branch->children[i].key.len);
	found = neap_str_nearest(key, names);
	if (found && branch->parent)
		return neap_arena_printf(arena, "%s.%s", neap_facts_name(branch, arena), found);
	for (size_t i = 0; !found && !branch->parent && i < NEAP_FACT_COUNT; i++) {
		const char *point = strchr(neap_facts_known[i].name, '.');

		if (point && strcmp(point + 1, key) == 0)
			found = neap_facts_known[i].name;
	}
	return found;
}

/* *ret stays NULL, or the error. */
static int missing(struct neap_facts *facts, const struct neap_facts_node *branch, struct neap_str key,
		   struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *text = neap_arena_copy(arena, key.data, key.len), *near;
	struct neap_facts_node self = { .key = key, .parent = (struct neap_facts_node *)(uintptr_t)branch };
	const char *name = neap_facts_name(&self, arena);
	const struct neap_fact_info *info = known(name);

	if (info && info->optional)
		return 0;
	if (facts->file)
		neap_error_set(err, "%s has no fact \"%s\"", facts->file, name);
	else
		neap_error_set(err, "there is no fact \"%s\"", name);
	near = nearest(branch, text, arena);
	if (near)
		return neap_error_hint(err, "did you mean \"%s\"?", near);
	if (facts->file)
		return neap_error_hint(err,
				       "--facts replaces all facts of the machine: it has those of the file "
				       "only");
	return neap_error_hint(err, "neap facts lists them; those of a site come from --facts FILE");
}

int neap_facts_step(struct neap_facts *facts, struct neap_facts_node *branch, struct neap_str key,
		    struct neap_facts_node **ret, struct neap_error **err)
{
	struct neap_facts_node *node;

	*ret = NULL;
	if (neap_facts_open(facts, branch, err) < 0)
		return -1;
	node = find(branch, key);
	if (!node)
		return missing(facts, branch, key, err);
	if (neap_facts_open(facts, node, err) < 0)
		return -1;
	if (node->state == NEAP_FACTS_NONE) {
		if (neap_facts_known[node->fact].optional)
			return 0;
		neap_error_set(err, "this machine has no fact \"%s\": %s", neap_facts_known[node->fact].name,
			       node->why);
		return neap_error_hint(err, "--facts FILE can say it in the place of the machine");
	}
	*ret = node;
	return 0;
}

/* ---- as values --------------------------------------------------------------------------------------- */

/* Of what was used only, when `used` is set: then nothing is asked, and an empty map says none was. As deep
 * as documents are. */
static int collect(struct neap_facts *facts, struct neap_facts_node *node, bool used,
		   struct neap_arena *arena, struct neap_value *ret, struct neap_error **err)
{
	*ret = (struct neap_value){ .kind = NEAP_NIL };
	if (node->used)
		used = false;
	if (!used && neap_facts_open(facts, node, err) < 0)
		return -1;
	if (node->state == NEAP_FACTS_LEAF && !used)
		*ret = node->value;
	if (node->state != NEAP_FACTS_BRANCH)
		return 0;
	ret->kind = NEAP_MAP;
	ret->map.pairs = neap_arena_array_of(arena, struct neap_pair, node->count);
	for (size_t i = 0; i < node->count; i++) {
		struct neap_value value;

		if (collect(facts, &node->children[i], used, arena, &value, err) < 0)
			return -1;
		if (value.kind == NEAP_NIL ||
		    (used && value.kind == NEAP_MAP && !value.map.count && !node->children[i].used))
			continue;
		ret->map.pairs[ret->map.count++] = (struct neap_pair){ node->children[i].key, value };
	}
	return 0;
}

int neap_facts_value(struct neap_facts *facts, struct neap_facts_node *node, struct neap_arena *arena,
		     struct neap_value *ret, struct neap_error **err)
{
	return collect(facts, node, false, arena, ret, err);
}

struct neap_value neap_facts_used(struct neap_facts *facts, struct neap_arena *arena)
{
	struct neap_value used;

	/* What was used has been asked for: nothing can fail any more. */
	collect(facts, &facts->root, true, arena, &used, NULL);
	return used;
}

/* ---- --facts FILE ------------------------------------------------------------------------------------ */

struct replacing {
	const char *shown;
	struct neap_str text;
	struct neap_problems *problems;
};

/* `name` is "os" or "os.id". */
static void wrong(const struct replacing *r, const char *name, const char *needed,
		  const struct neap_value *is)
{
	const char *point = strchr(name, '.');
	struct neap_str keys[2] = { { name, point ? (size_t)(point - name) : strlen(name) } };
	struct neap_position at = { r->shown, 0 };

	if (point)
		keys[1] = neap_str(point + 1);
	at.line = (int)neap_yaml_line(r->text, keys, point ? 2 : 1);
	if (is->kind == NEAP_LIST && strstr(needed, "list"))
		neap_problem_add(r->problems, at, NULL, "fact %s is %s, and something in it is none", name,
				 needed);
	else if (is->kind == NEAP_MAP && strstr(needed, "map"))
		neap_problem_add(r->problems, at, NULL, "fact %s is %s, and something in it is not so", name,
				 needed);
	else
		neap_problem_add(r->problems, at, NULL, "fact %s is %s, not %s", name, needed,
				 neap_value_kind_name(is->kind));
	if (strcmp(needed, "a string") == 0 &&
	    (is->kind == NEAP_INTEGER || is->kind == NEAP_FLOAT || is->kind == NEAP_BOOLEAN))
		neap_problem_hint(r->problems, "in quotes it is a string");
}

static const struct neap_value *member(const struct neap_value *map, struct neap_str key)
{
	for (size_t i = 0; i < map->map.count; i++)
		if (neap_str_equal(map->map.pairs[i].key, key))
			return map->map.pairs[i].value.kind == NEAP_NIL ? NULL : &map->map.pairs[i].value;
	return NULL;
}

static bool is_strings(const struct neap_value *value)
{
	if (value->kind != NEAP_LIST)
		return false;
	for (size_t i = 0; i < value->list.count; i++)
		if (value->list.items[i].kind != NEAP_STRING)
			return false;
	return true;
}

static bool is_interfaces(const struct neap_value *value)
{
	if (value->kind != NEAP_MAP)
		return false;
	for (size_t i = 0; i < value->map.count; i++) {
		const struct neap_value *one = &value->map.pairs[i].value, *addresses, *mac;

		if (one->kind != NEAP_MAP)
			return false;
		addresses = member(one, NEAP_STR("addresses"));
		mac = member(one, NEAP_STR("mac"));
		if ((addresses && !is_strings(addresses)) || (mac && mac->kind != NEAP_STRING))
			return false;
	}
	return true;
}

static void check_kind(const struct replacing *r, const struct neap_fact_info *info,
		       const struct neap_value *value)
{
	switch (info->kind) {
	case NEAP_FACT_STRING:
		if (value->kind != NEAP_STRING)
			wrong(r, info->name, "a string", value);
		break;
	case NEAP_FACT_INTEGER:
		if (value->kind != NEAP_INTEGER)
			wrong(r, info->name, "an integer", value);
		break;
	case NEAP_FACT_STRINGS:
		if (!is_strings(value))
			wrong(r, info->name, "a list of strings", value);
		break;
	case NEAP_FACT_INTERFACE_MAP:
		if (!is_interfaces(value))
			wrong(r, info->name, "a map of names to { addresses = { strings }, mac = string }",
			      value);
		break;
	}
}

static void check(const struct replacing *r, const struct neap_value *root)
{
	struct neap_str refused = { "", 0 };

	for (size_t i = 0; i < NEAP_FACT_COUNT; i++) {
		const struct neap_fact_info *info = &neap_facts_known[i];
		const char *point = strchr(info->name, '.');
		struct neap_str head = { info->name,
					 point ? (size_t)(point - info->name) : strlen(info->name) };
		const struct neap_value *value = member(root, head);

		if (value && point && value->kind != NEAP_MAP) {
			char name[32];

			snprintf(name, sizeof(name), "%.*s", (int)head.len, head.data);
			if (!neap_str_equal(refused, head)) /* the others below it would say the same */
				wrong(r, name, "a map", value);
			refused = head;
			continue;
		}
		if (value && point)
			value = member(value, neap_str(point + 1));
		if (value)
			check_kind(r, info, value);
	}
}

int neap_facts_replace(struct neap_facts *facts, const char *shown, struct neap_str text,
		       struct neap_problems *problems)
{
	struct replacing r = { shown, text, problems };
	struct neap_value *root = neap_arena_new_of(facts->arena, struct neap_value);
	size_t before = problems->errors.count, blank = 0, name = strlen(shown);
	struct neap_error *err = NULL;
	int parsed;

	while (blank < text.len && strchr(" \t\r\n", text.data[blank]))
		blank++;
	if ((blank < text.len && text.data[blank] == '{') ||
	    (name > 5 && strcmp(shown + name - 5, ".json") == 0))
		parsed = neap_json_parse(facts->arena, text, root, &err);
	else
		parsed = neap_yaml_parse(facts->arena, text, root, &err);
	if (parsed < 0)
		return neap_problem_take(problems, (struct neap_position){ shown, 0 }, NULL, &err);
	if (root->kind != NEAP_MAP) {
		neap_problem_add(problems, (struct neap_position){ shown, 0 }, NULL,
				 "facts are a map of names to values, not %s",
				 neap_value_kind_name(root->kind));
		neap_problem_hint(problems, "neap facts --format json writes such a file");
		return -1;
	}
	check(&r, root);
	neap_problems_sort(problems);
	facts->file = neap_arena_strdup(facts->arena, shown);
	facts->ask = NULL;
	facts->root = (struct neap_facts_node){ .state = NEAP_FACTS_BRANCH, .unopened = root };
	return problems->errors.count > before ? -1 : 0;
}
