/*
 * What iptables makes of a rule that a person has written: it is loaded in a network namespace of its own,
 * where it does nothing, and read back. What was found is kept, by chain and text, with a stamp of what it
 * hangs on. It must not know which rules are there, nor who wants them.
 */
#include "host/local_firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lines.h"
#include "host/process.h"

#define MARK "neap-wish:"
#define CACHE_KIND "iptables"
#define CACHE_HEAD "neap-rules 2 "
#define BOOK_MAX ((size_t)16 << 20)
#define TOGETHER_MAX 20000 /* rules tried by one call */
#define NOT_UNDERSTOOD 2   /* exit code of iptables-restore for what it refuses itself */
#define REFUSALS_MAX 16    /* of others, before a rule is tried alone */

struct form {
	const char *const *rules;
	size_t count;
	const char *jump; /* a chain that was there; NULL: none */
};

struct trial {
	struct neap_local *local;
	const struct neap_table *table;
	const struct neap_ruleset *set;
	struct neap_arena *arena;
	NEAP_VEC(struct neap_rule_wish) wishes;
	struct form *forms;       /* of each */
	size_t bad;               /* the wish that was refused, or wishes.count: not known which */
	const char *extra;        /* a chain that is not there, declared all the same */
	struct neap_map declared; /* chains, of the last try */
};

/* ---- a place to try them
 * ----------------------------------------------------------------------------------- */

