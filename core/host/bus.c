/*
 * See bus.h. The only file that knows sd-bus, which is loaded when the first unit is asked for.
 *
 * A connection may break at any time: a manager that replaces itself (daemon-reexec) closes all, and one
 * whose signals nobody reads for long is cut off. So every connection is looked at before it is used, and
 * whatever was not answered is asked again over a new one: questions, and calls that may come twice.
 */
#include "host/bus.h"

#include <systemd/sd-bus.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/library.h"
#include "base/vec.h"

#define LIBRARY "libsystemd.so.0"
#define OWN_SOCKET "unix:path=/run/systemd/private"
#define MANAGER_INTERFACE NEAP_BUS_NAME ".Manager"
#define SECOND ((uint64_t)1000000)
#define SLICE (SECOND / 10)    /* so soon a signal is heeded that came between looking and waiting */
#define PAUSE (SECOND / 20)    /* between two tries to connect */
#define FIRST_TRY (2 * SECOND) /* for a first connection */
#define BROKEN_MAX 5           /* connections that one question may break */
#define ALWAYS UINT64_MAX

/* ---- the library --------------------------------------------------------------------------------------- */

#define FUNCTIONS(X)                                                                                         \
	X(sd_bus_call_async)                                                                                 \
	X(sd_bus_close)                                                                                      \
	X(sd_bus_is_open)                                                                                    \
	X(sd_bus_match_signal_async)                                                                         \
	X(sd_bus_message_append)                                                                             \
	X(sd_bus_message_append_strv)                                                                        \
	X(sd_bus_message_enter_container)                                                                    \
	X(sd_bus_message_exit_container)                                                                     \
	X(sd_bus_message_get_error)                                                                          \
	X(sd_bus_message_is_method_error)                                                                    \
	X(sd_bus_message_new_method_call)                                                                    \
	X(sd_bus_message_peek_type)                                                                          \
	X(sd_bus_message_read)                                                                               \
	X(sd_bus_message_read_array)                                                                         \
	X(sd_bus_message_read_basic)                                                                         \
	X(sd_bus_message_unref)                                                                              \
	X(sd_bus_new)                                                                                        \
	X(sd_bus_open_system)                                                                                \
	X(sd_bus_path_encode)                                                                                \
	X(sd_bus_process)                                                                                    \
	X(sd_bus_set_address)                                                                                \
	X(sd_bus_slot_unref)                                                                                 \
	X(sd_bus_start)                                                                                      \
	X(sd_bus_unref)                                                                                      \
	X(sd_bus_wait)

static struct {
#define X(name) typeof(name) *(name);
	FUNCTIONS(X)
#undef X
} lib;

static const char *const lib_names[] = {
#define X(name) #name,
	FUNCTIONS(X)
#undef X
};
static struct neap_library library = { LIBRARY, "libsystemd0", lib_names, &lib, sizeof(lib), false };

/* ---- the connection ------------------------------------------------------------------------------------ */

struct ended {
	char *job, *unit, *result;
};

struct neap_bus {
	const struct neap_machine_watch *watch;
	char *address;  /* or NULL */
	sd_bus *bus;    /* NULL: none now */
	bool was_there; /* there was one before */
	bool of_bus;    /* it is a bus, with other peers on it */
	bool watching;  /* jobs that end are remembered */
	NEAP_VEC(struct ended) ended;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec / 1000;
}

static bool stopped(const struct neap_bus *bus)
{
	return bus->watch && bus->watch->stop && *bus->watch->stop;
}

static void forget_ended(struct neap_bus *bus)
{
	while (bus->ended.count) {
		struct ended *ended = &bus->ended.items[--bus->ended.count];

		free(ended->job);
		free(ended->unit);
		free(ended->result);
	}
}

static void disconnect(struct neap_bus *bus)
{
	if (!bus->bus)
		return;
	lib.sd_bus_close(bus->bus);
	lib.sd_bus_unref(bus->bus);
	bus->bus = NULL;
}

static char *keep(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(neap_alloc(size), text, size);
}

