#include "store/ledger_row.h"

#include "core/error.h"

#define OPEN_BYTES   offsetof(struct ledger_numbers, settled_ms)
#define OPEN_TEXTS   LEDGER_PRICE_VERSION
#define LENGTH_BYTES sizeof(uint16_t)

static size_t numbers_bytes(unsigned state)
{
    return state == LEDGER_OPEN ? OPEN_BYTES : sizeof(struct ledger_numbers);
}

static size_t text_count(unsigned state)
{
    return state == LEDGER_OPEN ? OPEN_TEXTS : LEDGER_TEXTS;
}

static struct str fitting(size_t which, struct str text)
{
    if (which == LEDGER_USAGE) {
        return text.n > LEDGER_USAGE_MAX ? STR_EMPTY : text;
    }
    return str_head(text, LEDGER_NAME_MAX);
}

size_t ledger_row_pack(const struct ledger_row *row, char *out)
{
    size_t n = numbers_bytes(row->numbers.state);
    memcpy(out, &row->numbers, n);
    for (size_t i = 0; i < text_count(row->numbers.state); i++) {
        struct str text = fitting(i, row->texts[i]);
        uint16_t length = (uint16_t)text.n;
        memcpy(out + n, &length, LENGTH_BYTES);
        if (text.n > 0) { /* an empty one may have no place at all */
            memcpy(out + n + LENGTH_BYTES, text.p, text.n);
        }
        n += LENGTH_BYTES + text.n;
    }
    return n;
}

size_t ledger_row_settled_bytes(const struct ledger_row *row)
{
    /* The names may be others by then: another provider, another model. */
    size_t n = sizeof(struct ledger_numbers) + LEDGER_TEXTS * LENGTH_BYTES;
    n += str_head(row->texts[LEDGER_TENANT], LEDGER_NAME_MAX).n;
    n += str_head(row->texts[LEDGER_KEY], LEDGER_NAME_MAX).n;
    return n + 3 * (size_t)LEDGER_NAME_MAX + LEDGER_USAGE_MAX;
}

int ledger_row_unpack(struct str packed, struct ledger_row *ret_row)
{
    struct ledger_row row = {0};
    if (packed.n < OPEN_BYTES) {
        return ERR_INVALID;
    }
    unsigned state = (unsigned char)packed.p[offsetof(struct ledger_numbers, state)];
    if (state > LEDGER_ORPHANED || packed.n < numbers_bytes(state)) {
        return ERR_INVALID;
    }
    memcpy(&row.numbers, packed.p, numbers_bytes(state));
    packed = str_from(packed, numbers_bytes(state));
    for (size_t i = 0; i < text_count(state); i++) {
        uint16_t length = 0;
        if (packed.n < LENGTH_BYTES) {
            return ERR_INVALID;
        }
        memcpy(&length, packed.p, LENGTH_BYTES);
        if (packed.n - LENGTH_BYTES < length) {
            return ERR_INVALID;
        }
        row.texts[i] = str_make(packed.p + LENGTH_BYTES, length);
        packed = str_from(packed, LENGTH_BYTES + length);
    }
    if (packed.n > 0) {
        return ERR_INVALID;
    }
    *ret_row = row;
    return 0;
}

const char *ledger_state_name(enum ledger_state state)
{
    switch (state) {
    case LEDGER_OPEN:
        return "open";
    case LEDGER_SETTLED:
        return "settled";
    case LEDGER_ORPHANED:
        return "orphaned";
    }
    return "?";
}
