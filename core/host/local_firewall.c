/*
 * The packet filter of the real machine: what iptables-save says of a table, once until something changes;
 * and a batch of changes of one table as one iptables-restore. It must not know what rules mean, nor who
 * wants them.
 *
 * iptables comes in two variants whose rules are apart; the one that its name stands for here is used.
 */
#include "host/local_firewall.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/lines.h"
#include "host/process.h"

#define RESTORE_TIMEOUT 120
#define LOCK_WAIT "60" /* seconds, for the lock of iptables */
#define TRIES 3        /* when the kernel is busy */
#define BUSY 4         /* exit code that says so */

struct neap_local_firewall *neap_local_firewall(struct neap_local *local)
{
	if (!local->firewall) {
		local->firewall = neap_alloc(sizeof *local->firewall);
		*local->firewall = (struct neap_local_firewall){ .arena = neap_arena_new(), .scratch = -1 };
	}
	return local->firewall;
}

void neap_local_firewall_drop(struct neap_local *local)
{
	struct neap_local_firewall *firewall = local->firewall;

	for (size_t i = 0; firewall && i < NEAP_TABLES_MAX; i++) {
		if (firewall->books[i])
			firewall->books[i]->fresh = false;
		neap_ruleset_free(firewall->sets[i]);
		firewall->sets[i] = NULL;
	}
	/* The name may stand for the other variant now (update-alternatives). */
	for (size_t i = 0; firewall && i < sizeof firewall->families / sizeof *firewall->families; i++)
		firewall->families[i].variant = NEAP_VARIANT_UNKNOWN;
}

void neap_local_firewall_free(struct neap_local *local)
{
	struct neap_local_firewall *firewall = local->firewall;

	if (!firewall)
		return;
	neap_local_firewall_drop(local);
	for (size_t i = 0; i < NEAP_TABLES_MAX; i++)
		if (firewall->books[i])
			neap_map_done(&firewall->books[i]->forms);
	neap_arena_free(firewall->arena);
	if (firewall->scratch >= 0)
		close(firewall->scratch);
	free(firewall);
	local->firewall = NULL;
}

/* ---- which ----------------------------------------------------------------------------------------- */

const char *neap_local_tool(enum neap_family family, const char *end, struct neap_arena *arena)
{
	const char *name = family == NEAP_FAMILY_IPV6 ? "ip6tables" : "iptables";
	size_t len = strlen(name), more = strlen(end);
	char *tool = neap_arena_bytes(arena, len + more + 1);

	memcpy(mempcpy(tool, name, len), end, more + 1);
	return tool;
}

enum neap_local_variant neap_local_variant(struct neap_local *local, enum neap_family family)
{
	struct neap_local_firewall *firewall = neap_local_firewall(local);
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *program;

	if (firewall->families[family].variant)
		return firewall->families[family].variant;
	program = neap_process_locate(neap_local_tool(family, "-save", arena), arena);
	/* One that is not there may be there later. */
	if (!program || stat(program, &firewall->families[family].program) < 0)
		return NEAP_VARIANT_UNKNOWN;
	firewall->families[family].variant = strstr(program, "legacy") ? NEAP_VARIANT_LEGACY
					     : strstr(program, "nft")  ? NEAP_VARIANT_NFT
								       : NEAP_VARIANT_OTHER;
	return firewall->families[family].variant;
}

const char *neap_local_firewall_name(const struct neap_view *view, enum neap_family family,
				     struct neap_arena *arena)
{
	struct neap_local *local = neap_local_of(view);

	switch (neap_local_variant(local, family)) {
	case NEAP_VARIANT_NFT:
		return neap_local_tool(family,
				       local->firewall->families[family].mixed
					       ? "-nft (there are tables of the legacy variant too)"
					       : "-nft",
				       arena);
	case NEAP_VARIANT_LEGACY:
		return neap_local_tool(family, "-legacy", arena);
	case NEAP_VARIANT_OTHER:
	case NEAP_VARIANT_UNKNOWN:
		break;
	}
	return neap_local_tool(family, "", arena);
}

/* ---- programs -------------------------------------------------------------------------------------- */

int neap_local_input(const struct neap_buf *bytes, struct neap_error **err)
{
	int fd = memfd_create("neap-rules", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < bytes->len) {
		ssize_t wrote = write(fd, bytes->data + done, bytes->len - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			close(fd);
			return neap_error_errno(err, errno, "write rules");
		}
		done += (size_t)wrote;
	}
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		if (fd >= 0)
			close(fd);
		return neap_error_errno(err, errno, "write rules");
	}
	return fd;
}

static size_t line_named(const char *said)
{
	static const char *const ways[] = { "Error occurred at line: ", "line " };

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		for (const char *at = said; (at = strstr(at, ways[i]));) {
			at += strlen(ways[i]);
			if (isdigit((unsigned char)*at))
				return strtoul(at, NULL, 10);
		}
	return 0;
}

