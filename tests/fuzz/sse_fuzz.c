/*
 * Event streams: any bytes, cut in two ways.
 *
 * Properties: the raws and the rest make up the input byte for byte; how it is cut changes no
 * event; what is written from an event reads back as that event.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/error.h"
#include "net/sse.h"

#define LOG_BYTES_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct sse_event *event)
{
    struct sse reader;
    struct sse_event again;
    struct buf out;
    buf_init(&out, LOG_BYTES_MAX);
    sse_write(&out, event->event, event->data);
    sse_init(&reader, LOG_BYTES_MAX);
    BUG_ON(sse_push(&reader, buf_str(&out)) != 0);
    BUG_ON(!sse_next(&reader, &again));
    BUG_ON(!str_eq(again.event, event->event) || !str_eq(again.data, event->data));
    BUG_ON(sse_next(&reader, &again) || sse_rest(&reader).n != 0);
    sse_release(&reader);
    buf_release(&out);
}

static void read_all(struct str bytes, size_t step, size_t event_bytes_max, struct buf *log)
{
    struct sse reader;
    struct buf raw;
    struct str all = bytes;
    int code = 0;
    sse_init(&reader, event_bytes_max);
    buf_init(&raw, LOG_BYTES_MAX);
    while (code == 0 && bytes.n > 0) {
        struct sse_event event;
        code = sse_push(&reader, str_head(bytes, step));
        bytes = str_from(bytes, step);
        while (sse_next(&reader, &event)) {
            BUG_ON(event.raw.n == 0 || event.raw.n > event_bytes_max);
            BUG_ON(str_find_char(event.data, '\r') >= 0);
            BUG_ON(str_find_char(event.event, '\r') >= 0 || str_find_char(event.event, '\n') >= 0);
            BUG_ON(!event.has_data && event.data.n > 0);
            buf_put_str(&raw, event.raw);
            if (event.has_data || event.event.n > 0) {
                buf_putf(log, "%zu %zu %d ", event.event.n, event.data.n, event.has_data);
                buf_put_str(log, event.event);
                buf_put_str(log, event.data);
            }
            if (event.has_data) {
                check_round_trip(&event);
            }
        }
    }
    if (code == 0) {
        BUG_ON(sse_rest(&reader).n > event_bytes_max);
        buf_put_str(&raw, sse_rest(&reader));
        BUG_ON(!str_eq(buf_str(&raw), all));
    }
    buf_release(&raw);
    sse_release(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t step = (size_t)(data[0] >> 1) + 1;
    struct str bytes = str_make(data + 1, size - 1);
    struct buf whole;
    struct buf cut;
    buf_init(&whole, LOG_BYTES_MAX);
    buf_init(&cut, LOG_BYTES_MAX);
    /* An odd first byte: a limit so small that it is met. */
    size_t event_bytes_max = data[0] & 1 ? 24 : LOG_BYTES_MAX;
    read_all(bytes, SIZE_MAX, event_bytes_max, &whole);
    read_all(bytes, step, event_bytes_max, &cut);
    /* A line end's second half may fall into the next event, which only matters near the limit. */
    BUG_ON(event_bytes_max == LOG_BYTES_MAX && !str_eq(buf_str(&whole), buf_str(&cut)));
    buf_release(&whole);
    buf_release(&cut);
    return 0;
}
