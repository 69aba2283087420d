#include "engine/firewall.h"

#include <ctype.h>
#include <strings.h>

#include "base/path.h"

#define CHAIN_MAX 28 /* as iptables takes */

const char *const neap_family_choices[] = { "ipv4", "ipv6", NULL };
const char *const neap_table_choices[] = { "filter", "nat", "mangle", "raw", "security", NULL };

/* Verdicts and extensions of iptables 1.8: it makes no chain that is named as a target, for what jumps there
 * could mean either. */
static bool is_target(enum neap_family family, const char *name)
{
	static const char *const both[] = { "ACCEPT",      "AUDIT",     "CHECKSUM", "CLASSIFY", "CONNMARK",
					    "CONNSECMARK", "CT",        "DNAT",     "DROP",     "DSCP",
					    "HMARK",       "IDLETIMER", "LED",      "LOG",      "MARK",
					    "MASQUERADE",  "NETMAP",    "NFLOG",    "NFQUEUE",  "NOTRACK",
					    "QUEUE",       "RATEEST",   "REDIRECT", "REJECT",   "RETURN",
					    "SECMARK",     "SET",       "SNAT",     "SYNPROXY", "TCPMSS",
					    "TCPOPTSTRIP", "TEE",       "TOS",      "TPROXY",   "TRACE",
					    NULL };
	static const char *const four[] = { "CLUSTERIP", "ECN", "TTL", "ULOG", NULL };
	static const char *const six[] = { "DNPT", "HL", "SNPT", NULL };
	const char *const *const lists[] = { both, family == NEAP_FAMILY_IPV6 ? six : four };

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (const char *const *at = lists[i]; *at; at++)
			if (strcmp(*at, name) == 0)
				return true;
	return false;
}

int neap_chain_check(const char *param, enum neap_family family, const char *name, struct neap_error **err)
{
	bool odd = name[0] == '-' || name[0] == '!';

	for (const char *at = name; *at; at++)
		odd = odd || *at == '"' || *at == '/' || !isgraph((unsigned char)*at);
	if (odd)
		return neap_error_set(err, "%s \"%s\" is no name of a chain", param, name);
	if (strlen(name) > CHAIN_MAX)
		return neap_error_set(err, "%s \"%s\" is longer than %d bytes", param, name, CHAIN_MAX);
	if (is_target(family, name))
		return neap_error_set(err, "%s \"%s\" is a target of iptables, and no name of a chain", param,
				      name);
	return 0;
}

/* Whoever is used to a shell. */
static bool has_apostrophe(const char *rule)
{
	bool quoted = false, begins = true;

	for (const char *at = rule; *at; at++) {
		if (*at == '\'' && begins && !quoted)
			return true;
		if (*at == '\\' && quoted && at[1])
			at++;
		else if (*at == '"')
			quoted = !quoted;
		begins = *at == ' ' || *at == '\t';
	}
	return false;
}

int neap_rule_check(const char *rule, struct neap_error **err)
{
	static const char *const commands[] = { "-A",       "-I",       "-D",       "-R",      "-t",
						"--append", "--insert", "--delete", "--table", "--replace" };
	struct neap_buf word NEAP_AUTO_BUF = { 0 };
	struct neap_str rest = neap_str(rule);
	bool first = true;
	int r;

	if (rest.len > NEAP_RULE_MAX)
		return neap_error_set(err, "a rule is longer than %d bytes", NEAP_RULE_MAX);
	for (const char *at = rule; *at; at++)
		if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
			return neap_error_set(err, "a rule holds a control character");
	while ((r = neap_rule_word(&rest, &word)) > 0) {
		for (size_t i = 0; first && i < sizeof commands / sizeof *commands; i++)
			if (word.len && strcmp(word.data, commands[i]) == 0) {
				neap_error_set(err, "a rule begins with %s", commands[i]);
				return neap_error_hint(err, "it is what follows -A CHAIN: table, chain and "
							    "position are parameters");
			}
		first = false;
	}
	if (r < 0)
		return neap_error_set(err, "a double quote is not closed in the rule %s", rule);
	if (strchr(rule, '\'') && has_apostrophe(rule)) {
		neap_error_set(err, "an apostrophe quotes nothing in a rule: %s", rule);
		return neap_error_hint(err, "iptables-restore knows double quotes only");
	}
	return 0;
}

