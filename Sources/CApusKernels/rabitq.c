#include "capus.h"

#include <math.h>
#include <string.h>

// What makes rows and queries. No instruction set matters here, and none may: rows are stored, and
// must be the same everywhere. So sums are taken in sixteen lanes, which compilers may put into
// registers of any width.
#pragma STDC FP_CONTRACT OFF

#define lane_count 16

size_t capus_rabitq_padded(size_t dimension) { return (dimension + 63) / 64 * 64; }

static float sum_of(const float lanes[lane_count]) {
    float sum = 0;
    for (size_t lane = 0; lane < lane_count; lane++) sum += lanes[lane];
    return sum;
}

static float dot(const float *left, const float *right, size_t count) {
    float lanes[lane_count] = {0};
    for (size_t at = 0; at < count; at += lane_count)
        for (size_t lane = 0; lane < lane_count; lane++)
            lanes[lane] += left[at + lane] * right[at + lane];
    return sum_of(lanes);
}

// ---- The rotation --------------------------------------------------------------------------

// The finalizer of SplitMix64 (Steele, Lea, Flood, 2014): 64 signs.
static uint64_t signs_of(uint64_t place) {
    uint64_t word = (place + 1) * 0x9e3779b97f4a7c15ull;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ull;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebull;
    return word ^ (word >> 31);
}

static void flip_signs(float *vector, size_t count, uint64_t round) {
    for (size_t at = 0; at < count; at += 64) {
        uint64_t signs = signs_of(round << 32 | at);
        for (size_t lane = 0; lane < 64; lane++)
            vector[at + lane] *= signs >> lane & 1 ? -1.0f : 1.0f;
    }
}

// The Walsh-Hadamard transform of a power of two.
static void transform(float *vector, size_t count) {
    for (size_t half = 1; half < count; half *= 2) {
        for (size_t start = 0; start < count; start += 2 * half) {
            float *left = vector + start, *right = left + half;
            for (size_t at = 0; at < half; at++) {
                float sum = left[at] + right[at], difference = left[at] - right[at];
                left[at] = sum;
                right[at] = difference;
            }
        }
    }
    const float scale = 1 / sqrtf((float)count);
    for (size_t at = 0; at < count; at++) vector[at] *= scale;
}

// A step of Kac's walk on all pairs of the two halves at once.
static void mix_halves(float *vector, size_t count) {
    const float scale = sqrtf(0.5f);
    for (size_t at = 0; at < count / 2; at++) {
        float left = vector[at], right = vector[at + count / 2];
        vector[at] = (left + right) * scale;
        vector[at + count / 2] = (left - right) * scale;
    }
}

static void rotate(float *vector, size_t count) {
    size_t power = 64;
    while (power * 2 <= count) power *= 2;
    for (uint64_t round = 0; round < 4; round++) {
        flip_signs(vector, count, round);
        transform(round % 2 == 0 ? vector : vector + (count - power), power);
        if (power < count) mix_halves(vector, count);
    }
}

// The vector less the centroid, padded.
static void center(const capus_rabitq_space *space, const float *vector, float *work) {
    for (size_t at = 0; at < space->dimension; at++) work[at] = vector[at] - space->centroid[at];
    size_t padded = capus_rabitq_padded(space->dimension);
    memset(work + space->dimension, 0, (padded - space->dimension) * sizeof(float));
}

// ---- Rows ----------------------------------------------------------------------------------

// Codes of steps of one width, and what they are worth.
typedef struct {
    float inverse_step;
    float center;
    float highest;
} grid;

static float code_of(float x, grid grid) {
    float place = x * grid.inverse_step + grid.center;
    place = place > 0 ? place : 0;
    return floorf(place < grid.highest ? place : grid.highest);
}

// The square of the cosine between r and y, up to the length of r.
static float fit(const float *r, size_t count, grid grid) {
    float products[lane_count] = {0}, squares[lane_count] = {0};
    const float half = grid.highest / 2;
    for (size_t at = 0; at < count; at += lane_count) {
        for (size_t lane = 0; lane < lane_count; lane++) {
            float y = code_of(r[at + lane], grid) - half;
            products[lane] += y * r[at + lane];
            squares[lane] += y * y;
        }
    }
    float product = sum_of(products);
    return product * product / sum_of(squares);
}

// Of some widths of steps the one whose codes point most nearly to where r does: what the extension
// of RaBitQ finds by trying all that make a difference.
static grid best_grid(const float *r, size_t count, size_t bits) {
    const float center = (float)(1u << (bits - 1)), highest = 2 * center - 1;
    float greatest = 0;
    for (size_t at = 0; at < count; at++) greatest = fabsf(r[at]) > greatest ? fabsf(r[at]) : greatest;
    // Lengths that floats do not hold the square of have no direction.
    if (!(greatest > 1e-18f) || !(greatest < 1e16f)) return (grid){0, center, highest};
    grid best = {center / greatest, center, highest};
    if (bits == 1) return best;
    float best_fit = 0;
    // Components are nearly normal: clipped at a third of the greatest and above.
    for (size_t at = 7; at <= 20; at++) {
        grid tried = {center / (greatest * 0.05f * (float)at), center, highest};
        float tried_fit = fit(r, count, tried);
        if (tried_fit > best_fit) best = tried, best_fit = tried_fit;
    }
    return best;
}

