#include "sim/sim_pattern.h"

/* Quantifiers without an upper bound repeat at most this often above their lower one. */
#define OPEN_REPEAT 3

struct charset {
    bool has[128];
};

/* A group that is being written: the chosen alternative, and where to go on behind it. */
struct group {
    size_t inside; /* behind the parenthesis */
    size_t close;  /* its closing parenthesis */
    size_t end;    /* of the chosen alternative */
    size_t next;   /* behind group and quantifier */
    int64_t left;  /* repetitions still to write */
};

struct machine {
    struct str p;
    size_t at;
    struct rand_state *rand;
    struct buf *out;
    struct group stack[SIM_PATTERN_DEPTH_MAX];
    int depth;
    size_t start; /* of out */
};

static void add_range(struct charset *set, int from, int to)
{
    for (int c = from; c <= to && c < 128; c++) {
        set->has[c] = true;
    }
}

/* What a backslash and this letter stand for. */
static bool add_escape(struct charset *set, char c)
{
    switch (c) {
    case 'd':
        add_range(set, '0', '9');
        return true;
    case 'w':
        add_range(set, 'a', 'z');
        add_range(set, 'A', 'Z');
        add_range(set, '0', '9');
        return true;
    case 's':
        add_range(set, ' ', ' ');
        return true;
    case 'n':
        add_range(set, '\n', '\n');
        return true;
    case 't':
        add_range(set, '\t', '\t');
        return true;
    default:
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            return false; /* \b, \1, \p{...}, \D ... */
        }
        add_range(set, c, c);
        return true;
    }
}

/* Reads "[...]" from m->at, which stands behind the bracket. */
static bool read_class(struct machine *m, struct charset *set)
{
    bool negated = m->at < m->p.n && m->p.p[m->at] == '^';
    struct charset listed = {{false}};
    m->at += negated;

    for (bool first = true; m->at < m->p.n && (first || m->p.p[m->at] != ']'); first = false) {
        char c = m->p.p[m->at++];
        if (c == '\\') {
            if (m->at >= m->p.n || !add_escape(&listed, m->p.p[m->at++])) {
                return false;
            }
            continue;
        }
        if ((unsigned char)c >= 128) {
            return false;
        }
        if (m->at + 1 < m->p.n && m->p.p[m->at] == '-' && m->p.p[m->at + 1] != ']') {
            add_range(&listed, c, m->p.p[m->at + 1]);
            m->at += 2;
        } else {
            add_range(&listed, c, c);
        }
    }
    if (m->at >= m->p.n) {
        return false;
    }
    m->at++;
    for (int i = negated ? ' ' : 0; i < (negated ? 127 : 128); i++) {
        set->has[i] = listed.has[i] != negated;
    }
    return true;
}

static bool read_number(struct machine *m, int64_t *ret_value)
{
    size_t start = m->at;
    while (m->at < m->p.n && m->p.p[m->at] >= '0' && m->p.p[m->at] <= '9') {
        m->at++;
    }
    return str_to_i64(str_make(m->p.p + start, m->at - start), ret_value) == 0;
}

/* "{n}", "{n,}" or "{n,m}" from the brace on. */
static bool read_braces(struct machine *m, int64_t *ret_low, int64_t *ret_high)
{
    m->at++;
    if (!read_number(m, ret_low)) {
        return false;
    }
    *ret_high = *ret_low;
    if (m->at < m->p.n && m->p.p[m->at] == ',') {
        m->at++;
        *ret_high = *ret_low + OPEN_REPEAT;
        if (m->at < m->p.n && m->p.p[m->at] != '}' && !read_number(m, ret_high)) {
            return false;
        }
    }
    return m->at < m->p.n && m->p.p[m->at++] == '}' && *ret_high >= *ret_low &&
           *ret_low <= SIM_PATTERN_REPEAT_MAX;
}

/* How often the atom before m->at is to be written; -1 when the quantifier is not understood. */
static int64_t read_repeat(struct machine *m)
{
    int64_t low = 1;
    int64_t high = 1;
    char c = m->at < m->p.n ? m->p.p[m->at] : '\0';

    if (c == '{') {
        if (!read_braces(m, &low, &high)) {
            return -1;
        }
    } else if (c == '*' || c == '+' || c == '?') {
        m->at++;
        low = c == '+' ? 1 : 0;
        high = c == '?' ? 1 : low + OPEN_REPEAT;
    }
    if (m->at < m->p.n && (m->p.p[m->at] == '?' || m->p.p[m->at] == '+')) {
        m->at++; /* lazy and possessive write the same */
    }
    if (high > low + SIM_PATTERN_REPEAT_MAX) {
        high = low + SIM_PATTERN_REPEAT_MAX;
    }
    return low + (int64_t)rand_below(m->rand, (uint64_t)(high - low) + 1);
}

