/* Runs one program to its end. Private to host/: everything above asks a host (neap_host_run,
 * neap_view_query).
 */
#pragma once

#include <signal.h>

#include "base/arena.h"
#include "base/error.h"
#include "host/host.h"

/* Who a program runs as. */
struct neap_identity {
	uint32_t uid, gid;
	const uint32_t *groups; /* supplementary */
	size_t group_count;
	const char *home;
};
/* By /etc/passwd and /etc/group of `view`. 0, negative, NEAP_UNKNOWN. */
int neap_identity_find(const struct neap_view *view, const char *user, struct neap_arena *arena,
		       struct neap_identity *ret, struct neap_error **err);

struct neap_process_place {
	const char *root;                     /* it runs in this root; NULL: in neap's own */
	bool read_only;                       /* as root: every file system is read-only for it */
	const struct neap_identity *identity; /* NULL: the caller */
	const volatile sig_atomic_t *stop;    /* set: it is ended at once, with EINTR; or NULL */
	int input;                            /* its standard input; 0: empty */
	int network;                          /* the network namespace that it runs in; 0: neap's own */
};

/* Where a program of this name is looked for outside a root, in that order, ended by NULL. */
const char *const *neap_process_places(const char *name, struct neap_arena *arena);
/* The file that a program of this name is here: the first one where neap_process_run() looks for it, behind
 * all links. NULL: there is none. */
const char *neap_process_locate(const char *name, struct neap_arena *arena);

/* No shell; argv[0] is looked up in PATH and the system's usual directories; standard input is empty. 0 when
 * the program ended, whatever its status; negative when it could not be started or had to be killed because
 * its time was over. */
int neap_process_run(const struct neap_process *process, const struct neap_process_place *place,
		     struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err);
