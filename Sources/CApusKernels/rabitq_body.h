// The kernels of codes of few bits in one instruction set; included once by the file of the
// instruction set, which defines
//   TARGET                     the function attribute
//   planes_dot(query, codes)   the sum of c_i * g_i, for one and two bits
//   nibbles_dot(query, codes)  the same for four bits

// The estimates follow from the sums in the same order of operations everywhere.
#pragma STDC FP_CONTRACT OFF

TARGET static inline float finish(const capus_rabitq_query *query, const uint8_t *row, int32_t dot) {
    float head[4];
    memcpy(head, row, sizeof head);
    float product = query->low * head[3] + query->step * (float)dot - query->shift;
    return head[0] + query->base - head[1] * product;
}

TARGET static inline void ask_for(const uint8_t *row, size_t size) {
    for (size_t at = 0; at < size; at += 64) __builtin_prefetch(row + at);
}

// Rows are short: the one that comes four later is asked for while one is read.
#define DEFINE_FORMS(layout) \
    TARGET static void layout##_to_ids( \
        const capus_rabitq_query *query, const uint8_t *base, size_t stride, const uint32_t *ids, \
        size_t count, float *distances \
    ) { \
        for (size_t at = 0; at < count; at++) { \
            if (at + 4 < count) ask_for(base + ids[at + 4] * stride, stride); \
            const uint8_t *row = base + ids[at] * stride; \
            distances[at] = finish(query, row, layout##_dot(query, row + capus_rabitq_head_size)); \
        } \
    } \
    TARGET static void layout##_to_range( \
        const capus_rabitq_query *query, const uint8_t *rows, size_t stride, size_t count, \
        float *distances \
    ) { \
        for (size_t at = 0; at < count; at++) { \
            const uint8_t *row = rows + at * stride; \
            distances[at] = finish(query, row, layout##_dot(query, row + capus_rabitq_head_size)); \
        } \
    }

DEFINE_FORMS(planes)
DEFINE_FORMS(nibbles)
