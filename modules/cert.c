/*
 * neap.cert: a certificate and its private key, made again only for a reason.
 *
 * read() finds the reasons, first those that the certificate itself and its key give; the issuer is asked
 * only when there are none, so that what is known of a certificate stays known where its issuer is still to
 * be made.
 *
 * Knows the machine only through the view and the host; must not know Lua, other types, nor whether this is
 * a plan.
 */
#include "base/moment.h"
#include "engine/holder.h"
#include "engine/keyfile.h"
#include "engine/lifetime.h"

enum {
	PATH,
	KEY,
	ENSURE,
	KEY_ALGORITHM,
	ISSUER,
	ISSUER_KEY,
	CA,
	PATH_LENGTH,
	COMMON_NAME,
	ORGANIZATION,
	SANS,
	USAGES,
	VALID_FOR,
	RENEW_BEFORE,
	OWNER,
	GROUP,
	MODE,
	KEY_MODE,
	PARAM_COUNT
};
enum { PEM };

#define DAY ((int64_t)86400)
#define YEAR (365 * DAY)

struct cert_want {
	struct neap_want base;
	const char *path;
	struct neap_related key, issuer, issuer_key;
	unsigned ensure, key_algorithm;
	bool ca;
	int64_t path_length;
	const char *common_name;
	struct neap_strings organization, sans, usages;
	int64_t valid_for, renew_before;
	const char *owner, *group;
	uint32_t mode, key_mode;
};

struct cert_have {
	struct neap_stat stat;
	struct neap_attributes_state attributes;
	struct neap_parents parents;
	struct neap_keyfile key; /* when it is this resource's */
	struct neap_holder wanted;
	struct neap_cert_facts facts; /* of the certificate that is there */
	bool issue;                   /* for one of: nothing is there, the holder differs, or what follows */
	bool other_key;
	const char *lifetime;  /* the one it has, when another is wanted */
	const char *signed_by; /* who is not wanted, in words */
	const char *dates;     /* why these will not do, in words */
};

extern const struct neap_resource_type neap_type_cert;

/* ---- what is wanted ---------------------------------------------------------------------------------- */

/* A key named by its path belongs to the certificate; that of a handle to the other resource. */
static bool owns_key(const struct cert_want *want)
{
	return neap_given(want, KEY) && !want->key.type;
}

static struct neap_lifetime wanted_lifetime(const struct cert_want *want)
{
	struct neap_lifetime lifetime = { .valid_for = want->ca ? 10 * YEAR : YEAR,
					  .renew_before = 30 * DAY };

	lifetime.chosen = neap_given(want, VALID_FOR);
	if (lifetime.chosen)
		lifetime.valid_for = want->valid_for;
	if (lifetime.renew_before > lifetime.valid_for / 3)
		lifetime.renew_before = lifetime.valid_for / 3;
	if (neap_given(want, RENEW_BEFORE))
		lifetime.renew_before = want->renew_before;
	return lifetime;
}

static const struct cert_want *issuing_cert(const struct cert_want *want)
{
	return neap_given(want, ISSUER) && want->issuer.type == &neap_type_cert ? want->issuer.want : NULL;
}

static const char *issuer_key_path(const struct cert_want *want)
{
	const struct cert_want *issuer = issuing_cert(want);
	return issuer ? issuer->key.path : want->issuer_key.path;
}

static int wanted_holder(const struct cert_want *want, struct neap_arena *arena, struct neap_holder *ret,
			 struct neap_error **err)
{
	static const char *const both[] = { "server", "client", NULL };
	static const struct neap_strings leaf_usages = { both, 2 };
	const struct neap_holder_params given = {
		.common_name = neap_given(want, COMMON_NAME) ? want->common_name : NULL,
		.organization = neap_given(want, ORGANIZATION) ? &want->organization : NULL,
		.sans = neap_given(want, SANS) ? &want->sans : NULL,
		.usages = neap_given(want, USAGES) ? &want->usages
			  : want->ca               ? NULL
						   : &leaf_usages,
	};
	if (neap_holder_wanted(&given, arena, ret, err) < 0)
		return -1;
	ret->ca = want->ca;
	if (neap_given(want, PATH_LENGTH))
		ret->path_length = (int)want->path_length;
	return 0;
}

