/*
 * cpu.h: compile a function for several generations of x86-64 and
 * let the loader pick, where compiler and machine can; elsewhere once.
 */
#ifndef MLREC_BASE_CPU_H
#define MLREC_BASE_CPU_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && \
	!defined(__SANITIZE_ADDRESS__)
#define MULTIVERSION __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define MULTIVERSION
#endif

#endif							/* MLREC_BASE_CPU_H */
