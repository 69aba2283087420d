/*
 * neap's own state on the machine: the lock, the record of staging directories, backups. The one file that
 * writes it is state.c. The directory is 0700; see docs/contract.md for where it lies.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct neap_state;

/* Returned by neap_state_open when another run holds the lock. */
#define NEAP_STATE_LOCKED (-3)

/*
 * Makes the directory when absent, takes the lock (waiting at most `wait` seconds) and removes what a dead
 * run left in its staging directories below `root`. The error for a held lock names pid and age.
 */
int neap_state_open(const char *directory, const char *root, unsigned wait, struct neap_state **ret,
		    struct neap_error **err);
void neap_state_close(struct neap_state *state); /* releases the lock */
/* From now on the run waits until this unit has started; NULL: no more. Another run in the unit that waits
 * for the lock will see it, and give up. */
void neap_state_starts(struct neap_state *state, const char *unit);
/* The directory, by its real path. */
const char *neap_state_path(struct neap_state *state);

/* Writes down, durably, that `path` (real path of a staging directory or a temp) may be left behind. */
int neap_state_note_stage(struct neap_state *state, const char *path, struct neap_error **err);
/* All noted ones are gone. */
int neap_state_forget_stages(struct neap_state *state, struct neap_error **err);
/* Copies the open file `fd` to a new 0600 file in the backup folder, durably. `path` is the machine's. */
int neap_state_backup(struct neap_state *state, const char *path, int fd, struct neap_error **err);
/* Keeps derived data in cache/KIND-KEY, at one moment; of one kind the newest 100 stay. Best effort. */
void neap_state_cache(struct neap_state *state, const char *kind, const char *key, const void *data,
		      size_t len);
/* Whether both may be part of a file's name: letters, digits, "." "_" "-", not too long. */
bool neap_state_cache_name(const char *kind, const char *key);
/*
 * downloads/NAME, where bytes from elsewhere lie while they come, opened to be read and written: with what a
 * run that died has left of them, or empty. *ret_path is malloc'd. Negative with *err. What was not touched
 * for a week is removed by neap_state_open().
 */
int neap_state_download(struct neap_state *state, const char *name, char **ret_path, struct neap_error **err);
/* It is where it belongs, or of no use any more. */
void neap_state_download_done(struct neap_state *state, const char *path);
/* The default state directory: see docs/contract.md. `root` as given by --root or NULL. malloc'd. */
char *neap_state_default_directory(const char *root);
