/*
 * A service manager for tests, in a process of its own: it speaks D-Bus over a socket as systemd does over
 * its own, and does what the name of a unit makes it do. What it was told is written to a file, a line a
 * call.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define PEER_ROOT "/org/freedesktop/systemd1"
#define PEER_NAME "org.freedesktop.systemd1"

enum peer_way {
	PEER_PLAIN, /* the answer, then the signal that the job is over */
	PEER_EARLY, /* the other way round */
	PEER_NEVER, /* no signal */
	PEER_HANG,  /* no answer */
	PEER_LOST,  /* closes the connection instead of the first answer */
	PEER_SHUT,  /* instead of every answer */
	PEER_CUT,   /* closes it after the answer; the job ends when it is asked for */
	PEER_GONE,  /* the same, and the job is over by then */
	PEER_RACE,  /* the same, and it ends just before it is asked for */
};

struct peer_unit {
	const char *name, *load, *active, *sub;
	enum peer_way way;
	const char *result;           /* of jobs; NULL: "done" */
	const char *then, *then_sub;  /* how it is afterwards; NULL: as before */
	const char *error, *text;     /* jobs are refused with that */
	const char *properties[8][2]; /* beyond those: text, or by the first letter: "#1" a number, "!" true,
					 "?" false */
	const char *const *drop_ins;  /* NULL-terminated; "/files" is the test's own */
	const char *const *requires;  /* NULL-terminated */
	bool conditioned;             /* conditions: one that is met, one that is not */
	bool stops;                   /* whoever looks at it gets SIGALRM */
};

/* The test's. */
extern const struct peer_unit peer_units[];
extern const size_t peer_unit_count;

struct peer {
	sd_bus *bus;
	FILE *log;
	const char *files;
	bool cut, done[64], lost[64];
	/* Answers that are held back until as many questions have come. */
	sd_bus_message *held[1024];
	size_t held_count, hold;
};

static inline const struct peer_unit *peer_find(const char *name)
{
	static const struct peer_unit running = { .load = "loaded", .active = "active", .sub = "running" };

	for (size_t i = 0; i < peer_unit_count; i++)
		if (strcmp(peer_units[i].name, name) == 0)
			return &peer_units[i];
	return &running;
}

static inline size_t peer_number(const struct peer_unit *unit)
{
	return unit >= peer_units && unit < peer_units + peer_unit_count ? (size_t)(unit - peer_units) : 63;
}

static inline const char *peer_active(const struct peer *peer, const struct peer_unit *unit)
{
	return peer->done[peer_number(unit)] && unit->then ? unit->then : unit->active;
}

static inline const char *peer_sub(const struct peer *peer, const struct peer_unit *unit)
{
	return peer->done[peer_number(unit)] && unit->then_sub ? unit->then_sub : unit->sub;
}

static inline void peer_send(sd_bus_message *reply)
{
	sd_bus_send(sd_bus_message_get_bus(reply), reply, NULL);
	sd_bus_message_unref(reply);
}

static inline void peer_list(struct peer *peer, sd_bus_message *call)
{
	char **names = NULL;
	sd_bus_message *reply;
	size_t count = 0;

	sd_bus_message_read_strv(call, &names);
	for (char **name = names; name && *name; name++) {
		if (strcmp(*name, "spoils.service") == 0 || strcmp(*name, "nonsense.service") == 0) {
			if (**name == 's')
				sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS, "it spoils all");
			else
				sd_bus_reply_method_return(call, "s", "no list");
			goto end;
		}
		count++;
	}
	fprintf(peer->log, "ListUnitsByNames %zu\n", count);
	sd_bus_message_new_method_return(call, &reply);
	sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
	for (char **name = names; name && *name; name++) {
		const struct peer_unit *unit = peer_find(*name);

		if (strcmp(*name, "skipped.service") != 0)
			sd_bus_message_append(reply, "(ssssssouso)", *name, "", unit->load,
					      peer_active(peer, unit), peer_sub(peer, unit), "", "/x", 0u, "",
					      "/");
	}
	sd_bus_message_close_container(reply);
	peer_send(reply);
end:
	for (char **name = names; name && *name; name++)
		free(*name);
	free(names);
}

static inline void peer_ended(struct peer *peer, const struct peer_unit *unit)
{
	char job[64];

	snprintf(job, sizeof(job), PEER_ROOT "/job/%zu", peer_number(unit));
	peer->done[peer_number(unit)] = true;
	/* Others' jobs end too. */
	sd_bus_emit_signal(peer->bus, PEER_ROOT, PEER_NAME ".Manager", "JobRemoved", "uoss", 99u,
			   PEER_ROOT "/job/99", "other.service", "failed");
	sd_bus_emit_signal(peer->bus, PEER_ROOT, PEER_NAME ".Manager", "JobRemoved", "uoss",
			   (unsigned)peer_number(unit), job, unit->name,
			   unit->result ? unit->result : "done");
}

static inline void peer_value(sd_bus_message *reply, const char *text)
{
	if (*text == '#')
		sd_bus_message_append(reply, "v", "t", (uint64_t)strtoull(text + 1, NULL, 10));
	else if (*text == '!' || *text == '?')
		sd_bus_message_append(reply, "v", "b", *text == '!');
	else
		sd_bus_message_append(reply, "v", "s", text);
}

