// tables.hpp: one table of functions per idea and instruction set. A table's functions handle one frame each, as a
// block of one thread; cpu/<idea>.cpp is compiled once per instruction set and defines one table each time.
#ifndef PHASEWELL_TABLES_HPP
#define PHASEWELL_TABLES_HPP
#include <cstdint>

#define PW_JOIN_(a, b) a##_##b
#define PW_JOIN(a, b) PW_JOIN_(a, b)
// the definition of a table in cpu/<idea>.cpp; PW_ISA is plain, avx2 or avx512
#define PW_TABLE(Type, name) extern const Type PW_JOIN(name, PW_ISA)

#ifdef PW_X86
#define PW_DECLARE_TABLES(Type, name) extern const Type name##_plain, name##_avx2, name##_avx512
#define PW_CHOOSE(name, isa) (door::choose((isa), &name##_plain, &name##_avx2, &name##_avx512))
#else
#define PW_DECLARE_TABLES(Type, name) extern const Type name##_plain
#define PW_CHOOSE(name, isa) (door::choose((isa), &name##_plain, &name##_plain, &name##_plain))
#endif
#endif
