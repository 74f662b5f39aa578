// The arithmetic of Apus in C: plain functions on pointers and counts, without state or allocation.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// ---- Distances of vectors ------------------------------------------------------------------
//
// Every distance is smaller for a better match: squared L2, the negated dot product (for cosine
// over normalised vectors too), or L1. All forms of one instruction set give the same bits for the
// same two vectors. Any dimension up to 65,536 and any alignment of whole components is allowed.
//
// Components are floats, halves (IEEE 754 binary16, as uint16_t) or bytes (uint8_t). Sums over
// floats and halves are taken in float32, in an order that depends on the instruction set and the
// dimension only; halves give the bits of the floats that they stand for. Sums over bytes are taken
// in integers: every instruction set gives the same bits. Cosine has kernels of its own there, since
// a normalised vector does not fit into bytes; a vector without length has the cosine 0 to all.

/// The distance of two vectors of `dimension` components.
typedef float (*capus_pair)(const void *left, const void *right, size_t dimension);

/// The distances of one query to the rows `ids[0..<count]`; row i starts `i * stride` components
/// behind `base`. Four rows are read at once while the next four are prefetched. `distances` has
/// `count` places.
typedef void (*capus_to_ids)(
    const void *query, const void *base, size_t stride, size_t dimension, const uint32_t *ids,
    size_t count, float *distances);

/// The distances of one query to `count` rows in a line, the first at `rows`.
typedef void (*capus_to_range)(
    const void *query, const void *rows, size_t stride, size_t dimension, size_t count,
    float *distances);

typedef struct {
    capus_pair pair;
    capus_to_ids to_ids;
    capus_to_range to_range;
} capus_distance;

/// The three metrics of floats, or of halves, in one instruction set.
typedef struct {
    capus_distance squared_l2;
    capus_distance negative_dot;
    capus_distance l1;
} capus_kernels;

/// The metrics of bytes in one instruction set.
typedef struct {
    capus_distance squared_l2;
    capus_distance negative_dot;
    capus_distance negative_cosine;
    capus_distance l1;
} capus_byte_kernels;

typedef enum {
    capus_isa_scalar = 0,
    capus_isa_avx2 = 1,
    capus_isa_avx512 = 2,
    capus_isa_neon = 3,
} capus_isa;

/// The kernels of floats in an instruction set, or null when this build or this processor lacks it.
/// The scalar ones are always there and are the specification of the others.
const capus_kernels *_Nullable capus_kernels_for(capus_isa isa);

/// Those of halves; where the processor has the instruction set but not what they need, narrower ones.
const capus_kernels *_Nullable capus_half_kernels_for(capus_isa isa);

/// Those of bytes, likewise.
const capus_byte_kernels *_Nullable capus_byte_kernels_for(capus_isa isa);

/// Floats as halves: the nearest of them, the even one of two, and the outermost for what is farther
/// out.
void capus_encode_halves(const float *vector, size_t dimension, uint16_t *row);
void capus_decode_halves(const uint16_t *row, size_t dimension, float *vector);

/// Floats as bytes: fractions are cut off, and what is outside of 0...255 becomes 0 or 255.
void capus_encode_bytes(const float *vector, size_t dimension, uint8_t *row);
void capus_decode_bytes(const uint8_t *row, size_t dimension, float *vector);

// ---- Distances of 8-bit codes --------------------------------------------------------------
//
// A vector as one byte a component: x_i is about offset + scale * c_i, c_i in 0...255, with a scale
// and an offset of its own. A row of codes is a head of four floats and then the codes:
//
//   scale, offset, the sum of c_i, the sum of c_i squared, c_0, c_1, ...
//
// Rows start at multiples of 16 bytes. A query has signed codes, g_i in -128...127, so that the
// processor's byte products (u8 x s8, summed in 32 bits) do the work: all that depends on single
// components is the integer sum of c_i * g_i, which no dimension up to 65,536 overflows. The rest
// follows from the heads, in float32 and in one order: every instruction set gives the same bits.
//
// Vectors of whole numbers whose range is at most 255 have scale 1, and are exact.

#define capus_code_head_size 16

/// A query in codes: y_i is about offset + scale * g_i.
typedef struct {
    /// Zeros follow up to a multiple of 64.
    const int8_t *codes;
    size_t dimension;
    float scale;
    float offset;
    /// The sums of g_i and of g_i squared.
    float sum;
    float square_sum;
} capus_code_query;

