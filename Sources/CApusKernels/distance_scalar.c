// The specification of every distance: one float after the other.
#include <math.h>

#include "distance_kernels.h"
#include "scalar_forms.h"

static float squared_l2_pair(const void *left, const void *right, size_t dimension) {
    const float *a = left, *b = right;
    float sum = 0;
    for (size_t at = 0; at < dimension; at++) {
        float difference = a[at] - b[at];
        sum += difference * difference;
    }
    return sum;
}

static float negative_dot_pair(const void *left, const void *right, size_t dimension) {
    const float *a = left, *b = right;
    float sum = 0;
    for (size_t at = 0; at < dimension; at++) sum += a[at] * b[at];
    return -sum;
}

static float l1_pair(const void *left, const void *right, size_t dimension) {
    const float *a = left, *b = right;
    float sum = 0;
    for (size_t at = 0; at < dimension; at++) sum += fabsf(a[at] - b[at]);
    return sum;
}

FORMS(squared_l2, float)
FORMS(negative_dot, float)
FORMS(l1, float)

const capus_kernels capus_scalar_kernels = CAPUS_KERNEL_TABLE;
