#include "sim/sim_text.h"

/* Every word is one piece with its space: at most SIM_PIECE_BYTES_MAX - 1 bytes, and the longest
 * break before a word is SENTENCE_BREAK_BYTES. */
#define SENTENCE_BREAK_BYTES    2
#define SENTENCES_PER_PARAGRAPH 4
/* Two words and a period; all forms are longer. */
#define SENTENCE_PIECES_MIN 3

#define WORD(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static const struct str determiners[] = {
    WORD("the"), WORD("each"), WORD("every"), WORD("this"), WORD("one"), WORD("our"), WORD("their"),
};

static const struct str adjectives[] = {
    WORD("quiet"),    WORD("narrow"),   WORD("early"),    WORD("steady"), WORD("naïve"),
    WORD("bright"),   WORD("small"),    WORD("second"),   WORD("useful"), WORD("simple"),
    WORD("familiar"), WORD("northern"), WORD("patient"),  WORD("recent"), WORD("plain"),
    WORD("careful"),  WORD("distant"),  WORD("ordinary"),
};

static const struct str nouns[] = {
    WORD("river"),    WORD("engine"), WORD("letter"),  WORD("garden"),    WORD("signal"),
    WORD("market"),   WORD("bridge"), WORD("teacher"), WORD("window"),    WORD("record"),
    WORD("harbour"),  WORD("answer"), WORD("measure"), WORD("village"),   WORD("machine"),
    WORD("question"), WORD("café"),   WORD("pattern"), WORD("façade"),    WORD("story"),
    WORD("number"),   WORD("forest"), WORD("method"),  WORD("traveller"), WORD("weather"),
    WORD("library"),  WORD("result"), WORD("system"),  WORD("journey"),   WORD("valley"),
};

static const struct str verbs[] = {
    WORD("carries"), WORD("follows"),  WORD("explains"), WORD("holds"),     WORD("changes"),
    WORD("reaches"), WORD("supports"), WORD("returns"),  WORD("describes"), WORD("needs"),
    WORD("opens"),   WORD("compares"), WORD("measures"), WORD("keeps"),     WORD("crosses"),
    WORD("answers"), WORD("replaces"), WORD("collects"),
};

static const struct str prepositions[] = {
    WORD("near"),   WORD("behind"), WORD("across"), WORD("without"),
    WORD("beside"), WORD("under"),  WORD("with"),
};

static const struct str adverbs[] = {
    WORD("slowly"), WORD("often"), WORD("quietly"), WORD("again"), WORD("together"), WORD("today"),
};

static const struct str conjunctions[] = {WORD("and"), WORD("while"), WORD("because"),
                                          WORD("until")};

static const struct {
    const struct str *words;
    size_t n;
} classes[] = {
    ['D'] = {determiners,  ARRAY_LEN(determiners) },
    ['A'] = {adjectives,   ARRAY_LEN(adjectives)  },
    ['N'] = {nouns,        ARRAY_LEN(nouns)       },
    ['V'] = {verbs,        ARRAY_LEN(verbs)       },
    ['P'] = {prepositions, ARRAY_LEN(prepositions)},
    ['R'] = {adverbs,      ARRAY_LEN(adverbs)     },
    ['C'] = {conjunctions, ARRAY_LEN(conjunctions)},
};

/* A letter is a word of that class; ',' is itself. */
static const char *const sentences[] = {
    "DANVDN", "DNVRPDAN", "PDN,DNVDAN", "DNVDNCDNVR", "DANCDNVDN", "RDNVDAN", "DNPDNVDAN",
};

struct str sim_text_word(struct rand_state *rand)
{
    return nouns[rand_below(rand, ARRAY_LEN(nouns))];
}

/* ---- writing prose ---- */

struct writer {
    char *p;
    size_t n;
    uint32_t *ends;
    size_t pieces;
};

static void put_piece(struct writer *w, struct str before, struct str word, bool capital)
{
    memcpy(w->p + w->n, before.p, before.n);
    memcpy(w->p + w->n + before.n, word.p, word.n);
    if (capital) {
        w->p[w->n + before.n] = (char)(word.p[0] - 'a' + 'A');
    }
    w->n += before.n + word.n;
    w->ends[w->pieces++] = (uint32_t)w->n;
}

static struct str space_before(const struct writer *w, size_t sentence, bool first)
{
    if (w->n == 0) {
        return STR_EMPTY;
    }
    return first && sentence % SENTENCES_PER_PARAGRAPH == 0 ? STR("\n\n") : STR(" ");
}

/* Pieces of a sentence of `length` pieces that is followed by a period, when `room` are left: what
 * then remains is nothing or enough for another sentence. */