/* A process of its own makes the namespace, for neap's is to stay what it is; it may go once that is open. */
static int open_scratch(struct neap_error **err)
{
	int ready[2], done[2], fd = -1, errnum = 0;
	char path[40];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return neap_error_errno(err, errno, "make a pipe");
	if (pipe2(done, O_CLOEXEC) < 0) {
		neap_error_errno(err, errno, "make a pipe");
		close(ready[0]);
		close(ready[1]);
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		char byte;

		for (int i = 1; i < NSIG; i++)
			signal(i, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		errnum = unshare(CLONE_NEWNET) < 0 ? errno : 0;
		close(done[1]);
		if (write(ready[1], &errnum, sizeof errnum) == sizeof errnum)
			while (read(done[0], &byte, 1) < 0 && errno == EINTR)
				;
		_exit(0);
	}
	close(ready[1]);
	if (pid < 0) {
		errnum = errno;
	} else {
		ssize_t got;

		while ((got = read(ready[0], &errnum, sizeof errnum)) < 0 && errno == EINTR)
			;
		errnum = got == sizeof errnum ? errnum : EIO;
	}
	if (!errnum) {
		snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		errnum = fd < 0 ? errno : 0;
	}
	close(ready[0]);
	close(done[0]);
	close(done[1]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (!errnum)
		return fd;
	neap_error_errno(err, errnum, "make a network namespace in which rules can be tried");
	return neap_error_hint(err, "it takes root, and a kernel and a container that allow it");
}

static int run(const struct trial *trial, const char *const *argv, const struct neap_buf *input,
	       struct neap_process_result *ret, struct neap_error **err)
{
	struct neap_local_firewall *firewall = neap_local_firewall(trial->local);
	/* The lock file of iptables lies in /run. */
	const struct neap_process process = { .argv = argv, .output_max = NEAP_SAVE_MAX, .scratch = "/run" };
	struct neap_process_place place = { .read_only = true, .stop = trial->local->machine.watch.stop };
	int rc;

	if (firewall->scratch < 0)
		firewall->scratch = open_scratch(err);
	if (firewall->scratch < 0)
		return -1;
	place.network = firewall->scratch;
	if (input) {
		place.input = neap_local_input(input, err);
		if (place.input < 0)
			return -1;
	}
	rc = neap_process_run(&process, &place, trial->arena, ret, err);
	if (input)
		close(place.input);
	return rc;
}

/* ---- a trial
 * ----------------------------------------------------------------------------------------------- */

static void declare(struct trial *trial, struct neap_buf *text, const char *chain, size_t *lines)
{
	if (neap_table_has(trial->table->name, chain) ||
	    neap_map_put(&trial->declared, neap_str(chain), trial))
		return;
	neap_buf_printf(text, ":%s - [0:0]\n", chain);
	++*lines;
}

/* The chains that a rule may jump to are those that its words name. */
static void declare_named(struct trial *trial, struct neap_buf *text, const char *rule, size_t *lines)
{
	struct neap_buf word NEAP_AUTO_BUF = { 0 };
	struct neap_str rest = neap_str(rule);

	while (neap_rule_word(&rest, &word) > 0) {
		const struct neap_chain *chain = word.len ? neap_ruleset_chain(trial->set, word.data) : NULL;

		if (chain && !chain->policy)
			declare(trial, text, chain->name, lines);
	}
}

/* A mark before each rule: one may become several, or none. */
static size_t write_trial(struct trial *trial, struct neap_buf *text)
{
	size_t lines = 1;

	neap_map_clear(&trial->declared);
	neap_buf_printf(text, "*%s\n", trial->table->name);
	for (size_t i = 0; i < trial->wishes.count; i++) {
		const struct neap_rule_wish *wish = &trial->wishes.items[i];

		declare(trial, text, wish->chain, &lines);
		declare_named(trial, text, wish->text, &lines);
	}
	if (trial->extra)
		declare(trial, text, trial->extra, &lines);
	for (size_t i = 0; i < trial->wishes.count; i++) {
		const struct neap_rule_wish *wish = &trial->wishes.items[i];

		neap_buf_printf(text, "-A %s -m comment --comment \"" MARK "%zu\"\n-A %s %s\n", wish->chain,
				i, wish->chain, wish->text);
	}
	neap_buf_puts(text, "COMMIT\n");
	return lines;
}

/* The number of a mark, or -1. */
static ssize_t marked(const char *rule)
{
	static const char *const words[] = { "-m", "comment", "--comment" };
	struct neap_buf word NEAP_AUTO_BUF = { 0 };
	struct neap_str rest = neap_str(rule);

	if (!strstr(rule, MARK))
		return -1;
	for (size_t i = 0; i < 3; i++)
		if (neap_rule_word(&rest, &word) <= 0 || !word.len || strcmp(word.data, words[i]) != 0)
			return -1;
	if (neap_rule_word(&rest, &word) <= 0 || !word.len || strncmp(word.data, MARK, strlen(MARK)) != 0 ||
	    neap_str_trim(rest).len)
		return -1;
	return (ssize_t)strtoul(word.data + strlen(MARK), NULL, 10);
}

static bool has_rule(const struct form *form, const char *rule)
{
	for (size_t i = 0; i < form->count; i++)
		if (strcmp(form->rules[i], rule) == 0)
			return true;
	return false;
}

/* The rules between two marks. */
static void take_form(const struct trial *trial, const struct neap_chain *chain, size_t from, size_t to,
		      struct form *ret)
{
	const char **rules = neap_arena_array_of(trial->arena, const char *, to - from + 1);
	const char *target;

	*ret = (struct form){ .rules = rules };
	for (size_t i = from; i < to; i++)
		if (!has_rule(ret, chain->rules.items[i]))
			rules[ret->count++] = neap_arena_strdup(trial->arena, chain->rules.items[i]);
	target = ret->count ? neap_rule_target(rules[0], trial->arena) : NULL;
	ret->jump = target && neap_map_get(&trial->declared, neap_str(target)) ? target : NULL;
}

static void take_forms(struct trial *trial, const struct neap_ruleset *set)
{
	for (size_t i = 0; i < set->chains.count; i++) {
		const struct neap_chain *chain = set->chains.items[i];
		ssize_t number = -1;
		size_t from = 0;

		for (size_t j = 0; chain && j <= chain->rules.count; j++) {
			ssize_t next = j < chain->rules.count ? marked(chain->rules.items[j]) : -1;

			if (next < 0 && j < chain->rules.count)
				continue;
			if (number >= 0 && (size_t)number < trial->wishes.count)
				take_form(trial, chain, from, j, &trial->forms[number]);
			number = next;
			from = j + 1;
		}
	}
}

/* Negative: one was refused (trial->bad), or it cannot be tried at all (then bad is beyond all). */
static int try(struct trial *trial, struct neap_error **err)
{
	struct neap_buf text NEAP_AUTO_BUF = { 0 };
	const char *restore = neap_local_tool(trial->table->family, "-restore", trial->arena);
	const char *save = neap_local_tool(trial->table->family, "-save", trial->arena);
	const char *const restore_argv[] = { restore, NULL };
	const char *const save_argv[] = { save, "-t", trial->table->name, NULL };
	size_t lines = write_trial(trial, &text), line;
	struct neap_process_result result;
	struct neap_ruleset *set;

	trial->bad = SIZE_MAX;
	if (run(trial, restore_argv, &text, &result, err) < 0)
		return -1;
	if (result.status) {
		const char *said = neap_local_said(&result, trial->arena, &line);

		trial->bad = line > lines && line <= lines + 2 * trial->wishes.count ? (line - lines - 1) / 2
										     : trial->wishes.count;
		neap_error_set(err, "%s refuses the rule (exit %d): %s", restore, result.status, said);
		if (result.status != NOT_UNDERSTOOD)
			neap_error_hint(err, "the kernel has refused it: a match or target that the chain or "
					     "table does not allow, or whose module is missing");
		else if (strstr(said, "Couldn't load"))
			neap_error_hint(err, "this iptables has no match or target of that name: it is "
					     "misspelled, or what brings it is not installed");
		else if (strstr(said, "Set ") && strstr(said, "doesn't exist"))
			neap_error_hint(err,
					"ipset makes the set: what does so has to come first, require it");
		return -1;
	}
	if (run(trial, save_argv, NULL, &result, err) < 0)
		return -1;
	if (result.status)
		return neap_error_set(err, "%s: exit %d: %s", save, result.status,
				      neap_local_said(&result, trial->arena, NULL));
	if (neap_ruleset_parse((struct neap_str){ result.out, result.out_len }, trial->table->name, &set,
			       err) < 0)
		return neap_error_prefix(err, "%s", save);
	trial->forms = neap_arena_array_of(trial->arena, struct form, trial->wishes.count);
	take_forms(trial, set);
	neap_ruleset_free(set);
	return 0;
}

/* ---- what was found
 * ---------------------------------------------------------------------------------------- */

static struct neap_str key_of(const struct neap_rule_wish *wish, struct neap_arena *arena)
{
	size_t chain = strlen(wish->chain), text = strlen(wish->text);
	char *key = neap_arena_bytes(arena, chain + text + 2);

	memcpy(key, wish->chain, chain);
	key[chain] = ' ';
	memcpy(key + chain + 1, wish->text, text + 1);
	return (struct neap_str){ key, chain + 1 + text };
}

static void stamp_file(struct neap_buf *buf, const struct stat *st)
{
	neap_buf_printf(buf, "%llu %llu %lld %lld.%ld; ", (unsigned long long)st->st_dev,
			(unsigned long long)st->st_ino, (long long)st->st_size, (long long)st->st_mtim.tv_sec,
			st->st_mtim.tv_nsec);
}

/* One line. Names of users, services and hosts become numbers in a rule. */
static void stamp(struct neap_local *local, enum neap_family family, struct neap_buf *ret)
{
	static const char *const files[] = { "/etc/passwd", "/etc/group", "/etc/services", "/etc/protocols",
					     "/etc/hosts" };
	struct utsname names;
	struct stat st;

	neap_local_variant(local, family);
	stamp_file(ret, &local->firewall->families[family].program);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (stat(files[i], &st) == 0)
			stamp_file(ret, &st);
		else
			neap_buf_puts(ret, "-; ");
	if (uname(&names) == 0)
		neap_buf_printf(ret, "%s %s", names.release, names.version);
}

static const char *book_key(const struct neap_table *table, struct neap_arena *arena)
{
	return neap_arena_printf(arena, "%s-%s", table->family == NEAP_FAMILY_IPV6 ? "ipv6" : "ipv4",
				 table->name);
}

/* The first line of what is kept of a book. */
static void write_head(struct neap_buf *text, const struct neap_local_book *book, struct neap_str records)
{
	neap_buf_printf(text, CACHE_HEAD "%016llx %s\n",
			(unsigned long long)neap_hash_lasting(records.data, records.len), book->stamp);
}

/* Records of lines: "W" and the key, "J" and the chain, "R" and a rule each, "E". */
static void write_book(struct neap_local *local, const struct neap_table *table,
		       const struct neap_local_book *book, struct neap_arena *arena)
{
	struct neap_buf records NEAP_AUTO_BUF = { 0 }, text NEAP_AUTO_BUF = { 0 };

	if (!local->state)
		return;
	for (size_t i = 0; i < book->forms.count; i++) {
		const struct form *form = book->forms.entries[i].value;

		neap_buf_printf(&records, "W%s\n", book->forms.entries[i].key.data);
		if (form->jump)
			neap_buf_printf(&records, "J%s\n", form->jump);
		for (size_t j = 0; j < form->count; j++)
			neap_buf_printf(&records, "R%s\n", form->rules[j]);
		neap_buf_puts(&records, "E\n");
	}
	if (!records.len || records.len > BOOK_MAX)
		return;
	write_head(&text, book, (struct neap_str){ records.data, records.len });
	neap_buf_append(&text, records.data, records.len);
	neap_local_cache(&local->machine, CACHE_KIND, book_key(table, arena), text.data, text.len);
}

static void read_records(struct neap_local_book *book, struct neap_str text, struct neap_arena *arena)
{
	NEAP_VEC(const char *) rules = { 0 };
	struct form form = { 0 };
	struct neap_str key = { 0 };

	for (size_t at = 0; at < text.len;) {
		struct neap_line place = neap_line_at(text, at);
		struct neap_str line = neap_line_bytes(text, place);
		char *rest;

		at = place.next;
		if (!line.len)
			break;
		rest = neap_arena_copy(arena, line.data + 1, line.len - 1);
		if (line.data[0] == 'W') {
			key = (struct neap_str){ rest, line.len - 1 };
			form = (struct form){ 0 };
			rules.count = 0;
		} else if (line.data[0] == 'J') {
			form.jump = rest;
		} else if (line.data[0] == 'R') {
			neap_vec_push(&rules, (const char *)rest);
		} else if (line.data[0] == 'E' && key.data && rules.count) {
			struct form *kept = neap_arena_new_of(arena, struct form);
			const char **items = neap_arena_array_of(arena, const char *, rules.count);

			memcpy(items, rules.items, rules.count * sizeof *items);
			*kept = (struct form){ items, rules.count, form.jump };
			neap_map_put(&book->forms, key, kept);
		} else {
			break;
		}
	}
	neap_vec_done(&rules);
}

static void read_book(struct neap_local *local, const struct neap_table *table, struct neap_local_book *book)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_buf head NEAP_AUTO_BUF = { 0 };
	struct neap_content content = { 0 };
	struct neap_str text, records;

	neap_local_cached(&local->machine.view, CACHE_KIND, book_key(table, arena), arena, &content);
	if (!content.data || !content.size)
		return;
	text = (struct neap_str){ content.data, content.size };
	size_t next = neap_line_at(text, 0).next;
	records = (struct neap_str){ text.data + next, text.len - next };
	write_head(&head, book, records);
	if (neap_str_equal((struct neap_str){ text.data, next }, (struct neap_str){ head.data, head.len }))
		read_records(book, records, local->firewall->arena);
}

static struct neap_local_book *open_book(struct neap_local *local, const struct neap_table *table)
{
	struct neap_local_firewall *firewall = neap_local_firewall(local);
	struct neap_local_book **slot = &firewall->books[neap_table_number(table)], *book;
	struct neap_buf now NEAP_AUTO_BUF = { 0 };

	if (!*slot)
		*slot = neap_arena_new_of(firewall->arena, struct neap_local_book);
	book = *slot;
	if (book->fresh)
		return book;
	stamp(local, table->family, &now);
	if (!book->stamp || strcmp(now.data, book->stamp) != 0) {
		neap_map_clear(&book->forms);
		book->stamp = neap_arena_copy(firewall->arena, now.data, now.len);
		read_book(local, table, book);
	}
	book->fresh = true;
	return book;
}

static void note(struct neap_local_firewall *firewall, struct neap_local_book *book,
		 const struct neap_rule_wish *wish, const struct form *found)
{
	const char **rules = neap_arena_array_of(firewall->arena, const char *, found->count);
	struct form *form = neap_arena_new_of(firewall->arena, struct form);

	for (size_t i = 0; i < found->count; i++)
		rules[i] = neap_arena_strdup(firewall->arena, found->rules[i]);
	*form = (struct form){ rules, found->count,
			       found->jump ? neap_arena_strdup(firewall->arena, found->jump) : NULL };
	neap_map_put(&book->forms, key_of(wish, firewall->arena), form);
}

/* The wish, and the others that nobody knows the form of either. */
static void gather(struct trial *trial, const struct neap_local_book *book, const struct neap_rule_wish *wish,
		   const struct neap_rule_others *others)
{
	struct neap_map taken = { 0 };
	struct neap_rule_wish other;

	neap_vec_push(&trial->wishes, *wish);
	neap_map_put(&taken, key_of(wish, trial->arena), trial);
	while (others && trial->wishes.count < TOGETHER_MAX && others->next(others->ctx, &other)) {
		struct neap_str key = key_of(&other, trial->arena);

		if (neap_map_get(&book->forms, key) || neap_map_put(&taken, key, trial))
			continue;
		neap_vec_push(&trial->wishes, other);
	}
	neap_map_done(&taken);
}

/* It was refused: for nothing but that it jumps to a chain that is not there? */
static int explain(struct trial *trial, struct neap_error *refusal, struct neap_error **err)
{
	const char *target = neap_rule_target(trial->wishes.items[0].text, trial->arena);
	struct neap_error *other NEAP_AUTO_ERROR = NULL;

	trial->wishes.count = 1;
	if (trial->bad != SIZE_MAX && target && !strpbrk(target, " \t") && *target &&
	    !neap_ruleset_chain(trial->set, target) && strstr(refusal->message, target)) {
		trial->extra = target;
		if (try(trial, &other) == 0) {
			neap_error_free(refusal);
			return neap_firewall_jump(trial->table, trial->set, target, err);
		}
	}
	return neap_error_pass(err, &refusal);
}

/* Tries them until the first is settled: others that are refused are left out, their turn will come. */
static int settle(struct trial *trial, struct neap_error **err)
{
	for (unsigned refusals = 0;; refusals++) {
		struct neap_error *local = NULL;
		int rc = try(trial, &local);

		if (rc == 0)
			return 0;
		if (trial->bad == 0 || trial->bad == SIZE_MAX || trial->wishes.count == 1)
			return explain(trial, local, err);
		neap_error_free(local);
		if (trial->bad == trial->wishes.count) /* the kernel has refused some of them */
			trial->wishes.count = (trial->wishes.count + 1) / 2;
		else if (refusals >= REFUSALS_MAX)
			trial->wishes.count = 1;
		else
			trial->wishes.items[trial->bad] = trial->wishes.items[--trial->wishes.count];
	}
}

int neap_local_rule_form(const struct neap_view *view, const struct neap_table *table,
			 const struct neap_ruleset *set, const struct neap_rule_wish *wish,
			 const struct neap_rule_others *others, struct neap_arena *arena,
			 struct neap_rule_form *ret, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(view);
	struct neap_local_book *book = open_book(local, table);
	struct neap_str key = key_of(wish, arena);
	const struct form *form = neap_map_get(&book->forms, key); /* lives as long as the machine */

	if (!form) {
		struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
		struct trial trial = { .local = local, .table = table, .set = set, .arena = scratch };
		int rc;

		gather(&trial, book, wish, others);
		rc = settle(&trial, err);
		for (size_t i = 0; rc == 0 && i < trial.wishes.count; i++)
			if (trial.forms[i].count)
				note(local->firewall, book, &trial.wishes.items[i], &trial.forms[i]);
		neap_vec_done(&trial.wishes);
		neap_map_done(&trial.declared);
		if (rc < 0)
			return rc;
		write_book(local, table, book, scratch);
		form = neap_map_get(&book->forms, key);
	}
	if (!form) {
		neap_error_set(err, "%s makes no rule of it",
			       neap_local_tool(table->family, "-restore", arena));
		return neap_error_hint(err, "-4 and -6 in a rule leave it out of the other family");
	}
	if (neap_firewall_jump(table, set, form->jump, err) < 0)
		return -1;
	*ret = (struct neap_rule_form){ form->rules, form->count };
	return 0;
}
