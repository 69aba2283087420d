/*
 * Archives and the members in them: learning what one holds, and giving the bytes of its members when they
 * land. Reads the archive's bytes where the evaluating machine has them; knows nothing of where members go.
 */
#pragma once

#include "base/manifest.h"
#include "host/host.h"

struct neap_unpack_source {
	const char *name; /* in errors */
	struct neap_content content;
	const char *nested; /* a member that is an archive itself, which is the one that is meant; or NULL */
};

/* One pass over the archive. Fails when its bytes are not those of the content's digest any more. */
int neap_unpack_manifest(const struct neap_unpack_source *source, struct neap_arena *arena,
			 struct neap_manifest *ret, struct neap_error **err);

/* Gives streams, in `arena` like all that they need. */
struct neap_unpack *neap_unpack_new(const struct neap_unpack_source *source, struct neap_arena *arena);
/*
 * The bytes of a FILE of the source's manifest. Opened in the order of their ordinals, all streams together
 * read the archive once; one that is opened after a later one begins at the front again.
 */
const struct neap_stream *neap_unpack_stream(struct neap_unpack *unpack,
					     const struct neap_manifest_entry *entry);