/// Writes the row of a vector of `dimension` <= 65,536 finite floats: head and codes.
void capus_encode_row(const float *vector, size_t dimension, uint8_t *row);

/// The vector that a row stands for.
void capus_decode_row(const uint8_t *row, size_t dimension, float *vector);

/// Prepares a vector as a query; `codes` has room for the next multiple of 64.
capus_code_query capus_encode_query(const float *vector, size_t dimension, int8_t *codes);

/// Prepares a row as a query: its vector is the same to the bit.
capus_code_query capus_query_of_row(const uint8_t *row, size_t dimension, int8_t *codes);

/// As `capus_to_ids` and `capus_to_range`, for rows of codes; `stride` in bytes.
typedef void (*capus_codes_to_ids)(
    const capus_code_query *query, const uint8_t *base, size_t stride, const uint32_t *ids,
    size_t count, float *distances);
typedef void (*capus_codes_to_range)(
    const capus_code_query *query, const uint8_t *rows, size_t stride, size_t count,
    float *distances);

typedef struct {
    capus_codes_to_ids to_ids;
    capus_codes_to_range to_range;
} capus_code_distance;

typedef struct {
    capus_code_distance squared_l2;
    capus_code_distance negative_dot;
} capus_code_kernels;

/// As `capus_kernels_for`.
const capus_code_kernels *_Nullable capus_code_kernels_for(capus_isa isa);

// ---- Codes of one, two or four bits a component --------------------------------------------
//
// RaBitQ (Gao and Long, "RaBitQ: quantizing high-dimensional vectors with a theoretical error bound
// for approximate nearest neighbor search", SIGMOD 2024) and, for more than one bit, its extension
// (Gao and others, "Practical and asymptotically optimal quantization of high-dimensional vectors in
// Euclidean space for approximate nearest neighbor search", SIGMOD 2025).
//
// A vector less a centroid, padded with zeros to a multiple of 64 components and rotated, is r; a
// query in the same way is s. Component i has the code c_i in 0 ... 2^bits - 1, which stands for
// y_i = c_i - (2^bits - 1) / 2. The inner product <r, s> is estimated by <r, r> / <r, y> * <y, s>,
// which is unbiased over rotations. A row is a head of four floats and then the codes:
//
//   term, factor, error, the sum of c_i, codes
//
// and a distance is estimated by term + the query's base - factor * <y, s>. Its standard deviation
// over rotations is error times the length of s. For one and two bits the codes are planes: bit i of
// the first plane is the lowest bit of c_i, bit i of the second the next. For four bits, byte j of
// each 32 bytes has component j of the 64 in its low half, and component j + 32 in its high half.
// Rows start at multiples of 16 bytes.
//
// The rotation is four rounds of random signs and a Walsh-Hadamard transform. Where the number of
// components is no power of two, the transforms take the first and the last ones in turn, with a
// step of Kac's walk between (as in the authors' library). All rows and queries are the same to the
// bit on every machine, and so are the estimates.

#define capus_rabitq_head_size 16

/// What rows are made with.
typedef struct {
    /// 1 ... 65,536.
    size_t dimension;
    /// 1, 2 or 4.
    size_t bits;
    /// Squared L2 distances; otherwise negated dot products.
    bool is_squared_l2;
    /// Floats, and zeros up to `capus_rabitq_padded(dimension)`.
    const float *centroid;
} capus_rabitq_space;

/// A query in codes: s_i is about low + step * g_i.
typedef struct {
    /// For one and two bits four planes of the bits of g_i in 0 ... 15, each of a multiple of 64
    /// bytes; for four bits g_i in -127 ... 127, a byte each. Zeros follow the last component.
    const uint8_t *codes;
    size_t padded;
    size_t bits;
    float base, low, step;
    /// (2^bits - 1) / 2 times the sum of what the g_i stand for.
    float shift;
    /// The length of s.
    float length;
} capus_rabitq_query;

/// Components after padding: the next multiple of 64.
size_t capus_rabitq_padded(size_t dimension);

/// Writes the row of a vector of finite floats. `work` has room for the padded components.
void capus_rabitq_encode(
    const capus_rabitq_space *space, const float *vector, float *work, uint8_t *row);

