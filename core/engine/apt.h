/*
 * dpkg and apt, as types use them: asked by queries, which change nothing and take no lock, and driven by
 * processes, which wait for the locks. What they print is read by base/apt.h. Knows no resource type.
 *
 * Questions answer 0, negative, or NEAP_UNKNOWN as neap_view_query() does.
 */
#pragma once

#include "base/apt.h"
#include "base/map.h"
#include "base/vec.h"
#include "host/host.h"

#define NEAP_APT_LOCK_WAIT 600 /* seconds, when nothing is said */

struct neap_words { /* of a command, as they are put together */
	NEAP_VEC(const char *) list;
};
void neap_words_add(struct neap_words *words, const char *const *more);
void neap_words_done(struct neap_words *words);

/* ---- questions --------------------------------------------------------------------------------------- */

/* One package has one name: of the machine's own architecture it goes without it. */
const char *neap_apt_plain_name(struct neap_arena *arena, const char *name, const char *native);

/* Of the packages `names` those that dpkg knows, by plain name: struct neap_dpkg_package. *ret_native: the
 * machine's architecture. */
int neap_apt_installed(const struct neap_view *view, struct neap_arena *arena, const struct neap_words *names,
		       struct neap_map *ret, const char **ret_native, struct neap_error **err);
/* Of the packages `names` those that apt knows, by the name asked for: struct neap_apt_policy. */
int neap_apt_policies(const struct neap_view *view, struct neap_arena *arena, const struct neap_words *names,
		      struct neap_map *ret, struct neap_error **err);
/* Whether dpkg has begun something and not ended it. */
bool neap_apt_interrupted(const struct neap_view *view, struct neap_arena *arena);

/* What apt-get install is told. */
struct neap_apt_request {
	struct neap_words words; /* name, name=version, name- */
	bool downgrade;          /* one of them may get an older version */
	bool held;               /* one of them may be on hold */
	bool again;              /* one of them is there and has to be unpacked again */
	int64_t lock_wait;       /* seconds */
};
/* What that would do. *ret_why: why it cannot be done, or NULL. *ret_broken: packages that are there do not
 * fit together; then all that is known is what would mend that, and the rest comes after it. */
int neap_apt_simulate(const struct neap_view *view, struct neap_arena *arena,
		      const struct neap_apt_request *request, struct neap_apt_simulation *ret,
		      const char **ret_why, bool *ret_broken, struct neap_error **err);

/* ---- changes ----------------------------------------------------------------------------------------- */

/* Does it; before that, what a run that was killed has left behind. Without `may_remove` nothing is removed.
 */
int neap_apt_install(struct neap_host *host, struct neap_arena *arena, const struct neap_apt_request *request,
		     bool may_remove, struct neap_error **err);
/* Runs a command of dpkg's or apt's that does not wait for a lock itself, and does that for it. `command` is
 * NULL-terminated, `names` (or NULL) are put behind it, `title` is what an error calls it. */
int neap_apt_run(struct neap_host *host, struct neap_arena *arena, const char *const *command,
		 const struct neap_words *names, int64_t lock_wait, const char *title,
		 struct neap_error **err);
