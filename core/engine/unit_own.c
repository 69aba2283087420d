/* See unit_own.h. Must not change a machine but through the host, nor know a resource type. */
#include "engine/unit_own.h"

#define NULL_DEVICE "/dev/null"

const char *neap_unit_own_path(const char *name, struct neap_arena *arena)
{
	return neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%s", name);
}

const char *neap_unit_drop_in_path(const char *name, const char *drop_in, struct neap_arena *arena)
{
	return neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%s.d/%s.conf", name, drop_in);
}

struct neap_unit_source neap_unit_own_source(const struct neap_unit_own *own, struct neap_arena *arena)
{
	const struct neap_texts *texts = own->drop_ins;
	struct neap_unit_drop_in *drop_ins =
		neap_arena_array_of(arena, struct neap_unit_drop_in, texts->count + 1);
	struct neap_unit_source source = { .name = own->name,
					   .drop_ins = drop_ins,
					   .drop_in_count = texts->count,
					   .unmasked = own->unmask };

	if (own->whole)
		source.content = (struct neap_str){ own->content.data, own->content.size };
	for (size_t i = 0; i < texts->count; i++)
		drop_ins[i] = (struct neap_unit_drop_in){
			neap_unit_drop_in_path(own->name, texts->names[i], arena),
			{ texts->texts[i].data, texts->texts[i].len },
		};
	return source;
}

static bool masks(enum neap_unit_place place)
{
	return place == NEAP_UNIT_PLACE_NULL || place == NEAP_UNIT_PLACE_EMPTY;
}

/* Its file, then what is dropped in, or not any more. */
static void name_files(const struct neap_unit_own *own, struct neap_arena *arena,
		       struct neap_unit_own_state *state)
{
	const struct neap_texts *texts = own->drop_ins;
	size_t count = texts->count + 1;

	state->gone = neap_arena_array_of(arena, struct neap_whole, count);
	state->gone_states = neap_arena_array_of(arena, struct neap_whole_state, count);
	state->gone_params = neap_arena_array_of(arena, const char *, count);
	state->files = neap_arena_array_of(arena, struct neap_owned, count);
	state->states = neap_arena_array_of(arena, struct neap_owned_state, count);
	state->params = neap_arena_array_of(arena, const char *, count);
	if (own->whole) {
		state->params[0] = "content";
		state->files[state->count++] = (struct neap_owned){
			.path = neap_unit_own_path(own->name, arena),
			.content = own->content,
			.text = own->text,
			.secret = own->secret,
			.over_link = own->unmask && state->place == NEAP_UNIT_PLACE_NULL,
		};
	}
	for (size_t i = 0; i < texts->count; i++) {
		const char *param = neap_arena_printf(arena, "drop_ins.%s", texts->names[i]);
		const char *path = neap_unit_drop_in_path(own->name, texts->names[i], arena);

		if (!texts->texts[i].data) {
			state->gone_params[state->gone_count] = param;
			state->gone[state->gone_count++] = (struct neap_whole){ .path = path };
			continue;
		}
		state->params[state->count] = param;
		state->files[state->count++] = (struct neap_owned){
			.path = path,
			.content = { .data = texts->texts[i].data, .size = texts->texts[i].len },
			.text = &texts->texts[i],
			.secret = texts->texts[i].span_count > 0,
		};
	}
}

static int read_place(const struct neap_view *view, struct neap_arena *arena, const char *path,
		      struct neap_unit_own_state *ret, struct neap_error **err)
{
	struct neap_stat stat;
	int r = neap_view_link(view, path, arena, &stat, &ret->target, err);

	if (r != 0)
		return r;
	switch (stat.kind) {
	case NEAP_FILE_ABSENT:
		ret->place = NEAP_UNIT_PLACE_NOTHING;
		return 0;
	case NEAP_FILE_LINK:
		ret->place =
			strcmp(ret->target, NULL_DEVICE) == 0 ? NEAP_UNIT_PLACE_NULL : NEAP_UNIT_PLACE_LINK;
		return 0;
	case NEAP_FILE_REGULAR:
		ret->place = stat.size ? NEAP_UNIT_PLACE_FILE : NEAP_UNIT_PLACE_EMPTY;
		return 0;
	case NEAP_FILE_DIRECTORY:
	case NEAP_FILE_OTHER:
		break;
	}
	return neap_error_set(err, "%s is %s", path, neap_file_kind_name(stat.kind));
}

/* What is in the way of a mask, or of a file. */
static int judge_place(const struct neap_unit_own *own, const struct neap_unit_own_state *state,
		       const char *path, struct neap_error **err)
{
	if (own->mask && state->place == NEAP_UNIT_PLACE_FILE) {
		neap_error_set(err, "%s cannot be masked: %s is a file", own->name, path);
		return neap_error_hint(err, "remove it first: the link that masks a unit lies in its place");
	}
	if (own->mask && state->place == NEAP_UNIT_PLACE_LINK) {
		neap_error_set(err, "%s cannot be masked: %s is a link to %s", own->name, path,
			       state->target);
		return neap_error_hint(err, "it may be another name of a unit: remove the link first");
	}
	if (own->whole && !own->unmask && state->place == NEAP_UNIT_PLACE_NULL) {
		neap_error_set(err, "%s is masked: %s is a link to " NULL_DEVICE, own->name, path);
		return neap_error_hint(err, "with masked = false the link goes");
	}
	return 0;
}