static struct neap_attributes wanted_attributes(const struct cert_want *want)
{
	return (struct neap_attributes){
		.owner = neap_given(want, OWNER) ? want->owner : NULL,
		.group = neap_given(want, GROUP) ? want->group : NULL,
		.mode = neap_given(want, MODE) ? want->mode : NEAP_KEEP,
	};
}

static struct neap_keyfile_want wanted_key(const struct cert_want *want)
{
	struct neap_keyfile_want file = {
		.path = want->key.path,
		.param = "key_algorithm",
		.algorithm = want->key_algorithm,
		.chosen = neap_given(want, KEY_ALGORITHM),
		.attributes = wanted_attributes(want),
	};
	file.attributes.mode = neap_given(want, KEY_MODE) ? want->key_mode : 0600;
	return file;
}

/* ---- check, claim ------------------------------------------------------------------------------------ */

static int check_issuer(const struct cert_want *want, struct neap_error **err)
{
	const struct cert_want *issuer = issuing_cert(want);

	if (!neap_given(want, ISSUER)) {
		if (neap_given(want, ISSUER_KEY))
			return neap_error_set(err, "issuer_key has no meaning without issuer");
		return 0;
	}
	if (strcmp(want->issuer.path, want->path) == 0) {
		neap_error_set(err, "it is named as its own issuer");
		return neap_error_hint(err, "without issuer a certificate signs itself");
	}
	if (!issuer && !neap_given(want, ISSUER_KEY)) {
		neap_error_set(err, "issuer_key is required where issuer is no neap.cert");
		return neap_error_hint(err, "name the private key of %s", want->issuer.path);
	}
	if (!issuer)
		return 0;
	if (neap_given(want, ISSUER_KEY))
		return neap_error_set(
			err, "issuer_key has no meaning where issuer is a neap.cert: its key is known");
	if (issuer->ensure == NEAP_ABSENT)
		return neap_error_set(err, "the issuer is to be absent");
	if (!issuer->ca) {
		neap_error_set(err, "the issuer %s is no CA", issuer->path);
		return neap_error_hint(err, "give it ca = true");
	}
	if (want->ca && neap_given(issuer, PATH_LENGTH) &&
	    (issuer->path_length == 0 ||
	     (neap_given(want, PATH_LENGTH) && want->path_length >= issuer->path_length))) {
		neap_error_set(err, "the path_length of the issuer %s does not allow this CA", issuer->path);
		return neap_error_hint(err, "that of a CA has to be smaller than that of its issuer");
	}
	return 0;
}

static int cert_check(const void *wanted, struct neap_error **err)
{
	const struct cert_want *want = wanted;
	struct neap_arena *scratch NEAP_AUTO_ARENA = neap_arena_new();
	struct neap_holder holder;

	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, ENSURE + 1, PARAM_COUNT - 1, err);
	if (!neap_given(want, KEY)) {
		neap_error_set(err, "key is required: where the private key lies");
		return neap_error_hint(err, "a path; the key is made when nothing is there");
	}
	if (strcmp(want->key.path, want->path) == 0)
		return neap_error_set(err, "path and key are the same file");
	if (!owns_key(want) && (neap_given(want, KEY_ALGORITHM) || neap_given(want, KEY_MODE))) {
		neap_error_set(err, "%s has no meaning where key is another resource",
			       neap_given(want, KEY_ALGORITHM) ? "key_algorithm" : "key_mode");
		return neap_error_hint(err, "give it to that resource");
	}
	if (neap_given(want, PATH_LENGTH) && !want->ca)
		return neap_error_set(err, "path_length has no meaning without ca = true");
	if (check_issuer(want, err) < 0 || wanted_holder(want, scratch, &holder, err) < 0)
		return -1;
	if (!holder.common_name && !holder.organization.count && (want->ca || !holder.names.count)) {
		neap_error_set(err, "it would speak of nobody");
		return neap_error_hint(err, want->ca ? "give common_name" : "give common_name or sans");
	}
	struct neap_lifetime lifetime = wanted_lifetime(want);
	if (lifetime.renew_before >= lifetime.valid_for) {
		neap_error_set(err, "renew_before is not shorter than valid_for, %s: each run would renew it",
			       neap_duration_text(lifetime.valid_for, scratch));
		return neap_error_hint(err, "a third of valid_for or less leaves time to renew in");
	}
	return 0;
}

