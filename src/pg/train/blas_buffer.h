/*
 * blas_buffer.h: the address space that OpenBLAS takes for itself.
 */
#ifndef MLREC_TRAIN_BLAS_BUFFER_H
#define MLREC_TRAIN_BLAS_BUFFER_H

/*
 * Lets OpenBLAS take its buffer in this process, once.  To be called before the
 * first product of a process.  Throws ERRCODE_OUT_OF_MEMORY, with the size, if
 * the system refuses that much.
 */
extern void blas_buffer_take(void);

#endif							/* MLREC_TRAIN_BLAS_BUFFER_H */