static int on_job(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	struct neap_bus *bus = ctx;
	const char *job, *unit, *result;
	uint32_t id;
	(void)error;

	if (bus->watching && lib.sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0)
		neap_vec_push(&bus->ended, (struct ended){ keep(job), keep(unit), keep(result) });
	return 0;
}

static int on_nothing(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	(void)message, (void)ctx, (void)error;
	return 0; /* what matters about it will be seen by others */
}

static int method(struct neap_bus *bus, const char *path, const char *interface, const char *name,
		  sd_bus_message **ret)
{
	return lib.sd_bus_message_new_method_call(bus->bus, ret, NEAP_BUS_NAME,
						  path ? path : NEAP_BUS_MANAGER,
						  interface ? interface : MANAGER_INTERFACE, name);
}

/* Asks to hear of jobs. On its own socket the manager tells everybody. */
static int subscribe(struct neap_bus *bus)
{
	sd_bus_message *message = NULL;
	int r = lib.sd_bus_match_signal_async(bus->bus, NULL, bus->of_bus ? NEAP_BUS_NAME : NULL,
					      NEAP_BUS_MANAGER, MANAGER_INTERFACE, "JobRemoved", on_job,
					      on_nothing, bus);

	if (r >= 0 && bus->of_bus)
		r = method(bus, NULL, NULL, "Subscribe", &message);
	if (r >= 0 && bus->of_bus)
		r = lib.sd_bus_call_async(bus->bus, NULL, message, on_nothing, bus, ALWAYS);
	lib.sd_bus_message_unref(message);
	return r;
}

/* 0 or -errno. */
static int connect_at(struct neap_bus *bus, const char *address)
{
	int r;

	bus->of_bus = !address;
	if (address) {
		r = lib.sd_bus_new(&bus->bus);
		if (r >= 0)
			r = lib.sd_bus_set_address(bus->bus, address);
		if (r >= 0)
			r = lib.sd_bus_start(bus->bus);
	} else {
		r = lib.sd_bus_open_system(&bus->bus);
	}
	if (r >= 0)
		r = subscribe(bus);
	if (r < 0)
		disconnect(bus);
	return r < 0 ? r : 0;
}

static int connect_once(struct neap_bus *bus)
{
	int r;

	if (bus->address)
		return connect_at(bus, bus->address);
	if (geteuid() != 0)
		return connect_at(bus, NULL);
	r = connect_at(bus, OWN_SOCKET);
	return r < 0 && connect_at(bus, NULL) == 0 ? 0 : r;
}

/* What ends every wait: negative with *err. */
static int may_wait(const struct neap_bus *bus, uint64_t deadline, struct neap_error **err)
{
	if (stopped(bus))
		return neap_error_errno(err, EINTR, "ask the service manager");
	if (now() >= deadline) {
		neap_error_set(err, "ask the service manager: no answer in time");
		return neap_error_mark(err, ETIMEDOUT);
	}
	return 0;
}

static int not_reached(const struct neap_bus *bus, int errnum, struct neap_error **err)
{
	neap_error_errno(err, errnum, "connect to the service manager");
	if (geteuid() == 0 || bus->address)
		return -1;
	return neap_error_hint(err,
			       "who is not root reaches it over D-Bus (the package dbus): run neap as root");
}

/* A manager that replaces itself is not to be reached for a moment. */
static int connect_bus(struct neap_bus *bus, uint64_t deadline, struct neap_error **err)
{
	bool waits = bus->was_there || geteuid() == 0 || bus->address;
	uint64_t end = bus->was_there ? deadline : now() + FIRST_TRY;
	struct timespec pause = { .tv_nsec = PAUSE * 1000 };
	int r;

	for (;;) {
		r = connect_once(bus);
		if (r == 0)
			break;
		if (!waits || now() >= end)
			return not_reached(bus, -r, err);
		if (may_wait(bus, deadline, err) < 0)
			return -1;
		nanosleep(&pause, NULL);
	}
	bus->was_there = true;
	return 0;
}

