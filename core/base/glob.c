/*
 * See glob.h. A pattern is a row of tokens; while a name is read, a set of bits says after which tokens the
 * match may stand. So there is no backtracking, and nothing that a pattern could make slow.
 */
#include "base/glob.h"

enum token_kind { BYTE, ANY, SET, STAR, STARS };

struct token {
	enum token_kind kind;
	unsigned char byte;
	uint64_t set[4];
};

struct neap_glob {
	const char *text;
	size_t count;
	struct token tokens[];
};

#define WORDS ((NEAP_GLOB_MAX + 64) / 64)

static bool has(const uint64_t *bits, size_t i)
{
	return (bits[i / 64] >> (i % 64)) & 1;
}

static void put(uint64_t *bits, size_t i)
{
	bits[i / 64] |= (uint64_t)1 << (i % 64);
}

/* The set that begins after the "[" at `at`; its end, or NULL when there is none. */
static const char *read_set(const char *at, struct token *token)
{
	bool negated = *at == '!' || *at == '^';
	const char *start = at += negated;

	*token = (struct token){ .kind = SET };
	for (; *at && (*at != ']' || at == start); at++) {
		unsigned char first, last;

		if (*at == '\\' && at[1])
			at++;
		first = last = (unsigned char)*at;
		if (at[1] == '-' && at[2] && at[2] != ']') {
			at += 2;
			if (*at == '\\' && at[1])
				at++;
			last = (unsigned char)*at;
		}
		for (unsigned byte = first; byte <= last; byte++)
			put(token->set, byte);
	}
	if (negated)
		for (unsigned i = 0; i < 4; i++)
			token->set[i] = ~token->set[i];
	token->set['/' / 64] &= ~((uint64_t)1 << ('/' % 64));
	return *at ? at : NULL;
}

int neap_glob_new(const char *pattern, struct neap_arena *arena, const struct neap_glob **ret,
		  struct neap_error **err)
{
	size_t len = strlen(pattern);
	struct neap_glob *glob;

	if (!len)
		return neap_error_set(err, "a pattern is empty");
	if (len > NEAP_GLOB_MAX)
		return neap_error_set(err, "a pattern of %zu bytes is too long: %d are the most", len,
				      NEAP_GLOB_MAX);
	glob = neap_arena_alloc(arena, sizeof *glob + len * sizeof(struct token));
	glob->text = neap_arena_strdup(arena, pattern);
	for (const char *at = pattern; *at; at++) {
		struct token *token = &glob->tokens[glob->count++];

		switch (*at) {
		case '*':
			token->kind = at[1] == '*' ? STARS : STAR;
			while (at[1] == '*')
				at++;
			break;
		case '?':
			token->kind = ANY;
			break;
		case '[':
			at = read_set(at + 1, token);
			if (!at)
				return neap_error_set(err, "the pattern \"%s\" has a [ without its ]",
						      pattern);
			break;
		case '\\':
			if (!at[1])
				return neap_error_set(err, "the pattern \"%s\" ends in a single \\", pattern);
			at++;
			/* fall through */
		default:
			*token = (struct token){ .kind = BYTE, .byte = (unsigned char)*at };
		}
	}
	*ret = glob;
	return 0;
}

const char *neap_glob_text(const struct neap_glob *glob)
{
	return glob->text;
}

static bool fits(const struct token *token, unsigned char byte)
{
	switch (token->kind) {
	case BYTE:
		return token->byte == byte;
	case ANY:
	case STAR:
		return byte != '/';
	case SET:
		return has(token->set, byte);
	case STARS:
		return true;
	}
	return false;
}

/* Bit i: the match may stand before token i. A star may be left without any byte. */
static void reach(const struct neap_glob *glob, uint64_t *bits, size_t i)
{
	while (!has(bits, i)) {
		put(bits, i);
		if (i == glob->count || (glob->tokens[i].kind != STAR && glob->tokens[i].kind != STARS))
			return;
		i++;
	}
}

bool neap_glob_covers(const struct neap_glob *glob, struct neap_str name)
{
	uint64_t now[WORDS] = { 0 }, next[WORDS];
	size_t words = glob->count / 64 + 1;

	reach(glob, now, 0);
	for (size_t at = 0; at < name.len; at++) {
		unsigned char byte = (unsigned char)name.data[at];
		uint64_t any = 0;

		if (byte == '/' && at && has(now, glob->count))
			return true;
		memset(next, 0, words * sizeof *next);
		for (size_t i = 0; i < glob->count; i++) {
			if (!has(now, i) || !fits(&glob->tokens[i], byte))
				continue;
			if (glob->tokens[i].kind == STAR || glob->tokens[i].kind == STARS)
				reach(glob, next, i);
			else
				reach(glob, next, i + 1);
		}
		for (size_t i = 0; i < words; i++)
			any |= now[i] = next[i];
		if (!any)
			return false;
	}
	return has(now, glob->count);
}
