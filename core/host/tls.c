/* See tls.h. It does not look into the files: who uses them says what is wrong with them. */
#include "host/tls.h"

#include <errno.h>

#include "host/follow.h"

static int read_pem(const struct neap_view *view, const char *what, const char *path,
		    struct neap_arena *arena, struct neap_str *ret, struct neap_error **err)
{
	struct neap_content content;
	struct neap_stat stat;
	int r;

	r = neap_view_follow(view, path, arena, &path, &stat, err);
	if (r == 0)
		r = neap_view_small_file(view, path, arena, &stat, &content, err);
	if (r < 0)
		return neap_error_prefix(err, "%s", what);
	if (r > 0)
		return r;
	if (stat.kind == NEAP_FILE_ABSENT)
		return neap_error_errno(err, ENOENT, "%s: open %s", what, path);
	if (stat.kind != NEAP_FILE_REGULAR)
		return neap_error_set(err, "%s: %s is %s", what, path, neap_file_kind_name(stat.kind));
	if (!content.data)
		return neap_error_set(err, "%s: %s is larger than 1 MB", what, path);
	*ret = (struct neap_str){ content.data, content.size };
	return 0;
}

int neap_tls_read(const struct neap_view *view, const struct neap_tls_files *files, struct neap_arena *arena,
		  struct neap_web_tls *ret, struct neap_error **err)
{
	struct neap_web_tls tls = { 0 };
	const struct {
		const char *what, *path;
		struct neap_str *text;
	} all[] = {
		{ "ca_cert", files->ca_cert, &tls.ca },
		{ "client_cert", files->client_cert, &tls.cert },
		{ "client_key", files->client_key, &tls.key },
	};
	int result = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		int r = all[i].path ? read_pem(view, all[i].what, all[i].path, arena, all[i].text, err) : 0;

		if (r < 0)
			return r;
		if (r > 0)
			result = r;
	}
	if (!tls.key.data)
		tls.key = tls.cert;
	*ret = tls;
	return result;
}