/* One message is dealt with, or waited for. Negative: the connection is broken. */
static int turn(struct neap_bus *bus, uint64_t deadline)
{
	int r = lib.sd_bus_process(bus->bus, NULL);
	uint64_t moment = now();

	if (r == 0 && moment < deadline)
		r = lib.sd_bus_wait(bus->bus, deadline - moment < SLICE ? deadline - moment : SLICE);
	if (r == -EINTR) /* a signal: who is to heed it does */
		return 0;
	return r < 0 || lib.sd_bus_is_open(bus->bus) <= 0 ? -1 : 0;
}

/* A connection to work with: what has come meanwhile is read, for a broken one looks well until then. */
static int ready(struct neap_bus *bus, uint64_t deadline, struct neap_error **err)
{
	int r = 1;

	if (neap_library_load(&library, err) < 0)
		return -1;
	while (bus->bus && r > 0) {
		if (may_wait(bus, deadline, err) < 0)
			return -1;
		r = lib.sd_bus_process(bus->bus, NULL);
		if (r < 0 || lib.sd_bus_is_open(bus->bus) <= 0)
			disconnect(bus);
	}
	return bus->bus ? 0 : connect_bus(bus, deadline, err);
}

/* ---- what comes ---------------------------------------------------------------------------------------- */

static int read_value(sd_bus_message *message, struct neap_arena *arena, struct neap_value *ret);

/* Numbers are widened, and the largest of all are none that anything means here. */
static int read_basic(sd_bus_message *message, char type, struct neap_arena *arena, struct neap_value *ret)
{
	union {
		uint8_t y;
		int b;
		int16_t n;
		uint16_t q;
		int32_t i;
		uint32_t u;
		int64_t x;
		uint64_t t;
		double d;
		const char *s;
	} basic;
	int r = lib.sd_bus_message_read_basic(message, type, &basic);

	if (r < 0)
		return r;
	*ret = (struct neap_value){ .kind = NEAP_INTEGER };
	switch (type) {
	case SD_BUS_TYPE_BOOLEAN:
		*ret = (struct neap_value){ .kind = NEAP_BOOLEAN, .boolean = basic.b != 0 };
		break;
	case SD_BUS_TYPE_STRING:
	case SD_BUS_TYPE_OBJECT_PATH:
	case SD_BUS_TYPE_SIGNATURE:
		*ret = neap_value_string(neap_arena_strdup(arena, basic.s));
		break;
	case SD_BUS_TYPE_DOUBLE:
		*ret = (struct neap_value){ .kind = NEAP_FLOAT, .number = basic.d };
		break;
	case SD_BUS_TYPE_BYTE:
		ret->integer = basic.y;
		break;
	case SD_BUS_TYPE_INT16:
		ret->integer = basic.n;
		break;
	case SD_BUS_TYPE_UINT16:
		ret->integer = basic.q;
		break;
	case SD_BUS_TYPE_INT32:
		ret->integer = basic.i;
		break;
	case SD_BUS_TYPE_INT64:
		ret->integer = basic.x;
		break;
	case SD_BUS_TYPE_UINT64:
		ret->integer = basic.t > INT64_MAX ? INT64_MAX : (int64_t)basic.t;
		break;
	default: /* also a descriptor, by its number */
		ret->integer = basic.u;
	}
	return 0;
}

/* Bytes are a string of them in hexadecimal: here they are names only. */
static int read_bytes(sd_bus_message *message, struct neap_arena *arena, struct neap_value *ret)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	const uint8_t *bytes = NULL;
	const void *array = NULL;
	size_t size = 0;
	int r = lib.sd_bus_message_read_array(message, SD_BUS_TYPE_BYTE, &array, &size);

	if (r < 0)
		return r;
	bytes = array;
	for (size_t i = 0; i < size; i++)
		neap_buf_printf(&text, "%02x", bytes[i]);
	*ret = neap_value_string(neap_arena_copy(arena, text.len ? text.data : "", text.len));
	return 0;
}

/* Lists, structs and pairs are lists. D-Bus itself nests no deeper than 64. */
static int read_list(sd_bus_message *message, struct neap_arena *arena, struct neap_value *ret)
{
	NEAP_VEC(struct neap_value) items = { 0 };
	struct neap_value item;
	int r;

	while ((r = read_value(message, arena, &item)) > 0)
		neap_vec_push(&items, item);
	*ret = (struct neap_value){ .kind = NEAP_LIST };
	ret->list.count = items.count;
	ret->list.items = neap_arena_array_of(arena, struct neap_value, items.count);
	if (items.count)
		memcpy(ret->list.items, items.items, items.count * sizeof(*items.items));
	neap_vec_done(&items);
	return r;
}

