// The three forms of one metric in one instruction set; included once per metric by the file of
// the instruction set, which defines
//   TARGET            the function attribute
//   ELEMENT           a component of a vector in memory
//   REGISTER, WIDTH   the components that are loaded at once, and how many these are
//   VECTOR            a running sum
//   ZERO() LOAD(p) LOAD_TAIL(p, n) ADD(a, b) SUM(a)
// and, for the metric,
//   NAME(form)        the functions' names
//   STEP(sum, q, r)   the sum with one register of the query and the row taken in
//   FINISH(x)         the distance from the sum
//
// Each row has two running sums, so that a single row is not bound by the latency of one chain.

TARGET static inline float NAME(row)(
    const ELEMENT *query, const ELEMENT *row, size_t dimension
) {
    VECTOR even = ZERO(), odd = ZERO();
    size_t at = 0;
    for (; at + 2 * WIDTH <= dimension; at += 2 * WIDTH) {
        even = STEP(even, LOAD(query + at), LOAD(row + at));
        odd = STEP(odd, LOAD(query + at + WIDTH), LOAD(row + at + WIDTH));
    }
    if (at + WIDTH <= dimension) {
        even = STEP(even, LOAD(query + at), LOAD(row + at));
        at += WIDTH;
    }
    if (at < dimension) {
        size_t rest = dimension - at;
        odd = STEP(odd, LOAD_TAIL(query + at, rest), LOAD_TAIL(row + at, rest));
    }
    return FINISH(SUM(ADD(even, odd)));
}

TARGET static float NAME(pair)(const void *query, const void *row, size_t dimension) {
    return NAME(row)(query, row, dimension);
}

// Four rows side by side; `next` are the four rows to come, whose lines are asked for on the way.
TARGET static inline __attribute__((always_inline)) void NAME(four)(
    const ELEMENT *query, const ELEMENT *const rows[4], const ELEMENT *const next[4],
    bool prefetching, size_t dimension, float *distances
) {
    const ELEMENT *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
    VECTOR a0 = ZERO(), b0 = ZERO(), c0 = ZERO(), d0 = ZERO();
    VECTOR a1 = ZERO(), b1 = ZERO(), c1 = ZERO(), d1 = ZERO();
    size_t at = 0;
    for (; at + 2 * WIDTH <= dimension; at += 2 * WIDTH) {
        if (prefetching) {
            for (size_t line = 0; line < 2 * WIDTH; line += 64 / sizeof(ELEMENT)) {
                __builtin_prefetch(next[0] + at + line);
                __builtin_prefetch(next[1] + at + line);
                __builtin_prefetch(next[2] + at + line);
                __builtin_prefetch(next[3] + at + line);
            }
        }
        REGISTER q = LOAD(query + at);
        a0 = STEP(a0, q, LOAD(a + at));
        b0 = STEP(b0, q, LOAD(b + at));
        c0 = STEP(c0, q, LOAD(c + at));
        d0 = STEP(d0, q, LOAD(d + at));
        q = LOAD(query + at + WIDTH);
        a1 = STEP(a1, q, LOAD(a + at + WIDTH));
        b1 = STEP(b1, q, LOAD(b + at + WIDTH));
        c1 = STEP(c1, q, LOAD(c + at + WIDTH));
        d1 = STEP(d1, q, LOAD(d + at + WIDTH));
    }
    if (at + WIDTH <= dimension) {
        REGISTER q = LOAD(query + at);
        a0 = STEP(a0, q, LOAD(a + at));
        b0 = STEP(b0, q, LOAD(b + at));
        c0 = STEP(c0, q, LOAD(c + at));
        d0 = STEP(d0, q, LOAD(d + at));
        at += WIDTH;
    }
    if (at < dimension) {
        size_t rest = dimension - at;
        REGISTER q = LOAD_TAIL(query + at, rest);
        a1 = STEP(a1, q, LOAD_TAIL(a + at, rest));
        b1 = STEP(b1, q, LOAD_TAIL(b + at, rest));
        c1 = STEP(c1, q, LOAD_TAIL(c + at, rest));
        d1 = STEP(d1, q, LOAD_TAIL(d + at, rest));
    }
    distances[0] = FINISH(SUM(ADD(a0, a1)));
    distances[1] = FINISH(SUM(ADD(b0, b1)));
    distances[2] = FINISH(SUM(ADD(c0, c1)));
    distances[3] = FINISH(SUM(ADD(d0, d1)));
}

TARGET static void NAME(to_ids)(
    const void *from, const void *rows_at, size_t stride, size_t dimension, const uint32_t *ids,
    size_t count, float *distances
) {
    const ELEMENT *query = from, *base = rows_at;
    size_t done = 0;
    while (count - done >= 4) {
        const uint32_t *now = ids + done;
        const ELEMENT *rows[4] = {
            base + now[0] * stride, base + now[1] * stride, base + now[2] * stride,
            base + now[3] * stride};
        size_t left = count - done - 4;
        if (left == 0) {
            NAME(four)(query, rows, rows, false, dimension, distances + done);
        } else {
            const ELEMENT *next[4] = {
                base + now[4] * stride, base + now[left > 1 ? 5 : 4] * stride,
                base + now[left > 2 ? 6 : 4] * stride, base + now[left > 3 ? 7 : 4] * stride};
            NAME(four)(query, rows, next, true, dimension, distances + done);
        }
        done += 4;
    }
    for (; done < count; done++)
        distances[done] = NAME(row)(query, base + ids[done] * stride, dimension);
}

// Rows in a line are fetched ahead by the processor itself.
TARGET static void NAME(to_range)(
    const void *from, const void *rows_at, size_t stride, size_t dimension, size_t count,
    float *distances
) {
    const ELEMENT *query = from, *rows = rows_at;
    size_t done = 0;
    for (; count - done >= 4; done += 4) {
        const ELEMENT *first = rows + done * stride;
        const ELEMENT *four[4] = {first, first + stride, first + 2 * stride, first + 3 * stride};
        NAME(four)(query, four, four, false, dimension, distances + done);
    }
    for (; done < count; done++)
        distances[done] = NAME(row)(query, rows + done * stride, dimension);
}
