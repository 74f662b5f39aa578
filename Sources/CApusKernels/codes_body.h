// The kernels of 8-bit codes in one instruction set; included once by the file of the instruction
// set, which defines
//   TARGET                     the function attribute
//   one_dot(q, row, n)         the sum of row[i] * q[i], u8 x s8, in int32
//   four_dots(q, rows, next, prefetching, n, sums)
//                              the same for four rows, while the lines of the next four are asked for
// where rows point to codes, and q is followed by zeros up to a multiple of 64.

// The distances follow from the sums in the same order of operations everywhere.
#pragma STDC FP_CONTRACT OFF

TARGET static inline float squared_l2_finish(
    const capus_code_query *query, const float head[4], int32_t dot
) {
    float scale = head[0], delta = query->offset - head[1];
    float squares = query->scale * query->scale * query->square_sum + scale * scale * head[3];
    float cross = 2 * delta * (query->scale * query->sum - scale * head[2]);
    float product = 2 * query->scale * scale * (float)dot;
    float result = delta * delta * (float)query->dimension + squares + cross - product;
    return result > 0 ? result : 0;
}

TARGET static inline float negative_dot_finish(
    const capus_code_query *query, const float head[4], int32_t dot
) {
    float scale = head[0], offset = head[1];
    float from_offset = query->offset * (offset * (float)query->dimension + scale * head[2]);
    float from_codes = query->scale * (offset * query->sum + scale * (float)dot);
    return -(from_offset + from_codes);
}

TARGET static inline void ask_for(const uint8_t *row, size_t size) {
    for (size_t at = 0; at < size; at += 64) __builtin_prefetch(row + at);
}

// How many rows to ask ahead for: with short ones, four are read before the next have come.
TARGET static inline size_t rows_ahead(size_t size) { return size <= 192 ? 8 : 4; }

#define DEFINE_FORMS(metric) \
    TARGET static inline __attribute__((always_inline)) void metric##_four( \
        const capus_code_query *query, const uint8_t *const rows[4], const uint8_t *const next[4], \
        bool prefetching, float *distances \
    ) { \
        const uint8_t *codes[4]; \
        for (size_t row = 0; row < 4; row++) codes[row] = rows[row] + capus_code_head_size; \
        int32_t sums[4]; \
        four_dots(query->codes, codes, next, prefetching, query->dimension, sums); \
        if (prefetching) \
            for (size_t row = 0; row < 4; row++) \
                __builtin_prefetch(next[row] + capus_code_head_size + query->dimension - 1); \
        for (size_t row = 0; row < 4; row++) { \
            float head[4]; \
            memcpy(head, rows[row], sizeof head); \
            distances[row] = metric##_finish(query, head, sums[row]); \
        } \
    } \
    TARGET static inline float metric##_one(const capus_code_query *query, const uint8_t *row) { \
        float head[4]; \
        memcpy(head, row, sizeof head); \
        int32_t sum = one_dot(query->codes, row + capus_code_head_size, query->dimension); \
        return metric##_finish(query, head, sum); \
    } \
    TARGET static void metric##_to_ids( \
        const capus_code_query *query, const uint8_t *base, size_t stride, const uint32_t *ids, \
        size_t count, float *distances \
    ) { \
        size_t ahead = rows_ahead(stride), done = 0; \
        for (size_t at = 4; at < ahead && at < count; at++) ask_for(base + ids[at] * stride, stride); \
        for (; count - done >= 4; done += 4) { \
            const uint8_t *rows[4], *next[4]; \
            for (size_t row = 0; row < 4; row++) { \
                size_t later = done + ahead + row; \
                rows[row] = base + ids[done + row] * stride; \
                next[row] = base + ids[later < count ? later : count - 1] * stride; \
            } \
            metric##_four(query, rows, next, done + ahead < count, distances + done); \
        } \
        for (; done < count; done++) \
            distances[done] = metric##_one(query, base + ids[done] * stride); \
    } \
    TARGET static void metric##_to_range( \
        const capus_code_query *query, const uint8_t *rows, size_t stride, size_t count, \
        float *distances \
    ) { \
        size_t done = 0; \
        for (; count - done >= 4; done += 4) { \
            const uint8_t *first = rows + done * stride; \
            const uint8_t *four[4] = { \
                first, first + stride, first + 2 * stride, first + 3 * stride}; \
            metric##_four(query, four, four, false, distances + done); \
        } \
        for (; done < count; done++) \
            distances[done] = metric##_one(query, rows + done * stride); \
    }

DEFINE_FORMS(squared_l2)
DEFINE_FORMS(negative_dot)
