/* A fuzz target without a fuzzer: calls it with each file of the directories that are named, in order. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "tests/fuzz/fuzz.h"

static int no_dot(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay(const char *directory, const char *name)
{
	char path[4096], *data NEAP_AUTO_FREE = NULL;
	FILE *file;
	long size;
	size_t got;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	if (!file || fseek(file, 0, SEEK_END) < 0 || (size = ftell(file)) < 0) {
		perror(path);
		return -1;
	}
	rewind(file);
	/* No byte more: a sanitizer sees whoever reads behind the end. */
	data = neap_alloc((size_t)size);
	got = fread(data, 1, (size_t)size, file);
	fclose(file);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput((const uint8_t *)data, got);
	return 0;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		struct dirent **entries;
		int count = scandir(argv[i], &entries, no_dot, alphasort);

		if (count < 0) {
			perror(argv[i]);
			return 1;
		}
		for (int j = 0; j < count; j++) {
			if (replay(argv[i], entries[j]->d_name) < 0)
				return 1;
			free(entries[j]);
		}
		free(entries);
		total += count;
	}
	if (!total)
		fprintf(stderr, "nothing to replay\n");
	return total ? 0 : 1;
}
