#include "capus.h"

#include <math.h>
#include <string.h>

// What makes and reads rows of codes. No instruction set matters here, and none may: rows are
// stored, and must be the same everywhere.
#pragma STDC FP_CONTRACT OFF

typedef struct {
    float low, scale, inverse;
} range;

static int is_whole(const float *vector, size_t dimension) {
    for (size_t at = 0; at < dimension; at++)
        if (vector[at] != rintf(vector[at])) return 0;
    return 1;
}

// The codes of the range of a vector's components, `levels` steps wide.
static range range_of(const float *vector, size_t dimension, float levels) {
    float low = vector[0], high = vector[0];
    for (size_t at = 0; at < dimension; at++) {
        float x = vector[at];
        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    float width = high - low;
    if (width <= levels && is_whole(vector, dimension)) return (range){low, 1, 1};
    // A range that overflows, or so small that its inverse does, cannot be cut into steps.
    if (!(width > 1e-30f) || !(width < 1e38f)) return (range){low, 0, 0};
    return (range){low, width / levels, levels / width};
}

static int code_of(float x, range range, int highest) {
    int code = (int)((x - range.low) * range.inverse + 0.5f);
    return code < 0 ? 0 : code > highest ? highest : code;
}

void capus_encode_row(const float *vector, size_t dimension, uint8_t *row) {
    float head[4] = {0, 0, 0, 0};
    uint8_t *codes = row + capus_code_head_size;
    if (dimension > 0) {
        range range = range_of(vector, dimension, 255);
        uint64_t sum = 0, squares = 0;
        for (size_t at = 0; at < dimension; at++) {
            int code = code_of(vector[at], range, 255);
            codes[at] = (uint8_t)code;
            sum += (uint64_t)code;
            squares += (uint64_t)(code * code);
        }
        head[0] = range.scale;
        head[1] = range.low;
        head[2] = (float)sum;
        head[3] = (float)squares;
    }
    memcpy(row, head, sizeof head);
}

void capus_decode_row(const uint8_t *row, size_t dimension, float *vector) {
    float head[4];
    memcpy(head, row, sizeof head);
    const uint8_t *codes = row + capus_code_head_size;
    for (size_t at = 0; at < dimension; at++) vector[at] = head[1] + head[0] * (float)codes[at];
}

static void pad(int8_t *codes, size_t dimension) {
    size_t end = (dimension + 63) / 64 * 64;
    memset(codes + dimension, 0, end - dimension);
}

capus_code_query capus_encode_query(const float *vector, size_t dimension, int8_t *codes) {
    capus_code_query query = {codes, dimension, 0, 0, 0, 0};
    if (dimension > 0) {
        range range = range_of(vector, dimension, 255);
        int64_t sum = 0, squares = 0;
        for (size_t at = 0; at < dimension; at++) {
            int code = code_of(vector[at], range, 255) - 128;
            codes[at] = (int8_t)code;
            sum += code;
            squares += code * code;
        }
        query.scale = range.scale;
        query.offset = range.low + range.scale * 128;
        query.sum = (float)sum;
        query.square_sum = (float)squares;
    }
    pad(codes, dimension);
    return query;
}

capus_code_query capus_query_of_row(const uint8_t *row, size_t dimension, int8_t *codes) {
    float head[4];
    memcpy(head, row, sizeof head);
    const uint8_t *unsigned_codes = row + capus_code_head_size;
    // c - 128, and the sums that follow from those of c.
    for (size_t at = 0; at < dimension; at++) codes[at] = (int8_t)(unsigned_codes[at] ^ 0x80);
    pad(codes, dimension);
    float count = (float)dimension;
    return (capus_code_query){
        codes, dimension, head[0], head[1] + head[0] * 128, head[2] - count * 128,
        head[3] - head[2] * 256 + count * 16384};
}
