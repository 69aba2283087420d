/*
 * The service manager (systemd) at the other end of D-Bus. Private to host/: local_units.c asks, and
 * everything above asks a host. As root over the manager's own socket, which needs no bus, as systemctl does;
 * else over the system's bus.
 *
 * Nothing here waits for longer than it says, and a signal that ends the run ends every wait (EINTR).
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/value.h"
#include "host/machine.h"

/* A connection that is made when it is first needed, and again when it breaks. */
struct neap_bus;
/* `watch` is borrowed. `address` NULL: the manager's. */
struct neap_bus *neap_bus_new(const struct neap_machine_watch *watch, const char *address);
void neap_bus_free(struct neap_bus *bus); /* NULL is allowed */
/* Something that may take long comes: the manager, which tells everybody everything, shall not have to keep
 * it for us.
 */
void neap_bus_rest(struct neap_bus *bus);

#define NEAP_BUS_MANAGER "/org/freedesktop/systemd1"
#define NEAP_BUS_NAME "org.freedesktop.systemd1" /* of the service, and of its interfaces' and errors' */
#define NEAP_BUS_PROPERTIES "org.freedesktop.DBus.Properties"

struct neap_bus_timer;

/* A call, and what came back. */
struct neap_bus_call {
	const char *path, *interface; /* NULL: the manager and its own */
	const char *method;
	const char *strings[3];             /* arguments, NULL-terminated; or */
	const char *const *list;            /* one argument that is a list, … */
	size_t list_count;                  /* … not empty, of so many; or */
	const struct neap_bus_timer *timer; /* what starts it */

	struct neap_value value; /* the first part of the answer; NIL: it has none */
	const char *error;       /* its name, or NULL: all is well */
	const char *text;        /* what it says */
};
/* A property; the answer is its value. `interface` has no "org.freedesktop.systemd1." in front. */
struct neap_bus_call neap_bus_property(struct neap_arena *arena, const char *path, const char *interface,
				       const char *name);
/* All calls go out before the first answer is waited for. Negative: not all have been answered, after a
 * connection that broke was made again and everything asked again. What came back is in `arena`. */
int neap_bus_ask(struct neap_bus *bus, struct neap_bus_call *calls, size_t count, unsigned seconds,
		 struct neap_arena *arena, struct neap_error **err);
/* The object of a unit. */
const char *neap_bus_unit_path(struct neap_arena *arena, const char *name);

/* A timer that runs a program once, in so many seconds, and then goes. */
struct neap_bus_timer {
	const char *name; /* of its two units, without what they end in */
	const char *description;
	unsigned seconds;
	const char *argv[5];     /* absolute path first */
	const char *environment; /* one "NAME=value" */
};
/* 0: it runs. */
int neap_bus_timer(struct neap_bus *bus, const struct neap_bus_timer *timer, unsigned seconds,
		   struct neap_arena *arena, struct neap_error **err);

/* From now on jobs that end are remembered: before one is begun. */
void neap_bus_watch_jobs(struct neap_bus *bus);
struct neap_bus_job {
	const char *result; /* "done", "failed" …; NULL: it is over, and nobody has heard how */
	const char *unit;   /* the name that the manager has for it */
};
/* Waits until the job, an object, is over. errnum ETIMEDOUT: the time is. */
int neap_bus_await(struct neap_bus *bus, const char *job, unsigned seconds, struct neap_arena *arena,
		   struct neap_bus_job *ret, struct neap_error **err);
