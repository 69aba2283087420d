/*
 * The floor: the same work as bench/recipes/ in plain C, with nothing between it and the kernel. It builds
 * the wanted bytes too, and keeps neap's promises: first writes all temps, syncs once, renames all, syncs the
 * directory; a converged file costs stat, open, read, close.
 *
 *	floor files-first ROOT N     floor files-noop ROOT N     floor lines ROOT     floor empty
 *	floor users ROOT             floor network
 *
 * What needs OpenSSL is in floor_openssl.c, for to load that is most of what a small program does.
 */
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static size_t wanted(char *out, size_t size, unsigned i)
{
	char padding[167];
	memset(padding, 'x', 166);
	padding[166] = '\0';
	return (size_t)snprintf(out, size, "number = %05u\npadding = %s\nend %05u\n", i, padding, i);
}

static int open_directory(const char *root, const char *path)
{
	char name[4096];
	snprintf(name, sizeof name, "%s%s", root, path);
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd, name);
	return fd;
}

static void files_first(const char *root, unsigned count)
{
	char name[4096], content[512];
	int top = open_directory(root, "");
	must(mkdirat(top, ".stage", 0700), ".stage");
	mkdirat(top, "etc", 0755);
	must(mkdirat(top, "etc/app", 0755), "etc/app");
	int stage = openat(top, ".stage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int target = openat(top, "etc/app", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 1; i <= count; i++) {
		snprintf(name, sizeof name, "%05u", i);
		size_t len = wanted(content, sizeof content, i);
		int fd = openat(stage, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		must(fd, name);
		must((int)write(fd, content, len), name);
		must(fchmod(fd, 0644), name);
		close(fd);
	}
	must(syncfs(stage), "syncfs");
	for (unsigned i = 1; i <= count; i++) {
		char from[32];
		snprintf(from, sizeof from, "%05u", i);
		snprintf(name, sizeof name, "%05u.conf", i);
		must(renameat(stage, from, target, name), name);
	}
	must(fsync(target), "fsync");
	must(unlinkat(top, ".stage", AT_REMOVEDIR), ".stage");
}

static void files_noop(const char *root, unsigned count)
{
	char name[64], content[512], found[512];
	int target = open_directory(root, "/etc/app");
	unsigned different = 0;
	for (unsigned i = 1; i <= count; i++) {
		struct stat stat;
		snprintf(name, sizeof name, "%05u.conf", i);
		size_t len = wanted(content, sizeof content, i);
		must(fstatat(target, name, &stat, AT_SYMLINK_NOFOLLOW), name);
		int fd = openat(target, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		must(fd, name);
		ssize_t got = read(fd, found, sizeof found);
		close(fd);
		different += (size_t)got != len || memcmp(found, content, len) != 0 ||
			     (stat.st_mode & 07777) != 0644;
	}
	printf("%u differ\n", different);
}

/* Reads the file once and looks each line up in it. */
static void lines(const char *root)
{
	char path[4096], line[128];
	snprintf(path, sizeof path, "%s/etc/big.conf", root);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd, path);
	struct stat stat;
	must(fstat(fd, &stat), path);
	char *text = malloc((size_t)stat.st_size + 1);
	if (!text)
		exit(1);
	must((int)read(fd, text, (size_t)stat.st_size), path);
	close(fd);
	unsigned missing = 0;
	for (unsigned i = 1; i <= 100; i++) {
		int len = snprintf(line, sizeof line, "setting.%05u = this is the value of line %05u\n",
				   i * 97, i * 97);
		missing += memmem(text, (size_t)stat.st_size, line, (size_t)len) == NULL;
	}
	printf("%u missing\n", missing);
	free(text);
}

/* The four files of accounts read once and walked line by line. */
static void users(const char *root)
{
	static const char *const names[] = { "passwd", "shadow", "group", "gshadow" };
	unsigned fields = 0;
	for (unsigned i = 0; i < 4; i++) {
		char path[4096];
		struct stat stat;
		snprintf(path, sizeof path, "%s/etc/%s", root, names[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		must(fd, path);
		must(fstat(fd, &stat), path);
		char *text = malloc((size_t)stat.st_size + 1);
		if (!text)
			exit(1);
		must((int)read(fd, text, (size_t)stat.st_size), path);
		close(fd);
		text[stat.st_size] = '\0';
		for (char *at = text; (at = strpbrk(at, ":\n")); at++)
			fields++;
		free(text);
	}
	printf("%u fields\n", fields);
}

/* Links, addresses and routes of both families, each by one dump; only counted. */
static void network(void)
{
	static const struct {
		unsigned short type;
		unsigned char family;
	} dumps[] = { { RTM_GETLINK, AF_UNSPEC },
		      { RTM_GETADDR, AF_UNSPEC },
		      { RTM_GETROUTE, AF_INET },
		      { RTM_GETROUTE, AF_INET6 } };
	static char buffer[65536];
	unsigned count = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	must(fd, "netlink");
	for (unsigned i = 0; i < 4; i++) {
		struct {
			struct nlmsghdr header;
			struct rtmsg message;
		} request = { { .nlmsg_len = sizeof request,
				.nlmsg_type = dumps[i].type,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
			      { .rtm_family = dumps[i].family } };
		bool done = false;
		must((int)send(fd, &request, sizeof request, 0), "send");
		while (!done) {
			ssize_t got = recv(fd, buffer, sizeof buffer, 0);
			must((int)got, "recv");
			size_t left = (size_t)got;
			for (const struct nlmsghdr *at = (const void *)buffer; NLMSG_OK(at, left);
			     at = NLMSG_NEXT(at, left)) {
				done = done || at->nlmsg_type == NLMSG_DONE || at->nlmsg_type == NLMSG_ERROR;
				count++;
			}
		}
	}
	printf("%u\n", count);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "users") == 0)
		users(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "files-first") == 0)
		files_first(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	else if (argc == 4 && strcmp(argv[1], "files-noop") == 0)
		files_noop(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	else if (argc == 3 && strcmp(argv[1], "lines") == 0)
		lines(argv[2]);
	else if (argc == 2 && strcmp(argv[1], "network") == 0)
		network();
	else if (argc != 2 || strcmp(argv[1], "empty") != 0)
		return 64;
	return 0;
}
