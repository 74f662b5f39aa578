// The forms of the cosine of bytes in one instruction set; included behind `distance_metrics.h`
// by its file, which defines whole_sum(a), the sum of all lanes, too.
//
// Rows keep no length: that of each is taken along with its product, which costs less than another
// line of memory would. The query's is the same sum for all rows of a call, and taken once.
#pragma STDC FP_CONTRACT OFF

typedef struct {
    VECTOR dot, query, row;
} cosine_sums;

TARGET static inline cosine_sums cosine_zero(void) {
    return (cosine_sums){ZERO(), ZERO(), ZERO()};
}

TARGET static inline cosine_sums cosine_add(cosine_sums a, cosine_sums b) {
    return (cosine_sums){ADD(a.dot, b.dot), ADD(a.query, b.query), ADD(a.row, b.row)};
}

TARGET static inline cosine_sums cosine_step(cosine_sums sums, REGISTER q, REGISTER r) {
    return (cosine_sums){
        step_dot(sums.dot, q, r), step_dot(sums.query, q, q), step_dot(sums.row, r, r)};
}

TARGET static inline float cosine_finish(cosine_sums sums) {
    return capus_negative_cosine(
        whole_sum(sums.dot), whole_sum(sums.query), whole_sum(sums.row));
}

#undef VECTOR
#undef ZERO
#undef ADD
#undef SUM
#define VECTOR cosine_sums
#define ZERO() cosine_zero()
#define ADD(a, b) cosine_add(a, b)
#define SUM(a) (a)

#define NAME(form) negative_cosine_##form
#define STEP(sums, q, r) cosine_step(sums, q, r)
#define FINISH(sums) cosine_finish(sums)
#include "distance_body.h"
