#include "capus.h"
#include "halves.h"

void capus_encode_halves(const float *vector, size_t dimension, uint16_t *row) {
    for (size_t at = 0; at < dimension; at++) row[at] = capus_half_of(vector[at]);
}

void capus_decode_halves(const uint16_t *row, size_t dimension, float *vector) {
    for (size_t at = 0; at < dimension; at++) vector[at] = capus_half_to_float(row[at]);
}

void capus_encode_bytes(const float *vector, size_t dimension, uint8_t *row) {
    for (size_t at = 0; at < dimension; at++) {
        float x = vector[at];
        // What is no number fails both comparisons.
        row[at] = x >= 255 ? 255 : x > 0 ? (uint8_t)x : 0;
    }
}

void capus_decode_bytes(const uint8_t *row, size_t dimension, float *vector) {
    for (size_t at = 0; at < dimension; at++) vector[at] = row[at];
}
