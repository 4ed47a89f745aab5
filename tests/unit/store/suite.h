#ifndef UNIT_STORE_SUITE_H
#define UNIT_STORE_SUITE_H

/*
 * What the suites of the store share: the headers cmocka wants first, a folder that goes away with
 * everything in it, and traces to fill a store with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/str.h"
#include "store/store.h"
#include "store/trace.h"

#define assert_str(actual, expected) check_str((actual), str_of(expected), __FILE__, __LINE__)

static inline void check_str(struct str actual, struct str expected, const char *file, int line)
{
    if (!str_eq(actual, expected)) {
        print_error("got  \"%.*s\"\nwant \"%.*s\"\n", STR_ARG(actual), STR_ARG(expected));
        _fail(file, line);
    }
}

/* 0 and no error text, or the test fails with the text. */
#define assert_fine(rc, err) check_fine((rc), &(err), __FILE__, __LINE__)

static inline void check_fine(int rc, const struct error *err, const char *file, int line)
{
    if (rc != 0) {
        print_error("%d (%s): %s\n", rc, error_name((enum err)rc), err->text);
        _fail(file, line);
    }
}

static inline void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        print_error("\"%s\" does not contain \"%s\"\n", text, part);
        fail();
    }
}

struct folder {
    char path[256];
    char url[400];  /* sqlite:PATH/t.db */
    char file[320]; /* PATH/t.db */
};

static inline void folder_make(struct folder *folder)
{
    const char *base = getenv("TMPDIR");

    snprintf(folder->path, sizeof(folder->path), "%s/weir-store-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->file, sizeof(folder->file), "%s/t.db", folder->path);
    snprintf(folder->url, sizeof(folder->url), "sqlite:%s", folder->file);
}

static inline void folder_remove(const struct folder *folder)
{
    DIR *dir = opendir(folder->path);
    struct dirent *entry;
    char path[600];

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%s/%s", folder->path, entry->d_name);
        unlink(path);
    }
    closedir(dir);
    rmdir(folder->path);
}

static inline int64_t file_bytes(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* A finished call at this time; its bodies may be empty. */
static inline struct trace *make_trace(int64_t started_ms, enum trace_capture capture,
                                       const char *request, const char *response)
{
    struct trace *trace = trace_new();

    trace_make_id(NULL, started_ms, trace->id);
    trace->started_ms = started_ms;
    trace->route = STR("chat");
    trace->method = STR("POST");
    trace->path = STR("/v1/chat/completions");
    trace->tenant = STR("acme");
    trace->model_asked = STR("fast");
    trace->status = 200;
    trace->capture = capture;
    assert_int_equal(buf_puts(&trace->request_body, request), 0);
    assert_int_equal(buf_puts(&trace->response_body, response), 0);
    return trace;
}

/* For store_list: counts, and remembers the last one's id and status. */
struct seen {
    size_t n;
    char first_id[TRACE_ID_HEX + 1];
    char last_id[TRACE_ID_HEX + 1];
};

static inline int see(void *ctx, const struct trace *trace)
{
    struct seen *seen = (struct seen *)ctx;

    if (seen->n == 0) {
        memcpy(seen->first_id, trace->id, sizeof(seen->first_id));
    }
    memcpy(seen->last_id, trace->id, sizeof(seen->last_id));
    seen->n++;
    return 0;
}

static inline size_t count_traces(struct store_reader *reader, const struct store_filter *filter)
{
    struct store_filter all = {.limit = STORE_LIST_MAX};
    struct seen seen = {0};
    struct error err = {0};

    assert_fine(store_list(reader, filter ? filter : &all, see, &seen, &err), err);
    return seen.n;
}

/* How many traces the store at this URL holds. */
static inline size_t count_at(const char *url)
{
    struct store_reader *reader = NULL;
    struct error err = {0};
    size_t n;

    assert_fine(store_reader_open(url, &reader, &err), err);
    n = count_traces(reader, NULL);
    store_reader_close(reader);
    return n;
}

#endif
