/* Reads secrets from where they lie. Bytes go into the caller's arena and pass through no other buffer. */
#include "engine/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/machine.h"

static int read_all(int fd, const char *shown, char *data, size_t size, size_t *ret, struct neap_error **err)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, data + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return neap_error_errno(err, errno, "read secret %s", shown);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret = len;
	return 0;
}

static size_t without_newline(const char *data, size_t len)
{
	if (len > 0 && data[len - 1] == '\n')
		len -= len > 1 && data[len - 2] == '\r' ? 2 : 1;
	return len;
}

static int read_file(struct neap_arena *arena, int fd, const char *shown, struct neap_text *ret,
		     bool *ret_exposed, struct neap_error **err)
{
	struct stat st;
	size_t len = 0;
	char *data;

	if (fstat(fd, &st) < 0)
		return neap_error_errno(err, errno, "stat secret %s", shown);
	if (!S_ISREG(st.st_mode))
		return neap_error_set(err, "secret %s is not a regular file", shown);
	if ((uint64_t)st.st_size > NEAP_SECRET_MAX)
		return neap_error_set(err, "secret %s is larger than 64 KB", shown);
	neap_arena_wipe(arena);
	data = neap_arena_bytes(arena, (size_t)st.st_size + 1);
	if (read_all(fd, shown, data, (size_t)st.st_size + 1, &len, err) < 0)
		return -1;
	if (len > (size_t)st.st_size)
		return neap_error_set(err, "secret %s changed while it was read", shown);
	len = without_newline(data, len);
	if (len == 0)
		return neap_error_set(err, "secret %s is empty", shown);
	data[len] = '\0';
	*ret_exposed = (st.st_mode & S_IROTH) != 0;
	*ret = neap_text_secret(arena, data, len);
	return 0;
}

int neap_secret_file(struct neap_arena *arena, const char *path, const char *shown, struct neap_text *ret,
		     bool *ret_exposed, struct neap_error **err)
{
	/* Without O_NONBLOCK a fifo would keep us waiting for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;

	if (fd < 0)
		return neap_error_errno(err, errno, "open secret %s", shown);
	r = read_file(arena, fd, shown, ret, ret_exposed, err);
	close(fd);
	return r;
}

int neap_secret_environment(struct neap_arena *arena, const char *name, struct neap_text *ret,
			    struct neap_error **err)
{
	const char *value = getenv(name);
	size_t len;

	if (!value)
		return neap_error_set(err, "secret: the environment variable %s is not set", name);
	len = strlen(value);
	if (len == 0)
		return neap_error_set(err, "secret: the environment variable %s is empty", name);
	if (len > NEAP_SECRET_MAX)
		return neap_error_set(err, "secret: the environment variable %s is larger than 64 KB", name);
	neap_arena_wipe(arena);
	*ret = neap_text_secret(arena, neap_arena_copy(arena, value, len), len);
	return 0;
}

int neap_secret_command(struct neap_arena *arena, const char *const *argv, const char *directory,
			const volatile sig_atomic_t *stop, struct neap_text *ret, struct neap_error **err)
{
	struct neap_process process = {
		.argv = argv,
		.directory = directory,
		.timeout = NEAP_SECRET_TIMEOUT,
		.output_max = NEAP_SECRET_MAX + sizeof "\r\n",
	};
	struct neap_process_result result;
	struct neap_machine *machine;
	size_t len;
	int r;

	/* The machine that evaluates, whatever the root is. */
	if (neap_host_local_new("/", NULL, &machine, err) < 0)
		return -1;
	machine->watch.stop = stop;
	neap_arena_wipe(arena);
	r = neap_view_query(&machine->view, &process, arena, &result, err);
	neap_machine_free(machine);
	if (r != 0)
		return neap_error_prefix(err, "secret");
	if (result.status != 0) {
		neap_error_set(err, "secret: the command %s ended with exit code %d", argv[0], result.status);
		return neap_error_hint(err, "what it printed may be secret and is not shown: run it by hand "
					    "(here, run by root, it cannot write anywhere)");
	}
	len = without_newline(result.out, result.out_len);
	if (len > NEAP_SECRET_MAX)
		return neap_error_set(err, "secret: the command %s printed more than 64 KB", argv[0]);
	if (len == 0)
		return neap_error_set(err, "secret: the command %s printed nothing", argv[0]);
	*ret = neap_text_secret(arena, result.out, len);
	return 0;
}