static void cert_claim(const void *wanted, struct neap_claims *claims)
{
	const struct cert_want *want = wanted;
	unsigned aspects = NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES;

	neap_claim_path(claims, want->path, aspects, want->ensure == NEAP_ABSENT);
	if (owns_key(want))
		neap_claim_path(claims, want->key.path, aspects, want->ensure == NEAP_ABSENT);
}

/* ---- read: reasons ------------------------------------------------------------------------------------- */

static int load_issuer(const struct neap_view *view, struct neap_arena *arena, const struct cert_want *want,
		       int64_t now, struct neap_cert **ret, struct neap_cert_facts *ret_facts,
		       struct neap_error **err)
{
	const struct neap_ca_use use = {
		.now = now,
		.for_ca = want->ca,
		.path_length = neap_given(want, PATH_LENGTH) ? (int)want->path_length : -1,
	};
	return neap_ca_load(view, arena, want->issuer.path, &use, ret, ret_facts, err);
}

static struct neap_dates dates_of(const struct neap_cert_facts *facts)
{
	return (struct neap_dates){ facts->begins, facts->ends };
}

static void judge_alone(const struct cert_want *want, const struct neap_cert *cert,
			const struct neap_key *key, struct cert_have *have, struct neap_arena *arena)
{
	const struct neap_cert_facts *facts = &have->facts;
	/* With another key to be made, that is the reason. */
	bool makes_key = owns_key(want) && have->key.make;

	have->other_key = !makes_key && !neap_cert_is_of(cert, key);
	have->issue = makes_key || have->other_key || !facts->key_usage ||
		      !neap_holder_equal(&facts->holder, &have->wanted);
	/* Alone that would be no reason: it may end with its issuer. */
	struct neap_lifetime lifetime = wanted_lifetime(want);
	if (have->issue && neap_lifetime_other(&lifetime, dates_of(facts)))
		have->lifetime = neap_lifetime_text(dates_of(facts), arena);
}

static int judge(const struct neap_view *view, struct neap_arena *arena, const struct cert_want *want,
		 const struct neap_cert *cert, struct cert_have *have, struct neap_error **err)
{
	struct neap_cert *issuer NEAP_AUTO_CERT = NULL;
	struct neap_cert_facts facts = { .ends = INT64_MAX };
	int64_t now = neap_view_clock(view);

	/* All would be made again by a clock that is behind. */
	if (now < have->facts.begins) {
		neap_error_set(err, "%s begins on %s", want->path,
			       neap_moment_text(have->facts.begins, arena));
		return neap_error_hint(err,
				       "is the clock of this machine right? If it is, move the certificate "
				       "away, and another one is made");
	}
	if (neap_given(want, ISSUER)) {
		int r = load_issuer(view, arena, want, now, &issuer, &facts, err);
		if (r)
			return r;
	}
	switch (neap_cert_issued(cert, issuer ? issuer : cert)) {
	case NEAP_ISSUED:
		break;
	case NEAP_ISSUED_OTHER_NAME:
		have->signed_by =
			issuer ? "signed by another CA" : "signed by another, and is to sign itself";
		break;
	case NEAP_ISSUED_OTHER_KEY:
		have->signed_by = issuer ? "signed by another key of the CA" : "its own signature is wrong";
		break;
	}
	struct neap_lifetime lifetime = wanted_lifetime(want);
	struct neap_dates dates = dates_of(&have->facts);
	have->dates = neap_lifetime_over(&lifetime, dates, now, facts.ends, arena);
	if (!have->dates && dates.ends != facts.ends && neap_lifetime_other(&lifetime, dates))
		have->lifetime = neap_lifetime_text(dates, arena);
	have->issue = have->signed_by || have->dates || have->lifetime;
	return 0;
}

