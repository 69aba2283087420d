/* core/engine/unit_index.c: an index that follows what changes is the one that would be made now, and costs
 * what changes. That what it says is systemd's is property-unit_enable's business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/unit_index.h"
#include "host/overlay.h"

#define ETC "/etc/systemd/system"
#define ROUNDS 400
#define CHANGES 40

static uint64_t state_of;

static unsigned draw(unsigned below)
{
	state_of = state_of * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(state_of >> 33) % below;
}

static const char *const tops[] = { "a.service",      "b.service",         "c.service",
				    "m.target.wants", "n.target.requires", "x" };
static const char *const names[] = { "a.service", "b.service", "c.service", "t@.service" };
static const char *const targets[] = { "a.service",   "b.service", ETC "/c.service", "/usr/x/a.service",
				       "x/a.service", "../../..",  "m.target.wants" };
#define ONE_OF(list) list[draw(sizeof list / sizeof *list)]

/* A path there, of an entry or below one; or above. */
static const char *draw_path(struct neap_arena *arena)
{
	switch (draw(12)) {
	case 0:
		return "/etc/hostname";
	case 1:
		return draw(4) ? ETC "/x/y/z" : ETC;
	case 2:
	case 3:
	case 4:
	case 5:
		return neap_arena_printf(arena, ETC "/%s/%s", ONE_OF(tops), ONE_OF(names));
	default:
		return neap_arena_printf(arena, ETC "/%s", ONE_OF(tops));
	}
}

/* What is refused is none. */
static void change(struct neap_host *overlay, struct neap_arena *arena)
{
	const struct neap_file_write write = {
		.content = { .data = "", .size = 0 }, .mode = 0644, .uid = NEAP_KEEP, .gid = NEAP_KEEP
	};
	const char *path = draw_path(arena);

	switch (draw(8)) {
	case 0:
		(void)neap_host_write(overlay, path, &write, NULL);
		break;
	case 1:
		(void)neap_host_mkdir(overlay, path, 0755, 0, 0, NULL);
		break;
	case 2:
		(void)neap_host_mkdir_parents(overlay, path, NULL);
		break;
	case 3:
		(void)neap_host_rmdir(overlay, path, NULL);
		break;
	case 4:
		(void)neap_host_unlink(overlay, path, NULL);
		break;
	case 5:
		(void)(draw(20) ? 0 : neap_host_unsettle(overlay, path, NULL));
		break;
	default:
		(void)neap_host_symlink(overlay, path, ONE_OF(targets), NULL);
	}
}

static const char *print(const struct neap_unit_names *list, const char *what, const char *name,
			 struct neap_arena *arena)
{
	const char *text = "";

	for (size_t i = 0; i < list->count; i++)
		text = neap_arena_printf(arena, "%s%s of %s: %s\n", text, what, name, list->items[i]);
	return text;
}

static const char *dump(const struct neap_unit_index *index, bool listed, struct neap_arena *arena)
{
	static const char *const all[] = { "a.service",  "b.service", "c.service",
					   "t@.service", "x",         "m.target.wants" };
	const char *text = print(&index->directories, "directory", "it", arena);

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		text = neap_arena_printf(
			arena, "%s%s%s", text,
			print(neap_unit_index_leads(index, all[i]), "lead", all[i], arena),
			listed ? print(neap_unit_index_entries(index, all[i]), "entry", all[i], arena) : "");
	return text;
}

static struct neap_machine *machine_of(void)
{
	struct neap_machine *machine;

	assert_int_equal(neap_host_memory_new(&machine), 0);
	neap_host_memory_put(machine, ETC, NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL, 0);
	return machine;
}

/* One that is made now and has listed what it can. */
static int make(const struct neap_view *view, struct neap_arena *arena, struct neap_unit_index **ret)
{
	int r = neap_unit_index_read(view, NULL, arena, ret, NULL);

	for (unsigned i = 0; r == 0 && i < 10; i++)
		assert_int_equal(neap_unit_index_list(view, *ret, NULL), 0);
	return r;
}

