/*
 * A web server for tests, kind or hostile by the path that is asked for. Nothing here is fit for anything
 *else.
 *
 *	test-web-server DIR [CERT KEY [CA]]
 *
 * serves DIR/www on a free port of 127.0.0.1 (that in DIR/again, if there is such a file), written to
 *DIR/port when it listens, by TLS when CERT and KEY are given; with CA clients must show a certificate by it.
 *Each request is a line in DIR/log, written before it is answered: method, target, then what there is of
 *"range=…", "auth=…", "token=…" (X-Token), "cert=…".
 *
 *	/NAME             the file; Range is obeyed
 *	/norange/NAME     the file whole, whatever was asked
 *	/wrongrange/NAME  206 from 0, whatever was asked
 *	/416/NAME         416 when a range was asked for, else the file
 *	/short/N/NAME     N bytes of what it announces, then the end
 *	/bare/N/NAME      N bytes, nothing announced, then the end
 *	/stall/N/NAME     N bytes of what it announces, then nothing
 *	/gzip/NAME        the file, said to be compressed
 *	/status/N         that status, and a body
 *	/to/N/URL         N and that Location; /to/N/ without one
 *	/loop             to itself
 *	/endless          bytes without end
 *	/heads            header lines without end
 *	/huge             200000000000 bytes are announced
 *	/hang             no answer at all
 *
 * As a proxy it tunnels CONNECT, and answers a GET of http://… from its own DIR/www.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ssl.h>

static const char *folder;
static SSL_CTX *tls;

struct peer {
	int fd;
	SSL *ssl;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void send_all(struct peer *peer, const char *data, size_t len)
{
	while (len) {
		ssize_t done = peer->ssl ? SSL_write(peer->ssl, data, len > 65536 ? 65536 : (int)len)
					 : write(peer->fd, data, len);
		if (done <= 0)
			_exit(0); /* it has gone */
		data += done;
		len -= (size_t)done;
	}
}

__attribute__((format(printf, 2, 3))) static void say(struct peer *peer, const char *format, ...)
{
	char text[8192];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	send_all(peer, text, (size_t)len);
}

/* Until the empty line. */
static void read_head(struct peer *peer, char *head, size_t size)
{
	size_t len = 0;

	while (len < size - 1) {
		ssize_t got = peer->ssl ? SSL_read(peer->ssl, head + len, 1) : read(peer->fd, head + len, 1);
		if (got <= 0)
			_exit(0);
		head[++len] = '\0';
		if (len >= 4 && strcmp(head + len - 4, "\r\n\r\n") == 0)
			return;
	}
	_exit(0);
}

static bool header(const char *head, const char *name, char *ret, size_t size)
{
	const char *line = head;
	size_t len = strlen(name);

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			line += len + 1;
			line += strspn(line, " ");
			snprintf(ret, size, "%.*s", (int)strcspn(line, "\r"), line);
			return true;
		}
	}
	return false;
}

static void write_log(struct peer *peer, const char *method, const char *target, const char *head)
{
	static const char *const names[][2] = { { "Range", "range" },
						{ "Authorization", "auth" },
						{ "X-Token", "token" } };
	char line[8192], value[1024];
	int len = snprintf(line, sizeof line, "%s %s", method, target);

	for (size_t i = 0; i < 3; i++)
		if (header(head, names[i][0], value, sizeof value))
			len += snprintf(line + len, sizeof line - (size_t)len, " %s=%s", names[i][1], value);
	X509 *cert = peer->ssl ? SSL_get1_peer_certificate(peer->ssl) : NULL;
	if (cert) {
		X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, value, sizeof value);
		len += snprintf(line + len, sizeof line - (size_t)len, " cert=%s", value);
	}
	line[len++] = '\n';
	snprintf(value, sizeof value, "%s/log", folder);
	int fd = open(value, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0 || write(fd, line, (size_t)len) != len)
		fail("log");
	close(fd);
}

static void nap(void)
{
	while (true)
		pause();
}

struct answer {
	const char *name;
	bool ranges, wrong, refuse, announce, stall, gzip;
	long cut; /* -1: whole */
};

static void send_file(struct peer *peer, const struct answer *answer, const char *head)
{
	char path[4096], range[256];
	long from = 0;
	struct stat st;

	snprintf(path, sizeof path, "%s/www/%s", folder, answer->name);
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		say(peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnone\n");
		return;
	}
	bool asked = header(head, "Range", range, sizeof range) && sscanf(range, "bytes=%ld-", &from) == 1;
	long size = (long)st.st_size;
	if (asked && (answer->refuse || (answer->ranges && from >= size))) {
		say(peer,
		    "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */%ld\r\nContent-Length: "
		    "0\r\n\r\n",
		    size);
		return;
	}
	if (!asked || !answer->ranges || answer->wrong)
		from = 0;
	if (asked && (answer->ranges || answer->wrong))
		say(peer, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %ld-%ld/%ld\r\n", from,
		    size - 1, size);
	else
		say(peer, "HTTP/1.1 200 OK\r\n");
	if (answer->announce)
		say(peer, "Content-Length: %ld\r\n", size - from);
	say(peer, "%sConnection: close\r\n\r\n", answer->gzip ? "Content-Encoding: gzip\r\n" : "");
	long left = answer->cut >= 0 && answer->cut < size - from ? answer->cut : size - from;
	lseek(fd, from, SEEK_SET);
	while (left > 0) {
		char bytes[65536];
		ssize_t got = read(fd, bytes, left < (long)sizeof bytes ? (size_t)left : sizeof bytes);
		if (got <= 0)
			break;
		send_all(peer, bytes, (size_t)got);
		left -= got;
	}
	if (answer->stall)
		nap();
}

