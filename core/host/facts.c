/*
 * Asking a machine for its facts: names from /etc/hostname and /etc/hosts, the system from os-release, the
 * rest from the kernel. Knows no recipe, and nothing of who may replace a fact.
 */
#include "host/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/follow.h"

#define HOST_NAME_LONGEST 253

static void answer(struct neap_fact_answer *answers, enum neap_fact fact, struct neap_value value)
{
	answers[fact] = (struct neap_fact_answer){ .asked = true, .value = value };
}

static void answer_text(struct neap_fact_answer *answers, enum neap_fact fact, struct neap_str text)
{
	answer(answers, fact, neap_value_text(neap_text_plain(text.data, text.len)));
}

static void answer_none(struct neap_fact_answer *answers, enum neap_fact fact, const char *why)
{
	answers[fact] = (struct neap_fact_answer){ .asked = true, .why = why };
}

/* The bytes of a file that may be a link; else *ret_why it has none. */
static int read_text(const struct neap_view *view, const char *path, struct neap_arena *arena,
		     struct neap_str *ret, const char **ret_why, struct neap_error **err)
{
	struct neap_content content = { 0 };
	struct neap_stat stat;
	const char *from;
	int r = neap_view_follow(view, path, arena, &from, &stat, err);

	if (r == 0 && stat.kind == NEAP_FILE_REGULAR)
		r = neap_view_small_file(view, from, arena, &stat, &content, err);
	if (r != 0)
		return r;
	*ret = (struct neap_str){ content.data ? content.data : "", content.data ? content.size : 0 };
	*ret_why = NULL;
	if (stat.kind == NEAP_FILE_ABSENT)
		*ret_why = neap_arena_printf(arena, "there is no %s", path);
	else if (stat.kind != NEAP_FILE_REGULAR)
		*ret_why = neap_arena_printf(arena, "%s is %s", path, neap_file_kind_name(stat.kind));
	else if (content.size && !content.data)
		*ret_why = neap_arena_printf(arena, "%s is larger than 1 MB", path);
	return 0;
}

/* The next line of *rest without its end and the blanks round it; false: there was none. */
static bool next_line(struct neap_str *rest, struct neap_str *ret)
{
	const char *end;
	size_t len;

	if (!rest->len)
		return false;
	end = memchr(rest->data, '\n', rest->len);
	len = end ? (size_t)(end - rest->data) : rest->len;
	*ret = (struct neap_str){ rest->data, len };
	len += end != NULL;
	rest->data += len;
	rest->len -= len;
	while (ret->len && strchr(" \t\r", ret->data[ret->len - 1]))
		ret->len--;
	while (ret->len && strchr(" \t", ret->data[0]))
		ret->data++, ret->len--;
	return true;
}

/* ---- names ------------------------------------------------------------------------------------------- */

/* Labels of letters, digits, "-" and "_", with one point between two. */
static bool is_host_name(struct neap_str name)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	char last = '.';

	if (!name.len || name.len > HOST_NAME_LONGEST)
		return false;
	for (size_t i = 0; i < name.len; last = name.data[i++])
		if (!memchr(characters, name.data[i], sizeof(characters) - 1) ||
		    (name.data[i] == '.' && last == '.'))
			return false;
	return last != '.';
}

