/*
 * Blocks of traces, damaged and sound. Properties: the bytes as they are and the same bytes with a
 * checksum that is right are read without a fault and to an end; rows that could be read can be
 * packed again, and what is read of that is the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/error.h"
#include "store/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The rows up to the first that is damaged; the caller frees them. */
static size_t read_rows(struct str bytes, struct trace **rows, bool *ret_whole)
{
    struct block_reader reader;
    const struct trace *row = NULL;
    struct error err = {0};
    size_t n = 0;
    int rc;

    block_reader_init(&reader);
    rc = block_reader_start(&reader, bytes, &err);
    while (rc == 0 && (rc = block_reader_next(&reader, &row, &err)) == 1) {
        BUG_ON(n == BLOCK_ROWS_MAX);
        rows[n] = trace_clone(row);
        n++;
        rc = 0;
    }
    BUG_ON(rc < 0 && !err.text[0]);
    *ret_whole = rc == 0;
    block_reader_release(&reader);
    return n;
}

static void check_same(const struct trace *a, const struct trace *b)
{
    struct buf first, second;

    buf_init(&first, 64u << 20);
    buf_init(&second, 64u << 20);
    trace_write_json(a, &first);
    trace_write_json(b, &second);
    BUG_ON(!str_eq(buf_str(&first), buf_str(&second)));
    buf_release(&first);
    buf_release(&second);
}

static void check_again(struct trace *const *rows, size_t n)
{
    struct trace *again[BLOCK_ROWS_MAX];
    struct block block;
    bool whole = false;
    size_t m = 0;

    block_init(&block);
    if (block_pack_all(&block, rows, n)) { /* not when a row has no id */
        m = read_rows(buf_str(&block.bytes), again, &whole);
        BUG_ON(!whole || m != n);
    }
    for (size_t i = 0; i < m; i++) {
        check_same(rows[i], again[i]);
        trace_free(again[i]);
    }
    block_release(&block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace *rows[BLOCK_ROWS_MAX];
    struct buf sealed;
    bool whole = false;
    size_t n = read_rows(str_make(data, size), rows, &whole);
    uint64_t check = block_check(str_make(data, size));

    while (n > 0) {
        n--;
        trace_free(rows[n]);
    }
    buf_init(&sealed, size + BLOCK_CHECK_BYTES);
    (void)buf_put(&sealed, data, size);
    for (size_t i = 0; i < BLOCK_CHECK_BYTES; i++) {
        (void)buf_putc(&sealed, (char)(check >> (8 * i)));
    }
    n = read_rows(buf_str(&sealed), rows, &whole);
    check_again(rows, n);
    while (n > 0) {
        n--;
        trace_free(rows[n]);
    }
    buf_release(&sealed);
    return 0;
}
