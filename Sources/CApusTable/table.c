#include "capus_table.h"

// Embedded rather than loaded: the program runs from anywhere, and so does one that imports Apus.
// In C, because a literal of that size takes the Swift compiler minutes.
// Part of C since C23; clang has it in all modes, and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const _Alignas(64) uint8_t table[] = {
#embed "static.apustable"
};

const uint8_t *capus_table_bytes(void) { return table; }

size_t capus_table_byte_count(void) { return sizeof table; }