static inline void peer_job_state(struct peer *peer, sd_bus_message *call, const char *path)
{
	const struct peer_unit *unit = &peer_units[strtoul(strrchr(path, '/') + 1, NULL, 10)];

	fprintf(peer->log, "Job of %s\n", unit->name);
	if (unit->way == PEER_RACE)
		peer_ended(peer, unit);
	if (unit->way == PEER_RACE || unit->way == PEER_GONE) {
		peer->done[peer_number(unit)] = true;
		sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_OBJECT, "no such job");
		return;
	}
	sd_bus_reply_method_return(call, "v", "s", "running");
	peer_ended(peer, unit);
}

static inline void peer_property(struct peer *peer, sd_bus_message *call, const char *path)
{
	const char *interface, *property;
	const struct peer_unit *unit;
	sd_bus_message *reply;
	char *name = NULL;

	sd_bus_message_read(call, "ss", &interface, &property);
	if (strcmp(property, "State") == 0) {
		peer_job_state(peer, call, path);
		return;
	}
	sd_bus_path_decode(path, PEER_ROOT "/unit", &name);
	unit = peer_find(name ? name : "");
	free(name);
	sd_bus_message_new_method_return(call, &reply);
	for (size_t i = 0; i < 8 && unit->properties[i][0]; i++)
		if (strcmp(unit->properties[i][0], property) == 0) {
			peer_value(reply, unit->properties[i][1]);
			peer_send(reply);
			return;
		}
	if (strcmp(property, "DropInPaths") != 0) {
		sd_bus_message_unref(reply);
		sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_PROPERTY, "no %s", property);
		return;
	}
	sd_bus_message_open_container(reply, 'v', "as");
	sd_bus_message_open_container(reply, 'a', "s");
	for (size_t i = 0; unit->drop_ins && unit->drop_ins[i]; i++) {
		char whole[300];
		bool ours = strncmp(unit->drop_ins[i], "/files", 6) == 0;

		snprintf(whole, sizeof(whole), "%s%s", ours ? peer->files : "",
			 unit->drop_ins[i] + (ours ? 6 : 0));
		sd_bus_message_append(reply, "s", whole);
	}
	sd_bus_message_close_container(reply);
	sd_bus_message_close_container(reply);
	peer_send(reply);
}

/* Whoever asks is told to stop, and answered a moment later. */
static inline void peer_stop_asker(void)
{
	kill(getppid(), SIGALRM);
	usleep(50000);
}

/* What a unit has beyond those is of kinds that the reader has to pass over. */
static inline void peer_all(struct peer *peer, sd_bus_message *call, const char *path)
{
	const struct peer_unit *unit;
	sd_bus_message *reply;
	char *name = NULL;

	sd_bus_path_decode(path, PEER_ROOT "/unit", &name);
	unit = peer_find(name ? name : "");
	free(name);
	if (unit->stops)
		peer_stop_asker();
	sd_bus_message_new_method_return(call, &reply);
	sd_bus_message_open_container(reply, 'a', "{sv}");
	sd_bus_message_append(reply, "{sv}", "InvocationID", "ay", 2, 0xab, 0x01);
	sd_bus_message_append(reply, "{sv}", "ExecStart", "a(sasbttttuii)", 1, "/x", 2, "x", "y", 0,
			      (uint64_t)1, UINT64_MAX, (uint64_t)0, (uint64_t)0, 7u, 0, 0);
	sd_bus_message_append(reply, "{sv}", "CPUWeight", "d", 0.5);
	sd_bus_message_append(reply, "{sv}", "LoadError", "(ss)", "", "");
	sd_bus_message_append(reply, "{sv}", "ActiveState", "s", peer_active(peer, unit));
	sd_bus_message_append(reply, "{sv}", "SubState", "s", peer_sub(peer, unit));
	for (size_t i = 0; i < 8 && unit->properties[i][0]; i++) {
		sd_bus_message_open_container(reply, 'e', "sv");
		sd_bus_message_append(reply, "s", unit->properties[i][0]);
		peer_value(reply, unit->properties[i][1]);
		sd_bus_message_close_container(reply);
	}
	if (unit->requires) {
		sd_bus_message_open_container(reply, 'e', "sv");
		sd_bus_message_append(reply, "s", "Requires");
		sd_bus_message_open_container(reply, 'v', "as");
		sd_bus_message_append_strv(reply, (char **)(uintptr_t)unit->requires);
		sd_bus_message_close_container(reply);
		sd_bus_message_close_container(reply);
	}
	if (unit->conditioned)
		sd_bus_message_append(reply, "{sv}", "Conditions", "a(sbbsi)", 2, "ConditionPathExists", 0, 0,
				      "/met", 1, "ConditionPathExists", 0, 1, "/not", -1);
	else
		sd_bus_message_append(reply, "{sv}", "Conditions", "a(sbbsi)", 0);
	sd_bus_message_close_container(reply);
	peer_send(reply);
}

