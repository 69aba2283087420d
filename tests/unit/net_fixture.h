/* What tests of the network's types share: resources by their words, a memory machine with a device, and what
 * a plan says of one of them. */
#pragma once

#include "modules_fixture.h"

#include "engine/run.h"
#include "host/machine.h"

static inline uint32_t resource(struct fixture *f, const char *type, int line)
{
	return begin(f, found(type), line);
}

/* "type line name value …", values as strings. */
#define keep(f, type, line, ...) declare(f, found(type), line, __VA_ARGS__)

static inline void change_link(struct neap_machine *machine, enum neap_net_op op, const char *name,
			       const char *kind, unsigned fields, struct neap_net_link link)
{
	struct neap_net_change change = { .op = op, .fields = fields, .link = link };

	snprintf(change.link.name, sizeof change.link.name, "%s", name);
	snprintf(change.link.kind, sizeof change.link.kind, "%s", kind);
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

static inline struct neap_machine *machine_with(const char *device)
{
	struct neap_machine *machine;

	assert_int_equal(neap_host_memory_new(&machine), 0);
	change_link(machine, NEAP_NET_LINK_ADD, device, "", NEAP_NET_UP,
		    (struct neap_net_link){ .up = true });
	return machine;
}

static inline void put_address(struct neap_machine *machine, const char *link, const char *text)
{
	struct neap_net_change change = { .op = NEAP_NET_ADDRESS_ADD };
	struct neap_net_prefix prefix;

	assert_true(neap_net_prefix_parse(text, &prefix));
	change.address =
		(struct neap_net_address){ .key = neap_net_address_key(link, &prefix), .len = prefix.len };
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

static inline void put_route(struct neap_machine *machine, const char *to, const char *via, const char *link)
{
	struct neap_net_change change = { .op = NEAP_NET_ROUTE_PUT };
	struct neap_net_prefix prefix;

	assert_true(neap_net_prefix_parse(to, &prefix));
	change.route.key = neap_net_route_key(&prefix, NEAP_NET_TABLE_MAIN, 0);
	if (via)
		assert_true(neap_net_ip_parse(via, &change.route.via));
	snprintf(change.route.link, sizeof change.route.link, "%s", link);
	assert_int_equal(neap_host_memory_net(machine, &change), 0);
}

/* "update stp forward_delay": of the resource, by a plan; then it is applied and must be as wanted. */
static inline const char *says(struct fixture *f, struct neap_machine *machine, uint32_t number)
{
	NEAP_AUTO_BUF struct neap_buf text = { 0 };
	struct neap_run_options options = { .mode = NEAP_RUN_PLAN };
	struct neap_run *run = neap_run(f->graph, machine, &options);
	const struct neap_result *result = &run->results[number];

	if (result->error)
		neap_buf_printf(&text, "%s", result->error->message);
	else
		neap_buf_puts(&text, neap_action_name(result->action));
	for (size_t i = 0; i < result->change_count && !result->error; i++)
		neap_buf_printf(&text, " %s", result->changes[i].param);
	neap_run_free(run);
	options.mode = NEAP_RUN_APPLY;
	run = neap_run(f->graph, machine, &options);
	assert_int_equal(run->results[number].outcome == NEAP_OUTCOME_FAILED, strchr(text.data, ':') != NULL);
	neap_run_free(run);
	options.mode = NEAP_RUN_PLAN;
	run = neap_run(f->graph, machine, &options);
	if (!strchr(text.data, ':'))
		assert_int_equal(run->results[number].action, NEAP_ACTION_NONE);
	neap_run_free(run);
	neap_machine_free(machine);
	return neap_arena_copy(f->problems.arena, text.data, text.len);
}

static inline struct neap_value integer(int64_t number)
{
	return (struct neap_value){ .kind = NEAP_INTEGER, .integer = number };
}