static size_t fit_sentence(size_t length, size_t room)
{
    if (length + 1 >= room) {
        return room - 1;
    }
    size_t rest = room - length - 1;
    return rest < SENTENCE_PIECES_MIN ? length - (SENTENCE_PIECES_MIN - rest) : length;
}

/* One sentence, without its period. `room` pieces are left for the text; `whole`: the last of them
 * is to be a period. */
static void put_sentence(struct writer *w, struct rand_state *rand, size_t sentence, size_t room,
                         bool whole)
{
    const char *form = sentences[rand_below(rand, ARRAY_LEN(sentences))];
    if (whole) {
        room = fit_sentence(strlen(form), room);
    }

    for (size_t i = 0; form[i] && i < room; i++) {
        unsigned char slot = (unsigned char)form[i];
        if (slot == ',' && i + 1 == room) {
            slot = 'R'; /* a sentence that is cut here needs a word before its period */
        }
        if (slot == ',') {
            put_piece(w, STR_EMPTY, STR(","), false);
            continue;
        }
        struct str word = classes[slot].words[rand_below(rand, classes[slot].n)];
        put_piece(w, space_before(w, sentence, i == 0), word, i == 0);
    }
}

void sim_text_write(struct arena *arena, struct rand_state *rand, size_t tokens, bool whole,
                    struct sim_pieces *ret_pieces)
{
    struct writer w = {
        .p = arena_alloc(arena, tokens * (SIM_PIECE_BYTES_MAX + SENTENCE_BREAK_BYTES)),
        .ends = ARENA_ARRAY(arena, uint32_t, tokens + 1)};

    for (size_t sentence = 0; w.pieces < tokens; sentence++) {
        size_t room = tokens - w.pieces;
        if (whole && room < SENTENCE_PIECES_MIN) {
            /* The text is that short: one word, and the period where it fits. */
            put_piece(&w, space_before(&w, sentence, true), STR("indeed"), true);
        } else {
            put_sentence(&w, rand, sentence, room, whole);
        }
        if (w.pieces < tokens) {
            put_piece(&w, STR_EMPTY, STR("."), false);
        }
    }
    *ret_pieces = (struct sim_pieces){str_make(w.p, w.n), w.ends, w.pieces};
}

/* ---- cutting any text ---- */

enum letter { LETTER_WORD, LETTER_DIGIT, LETTER_SPACE, LETTER_OTHER };

static enum letter letter_of(unsigned char c)
{
    if (c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\'') {
        return LETTER_WORD;
    }
    if (c >= '0' && c <= '9') {
        return LETTER_DIGIT;
    }
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' ? LETTER_SPACE : LETTER_OTHER;
}

/* Bytes of the character at `at`; broken UTF-8 counts byte by byte. */
static size_t char_bytes(struct str text, size_t at)
{
    if ((unsigned char)text.p[at] < 0x80) {
        return 1;
    }
    size_t n = str_utf8_char(str_from(text, at));
    return n > 0 ? n : 1;
}

/* End of the piece that starts at `at`. */
static size_t piece_end(struct str text, size_t at)
{
    size_t end = at;
    while (end < text.n && letter_of((unsigned char)text.p[end]) == LETTER_SPACE &&
           end - at < SENTENCE_BREAK_BYTES) {
        end++;
    }
    if (end >= text.n) {
        return end;
    }
    enum letter kind = letter_of((unsigned char)text.p[end]);
    if (kind == LETTER_SPACE) {
        return end;
    }
    size_t start = end;
    do {
        end += char_bytes(text, end);
    } while (end < text.n && letter_of((unsigned char)text.p[end]) == kind &&
             end + char_bytes(text, end) - start < SIM_PIECE_BYTES_MAX);
    return end;
}

size_t sim_text_count(struct str text)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n; n++) {
        at = piece_end(text, at);
    }
    return n;
}

void sim_text_cut(struct arena *arena, struct str text, size_t max, struct sim_pieces *ret_pieces)
{
    size_t room = text.n < max ? text.n : max;
    uint32_t *ends = ARENA_ARRAY(arena, uint32_t, room + 1);
    size_t n = 0;
    size_t at = 0;

    while (at < text.n && n < room) {
        at = piece_end(text, at);
        ends[n++] = (uint32_t)at;
    }
    *ret_pieces = (struct sim_pieces){str_head(text, at), ends, n};
}

void sim_text_shorten(struct sim_pieces *pieces, size_t bytes)
{
    if (bytes >= pieces->text.n) {
        return;
    }
    uint32_t *ends = pieces->ends;
    pieces->text.n = bytes;
    while (pieces->n > 0 && (pieces->n > 1 ? ends[pieces->n - 2] : 0) >= bytes) {
        pieces->n--;
    }
    if (pieces->n > 0) {
        ends[pieces->n - 1] = (uint32_t)bytes;
    }
}
