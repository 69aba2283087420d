/*
 * The floor of what needs OpenSSL; see floor.c.
 *
 *	floor-openssl tarball ARCHIVE DIRECTORY     floor-openssl certs DIRECTORY N
 */
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

/* SHA-256 of a file, read once. */
static void hash(const char *path, unsigned char ret[32])
{
	static char bytes[256 << 10];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t got;
	must(fd, path);
	EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	while ((got = read(fd, bytes, sizeof bytes)) > 0)
		EVP_DigestUpdate(ctx, bytes, (size_t)got);
	must((int)got, path);
	close(fd);
	EVP_DigestFinal_ex(ctx, ret, NULL);
	EVP_MD_CTX_free(ctx);
}

static unsigned hashed;

static int hash_member(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	unsigned char digest[32];
	(void)stat, (void)walk;
	if (type == FTW_F) {
		hash(path, digest);
		hashed++;
	}
	return 0;
}

/* The archive and every member hashed once. */
static void tarball(const char *archive, const char *directory)
{
	unsigned char digest[32];
	hash(archive, digest);
	must(nftw(directory, hash_member, 16, FTW_PHYS), directory);
	printf("%u members\n", hashed);
}

static void *load(const char *path, bool key)
{
	FILE *file = fopen(path, "re");
	void *loaded = NULL;
	if (!file) {
		perror(path);
		exit(1);
	}
	if (key)
		loaded = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	else
		loaded = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (!loaded)
		exit(1);
	return loaded;
}

/* N leaves: read, parsed, the key compared, the CA's signature verified. */
static void certs(const char *directory, unsigned count)
{
	char path[4096];
	unsigned bad = 0;
	snprintf(path, sizeof path, "%s/ca.crt", directory);
	X509 *ca = load(path, false);
	EVP_PKEY *ca_key = X509_get0_pubkey(ca);
	for (unsigned i = 1; i <= count; i++) {
		snprintf(path, sizeof path, "%s/%03u.crt", directory, i);
		X509 *cert = load(path, false);
		snprintf(path, sizeof path, "%s/%03u.key", directory, i);
		EVP_PKEY *key = load(path, true);
		bad += X509_verify(cert, ca_key) != 1 || EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1;
		X509_free(cert);
		EVP_PKEY_free(key);
	}
	X509_free(ca);
	printf("%u bad\n", bad);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "tarball") == 0)
		tarball(argv[2], argv[3]);
	else if (argc == 4 && strcmp(argv[1], "certs") == 0)
		certs(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	else
		return 64;
	return 0;
}
