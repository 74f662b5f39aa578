// The table of static token vectors that is part of the program (docs/embedding.md): made by
// tools/distill, read by StaticTable in ApusPipeline.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// The table's bytes; they never move and never go.
const uint8_t *_Nonnull capus_table_bytes(void);
size_t capus_table_byte_count(void);
