#define _GNU_SOURCE
#include "capus_system.h"
