/* What the files that write neap's state share. Private to state*.c. */
#pragma once

#include <stdint.h>

#include "base/map.h"
#include "base/str.h"
#include "host/state.h"

struct neap_arena;

struct neap_state {
	char *directory, *real; /* as given; its real path once it was asked for */
	int fd, lock, stages;
	int64_t since;   /* when it got the lock: seconds since 1970 */
	off_t mark;      /* so long is what its file says of the run */
	off_t kept, end; /* of the record: what stays for the next run, and all of it */
	int journal;     /* or -1 */
	off_t journal_end;
	struct neap_map owed;     /* addresses of the notices in it */
	struct neap_arena *words; /* … and their memory; or NULL */
};

/* Opens a state directory for reading, made with its parents when absent if `make`. -1 with *err, whose
 * errnum is ENOENT where it is not there. `root` as given to neap_state_open(). */
int neap_state_directory(const char *directory, const char *root, bool make, struct neap_error **err);
/* It is the caller's, and others may not write in it. */
int neap_state_check_directory(int fd, const char *directory, struct neap_error **err);
/* All of the file `name` there, NUL-terminated, at most 1 MB. NULL with *err. */
#define NEAP_STATE_FILE_MAX ((size_t)1 << 20)
char *neap_state_read(int at, const char *directory, const char *name, size_t *ret_len,
		      struct neap_error **err);

/* Takes the lock and says in its file who has it. 0, negative, NEAP_STATE_LOCKED. state_lock.c */
int neap_state_lock(struct neap_state *state, unsigned wait, struct neap_error **err);

/* ---- state_record.c, state_look.c ---- */

#define NEAP_RECORD_FILE "last-run.json"
struct neap_record;
/* The text of a record and the other way. */
struct neap_str neap_record_text(struct neap_arena *arena, const struct neap_record *record);
int neap_record_parse(struct neap_arena *arena, struct neap_str text, struct neap_record *ret,
		      struct neap_error **err);
/* 36 characters that are others after each start of the machine; "-" when they are not to be had. */
void neap_record_boot(char ret[40]);

/* Removes what nobody has gone on with for a week. */
void neap_state_sweep_downloads(struct neap_state *state);

/* Makes `name` below the directory `at` when absent, 0700 and durably, and opens it. -1 with errno. */
int neap_state_sub_directory(int at, const char *name);
