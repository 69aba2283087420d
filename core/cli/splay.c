/* See splay.h. */
#include "cli/splay.h"

#include <errno.h>
#include <time.h>

#include "base/digest.h"
#include "base/moment.h"
#include "cli/cli.h"
#include "host/machine.h"

int64_t neap_cli_splay_ms(const char *machine, const char *recipe, unsigned seconds)
{
	struct neap_buf key NEAP_AUTO_BUF = { 0 };
	uint8_t digest[NEAP_DIGEST_SIZE];
	uint64_t number = 0;

	/* A machine id is not to be shown, and neither is it: who sees a wait learns nothing of it. */
	neap_buf_printf(&key, "neap splay%c%s%c%s", '\0', machine, '\0', recipe);
	neap_digest(key.data, key.len, digest);
	for (size_t i = 0; i < sizeof number; i++)
		number = number << 8 | digest[i];
	return (int64_t)(((unsigned __int128)number * ((uint64_t)seconds * 1000)) >> 64);
}

/* What no other machine has: /etc/machine-id, else the host name. It is the machine that runs, whatever the
 * root is. */
static const char *machine_name(struct neap_arena *arena)
{
	static const enum neap_fact facts[] = { NEAP_FACT_MACHINE_ID, NEAP_FACT_HOSTNAME };
	struct neap_fact_answer answers[NEAP_FACT_COUNT] = { 0 };
	struct neap_machine *machine;
	const char *name = "";

	if (neap_host_local_new("/", NULL, &machine, NULL) < 0)
		return name;
	for (size_t i = 0; i < sizeof facts / sizeof *facts && !*name; i++)
		if (neap_facts_ask(&machine->view, facts[i], arena, answers, NULL) == 0 &&
		    answers[facts[i]].value.kind == NEAP_STRING)
			name = neap_arena_copy(arena, answers[facts[i]].value.text.data,
					       answers[facts[i]].value.text.len);
	neap_machine_free(machine);
	return name;
}

void neap_cli_splay(const struct neap_cli_options *options)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct timespec until;

	if (!options->splay)
		return;
	int64_t wait = neap_cli_splay_ms(machine_name(arena), options->operand, options->splay);
	if (options->verbose)
		fprintf(stderr, "neap: waits for %.1f s before it begins (--splay %s)\n", (double)wait / 1000,
			neap_duration_text(options->splay, arena));
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait / 1000;
	until.tv_nsec += wait % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}
