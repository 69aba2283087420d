/* Regular expressions by PCRE2. The limits hold for any pattern: a search ends, with an answer or an error.
 */
#include "base/regex.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/libpcre2.h"

#define MATCH_LIMIT 2000000 /* calls of the matcher, some 100 ms */
#define DEPTH_LIMIT 100000
#define HEAP_LIMIT (32 * 1024) /* KiB */
#define SHOWN 100              /* bytes of a pattern in an error */

struct neap_regex {
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_match_data *spare; /* kept from the last search: making one costs more than a short search */
	char *pattern;
};

static int shown(const char *pattern)
{
	size_t len = strlen(pattern);

	return (int)(len > SHOWN ? SHOWN : len);
}

int neap_regex_new(const char *pattern, struct neap_regex **ret, struct neap_error **err)
{
	struct neap_regex *regex;
	PCRE2_SIZE offset;
	PCRE2_UCHAR reason[256];
	pcre2_code *code;
	int code_errno;

	code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_NEVER_UTF, &code_errno,
			     &offset, NULL);
	if (!code) {
		if (code_errno == PCRE2_ERROR_NOMEMORY)
			neap_out_of_memory();
		pcre2_get_error_message(code_errno, reason, sizeof(reason));
		return neap_error_set(err, "regular expression \"%.*s\": %s at offset %zu", shown(pattern),
				      pattern, (char *)reason, (size_t)offset);
	}
	regex = neap_alloc(sizeof(*regex));
	*regex = (struct neap_regex){ .code = code, .limits = pcre2_match_context_create(NULL) };
	regex->pattern = strdup(pattern);
	if (!regex->limits || !regex->pattern)
		neap_out_of_memory();
	pcre2_set_match_limit(regex->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(regex->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(regex->limits, HEAP_LIMIT);
	*ret = regex;
	return 0;
}

void neap_regex_free(struct neap_regex *regex)
{
	if (!regex)
		return;
	pcre2_match_data_free(regex->spare);
	pcre2_match_context_free(regex->limits);
	pcre2_code_free(regex->code);
	free(regex->pattern);
	free(regex);
}

int neap_regex_search(const struct neap_regex *regex, struct neap_str text, bool *ret_found,
		      struct neap_error **err)
{
	/* Taken out while in use, so that two searches at once do not meet. */
	pcre2_match_data **spare = (pcre2_match_data **)&regex->spare;
	pcre2_match_data *match = __atomic_exchange_n(spare, NULL, __ATOMIC_ACQ_REL);
	PCRE2_UCHAR reason[256];
	int found;

	if (!match)
		match = pcre2_match_data_create(1, NULL);
	if (!match)
		neap_out_of_memory();
	found = pcre2_match(regex->code, (PCRE2_SPTR)(text.data ? text.data : ""), text.len, 0, 0, match,
			    regex->limits);
	pcre2_match_data_free(__atomic_exchange_n(spare, match, __ATOMIC_ACQ_REL));

	if (found == PCRE2_ERROR_NOMEMORY)
		neap_out_of_memory();
	if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
		pcre2_get_error_message(found, reason, sizeof(reason));
		return neap_error_set(err, "regular expression \"%.*s\": %s", shown(regex->pattern),
				      regex->pattern, (char *)reason);
	}
	*ret_found = found != PCRE2_ERROR_NOMATCH; /* 0: found, and more groups than asked for */
	return 0;
}