static void put_code(uint8_t *codes, size_t at, unsigned code, size_t bits, size_t padded) {
    if (bits == 4) {
        codes[at / 64 * 32 + at % 32] |= (uint8_t)(code << (at % 64 < 32 ? 0 : 4));
    } else {
        for (size_t plane = 0; plane < bits; plane++)
            codes[plane * padded / 8 + at / 8] |= (uint8_t)((code >> plane & 1) << at % 8);
    }
}

void capus_rabitq_encode(
    const capus_rabitq_space *space, const float *vector, float *work, uint8_t *row
) {
    const size_t padded = capus_rabitq_padded(space->dimension), bits = space->bits;
    center(space, vector, work);
    const float towards_centroid = dot(work, space->centroid, padded);
    rotate(work, padded);
    const grid grid = best_grid(work, padded, bits);
    const float half = grid.highest / 2;
    uint8_t *codes = row + capus_rabitq_head_size;
    memset(codes, 0, padded * bits / 8);
    float products[lane_count] = {0}, squares[lane_count] = {0};
    uint64_t sum = 0;
    for (size_t at = 0; at < padded; at++) {
        float code = code_of(work[at], grid), y = code - half;
        products[at % lane_count] += y * work[at];
        squares[at % lane_count] += y * y;
        sum += (uint64_t)code;
        put_code(codes, at, (unsigned)code, bits, padded);
    }
    const float square = dot(work, work, padded), product = sum_of(products);
    float factor = 0, error = 0;
    if (grid.inverse_step > 0 && product > 0) {
        factor = square / product;
        // The square of 1 / cos(r, y), less 1.
        float spread = square * sum_of(squares) / (product * product) - 1;
        error = spread > 0 ? sqrtf(square * spread / (float)(padded - 1)) : 0;
    }
    const float weight = space->is_squared_l2 ? 2 : 1;
    const float head[4] = {
        space->is_squared_l2 ? square : -towards_centroid, factor * weight, error * weight,
        (float)sum};
    memcpy(row, head, sizeof head);
}

// ---- Queries -------------------------------------------------------------------------------

capus_rabitq_query capus_rabitq_prepare(
    const capus_rabitq_space *space, const float *vector, float *work, uint8_t *codes
) {
    const size_t padded = capus_rabitq_padded(space->dimension), bits = space->bits;
    capus_rabitq_query query = {codes, padded, bits, 0, 0, 0, 0, 0};
    center(space, vector, work);
    const float towards_centroid = dot(work, space->centroid, padded);
    const float centroid_square = dot(space->centroid, space->centroid, padded);
    const float square = dot(work, work, padded);
    // <q, c> = <q - c, c> + <c, c>.
    query.base = space->is_squared_l2 ? square : -(towards_centroid + centroid_square);
    query.length = sqrtf(square);
    rotate(work, padded);
    float low = work[0], high = work[0];
    for (size_t at = 0; at < padded; at++) {
        low = work[at] < low ? work[at] : low;
        high = work[at] > high ? work[at] : high;
    }
    const float greatest = -low > high ? -low : high;
    const size_t plane = (padded / 8 + 63) / 64 * 64;
    memset(codes, 0, bits == 4 ? padded : 4 * plane);
    // As with rows: what has no direction.
    if (!(greatest > 1e-18f) || !(greatest < 1e16f) || low == high) return query;
    query.low = bits == 4 ? 0 : low;
    query.step = bits == 4 ? greatest / 127 : (high - low) / 15;
    const float inverse = 1 / query.step;
    const float lowest = bits == 4 ? -127 : 0, highest = bits == 4 ? 127 : 15;
    int64_t sum = 0;
    for (size_t at = 0; at < padded; at++) {
        float place = floorf((work[at] - query.low) * inverse + 0.5f);
        place = place > lowest ? place : lowest;
        int code = (int)(place < highest ? place : highest);
        if (bits == 4) {
            codes[at] = (uint8_t)(int8_t)code;
        } else {
            for (size_t bit = 0; bit < 4; bit++)
                codes[bit * plane + at / 8] |= (uint8_t)((code >> bit & 1) << at % 8);
        }
        sum += code;
    }
    const float half = (float)((1u << bits) - 1) / 2;
    query.shift = half * (query.low * (float)padded + query.step * (float)sum);
    return query;
}
