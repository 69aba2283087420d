/*
 * Changes of a machine of tables that are taken back unless they are confirmed. Rules are taken back as on
 * the real machine, by the same lines; of the network the former tables are put back.
 */
#include "host/memory_parts.h"

#include <errno.h>

#include "host/inverse.h"

void neap_memory_confirm_done(struct memory *memory)
{
	neap_buf_done(&memory->armed.rules);
	neap_vec_done(&memory->armed.links);
	neap_vec_done(&memory->armed.addresses);
	neap_vec_done(&memory->armed.routes);
	neap_vec_done(&memory->armed.neighbours);
	memory->armed.waits = false;
}

#define COPY(to, from)                                                                                       \
	do {                                                                                                 \
		(to).count = 0;                                                                              \
		for (size_t i = 0; i < (from).count; i++)                                                    \
			neap_vec_push(&(to), (from).items[i]);                                               \
	} while (0)

int neap_memory_arm(struct neap_machine *machine, const char *what, const struct neap_confirm *confirm,
		    const struct neap_change *changes, size_t count, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(&machine->view);

	(void)confirm;
	if (machine->watch.stop && *machine->watch.stop)
		return neap_error_errno(err, EINTR, "arm %s", what);
	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "arm %s", what);
	neap_memory_confirm_done(memory);
	for (size_t table = 0; table < NEAP_TABLES_MAX; table++) {
		NEAP_VEC(const struct neap_change *) some = { 0 };
		const struct neap_ruleset *set;

		for (size_t i = 0; i < count; i++)
			if (changes[i].kind == NEAP_CHANGE_FIREWALL &&
			    neap_table_number(&changes[i].table) == table)
				neap_vec_push(&some, &changes[i]);
		if (some.count) {
			set = neap_memory_table(memory, &some.items[0]->table);
			neap_inverse_firewall(set, some.items, some.count, &memory->armed.rules);
		}
		neap_vec_done(&some);
	}
	COPY(memory->armed.links, memory->net.links);
	COPY(memory->armed.addresses, memory->net.addresses);
	COPY(memory->armed.routes, memory->net.routes);
	COPY(memory->armed.neighbours, memory->net.neighbours);
	memory->armed.net = count && changes[0].kind == NEAP_CHANGE_NET;
	memory->armed.waits = true;
	return 0;
}

static void undo_table(struct memory *memory, struct neap_str lines)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_inverse_rules rules;
	struct neap_ruleset *set, *now;
	struct neap_table table;

	if (!lines.len || neap_inverse_table(lines, arena, &table, NULL) < 0)
		return;
	set = neap_memory_table(memory, &table);
	now = neap_ruleset_copy(set);
	if (neap_inverse_rules(lines, now, arena, &rules, NULL) == 0)
		for (size_t i = 0; i < rules.steps.count; i++)
			neap_inverse_step(set, &rules.steps.items[i]);
	neap_vec_done(&rules.steps);
	neap_buf_done(&rules.left);
	neap_ruleset_free(now);
}

static void take_back(struct memory *memory)
{
	undo_table(memory, (struct neap_str){ memory->armed.rules.data, memory->armed.rules.len });
	if (memory->armed.net) {
		COPY(memory->net.links, memory->armed.links);
		COPY(memory->net.addresses, memory->armed.addresses);
		COPY(memory->net.routes, memory->armed.routes);
		COPY(memory->net.neighbours, memory->armed.neighbours);
		if (memory->net.net.parts)
			neap_net_done(&memory->net.net);
	}
	neap_memory_confirm_done(memory);
}

int neap_memory_await(struct neap_machine *machine, const struct neap_confirm *confirm,
		      struct neap_error **err)
{
	struct memory *memory = neap_memory_of(&machine->view);

	if (neap_memory_has_to_fail(memory)) {
		if (!memory->dies) /* whoever dies takes nothing back: its clock does */
			take_back(memory);
		return neap_error_errno(err, memory->errnum, "wait for the confirmation");
	}
	if (machine->watch.waits)
		machine->watch.waits(machine->watch.ctx, "waits for its confirmation");
	if (!memory->unconfirmed && !(machine->watch.stop && *machine->watch.stop)) {
		neap_memory_confirm_done(memory);
		return 0;
	}
	take_back(memory);
	return neap_error_set(err, "not confirmed within %us: what it changed has been taken back",
			      confirm->within);
}

int neap_memory_revert(struct neap_machine *machine, struct neap_error **err)
{
	struct memory *memory = neap_memory_of(&machine->view);

	if (neap_memory_has_to_fail(memory))
		return neap_error_errno(err, memory->errnum, "take back a change");
	take_back(memory);
	return 0;
}

void neap_host_memory_confirms(struct neap_machine *machine, bool confirms)
{
	neap_memory_of(&machine->view)->unconfirmed = !confirms;
}

bool neap_host_memory_expire(struct neap_machine *machine)
{
	struct memory *memory = neap_memory_of(&machine->view);
	bool waited = memory->armed.waits;

	if (waited)
		take_back(memory);
	return waited;
}