/* Steps over one character, escape or class; `*depth` counts parentheses. */
static size_t skip_one(struct str p, size_t at, int *depth)
{
    if (p.p[at] == '\\') {
        return at + 2;
    }
    if (p.p[at] == '[') {
        for (at++; at < p.n && p.p[at] != ']'; at++) {
            at += p.p[at] == '\\';
        }
        return at + 1;
    }
    *depth += p.p[at] == '(' ? 1 : p.p[at] == ')' ? -1 : 0;
    return at + 1;
}

/* Sets close of the group and chooses one of its alternatives. */
static bool choose(struct machine *m, struct group *g)
{
    size_t starts[SIM_PATTERN_DEPTH_MAX * 4];
    size_t n = 0;
    int depth = 0;
    size_t at = g->inside;

    starts[n++] = at;
    while (at < m->p.n && !(depth == 0 && m->p.p[at] == ')')) {
        if (depth == 0 && m->p.p[at] == '|') {
            if (n == ARRAY_LEN(starts)) {
                return false;
            }
            starts[n++] = at + 1;
        }
        at = skip_one(m->p, at, &depth);
    }
    g->close = at < m->p.n ? at : m->p.n;
    size_t chosen = (size_t)rand_below(m->rand, n);
    g->end = chosen + 1 < n ? starts[chosen + 1] - 1 : g->close;
    m->at = starts[chosen];
    return true;
}

static bool open_group(struct machine *m)
{
    if (m->depth == SIM_PATTERN_DEPTH_MAX) {
        return false;
    }
    if (m->at < m->p.n && m->p.p[m->at] == '?') {
        if (m->at + 1 >= m->p.n || m->p.p[m->at + 1] != ':') {
            return false; /* look-around and named groups */
        }
        m->at += 2;
    }
    struct group g = {.inside = m->at};
    if (!choose(m, &g) || g.close >= m->p.n) {
        return false;
    }
    size_t chosen = m->at;
    m->at = g.close + 1;
    g.left = read_repeat(m);
    if (g.left < 0) {
        return false;
    }
    g.next = m->at;
    if (g.left > 0) {
        m->at = chosen;
        m->stack[m->depth++] = g;
    }
    return true;
}

static bool write_atom(struct machine *m)
{
    struct charset set = {{false}};
    char c = m->p.p[m->at++];

    if (c == '(') {
        return open_group(m);
    }
    if (c == '^' || c == '$') {
        return true;
    }
    if (c == '[') {
        if (!read_class(m, &set)) {
            return false;
        }
    } else if (c == '\\') {
        if (m->at >= m->p.n || !add_escape(&set, m->p.p[m->at++])) {
            return false;
        }
    } else if (c == '.') {
        add_range(&set, 'a', 'z');
    } else if ((unsigned char)c < 128) {
        add_range(&set, c, c);
    } else {
        return false;
    }
    char members[128];
    size_t n = 0;
    for (int i = 0; i < 128; i++) {
        members[n] = (char)i;
        n += set.has[i];
    }
    int64_t repeat = read_repeat(m);
    if (n == 0 || repeat < 0) {
        return false;
    }
    while (repeat-- > 0) {
        buf_putc(m->out, members[rand_below(m->rand, n)]);
    }
    return m->out->n - m->start <= SIM_PATTERN_BYTES_MAX;
}

/* The innermost group's alternative is written: once more, or on behind the group. */
static bool close_group(struct machine *m)
{
    struct group *g = &m->stack[m->depth - 1];
    if (--g->left > 0) {
        return choose(m, g);
    }
    m->at = g->next;
    m->depth--;
    return m->depth > 0 || m->at <= m->p.n;
}

bool sim_pattern_write(struct str pattern, struct rand_state *rand, struct buf *out)
{
    struct machine m = {.p = pattern, .rand = rand, .out = out, .start = out->n};
    /* The pattern as a whole is a group without parentheses. */
    struct group all = {.next = pattern.n, .left = 1};

    if (!choose(&m, &all)) {
        return false;
    }
    m.stack[m.depth++] = all;
    while (m.depth > 0) {
        bool ended = m.at >= m.stack[m.depth - 1].end;
        if (!(ended ? close_group(&m) : write_atom(&m))) {
            return false;
        }
    }
    return buf_ok(out);
}
