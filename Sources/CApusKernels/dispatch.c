#include "capus.h"
