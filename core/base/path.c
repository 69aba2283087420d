/* Paths as text: nothing here looks at a file system. */
#include "base/path.h"

#define PATH_LIMIT 4095
#define NAME_LIMIT 255
#define SHOWN 200 /* bytes of a path in an error */

int neap_path_normalise(struct neap_arena *arena, struct neap_str path, struct neap_str *ret,
			struct neap_error **err)
{
	int shown = (int)(path.len > SHOWN ? neap_str_utf8_prefix((struct neap_str){ path.data, SHOWN })
					   : path.len);
	const char *dots = path.len > SHOWN ? "…" : "";
	size_t len = 0;
	char *out;

	if (!path.len)
		return neap_error_set(err, "path is empty");
	if (memchr(path.data, '\0', path.len))
		return neap_error_set(err, "path holds a NUL byte");
	if (path.data[0] != '/')
		return neap_error_set(err, "path \"%.*s%s\" is not absolute", shown, path.data, dots);

	out = neap_arena_bytes(arena, path.len + 1);
	for (size_t i = 0; i < path.len;) {
		const char *name = path.data + i;
		const char *slash = memchr(name, '/', path.len - i);
		size_t name_len = slash ? (size_t)(slash - name) : path.len - i;

		i += name_len + 1;
		if (name_len == 0 || (name_len == 1 && name[0] == '.'))
			continue;
		if (name_len == 2 && name[0] == '.' && name[1] == '.')
			return neap_error_set(err, "path \"%.*s%s\" holds \"..\"", shown, path.data, dots);
		if (name_len > NAME_LIMIT)
			return neap_error_set(err, "path \"%.*s%s\" has a name of %zu bytes, over %d", shown,
					      path.data, dots, name_len, NAME_LIMIT);
		out[len++] = '/';
		memcpy(out + len, name, name_len);
		len += name_len;
	}
	if (len > PATH_LIMIT)
		return neap_error_set(err, "path \"%.*s%s\" is %zu bytes long, over %d", shown, path.data,
				      dots, len, PATH_LIMIT);
	if (!len)
		out[len++] = '/';
	out[len] = '\0';
	*ret = (struct neap_str){ out, len };
	return 0;
}

struct neap_str neap_path_parent(struct neap_str path)
{
	const char *slash = memrchr(path.data, '/', path.len);

	if (!slash || slash == path.data)
		return (struct neap_str){ path.data, path.len ? 1 : 0 };
	return (struct neap_str){ path.data, (size_t)(slash - path.data) };
}

struct neap_str neap_path_name(struct neap_str path)
{
	const char *slash = memrchr(path.data, '/', path.len);
	size_t start = slash ? (size_t)(slash - path.data) + 1 : 0;

	return (struct neap_str){ path.data + start, path.len - start };
}

bool neap_path_below(struct neap_str path, struct neap_str directory)
{
	if (directory.len == 1) /* "/" */
		return path.len > 1;
	return path.len > directory.len && path.data[directory.len] == '/' &&
	       memcmp(path.data, directory.data, directory.len) == 0;
}
