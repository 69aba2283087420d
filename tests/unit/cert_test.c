/* neap.cert, neap.key, neap.csr and neap.token on a machine of tables, whose clock the tests set. */
#include "base/pkey.h"
#include "base/x509.h"
#include "engine/lifetime.h"
#include "type_driver.h"

#define REG NEAP_FILE_REGULAR
#define NOW ((int64_t)1800000000)
#define DAY ((int64_t)86400)
#define EC "key_algorithm", "ecdsa-p256"
#define CERT "path", "/t/c.crt", "key", "/t/c.key"
#define CA                                                                                                   \
	"path", "/t/ca.crt", "key", "/t/ca.key", "key_algorithm", "ed25519", "common_name", "ca", "ca", "true"
#define PAIRS(...) ((const char *const[]){ __VA_ARGS__, NULL, NULL })

static void begin(struct driver *driver)
{
	driver_begin(driver, NEAP_OVERLAY_APPLY);
	neap_host_memory_clock(driver->machine, NOW);
}

/* One resource, in a run of its own: the diff, or "! error | hint"; "unknown". */
static const char *once(struct driver *driver, enum neap_overlay_mode mode, const char *type,
			const void *want)
{
	struct neap_error *err NEAP_AUTO_ERROR = NULL;
	const char *says;

	if (driver->overlay)
		neap_overlay_free(driver->overlay);
	driver->mode = mode;
	driver_open(driver);
	int r = driver_run(driver, driver_type(type), want, &says, &err);
	if (r == NEAP_UNKNOWN)
		return "unknown";
	if (r == 0)
		return says;
	return neap_arena_printf(driver->arena, "! %s | %s", err->message, err->hint ? err->hint : "");
}

/* As a plan says it and an apply does it. */
static const char *says(struct driver *driver, const char *type, const void *want)
{
	const char *before = driver_dump(&driver->machine->view, driver->arena);
	const char *plan = once(driver, NEAP_OVERLAY_PLAN, type, want);
	assert_string_equal(driver_dump(&driver->machine->view, driver->arena), before);
	const char *apply = once(driver, NEAP_OVERLAY_APPLY, type, want);
	assert_string_equal(plan, apply);
	if (apply[0] == '!')
		assert_string_equal(driver_dump(&driver->machine->view, driver->arena), before);
	else
		assert_string_equal(once(driver, NEAP_OVERLAY_PLAN, type, want), "");
	return apply;
}

static const char *said(struct driver *driver, const char *const *pairs)
{
	return says(driver, "cert", driver_want(driver->arena, driver_type("cert"), pairs));
}

static void *related(struct driver *driver, const char *const *pairs, const char *param, const char *type,
		     const void *other)
{
	const struct neap_resource_type *cert = driver_type("cert");
	struct neap_want *want = driver_want(driver->arena, cert, pairs);
	int index = neap_schema_find(cert, param);
	struct neap_related *member = (void *)((char *)want + cert->params[index].offset);
	const struct neap_resource_type *other_type = driver_type(type);

	*member = (struct neap_related){ .type = other_type, .want = other };
	member->path =
		*(const char *const *)(const void *)((const char *)other + other_type->params[0].offset);
	want->given |= (uint64_t)1 << index;
	return want;
}

static struct neap_stat stat_of(struct driver *driver, const char *path)
{
	struct neap_stat stat;
	assert_int_equal(neap_view_stat(&driver->machine->view, path, &stat, NULL), 0);
	return stat;
}

static const char *bytes_of(struct driver *driver, const char *path)
{
	struct neap_stat stat;
	struct neap_content content;
	assert_int_equal(neap_view_file(&driver->machine->view, path, driver->arena, &stat, &content, NULL),
			 0);
	return neap_arena_copy(driver->arena, content.data, content.size);
}

static struct neap_cert *cert_at(struct driver *driver, const char *path)
{
	struct neap_cert *cert;
	assert_int_equal(neap_cert_parse(neap_str(bytes_of(driver, path)), &cert, NULL), 0);
	return cert;
}

static struct neap_cert_facts facts_at(struct driver *driver, const char *path)
{
	struct neap_cert *cert NEAP_AUTO_CERT = cert_at(driver, path);
	struct neap_cert_facts facts;
	assert_int_equal(neap_cert_facts(cert, driver->arena, &facts, NULL), 0);
	return facts;
}

static bool belong(struct driver *driver, const char *cert_path, const char *key_path)
{
	struct neap_cert *cert NEAP_AUTO_CERT = cert_at(driver, cert_path);
	struct neap_key *key NEAP_AUTO_KEY = NULL;
	assert_int_equal(neap_key_parse(neap_str(bytes_of(driver, key_path)), &key, NULL), 0);
	return neap_cert_is_of(cert, key);
}

