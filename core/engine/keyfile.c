#include "engine/keyfile.h"

#include "base/moment.h"

static int check_kind(enum neap_file_kind kind, const char *path, struct neap_error **err)
{
	switch (kind) {
	case NEAP_FILE_LINK:
		neap_error_set(err, "%s is a link", path);
		return neap_error_hint(err, "name the file that it points to");
	case NEAP_FILE_DIRECTORY:
		return neap_error_set(err, "%s is a directory", path);
	case NEAP_FILE_OTHER:
		return neap_error_set(err, "%s is a device, fifo or socket", path);
	case NEAP_FILE_ABSENT:
	case NEAP_FILE_REGULAR:
		break;
	}
	return 0;
}

int neap_pem_stat(const struct neap_view *view, const char *path, struct neap_stat *ret,
		  struct neap_error **err)
{
	int r = neap_view_stat(view, path, ret, err);
	return r ? r : check_kind(ret->kind, path, err);
}

int neap_pem_read(const struct neap_view *view, struct neap_arena *arena, const char *path,
		  struct neap_stat *ret_stat, struct neap_str *ret, struct neap_error **err)
{
	struct neap_content content = { 0 };

	neap_arena_wipe(arena);
	int r = neap_view_small_file(view, path, arena, ret_stat, &content, err);
	if (r)
		return r;
	*ret = (struct neap_str){ 0 };
	if (check_kind(ret_stat->kind, path, err) < 0)
		return -1;
	if (ret_stat->kind == NEAP_FILE_ABSENT)
		return 0;
	if (!content.data) {
		neap_error_set(err, "%s is larger than 1 MB", path);
		return neap_error_hint(err, "what is not understood is never replaced: name another path");
	}
	*ret = (struct neap_str){ content.data, content.size };
	return 0;
}

int neap_keyfile_load(const struct neap_view *view, struct neap_arena *arena, const char *path,
		      struct neap_key **ret, struct neap_error **err)
{
	struct neap_stat stat;
	struct neap_str pem;
	int r = neap_pem_read(view, arena, path, &stat, &pem, err);

	if (r)
		return r;
	if (!pem.data) {
		neap_error_set(err, "there is no private key at %s", path);
		return neap_error_hint(err, "make it by neap.key, and name it by its handle");
	}
	if (neap_key_parse(pem, ret, err) < 0)
		return neap_error_prefix(err, "%s", path);
	return 0;
}

int neap_keyfile_read(const struct neap_view *view, struct neap_arena *arena,
		      const struct neap_keyfile_want *want, struct neap_keyfile *ret,
		      struct neap_key **ret_key, struct neap_error **err)
{
	struct neap_keyfile have = { .make = true };
	struct neap_key *key NEAP_AUTO_KEY = NULL;
	int r = neap_pem_read(view, arena, want->path, &have.stat, &have.pem, err);

	if (r)
		return r;
	if (have.pem.data) {
		if (neap_key_parse(have.pem, &key, err) < 0)
			return neap_error_prefix(err, "%s", want->path);
		have.kind = neap_key_name(key, arena);
		have.make = want->chosen && strcmp(have.kind, neap_key_algorithms[want->algorithm]) != 0;
	}
	r = neap_attributes_read(view, arena, &want->attributes, have.pem.data ? &have.stat : NULL,
				 &have.attributes, err);
	if (r == 0 && !have.pem.data)
		r = neap_parents_read(view, arena, want->path, &have.parents, err);
	if (r)
		return r;
	*ret = have;
	*ret_key = have.make ? NULL : key;
	if (!have.make)
		key = NULL;
	return 0;
}

void neap_keyfile_diff(const struct neap_keyfile_want *want, const struct neap_keyfile *have,
		       struct neap_diff *diff)
{
	const struct neap_attributes_state *state = &have->attributes;

	if (have->make) {
		const char *made = neap_key_algorithms[want->algorithm];
		neap_diff_string(diff, want->param, have->kind, made);
		if (have->kind)
			neap_diff_reason(diff, "the key %s is %s, %s is %s: makes another", want->path,
					 have->kind, want->param, made);
		else
			neap_diff_reason(diff, "makes the key %s", want->path);
	}
	if (state->owner)
		neap_diff_string(diff, "key_owner", state->owner_before, state->owner);
	if (state->group)
		neap_diff_string(diff, "key_group", state->group_before, state->group);
	if (state->mode != NEAP_KEEP && state->mode != state->mode_before)
		neap_diff_mode(diff, "key_mode", state->mode_before, state->mode);
}

/* ---- apply ------------------------------------------------------------------------------------------- */

struct making {
	unsigned algorithm;
	struct neap_key *key;
};