/* The words of a rule as the last part of a path. */
static void put_part(struct neap_buf *out, const char *rule)
{
	struct neap_buf word NEAP_AUTO_BUF = { 0 };
	struct neap_str rest = neap_str(rule);

	neap_buf_puts(out, "-A");
	while (neap_rule_word(&rest, &word) > 0) {
		const char *quote = !word.len || strpbrk(word.data, " \t") ? "\"" : "";

		neap_buf_putc(out, ' ');
		neap_buf_puts(out, quote);
		for (const char *at = word.len ? word.data : ""; *at;) {
			size_t len = strcspn(at, "/");

			neap_buf_append(out, at, len);
			at += len;
			if (*at == '/') {
				neap_buf_puts(out, "\u2215");
				at++;
			}
		}
		neap_buf_puts(out, quote);
	}
}

/* What every chain knows, and no chain is named. */
static bool is_verdict(const char *target)
{
	return strcmp(target, "ACCEPT") == 0 || strcmp(target, "DROP") == 0 || strcmp(target, "RETURN") == 0;
}

void neap_rule_claim(struct neap_claims *claims, const struct neap_table *table, const char *chain,
		     const char *rule, bool absent, struct neap_arena *arena)
{
	const char *target = neap_rule_target(rule, arena);
	struct neap_buf path NEAP_AUTO_BUF = { 0 };

	neap_buf_puts(&path, neap_firewall_path(table, chain, arena));
	neap_buf_puts(&path, "/rules/");
	put_part(&path, rule);
	neap_claim_path(claims, path.data, NEAP_ASPECT_EXISTENCE, absent);
	if (!target || !*target || strchr(target, '/') || strcmp(target, chain) == 0 || is_verdict(target))
		return;
	path.len = 0;
	neap_buf_puts(&path, neap_firewall_path(table, target, arena));
	neap_buf_puts(&path, "/jumps/");
	neap_buf_puts(&path, chain);
	neap_buf_putc(&path, '/');
	put_part(&path, rule);
	neap_claim_path(claims, path.data, NEAP_ASPECT_EXISTENCE, absent);
}

/* Paths of the packet filter are neap's own, so nobody else may read them. */
const char *neap_firewall_named(const char *path, struct neap_arena *arena)
{
	char *words = neap_arena_strdup(arena, path), *part[4] = { 0 };
	const char *kind, *rule;

	if (!neap_path_below(neap_str(path), NEAP_STR(NEAP_FIREWALL_ROOT)))
		return path;
	words += strlen(NEAP_FIREWALL_ROOT "/");
	for (size_t i = 0; i < 4 && words; i++)
		part[i] = strsep(&words, "/");
	if (!part[2])
		return path;
	kind = part[3];
	rule = kind && words ? words : NULL;
	if (rule && strcmp(kind, "rules") == 0)
		return neap_arena_printf(arena, "the rule %s in the chain %s of the table %s (%s)",
					 strncmp(rule, "-A ", 3) == 0 ? rule + 3 : rule, part[2], part[1],
					 part[0]);
	return neap_arena_printf(arena, "the chain %s of the table %s (%s)", part[2], part[1], part[0]);
}

const char *neap_firewall_stands(const char *path, const char *above)
{
	static const char jumps[] = "/jumps/";

	if (!neap_path_below(neap_str(above), NEAP_STR(NEAP_FIREWALL_ROOT)))
		return "lies below";
	return strncmp(path + strlen(above), jumps, strlen(jumps)) == 0 ? "jumps to" : "is in";
}

const char *neap_chain_named(const struct neap_table *table, const char *chain, struct neap_arena *arena)
{
	return neap_arena_printf(arena, "chain %s of table %s (%s)", chain, table->name,
				 neap_family_choices[table->family]);
}

const char *neap_chain_meant(const struct neap_table *table, const char *name)
{
	const struct neap_table_kind *kind = neap_table_kinds;

	while (kind->name && strcmp(kind->name, table->name) != 0)
		kind++;
	for (const char *const *chain = kind->chains; chain && *chain; chain++)
		if (strcasecmp(*chain, name) == 0)
			return strcmp(*chain, name) != 0 ? *chain : NULL;
	return NULL;
}

const char *neap_chain_elsewhere(const char *name)
{
	for (const struct neap_table_kind *kind = neap_table_kinds; kind->name; kind++)
		for (const char *const *chain = kind->chains; chain && *chain; chain++)
			if (strcmp(*chain, name) == 0)
				return kind->name;
	return NULL;
}

int neap_chain_missing(const struct neap_table *table, const char *chain, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *meant = neap_chain_meant(table, chain);

	neap_error_set(err, "there is no %s", neap_chain_named(table, chain, arena));
	if (meant)
		return neap_error_hint(err, "did you mean \"%s\"?", meant);
	return neap_error_hint(err, "neap.iptables_chain makes one");
}