/* 1; 0: the message, or what contains it, is at its end; -errno. */
static int read_value(sd_bus_message *message, struct neap_arena *arena, struct neap_value *ret)
{
	const char *contents;
	char type;
	int r = lib.sd_bus_message_peek_type(message, &type, &contents);

	*ret = (struct neap_value){ .kind = NEAP_NIL };
	if (r <= 0)
		return r;
	if (type == SD_BUS_TYPE_ARRAY && contents[0] == SD_BUS_TYPE_BYTE) {
		r = read_bytes(message, arena, ret);
		return r < 0 ? r : 1;
	}
	if (type != SD_BUS_TYPE_ARRAY && type != SD_BUS_TYPE_STRUCT && type != SD_BUS_TYPE_VARIANT &&
	    type != SD_BUS_TYPE_DICT_ENTRY) {
		r = read_basic(message, type, arena, ret);
		return r < 0 ? r : 1;
	}
	r = lib.sd_bus_message_enter_container(message, type, contents);
	if (r >= 0)
		r = type == SD_BUS_TYPE_VARIANT ? read_value(message, arena, ret)
						: read_list(message, arena, ret);
	if (r >= 0)
		r = lib.sd_bus_message_exit_container(message);
	return r < 0 ? r : 1;
}

/* ---- asking -------------------------------------------------------------------------------------------- */

struct asked {
	struct neap_bus_call *call;
	struct neap_arena *arena;
	size_t *pending;
	sd_bus_slot *slot;
};

static int on_answer(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	struct asked *asked = ctx;
	struct neap_bus_call *call = asked->call;
	const sd_bus_error *said;
	(void)error;

	--*asked->pending;
	if (lib.sd_bus_message_is_method_error(message, NULL) > 0) {
		said = lib.sd_bus_message_get_error(message);
		call->error = neap_arena_strdup(asked->arena, said && said->name ? said->name : "");
		call->text = neap_arena_strdup(asked->arena, said && said->message ? said->message : "");
	} else if (read_value(message, asked->arena, &call->value) < 0) {
		call->error = "";
		call->text = "its answer makes no sense";
	}
	return 0;
}

/* Name, mode, properties of the timer, and the service beside it. */
static int append_timer(sd_bus_message *message, const struct neap_bus_timer *timer)
{
	char names[2][256];

	snprintf(names[0], sizeof(names[0]), "%s.timer", timer->name);
	snprintf(names[1], sizeof(names[1]), "%s.service", timer->name);
	return lib.sd_bus_message_append(message, "ssa(sv)a(sa(sv))", names[0], "fail", 4, /* the timer */
					 "Description", "s", timer->description,           /* */
					 "TimersMonotonic", "a(st)", 1, "OnActiveSec",
					 (uint64_t)timer->seconds * SECOND, "AccuracyUSec", "t", SLICE, /* */
					 "RemainAfterElapse", "b", 0,                                   /* */
					 1, names[1], 5, /* the service */
					 "Description", "s", timer->description, "Type", "s", "oneshot", /* */
					 "CollectMode", "s", "inactive-or-failed",                       /* */
					 "Environment", "as", 1, timer->environment,                     /* */
					 "ExecStart", "a(sasb)", 1, timer->argv[0], 5, timer->argv[0],
					 timer->argv[1], timer->argv[2], timer->argv[3], timer->argv[4], 0);
}