static int read_absent(const struct neap_view *view, const struct cert_want *want, struct cert_have *have,
		       struct neap_error **err)
{
	int r = neap_pem_stat(view, want->path, &have->stat, err);

	if (r == 0 && owns_key(want))
		r = neap_pem_stat(view, want->key.path, &have->key.stat, err);
	return r;
}

static int cert_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct cert_want *want = wanted;
	struct cert_have *have = had;
	struct neap_arena *arena = ctx->scratch;
	struct neap_cert *cert NEAP_AUTO_CERT = NULL;
	struct neap_key *key NEAP_AUTO_KEY = NULL;
	struct neap_attributes attributes = wanted_attributes(want);
	struct neap_keyfile_want file = wanted_key(want);
	struct neap_str pem;

	if (want->ensure == NEAP_ABSENT)
		return read_absent(view, want, have, err);
	int r = neap_pem_read(view, arena, want->path, &have->stat, &pem, err);
	if (r == 0)
		r = neap_attributes_read(view, arena, &attributes, pem.data ? &have->stat : NULL,
					 &have->attributes, err);
	if (r == 0 && !pem.data)
		r = neap_parents_read(view, arena, want->path, &have->parents, err);
	if (r == 0)
		r = wanted_holder(want, arena, &have->wanted, err);
	if (r)
		return r;
	if (pem.data &&
	    (neap_cert_parse(pem, &cert, err) < 0 || neap_cert_facts(cert, arena, &have->facts, err) < 0))
		return neap_error_prefix(err, "%s", want->path);
	if (owns_key(want))
		r = neap_keyfile_read(view, arena, &file, &have->key, &key, err);
	else if (cert)
		r = neap_keyfile_load(view, arena, want->key.path, &key, err);
	if (r)
		return r;
	have->issue = true;
	if (!cert)
		return 0;
	judge_alone(want, cert, key, have, arena);
	return have->issue ? 0 : judge(view, arena, want, cert, have, err);
}

/* ---- diff -------------------------------------------------------------------------------------------- */

static int diff_absent(const struct cert_have *have, struct neap_diff *diff)
{
	if (have->stat.kind == NEAP_FILE_ABSENT && have->key.stat.kind == NEAP_FILE_ABSENT)
		return 0;
	neap_diff_ensure(diff, NEAP_ABSENT);
	if (have->key.stat.kind != NEAP_FILE_ABSENT)
		neap_diff_reason(diff, "removes the key, too");
	return 0;
}

static void diff_new(const struct cert_want *want, struct neap_diff *diff)
{
	neap_diff_ensure(diff, NEAP_PRESENT);
	if (neap_given(want, ISSUER))
		neap_diff_string(diff, "issuer", NULL, want->issuer.path);
	neap_diff_string(diff, "valid_for", NULL,
			 neap_duration_text(wanted_lifetime(want).valid_for, neap_diff_arena(diff)));
}

