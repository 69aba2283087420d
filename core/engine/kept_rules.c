/*
 * See kept_rules.h. Rules are kept as the recipe has them: what iptables makes of one is known on a machine
 * that runs, and the file shall be the same in an image.
 */
#include "engine/kept_rules.h"

#include "base/digest.h"
#include "base/map.h"
#include "base/vec.h"

/* The numbers; others' go on from there, but not so far. */
enum { DECLARATIONS, OF_CHAIN, OF_OTHERS, OF_LAST_CHAIN = 1000000 };

#define DIGEST_DIGITS 16

/* ---- numbers ------------------------------------------------------------------------------------------- */

static void *numbered(size_t number)
{
	return (void *)(uintptr_t)(number + 1);
}

/* By the address of the want. */
static void count_all(const struct neap_context *ctx, struct neap_arena *arena, neap_kept_rules_key *key_of,
		      struct neap_map *ret)
{
	struct neap_declared declared;
	struct neap_map counts = { 0 };

	for (size_t at = 0; ctx->declared && ctx->declared(ctx, &at, &declared);) {
		const char *key = key_of(declared.want, arena);
		void **slot = key ? neap_map_slot(&counts, neap_str(key)) : NULL;
		const void **want;

		if (!slot)
			continue;
		want = neap_arena_new_of(arena, const void *);
		*want = declared.want;
		*slot = *slot ? (char *)*slot + 1 : numbered(0);
		neap_map_put(ret, (struct neap_str){ (const char *)want, sizeof *want }, *slot);
	}
	neap_map_done(&counts);
}

static void numbers_done(void *data)
{
	neap_map_done(data);
}

