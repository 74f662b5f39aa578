// The arithmetic of Apus in C: plain functions on pointers and counts, without state or allocation.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// ---- Distances of float32 vectors ----------------------------------------------------------
//
// Every distance is smaller for a better match: squared L2, the negated dot product (for cosine
// over normalised vectors too), or L1. Sums are taken in float32, in an order that depends on the
// instruction set and the dimension only: all three forms of one instruction set give the same
// bits for the same two vectors. Any dimension >= 0 and any alignment is allowed.

/// The distance of two vectors of `dimension` floats.
typedef float (*capus_pair)(const float *left, const float *right, size_t dimension);

/// The distances of one query to the rows `ids[0..<count]`; row i starts at `base + i * stride`.
/// Four rows are read at once while the next four are prefetched. `distances` has `count` places.
typedef void (*capus_to_ids)(
    const float *query, const float *base, size_t stride, size_t dimension, const uint32_t *ids,
    size_t count, float *distances);

/// The distances of one query to `count` rows in a line, the first at `rows`.
typedef void (*capus_to_range)(
    const float *query, const float *rows, size_t stride, size_t dimension, size_t count,
    float *distances);

typedef struct {
    capus_pair pair;
    capus_to_ids to_ids;
    capus_to_range to_range;
} capus_distance;

/// The three metrics in one instruction set.
typedef struct {
    capus_distance squared_l2;
    capus_distance negative_dot;
    capus_distance l1;
} capus_kernels;

typedef enum {
    capus_isa_scalar = 0,
    capus_isa_avx2 = 1,
    capus_isa_avx512 = 2,
    capus_isa_neon = 3,
} capus_isa;

/// The kernels of an instruction set, or null when this build or this processor lacks it.
/// The scalar ones are always there and are the specification of the others.
const capus_kernels *_Nullable capus_kernels_for(capus_isa isa);

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
/// `prefetched_lines` cache lines of their rows and returns how many there are.
size_t capus_gather_unvisited(
    const uint32_t *block, size_t capacity, uint64_t *visited, const float *base, size_t stride,
    size_t prefetched_lines, uint32_t *ids);

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
