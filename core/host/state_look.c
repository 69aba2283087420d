/*
 * What neap's state says to who only looks: how the last run went, and who holds the lock. Takes no lock,
 * makes and changes nothing, and takes nothing that it finds there at its word.
 */
#include "host/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/state_parts.h"

#define LOOKS 10

char *neap_state_read(int at, const char *directory, const char *name, size_t *ret_len,
		      struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf buf = { 0 };
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t got;
	char *text;

	if (fd < 0) {
		neap_error_errno(err, errno, "open %s/%s", directory, name);
		return NULL;
	}
	do {
		got = read(fd, neap_buf_reserve(&buf, 16384), 16384);
		if (got > 0)
			buf.len += (size_t)got;
	} while ((got > 0 && buf.len <= NEAP_STATE_FILE_MAX) || (got < 0 && errno == EINTR));
	if (got < 0)
		neap_error_errno(err, errno, "read %s/%s", directory, name);
	else if (got > 0)
		neap_error_set(err, "read %s/%s: it is larger than 1 MB", directory, name);
	close(fd);
	if (got != 0)
		return NULL;
	neap_buf_putc(&buf, '\0');
	*ret_len = buf.len - 1;
	text = buf.data;
	buf = (struct neap_buf){ 0 };
	return text;
}

/* ---- who holds the lock -------------------------------------------------------------------------------- */

/* Who has flock'ed the file by /proc/locks, a line each: "1: FLOCK  ADVISORY  WRITE 812 fd:00:1234 0 EOF".
 * The device is another one than stat's on some file systems; then the pid that the file itself names must be
 * there. 0: nobody; -1: cannot be seen. */
static int64_t holder(const struct stat *file, int64_t named)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	int64_t found = 0;

	if (!locks)
		return -1;
	while (!found && fgets(line, sizeof(line), locks)) {
		long long pid;
		unsigned long long inode;
		unsigned number, device_major, device_minor;

		if (sscanf(line, "%u: FLOCK ADVISORY WRITE %lld %x:%x:%llu", &number, &pid, &device_major,
			   &device_minor, &inode) != 5 ||
		    inode != file->st_ino)
			continue;
		if (pid == named || makedev(device_major, device_minor) == file->st_dev)
			found = pid;
	}
	fclose(locks);
	return found;
}

/* Where that cannot be seen: whether a process of this number is there, in the same life of the machine. */
static bool lives(int64_t pid)
{
	return pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* "PID SINCE ID BOOT RECIPE", as neap_record_begin() writes it, or its beginning. */
static void look_at_mark(int at, const char *directory, struct neap_arena *arena, struct neap_look *ret,
			 char ret_id[NEAP_RANDOM_ID_SIZE])
{
	size_t len = 0;
	char *text NEAP_AUTO_FREE = neap_state_read(at, directory, "lock", &len, NULL);
	char boot[40] = "", now[40];
	long long pid = 0, since = 0;
	int recipe = 0, fields = 0;
	struct stat st;

	if (!text || fstatat(at, "lock", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	fields = sscanf(text, "%lld %lld %32s %39s %n", &pid, &since, ret_id, boot, &recipe);
	if (fields < 2)
		pid = since = 0;
	neap_record_boot(now);
	bool same_boot = strcmp(boot, now) == 0;
	int64_t who = holder(&st, pid);
	if (who < 0)
		who = same_boot && lives(pid) ? pid : 0;
	if (who > 0)
		ret->mark = NEAP_MARK_RUNNING;
	else if (fields == 4)
		ret->mark = NEAP_MARK_KILLED;
	ret->rebooted = ret->mark == NEAP_MARK_KILLED && boot[0] && boot[1] && now[1] && !same_boot;
	if (who > 0 && who != pid) { /* it has not said yet who it is */
		ret->pid = who;
		ret_id[0] = '\0';
		return;
	}
	ret->pid = pid;
	ret->since = since;
	if (recipe > 0)
		ret->recipe = neap_arena_copy(arena, text + recipe, strcspn(text + recipe, "\n"));
}

static int look(const char *directory, const char *root, struct neap_arena *arena, struct neap_look *ret,
		char ret_id[NEAP_RANDOM_ID_SIZE], struct neap_error **err)
{
	struct neap_error *failure NEAP_AUTO_ERROR = NULL;
	int at = neap_state_directory(directory, root, false, &failure);
	size_t len = 0;

	*ret = (struct neap_look){ .recipe = "" };
	if (at < 0 && failure->errnum == ENOENT)
		return 0;
	if (at < 0)
		return neap_error_pass(err, &failure);
	ret->there = true;
	/* The mark first: a run that ends between the two looks has its record. */
	look_at_mark(at, directory, arena, ret, ret_id);
	char *text NEAP_AUTO_FREE = neap_state_read(at, directory, NEAP_RECORD_FILE, &len, &failure);
	close(at);
	if (!text)
		return failure->errnum == ENOENT ? 0 : neap_error_pass(err, &failure);
	if (neap_record_parse(arena, (struct neap_str){ text, len }, &ret->record, err) < 0)
		return neap_error_prefix(err, "read %s/" NEAP_RECORD_FILE, directory);
	ret->recorded = true;
	if (ret->mark == NEAP_MARK_KILLED && strcmp(ret->record.id, ret_id) == 0)
		ret->mark = NEAP_MARK_NONE;
	return 0;
}

/* While somebody looks, runs may come and go. One that was killed looks the same the next time. */
int neap_record_look(const char *directory, const char *root, struct neap_arena *arena, struct neap_look *ret,
		     struct neap_error **err)
{
	char before[NEAP_RANDOM_ID_SIZE] = "", id[NEAP_RANDOM_ID_SIZE];

	for (int i = 0; i < LOOKS; i++) {
		id[0] = '\0';
		if (look(directory, root, arena, ret, id, err) < 0)
			return -1;
		if (ret->mark != NEAP_MARK_KILLED || strcmp(before, id) == 0)
			return 0;
		memcpy(before, id, sizeof(id));
	}
	return 0;
}
