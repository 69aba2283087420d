/*
 * Facts: whatever the files of a machine say, a fact is there, or it is said why not, and a full name begins
 * with the host's; and whatever file --facts takes, what is told of it is such a file again.
 */
#include "engine/facts.h"
#include "base/document.h"
#include "host/machine.h"
#include "tests/fuzz/fuzz.h"

static int ask(void *ctx, enum neap_fact fact, struct neap_arena *arena,
	       struct neap_fact_answer answers[NEAP_FACT_COUNT], struct neap_error **err)
{
	struct neap_machine *machine = ctx;

	return neap_facts_ask(&machine->view, fact, arena, answers, err);
}

static void ask_machine(struct neap_arena *arena, const char *text, size_t size)
{
	static const char *const files[] = { "/etc/hostname", "/etc/hosts", "/etc/machine-id",
					     "/etc/os-release" };
	static const enum neap_fact asked[] = { NEAP_FACT_FQDN, NEAP_FACT_MACHINE_ID, NEAP_FACT_OS_ID };
	struct neap_fact_answer answers[NEAP_FACT_COUNT] = { 0 };
	struct neap_machine *machine;

	neap_host_memory_new(&machine);
	for (size_t i = 0; i < 4; i++)
		neap_host_memory_put(machine, files[i], NEAP_FILE_REGULAR, 0644, 0, 0, text, size);
	for (size_t i = 0; i < 3; i++)
		HOLDS(ask(machine, asked[i], arena, answers, NULL) == 0);
	for (size_t i = 0; i < NEAP_FACT_COUNT; i++)
		HOLDS(!answers[i].asked || (answers[i].value.kind == NEAP_NIL) == (answers[i].why != NULL));
	if (answers[NEAP_FACT_FQDN].value.kind == NEAP_STRING) {
		struct neap_text name = answers[NEAP_FACT_HOSTNAME].value.text,
				 full = answers[NEAP_FACT_FQDN].value.text;

		HOLDS(full.len > name.len + 1 && full.data[name.len] == '.');
		HOLDS(answers[NEAP_FACT_DOMAIN].value.text.len == full.len - name.len - 1);
	}
	neap_machine_free(machine);
}

static void replace(struct neap_arena *arena, struct neap_str text)
{
	struct neap_problems problems = { .arena = arena };
	struct neap_facts *facts = neap_facts_new(NULL, NULL), *again = neap_facts_new(NULL, NULL);
	struct neap_value all, used, written;

	if (neap_facts_replace(facts, "f", text, &problems) == 0) {
		HOLDS(neap_facts_value(facts, neap_facts_root(facts), arena, &all, NULL) == 0);
		neap_facts_root(facts)->used = true;
		used = neap_facts_used(facts, arena);
		HOLDS(neap_yaml_write(arena, &used, &written, NULL) == 0);
		HOLDS(neap_facts_replace(again, "f.yaml",
					 (struct neap_str){ written.text.data, written.text.len },
					 &problems) == 0);
	} else {
		HOLDS(problems.errors.count > 0);
	}
	neap_facts_free(facts);
	neap_facts_free(again);
	neap_vec_done(&problems.errors);
	neap_vec_done(&problems.warnings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *text = (const char *)data;

	ask_machine(arena, text, size);
	replace(arena, (struct neap_str){ text, size });
	return 0;
}
