/*
 * Changes that are taken back unless they are confirmed, as neap's state keeps them: a record for each, how
 *it is taken back in it, and who is first decides what becomes of it. Written by an apply (local_confirm.c,
 *by state_confirm.c); looked at, confirmed and taken back by whoever comes, without the lock.
 *
 *	confirm/ID.armed      it is in force, and its time runs
 *	confirm/ID.confirmed  it stays
 *	confirm/ID.reverting  it is being taken back: whoever holds the lock of this file does it, and when
 *			      nobody does, the next who comes goes on
 *	confirm/ID.reverted   it has been, but for what is said in it
 *
 * From one to the other by rename: of two who want something only one has it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

enum neap_armed_phase {
	NEAP_ARMED_WAITS,
	NEAP_ARMED_CONFIRMED,
	NEAP_ARMED_REVERTING,
	NEAP_ARMED_REVERTED,
	NEAP_ARMED_GONE, /* there is no such record */
};

#define NEAP_ARMED_ID_SIZE 17

struct neap_armed {
	char id[NEAP_ARMED_ID_SIZE];
	enum neap_armed_phase phase;
	const char *what;    /* the resource */
	int64_t since;       /* seconds since 1970 */
	int64_t until;       /* milliseconds of neap_confirm_clock() */
	unsigned within;     /* seconds */
	bool past;           /* of an earlier life of the machine: nothing of it is in force */
	bool elsewhere;      /* in another network namespace than the caller's */
	struct neap_str how; /* it is taken back (inverse.h); REVERTED: what could not be, a line each */
};

/* Milliseconds since the machine was started. */
int64_t neap_confirm_clock(void);
/* When the time of a record is over: seconds since 1970. */
int64_t neap_confirm_end(const struct neap_armed *armed);

/* All records below a state directory. None there: none. */
int neap_confirm_list(const char *directory, struct neap_arena *arena, struct neap_armed **ret,
		      size_t *ret_count, struct neap_error **err);
/* One of them; phase GONE: there is none. */
int neap_confirm_find(const char *directory, const char *id, struct neap_arena *arena, struct neap_armed *ret,
		      struct neap_error **err);
/* 1: it is confirmed by this call; 0: it did not wait any more. */
int neap_confirm_accept(const char *directory, const char *id, struct neap_error **err);

/* "12:00:05": of the day, in the zone of who looks. */
#define NEAP_HOUR_SIZE 16
const char *neap_confirm_hour(int64_t moment, char ret[NEAP_HOUR_SIZE]);
/* A change waits: an error that says which and until when. Returns NEAP_STATE_LOCKED (state.h). */
int neap_confirm_refuse(const struct neap_armed *armed, struct neap_error **err);
/* Whether what is there may be taken for good: 0, NEAP_STATE_LOCKED, or negative. Only looks: for a plan. */
int neap_confirm_look(const char *directory, struct neap_error **err);
/* Before an apply takes the lock: waits, at most `wait` seconds, while the time of a change runs. The same.
 */
int neap_confirm_wait(const char *directory, unsigned wait, struct neap_error **err);

/* ---- for who holds the lock, and who takes back (local_confirm.c) ---------------------------------------
 */

/* Of records alone; `at` is the folder that they lie in. */

struct neap_state;
/* Durable when it returns: its time runs. */
int neap_state_arm(struct neap_state *state, const struct neap_armed *armed, struct neap_error **err);
/* -1 with errnum ENOENT: there is none. */
int neap_confirm_folder(const char *directory, struct neap_error **err);
int neap_confirm_open(int at, const char *id, enum neap_armed_phase phase); /* -1 with errno */
int neap_confirm_load(int fd, const char *id, enum neap_armed_phase phase, struct neap_arena *arena,
		      struct neap_armed *ret, struct neap_error **err);
/* -1 with errno; ENOENT: somebody was faster. */
int neap_confirm_move(int at, const char *id, enum neap_armed_phase from, enum neap_armed_phase to);
void neap_confirm_forget(int at, const char *id, enum neap_armed_phase phase);
/* It has been taken back, but for what is left. */
void neap_confirm_reverted(int at, const struct neap_armed *armed, struct neap_str left);

struct neap_machine;
/* The clock, which is a process of its own or of the service manager, runs `program` (absolute) as "PROGRAM
 * revert ID --state-dir DIRECTORY". Without a program no change can wait. Borrowed. */
void neap_host_local_program(struct neap_machine *local, const char *program);
/* Before a run, under its lock: what earlier ones have left. What is over is taken back, and `said` in a line
 * each. 0, NEAP_STATE_LOCKED when something waits, or negative. */
int neap_confirm_clear(struct neap_machine *local, const char *directory, struct neap_buf *said,
		       struct neap_error **err);
/* Waits until the time of the record is over, and takes it back if it still waits. Negative: not all of it
 * could be. */
int neap_confirm_revert(struct neap_machine *local, const char *directory, const char *id,
			struct neap_error **err);
