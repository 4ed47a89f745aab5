#include "unit/sim/suite.h"

#include "sim/sim_text.h"

static void prose_has_exactly_the_pieces_asked_for(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    for (size_t tokens = 0; tokens < 400; tokens++) {
        for (int whole = 0; whole < 2; whole++) {
            struct sim_pieces p;
            struct rand_state rand;
            rand_seed(&rand, tokens);
            sim_text_write(&arena, &rand, tokens, whole, &p);
            assert_int_equal(p.n, tokens);
            assert_true(str_is_utf8(p.text));
            /* A client that cuts the text itself counts the same. */
            assert_int_equal(sim_text_count(p.text), tokens);
            if (whole && tokens > 1) {
                assert_int_equal(p.text.p[p.text.n - 1], '.');
            }
        }
    }
    arena_release(&arena);
}

static void the_same_seed_writes_the_same_and_another_does_not(void **state)
{
    (void)state;
    struct arena arena;
    struct sim_pieces a, b, c;
    struct rand_state rand;

    arena_init(&arena);
    rand_seed(&rand, 1);
    sim_text_write(&arena, &rand, 50, true, &a);
    rand_seed(&rand, 1);
    sim_text_write(&arena, &rand, 50, true, &b);
    rand_seed(&rand, 2);
    sim_text_write(&arena, &rand, 50, true, &c);
    assert_same(a.text, b.text);
    assert_false(str_eq(a.text, c.text));
    arena_release(&arena);
}

static void pieces_put_together_are_the_text_and_split_no_character(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "a",
        "Hello, world!",
        "  two  spaces\n\n\nand\tlines ",
        "{\"city\":\"Zürich\",\"n\":1234567890123}",
        "日本語のテキストは単語の間に空白がない",
        "naïve café façade 😀😀😀😀😀😀",
        "averyveryveryverylongwordwithoutanyspace",
        "broken \xff\xfe utf8 \xc3",
        "don't 'quote'",
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        struct sim_pieces p;
        struct str text = str_of(texts[t]);
        struct buf joined;
        buf_init(&joined, 4096);
        sim_text_cut(&arena, text, SIZE_MAX, &p);
        assert_int_equal(p.n, sim_text_count(text));
        for (size_t i = 0; i < p.n; i++) {
            struct str piece = sim_piece(&p, i);
            assert_true(piece.n > 0 && piece.n <= SIM_PIECE_BYTES_MAX + 2);
            assert_true(!str_is_utf8(text) || str_is_utf8(piece));
            buf_put_str(&joined, piece);
        }
        assert_same(buf_str(&joined), text);
        buf_release(&joined);
    }
    arena_release(&arena);
}

static void a_cut_stops_at_its_maximum(void **state)
{
    (void)state;
    struct arena arena;
    struct sim_pieces p;

    arena_init(&arena);
    sim_text_cut(&arena, STR("one two three four"), 2, &p);
    assert_int_equal(p.n, 2);
    assert_str(p.text, "one two");
    sim_text_cut(&arena, STR("one two"), 0, &p);
    assert_int_equal(p.n, 0);
    assert_int_equal(p.text.n, 0);
    arena_release(&arena);
}

static void shortening_drops_and_shortens_pieces(void **state)
{
    (void)state;
    struct arena arena;
    struct sim_pieces p;

    static const struct {
        size_t bytes;
        size_t n;
        const char *last;
    } rows[] = {
        {18,  4, " four" },
        {100, 4, " four" },
        {15,  4, " f"    },
        {13,  3, " three"},
        {3,   1, "one"   },
        {1,   1, "o"     },
        {0,   0, ""      }
    };

    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sim_text_cut(&arena, STR("one two three four"), SIZE_MAX, &p);
        sim_text_shorten(&p, rows[i].bytes);
        assert_int_equal(p.n, rows[i].n);
        if (p.n > 0) {
            assert_str(sim_piece(&p, p.n - 1), rows[i].last);
        }
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prose_has_exactly_the_pieces_asked_for),
        cmocka_unit_test(the_same_seed_writes_the_same_and_another_does_not),
        cmocka_unit_test(pieces_put_together_are_the_text_and_split_no_character),
        cmocka_unit_test(a_cut_stops_at_its_maximum),
        cmocka_unit_test(shortening_drops_and_shortens_pieces),
    };
    return cmocka_run_group_tests_name("sim/sim_text", tests, NULL, NULL);
}
