#include "cmd/secret.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/rand.h"
#include "core/str.h"

void secret_base64url(const unsigned char *bytes, size_t n, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    int held = 0;

    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6) {
            *out++ = digits[bits >> (held - 6) & 63];
        }
    }
    if (held > 0) {
        *out++ = digits[bits << (6 - held) & 63];
    }
    *out = '\0';
}

void secret_make(struct secret *ret_secret)
{
    unsigned char bytes[SECRET_RANDOM_BYTES];
    struct hash_sha256 digest;

    rand_bytes(bytes, sizeof(bytes));
    memcpy(ret_secret->text, SECRET_PREFIX, sizeof(SECRET_PREFIX) - 1);
    secret_base64url(bytes, sizeof(bytes), ret_secret->text + sizeof(SECRET_PREFIX) - 1);
    mem_wipe(bytes, sizeof(bytes));
    hash_sha256(str_of(ret_secret->text), &digest);
    hash_sha256_hex(&digest, ret_secret->sha256);
}

static size_t read_line(char *out, size_t max)
{
    struct termios before;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;

    if (terminal) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        fputs("secret: ", stderr);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    size_t n = fgets(out, (int)max, stdin) ? strlen(out) : 0;
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    return n;
}

int secret_digest_input(char *hex, struct error *err)
{
    char line[SECRET_LINE_MAX];
    struct hash_sha256 digest;

    size_t n = read_line(line, sizeof(line));
    struct str secret = str_trim(str_make(line, n));
    bool sound = secret.n > 0 && n < sizeof(line) - 1;
    if (sound) {
        hash_sha256(secret, &digest);
        hash_sha256_hex(&digest, hex);
    }
    mem_wipe(line, sizeof(line));
    return sound
               ? 0
               : error_set(err, ERR_INVALID, "expects one secret, on one line, on standard input");
}
