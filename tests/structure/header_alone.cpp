// The ABI header in C++17, which has no designated initialisers: members in their order.
#include <dtlsd/module.h>

DTLSD_MODULE("alone", "1");
