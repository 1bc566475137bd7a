/* replay - feed every file of the given folders to a fuzz target once, as a TAP test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_LIMIT = 1 << 20 };

/* The input is copied into a block of its exact size, so that reading past its end is seen. */
static void feed(const void *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		exit(1);
	for (size_t i = 0; i < size; i++)
		copy[i] = ((const uint8_t *)data)[i];
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void feed_file(const char *path)
{
	static uint8_t data[INPUT_LIMIT];
	FILE *f = fopen(path, "rb");
	if (!f)
		exit(1);
	size_t size = fread(data, 1, sizeof data, f);
	fclose(f);
	fprintf(stderr, "# %s\n", path); /* the last one shown is the one that crashed */
	feed(data, size);
}

static int feed_folder(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);
	int fed = 0;
	for (int i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			feed_file(path);
			fed++;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return fed;
}

int main(int argc, char **argv)
{
	int fed = 0;
	feed("", 0);
	for (int i = 1; i < argc; i++)
		fed += feed_folder(argv[i]);
	printf("ok 1 - %d inputs from %s\n1..1\n", fed, argc > 1 ? argv[1] : "nowhere");
	return 0;
}
