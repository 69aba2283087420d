/* See unit_judge.h. Must not look at a machine. */
#include "engine/unit_judge.h"

int neap_unit_judge_name(const char *name, struct neap_error **err)
{
	const char *suffix;

	if (neap_unit_name(name) == NEAP_UNIT_NAME_WRONG) {
		neap_error_set(err, "\"%.100s\" is no name of a unit", name);
		if (!neap_unit_has_suffix(name))
			return neap_error_hint(err, "did you mean \"%.100s.service\"?", name);
		return neap_error_hint(err,
				       "letters, digits and :-_.\\ are allowed, and a @ before an instance");
	}
	suffix = strrchr(name, '.');
	if (strcmp(suffix, ".device") != 0 && strcmp(suffix, ".scope") != 0)
		return 0;
	neap_error_set(err, "%s: units that end in %s cannot be managed", name, suffix);
	return neap_error_hint(err, "they are made by the kernel or by programs");
}

int neap_unit_refuse_static(const char *name, struct neap_error **err)
{
	neap_error_set(err, "enabled = true: nothing in [Install] of %s says what would start it", name);
	return neap_error_hint(err, "give it WantedBy=multi-user.target there, or leave enabled out: a unit "
				    "that others start needs not be enabled");
}

static int judge_service(const char *name, const struct neap_unitfile *says, struct neap_error **err)
{
	const char *suffix = strrchr(name, '.');

	if (strcmp(suffix, ".service") != 0 || !neap_unitfile_passes(says))
		return 0;
	neap_error_set(err,
		       "state = \"running\": %s is Type=oneshot without RemainAfterExit=yes, so it never is",
		       name);
	return neap_error_hint(err,
			       "give it RemainAfterExit=yes, or leave state out and let a timer or another "
			       "unit start it; for a command in a recipe there is neap.exec");
}

static int refuse_unknown(const char *name, struct neap_error **err)
{
	neap_error_set(err, "%s does not exist", name);
	return neap_error_hint(err,
			       "give its content, or let the resource that brings it come first: require");
}

/* What can run and has no file of its own that could be enabled. */
static int refuse_enabled(const char *name, const struct neap_unit_file *file, struct neap_error **err)
{
	const char *slash;

	switch (file->found) {
	case NEAP_UNIT_FILE_ALIAS:
		slash = strrchr(file->target, '/');
		neap_error_set(err, "enabled = true: %s is another name of %s", name, slash + 1);
		return neap_error_hint(err, "name = \"%s\"", slash + 1);
	case NEAP_UNIT_FILE_FOREIGN:
		neap_error_set(err, "enabled = true: the file of %s is a link to %s, where no units are",
			       name, file->target);
		return neap_error_hint(err, "give its content, or source");
	case NEAP_UNIT_FILE_NONE:
	case NEAP_UNIT_FILE_FOUND:
	case NEAP_UNIT_FILE_MASKED:
		break;
	}
	neap_error_set(err, "enabled = true: %s was made by a program, and cannot be enabled", name);
	return neap_error_hint(err, "such units lie below /run and last until the next boot");
}

int neap_unit_judge(const char *name, const struct neap_unit_file *file, const struct neap_unit_use *use,
		    struct neap_error **err)
{
	if (file->found == NEAP_UNIT_FILE_MASKED) {
		neap_error_set(err, "%s is masked, by %s", name, file->path);
		return neap_error_hint(err, "masked = false takes away a link in " NEAP_UNIT_DIRECTORY);
	}
	if (file->found == NEAP_UNIT_FILE_NONE && !use->known)
		return refuse_unknown(name, err);
	if (use->enabled && file->found != NEAP_UNIT_FILE_FOUND)
		return refuse_enabled(name, file, err);
	return use->running ? judge_service(name, &file->says, err) : 0;
}

int neap_unit_judge_text(const struct neap_unit_own *own, const char *label, const struct neap_unit_use *use,
			 struct neap_error **err)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_unitfile file = { .name = own->name, .arena = arena };
	struct neap_unit_source source = neap_unit_own_source(own, arena);
	struct neap_unit_links links = { 0 };

	if (own->whole && !source.content.data && own->content.size)
		return neap_error_set(err, "%s is longer than 1 MB", label);
	if (source.content.data && neap_unitfile_read(&file, source.content, label, err) < 0)
		return -1;
	for (size_t i = 0; i < source.drop_in_count; i++)
		if (neap_unitfile_read(&file, source.drop_ins[i].text, own->drop_ins->names[i], err) < 0)
			return neap_error_prefix(err, "drop_ins");
	if (!source.content.len) /* somebody else's, or not known yet */
		return 0;
	if (use->enabled) {
		if (neap_unitfile_links(&file, &links, err) < 0)
			return neap_error_prefix(err, "enabled = true");
		if (!links.count && !file.also.count)
			return neap_unit_refuse_static(own->name, err);
	}
	return use->running ? judge_service(own->name, &file, err) : 0;
}
