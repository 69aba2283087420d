/*
 * The overlay over what is no file: queries, settings of the kernel, values that only an apply makes, and
 * neap's own cache. It must not know how any of these is done on a machine.
 */
#include <errno.h>

#include "host/overlay_parts.h"

int neap_overlay_query(const struct neap_view *view, const struct neap_process *process,
		       struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	const struct neap_view *below = neap_overlay_below(overlay);
	uint32_t cause = overlay->moved != NEAP_NO_STEP ? overlay->moved : overlay->pending;

	if (process->anything && cause == NEAP_NO_STEP)
		cause = overlay->moved_any;
	if (overlay->mode == NEAP_OVERLAY_PLAN && cause != NEAP_NO_STEP) {
		overlay->cause = cause;
		return NEAP_UNKNOWN;
	}
	if (overlay->mode == NEAP_OVERLAY_APPLY &&
	    neap_overlay_land_first(overlay, "run", process->argv[0], err) < 0)
		return -1;
	/* A step that has run something is brought to its end, whatever stops the run. */
	const volatile sig_atomic_t *stop = overlay->machine->watch.stop;
	if (overlay->opaque)
		overlay->machine->watch.stop = NULL;
	int r = below->reads->query(below, process, arena, ret, err);
	overlay->machine->watch.stop = stop;
	return r;
}

int64_t neap_overlay_clock(const struct neap_view *view)
{
	const struct neap_view *below = neap_overlay_below(neap_overlay_of(view));

	return below->reads->clock(below);
}

bool neap_overlay_running(const struct neap_view *view)
{
	const struct neap_view *below = neap_overlay_below(neap_overlay_of(view));

	return below->reads->running(below);
}

static struct neap_str cache_key(const char *kind, const char *key, struct neap_arena *arena)
{
	return neap_str(neap_arena_printf(arena, "%s/%s", kind, key));
}

void neap_overlay_cached(const struct neap_view *view, const char *kind, const char *key,
			 struct neap_arena *arena, struct neap_content *ret)
{
	const struct neap_view *below = neap_overlay_below(neap_overlay_of(view));
	const struct neap_overlay *overlay = neap_overlay_of(view);
	const struct neap_content *held = NULL;

	if (overlay->cached.count)
		held = neap_map_get(&overlay->cached, cache_key(kind, key, arena));
	if (held)
		*ret = *held; /* as long as the plan is */
	else
		below->reads->cached(below, kind, key, arena, ret);
}

void neap_overlay_cache(struct neap_host *host, const char *kind, const char *key, const void *data,
			size_t len)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_content *held;

	if (overlay->mode == NEAP_OVERLAY_APPLY) {
		if (overlay->machine->ops->cache)
			overlay->machine->ops->cache(overlay->machine, kind, key, data, len);
		return;
	}
	held = neap_arena_new_of(overlay->arena, struct neap_content);
	*held = (struct neap_content){ .data = neap_arena_copy(overlay->arena, data, len), .size = len };
	neap_map_put(&overlay->cached, cache_key(kind, key, overlay->arena), held);
}

int neap_overlay_make(struct neap_host *host, neap_make_fn *make, void *ctx, struct neap_arena *arena,
		      struct neap_content *ret, struct neap_error **err)
{
	struct neap_text text;

	if (neap_overlay_of(&host->view)->mode == NEAP_OVERLAY_PLAN) {
		*ret = (struct neap_content){ .unknown = true };
		return 0;
	}
	if (make(ctx, arena, &text, err) < 0)
		return -1;
	*ret = (struct neap_content){ .data = text.data, .size = text.len };
	return 0;
}

/* ---- settings of the kernel ---------------------------------------------------------------------------- */

/* Settings are held like files, by their paths: what is taken back or landed needs no second book. */
int neap_overlay_kernel_read(const struct neap_view *view, const char *path, struct neap_arena *arena,
			     const char **ret, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(view);
	const struct neap_view *below = neap_overlay_below(overlay);
	const struct neap_overlay_state *state = neap_overlay_tree_get(&overlay->tree, neap_str(path));
	struct neap_error *local = NULL;
	const char *value = NULL;
	uint32_t step;
	int r;

	if (state && state->kind == NEAP_FILE_REGULAR) {
		*ret = neap_arena_strdup(arena, state->content.data);
		return 0;
	}
	if (state) {
		overlay->cause = state->cause;
		return NEAP_UNKNOWN;
	}
	switch (neap_overlay_net_fate(overlay, path, &step)) {
	case NEAP_OVERLAY_MADE:
		/* The kernel will say what a new link's settings are. */
		if (overlay->mode == NEAP_OVERLAY_PLAN) {
			overlay->cause = step;
			return NEAP_UNKNOWN;
		}
		if (neap_overlay_land_first(overlay, "read", path, err) < 0)
			return -1;
		break;
	case NEAP_OVERLAY_GONE:
		*ret = NULL;
		return 0;
	case NEAP_OVERLAY_AS_IT_IS:
		break;
	}
	r = below->reads->kernel(below, path, arena, &value, &local);
	r = neap_overlay_settle(overlay, r, r == 0 && !value, &local, err);
	if (r == 0)
		*ret = value;
	return r;
}

int neap_overlay_kernel(struct neap_host *host, const char *path, const char *value, struct neap_error **err)
{
	struct neap_overlay *overlay = neap_overlay_of(&host->view);
	struct neap_overlay_state was = { .kind = NEAP_OVERLAY_UNKNOWN_KIND, .cause = overlay->pending };
	const char *before;
	int r = neap_overlay_kernel_read(&host->view, path, overlay->scratch, &before, err);

	neap_arena_reset(overlay->scratch);
	if (r < 0)
		return r;
	if (r == 0 && !before)
		return neap_error_errno(err, ENOENT, "set %s", path);
	if (r == 0 && neap_overlay_may(overlay, NEAP_RIGHT_KERNEL, "set", path, err) < 0)
		return -1;
	if (r == 0)
		was.kind = NEAP_FILE_REGULAR;
	neap_overlay_hold_kernel(overlay, path, &was, value);
	return 0;
}
