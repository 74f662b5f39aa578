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

static inline bool admits(const capus_admission *admission, uint32_t id) {
    if (id >= admission->end) return false;
    const uint64_t *filter = admission->filter;
    if (filter != NULL && (filter[id >> 6] >> (id & 63) & 1) == 0) return false;
    // 0 wraps to what no number reaches.
    return admission->deleted_at == NULL ||
        capus_load_u64(admission->deleted_at + id) - 1 >= admission->read_lsn;
}

// False when it was set before.
static inline bool visit(uint64_t *visited, uint32_t id, uint32_t *trail, size_t *trail_count) {
    uint64_t bit = 1ull << (id & 63);
    if (visited[id >> 6] & bit) return false;
    visited[id >> 6] |= bit;
    trail[(*trail_count)++] = id;
    return true;
}

size_t capus_gather_admitted(
    const uint32_t *lists, size_t stride, size_t capacity, uint32_t node, uint64_t *visited,
    const capus_admission *admission, size_t limit, uint32_t *ids, uint32_t *trail,
    size_t *trail_count
) {
    size_t first = *trail_count, count = 0;
    const uint32_t *list = lists + node * stride;
    for (size_t at = 0; at < capacity; at++) {
        uint32_t id = load(list + at);
        if (id == capus_no_link) break;
        if (!visit(visited, id, trail, trail_count)) continue;
        if (admits(admission, id))
            ids[count++] = id;
        else
            capus_prefetch(lists + id * stride, capacity * sizeof(uint32_t));
    }
    // Through the neighbours that are not admitted, in order.
    size_t last = *trail_count;
    for (size_t hop = first; hop < last && count < limit; hop++) {
        if (admits(admission, trail[hop])) continue;
        list = lists + trail[hop] * stride;
        for (size_t at = 0; at < capacity && count < limit; at++) {
            uint32_t id = load(list + at);
            if (id == capus_no_link) break;
            if (admits(admission, id) && visit(visited, id, trail, trail_count))
                ids[count++] = id;
        }
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
