// The forms of the three metrics that all elements have, in one instruction set; included by its file,
// which defines what `distance_body.h` wants of it and step_<metric>(sum, q, r).

#define NAME(form) squared_l2_##form
#define STEP(sum, q, r) step_squared_l2(sum, q, r)
#define FINISH(x) (x)
#include "distance_body.h"
#undef NAME
#undef STEP
#undef FINISH

#define NAME(form) negative_dot_##form
#define STEP(sum, q, r) step_dot(sum, q, r)
#define FINISH(x) (-(x))
#include "distance_body.h"
#undef NAME
#undef STEP
#undef FINISH

#define NAME(form) l1_##form
#define STEP(sum, q, r) step_l1(sum, q, r)
#define FINISH(x) (x)
#include "distance_body.h"
#undef NAME
#undef STEP
#undef FINISH
