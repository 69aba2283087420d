#include "base/pkey.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/x509_private.h"

enum { RSA_2048, RSA_3072, RSA_4096, ECDSA_P256, ECDSA_P384, ED25519 };
const char *const neap_key_algorithms[] = {
	[RSA_2048] = "rsa-2048",     [RSA_3072] = "rsa-3072",     [RSA_4096] = "rsa-4096",
	[ECDSA_P256] = "ecdsa-p256", [ECDSA_P384] = "ecdsa-p384", [ED25519] = "ed25519",
	[ED25519 + 1] = NULL,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

void neap_openssl(void)
{
	pthread_once(&once, begin);
}

BIO *neap_bio_over(struct neap_str bytes)
{
	BIO *bio = BIO_new_mem_buf(bytes.len ? bytes.data : "", (int)bytes.len);

	if (!bio)
		neap_out_of_memory();
	return bio;
}

struct neap_str neap_bio_take(BIO *bio, struct neap_arena *arena)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	struct neap_str taken = { neap_arena_copy(arena, data, (size_t)len), (size_t)len };

	BIO_free(bio);
	return taken;
}

int neap_pem_refuse(char *buf, int size, int writing, void *asked)
{
	(void)buf, (void)size, (void)writing;
	*(bool *)asked = true;
	return -1;
}

int neap_openssl_error(struct neap_error **err, const char *message)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (reason)
		neap_error_set(err, "%s: %s", message, reason);
	else
		neap_error_set(err, "%s", message);
	ERR_clear_error();
	return -1;
}

static struct neap_key *own(EVP_PKEY *pkey)
{
	struct neap_key *key = neap_alloc(sizeof *key);

	key->pkey = pkey;
	return key;
}

int neap_key_make(unsigned algorithm, struct neap_arena *arena, struct neap_text *ret_pem,
		  struct neap_error **err)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio;

	neap_openssl();
	switch (algorithm) {
	case RSA_2048:
		pkey = EVP_RSA_gen(2048);
		break;
	case RSA_3072:
		pkey = EVP_RSA_gen(3072);
		break;
	case RSA_4096:
		pkey = EVP_RSA_gen(4096);
		break;
	case ECDSA_P256:
		pkey = EVP_EC_gen("P-256");
		break;
	case ECDSA_P384:
		pkey = EVP_EC_gen("P-384");
		break;
	case ED25519:
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	default:
		return neap_error_set(err, "no such kind of key");
	}
	if (!pkey)
		return neap_openssl_error(err, "make a private key");
	bio = BIO_new(BIO_s_secmem()); /* wiped when it is freed */
	if (!bio)
		neap_out_of_memory();
	if (!PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)) {
		BIO_free(bio);
		EVP_PKEY_free(pkey);
		return neap_openssl_error(err, "write a private key");
	}
	EVP_PKEY_free(pkey);
	neap_arena_wipe(arena);
	struct neap_str pem = neap_bio_take(bio, arena);
	*ret_pem = neap_text_secret(arena, pem.data, pem.len);
	return 0;
}

/* Only what can sign, and is one of three kinds. */
static int check_kind(const EVP_PKEY *pkey, struct neap_error **err)
{
	int kind = EVP_PKEY_get_base_id(pkey);

	if (kind == EVP_PKEY_RSA || kind == EVP_PKEY_EC || kind == EVP_PKEY_ED25519)
		return 0;
	const char *name = EVP_PKEY_get0_type_name(pkey);
	neap_error_set(err, "is a key of a kind that is not known here (%s)", name ? name : "?");
	return neap_error_hint(err, "RSA, ECDSA and Ed25519 are");
}

/*
 * PKCS#8 without a passphrase, which is what neap writes and a run with nothing to do reads: to find out
 * which decoders there are takes ten times as long as to decode, so that is done once. NULL: not so simple.
 */