static inline void peer_job(struct peer *peer, sd_bus_message *call, const char *method)
{
	const struct peer_unit *unit;
	const char *name, *mode;
	char job[64];

	sd_bus_message_read(call, "ss", &name, &mode);
	fprintf(peer->log, "%s %s %s\n", method, name, mode);
	unit = peer_find(name);
	snprintf(job, sizeof(job), PEER_ROOT "/job/%zu", peer_number(unit));
	if (unit->error) {
		sd_bus_reply_method_errorf(call, unit->error, "%s", unit->text);
		return;
	}
	if (unit->way == PEER_HANG)
		return;
	if (unit->way == PEER_SHUT || (unit->way == PEER_LOST && !peer->lost[peer_number(unit)])) {
		peer->lost[peer_number(unit)] = peer->cut = true;
		return;
	}
	if (unit->way == PEER_EARLY)
		peer_ended(peer, unit);
	if (strcmp(name, "silent.service") == 0)
		sd_bus_reply_method_return(call, NULL);
	else
		sd_bus_reply_method_return(call, "o", job);
	if (unit->way == PEER_PLAIN || unit->way == PEER_LOST)
		peer_ended(peer, unit);
	peer->cut = unit->way == PEER_CUT || unit->way == PEER_GONE || unit->way == PEER_RACE;
}

static inline void peer_answer(struct peer *peer, sd_bus_message *call)
{
	const char *method = sd_bus_message_get_member(call), *name;

	if (strcmp(method, "ListUnitsByNames") == 0) {
		peer_list(peer, call);
	} else if (strcmp(method, "Get") == 0) {
		peer_property(peer, call, sd_bus_message_get_path(call));
	} else if (strcmp(method, "GetAll") == 0) {
		peer_all(peer, call, sd_bus_message_get_path(call));
	} else if (strcmp(method, "ResetFailedUnit") == 0) {
		sd_bus_message_read(call, "s", &name);
		fprintf(peer->log, "%s %s\n", method, name);
		sd_bus_reply_method_errorf(call, PEER_NAME ".NoSuchUnit", "not loaded");
	} else if (strcmp(method, "Reload") == 0) {
		fprintf(peer->log, "Reload\n");
		sd_bus_reply_method_return(call, NULL);
	} else {
		peer_job(peer, call, method);
	}
}

/* "hold-N.service" as the first of a list: nothing is answered before N more questions have come. */
static inline size_t peer_hold(sd_bus_message *call)
{
	const char *first = "";
	size_t hold = 0;

	if (strcmp(sd_bus_message_get_member(call), "ListUnitsByNames") != 0)
		return 0;
	sd_bus_message_enter_container(call, 'a', "s");
	sd_bus_message_read(call, "s", &first);
	if (strncmp(first, "hold-", 5) == 0)
		hold = strtoul(first + 5, NULL, 10);
	sd_bus_message_rewind(call, 1);
	return hold;
}

static inline int peer_take(sd_bus_message *call, void *ctx, sd_bus_error *error)
{
	struct peer *peer = ctx;
	uint8_t type;
	(void)error;

	sd_bus_message_get_type(call, &type);
	if (type != SD_BUS_MESSAGE_METHOD_CALL)
		return 0;
	if (!peer->hold)
		peer->hold = peer_hold(call);
	if (peer->hold) {
		peer->held[peer->held_count++] = sd_bus_message_ref(call);
		if (peer->held_count <= peer->hold)
			return 1;
		for (size_t i = 0; i < peer->held_count; i++) {
			peer_answer(peer, peer->held[i]);
			sd_bus_message_unref(peer->held[i]);
		}
		peer->hold = peer->held_count = 0;
	} else {
		peer_answer(peer, call);
	}
	return 1;
}

static inline void peer_serve(struct peer *peer, int fd)
{
	sd_id128_t id;
	int r = sd_bus_new(&peer->bus);

	sd_id128_randomize(&id);
	if (r >= 0)
		r = sd_bus_set_fd(peer->bus, fd, fd);
	if (r >= 0)
		r = sd_bus_set_server(peer->bus, 1, id);
	if (r >= 0)
		r = sd_bus_start(peer->bus);
	if (r >= 0)
		r = sd_bus_add_filter(peer->bus, NULL, peer_take, peer);
	fprintf(peer->log, "connected\n");
	peer->cut = false;
	while (r >= 0 && !peer->cut) {
		r = sd_bus_process(peer->bus, NULL);
		if (r == 0)
			r = sd_bus_wait(peer->bus, UINT64_MAX);
	}
	while (peer->held_count)
		sd_bus_message_unref(peer->held[--peer->held_count]);
	peer->hold = 0;
	sd_bus_flush_close_unref(peer->bus);
}

/* Listens at `path` until it is killed. */
static inline pid_t peer_start(const char *path, const char *log, const char *files)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct peer peer = { .files = files };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), one;
	pid_t pid;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 10), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		peer.log = fopen(log, "ae");
		setlinebuf(peer.log); /* what was told is there before the answer is */
		while ((one = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
			peer_serve(&peer, one);
		_exit(1);
	}
	close(fd);
	return pid;
}

static inline void peer_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