static bool moves_mask(const struct neap_unit_own *own, const struct neap_unit_own_state *state)
{
	return own->mask ? !masks(state->place) : own->unmask && masks(state->place);
}

/* What shall not be dropped in any more. */
static int read_gone(const struct neap_view *view, struct neap_arena *arena, struct neap_unit_own_state *ret,
		     struct neap_error **err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ret->gone_count; i++) {
		r = neap_whole_read(view, arena, &ret->gone[i], &ret->gone_states[i], err);
		ret->changes |= ret->gone_states[i].differs;
	}
	return r;
}

int neap_unit_own_read(const struct neap_view *view, struct neap_arena *arena,
		       const struct neap_unit_own *own, struct neap_unit_own_state *ret,
		       struct neap_error **err)
{
	const char *path = neap_unit_own_path(own->name, arena);
	int r = read_place(view, arena, path, ret, err);

	if (r == 0)
		r = judge_place(own, ret, path, err);
	if (r == 0 && own->mask && ret->place == NEAP_UNIT_PLACE_NOTHING)
		r = neap_parents_read(view, arena, path, &ret->parents, err);
	if (r != 0)
		return r;
	name_files(own, arena, ret);
	ret->changes = moves_mask(own, ret);
	for (size_t i = 0; r == 0 && i < ret->count; i++) {
		r = neap_owned_read(view, arena, &ret->files[i], &ret->states[i], err);
		ret->changes |= ret->states[i].changes;
	}
	return r == 0 ? read_gone(view, arena, ret, err) : r;
}

bool neap_unit_own_masked(const struct neap_unit_own *own, const struct neap_unit_own_state *state)
{
	return own->mask || (masks(state->place) && !own->unmask && !own->whole);
}

void neap_unit_own_diff(const struct neap_unit_own *own, const struct neap_unit_own_state *state,
			struct neap_diff *diff)
{
	if (own->whole && state->place == NEAP_UNIT_PLACE_NOTHING) {
		neap_diff_action(diff, NEAP_ACTION_CREATE);
		neap_diff_string(diff, "ensure", "absent", "present");
	}
	if (moves_mask(own, state)) {
		neap_diff_string(diff, "masked", own->mask ? "false" : "true", own->mask ? "true" : "false");
		neap_parents_diff(&state->parents, diff);
	}
	for (size_t i = 0; i < state->count; i++)
		neap_owned_diff(&state->files[i], &state->states[i], state->params[i], diff);
	for (size_t i = 0; i < state->gone_count; i++)
		neap_whole_diff(&state->gone[i], &state->gone_states[i], state->gone_params[i], diff);
}

/* Without a file of its own what masked it goes. */
static int unmask(struct neap_host *host, struct neap_arena *arena, const struct neap_unit_own *own,
		  const struct neap_unit_own_state *state, struct neap_error **err)
{
	const char *path = neap_unit_own_path(own->name, arena), *target;
	struct neap_stat stat;
	int r;

	if (own->whole || (state && !masks(state->place)))
		return 0;
	if (state)
		return neap_host_unlink(host, path, err);
	r = neap_view_link(&host->view, path, arena, &stat, &target, err);
	if (r == 0 && target && strcmp(target, NULL_DEVICE) == 0)
		return neap_host_unlink(host, path, err);
	return r < 0 ? r : 0;
}

static int mask(struct neap_host *host, struct neap_arena *arena, const struct neap_unit_own *own,
		const struct neap_unit_own_state *state, struct neap_error **err)
{
	const char *path = neap_unit_own_path(own->name, arena);

	if (state && masks(state->place))
		return 0;
	if ((!state || state->parents.count > 0) && neap_host_mkdir_parents(host, path, err) < 0)
		return -1;
	return neap_host_symlink(host, path, NULL_DEVICE, err);
}

int neap_unit_own_apply(struct neap_host *host, struct neap_arena *arena, const struct neap_unit_own *own,
			const struct neap_unit_own_state *state, struct neap_error **err)
{
	struct neap_unit_own_state blind = { 0 };
	const struct neap_unit_own_state *all = state ? state : &blind;

	if (own->mask && mask(host, arena, own, state, err) < 0)
		return -1;
	if (own->unmask && unmask(host, arena, own, state, err) < 0)
		return -1;
	if (!state)
		name_files(own, arena, &blind);
	for (size_t i = 0; i < all->count; i++)
		if (neap_owned_apply(host, &all->files[i], state ? &state->states[i] : NULL, err) < 0)
			return -1;
	for (size_t i = 0; i < all->gone_count; i++)
		if (neap_whole_apply(host, &all->gone[i], state ? &state->gone_states[i] : NULL, err) < 0)
			return -1;
	return 0;
}