size_t neap_kept_rules_number(const struct neap_context *ctx, const void *want, neap_kept_rules_key *key_of)
{
	const struct neap_str key = { (const char *)&want, sizeof want };
	struct neap_memo once = { .arena = ctx->scratch }, *memo = ctx->memo ? ctx->memo : &once;
	const void *found;

	if (!memo->data) {
		memo->data = neap_arena_new_of(memo->arena, struct neap_map);
		memo->done = numbers_done; /* of the recipe, whatever changes on the machine */
		count_all(ctx, memo->arena, key_of, memo->data);
	}
	found = neap_map_get(memo->data, key);
	if (memo == &once)
		numbers_done(memo->data);
	return found ? (size_t)(uintptr_t)found - 1 : 0;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static const char *chain_file(const struct neap_table *table, const char *chain, struct neap_arena *arena)
{
	return neap_arena_printf(arena, "%s-%s-chain-%s.conf", neap_family_choices[table->family],
				 table->name, chain);
}

static const char *file_of(const struct neap_kept_rules *rules, struct neap_arena *arena)
{
	char hex[NEAP_DIGEST_HEX_SIZE];
	uint8_t digest[NEAP_DIGEST_SIZE];

	if (rules->whole)
		return chain_file(&rules->table, rules->chain, arena);
	neap_digest(rules->rules.items[0], strlen(rules->rules.items[0]), digest);
	neap_digest_hex(digest, hex);
	return neap_arena_printf(arena, "%s-%s-rule-%s-%.*s.conf", neap_family_choices[rules->table.family],
				 rules->table.name, rules->chain, DIGEST_DIGITS, hex);
}

static void put_chain(struct neap_buf *out, const struct neap_kept_rules *rules)
{
	bool built_in = neap_table_has(rules->table.name, rules->chain);

	if (!built_in || rules->policy)
		neap_buf_printf(out, "%d :%s %s [0:0]\n", DECLARATIONS, rules->chain,
				built_in ? rules->policy : "-");
	if (built_in && rules->alone)
		neap_buf_printf(out, "%d -F %s\n", DECLARATIONS, rules->chain);
	for (size_t i = 0; i < rules->rules.count; i++)
		neap_buf_printf(out, "%d -A %s %s\n", rules->last ? OF_LAST_CHAIN : OF_CHAIN, rules->chain,
				rules->rules.items[i]);
}

static struct neap_str lines_of(const struct neap_kept_rules *rules, struct neap_arena *arena)
{
	struct neap_buf out NEAP_AUTO_BUF = { 0 };

	neap_buf_printf(&out, "# Made by neap for %s, which reads it at boot.\n", neap_kept_iptables.name);
	if (rules->whole)
		put_chain(&out, rules);
	else
		neap_buf_printf(&out, "%zu %s %s %s\n", OF_OTHERS + rules->number, rules->first ? "-I" : "-A",
				rules->chain, rules->rules.items[0]);
	return (struct neap_str){ neap_arena_copy(arena, out.data, out.len), out.len };
}

static struct neap_kept kept_of(const struct neap_kept_rules *rules, struct neap_arena *arena)
{
	struct neap_kept_file *file = neap_arena_new_of(arena, struct neap_kept_file);
	bool by_unit = rules->persist == NEAP_PERSIST_UNIT && !rules->absent;

	*file = (struct neap_kept_file){
		.param = "persistent",
		.path = neap_arena_printf(arena, "%s/%s", neap_kept_iptables.directory,
					  file_of(rules, arena)),
	};
	if (by_unit)
		file->text = lines_of(rules, arena);
	return (struct neap_kept){
		.files = file,
		.count = 1,
		.unit = by_unit ? &neap_kept_iptables : NULL,
		.absent = rules->absent,
	};
}

/* ---- what the boot could not make ---------------------------------------------------------------------- */

static bool is_address_word(const char *word)
{
	static const char *const words[] = { "-s", "--source", "--src", "-d", "--destination", "--dst" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* Addresses with commas between, each with a length or a mask or not. */
static bool are_addresses(const char *text)
{
	while (true) {
		size_t len = strcspn(text, ",");
		char one[NEAP_NET_TEXT];
		struct neap_net_ip ip;

		if (strcspn(text, "/,") >= sizeof one)
			return false;
		memcpy(one, text, strcspn(text, "/,"));
		one[strcspn(text, "/,")] = '\0';
		if (!neap_net_ip_parse(one, &ip))
			return false;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

/* Before there is a network no name of a host can be looked up. */
static int check_rule(const char *rule, struct neap_error **err)
{
	struct neap_buf word NEAP_AUTO_BUF = { 0 };
	struct neap_str rest = neap_str(rule);
	bool address = false;

	while (neap_rule_word(&rest, &word) > 0) {
		const char *text = word.len ? word.data : "";

		if (address && strcmp(text, "!") != 0 && !are_addresses(text)) {
			neap_error_set(err, "persist: %s in the rule %s is no address", text, rule);
			return neap_error_hint(err, "at boot rules are made before a name can be looked up");
		}
		address = is_address_word(text);
	}
	return 0;
}

int neap_kept_rules_check(const struct neap_kept_rules *rules, struct neap_error **err)
{
	bool kept = rules->persist == NEAP_PERSIST_UNIT && !rules->absent;

	for (size_t i = 0; kept && i < rules->rules.count; i++)
		if (check_rule(rules->rules.items[i], err) < 0)
			return -1;
	return 0;
}

static int check_chain(const struct neap_view *view, struct neap_arena *arena,
		       const struct neap_kept_rules *rules, const char *chain, struct neap_error **err)
{
	bool kept;
	int r;

	if (neap_table_has(rules->table.name, chain))
		return 0;
	r = neap_kept_has(view, &neap_kept_iptables, chain_file(&rules->table, chain, arena), &kept, err);
	if (r != 0 || kept)
		return r;
	neap_error_set(err, "%s is not kept for the boot, and the rule could not be loaded without it",
		       neap_chain_named(&rules->table, chain, arena));
	return neap_error_hint(err, "persist = \"unit\" for the neap.iptables_chain that makes it");
}

/* What a rule leads to may be a chain or what iptables knows by itself: on a machine that runs it is seen. */
static int check_target(const struct neap_view *view, struct neap_arena *arena,
			const struct neap_kept_rules *rules, const char *target, struct neap_error **err)
{
	const struct neap_chain *chain = NULL;
	int r = 0;

	if (!target || strcmp(target, rules->chain) == 0)
		return 0;
	if (neap_view_running(view))
		r = neap_view_chain(view, &rules->table, target, &chain, err);
	return r == 0 && chain ? check_chain(view, arena, rules, target, err) : r;
}

static int check_chains(const struct neap_view *view, struct neap_arena *arena,
			const struct neap_kept_rules *rules, struct neap_error **err)
{
	int r = rules->whole ? 0 : check_chain(view, arena, rules, rules->chain, err);

	for (size_t i = 0; r == 0 && i < rules->rules.count; i++)
		r = check_target(view, arena, rules, neap_rule_target(rules->rules.items[i], arena), err);
	return r;
}

/* ---- what is kept -------------------------------------------------------------------------------------- */

void neap_kept_rules_claim(const struct neap_kept_rules *rules, struct neap_claims *claims,
			   struct neap_arena *arena)
{
	struct neap_kept kept = kept_of(rules, arena);

	neap_kept_claim(&kept, claims);
}

int neap_kept_rules_read(const struct neap_view *view, const struct neap_context *ctx,
			 const struct neap_kept_rules *rules, struct neap_kept_state *ret,
			 struct neap_error **err)
{
	struct neap_kept kept = kept_of(rules, ctx->scratch);
	int r = kept.unit ? check_chains(view, ctx->scratch, rules, err) : 0;

	return r == 0 ? neap_kept_read(view, ctx, &kept, ret, err) : r;
}

int neap_kept_rules_make(struct neap_host *host, struct neap_arena *arena,
			 const struct neap_kept_rules *rules, struct neap_error **err)
{
	struct neap_kept kept = kept_of(rules, arena);

	return neap_kept_make(host, &kept, err);
}