/// Prepares a vector as a query; `codes` has room for 1 byte for each padded component, rounded up
/// to a multiple of 256, and `work` for the padded components.
capus_rabitq_query capus_rabitq_prepare(
    const capus_rabitq_space *space, const float *vector, float *work, uint8_t *codes);

/// As `capus_codes_to_ids` and `capus_codes_to_range`: estimates of distances.
typedef void (*capus_rabitq_to_ids)(
    const capus_rabitq_query *query, const uint8_t *base, size_t stride, const uint32_t *ids,
    size_t count, float *distances);
typedef void (*capus_rabitq_to_range)(
    const capus_rabitq_query *query, const uint8_t *rows, size_t stride, size_t count,
    float *distances);

typedef struct {
    capus_rabitq_to_ids to_ids;
    capus_rabitq_to_range to_range;
} capus_rabitq_distance;

typedef struct {
    /// Of one and two bits.
    capus_rabitq_distance planes;
    /// Of four bits.
    capus_rabitq_distance nibbles;
} capus_rabitq_kernels;

/// As `capus_kernels_for`.
const capus_rabitq_kernels *_Nullable capus_rabitq_kernels_for(capus_isa isa);

// ---- Product quantization ------------------------------------------------------------------
//
// A vector in parts; each part is the number of a codeword of its own. A query has a table for each
// part: what each codeword adds to the distance. Four-bit codes (16 codewords) are looked up in
// registers, 32 vectors at a time, with tables of bytes (Andre, Kermarrec, Le Scouarnec, "Cache
// locality is not enough: high-performance nearest neighbor search with product quantization fast
// scan", 2015; the layout is that of their "Quicker ADC").
//
// A block holds the codes of 32 vectors: for each part 16 bytes, and byte j of them has the code of
// vector j in its low half and that of vector j + 16 in its high half. The number of parts is a
// multiple of 4 up to 256, so that the sums of table entries fit into 16 bits.

#define capus_pq_block_count 32

/// What a scan looks for, and in what.
typedef struct {
    /// `parts` x 16 bytes.
    const uint8_t *tables;
    size_t parts;
    /// The distance of a vector is base + scale * (the sum of its table entries) + its term.
    float base;
    float scale;
    /// Vectors whose distance is not below are left out.
    float bound;
} capus_pq_query;

/// Finds the vectors of `count` (at the start of the blocks) whose distance is below the bound.
/// `terms` has a number for each vector, or is null. Writes their places and distances, for both of
/// which there is room for `count` rounded up to a block, and returns how many there are. All
/// instruction sets give the same bits.
typedef size_t (*capus_pq_scan)(
    const capus_pq_query *query, const uint8_t *blocks, const float *_Nullable terms, size_t count,
    uint32_t *places, float *distances);

/// As the scan, for 8-bit codes, `parts` bytes a vector, and tables of `parts` x 256 floats.
size_t capus_pq8_scan(
    const float *tables, size_t parts, float base, float bound, const uint8_t *codes,
    const float *_Nullable terms, size_t count, uint32_t *places, float *distances);

typedef struct {
    capus_pq_scan scan;
} capus_pq_kernels;

/// As `capus_kernels_for`.
const capus_pq_kernels *_Nullable capus_pq_kernels_for(capus_isa isa);

/// The nearest codeword of one part, by squared L2, the first of equals. The `count` codewords (a
/// multiple of 16, at most 256) of `width` components lie component by component: `count` floats
/// for each. The same bits everywhere.
uint32_t capus_pq_nearest(
    const float *part, size_t width, const float *codewords, size_t count);

// ---- Sentence encoders ---------------------------------------------------------------------
//
// What a transformer's encoder does beside matrix products, on `count` rows of `width` floats that
// lie one behind the other, in place. Sums are taken in float32; instruction sets differ in the last
// bits. Any count and width >= 0 and any alignment is allowed.

/// Layer normalization (Ba, Kiros, Hinton, 2016): (x - mean) / sqrt(variance + epsilon) of a row,
/// times `gain`, plus `shift`, both of one row's width.
typedef struct {
    const float *gain;
    const float *shift;
    float epsilon;
} capus_layer_norm;

