/* One look whether something answers, and waiting until it does. Private to host/: everything above asks a
 * host (neap_host_wait). */
#pragma once

#include "host/web.h"

/* `tls`: the probe's files, read. `view` runs the command. */
int neap_probe_wait(const struct neap_probe *probe, const struct neap_web_tls *tls,
		    const struct neap_view *view, const struct neap_machine_watch *watch,
		    struct neap_error **err);