static int send(struct neap_bus *bus, struct asked *asked)
{
	const struct neap_bus_call *call = asked->call;
	sd_bus_message *message = NULL;
	int r = method(bus, call->path, call->interface, call->method, &message);

	if (r >= 0 && call->list) {
		NEAP_AUTO_FREE char **list = neap_alloc((call->list_count + 1) * sizeof(*list));

		for (size_t i = 0; i < call->list_count; i++)
			list[i] = (char *)(uintptr_t)call->list[i];
		list[call->list_count] = NULL;
		r = lib.sd_bus_message_append_strv(message, list);
	}
	if (r >= 0 && call->timer)
		r = append_timer(message, call->timer);
	for (size_t i = 0; r >= 0 && i < 3 && call->strings[i]; i++)
		r = lib.sd_bus_message_append(message, "s", call->strings[i]);
	if (r >= 0)
		r = lib.sd_bus_call_async(bus->bus, &asked->slot, message, on_answer, asked, ALWAYS);
	lib.sd_bus_message_unref(message);
	return r;
}

/* An answer of those on the way, not of the manager: it is being replaced. */
static bool is_lost(const struct neap_bus_call *call)
{
	static const char *const names[] = { "NoReply",      "Timeout",        "TimedOut",
					     "Disconnected", "ServiceUnknown", "NameHasNoOwner" };
	static const char prefix[] = "org.freedesktop.DBus.Error.";

	if (!call->error || strncmp(call->error, prefix, sizeof(prefix) - 1) != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(call->error + sizeof(prefix) - 1, names[i]) == 0)
			return true;
	return false;
}

/* 0: all are answered; 1: the connection broke; 2: the manager is away for now; negative with *err. */
static int exchange(struct neap_bus *bus, struct asked *asked, size_t count, size_t *pending,
		    uint64_t deadline, struct neap_error **err)
{
	for (size_t i = 0; i < count; i++) {
		int r = send(bus, &asked[i]);

		if (r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE)
			return 1;
		if (r < 0)
			return neap_error_errno(err, -r, "ask the service manager");
		++*pending;
	}
	while (*pending) {
		if (may_wait(bus, deadline, err) < 0)
			return -1;
		if (turn(bus, deadline) < 0)
			return 1;
	}
	for (size_t i = 0; i < count; i++)
		if (is_lost(asked[i].call))
			return 2;
	return 0;
}

int neap_bus_ask(struct neap_bus *bus, struct neap_bus_call *calls, size_t count, unsigned seconds,
		 struct neap_arena *arena, struct neap_error **err)
{
	NEAP_AUTO_FREE struct asked *asked = neap_alloc((count + 1) * sizeof(*asked));
	uint64_t deadline = now() + seconds * SECOND;
	struct timespec pause = { .tv_nsec = PAUSE * 1000 };
	unsigned broken = 0;
	int r;

	for (;;) {
		size_t pending = 0;

		r = ready(bus, deadline, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < count; i++) {
			asked[i] = (struct asked){ .call = &calls[i], .arena = arena, .pending = &pending };
			calls[i].error = calls[i].text = NULL;
		}
		r = exchange(bus, asked, count, &pending, deadline, err);
		for (size_t i = 0; i < count; i++)
			lib.sd_bus_slot_unref(asked[i].slot);
		if (r <= 0)
			break;
		disconnect(bus);
		broken += r == 1;
		if (broken == BROKEN_MAX)
			return not_reached(bus, ECONNRESET, err);
		if (may_wait(bus, deadline, err) < 0)
			return -1;
		nanosleep(&pause, NULL);
	}
	if (r < 0) /* an answer may yet come, and nobody is there for it */
		disconnect(bus);
	return r;
}

int neap_bus_timer(struct neap_bus *bus, const struct neap_bus_timer *timer, unsigned seconds,
		   struct neap_arena *arena, struct neap_error **err)
{
	struct neap_bus_call call = { .method = "StartTransientUnit", .timer = timer };
	struct neap_bus_job end;

	neap_bus_watch_jobs(bus);
	if (neap_bus_ask(bus, &call, 1, seconds, arena, err) < 0)
		return -1;
	/* It has been asked for twice, as a connection broke: it is there. */
	if (call.error && strcmp(call.error, NEAP_BUS_NAME ".UnitExists") == 0)
		return 0;
	if (call.error || call.value.kind != NEAP_STRING)
		return neap_error_set(err, "the service manager does not start %s.timer: %.300s", timer->name,
				      call.text ? call.text : "its answer makes no sense");
	if (neap_bus_await(bus, call.value.text.data, seconds, arena, &end, err) < 0)
		return -1;
	if (!end.result || strcmp(end.result, "done") != 0)
		return neap_error_set(err, "the service manager does not start %s.timer: %s", timer->name,
				      end.result ? end.result : "nobody has heard how it ended");
	return 0;
}

