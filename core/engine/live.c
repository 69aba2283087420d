/* See live.h. Must not change a machine but through the host, nor know a resource type. */
#include "engine/live.h"

static const struct neap_resource_type *type_of(const void *want)
{
	return ((const struct neap_want *)want)->type;
}

static const struct neap_live_want *shared_of(const void *want)
{
	const struct neap_resource_type *type = type_of(want);
	size_t persist = type->params[type->live->persist].offset;

	return (const void *)((const char *)want + persist - offsetof(struct neap_live_want, persist));
}

static bool keeps(const void *want)
{
	const struct neap_want *base = want;

	return (base->given >> type_of(want)->live->persist) & 1;
}

/* In an image there is only what is kept. */
static bool looks(const struct neap_view *view, const void *want)
{
	return neap_view_running(view) || (type_of(want)->live->refuses_images && !keeps(want));
}

static struct neap_kept_net net_of(const void *want, struct neap_arena *arena)
{
	struct neap_kept_net net = { .type = type_of(want)->name, .persist = shared_of(want)->persist };

	type_of(want)->live->net(want, arena, &net);
	return net;
}

static struct neap_kept_rules rules_of(const struct neap_context *ctx, const void *want)
{
	struct neap_kept_rules rules = { .persist = shared_of(want)->persist };

	type_of(want)->live->rules(ctx, want, &rules);
	return rules;
}

/* ---- what is kept, of either kind ---------------------------------------------------------------------- */

static int check_kept(const void *want, struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	if (type_of(want)->live->net) {
		struct neap_kept_net net = net_of(want, arena);

		return neap_kept_net_check(&net, err);
	}
	struct neap_kept_rules rules = rules_of(NULL, want);

	return neap_kept_rules_check(&rules, err);
}

static void claim_kept(const void *want, struct neap_claims *claims)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	if (type_of(want)->live->net) {
		struct neap_kept_net net = net_of(want, arena);

		neap_kept_net_claim(&net, claims);
	} else {
		struct neap_kept_rules rules = rules_of(NULL, want);

		neap_kept_rules_claim(&rules, claims, arena);
	}
}

static int read_kept(const struct neap_view *view, const struct neap_context *ctx, const void *want,
		     struct neap_kept_state *ret, struct neap_error **err)
{
	if (type_of(want)->live->net) {
		struct neap_kept_net net = net_of(want, ctx->scratch);

		return neap_kept_net_read(view, ctx, &net, ret, err);
	}
	struct neap_kept_rules rules = rules_of(ctx, want);

	return neap_kept_rules_read(view, ctx, &rules, ret, err);
}

/* What is there is not known: all of it. */
static int make_kept(struct neap_host *host, const struct neap_context *ctx, const void *want,
		     struct neap_error **err)
{
	if (type_of(want)->live->net) {
		struct neap_kept_net net = net_of(want, ctx->scratch);

		return neap_kept_net_make(host, ctx->scratch, &net, err);
	}
	struct neap_kept_rules rules = rules_of(ctx, want);

	return neap_kept_rules_make(host, ctx->scratch, &rules, err);
}

/* ---- both halves --------------------------------------------------------------------------------------- */

int neap_live_check(const void *want, struct neap_error **err)
{
	if (type_of(want)->live->check(want, err) < 0 ||
	    neap_confirm_check(&shared_of(want)->confirm, err) < 0)
		return -1;
	return keeps(want) ? check_kept(want, err) : 0;
}

void neap_live_claim(const void *want, struct neap_claims *claims)
{
	if (keeps(want))
		claim_kept(want, claims);
	neap_confirm_claim(&shared_of(want)->confirm, claims);
	type_of(want)->live->claim(want, claims);
}

int neap_live_read(const struct neap_view *view, const struct neap_context *ctx, const void *want, void *had,
		   struct neap_error **err)
{
	struct neap_live_have *have = had;
	int r = 0;

	have->looked = looks(view, want);
	if (have->looked)
		r = type_of(want)->live->read(view, ctx, want, have, err);
	have->answerable = !have->looked || neap_confirm_answerable(view, &shared_of(want)->confirm);
	return r == 0 && keeps(want) ? read_kept(view, ctx, want, &have->kept, err) : r;
}

int neap_live_diff(const struct neap_context *ctx, const void *want, const void *had, struct neap_diff *diff,
		   struct neap_error **err)
{
	const struct neap_live_have *have = had;

	if (have->looked)
		type_of(want)->live->diff(ctx, want, have, diff);
	if (neap_confirm_diff(&shared_of(want)->confirm, have->answerable, diff, err) < 0)
		return -1;
	neap_kept_diff(&have->kept, diff);
	return 0;
}

int neap_live_apply(struct neap_host *host, const struct neap_context *ctx, const void *want, const void *had,
		    struct neap_error **err)
{
	const struct neap_resource_type *type = type_of(want);
	const struct neap_live_have *have = had;
	bool looked = have ? have->looked : looks(&host->view, want);
	const void *is = had;

	if (!have && looked) { /* it may be what is kept alone that is not known */
		void *unread = neap_arena_alloc(ctx->scratch, type->have_size);
		int r = type->live->read(&host->view, ctx, want, unread, err);

		if (r < 0)
			return -1;
		is = r == 0 ? unread : NULL;
	}
	/* First what is in force: nothing is kept for the boot that cannot be had now. */
	if (looked && type->live->apply(host, ctx, want, is, err) < 0)
		return -1;
	if (neap_confirm_changes(host, &shared_of(want)->confirm, err) < 0)
		return -1;
	if (have)
		return neap_kept_apply(host, &have->kept, err);
	return keeps(want) ? make_kept(host, ctx, want, err) : 0;
}