static int make_key(void *ctx, struct neap_arena *arena, struct neap_text *ret, struct neap_error **err)
{
	struct making *making = ctx;
	struct neap_text pem;

	if (neap_key_make(making->algorithm, arena, &pem, err) < 0 ||
	    neap_key_parse((struct neap_str){ pem.data, pem.len }, &making->key, err) < 0)
		return -1;
	*ret = pem;
	return 0;
}

static int write_key(struct neap_host *host, struct neap_arena *arena, const struct neap_keyfile_want *want,
		     uint32_t uid, uint32_t gid, struct neap_key **ret_key, struct neap_error **err)
{
	struct making making = { .algorithm = want->algorithm };
	struct neap_file_write write = {
		.mode = want->attributes.mode, .uid = uid, .gid = gid, .secret = true
	};

	if (neap_host_make(host, make_key, &making, arena, &write.content, err) < 0 ||
	    neap_host_write(host, want->path, &write, err) < 0) {
		neap_key_free(making.key);
		return -1;
	}
	*ret_key = making.key;
	return 0;
}

int neap_keyfile_apply(struct neap_host *host, struct neap_arena *arena, const struct neap_keyfile_want *want,
		       const struct neap_keyfile *have, struct neap_key **ret_key, struct neap_error **err)
{
	struct neap_keyfile now = { .make = true };
	uint32_t uid, gid;

	if (!have) {
		struct neap_key *key NEAP_AUTO_KEY = NULL;
		int r = neap_keyfile_read(&host->view, arena, want, &now, &key, err);
		if (r < 0)
			return r;
		if (r > 0) {
			if (neap_attributes_numbers(&host->view, &want->attributes, &uid, &gid, err) < 0 ||
			    neap_host_mkdir_parents(host, want->path, err) < 0)
				return -1;
			return write_key(host, arena, want, uid, gid, ret_key, err);
		}
		have = &now;
	}
	if (have->make) {
		if (have->parents.count && neap_host_mkdir_parents(host, want->path, err) < 0)
			return -1;
		return write_key(host, arena, want, have->attributes.uid, have->attributes.gid, ret_key, err);
	}
	if (have->attributes.differ &&
	    neap_host_attributes(host, want->path, have->attributes.mode, have->attributes.uid,
				 have->attributes.gid, err) < 0)
		return -1;
	return neap_key_parse(have->pem, ret_key, err);
}

int neap_pem_output(const struct neap_view *view, struct neap_arena *arena, const char *path,
		    struct neap_text *ret, struct neap_error **err)
{
	struct neap_stat stat;
	struct neap_str pem;
	int r = neap_pem_read(view, arena, path, &stat, &pem, err);

	if (r)
		return r;
	if (!pem.data)
		return neap_error_set(err, "%s is not there", path);
	*ret = neap_text_plain(pem.data, pem.len);
	return 0;
}

static int check_ca(const struct neap_cert_facts *facts, const char *path, const struct neap_ca_use *use,
		    struct neap_arena *arena, struct neap_error **err)
{
	int allowed = facts->holder.path_length;

	if (!facts->holder.ca || !facts->key_usage)
		return neap_error_set(err, "the issuer's certificate %s may not sign others: it is no CA's",
				      path);
	if (use->for_ca && (allowed == 0 || (allowed > 0 && use->path_length >= allowed)))
		return neap_error_set(err,
				      "the issuer's certificate %s does not allow this CA below it (path "
				      "length %d)",
				      path, allowed);
	if (use->now >= facts->ends) {
		neap_error_set(err, "the issuer's certificate %s ended on %s", path,
			       neap_moment_text(facts->ends, arena));
		return neap_error_hint(err, "renew it first: nothing that it signs would be valid");
	}
	if (use->now < facts->begins) {
		neap_error_set(err, "the issuer's certificate %s begins on %s", path,
			       neap_moment_text(facts->begins, arena));
		return neap_error_hint(err, "is the clock of this machine right?");
	}
	return 0;
}

int neap_ca_load(const struct neap_view *view, struct neap_arena *arena, const char *path,
		 const struct neap_ca_use *use, struct neap_cert **ret, struct neap_cert_facts *ret_facts,
		 struct neap_error **err)
{
	struct neap_cert *cert NEAP_AUTO_CERT = NULL;
	struct neap_cert_facts facts;
	struct neap_stat stat;
	struct neap_str pem;
	int r = neap_pem_read(view, arena, path, &stat, &pem, err);

	if (r)
		return r;
	if (!pem.data) {
		neap_error_set(err, "there is no certificate of the issuer at %s", path);
		return neap_error_hint(err,
				       "put it there, or make it by neap.cert { ca = true, … } and give its "
				       "handle");
	}
	if (neap_cert_parse(pem, &cert, err) < 0 || neap_cert_facts(cert, arena, &facts, err) < 0)
		return neap_error_prefix(err, "%s", path);
	if (check_ca(&facts, path, use, arena, err) < 0)
		return -1;
	*ret = cert;
	*ret_facts = facts;
	cert = NULL;
	return 0;
}