/* The number of a line of a text that nobody has seen. */
static struct neap_str without_number(struct neap_str line)
{
	size_t at = 5;

	if (line.len < at || memcmp(line.data, "line ", at) != 0)
		return line;
	while (at < line.len && isdigit((unsigned char)line.data[at]))
		at++;
	if (line.len - at < 2 || memcmp(line.data + at, ": ", 2) != 0)
		return line;
	return (struct neap_str){ line.data + at + 2, line.len - at - 2 };
}

/* Lines that say nothing of what is wrong. */
static bool is_idle(struct neap_str line)
{
	return !line.len || line.data[0] == '#' || memmem(line.data, line.len, "Error occurred at", 17) ||
	       memmem(line.data, line.len, "--help' for more", 16);
}

const char *neap_local_said(const struct neap_process_result *result, struct neap_arena *arena,
			    size_t *ret_line)
{
	struct neap_str text = neap_str(result->errors[0] ? result->errors : result->out);
	struct neap_buf said NEAP_AUTO_BUF = { 0 };

	if (ret_line)
		*ret_line = line_named(text.data);
	for (size_t at = 0; at < text.len && said.len < 400;) {
		struct neap_line place = neap_line_at(text, at);
		struct neap_str line = neap_str_trim(neap_line_bytes(text, place));
		const char *named;

		at = place.next;
		if (is_idle(line))
			continue;
		/* "iptables-restore v1.8.9 (nf_tables): what is wrong" */
		named = memmem(line.data, line.len, "): ", 3);
		if (named && line.len > 2 && memcmp(line.data, "ip", 2) == 0) {
			line.len -= (size_t)(named + 3 - line.data);
			line.data = named + 3;
		} else if (line.data[line.len - 1] == ':' && memcmp(line.data, "ip", 2) == 0) {
			continue;
		}
		line = without_number(line);
		neap_buf_printf(&said, "%s%.*s", said.len ? "; " : "", (int)line.len, line.data);
	}
	for (size_t i = 0; i < said.len; i++)
		if (iscntrl((unsigned char)said.data[i]))
			said.data[i] = ' ';
	return neap_arena_copy(arena, said.data ? said.data : "", said.len);
}

static int has_no_firewall(struct neap_local *local, struct neap_error **err)
{
	neap_error_set(err, "%s is a tree of files and has no packet filter of its own", local->root);
	return neap_error_hint(err, "not_if, or a recipe of its own, keeps such resources from it");
}

/* Nothing is asked of a legacy table that the kernel does not have yet: the question would make it. */
static bool is_unused(enum neap_local_variant variant, const struct neap_table *table)
{
	char text[1024];
	ssize_t got;
	int fd;

	if (variant != NEAP_VARIANT_LEGACY)
		return false;
	fd = open(table->family == NEAP_FAMILY_IPV6 ? "/proc/net/ip6_tables_names"
						    : "/proc/net/ip_tables_names",
		  O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	got = read(fd, text, sizeof text);
	close(fd);
	if (got < 0 || got == sizeof text)
		return false;
	for (size_t at = 0; at < (size_t)got;) {
		struct neap_str all = { text, (size_t)got };
		struct neap_line line = neap_line_at(all, at);

		if (neap_str_equal(neap_line_bytes(all, line), neap_str(table->name)))
			return false;
		at = line.next;
	}
	return true;
}

/* `stop`: a signal may end it. */
static int save(struct neap_local *local, const struct neap_table *table, bool stop,
		struct neap_ruleset **ret, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	enum neap_local_variant variant = neap_local_variant(local, table->family);
	const char *tool = neap_local_tool(table->family, "-save", arena);
	const char *const argv[] = { tool, "-t", table->name, NULL };
	const struct neap_process process = { .argv = argv, .output_max = NEAP_SAVE_MAX };
	const struct neap_process_place place = { .stop = stop ? local->machine.watch.stop : NULL };
	struct neap_process_result result;

	if (local->root[0])
		return has_no_firewall(local, err);
	if (variant == NEAP_VARIANT_UNKNOWN) {
		neap_error_errno(err, ENOENT, "run %s", tool);
		return neap_error_hint(
			err, "neap.package { name = \"iptables\" } brings it, and is required here");
	}
	if (is_unused(variant, table)) {
		*ret = neap_ruleset_new(table->name);
		return 0;
	}
	if (neap_process_run(&process, &place, arena, &result, err) < 0)
		return -1;
	if (result.status)
		return neap_error_set(err, "%s -t %s: exit %d: %s", tool, table->name, result.status,
				      neap_local_said(&result, arena, NULL));
	if (result.out_len >= NEAP_SAVE_MAX)
		return neap_error_set(err, "%s -t %s: it prints more than %zu MB", tool, table->name,
				      NEAP_SAVE_MAX >> 20);
	/* It says so itself. Both are in force, and each sees only its own. */
	local->firewall->families[table->family].mixed = strstr(result.errors, "legacy tables present");
	if (neap_ruleset_parse((struct neap_str){ result.out, result.out_len }, table->name, ret, err) < 0)
		return neap_error_prefix(err, "%s -t %s", tool, table->name);
	return 0;
}

int neap_local_ruleset(const struct neap_view *view, const struct neap_table *table,
		       const struct neap_ruleset **ret, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);
	struct neap_ruleset **set = &neap_local_firewall(local)->sets[neap_table_number(table)];

	if (!*set && save(local, table, true, set, err) < 0)
		return -1;
	*ret = *set;
	return 0;
}

