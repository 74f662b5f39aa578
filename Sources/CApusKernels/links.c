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

static inline void ask_for_rows(
    const uint32_t *ids, size_t count, const void *base, size_t stride, size_t lines
) {
    for (size_t at = 0; at < count; at++) {
        const char *row = (const char *)base + ids[at] * stride;
        for (size_t line = 0; line < lines; line++) __builtin_prefetch(row + 64 * line);
    }
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
    ask_for_rows(ids, count, base, stride, prefetched_lines);
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
    const capus_admission *admission, size_t limit, const void *rows, size_t row_stride,
    size_t prefetched_lines, uint32_t *ids, uint32_t *trail, size_t *trail_count
) {
    // The neighbours that are not admitted are kept behind what may become the answer.
    uint32_t *refused = ids + limit;
    size_t count = 0, refused_count = 0, admitted_count = 0, link_count = 0;
    const uint32_t *list = lists + node * stride;
    for (; link_count < capacity; link_count++) {
        uint32_t id = load(list + link_count);
        if (id == capus_no_link) break;
        bool admitted = admits(admission, id);
        admitted_count += admitted;
        if (!visit(visited, id, trail, trail_count)) continue;
        if (admitted)
            ids[count++] = id;
        else
            refused[refused_count++] = id;
    }
    // Through those that are not admitted: at most one for each link that leads to such a one.
    size_t most = count + link_count - admitted_count;
    if (most > limit) most = limit;
    for (size_t at = 0; at < refused_count; at++)
        capus_prefetch(lists + refused[at] * stride, capacity * sizeof(uint32_t));
    for (size_t hop = 0; hop < refused_count && count < most; hop++) {
        list = lists + refused[hop] * stride;
        for (size_t at = 0; at < capacity && count < most; at++) {
            uint32_t id = load(list + at);
            if (id == capus_no_link) break;
            if (admits(admission, id) && visit(visited, id, trail, trail_count)) ids[count++] = id;
        }
    }
    ask_for_rows(ids, count, rows, row_stride, prefetched_lines);
    return count;
}

void capus_prefetch(const void *address, size_t count) {
    for (size_t at = 0; at < count; at += 64) __builtin_prefetch((const char *)address + at);
}

uint64_t capus_load_u64(const uint64_t *place) { return __atomic_load_n(place, __ATOMIC_ACQUIRE); }

void capus_store_u64(uint64_t *place, uint64_t value) {
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
}