/* Why the one that is there will not do, beside whom it speaks of. */
static void diff_reasons(const struct cert_want *want, const struct cert_have *have, struct neap_diff *diff)
{
	struct neap_arena *arena = neap_diff_arena(diff);
	const char *wanted = neap_duration_text(wanted_lifetime(want).valid_for, arena);

	if (owns_key(want) && have->key.make)
		neap_diff_reason(diff, have->key.stat.kind == NEAP_FILE_ABSENT
					       ? "issued again, as its key is gone"
					       : "issued again for its new key");
	if (have->other_key) {
		neap_diff_string(diff, "key", "another", want->key.path);
		neap_diff_reason(diff, "key does not match");
	}
	if (!have->facts.key_usage) {
		neap_diff_string(diff, "key_usage", "another", want->ca ? "CA" : "leaf");
		neap_diff_reason(diff, "its key usage does not allow what it is for");
	}
	if (have->signed_by) {
		neap_diff_string(diff, "issuer", "another",
				 neap_given(want, ISSUER) ? want->issuer.path : want->path);
		neap_diff_reason(diff, "%s", have->signed_by);
	}
	if (have->dates) {
		neap_diff_string(
			diff, "valid_for",
			neap_arena_printf(arena, "until %s", neap_moment_text(have->facts.ends, arena)),
			wanted);
		neap_diff_reason(diff, "%s", have->dates);
	}
	if (have->lifetime) {
		neap_diff_string(diff, "valid_for", have->lifetime, wanted);
		neap_diff_reason(diff, "is valid for %s, valid_for is %s", have->lifetime,
				 neap_span_text(wanted_lifetime(want).valid_for, arena));
	}
}

static int cert_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct cert_want *want = wanted;
	const struct cert_have *have = had;
	bool there = have->stat.kind != NEAP_FILE_ABSENT;
	(void)ctx, (void)err;

	if (want->ensure == NEAP_ABSENT)
		return diff_absent(have, diff);
	struct neap_keyfile_want file = wanted_key(want);
	if (!there)
		diff_new(want, diff);
	if (owns_key(want))
		neap_keyfile_diff(&file, &have->key, diff);
	if (have->issue) {
		neap_holder_diff(there ? &have->facts.holder : NULL, &have->wanted, diff);
		if (there)
			diff_reasons(want, have, diff);
	}
	neap_attributes_diff(&have->attributes, diff);
	neap_parents_diff(&have->parents, diff);
	return 0;
}

/* ---- apply ------------------------------------------------------------------------------------------- */

/* What a certificate is made of. NULL where it is known only when changes are made: then nothing is made. */
struct making {
	struct neap_holder holder;
	struct neap_dates dates;
	struct neap_key *key, *issuer_key;
	struct neap_cert *issuer;
};

static void making_done(struct making *making)
{
	neap_key_free(making->key);
	neap_key_free(making->issuer_key);
	neap_cert_free(making->issuer);
}

static int make_cert(void *ctx, struct neap_arena *arena, struct neap_text *ret, struct neap_error **err)
{
	const struct making *making = ctx;
	const struct neap_cert_order order = {
		.holder = making->holder,
		.begins = making->dates.begins,
		.ends = making->dates.ends,
		.key = making->key,
		.issuer = making->issuer,
		.issuer_key = making->issuer_key,
	};
	struct neap_str pem;

	if (neap_cert_make(&order, arena, &pem, err) < 0)
		return -1;
	*ret = neap_text_plain(pem.data, pem.len);
	return 0;
}

/* Everything but the key, which is there by now. */
static int gather(const struct neap_view *view, struct neap_arena *arena, const struct cert_want *want,
		  struct making *making, struct neap_error **err)
{
	struct neap_cert_facts issuer = { .ends = INT64_MAX };
	int64_t now = neap_view_clock(view);

	if (wanted_holder(want, arena, &making->holder, err) < 0)
		return -1;
	if (!owns_key(want) && neap_keyfile_load(view, arena, want->key.path, &making->key, err) < 0)
		return -1;
	if (neap_given(want, ISSUER)) {
		const char *path = issuer_key_path(want);
		int r = load_issuer(view, arena, want, now, &making->issuer, &issuer, err);
		if (r >= 0)
			r = neap_keyfile_load(view, arena, path, &making->issuer_key, err);
		if (r < 0)
			return -1;
		if (making->issuer && making->issuer_key &&
		    !neap_cert_is_of(making->issuer, making->issuer_key))
			return neap_error_set(err, "the issuer's key %s is not the key of its certificate %s",
					      path, want->issuer.path);
	}
	struct neap_lifetime lifetime = wanted_lifetime(want);
	making->dates = neap_lifetime_from(&lifetime, now, issuer.ends);
	return 0;
}

