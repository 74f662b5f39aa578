// What a transformer's encoder does beside matrix products, in one instruction set; included once
// by the file of the instruction set, which defines
//   TARGET    the function attribute
//   WIDTH     floats of a register
// and leaves the instructions to the compiler's vectors, which are of exactly that width.

// Products and sums become one instruction where there is one.
#pragma STDC FP_CONTRACT ON

typedef float lanes __attribute__((vector_size(WIDTH * 4)));
typedef int32_t marks __attribute__((vector_size(WIDTH * 4)));

#define INLINE TARGET static inline __attribute__((always_inline))

INLINE lanes all(float x) { return x - (lanes){0}; }

INLINE lanes load(const float *from) {
    lanes result;
    memcpy(&result, from, sizeof result);
    return result;
}

// The first `count` < WIDTH places, and `rest` in the others.
INLINE lanes load_tail(const float *from, size_t count, float rest) {
    float values[WIDTH];
    for (size_t lane = 0; lane < WIDTH; lane++) values[lane] = lane < count ? from[lane] : rest;
    return load(values);
}

INLINE void store(lanes values, float *to) { memcpy(to, &values, sizeof values); }

INLINE void store_tail(lanes values, float *to, size_t count) {
    memcpy(to, &values, count * sizeof(float));
}

INLINE lanes select(marks mask, lanes yes, lanes no) {
    return (lanes)((mask & (marks)yes) | (~mask & (marks)no));
}

INLINE lanes larger(lanes a, lanes b) { return select(a > b, a, b); }

INLINE float sum_of(lanes values) {
    float sum = 0;
    for (size_t lane = 0; lane < WIDTH; lane++) sum += values[lane];
    return sum;
}

INLINE float largest_of(lanes values) {
    float result = values[0];
    for (size_t lane = 1; lane < WIDTH; lane++)
        result = values[lane] > result ? values[lane] : result;
    return result;
}

// e to the x for x <= 0, within 2 units in the last place; 0 below -87. x = n ln 2 + r with
// |r| <= ln 2 / 2, and a polynomial for e to the r (the coefficients of Cephes' expf).
INLINE lanes exp_of(lanes x) {
    marks is_tiny = x < all(-87.0f);
    x = select(is_tiny, all(-87.0f), x);
    // Adding and taking away 1.5 * 2^23 rounds to a whole number.
    const lanes round = all(12582912.0f);
    lanes n = (x * 1.44269504f + round) - round;
    lanes r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    lanes p = all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    lanes result = p * (r * r) + r + 1.0f;
    marks power = (__builtin_convertvector(n, marks) + 127) << 23;
    return select(is_tiny, all(0), result * (lanes)power);
}

// The error function, within a few units in the last place: a polynomial in x near 0, and
// 1 - e to a polynomial in |x| beyond. (The coefficients are minimax ones for floats.)
INLINE lanes erf_of(lanes x) {
    marks sign = (marks)x & (marks)all(-0.0f);
    lanes a = (lanes)((marks)x & ~(marks)all(-0.0f)), square = x * x;
    lanes near = all(-5.96761703e-4f);
    near = near * square + 4.99119423e-3f;
    near = near * square - 2.67681349e-2f;
    near = near * square + 1.12819925e-1f;
    near = near * square - 3.76125336e-1f;
    near = near * square + 1.28379166e-1f;
    near = near * x + x;
    // From 4 on the float nearest to the result is 1.
    lanes t = select(a > 4.0f, all(4), a), s = t * t;
    lanes far = all(-1.72853470e-5f) * t + 3.83197126e-4f;
    lanes high = all(-3.88396438e-3f) * t + 2.42546219e-2f;
    far = far * s + high;
    far = far * t - 1.06777877e-1f;
    far = far * t - 6.34846687e-1f;
    far = far * t - 1.28717512e-1f;
    far = far * t - t;
    far = 1.0f - exp_of(far);
    far = (lanes)((marks)far | sign);
    return select(a > 0.927734375f, far, near);
}

INLINE lanes gelu_of(lanes x) { return x * 0.5f * (erf_of(x * 0.70710678f) + 1.0f); }

