/*
 * Whether a unit can be managed, by its name, enabled or kept running, by what its file says; and why not.
 * Knows no resource type and no manager.
 */
#pragma once

#include "engine/unit_own.h"

struct neap_unit_use {
	bool enabled, running; /* what it is to be */
	bool known;            /* a manager has it, be there a file or not */
};

/* Each 0; -1 with *err, which says what to do. */
int neap_unit_judge_name(const char *name, struct neap_error **err);
int neap_unit_judge(const char *name, const struct neap_unit_file *file, const struct neap_unit_use *use,
		    struct neap_error **err);
/* What can be known of it before any machine is asked; `label` is what its text is called. */
int neap_unit_judge_text(const struct neap_unit_own *own, const char *label, const struct neap_unit_use *use,
			 struct neap_error **err);
/* Nothing asks for a link of it. Returns -1. */
int neap_unit_refuse_static(const char *name, struct neap_error **err);
