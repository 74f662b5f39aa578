#include "codes_kernels.h"

#define TARGET

static inline int32_t one_dot(const int8_t *q, const uint8_t *row, size_t n) {
    int32_t sum = 0;
    for (size_t at = 0; at < n; at++) sum += (int32_t)row[at] * q[at];
    return sum;
}

static inline void four_dots(
    const int8_t *q, const uint8_t *const rows[4], const uint8_t *const next[4], bool prefetching,
    size_t n, int32_t sums[4]
) {
    (void)next, (void)prefetching;
    for (size_t row = 0; row < 4; row++) sums[row] = one_dot(q, rows[row], n);
}

#include "codes_body.h"

const capus_code_kernels capus_scalar_code_kernels = CAPUS_CODE_KERNEL_TABLE;
