// The specification of every distance: one float after the other.
#include <math.h>

#include "distance_kernels.h"

static float squared_l2_pair(const float *left, const float *right, size_t dimension) {
    float sum = 0;
    for (size_t at = 0; at < dimension; at++) {
        float difference = left[at] - right[at];
        sum += difference * difference;
    }
    return sum;
}

static float negative_dot_pair(const float *left, const float *right, size_t dimension) {
    float sum = 0;
    for (size_t at = 0; at < dimension; at++) sum += left[at] * right[at];
    return -sum;
}

static float l1_pair(const float *left, const float *right, size_t dimension) {
    float sum = 0;
    for (size_t at = 0; at < dimension; at++) sum += fabsf(left[at] - right[at]);
    return sum;
}

#define FORMS(metric) \
    static void metric##_to_ids( \
        const float *query, const float *base, size_t stride, size_t dimension, \
        const uint32_t *ids, size_t count, float *distances \
    ) { \
        for (size_t at = 0; at < count; at++) \
            distances[at] = metric##_pair(query, base + ids[at] * stride, dimension); \
    } \
    static void metric##_to_range( \
        const float *query, const float *rows, size_t stride, size_t dimension, size_t count, \
        float *distances \
    ) { \
        for (size_t at = 0; at < count; at++) \
            distances[at] = metric##_pair(query, rows + at * stride, dimension); \
    }

FORMS(squared_l2)
FORMS(negative_dot)
FORMS(l1)

const capus_kernels capus_scalar_kernels = CAPUS_KERNEL_TABLE;
