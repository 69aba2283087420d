/* /etc/passwd and /etc/group: whoever is found by a name is found by the number, and the number is the same.
 */
#include "host/machine.h"
#include "tests/fuzz/fuzz.h"

static void look_up(const struct neap_view *view, struct neap_arena *arena, const char *name)
{
	uint32_t id, again;

	if (!*name || !name[strspn(name, "0123456789")])
		return; /* a number is itself */
	if (neap_view_user(view, name, &id, NULL) == 0)
		HOLDS(neap_view_user(view, neap_view_user_name(view, id, arena), &again, NULL) == 0 &&
		      id == again);
	if (neap_view_group(view, name, &id, NULL) == 0)
		HOLDS(neap_view_group(view, neap_view_group_name(view, id, arena), &again, NULL) == 0 &&
		      id == again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *text = (const char *)data;
	struct neap_machine *machine;

	neap_host_memory_new(&machine);
	neap_host_memory_put(machine, "/etc/passwd", NEAP_FILE_REGULAR, 0644, 0, 0, text, size);
	neap_host_memory_put(machine, "/etc/group", NEAP_FILE_REGULAR, 0644, 0, 0, text, size);
	for (size_t at = 0, lines = 0; at < size && lines < 64; lines++) {
		size_t len = 0;

		while (at + len < size && text[at + len] != ':' && text[at + len] != '\n')
			len++;
		look_up(&machine->view, arena, neap_arena_copy(arena, text + at, len));
		for (at += len; at < size && text[at] != '\n';)
			at++;
		at++;
	}
	neap_view_user_name(&machine->view, 0, arena);
	neap_view_group_name(&machine->view, 0, arena);
	neap_machine_free(machine);
	return 0;
}
