/*
 * Runs a fuzz target over files instead of random input: the seeds and every crash ever found are
 * replayed by the ordinary test run, with any compiler. Arguments are files and folders.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define REPLAY_PATH_MAX       4096
#define REPLAY_FILE_BYTES_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *path, const char *what)
{
    fprintf(stderr, "replay: %s: %s\n", path, what);
    exit(1);
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail(path, "cannot be opened");
    }
    uint8_t *data = malloc(REPLAY_FILE_BYTES_MAX);
    if (data == NULL) {
        fail(path, "no memory");
    }
    size_t size = fread(data, 1, REPLAY_FILE_BYTES_MAX, file);
    fclose(file);
    /* An allocation of the exact size lets the sanitizer see one byte too far. */
    uint8_t *exact = realloc(data, size > 0 ? size : 1);
    if (exact == NULL) {
        fail(path, "no memory");
    }
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int replay_folder(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    if (dir == NULL) {
        fail(path, "cannot be opened");
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char name[REPLAY_PATH_MAX];
        int len = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof(name)) {
            fail(path, "the path is too long");
        }
        if (entry->d_name[0] != '.') {
            replay_file(name);
            count++;
        }
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) != 0) {
            fail(argv[i], "does not exist");
        }
        if (S_ISDIR(status.st_mode)) {
            count += replay_folder(argv[i]);
        } else {
            replay_file(argv[i]);
            count++;
        }
    }
    printf("replayed %d inputs\n", count);
    return 0;
}