static bool same_name(struct neap_str a, struct neap_str b)
{
	return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

/* The next word of *line, or an empty one. */
static struct neap_str next_word(struct neap_str *line)
{
	struct neap_str word;
	size_t len = 0;

	while (line->len && (line->data[0] == ' ' || line->data[0] == '\t'))
		line->data++, line->len--;
	while (len < line->len && line->data[len] != ' ' && line->data[len] != '\t')
		len++;
	word = (struct neap_str){ line->data, len };
	line->data += len;
	line->len -= len;
	return word;
}

/* The name with a domain that a line of /etc/hosts gives to the host `name`; empty: none. */
static struct neap_str full_name_in(struct neap_str line, struct neap_str name)
{
	const char *comment = memchr(line.data, '#', line.len);
	struct neap_str word;

	if (comment)
		line.len = (size_t)(comment - line.data);
	next_word(&line); /* the address */
	while ((word = next_word(&line)).len) {
		struct neap_str head = { word.data, name.len };

		if (word.len > name.len && word.data[name.len] == '.' && same_name(head, name) &&
		    is_host_name(word))
			return word;
	}
	return word;
}

static int ask_hosts(const struct neap_view *view, struct neap_str name, struct neap_arena *arena,
		     struct neap_str *ret, const char **ret_why, struct neap_error **err)
{
	struct neap_str rest, line;

	if (read_text(view, "/etc/hosts", arena, &rest, ret_why, err) != 0)
		return -1;
	*ret = (struct neap_str){ "", 0 };
	while (!ret->len && next_line(&rest, &line))
		*ret = full_name_in(line, name);
	if (!ret->len && !*ret_why)
		*ret_why = neap_arena_printf(
			arena, "neither /etc/hostname nor /etc/hosts gives %.*s a name with a domain",
			(int)name.len, name.data);
	return 0;
}

/* What a running machine is called when no file says it; *ret stays when it has no name. */
static int ask_kernel_name(const struct neap_view *view, struct neap_arena *arena, struct neap_str *ret,
			   struct neap_error **err)
{
	const char *name = NULL;

	if (!neap_view_running(view))
		return 0;
	if (neap_view_kernel(view, "kernel.hostname", arena, &name, err) != 0)
		return -1;
	if (name && strcmp(name, "(none)") != 0)
		*ret = neap_str(name);
	return 0;
}

static int ask_names(const struct neap_view *view, struct neap_arena *arena, struct neap_fact_answer *answers,
		     struct neap_error **err)
{
	struct neap_str rest, line, name = { "", 0 }, full;
	const char *why, *point;

	if (read_text(view, "/etc/hostname", arena, &rest, &why, err) != 0)
		return -1;
	while (!name.len && next_line(&rest, &line))
		if (line.len && line.data[0] != '#')
			name = line;
	if (!name.len && ask_kernel_name(view, arena, &name, err) < 0)
		return -1;
	if (!is_host_name(name)) {
		if (name.len)
			why = "what /etc/hostname says is no host name";
		else if (!why)
			why = "/etc/hostname is empty";
		answer_none(answers, NEAP_FACT_HOSTNAME, why);
		answer_none(answers, NEAP_FACT_FQDN, why);
		answer_none(answers, NEAP_FACT_DOMAIN, why);
		return 0;
	}
	full = name;
	point = memchr(name.data, '.', name.len);
	if (point)
		name.len = (size_t)(point - name.data);
	else if (ask_hosts(view, name, arena, &full, &why, err) < 0)
		return -1;
	answer_text(answers, NEAP_FACT_HOSTNAME, name);
	if (full.len) {
		answer_text(answers, NEAP_FACT_FQDN, full);
		answer_text(answers, NEAP_FACT_DOMAIN,
			    (struct neap_str){ full.data + name.len + 1, full.len - name.len - 1 });
	} else {
		answer_none(answers, NEAP_FACT_FQDN, why);
		answer_none(answers, NEAP_FACT_DOMAIN, why);
	}
	return 0;
}

static int ask_machine_id(const struct neap_view *view, struct neap_arena *arena,
			  struct neap_fact_answer *answers, struct neap_error **err)
{
	struct neap_str text, line = { "", 0 };
	const char *why;
	size_t digits = 0;

	if (read_text(view, "/etc/machine-id", arena, &text, &why, err) != 0)
		return -1;
	next_line(&text, &line);
	while (digits < line.len && memchr("0123456789abcdef", line.data[digits], 16))
		digits++;
	if (digits == 32 && line.len == 32)
		answer_text(answers, NEAP_FACT_MACHINE_ID, line);
	else
		answer_none(answers, NEAP_FACT_MACHINE_ID,
			    why         ? why
			    : !line.len ? "/etc/machine-id is empty"
					: "/etc/machine-id holds no machine id");
	return 0;
}

/* ---- os-release -------------------------------------------------------------------------------------- */

/* What the shell would make of the right side of an assignment; false: it would not take it. */
static bool unquote(struct neap_str text, struct neap_arena *arena, struct neap_str *ret)
{
	char *out = neap_arena_bytes(arena, text.len + 1), quote = '\0';
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? '\0' : c;
			continue;
		}
		if (!quote && (c == ' ' || c == '\t'))
			return false;
		if (c == '\\' && quote != '\'') {
			if (++i == text.len)
				return false;
			if (quote && !memchr("\"\\$`", text.data[i], 4))
				out[len++] = '\\';
			c = text.data[i];
		}
		out[len++] = c;
	}
	if (quote)
		return false;
	out[len] = '\0';
	*ret = (struct neap_str){ out, len };
	return true;
}

/* "rhel fedora" as a list */
static struct neap_value words(struct neap_str text, struct neap_arena *arena)
{
	struct neap_value list = { .kind = NEAP_LIST };
	struct neap_str word;

	list.list.items = neap_arena_array_of(arena, struct neap_value, text.len / 2 + 1);
	while ((word = next_word(&text)).len)
		list.list.items[list.list.count++] = neap_value_text(neap_text_plain(word.data, word.len));
	return list;
}

static int ask_os(const struct neap_view *view, struct neap_arena *arena, struct neap_fact_answer *answers,
		  struct neap_error **err)
{
	static const struct {
		const char *key;
		enum neap_fact fact;
		const char *fallback; /* by os-release(5) */
	} keys[] = {
		{ "ID", NEAP_FACT_OS_ID, "linux" },
		{ "ID_LIKE", NEAP_FACT_OS_ID_LIKE, "" },
		{ "PRETTY_NAME", NEAP_FACT_OS_NAME, "Linux" },
		{ "VERSION_CODENAME", NEAP_FACT_OS_CODENAME, NULL },
		{ "VERSION_ID", NEAP_FACT_OS_VERSION, NULL },
	};
	enum { KEYS = sizeof(keys) / sizeof(*keys) };
	struct neap_str rest, line, values[KEYS] = { 0 };
	const char *why, *file = "/etc/os-release";

