/* One request to a server of the web, by libcurl. Private to host/: fetch.c and probe.c ask, and everything
 * above asks a host. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "host/machine.h"

/* PEM text; data NULL: none. */
struct neap_web_tls {
	struct neap_str ca, cert, key;
};

struct neap_web_answer {
	unsigned status; /* 0: none came */
	bool partial;    /* and `from` says where it begins */
	uint64_t from;
	const char *location; /* where it redirects to, or NULL */
};

struct neap_web_request {
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	const struct neap_web_tls *tls;
	uint64_t from;       /* the first byte that is wanted */
	uint64_t max;        /* more is not begun with, when that is announced; 0: any */
	unsigned connect_ms; /* 0: 30 s */
	uint64_t total_ms;   /* for all of it */
	unsigned stall;      /* seconds in which nearly nothing comes; 0: as long as it takes */
	bool connect_only;   /* nothing is asked: it is enough that somebody listens. Through no proxy */
	const struct neap_machine_watch *watch; /* or NULL */

	void *ctx;
	/* The answer's head has come; then its bytes. 0: go on; 1: that is enough; negative with *err. */
	int (*head)(void *ctx, const struct neap_web_answer *answer, struct neap_error **err);
	int (*body)(void *ctx, const void *bytes, size_t len, struct neap_error **err);
};

/* 0: the answer has come whole, or as far as was wanted. The error does not say for which URL; its errnum is
 * EINTR when the run is to stop. No text of an error or hint comes from a header. */
int neap_web_get(const struct neap_web_request *request, struct neap_arena *arena,
		 struct neap_web_answer *ret, struct neap_error **err);
bool neap_web_stopped(const struct neap_machine_watch *watch);
