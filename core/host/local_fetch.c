/* The real machine's network, and the checksums of its files. It must not know plans or resources. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/fetch.h"
#include "host/local.h"
#include "host/probe.h"
#include "host/tls.h"

/* By its checksum, so that the next run finds what belongs to what. */
static const char *name_of(const struct neap_checksum *checksum, struct neap_arena *arena)
{
	char *name = neap_arena_strdup(arena, neap_checksum_text(checksum, arena));

	*strchr(name, ':') = '-';
	return name;
}

static void remember(struct neap_local *local, char *path)
{
	for (size_t i = 0; i < local->downloads.count; i++)
		if (strcmp(local->downloads.items[i], path) == 0) {
			free(path);
			return;
		}
	neap_vec_push(&local->downloads, path);
}

int neap_local_fetch(struct neap_machine *machine, const struct neap_fetch *fetch, struct neap_arena *arena,
		     struct neap_content *ret, struct neap_error **err)
{
	struct neap_local *local = neap_local_of(&machine->view);
	struct neap_arena *keys NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_content content = { 0 };
	struct neap_web_tls tls;
	char *path = NULL;
	struct stat st;
	int fd, r;

	neap_arena_wipe(keys);
	neap_local_units_rest(local);
	if (!local->state)
		return neap_error_set(err, "download: this machine was opened to be read only");
	if (neap_tls_read(&machine->view, &fetch->tls, keys, &tls, err) < 0)
		return -1;
	fd = neap_state_download(local->state, name_of(&fetch->checksum, keys), &path, err);
	if (fd < 0)
		return -1;
	const struct neap_fetch_order order = {
		.urls = fetch->urls,
		.headers = fetch->headers,
		.checksum = fetch->checksum,
		.tls = &tls,
		.timeout = fetch->timeout,
		.max = fetch->max,
		.watch = &machine->watch,
	};
	r = neap_fetch_into(&order, fd, &content, err);
	if (r == 0) {
		content.source = neap_arena_strdup(arena, path);
		*ret = content;
	} else if (fstat(fd, &st) == 0 && st.st_size == 0) {
		neap_state_download_done(local->state, path);
	}
	close(fd);
	if (r == 0)
		remember(local, path);
	else
		free(path);
	return r;
}

/* What the change brought is on the machine: the private copy goes. */
void neap_local_fetched(struct neap_local *local, const struct neap_change *change)
{
	const char *source = change->content.source;

	for (size_t i = 0; source && i < local->downloads.count; i++) {
		char *path = local->downloads.items[i];

		if (strcmp(path, source) != 0)
			continue;
		neap_state_download_done(local->state, path);
		free(path);
		local->downloads.items[i] = local->downloads.items[--local->downloads.count];
	}
}

void neap_local_fetched_all(struct neap_local *local)
{
	for (size_t i = 0; i < local->downloads.count; i++) {
		neap_state_download_done(local->state, local->downloads.items[i]);
		free(local->downloads.items[i]);
	}
	neap_vec_done(&local->downloads);
}

int neap_local_wait(struct neap_machine *machine, const struct neap_probe *probe, struct neap_error **err)
{
	struct neap_arena *keys NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_web_tls tls;

	neap_arena_wipe(keys);
	neap_local_net_drop(neap_local_of(&machine->view)); /* what is waited for may bring links */
	neap_local_units_drop(neap_local_of(&machine->view));
	neap_local_units_rest(neap_local_of(&machine->view));
	if (neap_tls_read(&machine->view, &probe->tls, keys, &tls, err) < 0)
		return -1;
	return neap_probe_wait(probe, &tls, &machine->view, &machine->watch, err);
}