static int write_cert(struct neap_host *host, struct neap_arena *arena, const struct cert_want *want,
		      bool parents, struct making *making, struct neap_error **err)
{
	struct neap_attributes attributes = wanted_attributes(want);
	struct neap_file_write write = { .mode = attributes.mode };

	if (neap_attributes_numbers(&host->view, &attributes, &write.uid, &write.gid, err) < 0)
		return -1;
	if (gather(&host->view, arena, want, making, err) < 0)
		return -1;
	if (parents && neap_host_mkdir_parents(host, want->path, err) < 0)
		return -1;
	if (neap_host_make(host, make_cert, making, arena, &write.content, err) < 0)
		return -1;
	return neap_host_write(host, want->path, &write, err);
}

static int apply_absent(struct neap_host *host, const struct cert_want *want, const struct cert_have *have,
			struct neap_error **err)
{
	if ((!have || have->stat.kind != NEAP_FILE_ABSENT) && neap_host_unlink(host, want->path, err) < 0)
		return -1;
	if (owns_key(want) && (!have || have->key.stat.kind != NEAP_FILE_ABSENT))
		return neap_host_unlink(host, want->key.path, err);
	return 0;
}

static int cert_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct cert_want *want = wanted;
	const struct cert_have *have = had;
	struct making making __attribute__((cleanup(making_done))) = { 0 };

	if (want->ensure == NEAP_ABSENT)
		return apply_absent(host, want, have, err);
	if (owns_key(want)) {
		struct neap_keyfile_want file = wanted_key(want);
		if (neap_keyfile_apply(host, ctx->scratch, &file, have ? &have->key : NULL, &making.key,
				       err) < 0)
			return -1;
	}
	if (!have || have->issue)
		return write_cert(host, ctx->scratch, want, !have || have->parents.count, &making, err);
	if (have->attributes.differ)
		return neap_host_attributes(host, want->path, have->attributes.mode, have->attributes.uid,
					    have->attributes.gid, err);
	return 0;
}

static int cert_output(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		       unsigned index, struct neap_text *ret, struct neap_error **err)
{
	const struct cert_want *want = wanted;
	(void)index;

	return neap_pem_output(view, ctx->scratch, want->path, ret, err);
}

static bool cert_ends(const void *wanted, const void *had, const char **ret_label, double *ret_value)
{
	const struct cert_have *have = had;

	*ret_label = ((const struct cert_want *)wanted)->path;
	*ret_value = (double)have->facts.ends;
	return have->facts.ends != 0;
}

static const struct neap_measure cert_measure = {
	.metric = "neap_certificate_not_after_timestamp_seconds",
	.help = "When the certificate ends.",
	.label = "path",
	.of = cert_ends,
};

/* ---- the type ---------------------------------------------------------------------------------------- */

