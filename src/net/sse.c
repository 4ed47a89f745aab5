#include "net/sse.h"

#include "core/error.h"

/*
 * sse_push looks at each byte once, for line ends, and notes where events end; sse_next looks at
 * the bytes of one event once more to cut it into fields. When a CR stands last in what was pushed,
 * the line counts as ended; whether an LF follows is settled by the next push.
 */

static const char bom[] = "\xef\xbb\xbf";
#define BOM_BYTES (sizeof(bom) - 1)

static bool is_bom(const char *p, size_t n)
{
    return n >= BOM_BYTES && memcmp(p, bom, BOM_BYTES) == 0;
}

void sse_init(struct sse *reader, size_t event_bytes_max)
{
    *reader = (struct sse){.event_bytes_max = event_bytes_max, .at_start = true};
    /* What is held is limited per event: one incomplete event, and the caller's last push. */
    buf_init(&reader->pending, SIZE_MAX / 4);
    buf_init(&reader->ends, SIZE_MAX / 4);
    buf_init(&reader->joined, event_bytes_max);
}

void sse_release(struct sse *reader)
{
    buf_release(&reader->pending);
    buf_release(&reader->ends);
    buf_release(&reader->joined);
}

/* Drops what was returned, so that pending holds only what is still to come. */
static void compact(struct sse *reader)
{
    size_t taken = reader->taken;
    buf_consume(&reader->pending, taken);
    reader->scanned -= taken;
    reader->line -= taken;
    reader->event -= taken;
    reader->taken = 0;
    /* Callers take all events between two pushes, so this moves nothing as a rule. */
    buf_consume(&reader->ends, reader->ends_taken);
    reader->ends_taken = 0;
    for (size_t i = 0; i < reader->ends.n; i += sizeof(size_t)) {
        size_t end = 0;
        memcpy(&end, reader->ends.p + i, sizeof(end));
        end -= taken;
        memcpy(reader->ends.p + i, &end, sizeof(end));
    }
}

/* The line [reader->line, at) has ended; the next one starts at at + 1. */
static int end_line(struct sse *reader, size_t at)
{
    const char *p = reader->pending.p;
    size_t start = reader->line;
    if (reader->at_start && start == reader->event && is_bom(p + start, at - start)) {
        start += BOM_BYTES;
    }
    bool blank = at == start;
    reader->line = at + 1;
    if (!blank) {
        return 0;
    }
    size_t end = at + 1;
    /* CR LF: both bytes belong to this event when both are here. */
    if (p[at] == '\r' && end < reader->pending.n && p[end] == '\n') {
        end++;
    }
    if (end - reader->event > reader->event_bytes_max) {
        return ERR_LIMIT;
    }
    if (buf_put(&reader->ends, &end, sizeof(end)) != 0) {
        return ERR_LIMIT;
    }
    reader->event = end;
    reader->at_start = false;
    return 0;
}

static int scan(struct sse *reader)
{
    const char *p = reader->pending.p;
    size_t n = reader->pending.n;
    size_t i = reader->scanned;
    int code = 0;
    while (i < n && code == 0) {
        char c = p[i];
        if (c == '\n' && reader->after_cr) {
            reader->after_cr = false;
            reader->line = ++i;
            continue;
        }
        reader->after_cr = c == '\r';
        if (c == '\n' || c == '\r') {
            code = end_line(reader, i);
        }
        i++;
    }
    reader->scanned = i;
    return code;
}

int sse_push(struct sse *reader, struct str bytes)
{
    compact(reader);
    if (bytes.n == 0) {
        return 0;
    }
    if (reader->pending.n - reader->event > reader->event_bytes_max) {
        return ERR_LIMIT; /* an earlier push failed */
    }
    int code = buf_put_str(&reader->pending, bytes);
    if (code == 0) {
        code = scan(reader);
    }
    if (code == 0 && reader->pending.n - reader->event > reader->event_bytes_max) {
        code = ERR_LIMIT;
    }
    return code;
}

/* Cuts the first line off *rest; line ends are dropped. */
static struct str take_line(struct str *rest)
{
    size_t i = 0;
    while (i < rest->n && rest->p[i] != '\n' && rest->p[i] != '\r') {
        i++;
    }
    struct str line = str_head(*rest, i);
    if (i < rest->n) {
        i += rest->p[i] == '\r' && i + 1 < rest->n && rest->p[i + 1] == '\n' ? 2 : 1;
    }
    *rest = str_from(*rest, i);
    return line;
}

static void add_data(struct sse *reader, struct sse_event *event, struct str value)
{
    if (!event->has_data) {
        event->has_data = true;
        event->data = value;
        return;
    }
    if (reader->joined.n == 0) {
        BUG_ON(buf_put_str(&reader->joined, event->data) != 0);
    }
    /* Each value is shorter than its line, so that the sum stays below the event's own size. */
    BUG_ON(buf_putc(&reader->joined, '\n') != 0 || buf_put_str(&reader->joined, value) != 0);
    event->data = buf_str(&reader->joined);
}

static void parse(struct sse *reader, struct sse_event *event)
{
    struct str rest = event->raw;
    if (!reader->bom_taken && is_bom(rest.p, rest.n)) {
        rest = str_from(rest, BOM_BYTES);
    }
    reader->bom_taken = true;
    buf_clear(&reader->joined);
    while (rest.n > 0) {
        struct str line = take_line(&rest);
        if (line.n == 0 || line.p[0] == ':') {
            continue;
        }
        ptrdiff_t colon = str_find_char(line, ':');
        struct str name = colon < 0 ? line : str_head(line, (size_t)colon);
        struct str value = colon < 0 ? STR_EMPTY : str_from(line, (size_t)colon + 1);
        if (value.n > 0 && value.p[0] == ' ') {
            value = str_from(value, 1);
        }
        if (str_eq(name, STR("data"))) {
            add_data(reader, event, value);
        } else if (str_eq(name, STR("event"))) {
            event->event = value;
        }
    }
}

bool sse_next(struct sse *reader, struct sse_event *ret_event)
{
    size_t end = 0;
    if (reader->ends_taken == reader->ends.n) {
        return false;
    }
    memcpy(&end, reader->ends.p + reader->ends_taken, sizeof(end));
    reader->ends_taken += sizeof(end);
    struct sse_event event = {
        .raw = str_make(reader->pending.p + reader->taken, end - reader->taken),
        .event = STR_EMPTY,
        .data = STR_EMPTY,
    };
    reader->taken = end;
    parse(reader, &event);
    *ret_event = event;
    return true;
}

struct str sse_rest(const struct sse *reader)
{
    return str_from(buf_str(&reader->pending), reader->event);
}

void sse_write(struct buf *out, struct str name, struct str data)
{
    struct str first = take_line(&name);
    if (first.n > 0) {
        buf_puts(out, "event: ");
        buf_put_str(out, first);
        buf_putc(out, '\n');
    }
    bool more = true;
    while (more) {
        size_t before = data.n;
        struct str line = take_line(&data);
        /* A line end at the very end of the data means one more, empty line. */
        more = line.n < before;
        buf_puts(out, "data: ");
        buf_put_str(out, line);
        buf_putc(out, '\n');
    }
    buf_putc(out, '\n');
}
