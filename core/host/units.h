/*
 * What hosts share about units: how a job is called, and what no manager would start.
 */
#pragma once

#include "host/host.h"

const char *neap_unit_verb_name(enum neap_unit_verb verb); /* "start", "stop" … */
/* 0 when a unit that is loaded so can do what the job says, else an error that says why not. */
int neap_unit_refuse(const struct neap_unit_job *job, enum neap_unit_load load, struct neap_error **err);
