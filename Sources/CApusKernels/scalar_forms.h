// The forms of a metric whose pair is there, in C as it stands; included by the scalar files.
#pragma once

#include "capus.h"

#define FORMS(metric, ELEMENT) \
    static void metric##_to_ids( \
        const void *query, const void *base, size_t stride, size_t dimension, \
        const uint32_t *ids, size_t count, float *distances \
    ) { \
        for (size_t at = 0; at < count; at++) \
            distances[at] = \
                metric##_pair(query, (const ELEMENT *)base + ids[at] * stride, dimension); \
    } \
    static void metric##_to_range( \
        const void *query, const void *rows, size_t stride, size_t dimension, size_t count, \
        float *distances \
    ) { \
        for (size_t at = 0; at < count; at++) \
            distances[at] = metric##_pair(query, (const ELEMENT *)rows + at * stride, dimension); \
    }