static void cert__new_one_has_key_dates_and_modes(void **state)
{
	struct driver driver;
	(void)state;

	begin(&driver);
	assert_string_equal(said(&driver, PAIRS(CERT, EC, "common_name", "x", "owner", "web")),
			    "create ensure=absent->present valid_for=->365d key_algorithm=->ecdsa-p256 "
			    "key_owner=->web key_mode=->0600 common_name=->x usages=[]->[client server] "
			    "owner=->web (makes the key /t/c.key)");
	struct neap_cert_facts facts = facts_at(&driver, "/t/c.crt");
	assert_int_equal(facts.begins, NOW - 300);
	assert_int_equal(facts.ends, NOW + 365 * DAY);
	assert_int_equal(stat_of(&driver, "/t/c.crt").mode, 0644);
	assert_int_equal(stat_of(&driver, "/t/c.key").mode, 0600);
	assert_int_equal(stat_of(&driver, "/t/c.crt").uid, 33);
	assert_int_equal(stat_of(&driver, "/t/c.key").uid, 33);
	assert_true(belong(&driver, "/t/c.crt", "/t/c.key"));
	driver_end(&driver);
}

static void cert__is_made_again_only_for_a_reason(void **state)
{
#define BASE "common_name", "x", "sans", "DNS:a DNS:b", "organization", "o p"
	static const struct {
		const char *const want[20];
		int64_t later;
		const char *says;
		bool new_key, same_cert;
	} cells[] = {
		{ { BASE }, 0, "", .same_cert = true },
		{ { BASE, "valid_for", "1y" }, 0, "", .same_cert = true },
		{ { "common_name", "x", "sans", "DNS:B DNS:a DNS:b", "organization", "p o" },
		  0,
		  "",
		  .same_cert = true },
		{ { BASE, "usages", "client server" }, 0, "", .same_cert = true },
		{ { BASE, "key_algorithm", "ecdsa-p256" }, 0, "", .same_cert = true },
		{ { BASE }, 334 * DAY, "", .same_cert = true },
		{ { BASE, "renew_before", "20d" }, 344 * DAY, "", .same_cert = true },
		{ { BASE, "mode", "0640" }, 0, "update mode=0644->0640", .same_cert = true },
		{ { BASE, "key_mode", "0640" }, 0, "update key_mode=0600->0640", .same_cert = true },
		{ { BASE, "group", "www" },
		  0,
		  "update key_group=root->www group=root->www",
		  .same_cert = true },
		{ { "common_name", "y", "sans", "DNS:a DNS:b", "organization", "o p" },
		  0,
		  "update common_name=x->y (the subject differs)" },
		{ { "common_name", "x", "sans", "DNS:a DNS:c IP:::1", "organization", "o p" },
		  0,
		  "update sans=[DNS:a DNS:b]->[DNS:a DNS:c IP:::1] (names differ: - DNS:b + DNS:c + "
		  "IP:::1)" },
		{ { "common_name", "x", "sans", "DNS:a DNS:b", "organization", "o" },
		  0,
		  "update organization=[o p]->[o] (the subject differs)" },
		{ { BASE, "usages", "client" },
		  0,
		  "update usages=[client server]->[client] (usages differ: - server)" },
		{ { BASE, "ca", "true", "usages", "server client" },
		  0,
		  "update ca=false->true (it is not a CA's)" },
		{ { BASE, "valid_for", "90d" },
		  0,
		  "update valid_for=365 days->90d (is valid for 365 days, valid_for is 90 days)" },
		{ { BASE, "key_algorithm", "ed25519" },
		  0,
		  "update key_algorithm=ecdsa-p256->ed25519 (the key /t/c.key is ecdsa-p256, key_algorithm "
		  "is "
		  "ed25519: makes another; issued again for its new key)",
		  .new_key = true },
		{ { BASE },
		  353 * DAY,
		  "update valid_for=until 2028-01-15 08:00:00 UTC->365d (expires in 12 days: renew_before is "
		  "30 "
		  "days)" },
		{ { BASE, "renew_before", "1d" },
		  368 * DAY,
		  "update valid_for=until 2028-01-15 08:00:00 UTC->365d (expired 3 days ago)" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct driver driver;
		begin(&driver);
		said(&driver, PAIRS(CERT, EC, BASE));
		const char *cert = bytes_of(&driver, "/t/c.crt"), *key = bytes_of(&driver, "/t/c.key");
		neap_host_memory_clock(driver.machine, NOW + cells[i].later);
		const char *pairs[24] = { CERT };
		memcpy(pairs + 4, cells[i].want, sizeof cells[i].want);
		const char *is = said(&driver, pairs);
		if (strcmp(is, cells[i].says) != 0)
			fail_msg("cell %zu: is \"%s\", not \"%s\"", i, is, cells[i].says);
		assert_int_equal(strcmp(cert, bytes_of(&driver, "/t/c.crt")) == 0, cells[i].same_cert);
		assert_int_equal(strcmp(key, bytes_of(&driver, "/t/c.key")) != 0, cells[i].new_key);
		assert_true(belong(&driver, "/t/c.crt", "/t/c.key"));
		driver_end(&driver);
	}
}

static void cert__files_that_do_not_fit_each_other_are_mended(void **state)
{
	struct driver driver;
	const char *const *want = PAIRS(CERT, EC, "common_name", "x");
	(void)state;

	begin(&driver);
	said(&driver, want);
	const char *key = bytes_of(&driver, "/t/c.key"), *cert = bytes_of(&driver, "/t/c.crt");

	/* the key went, and the certificate stayed */
	driver_put(&driver, &(struct driver_node){ "/t/c.key", NEAP_FILE_ABSENT, 0, 0, 0, NULL });
	assert_string_equal(said(&driver, want), "update key_algorithm=->ecdsa-p256 key_mode=->0600 (makes "
						 "the key /t/c.key; issued again, as its key is gone)");
	assert_true(belong(&driver, "/t/c.crt", "/t/c.key"));
	/* another key, as after a run that was cut off between the two */
	driver_put(&driver, &(struct driver_node){ "/t/c.key", REG, 0600, 0, 0, key });
	assert_string_equal(said(&driver, want), "update key=another->/t/c.key (key does not match)");
	assert_string_equal(bytes_of(&driver, "/t/c.key"), key);
	/* the certificate went: the key stays */
	driver_put(&driver, &(struct driver_node){ "/t/c.crt", NEAP_FILE_ABSENT, 0, 0, 0, NULL });
	assert_non_null(strstr(said(&driver, want), "create ensure=absent->present"));
	assert_string_equal(bytes_of(&driver, "/t/c.key"), key);
	/* an old certificate of this key does */
	driver_put(&driver, &(struct driver_node){ "/t/c.crt", REG, 0644, 0, 0, cert });
	assert_string_equal(said(&driver, want), "");
	/* a key that others can read is closed */
	driver_put(&driver, &(struct driver_node){ "/t/c.key", REG, 0644, 0, 0, key });
	assert_string_equal(said(&driver, want), "update key_mode=0644->0600");
	driver_end(&driver);
}

static void cert__what_is_not_understood_is_never_replaced(void **state)
{
	static const char encrypted[] = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
					"DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
					"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
					"-----END RSA PRIVATE KEY-----\n";
	static const struct {
		const char *name;
		struct driver_node node;
		const char *says;
	} cells[] = {
		{ "a foreign key",
		  { "/t/c.key", REG, 0600, 0, 0, "not a key" },
		  "! /t/c.key: holds no private key in PEM that can be read | what is not understood is "
		  "never "
		  "replaced: move it away, and a new key is made" },
		{ "an empty key",
		  { "/t/c.key", REG, 0600, 0, 0, "" },
		  "! /t/c.key: holds no private key in PEM that can be read | what is not understood is "
		  "never "
		  "replaced: move it away, and a new key is made" },
		{ "an encrypted key",
		  { "/t/c.key", REG, 0600, 0, 0, encrypted },
		  "! /t/c.key: is encrypted | neap" },
		{ "a link to a key",
		  { "/t/c.key", NEAP_FILE_LINK, 0777, 0, 0, "/elsewhere" },
		  "! /t/c.key is a link | name the file that it points to" },
		{ "a directory",
		  { "/t/c.key", NEAP_FILE_DIRECTORY, 0755, 0, 0, NULL },
		  "! /t/c.key is a directory" },
		{ "a foreign certificate",
		  { "/t/c.crt", REG, 0644, 0, 0, "not a certificate" },
		  "! /t/c.crt: holds no certificate in PEM that can be read | what is not understood" },
		{ "a link", { "/t/c.crt", NEAP_FILE_LINK, 0777, 0, 0, "x" }, "! /t/c.crt is a link" },
		{ "a fifo", { "/t/c.crt", NEAP_FILE_OTHER, 0644, 0, 0, NULL }, "! /t/c.crt is a device" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct driver driver;
		begin(&driver);
		if (i % 2) /* with the other file there, too */
			said(&driver, PAIRS(CERT, EC, "common_name", "x"));
		driver_put(&driver, &cells[i].node);
		const char *is = said(&driver, PAIRS(CERT, EC, "common_name", "x"));
		if (strncmp(is, cells[i].says, strlen(cells[i].says)) != 0)
			fail_msg("%s: is \"%s\"", cells[i].name, is);
		driver_end(&driver);
	}
}

static void cert__clock_that_is_behind_renews_nothing(void **state)
{
	struct driver driver;
	(void)state;

	begin(&driver);
	said(&driver, PAIRS(CERT, EC, "common_name", "x"));
	neap_host_memory_clock(driver.machine, NOW - 300);
	assert_string_equal(said(&driver, PAIRS(CERT, EC, "common_name", "x")), "");
	neap_host_memory_clock(driver.machine, NOW - 301);
	assert_non_null(
		strstr(said(&driver, PAIRS(CERT, EC, "common_name", "x")),
		       "! /t/c.crt begins on 2027-01-15 07:55:00 UTC | is the clock of this machine right?"));
	driver_end(&driver);
}

/* ---- issuers ----------------------------------------------------------------------------------------- */

struct tree {
	struct driver driver;
	void *ca, *leaf;
};

static void plant_tree(struct tree *tree, const char *const *leaf)
{
	begin(&tree->driver);
	tree->ca = driver_want(tree->driver.arena, driver_type("cert"), PAIRS(CA));
	tree->leaf = related(&tree->driver, leaf, "issuer", "cert", tree->ca);
	said(&tree->driver, PAIRS(CA));
	says(&tree->driver, "cert", tree->leaf);
}

static enum neap_issued issued(struct tree *tree)
{
	struct neap_cert *leaf NEAP_AUTO_CERT = cert_at(&tree->driver, "/t/c.crt");
	struct neap_cert *ca NEAP_AUTO_CERT = cert_at(&tree->driver, "/t/ca.crt");
	return neap_cert_issued(leaf, ca);
}

static void cert__leaf_follows_the_key_of_its_ca_and_not_its_renewal(void **state)
{
	struct tree tree;
	(void)state;

	plant_tree(&tree, PAIRS(CERT, EC, "common_name", "x"));
	assert_int_equal(issued(&tree), NEAP_ISSUED);
	const char *leaf = bytes_of(&tree.driver, "/t/c.crt");
	/* made again with its key */
	driver_put(&tree.driver, &(struct driver_node){ "/t/ca.crt", NEAP_FILE_ABSENT, 0, 0, 0, NULL });
	says(&tree.driver, "cert", tree.ca);
	assert_string_equal(says(&tree.driver, "cert", tree.leaf), "");
	/* with another */
	driver_put(&tree.driver, &(struct driver_node){ "/t/ca.key", NEAP_FILE_ABSENT, 0, 0, 0, NULL });
	says(&tree.driver, "cert", tree.ca);
	assert_string_equal(says(&tree.driver, "cert", tree.leaf),
			    "update issuer=another->/t/ca.crt (signed by another key of the CA)");
	assert_int_equal(issued(&tree), NEAP_ISSUED);
	assert_string_not_equal(bytes_of(&tree.driver, "/t/c.crt"), leaf);
	/* with another name */
	tree.ca = driver_want(tree.driver.arena, driver_type("cert"), PAIRS(CA, "organization", "new"));
	tree.leaf = related(&tree.driver, PAIRS(CERT, EC, "common_name", "x"), "issuer", "cert", tree.ca);
	says(&tree.driver, "cert", tree.ca);
	assert_string_equal(says(&tree.driver, "cert", tree.leaf),
			    "update issuer=another->/t/ca.crt (signed by another CA)");
	/* and by itself */
	assert_string_equal(said(&tree.driver, PAIRS(CERT, EC, "common_name", "x")),
			    "update issuer=another->/t/c.crt (signed by another, and is to sign itself)");
	driver_end(&tree.driver);
}

static void cert__never_outlives_its_issuer(void **state)
{
	struct tree tree;
	const char *const *want = PAIRS(CERT, EC, "common_name", "x", "valid_for", "1y");
	(void)state;

	plant_tree(&tree, want);
	int64_t end = facts_at(&tree.driver, "/t/ca.crt").ends;
	neap_host_memory_clock(tree.driver.machine, end - 100 * DAY);
	assert_non_null(strstr(says(&tree.driver, "cert", tree.leaf), "expired"));
	assert_int_equal(facts_at(&tree.driver, "/t/c.crt").ends, end);
	/* near its end it stays, as another one would end no later */
	neap_host_memory_clock(tree.driver.machine, end - 5 * DAY);
	assert_string_equal(says(&tree.driver, "cert", tree.leaf), "");
	/* until the issuer is renewed */
	assert_non_null(strstr(says(&tree.driver, "cert", tree.ca), "expires in 5 days"));
	assert_non_null(strstr(says(&tree.driver, "cert", tree.leaf), "expires in 5 days"));
	assert_int_equal(facts_at(&tree.driver, "/t/c.crt").ends, end + 360 * DAY);
	/* an issuer that is over signs nothing */
	neap_host_memory_clock(tree.driver.machine, end + 11 * 365 * DAY);
	assert_non_null(strstr(says(&tree.driver, "cert", tree.leaf),
			       "! the issuer's certificate /t/ca.crt ended on 20"));
	driver_end(&tree.driver);
}

static void cert__short_lifetime_by_the_issuer_is_not_the_recipes(void **state)
{
	struct tree tree;
	(void)state;

	plant_tree(&tree, PAIRS(CERT, EC, "common_name", "x"));
	int64_t end = facts_at(&tree.driver, "/t/ca.crt").ends;
	neap_host_memory_clock(tree.driver.machine, end - 200 * DAY);
	tree.leaf = related(&tree.driver, PAIRS(CERT, EC, "common_name", "x", "valid_for", "1y"), "issuer",
			    "cert", tree.ca);
	says(&tree.driver, "cert", tree.leaf);
	assert_string_equal(says(&tree.driver, "cert", tree.leaf), "");
	neap_host_memory_clock(tree.driver.machine, end - 30 * DAY);
	says(&tree.driver, "cert", tree.ca);
	neap_host_memory_clock(tree.driver.machine, end - 40 * DAY + 1);
	tree.leaf = related(&tree.driver,
			    PAIRS(CERT, EC, "common_name", "x", "valid_for", "1y", "renew_before", "1d"),
			    "issuer", "cert", tree.ca);
	neap_host_memory_clock(tree.driver.machine, end - 30 * DAY + 1);
	assert_string_equal(says(&tree.driver, "cert", tree.leaf),
			    "update valid_for=200 days->365d (is valid for 200 days, valid_for is 365 days)");
	driver_end(&tree.driver);
}

static void cert__external_ca_is_used_and_checked(void **state)
{
	struct driver driver;
	const char *const *want =
		PAIRS(CERT, EC, "common_name", "x", "issuer", "/t/ca.crt", "issuer_key", "/t/ca.key");
	(void)state;

	begin(&driver);
	assert_non_null(
		strstr(said(&driver, want), "! there is no certificate of the issuer at /t/ca.crt | put"));
	said(&driver, PAIRS(CA, "path_length", "0"));
	const char *ca_key = bytes_of(&driver, "/t/ca.key");
	driver_put(&driver, &(struct driver_node){ "/t/ca.key", NEAP_FILE_ABSENT, 0, 0, 0, NULL });
	assert_non_null(strstr(said(&driver, want), "! there is no private key at /t/ca.key"));
	said(&driver, PAIRS("path", "/t/o.crt", "key", "/t/ca.key", EC, "common_name", "o"));
	assert_non_null(strstr(said(&driver, want),
			       "! the issuer's key /t/ca.key is not the key of its certificate"));
	driver_put(&driver, &(struct driver_node){ "/t/ca.key", REG, 0600, 0, 0, ca_key });
	assert_non_null(strstr(said(&driver, want), "create"));
	/* with nothing to sign, the key of the CA is not needed */
	driver_put(&driver, &(struct driver_node){ "/t/ca.key", NEAP_FILE_ABSENT, 0, 0, 0, NULL });
	assert_string_equal(said(&driver, want), "");
	/* no CA; no CA below it */
	assert_non_null(strstr(said(&driver, PAIRS("path", "/t/d.crt", "key", "/t/d.key", EC, "common_name",
						   "d", "issuer", "/t/c.crt", "issuer_key", "/t/c.key")),
			       "! the issuer's certificate /t/c.crt may not sign others"));
	assert_non_null(
		strstr(said(&driver, PAIRS("path", "/t/d.crt", "key", "/t/d.key", EC, "common_name", "d",
					   "ca", "true", "issuer", "/t/ca.crt", "issuer_key", "/t/ca.key")),
		       "! the issuer's certificate /t/ca.crt does not allow this CA below it"));
	driver_end(&driver);
}

static void cert__of_an_issuer_still_to_be_made_is_created_in_the_same_plan(void **state)
{
	struct driver driver;
	struct neap_context ctx;
	(void)state;

	begin(&driver);
	ctx = (struct neap_context){ .scratch = driver.arena, .passing = driver.arena };
	void *ca = driver_want(driver.arena, driver_type("cert"), PAIRS(CA));
	void *leaf = related(&driver, PAIRS(CERT, EC, "common_name", "x"), "issuer", "cert", ca);
	const char *text;
	driver.mode = NEAP_OVERLAY_PLAN;
	driver_open(&driver);
	assert_int_equal(driver_run(&driver, driver_type("cert"), ca, &text, NULL), 0);
	assert_int_equal(driver_run(&driver, driver_type("cert"), leaf, &text, NULL), 0);
	assert_non_null(strstr(text, "create ensure=absent->present issuer=->/t/ca.crt"));
	/* what refers to it waits */
	struct neap_text pem;
	assert_int_equal(driver_type("cert")->output(&driver.overlay->view, &ctx, leaf, 0, &pem, NULL),
			 NEAP_UNKNOWN);
	/* one that is there is not judged by an issuer that is not: unknown, and the apply knows what to do
	 */
	neap_overlay_free(driver.overlay);
	driver.overlay = NULL;
	says(&driver, "cert", ca);
	says(&driver, "cert", leaf);
	driver_put(&driver, &(struct driver_node){ "/t/ca.key", NEAP_FILE_ABSENT, 0, 0, 0, NULL });
	neap_overlay_free(driver.overlay);
	driver.mode = NEAP_OVERLAY_PLAN;
	driver_open(&driver);
	assert_int_equal(driver_run(&driver, driver_type("cert"), ca, &text, NULL), 0);
	assert_int_equal(driver_run(&driver, driver_type("cert"), leaf, &text, NULL), NEAP_UNKNOWN);
	driver_end(&driver);
}

static void cert__key_of_another_resource_is_used_and_not_touched(void **state)
{
	struct driver driver;
	(void)state;

	begin(&driver);
	void *key = driver_want(driver.arena, driver_type("key"),
				PAIRS("path", "/t/k", "algorithm", "ed25519", "mode", "0640"));
	says(&driver, "key", key);
	void *want = related(&driver, PAIRS("path", "/t/c.crt", "common_name", "x"), "key", "key", key);
	assert_string_equal(
		says(&driver, "cert", want),
		"create ensure=absent->present valid_for=->365d common_name=->x usages=[]->[client "
		"server]");
	assert_true(belong(&driver, "/t/c.crt", "/t/k"));
	assert_int_equal(stat_of(&driver, "/t/k").mode, 0640);
	driver_put(&driver, &(struct driver_node){ "/t/k", NEAP_FILE_ABSENT, 0, 0, 0, NULL });
	assert_non_null(strstr(says(&driver, "cert", want), "! there is no private key at /t/k"));
	driver_end(&driver);
}

static void cert__absent_takes_the_key_that_is_its_own(void **state)
{
	struct driver driver;
	(void)state;

	begin(&driver);
	said(&driver, PAIRS(CERT, EC, "common_name", "x"));
	assert_string_equal(said(&driver, PAIRS("path", "/t/c.crt", "ensure", "absent")),
			    "delete ensure=present->absent");
	assert_int_equal(stat_of(&driver, "/t/c.key").kind, REG);
	assert_string_equal(said(&driver, PAIRS(CERT, "ensure", "absent")),
			    "delete ensure=present->absent (removes the key, too)");
	assert_int_equal(stat_of(&driver, "/t/c.key").kind, NEAP_FILE_ABSENT);
	assert_string_equal(said(&driver, PAIRS(CERT, "ensure", "absent")), "");
	driver_end(&driver);
}

static void cert__each_call_may_fail_and_the_next_run_mends(void **state)
{
	const char *const *want = PAIRS("path", "/t/d/c.crt", "key", "/t/e/c.key", EC, "common_name", "x",
					"issuer", "/t/ca.crt", "issuer_key", "/t/ca.key");
	unsigned failed = 0;
	bool done = false;
	(void)state;

	for (uint64_t call = 1; !done; call++) {
		struct driver driver;
		begin(&driver);
		said(&driver, PAIRS(CA));
		void *wanted = driver_want(driver.arena, driver_type("cert"), want);
		neap_host_memory_fail(driver.machine, call, 5);
		const char *is = once(&driver, NEAP_OVERLAY_APPLY, "cert", wanted);
		done = neap_host_memory_calls(driver.machine) < call;
		failed += is[0] == '!';
		neap_host_memory_fail(driver.machine, 0, 0);
		is = once(&driver, NEAP_OVERLAY_APPLY, "cert", wanted);
		if (is[0] == '!')
			fail_msg("after call %d had failed: %s", (int)call, is);
		assert_string_equal(once(&driver, NEAP_OVERLAY_APPLY, "cert", wanted), "");
		assert_true(belong(&driver, "/t/d/c.crt", "/t/e/c.key"));
		driver_end(&driver);
		assert_true(call < 200);
	}
	assert_true(failed > 5);
}

static void cert__wrong_parameters_are_told(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	static const struct {
		const char *const pairs[16];
		const char *says;
	} cells[] = {
		{ { CERT, "common_name", "x" }, "" },
		{ { CERT, "sans", "DNS:x" }, "" },
		{ { CERT }, "it would speak of nobody" },
		{ { CERT, "ca", "true", "sans", "DNS:x" }, "it would speak of nobody" },
		{ { "path", "/t/c.crt", "common_name", "x" }, "key is required: where the private key lies" },
		{ { "path", "/t/c", "key", "/t/c", "common_name", "x" }, "path and key are the same file" },
		{ { CERT, "common_name", "x", "sans", "x" }, "sans: x does not say what kind of name it is" },
		{ { CERT, "common_name", "x", "sans", "IP:1.2.3.4/8" }, "sans: IP:1.2.3.4/8 is no address" },
		{ { CERT, "common_name", "x", "usages", "email" }, "usages: there is no usage \"email\"" },
		{ { CERT, "common_name", "0123456789012345678901234567890123456789012345678901234567890123" },
		  "" },
		{ { CERT, "common_name",
		    "01234567890123456789012345678901234567890123456789012345678901234" },
		  "common_name has 65 characters, and may have 1 to 64" },
		{ { CERT, "common_name", "x", "path_length", "1" },
		  "path_length has no meaning without ca = true" },
		{ { CERT, "common_name", "x", "valid_for", "10d", "renew_before", "10d" },
		  "renew_before is not shorter than valid_for, 10d: each run would renew it" },
		{ { CERT, "common_name", "x", "valid_for", "90s" }, "" },
		{ { CERT, "common_name", "x", "issuer", "/t/ca.crt" },
		  "issuer_key is required where issuer is no neap.cert" },
		{ { CERT, "common_name", "x", "issuer_key", "/t/ca.key" },
		  "issuer_key has no meaning without issuer" },
		{ { CERT, "common_name", "x", "issuer", "/t/c.crt" }, "it is named as its own issuer" },
		{ { CERT, "ensure", "absent", "mode", "0644" },
		  "mode has no meaning with ensure = \"absent\"" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
		assert_string_equal(driver_check(arena, "cert", cells[i].pairs), cells[i].says);
}

static void cert__issuer_that_may_not_sign_it_is_an_error_of_the_recipe(void **state)
{
	struct driver driver;
	static const struct {
		const char *const ca[4], *const want[4];
		const char *says;
	} cells[] = {
		{ { "ca", "true" }, { NULL }, "" },
		{ { "ca", "false" }, { NULL }, "the issuer /t/ca.crt is no CA" },
		{ { "ca", "true", "path_length", "0" }, { NULL }, "" },
		{ { "ca", "true", "path_length", "0" },
		  { "ca", "true" },
		  "the path_length of the issuer /t/ca.crt does not allow this CA" },
		{ { "ca", "true", "path_length", "1" }, { "ca", "true", "path_length", "0" }, "" },
		{ { "ca", "true" },
		  { "issuer_key", "/t/k" },
		  "issuer_key has no meaning where issuer is a neap.cert: its key is known" },
	};
	(void)state;

	begin(&driver);
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		const char *ca[16] = { "path", "/t/ca.crt", "key", "/t/ca.key", "common_name", "ca" };
		const char *want[16] = { CERT, "common_name", "x" };
		struct neap_error *err NEAP_AUTO_ERROR = NULL;
		memcpy(ca + 6, cells[i].ca, sizeof cells[i].ca);
		memcpy(want + 6, cells[i].want, sizeof cells[i].want);
		void *issuer = driver_want(driver.arena, driver_type("cert"), ca);
		int r = driver_type("cert")->check(related(&driver, want, "issuer", "cert", issuer), &err);
		assert_int_equal(r, *cells[i].says ? -1 : 0);
		assert_string_equal(r < 0 ? err->message : "", cells[i].says);
	}
	driver_end(&driver);
}

/* ---- dates as a table ---------------------------------------------------------------------------------- */

static void lifetime__what_will_not_do(void **state)
{
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();
	static const struct {
		int64_t left, latest; /* from now */
		const char *says;
	} cells[] = {
		{ 31 * DAY, INT64_MAX - NOW, NULL },
		{ 30 * DAY, INT64_MAX - NOW, "expires in 30 days: renew_before is 30 days" },
		{ 36 * 3600, INT64_MAX - NOW, "expires in 36 hours: renew_before is 30 days" },
		{ 1, INT64_MAX - NOW, "expires in 1 second: renew_before is 30 days" },
		{ 0, INT64_MAX - NOW, "expired 0 seconds ago" },
		{ -5 * DAY, INT64_MAX - NOW, "expired 5 days ago" },
		{ 5 * DAY, 5 * DAY, NULL },
		{ 5 * DAY, 4 * DAY, NULL },
		{ 5 * DAY, 5 * DAY + 1, "expires in 5 days: renew_before is 30 days" },
	};
	struct neap_lifetime lifetime = { .valid_for = 365 * DAY, .renew_before = 30 * DAY };
	(void)state;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		struct neap_dates dates = { NOW - DAY, NOW + cells[i].left };
		const char *is = neap_lifetime_over(&lifetime, dates, NOW, NOW + cells[i].latest, arena);
		if ((is == NULL) != (cells[i].says == NULL) || (is && strcmp(is, cells[i].says) != 0))
			fail_msg("cell %zu: %s", i, is ? is : "nothing");
	}
	struct neap_dates dates = neap_lifetime_from(&lifetime, NOW, NOW + DAY);
	assert_int_equal(dates.begins, NOW - 300);
	assert_int_equal(dates.ends, NOW + DAY);
	dates = neap_lifetime_from(&lifetime, NOW, INT64_MAX);
	assert_int_equal(dates.ends, NOW + 365 * DAY);
	lifetime.chosen = true;
	assert_false(neap_lifetime_other(&lifetime, dates));
	assert_false(neap_lifetime_other(&lifetime, (struct neap_dates){ 0, 365 * DAY }));
	assert_true(neap_lifetime_other(&lifetime, (struct neap_dates){ 0, 365 * DAY + 1 }));
	assert_true(neap_lifetime_other(&lifetime, (struct neap_dates){ 0, 364 * DAY }));
	lifetime.chosen = false;
	assert_false(neap_lifetime_other(&lifetime, (struct neap_dates){ 0, 364 * DAY }));
}

/* ---- key, csr, token ----------------------------------------------------------------------------------- */

static void key__is_made_once(void **state)
{
	struct driver driver;
	(void)state;

	begin(&driver);
	void *want = driver_want(driver.arena, driver_type("key"),
				 PAIRS("path", "/t/d/k", "algorithm", "ed25519"));
	assert_string_equal(
		says(&driver, "key", want),
		"create ensure=absent->present algorithm=->ed25519 mode=->0600 parents=[]->[/t/d] "
		"(makes /t/d)");
	const char *key = bytes_of(&driver, "/t/d/k");
	assert_string_equal(says(&driver, "key", want), "");
	/* whatever its kind, unless that is said */
	want = driver_want(driver.arena, driver_type("key"), PAIRS("path", "/t/d/k"));
	assert_string_equal(says(&driver, "key", want), "");
	assert_string_equal(bytes_of(&driver, "/t/d/k"), key);
	want = driver_want(driver.arena, driver_type("key"),
			   PAIRS("path", "/t/d/k", "algorithm", "ecdsa-p384"));
	assert_string_equal(
		says(&driver, "key", want),
		"update algorithm=ed25519->ecdsa-p384 (makes another key, of the kind that is wanted)");
	driver_put(&driver, &(struct driver_node){ "/t/d/k", REG, 0600, 0, 0, "ssh-rsa AAAA" });
	assert_non_null(strstr(says(&driver, "key", want), "! /t/d/k: holds no private key"));
	want = driver_want(driver.arena, driver_type("key"), PAIRS("path", "/t/d/k", "ensure", "absent"));
	assert_string_equal(says(&driver, "key", want), "delete ensure=present->absent");
	driver_end(&driver);
}

static void csr__follows_key_and_names(void **state)
{
	struct driver driver;
	(void)state;

	begin(&driver);
	void *key =
		driver_want(driver.arena, driver_type("key"), PAIRS("path", "/t/k", "algorithm", "ed25519"));
	void *want = driver_want(driver.arena, driver_type("csr"),
				 PAIRS("path", "/t/r", "key", "/t/k", "common_name", "x", "sans", "DNS:a"));
	assert_non_null(strstr(says(&driver, "csr", want), "! there is no private key at /t/k"));
	says(&driver, "key", key);
	assert_string_equal(says(&driver, "csr", want),
			    "create ensure=absent->present key=->/t/k common_name=->x sans=[]->[DNS:a]");
	want = driver_want(driver.arena, driver_type("csr"),
			   PAIRS("path", "/t/r", "key", "/t/k", "common_name", "x", "sans", "DNS:a DNS:b"));
	assert_string_equal(says(&driver, "csr", want),
			    "update sans=[DNS:a]->[DNS:a DNS:b] (names differ: + DNS:b)");
	driver_put(&driver, &(struct driver_node){ "/t/k", NEAP_FILE_ABSENT, 0, 0, 0, NULL });
	says(&driver, "key", key);
	assert_string_equal(says(&driver, "csr", want), "update key=another->/t/k (key does not match)");
	driver_put(&driver, &(struct driver_node){ "/t/r", REG, 0644, 0, 0, "x" });
	assert_non_null(strstr(says(&driver, "csr", want), "! /t/r: holds no certificate request"));
	driver_end(&driver);
}

static void token__is_stable_and_never_replaced(void **state)
{
	struct driver driver;
	const struct neap_resource_type *type = driver_type("token");
	struct neap_context ctx;
	struct neap_text text;
	(void)state;

	begin(&driver);
	ctx = (struct neap_context){ .scratch = driver.arena, .passing = driver.arena };
	void *want = driver_want(driver.arena, type, PAIRS("path", "/t/k"));
	void *longer = driver_want(driver.arena, type, PAIRS("path", "/t/k", "length", "65"));
	assert_string_equal(says(&driver, "token", want), "create ensure=absent->present mode=->0600");
	const char *token = bytes_of(&driver, "/t/k");
	assert_int_equal(strlen(token), 64);
	assert_int_equal(stat_of(&driver, "/t/k").mode, 0600);
	assert_string_equal(says(&driver, "token", want), "");
	assert_non_null(
		strstr(says(&driver, "token", longer), "! /t/k holds 64 characters, too few for a token"));
	assert_string_equal(bytes_of(&driver, "/t/k"), token);
	/* another's, with a newline */
	driver_put(&driver, &(struct driver_node){ "/t/k", REG, 0644, 0, 0, "abc.def\n" });
	assert_string_equal(says(&driver, "token", want), "update mode=0644->0600");
	assert_string_equal(bytes_of(&driver, "/t/k"), "abc.def\n");
	assert_int_equal(type->output(&driver.machine->view, &ctx, want, 0, &text, NULL), 0);
	assert_int_equal(text.len, 7);
	assert_int_equal(text.span_count, 1);
	assert_int_equal(text.spans[0].len, 7);
	static const char *const wrong[] = { "", "\n", "two\nlines\n" };
	for (size_t i = 0; i < 3; i++) {
		driver_put(&driver, &(struct driver_node){ "/t/k", REG, 0600, 0, 0, wrong[i] });
		assert_non_null(strstr(says(&driver, "token", want), "! /t/k holds no token"));
	}
	driver_end(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cert__new_one_has_key_dates_and_modes),
		cmocka_unit_test(cert__is_made_again_only_for_a_reason),
		cmocka_unit_test(cert__files_that_do_not_fit_each_other_are_mended),
		cmocka_unit_test(cert__what_is_not_understood_is_never_replaced),
		cmocka_unit_test(cert__clock_that_is_behind_renews_nothing),
		cmocka_unit_test(cert__leaf_follows_the_key_of_its_ca_and_not_its_renewal),
		cmocka_unit_test(cert__never_outlives_its_issuer),
		cmocka_unit_test(cert__short_lifetime_by_the_issuer_is_not_the_recipes),
		cmocka_unit_test(cert__external_ca_is_used_and_checked),
		cmocka_unit_test(cert__of_an_issuer_still_to_be_made_is_created_in_the_same_plan),
		cmocka_unit_test(cert__key_of_another_resource_is_used_and_not_touched),
		cmocka_unit_test(cert__absent_takes_the_key_that_is_its_own),
		cmocka_unit_test(cert__each_call_may_fail_and_the_next_run_mends),
		cmocka_unit_test(cert__wrong_parameters_are_told),
		cmocka_unit_test(cert__issuer_that_may_not_sign_it_is_an_error_of_the_recipe),
		cmocka_unit_test(lifetime__what_will_not_do),
		cmocka_unit_test(key__is_made_once),
		cmocka_unit_test(csr__follows_key_and_names),
		cmocka_unit_test(token__is_stable_and_never_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, driver_teardown);
}