static const struct neap_param params[PARAM_COUNT] = {
	[PATH] = {
		.name = "path",
		.kind = NEAP_PARAM_PATH,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "Where the certificate lies, as an absolute path; not a link.",
		.offset = offsetof(struct cert_want, path),
	},
	[KEY] = {
		.name = "key",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "The private key. A path: the key is part of this resource, and is made when nothing is there. The "
		       "handle of a `neap.key`: that is used and not touched. Required, unless the certificate is to be "
		       "absent; then the key of that path goes, too.",
		.offset = offsetof(struct cert_want, key),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the certificate is to be there. With `\"absent\"` only `path` and `key` may be given.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct cert_want, ensure),
	},
	[KEY_ALGORITHM] = {
		.name = "key_algorithm",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "What kind of key. When it is given and the key that is there is of another kind, another key is "
		       "made, and with it the certificate.",
		.choices = neap_key_algorithms,
		.fallback = "rsa-2048 for a key that is made; one that is there is kept, whatever its kind",
		.offset = offsetof(struct cert_want, key_algorithm),
	},
	[ISSUER] = {
		.name = "issuer",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "Who signs: the handle of a `neap.cert` with `ca = true`, or the path of another CA's certificate, "
		       "with `issuer_key`.",
		.fallback = "it signs itself",
		.offset = offsetof(struct cert_want, issuer),
	},
	[ISSUER_KEY] = {
		.name = "issuer_key",
		.kind = NEAP_PARAM_RESOURCE,
		.doc = "The private key of an issuer that is no `neap.cert`. It is read only when something is to be "
		       "signed.",
		.offset = offsetof(struct cert_want, issuer_key),
	},
	[CA] = {
		.name = "ca",
		.kind = NEAP_PARAM_BOOLEAN,
		.doc = "Whether it may sign other certificates.",
		.fallback = "false",
		.offset = offsetof(struct cert_want, ca),
	},
	[PATH_LENGTH] = {
		.name = "path_length",
		.kind = NEAP_PARAM_INTEGER,
		.doc = "How many CAs there may be below this one; 0: it signs no other CA.",
		.fallback = "not limited",
		.min = 0,
		.max = 100,
		.offset = offsetof(struct cert_want, path_length),
	},
	[COMMON_NAME] = {
		.name = "common_name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KNOWN,
		.doc = "The CN of the subject, at most 64 characters. Hosts are known by `sans`, not by this.",
		.fallback = "none; then there have to be sans",
		.offset = offsetof(struct cert_want, common_name),
	},
	[ORGANIZATION] = {
		.name = "organization",
		.kind = NEAP_PARAM_STRINGS,
		.flags = NEAP_PARAM_OR_ONE,
		.doc = "The O of the subject; of several the order does not count.",
		.fallback = "none",
		.offset = offsetof(struct cert_want, organization),
	},
	[SANS] = {
		.name = "sans",
		.kind = NEAP_PARAM_STRINGS,
		.flags = NEAP_PARAM_OR_ONE,
		.doc = "Alternative names, each as `DNS:`, `IP:`, `URI:` or `email:` and the name. Their order does not "
		       "count.",
		.fallback = "none",
		.offset = offsetof(struct cert_want, sans),
	},
	[USAGES] = {
		.name = "usages",
		.kind = NEAP_PARAM_STRINGS,
		.flags = NEAP_PARAM_OR_ONE,
		.doc = "Extended key usages: `\"server\"`, `\"client\"`. `{}` for none.",
		.fallback = "both; none for a CA",
		.offset = offsetof(struct cert_want, usages),
	},
	[VALID_FOR] = {
		.name = "valid_for",
		.kind = NEAP_PARAM_DURATION,
		.doc = "How long, from when it is made; but never longer than its issuer. Another one makes another "
		       "certificate.",
		.fallback = "1y, 10y for a CA; that of a certificate that is there does not count",
		.min = 60,
		.max = 100 * YEAR,
		.offset = offsetof(struct cert_want, valid_for),
	},
	[RENEW_BEFORE] = {
		.name = "renew_before",
		.kind = NEAP_PARAM_DURATION,
		.doc = "How long before its end it is made again, with the same key.",
		.fallback = "30d, or a third of valid_for where that is less",
		.min = 0,
		.max = 100 * YEAR,
		.offset = offsetof(struct cert_want, renew_before),
	},
	[OWNER] = {
		.name = "owner",
		.kind = NEAP_PARAM_OWNER,
		.doc = "The user that the certificate and its key belong to, by name or number.",
		.fallback = "left alone; a new file belongs to who runs neap",
		.offset = offsetof(struct cert_want, owner),
	},
	[GROUP] = {
		.name = "group",
		.kind = NEAP_PARAM_OWNER,
		.flags = NEAP_PARAM_GROUP,
		.doc = "The group that the certificate and its key belong to, by name or number.",
		.fallback = "left alone; a new file gets the group of who runs neap",
		.offset = offsetof(struct cert_want, group),
	},
	[MODE] = {
		.name = "mode",
		.kind = NEAP_PARAM_MODE,
		.doc = "Permission bits of the certificate as an octal string.",
		.fallback = "left alone; a new file gets 0644",
		.offset = offsetof(struct cert_want, mode),
	},
	[KEY_MODE] = {
		.name = "key_mode",
		.kind = NEAP_PARAM_MODE,
		.doc = "Permission bits of the key as an octal string.",
		.fallback = "0600, for a key that is there too",
		.offset = offsetof(struct cert_want, key_mode),
	},
};

