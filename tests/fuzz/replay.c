/* replay.c - runs a fuzz target over the files of a directory: replay DIRECTORY. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (1u << 20)

static void
run_file(const char *folder, const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		exit(1);
	}
	/* Exactly as long as the input, so that the sanitizer sees a read behind it. */
	uint8_t *all = malloc(INPUT_MAX);
	size_t len = all ? fread(all, 1, INPUT_MAX, f) : 0;
	uint8_t *input = all ? realloc(all, len ? len : 1) : NULL;
	if (!input)
		abort();
	fclose(f);
	printf("%s\n", path);
	LLVMFuzzerTestOneInput(input, len);
	free(input);
}

int
main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	if (!folder) {
		fprintf(stderr, "usage: replay DIRECTORY\n");
		return 2;
	}
	int inputs = 0;
	for (struct dirent *e; (e = readdir(folder));)
		if (e->d_name[0] != '.') {
			run_file(argv[1], e->d_name);
			inputs++;
		}
	closedir(folder);
	return inputs ? 0 : 1;
}
