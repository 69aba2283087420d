/*
 * A resource type for tests only: an opaque change, as a command is one. It makes and rewrites files by a
 * process, which a plan cannot foresee and does not run.
 */
#pragma once

#include "engine/resource.h"
#include "host/machine.h"

extern const struct neap_resource_type neap_test_opaque;

/* The directory that the machine's root is; "" for a memory machine. Set it before a run. */
extern const char *neap_test_root;
/* What the process does, on a memory machine. */
int neap_test_opaque_run(struct neap_machine *memory, const struct neap_process *process, void *ctx);
/* How many times a process ran, or a refresh was delivered, since start. */
extern unsigned neap_test_opaque_runs, neap_test_opaque_refreshes;
