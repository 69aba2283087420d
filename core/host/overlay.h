/*
 * Copy on write over a machine: reads fall through, changes stay here. A plan throws them away; an apply
 * lands them in groups.
 *
 * Laws:
 * - Transparent changes (files, directories, links) are computed: a read after them answers what the machine
 *   would. Links on the way are resolved over both layers together.
 * - Opaque changes (neap_host_run, neap_host_unit) do not run in a plan. For a step that stands on one
 * (neap_overlay_step's `pending`), what is absent reads as NEAP_UNKNOWN, with that cause; what is present
 * reads as it is. What the process declares as `effects` reads as unknown for all.
 * - A change of something unknown succeeds and the overlay then holds what was wanted, for the parameters
 *   given.
 * - A read that fails while `pending` is set is NEAP_UNKNOWN with that cause, never an error.
 * - What a job of a unit leads to is kept by the unit's name; what is held in the directories of units' files
 *   says what the manager makes of it once it has read them.
 * - A query sees the machine, not the overlay: behind any change it is NEAP_UNKNOWN in a plan, and in an
 * apply what is held lands before it.
 */
#pragma once

#include "host/host.h"
#include "host/machine.h"

enum neap_overlay_mode {
	NEAP_OVERLAY_PLAN,  /* the machine is only read */
	NEAP_OVERLAY_APPLY, /* opaque changes land what is held, then run; see neap_overlay_land() */
};

#define NEAP_NO_STEP UINT32_MAX

struct neap_host *neap_overlay_new(struct neap_machine *machine, enum neap_overlay_mode mode);
void neap_overlay_free(struct neap_host *overlay);

/* From now on changes belong to `step`. `pending` is the nearest opaque change that this step stands on, or
 * NEAP_NO_STEP. */
void neap_overlay_step(struct neap_host *overlay, uint32_t step, uint32_t pending);
/* Of the current step: the nearest step that it stands on and that changes or may change something, or
 * NEAP_NO_STEP: in a plan a query cannot see that change, so its answer is not known. `any`: the last step at
 * all that does, for queries that may look at anything. */
void neap_overlay_moved(struct neap_host *overlay, uint32_t moved, uint32_t any);
/* How many changes of the run have been held by now; and the same of the last that the current step stands
 * on: changes of one table land together, but none before what it stands on. */
uint64_t neap_overlay_serial(const struct neap_host *overlay);
void neap_overlay_behind(struct neap_host *overlay, uint64_t serial);
/* Whether the current step has made an opaque change. */
bool neap_overlay_opaque(const struct neap_host *overlay);
/* Changes and bytes held since the last landing; the number at which the current step began. */
size_t neap_overlay_held(const struct neap_host *overlay, uint64_t *ret_bytes);
/* The changes of the current step that are still held. */
const struct neap_change *neap_overlay_changes(const struct neap_host *overlay, size_t *ret_count);
/* What the changes of the current step that are still held have taken along of the network, beside what they
 * were about, in words: "route default via 192.0.2.1 on eth0". Links first, then routes, those to most before
 * others. In `arena`; returns how many. */
size_t neap_overlay_net_along(const struct neap_host *overlay, struct neap_arena *arena,
			      const char *const **ret);
/* Takes back the changes of the current step (it failed half way): the overlay is as before it. */
void neap_overlay_undo(struct neap_host *overlay);
/* Commits what is held and forgets it, so that the next read sees the machine. APPLY only. */
int neap_overlay_land(struct neap_host *overlay, const struct neap_commit *commit, struct neap_error **err);
/* How landing is done when neap_host_run() makes it necessary. APPLY only; `commit` is borrowed. */
void neap_overlay_commit(struct neap_host *overlay, const struct neap_commit *commit);
