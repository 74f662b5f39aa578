#include "capus.h"

static inline uint32_t load(const uint32_t *place) {
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static inline void store(uint32_t *place, uint32_t id) {
    __atomic_store_n(place, id, __ATOMIC_RELAXED);
}

void capus_store_links(uint32_t *block, size_t capacity, const uint32_t *ids, size_t count) {
    for (size_t at = 0; at < count; at++) store(block + at, ids[at]);
    for (size_t at = count; at < capacity; at++) store(block + at, capus_no_link);
}

size_t capus_load_links(const uint32_t *block, size_t capacity, uint32_t *ids) {
    for (size_t at = 0; at < capacity; at++) {
        uint32_t id = load(block + at);
        if (id == capus_no_link) return at;
        ids[at] = id;
    }
    return capacity;
}

size_t capus_gather_unvisited(
    const uint32_t *block, size_t capacity, uint64_t *visited, const void *base, size_t stride,
    size_t prefetched_lines, uint32_t *ids
) {
    // Whether a node was visited is hard to predict: no branch depends on it.
    size_t count = 0;
    for (size_t at = 0; at < capacity; at++) {
        uint32_t id = load(block + at);
        if (id == capus_no_link) break;
        uint64_t word = visited[id >> 6];
        visited[id >> 6] = word | 1ull << (id & 63);
        ids[count] = id;
        count += ~(word >> (id & 63)) & 1;
    }
    for (size_t at = 0; at < count; at++) {
        const char *row = (const char *)base + ids[at] * stride;
        for (size_t line = 0; line < prefetched_lines; line++) __builtin_prefetch(row + 64 * line);
    }
    return count;
}

void capus_prefetch(const void *address, size_t count) {
    for (size_t at = 0; at < count; at += 64) __builtin_prefetch((const char *)address + at);
}

uint64_t capus_load_u64(const uint64_t *place) { return __atomic_load_n(place, __ATOMIC_ACQUIRE); }

void capus_store_u64(uint64_t *place, uint64_t value) {
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
}