	if (read_text(view, file, arena, &rest, &why, err) != 0)
		return -1;
	if (why) {
		const char *first = why;

		file = "/usr/lib/os-release";
		if (read_text(view, file, arena, &rest, &why, err) != 0)
			return -1;
		if (why)
			why = first;
	}
	while (next_line(&rest, &line)) {
		const char *equals = memchr(line.data, '=', line.len);
		struct neap_str key = { line.data, equals ? (size_t)(equals - line.data) : 0 };

		for (size_t i = 0; equals && i < KEYS; i++)
			if (neap_str_equal(key, neap_str(keys[i].key)))
				unquote((struct neap_str){ equals + 1, line.len - key.len - 1 }, arena,
					&values[i]);
	}
	for (size_t i = 0; i < KEYS; i++) {
		if (!why && !values[i].len && keys[i].fallback)
			values[i] = neap_str(keys[i].fallback);
		if (why)
			answer_none(answers, keys[i].fact, why);
		else if (keys[i].fact == NEAP_FACT_OS_ID_LIKE)
			answer(answers, keys[i].fact, words(values[i], arena));
		else if (values[i].len)
			answer_text(answers, keys[i].fact, values[i]);
		else
			answer_none(answers, keys[i].fact,
				    neap_arena_printf(arena, "%s has no %s", file, keys[i].key));
	}
	return 0;
}

/* ---- the kernel -------------------------------------------------------------------------------------- */

static int ask_kernel(struct neap_arena *arena, struct neap_fact_answer *answers, struct neap_error **err)
{
	struct utsname names;

	if (uname(&names) < 0)
		return neap_error_errno(err, errno, "uname");
	answer_text(answers, NEAP_FACT_ARCH, neap_str(neap_arena_strdup(arena, names.machine)));
	answer_text(answers, NEAP_FACT_KERNEL, neap_str(neap_arena_strdup(arena, names.release)));
	return 0;
}

static int ask_cpus(struct neap_fact_answer *answers, struct neap_error **err)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	if (count < 1)
		return neap_error_set(err, "count the processors: the system does not say");
	answer(answers, NEAP_FACT_CPUS, (struct neap_value){ .kind = NEAP_INTEGER, .integer = count });
	return 0;
}

/* The first lines of /proc/meminfo, and not sysinfo(2): in a container the file is the one that is right. */
static int ask_memory(struct neap_fact_answer *answers, struct neap_error **err)
{
	static const char file[] = "/proc/meminfo", key[] = "MemTotal:";
	char text[512];
	const char *at = text;
	int64_t kilobytes = 0;
	ssize_t got;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return neap_error_errno(err, errno, "open %s", file);
	got = read(fd, text, sizeof(text) - 1);
	if (got < 0)
		neap_error_errno(err, errno, "read %s", file);
	close(fd);
	if (got < 0)
		return -1;
	text[got] = '\0';
	if (strncmp(at, key, sizeof(key) - 1) == 0)
		for (at += sizeof(key) - 1 + strspn(at + sizeof(key) - 1, " "); *at >= '0' && *at <= '9';
		     at++)
			kilobytes = kilobytes < INT64_MAX / 20 ? kilobytes * 10 + (*at - '0') : kilobytes;
	if (!kilobytes)
		return neap_error_set(err, "read %s: it says no MemTotal", file);
	answer(answers, NEAP_FACT_MEMORY_MB,
	       (struct neap_value){ .kind = NEAP_INTEGER, .integer = kilobytes / 1024 });
	return 0;
}

int neap_facts_ask(const struct neap_view *view, enum neap_fact fact, struct neap_arena *arena,
		   struct neap_fact_answer answers[NEAP_FACT_COUNT], struct neap_error **err)
{
	struct neap_value addresses, interfaces;

	switch (fact) {
	case NEAP_FACT_HOSTNAME:
	case NEAP_FACT_FQDN:
	case NEAP_FACT_DOMAIN:
		return ask_names(view, arena, answers, err);
	case NEAP_FACT_MACHINE_ID:
		return ask_machine_id(view, arena, answers, err);
	case NEAP_FACT_OS_CODENAME:
	case NEAP_FACT_OS_ID:
	case NEAP_FACT_OS_ID_LIKE:
	case NEAP_FACT_OS_NAME:
	case NEAP_FACT_OS_VERSION:
		return ask_os(view, arena, answers, err);
	case NEAP_FACT_ARCH:
	case NEAP_FACT_KERNEL:
		return ask_kernel(arena, answers, err);
	case NEAP_FACT_CPUS:
		return ask_cpus(answers, err);
	case NEAP_FACT_MEMORY_MB:
		return ask_memory(answers, err);
	case NEAP_FACT_ADDRESSES:
	case NEAP_FACT_INTERFACES:
		if (neap_facts_ask_net(arena, &addresses, &interfaces, err) < 0)
			return -1;
		answer(answers, NEAP_FACT_ADDRESSES, addresses);
		answer(answers, NEAP_FACT_INTERFACES, interfaces);
		return 0;
	case NEAP_FACT_COUNT:
		break;
	}
	return neap_error_set(err, "no such fact");
}