typedef struct {
    /// Adds `bias` to every row.
    void (*add_bias)(float *rows, const float *bias, size_t count, size_t width);
    /// The same, then GELU in its exact form (Hendrycks, Gimpel, 2016): x (1 + erf(x / sqrt 2)) / 2.
    void (*add_bias_gelu)(float *rows, const float *bias, size_t count, size_t width);
    /// Adds the rows of `other` and `bias`, then normalizes each row.
    void (*add_normalize)(
        float *rows, const float *other, const float *bias, const capus_layer_norm *norm,
        size_t count, size_t width);
    /// Makes of each row of finite x the shares e^(scale x) of their sum; `scale` > 0.
    void (*softmax)(float *rows, float scale, size_t count, size_t width);
    /// Adds `scale` times the `count` codes to `sum`.
    void (*add_codes)(float *sum, const int8_t *codes, float scale, size_t count);
} capus_encoder_kernels;

/// As `capus_kernels_for`.
const capus_encoder_kernels *_Nullable capus_encoder_kernels_for(capus_isa isa);

// ---- Neighbour lists -----------------------------------------------------------------------
//
// A list is a block of `capacity` ids, filled from the front; `capus_no_link` marks the first
// unused place and all behind it. One thread may write a block while others read it: every place
// is read and written whole, so that a reader sees only ids that are or were in the list.

#define capus_no_link 0xFFFFFFFFu

/// Replaces a list by `count` <= `capacity` ids.
void capus_store_links(uint32_t *block, size_t capacity, const uint32_t *ids, size_t count);

/// Copies a list out; returns how many ids it has.
size_t capus_load_links(const uint32_t *block, size_t capacity, uint32_t *ids);

/// The ids of a list whose bit in `visited` is clear; sets the bits, prefetches the first
/// `prefetched_lines` cache lines of their rows, which lie `stride` bytes apart, and returns how
/// many there are.
size_t capus_gather_unvisited(
    const uint32_t *block, size_t capacity, uint64_t *visited, const void *base, size_t stride,
    size_t prefetched_lines, uint32_t *ids);

/// Which ids a search may return: those below `end`, in `filter` if there is one, and not deleted
/// at or before `read_lsn` (`deleted_at` holds 0 while an id lives; null: nothing was deleted).
typedef struct {
    size_t end;
    const uint64_t *_Nullable filter;
    const uint64_t *_Nullable deleted_at;
    uint64_t read_lsn;
} capus_admission;

/// The admitted ids of list number `node` whose bit in `visited` is clear, and of the lists of its
/// other ids at most as many as it has of these: what is reached through what is not admitted. There
/// are `limit` at most. Lists are `stride` places apart. Sets the bits of the admitted ones and of the
/// node's own neighbours, appends all of these to `trail`, whose length is `*trail_count`, asks for the
/// first `prefetched_lines` cache lines of the rows to measure, which lie `row_stride` bytes apart, and
/// returns how many are in `ids`, which has room for `limit` and one list.
size_t capus_gather_admitted(
    const uint32_t *lists, size_t stride, size_t capacity, uint32_t node, uint64_t *visited,
    const capus_admission *admission, size_t limit, const void *rows, size_t row_stride,
    size_t prefetched_lines, uint32_t *ids, uint32_t *trail, size_t *trail_count);

/// Asks for the cache lines of `count` bytes before they are read.
void capus_prefetch(const void *address, size_t count);

/// A 64-bit number that one thread stores (release) while others load it (acquire).
uint64_t capus_load_u64(const uint64_t *place);
void capus_store_u64(uint64_t *place, uint64_t value);

// ---- Checksums -----------------------------------------------------------------------------

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of `count` bytes, going on from `crc`, the
/// result for the bytes before (0 at the start). All versions agree bit for bit.
typedef uint32_t (*capus_crc32c)(uint32_t crc, const uint8_t *bytes, size_t count);

uint32_t capus_crc32c_scalar(uint32_t crc, const uint8_t *bytes, size_t count);

/// The version that uses the processor's CRC instructions, or null when it has none.
capus_crc32c _Nullable capus_crc32c_hardware(void);

/// Takes `count` blocks of 64 bytes into a SHA-256 state of eight words (FIPS 180-4, section 6.2);
/// the caller pads the last one. All versions agree.
typedef void (*capus_sha256)(uint32_t *state, const uint8_t *blocks, size_t count);

void capus_sha256_scalar(uint32_t *state, const uint8_t *blocks, size_t count);

/// The version that uses the processor's SHA instructions, or null when it has none.
capus_sha256 _Nullable capus_sha256_hardware(void);

#pragma clang assume_nonnull end