static void unit_index__follows_what_changes(void **state)
{
	unsigned followed = 0, listed = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
		struct neap_arena *own NEAP_AUTO_ARENA = neap_arena_new();
		struct neap_memo memo = { .arena = own };
		const struct neap_context context = { .memo = &memo };
		struct neap_machine *machine = machine_of();
		struct neap_host *overlay = neap_overlay_new(machine, NEAP_OVERLAY_PLAN);
		struct neap_unit_index *kept, *anew;

		state_of = seed;
		for (unsigned i = 0; i < 5; i++) {
			const char *path = draw_path(arena);
			if (draw(2))
				neap_host_memory_put(machine, path, NEAP_FILE_LINK, 0777, 0, 0,
						     ONE_OF(targets), 9);
		}
		neap_overlay_step(overlay, 0, draw(3) ? NEAP_NO_STEP : 1);
		for (unsigned i = 0; i < CHANGES; i++) {
			int r = neap_unit_index_read(&overlay->view, &context, arena, &kept, NULL);

			assert_int_equal(r, make(&overlay->view, arena, &anew));
			if (r == 0) {
				followed += kept->asked > 0; /* else it is made now */
				if (anew->listed)
					for (unsigned n = 0; n < 10; n++)
						assert_int_equal(
							neap_unit_index_list(&overlay->view, kept, NULL), 0);
				assert_false(kept->listed && !anew->listed);
				if (strcmp(dump(kept, kept->listed, arena),
					   dump(anew, kept->listed, arena)) != 0)
					fail_msg("seed %u, change %u:\n%sis not\n%s", (unsigned)seed, i,
						 dump(kept, kept->listed, arena),
						 dump(anew, kept->listed, arena));
				listed += kept->listed;
				neap_unit_index_release(anew);
			}
			for (unsigned n = draw(4); n > 0; n--)
				change(overlay, arena);
			if (draw(8) == 0)
				neap_overlay_undo(overlay);
			if (draw(8) == 0) /* of another step, in which something else may pend */
				neap_overlay_step(overlay, i, draw(3) ? NEAP_NO_STEP : i);
		}
		neap_memo_reset(&memo);
		neap_overlay_free(overlay);
		neap_machine_free(machine);
	}
	print_message("followed %u times, listed %u times\n", followed, listed);
	assert_true(followed > ROUNDS * CHANGES / 4 && listed > ROUNDS * CHANGES / 4);
}

/* Links of others there are looked at once, however many units are enabled one after the other. */
static void unit_index__is_made_once(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_memo memo = { .arena = neap_arena_new() };
	const struct neap_context context = { .memo = &memo };
	struct neap_machine *machine = machine_of();
	struct neap_host *overlay = neap_overlay_new(machine, NEAP_OVERLAY_PLAN);
	struct neap_unit_index *index;
	uint64_t before = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		neap_host_memory_put(machine, neap_arena_printf(arena, ETC "/link%u.service", i),
				     NEAP_FILE_LINK, 0777, 0, 0, "/usr/x/a.service", 16);
	neap_overlay_step(overlay, 0, NEAP_NO_STEP);
	assert_int_equal(neap_host_mkdir(overlay, ETC "/m.target.wants", 0755, 0, 0, NULL), 0);
	for (unsigned i = 0; i < 200; i++) {
		const char *path = neap_arena_printf(arena, ETC "/m.target.wants/%u.service", 199 - i);

		assert_int_equal(neap_unit_index_read(&overlay->view, &context, arena, &index, NULL), 0);
		assert_int_equal(neap_unit_index_list(&overlay->view, index, NULL), 0);
		assert_int_equal(neap_host_symlink(overlay, path, "/x", NULL), 0);
		if (i == 0)
			before = neap_host_memory_calls(machine);
	}
	assert_int_equal(neap_unit_index_read(&overlay->view, &context, arena, &index, NULL), 0);
	assert_true(index->listed);
	assert_int_equal(neap_unit_index_leads(index, "a.service")->count, 100);
	assert_int_equal(neap_unit_index_entries(index, "7.service")->count, 1);
	assert_int_equal(neap_host_memory_calls(machine) - before, 0);
	neap_overlay_free(overlay);
	neap_machine_free(machine);
	neap_memo_reset(&memo);
	neap_arena_free(memo.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unit_index__follows_what_changes),
		cmocka_unit_test(unit_index__is_made_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