/* ---- landing
 * ----------------------------------------------------------------------------------------------- */

struct batch {
	struct neap_buf text;
	size_t lines; /* from 2 on; the first is the table */
};

static void put_change(struct batch *batch, const struct neap_change *change)
{
	static const char *const commands[] = {
		[NEAP_FIREWALL_MAKE] = "-N",   [NEAP_FIREWALL_DROP] = "-X",    [NEAP_FIREWALL_POLICY] = "-P",
		[NEAP_FIREWALL_APPEND] = "-A", [NEAP_FIREWALL_PREPEND] = "-I", [NEAP_FIREWALL_REMOVE] = "-D",
	};

	neap_buf_printf(&batch->text, "%s %s%s%s\n", commands[change->firewall], change->chain,
			change->rule && *change->rule ? " " : "", change->rule ? change->rule : "");
	batch->lines++;
}

static int refused(const struct neap_table *table, struct neap_str text, size_t count,
		   const struct neap_process_result *result, const char *tool, struct neap_arena *arena,
		   struct neap_error **err)
{
	size_t line;
	const char *said = neap_local_said(result, arena, &line);

	if (line >= 2 && line < count + 2) {
		size_t at = 0;

		for (size_t i = 1; i < line; i++)
			at = neap_line_at(text, at).next;
		struct neap_str bytes = neap_line_bytes(text, neap_line_at(text, at));

		neap_error_set(err, "%s of table %s: exit %d at \"%.*s\": %s", tool, table->name,
			       result->status, (int)bytes.len, bytes.data, said);
	} else {
		neap_error_set(err, "%s of table %s: exit %d: %s", tool, table->name, result->status, said);
	}
	return neap_error_hint(err,
			       count > 1 ? "the %zu changes of this table are made together or not at all"
					 : "nothing of the table was changed",
			       count);
}

int neap_local_restore(const struct neap_table *table, const struct neap_buf *text, size_t count,
		       int64_t until, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *tool = neap_local_tool(table->family, "-restore", arena);
	const char *argv[] = { tool, "--noflush", "-w", LOCK_WAIT, NULL };
	struct neap_process process = { .argv = argv, .timeout = RESTORE_TIMEOUT };
	struct neap_process_place place = { 0 };
	struct neap_process_result result;
	int rc;

	/* What will be taken back must not land after that, nor when nobody waits for it any more. */
	if (until) {
		int64_t left = (until - neap_confirm_clock()) / 1000;

		process.timeout = left > 1 ? (unsigned)left : 1;
		process.bound = true;
		argv[3] = neap_arena_printf(arena, "%u", process.timeout);
	}
	for (unsigned tries = 1;; tries++) {
		place.input = neap_local_input(text, err);
		if (place.input < 0)
			return -1;
		rc = neap_process_run(&process, &place, arena, &result, err);
		close(place.input);
		if (rc < 0 || result.status == 0)
			return rc;
		/* Of a batch that it does not like nft says so too, and names a line. The lock was waited
		 * for. */
		if (result.status != BUSY || line_named(result.errors) || strstr(result.errors, "lock") ||
		    tries == TRIES)
			return refused(table, (struct neap_str){ text->data, text->len }, count, &result,
				       tool, arena, err);
	}
}

int neap_local_land_firewall(struct neap_local *local, const struct neap_change *const *changes, size_t count,
			     struct neap_error **err)
{
	const struct neap_table *table = &changes[0]->table;
	struct batch batch = { 0 };
	struct neap_ruleset *set;
	int rc = save(local, table, false, &set, err); /* what has begun is brought to its end */

	if (rc < 0)
		return rc;
	neap_buf_printf(&batch.text, "*%s\n", table->name);
	for (size_t i = 0; i < count; i++)
		if (neap_firewall_is_left(set, changes[i]))
			put_change(&batch, changes[i]);
	neap_buf_puts(&batch.text, "COMMIT\n");
	rc = batch.lines ? neap_local_restore(table, &batch.text, batch.lines, local->land_until, err) : 0;
	neap_local_firewall_drop(local);
	neap_ruleset_free(set);
	neap_buf_done(&batch.text);
	return rc;
}
