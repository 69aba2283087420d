/* See mounts.h. */
#include "base/mounts.h"

#include "base/lines.h"

/* Blanks, newlines and backslashes stand as octal numbers. */
static const char *unescape(struct neap_str field, struct neap_arena *arena)
{
	char *text = neap_arena_copy(arena, field.data, field.len), *to = text;

	for (const char *at = text; *at; at++) {
		bool octal = at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
			     at[3] >= '0' && at[3] <= '7';

		if (octal) {
			*to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
	return text;
}

static void escape(const char *field, struct neap_buf *ret)
{
	for (; *field; field++)
		if (strchr(" \t\n\\#", *field))
			neap_buf_printf(ret, "\\%03o", (unsigned char)*field);
		else
			neap_buf_putc(ret, *field);
}

/* A directory by its plain name: "/mnt/" is "/mnt". */
static const char *unescape_path(struct neap_str field, struct neap_arena *arena)
{
	while (field.len > 1 && field.data[field.len - 1] == '/')
		field.len--;
	return unescape(field, arena);
}

bool neap_fstab_parse(struct neap_str line, struct neap_arena *arena, struct neap_fstab_entry *ret)
{
	struct neap_str rest = line, fields[6];
	size_t count = 0;

	while (count < 6 && (fields[count] = neap_str_word(&rest)).len && fields[count].data[0] != '#')
		count++;
	if (count < 3)
		return false;
	*ret = (struct neap_fstab_entry){
		.device = unescape(fields[0], arena),
		.path = unescape_path(fields[1], arena),
		.fstype = unescape(fields[2], arena),
		.options = count > 3 ? unescape(fields[3], arena) : "defaults",
		.dump = count > 4 ? unescape(fields[4], arena) : "0",
		.pass = count > 5 ? unescape(fields[5], arena) : "0",
	};
	return true;
}

const char *neap_fstab_line(const struct neap_fstab_entry *entry, struct neap_arena *arena)
{
	const char *const fields[] = { entry->device,  entry->path, entry->fstype,
				       entry->options, entry->dump, entry->pass };
	struct neap_buf line NEAP_AUTO_BUF = { 0 };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		neap_buf_puts(&line, i ? " " : "");
		escape(fields[i], &line);
	}
	return neap_arena_copy(arena, line.data, line.len);
}

/* 36 35 98:0 /root /path options [optional …] - fstype source super */
bool neap_mount_parse(struct neap_str line, struct neap_arena *arena, struct neap_mount *ret)
{
	struct neap_str rest = line, word, head[6], tail[3];
	size_t count = 0;

	while (count < 6 && (head[count] = neap_str_word(&rest)).len)
		count++;
	if (count < 6)
		return false;
	do {
		word = neap_str_word(&rest);
	} while (word.len && !neap_str_equal(word, NEAP_STR("-")));
	for (count = 0; count < 3; count++)
		tail[count] = neap_str_word(&rest);
	if (!tail[2].len)
		return false;
	*ret = (struct neap_mount){
		.number = unescape(head[2], arena),
		.root = unescape(head[3], arena),
		.path = unescape(head[4], arena),
		.options = unescape(head[5], arena),
		.fstype = unescape(tail[0], arena),
		.source = unescape(tail[1], arena),
		.super = unescape(tail[2], arena),
	};
	return true;
}

bool neap_mount_has(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = options; *at; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '=' || !at[len]))
			return true;
	return false;
}

const char *neap_mount_lacks(const struct neap_mount *mount, const char *wanted, struct neap_arena *arena)
{
	static const struct {
		const char *on, *off;
	} flags[] = {
		{ "ro", "rw" },       { "nosuid", "suid" },   { "nodev", "dev" },
		{ "noexec", "exec" }, { "noatime", "atime" }, { "nodiratime", "diratime" },
		{ "sync", "async" },  { "dirsync", NULL },    { "mand", "nomand" },
	};

	for (const char *at = wanted; *at; at += strcspn(at, ","), at += *at == ',') {
		const char *option = neap_arena_copy(arena, at, strcspn(at, ","));

		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
			bool on = neap_mount_has(mount->options, flags[i].on) ||
				  neap_mount_has(mount->super, flags[i].on);

			if ((strcmp(option, flags[i].on) == 0 && !on) ||
			    (flags[i].off && strcmp(option, flags[i].off) == 0 && on))
				return option;
		}
	}
	return NULL;
}