static const char *cert_secret_file(const void *wanted)
{
	const struct cert_want *want = wanted;

	return owns_key(want) ? want->key.path : NULL;
}

static const struct neap_output outputs[] = {
	[PEM] = { .name = "pem", .doc = "The certificate, in PEM." },
};

static const char description[] =
	"A certificate (X.509, in PEM) and its private key: of a CA, or of a server or client, signed by a\n"
	"CA or by itself.\n"
	"\n"
	"- Each run reads both files and checks that they belong together, that the issuer's certificate\n"
	"  of today has signed it, its subject, names, usages, dates, and mode and owner of both files. A\n"
	"  certificate is made again only for a reason, and the plan names it; the key stays.\n"
	"- It is made again `renew_before` its end. It begins five minutes before it is made, as clocks\n"
	"  differ, and it never ends after its issuer. When a CA is renewed with its key, what it has\n"
	"  signed stays; with another key all of it is made again.\n"
	"- `sans`, `organization` and `usages` are sets: order does not count. Names are compared as they\n"
	"  are used: in lower case, addresses in their short form.\n"
	"- A key or certificate that cannot be read, is encrypted or is no PEM, and a link or anything\n"
	"  that is no regular file, are errors: nothing that is not understood is replaced.\n"
	"- The file holds this one certificate, not those of its issuers. Of a file that holds several the\n"
	"  first counts.\n"
	"- basicConstraints and keyUsage are critical; serial numbers are random. SHA-256 signs, SHA-384\n"
	"  by a P-384 key, and Ed25519 by itself.\n"
	"- Key and certificate are two files, and change one after the other: the key first. A run that\n"
	"  was cut off between them is mended by the next.\n"
	"- `--metrics` says when it ends: `neap_certificate_not_after_timestamp_seconds`.\n";

static const char example[] =
	"local ca = neap.cert {\n"
	"  path = \"/etc/etcd/ca.crt\", key = \"/etc/etcd/ca.key\",\n"
	"  common_name = \"etcd-ca\", ca = true, valid_for = \"10y\",\n"
	"}\n"
	"neap.cert {\n"
	"  path = \"/etc/etcd/server.crt\", key = \"/etc/etcd/server.key\", owner = \"etcd\",\n"
	"  issuer = ca,\n"
	"  common_name = \"cp1\",\n"
	"  sans = { \"DNS:cp1.example.org\", \"DNS:localhost\", \"IP:127.0.0.1\" },\n"
	"  usages = { \"server\", \"client\" },\n"
	"  valid_for = \"1y\", renew_before = \"30d\",\n"
	"}\n";

const struct neap_resource_type neap_type_cert = {
	.name = "cert",
	.summary = "a certificate and its private key",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.outputs = outputs,
	.output_count = sizeof outputs / sizeof *outputs,
	.want_size = sizeof(struct cert_want),
	.have_size = sizeof(struct cert_have),
	.check = cert_check,
	.claim = cert_claim,
	.read = cert_read,
	.diff = cert_diff,
	.apply = cert_apply,
	.output = cert_output,
	.secret_file = cert_secret_file,
	.measure = &cert_measure,
};