static void tunnel(struct peer *peer, const char *target)
{
	char host[256], port[16], bytes[16384];
	struct addrinfo *found, hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET };

	if (sscanf(target, "%255[^:]:%15s", host, port) != 2 || getaddrinfo(host, port, &hints, &found) != 0)
		return;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
		say(peer, "HTTP/1.1 502 Bad Gateway\r\n\r\n");
		return;
	}
	say(peer, "HTTP/1.1 200 Connected\r\n\r\n");
	while (true) {
		struct pollfd fds[2] = { { .fd = peer->fd, .events = POLLIN },
					 { .fd = fd, .events = POLLIN } };
		poll(fds, 2, -1);
		for (int i = 0; i < 2; i++) {
			if (!fds[i].revents)
				continue;
			ssize_t got = read(fds[i].fd, bytes, sizeof bytes);
			if (got <= 0 || write(fds[1 - i].fd, bytes, (size_t)got) != got)
				return;
		}
	}
}

static void serve(struct peer *peer)
{
	char head[65536], method[16], target[4096];
	struct answer answer = { .ranges = true, .announce = true, .cut = -1 };
	int at = 0, code;

	read_head(peer, head, sizeof head);
	if (sscanf(head, "%15s %4095s", method, target) != 2)
		return;
	write_log(peer, method, target, head);
	const char *name = target;
	if (strcmp(method, "CONNECT") == 0) {
		tunnel(peer, target);
		return;
	}
	if (strncmp(name, "http://", 7) == 0)
		name = strchr(name + 7, '/') ? strchr(name + 7, '/') : "/";
	name++;
	if (sscanf(name, "short/%ld/%n", &answer.cut, &at) == 1 && at)
		name += at;
	else if (sscanf(name, "bare/%ld/%n", &answer.cut, &at) == 1 && at)
		name += at, answer.announce = false;
	else if (sscanf(name, "stall/%ld/%n", &answer.cut, &at) == 1 && at)
		name += at, answer.stall = true;
	else if (strncmp(name, "norange/", 8) == 0)
		name += 8, answer.ranges = false;
	else if (strncmp(name, "wrongrange/", 11) == 0)
		name += 11, answer.wrong = true;
	else if (strncmp(name, "416/", 4) == 0)
		name += 4, answer.refuse = true;
	else if (strncmp(name, "gzip/", 5) == 0)
		name += 5, answer.gzip = true;
	if (sscanf(name, "status/%d", &code) == 1) {
		say(peer, "HTTP/1.1 %d Whatever\r\nContent-Length: 6\r\n\r\nsaid.\n", code);
		return;
	}
	if (sscanf(name, "to/%d/%n", &code, &at) == 1 && at) {
		say(peer, "HTTP/1.1 %d Elsewhere\r\nContent-Length: 0\r\n", code);
		if (name[at])
			say(peer, "Location: %s\r\n", name + at);
		say(peer, "\r\n");
		return;
	}
	if (strcmp(name, "loop") == 0) {
		say(peer, "HTTP/1.1 302 Round\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
		return;
	}
	if (strcmp(name, "endless") == 0 || strcmp(name, "heads") == 0) {
		say(peer, "HTTP/1.1 200 OK\r\n%s", strcmp(name, "heads") == 0 ? "" : "\r\n");
		while (true)
			say(peer, "X-%04d: %01000d\r\n", 7, 7);
	}
	if (strcmp(name, "huge") == 0) {
		say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 200000000000\r\n\r\n");
		nap();
	}
	if (strcmp(name, "hang") == 0)
		nap();
	answer.name = name;
	send_file(peer, &answer, head);
}

static void attend(int fd)
{
	struct peer peer = { .fd = fd };

	if (tls) {
		peer.ssl = SSL_new(tls);
		SSL_set_fd(peer.ssl, fd);
		if (SSL_accept(peer.ssl) != 1)
			_exit(0);
	}
	serve(&peer);
	if (peer.ssl)
		SSL_shutdown(peer.ssl);
	shutdown(fd, SHUT_WR);
	_exit(0);
}

static void use_tls(char **argv, int argc)
{
	tls = SSL_CTX_new(TLS_server_method());
	if (!tls || SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1)
		fail("certificate");
	if (argc > 4) {
		if (SSL_CTX_load_verify_locations(tls, argv[4], NULL) != 1)
			fail("CA");
		SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	char path[4096], done[4096];

	if (argc < 2)
		return 64;
	folder = argv[1];
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (argc > 3)
		use_tls(argv, argc);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	snprintf(path, sizeof path, "%s/again", folder);
	FILE *again = fopen(path, "r");
	unsigned short number;
	if (again && fscanf(again, "%hu", &number) == 1)
		address.sin_port = htons(number);
	if (again)
		fclose(again);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		fail("listen");
	snprintf(path, sizeof path, "%s/port.new", folder);
	snprintf(done, sizeof done, "%s/port", folder);
	FILE *port = fopen(path, "w");
	if (!port || fprintf(port, "%d\n", ntohs(address.sin_port)) < 0 || fclose(port) != 0 ||
	    rename(path, done) < 0)
		fail("port");
	while (true) {
		int peer = accept(fd, NULL, NULL);
		if (peer < 0)
			continue;
		pid_t child = fork();
		if (child == 0) {
			close(fd);
			attend(peer);
		}
		close(peer);
	}
}
