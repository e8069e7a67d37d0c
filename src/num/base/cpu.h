/*
 * cpu.h: what is asked of the processor: functions compiled for several generations of
 * x86-64, and memory ahead of its use.  Hand-written kernels (net/dense.c, index/scan.c)
 * choose for themselves.
 *
 * The dynamic linker picks the version when the module is loaded.  This needs
 * ifunc support in the C library and a compiler that knows the feature levels.
 * Sanitizers start later than ifuncs are resolved, so their builds do without.
 * Elsewhere a function is compiled once: NEON belongs to the baseline of 64-bit
 * ARM.
 */
#ifndef MLREC_BASE_CPU_H
#define MLREC_BASE_CPU_H

#include <stddef.h>
#include <stdint.h>				/* of the C library, which defines __GLIBC__ */

#if defined(__x86_64__) && defined(__GLIBC__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
	((defined(__clang__) && __clang_major__ >= 18) || \
	 (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 12))
#define MULTIVERSION __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#define MULTIVERSION_AVX2 __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define MULTIVERSION
#define MULTIVERSION_AVX2
#endif

/* Asks for size bytes of memory that will be read soon. */
static inline void
prefetch(const void *memory, size_t size)
{
	for (size_t at = 0; at < size; at += 64)
		__builtin_prefetch((const char *) memory + at);
}

#endif							/* MLREC_BASE_CPU_H */