TARGET static void add_bias(float *rows, const float *bias, size_t count, size_t width) {
    for (size_t row = 0; row < count; row++, rows += width) {
        size_t at = 0;
        for (; at + WIDTH <= width; at += WIDTH)
            store(load(rows + at) + load(bias + at), rows + at);
        for (; at < width; at++) rows[at] += bias[at];
    }
}

TARGET static void add_bias_gelu(float *rows, const float *bias, size_t count, size_t width) {
    for (size_t row = 0; row < count; row++, rows += width) {
        size_t at = 0;
        for (; at + WIDTH <= width; at += WIDTH)
            store(gelu_of(load(rows + at) + load(bias + at)), rows + at);
        size_t left = width - at;
        if (left > 0) {
            lanes x = load_tail(rows + at, left, 0) + load_tail(bias + at, left, 0);
            store_tail(gelu_of(x), rows + at, left);
        }
    }
}

TARGET static void add_normalize(
    float *rows, const float *other, const float *bias, const capus_layer_norm *norm, size_t count,
    size_t width
) {
    for (size_t row = 0; row < count; row++, rows += width, other += width) {
        lanes sums = {0};
        float mean = 0, squares = 0;
        size_t at = 0;
        for (; at + WIDTH <= width; at += WIDTH) {
            lanes x = load(rows + at) + load(other + at) + load(bias + at);
            store(x, rows + at);
            sums += x;
        }
        for (; at < width; at++) mean += rows[at] += other[at] + bias[at];
        mean = (mean + sum_of(sums)) / (float)width;
        sums = (lanes){0};
        for (at = 0; at + WIDTH <= width; at += WIDTH) {
            lanes x = load(rows + at) - mean;
            sums += x * x;
        }
        for (; at < width; at++) squares += (rows[at] - mean) * (rows[at] - mean);
        squares += sum_of(sums);
        float scale = 1 / sqrtf(squares / (float)width + norm->epsilon);
        for (at = 0; at + WIDTH <= width; at += WIDTH)
            store(
                (load(rows + at) - mean) * scale * load(norm->gain + at) + load(norm->shift + at),
                rows + at);
        for (; at < width; at++)
            rows[at] = (rows[at] - mean) * scale * norm->gain[at] + norm->shift[at];
    }
}

TARGET static void softmax(float *rows, float scale, size_t count, size_t width) {
    for (size_t row = 0; row < count; row++, rows += width) {
        lanes highest = all(-INFINITY), sums = {0};
        size_t whole = width / WIDTH * WIDTH, left = width - whole, at;
        for (at = 0; at < whole; at += WIDTH) highest = larger(load(rows + at), highest);
        if (left > 0) highest = larger(load_tail(rows + at, left, -INFINITY), highest);
        float top = largest_of(highest);
        for (at = 0; at < whole; at += WIDTH) {
            lanes x = exp_of((load(rows + at) - top) * scale);
            store(x, rows + at);
            sums += x;
        }
        if (left > 0) {
            lanes x = exp_of((load_tail(rows + at, left, -INFINITY) - top) * scale);
            store_tail(x, rows + at, left);
            sums += x;
        }
        float inverse = 1 / sum_of(sums);
        for (at = 0; at < whole; at += WIDTH) store(load(rows + at) * inverse, rows + at);
        for (; at < width; at++) rows[at] *= inverse;
    }
}

TARGET static void add_codes(float *sum, const int8_t *codes, float scale, size_t count) {
    typedef int8_t bytes __attribute__((vector_size(WIDTH)));
    size_t at = 0;
    for (; at + WIDTH <= count; at += WIDTH) {
        bytes some;
        memcpy(&some, codes + at, sizeof some);
        store(load(sum + at) + __builtin_convertvector(some, lanes) * scale, sum + at);
    }
    for (; at < count; at++) sum[at] += (float)codes[at] * scale;
}

#define CAPUS_ENCODER_KERNEL_TABLE {add_bias, add_bias_gelu, add_normalize, softmax, add_codes}
