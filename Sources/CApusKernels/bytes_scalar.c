// The specification of the distances of bytes, in whole numbers until the end.
#include <stdlib.h>

#include "bytes_kernels.h"
#include "scalar_forms.h"

static uint32_t dot(const uint8_t *a, const uint8_t *b, size_t dimension) {
    uint32_t sum = 0;
    for (size_t at = 0; at < dimension; at++) sum += (uint32_t)a[at] * b[at];
    return sum;
}

static float squared_l2_pair(const void *left, const void *right, size_t dimension) {
    const uint8_t *a = left, *b = right;
    uint32_t sum = 0;
    for (size_t at = 0; at < dimension; at++) {
        int difference = a[at] - b[at];
        sum += (uint32_t)(difference * difference);
    }
    return (float)sum;
}

static float negative_dot_pair(const void *left, const void *right, size_t dimension) {
    return -(float)dot(left, right, dimension);
}

static float negative_cosine_pair(const void *left, const void *right, size_t dimension) {
    return capus_negative_cosine(
        dot(left, right, dimension), dot(left, left, dimension), dot(right, right, dimension));
}

static float l1_pair(const void *left, const void *right, size_t dimension) {
    const uint8_t *a = left, *b = right;
    uint32_t sum = 0;
    for (size_t at = 0; at < dimension; at++) sum += (uint32_t)abs(a[at] - b[at]);
    return (float)sum;
}

FORMS(squared_l2, uint8_t)
FORMS(negative_dot, uint8_t)
FORMS(negative_cosine, uint8_t)
FORMS(l1, uint8_t)

const capus_byte_kernels capus_scalar_byte_kernels = CAPUS_BYTE_KERNEL_TABLE;
