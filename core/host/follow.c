/*
 * Following links by the reads of a view alone: a component at a time, links replaced by their targets, ".."
 * and absolute targets staying below the root. Knows no host.
 */
#include "host/follow.h"

#include <errno.h>

#define LINKS_MAX 40 /* as the kernel */

int neap_view_follow(const struct neap_view *view, const char *path, struct neap_arena *arena,
		     const char **ret, struct neap_stat *ret_stat, struct neap_error **err)
{
	NEAP_AUTO_BUF struct neap_buf at = { 0 };
	const char *rest = path;
	struct neap_stat stat;
	unsigned links = 0;
	int r;

	r = view->reads->stat(view, "/", &stat, err);
	if (r != 0)
		return r;
	neap_buf_puts(&at, "");
	for (;;) {
		size_t len, before = at.len;
		const char *target;

		rest += strspn(rest, "/");
		len = strcspn(rest, "/");
		if (!len)
			break;
		if (stat.kind == NEAP_FILE_ABSENT)
			break;
		if (stat.kind != NEAP_FILE_DIRECTORY)
			return neap_error_errno(err, ENOTDIR, "open %s", path);
		if (len == 1 && rest[0] == '.') {
			rest += len;
			continue;
		}
		if (len == 2 && rest[0] == '.' && rest[1] == '.') {
			while (at.len && at.data[at.len - 1] != '/')
				at.len--;
			at.len -= at.len ? 1 : 0;
			at.data[at.len] = '\0';
			rest += len;
			continue;
		}
		neap_buf_putc(&at, '/');
		neap_buf_append(&at, rest, len);
		rest += len;
		r = view->reads->link(view, at.data, arena, &stat, &target, err);
		if (r != 0)
			return r;
		if (stat.kind != NEAP_FILE_LINK)
			continue;
		if (++links > LINKS_MAX)
			return neap_error_errno(err, ELOOP, "open %s", path);
		rest = neap_arena_printf(arena, "%s/%s", target, rest);
		at.len = target[0] == '/' ? 0 : before;
		at.data[at.len] = '\0';
		stat.kind = NEAP_FILE_DIRECTORY; /* where the link lies */
	}
	if (stat.kind == NEAP_FILE_DIRECTORY) { /* `stat` may be of what ".." led away from */
		r = view->reads->stat(view, at.len ? at.data : "/", &stat, err);
		if (r != 0)
			return r;
	}
	*ret = at.len ? neap_arena_copy(arena, at.data, at.len) : "/";
	*ret_stat = stat;
	return 0;
}