struct neap_bus_call neap_bus_property(struct neap_arena *arena, const char *path, const char *interface,
				       const char *name)
{
	return (struct neap_bus_call){
		.path = path,
		.interface = NEAP_BUS_PROPERTIES,
		.method = "Get",
		.strings = { neap_arena_printf(arena, NEAP_BUS_NAME ".%s", interface), name },
	};
}

const char *neap_bus_unit_path(struct neap_arena *arena, const char *name)
{
	char *path = NULL;
	const char *kept;

	if (neap_library_load(&library, NULL) < 0 ||
	    lib.sd_bus_path_encode(NEAP_BUS_MANAGER "/unit", name, &path) < 0)
		return NEAP_BUS_MANAGER;
	kept = neap_arena_strdup(arena, path);
	free(path);
	return kept;
}

/* ---- jobs ---------------------------------------------------------------------------------------------- */

void neap_bus_watch_jobs(struct neap_bus *bus)
{
	forget_ended(bus);
	bus->watching = true;
}

static bool find_ended(struct neap_bus *bus, const char *job, struct neap_arena *arena,
		       struct neap_bus_job *ret)
{
	for (size_t i = 0; i < bus->ended.count; i++) {
		const struct ended *ended = &bus->ended.items[i];

		if (strcmp(ended->job, job) != 0)
			continue;
		ret->unit = neap_arena_strdup(arena, ended->unit);
		ret->result = neap_arena_strdup(arena, ended->result);
		return true;
	}
	forget_ended(bus); /* others' */
	return false;
}

/* After a connection broke: the job may have ended unheard. 1: it goes on. */
static int ask_job(struct neap_bus *bus, const char *job, uint64_t deadline, struct neap_arena *arena,
		   struct neap_error **err)
{
	struct neap_bus_call call = neap_bus_property(arena, job, "Job", "State");
	uint64_t moment = now();
	unsigned seconds = moment < deadline ? (unsigned)((deadline - moment) / SECOND) : 0;

	if (neap_bus_ask(bus, &call, 1, seconds < 25 ? seconds + 1 : 25, arena, err) < 0)
		return -1;
	return call.error ? 0 : 1;
}

static int await(struct neap_bus *bus, const char *job, uint64_t deadline, struct neap_arena *arena,
		 struct neap_bus_job *ret, struct neap_error **err)
{
	int r;

	while (!find_ended(bus, job, arena, ret)) {
		if (may_wait(bus, deadline, err) < 0)
			return -1;
		if (bus->bus && turn(bus, deadline) == 0)
			continue;
		disconnect(bus);
		r = ask_job(bus, job, deadline, arena, err);
		if (r < 0)
			return -1;
		if (r == 0 && !find_ended(bus, job, arena, ret))
			return 0;
	}
	return 0;
}

int neap_bus_await(struct neap_bus *bus, const char *job, unsigned seconds, struct neap_arena *arena,
		   struct neap_bus_job *ret, struct neap_error **err)
{
	int r;

	*ret = (struct neap_bus_job){ NULL, NULL };
	r = await(bus, job, now() + seconds * SECOND, arena, ret, err);
	forget_ended(bus);
	bus->watching = false;
	return r;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

struct neap_bus *neap_bus_new(const struct neap_machine_watch *watch, const char *address)
{
	struct neap_bus *bus = neap_alloc(sizeof(*bus));

	*bus = (struct neap_bus){ .watch = watch, .address = address ? keep(address) : NULL };
	return bus;
}

void neap_bus_rest(struct neap_bus *bus)
{
	disconnect(bus);
}

void neap_bus_free(struct neap_bus *bus)
{
	if (!bus)
		return;
	disconnect(bus);
	forget_ended(bus);
	neap_vec_done(&bus->ended);
	free(bus->address);
	free(bus);
}
