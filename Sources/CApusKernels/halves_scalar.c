// The specification of the distances of halves: those of the floats that they stand for.
#include <math.h>

#include "halves.h"
#include "halves_kernels.h"
#include "scalar_forms.h"

static float squared_l2_pair(const void *left, const void *right, size_t dimension) {
    const uint16_t *a = left, *b = right;
    float sum = 0;
    for (size_t at = 0; at < dimension; at++) {
        float difference = capus_half_to_float(a[at]) - capus_half_to_float(b[at]);
        sum += difference * difference;
    }
    return sum;
}

static float negative_dot_pair(const void *left, const void *right, size_t dimension) {
    const uint16_t *a = left, *b = right;
    float sum = 0;
    for (size_t at = 0; at < dimension; at++)
        sum += capus_half_to_float(a[at]) * capus_half_to_float(b[at]);
    return -sum;
}

static float l1_pair(const void *left, const void *right, size_t dimension) {
    const uint16_t *a = left, *b = right;
    float sum = 0;
    for (size_t at = 0; at < dimension; at++)
        sum += fabsf(capus_half_to_float(a[at]) - capus_half_to_float(b[at]));
    return sum;
}

FORMS(squared_l2, uint16_t)
FORMS(negative_dot, uint16_t)
FORMS(l1, uint16_t)

const capus_kernels capus_scalar_half_kernels = CAPUS_KERNEL_TABLE;
