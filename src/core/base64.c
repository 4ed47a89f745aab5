#include "core/base64.h"

#include "core/error.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *out, struct str bytes)
{
    while (bytes.n > 0) {
        size_t n = bytes.n < 3 ? bytes.n : 3;
        uint32_t bits = 0;
        char four[4] = {'=', '=', '=', '='};
        for (size_t i = 0; i < 3; i++) {
            bits = bits << 8 | (i < n ? (unsigned char)bytes.p[i] : 0);
        }
        for (size_t i = 0; i <= n; i++) {
            four[i] = alphabet[bits >> (18 - 6 * i) & 63];
        }
        buf_put(out, four, sizeof(four));
        bytes = str_from(bytes, n);
    }
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct str text, struct buf *out)
{
    uint32_t bits = 0;
    size_t digits = 0;
    for (size_t pad = 0; pad < 2 && text.n > 0 && text.p[text.n - 1] == '='; pad++) {
        text.n--;
    }
    for (size_t i = 0; i < text.n; i++) {
        int value = value_of(text.p[i]);
        if (value < 0) {
            return ERR_INVALID;
        }
        bits = bits << 6 | (uint32_t)value;
        digits++;
        /* The first digit of four completes no byte. */
        size_t spare = 6 * digits % 8;
        if (digits % 4 != 1 && buf_putc(out, (char)(bits >> spare & 0xff)) != 0) {
            return ERR_LIMIT;
        }
    }
    return digits % 4 == 1 ? ERR_INVALID : 0;
}
