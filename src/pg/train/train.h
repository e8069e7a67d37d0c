/*
 * train.h: the settings of train_recommender; the rest of it is called by SQL.
 */
#ifndef MLREC_TRAIN_TRAIN_H
#define MLREC_TRAIN_TRAIN_H

/* Defines mlrec's settings of training, once a process. */
extern void train_define_settings(void);

#endif							/* MLREC_TRAIN_TRAIN_H */
