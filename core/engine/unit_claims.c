/*
 * What a resource owns of a unit, and whom it comes after: whoever brings its files, or the user it runs as.
 */
#include <ctype.h>

#include "engine/unit_own.h"

#define WHOLE (NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES)

/* Who is named in the file has to be there before it runs. */
static void claim_account(struct neap_claims *claims, enum neap_account_kind kind, const char *name)
{
	if (name && !strchr(name, '%') && !isdigit((unsigned char)*name))
		neap_claim_account(claims, kind, name, NEAP_ACCOUNT_NEEDS);
}

static void claim_text(const struct neap_unit_own *own, bool enabled, struct neap_arena *arena,
		       struct neap_claims *claims)
{
	struct neap_unitfile file = { .name = own->name, .arena = arena };
	struct neap_unit_source source = neap_unit_own_source(own, arena);
	struct neap_unit_links links = { 0 };

	if (!source.content.data || neap_unitfile_read(&file, source.content, "", NULL) < 0)
		return;
	for (size_t i = 0; i < source.drop_in_count; i++)
		if (neap_unitfile_read(&file, source.drop_ins[i].text, "", NULL) < 0)
			return;
	claim_account(claims, NEAP_ACCOUNT_USER, file.user);
	claim_account(claims, NEAP_ACCOUNT_GROUP, file.group);
	if (!enabled || neap_unitfile_links(&file, &links, NULL) < 0)
		return;
	for (size_t i = 0; i < links.count; i++)
		neap_claim_path(claims,
				neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%s", links.items[i].path),
				WHOLE, false);
	for (size_t i = 0; i < file.also.count; i++)
		neap_claim_after(claims,
				 neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%s", file.also.items[i]));
}

/* It comes after whoever brings its files. */
static void claim_order(const struct neap_unit_own *own, struct neap_arena *arena, struct neap_claims *claims)
{
	const char *path = neap_unit_own_path(own->name, arena),
		   *template = neap_unit_template(own->name, arena);

	/* What somebody drops in to a template is its instances' to know. */
	if (neap_unit_name(own->name) != NEAP_UNIT_NAME_TEMPLATE)
		neap_claim_after(claims, neap_arena_printf(arena, "%s.d", path));
	if (own->whole)
		return;
	for (size_t i = 0; i < NEAP_UNIT_DIRECTORIES; i++)
		neap_claim_after(claims,
				 neap_arena_printf(arena, "%s/%s", neap_unit_directories[i], own->name));
	if (!template)
		return;
	path = neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%s", template);
	neap_claim_after(claims, path);
	neap_claim_after(claims, neap_arena_printf(arena, "%s.d", path));
}

/* It comes after what it sets off, which systemd wants to know by then. Another name is in its file. */
static void claim_triggered(const char *name, struct neap_arena *arena, struct neap_claims *claims)
{
	static const char *const kinds[] = { ".socket", ".timer", ".path" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(dot, kinds[i]) != 0)
			continue;
		neap_claim_after(claims, neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%.*s.service",
							   (int)(dot - name), name));
		if (i == 0 && !memchr(name, '@', (size_t)(dot - name))) /* Accept=yes */
			neap_claim_after(claims,
					 neap_arena_printf(arena, NEAP_UNIT_DIRECTORY "/%.*s@.service",
							   (int)(dot - name), name));
	}
}

void neap_unit_own_claim(const struct neap_unit_own *own, bool enabled, struct neap_claims *claims)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	if (own->whole || own->mask)
		neap_claim_path(claims, neap_unit_own_path(own->name, arena), WHOLE, false);
	for (size_t i = 0; i < own->drop_ins->count; i++)
		neap_claim_path(claims, neap_unit_drop_in_path(own->name, own->drop_ins->names[i], arena),
				WHOLE, !own->drop_ins->texts[i].data);
	if (enabled) /* its links may be known only when its file is read */
		neap_claim_anywhere(claims, NEAP_UNIT_DIRECTORY, own->name);
	claim_text(own, enabled, arena, claims);
	claim_order(own, arena, claims);
	claim_triggered(own->name, arena, claims);
}

void neap_unit_own_claim_absent(const char *name, struct neap_claims *claims)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	const char *path = neap_unit_own_path(name, arena);

	neap_claim_path(claims, path, WHOLE, true);
	neap_claim_path(claims, neap_arena_printf(arena, "%s.d", path), NEAP_ASPECT_EXISTENCE, true);
}