static EVP_PKEY *parse_plain(struct neap_str pem)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static OSSL_DECODER_CTX *decoder;
	static EVP_PKEY *pkey; /* where the decoder puts it */
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	EVP_PKEY *parsed = NULL;
	long len = 0;
	BIO *bio = neap_bio_over(pem);

	if (PEM_read_bio(bio, &name, &header, &der, &len) && strcmp(name, PEM_STRING_PKCS8INF) == 0) {
		const unsigned char *at = der;
		size_t left = (size_t)len;
		pthread_mutex_lock(&lock);
		if (!decoder)
			decoder = OSSL_DECODER_CTX_new_for_pkey(&pkey, "DER", "PrivateKeyInfo", NULL,
								EVP_PKEY_KEYPAIR, NULL, NULL);
		if (decoder && OSSL_DECODER_from_data(decoder, &at, &left))
			parsed = pkey;
		else
			EVP_PKEY_free(pkey);
		pkey = NULL;
		pthread_mutex_unlock(&lock);
	}
	BIO_free(bio);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(der, (size_t)len);
	return parsed;
}

int neap_key_parse(struct neap_str pem, struct neap_key **ret, struct neap_error **err)
{
	bool encrypted = false;
	EVP_PKEY *pkey;

	neap_openssl();
	pkey = parse_plain(pem);
	if (!pkey) {
		BIO *bio = neap_bio_over(pem);
		pkey = PEM_read_bio_PrivateKey(bio, NULL, neap_pem_refuse, &encrypted);
		BIO_free(bio);
	}
	ERR_clear_error();
	if (!pkey && encrypted) {
		neap_error_set(err, "is encrypted");
		return neap_error_hint(err, "neap asks for no passphrase; write the key without one, with "
					    "`openssl pkey -in OLD -out NEW`, or name another path");
	}
	if (!pkey) {
		neap_error_set(err, "holds no private key in PEM that can be read");
		return neap_error_hint(err, "what is not understood is never replaced: move it away, and a "
					    "new key is made");
	}
	if (check_kind(pkey, err) < 0) {
		EVP_PKEY_free(pkey);
		return -1;
	}
	*ret = own(pkey);
	return 0;
}

void neap_key_free(struct neap_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

void neap_key_auto(struct neap_key **key)
{
	neap_key_free(*key);
}

const char *neap_key_name(const struct neap_key *key, struct neap_arena *arena)
{
	char group[64];

	switch (EVP_PKEY_get_base_id(key->pkey)) {
	case EVP_PKEY_RSA:
		return neap_arena_printf(arena, "rsa-%d", EVP_PKEY_get_bits(key->pkey));
	case EVP_PKEY_EC:
		if (!EVP_PKEY_get_utf8_string_param(key->pkey, OSSL_PKEY_PARAM_GROUP_NAME, group,
						    sizeof group, NULL))
			return "ecdsa-custom";
		if (strcmp(group, "prime256v1") == 0)
			return neap_key_algorithms[ECDSA_P256];
		if (strcmp(group, "secp384r1") == 0)
			return neap_key_algorithms[ECDSA_P384];
		return neap_arena_printf(arena, "ecdsa-%s", group);
	default:
		return neap_key_algorithms[ED25519];
	}
}

int neap_key_public(const struct neap_key *key, struct neap_arena *arena, struct neap_str *ret,
		    struct neap_error **err)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (!bio)
		neap_out_of_memory();
	if (!PEM_write_bio_PUBKEY(bio, key->pkey)) {
		BIO_free(bio);
		return neap_openssl_error(err, "write the public half of the key");
	}
	*ret = neap_bio_take(bio, arena);
	return 0;
}

const EVP_MD *neap_key_signs_by(const struct neap_key *key)
{
	switch (EVP_PKEY_get_base_id(key->pkey)) {
	case EVP_PKEY_ED25519:
		return NULL;
	case EVP_PKEY_EC:
		return EVP_PKEY_get_bits(key->pkey) >= 384 ? EVP_sha384() : EVP_sha256();
	default:
		return EVP_sha256();
	}
}
