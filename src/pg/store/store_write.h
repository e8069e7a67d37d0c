/*
 * store_write.h: how store.c and its triggers change the model tables.
 */
#ifndef MLREC_STORE_STORE_WRITE_H
#define MLREC_STORE_STORE_WRITE_H

#include "postgres.h"

/*
 * The columns of mlrec_model in their order, with their types: MODEL_ID is 1,
 * N_MODEL_COLUMNS the number of them.
 */
#define FOR_EACH_MODEL_COLUMN(COLUMN) \
	COLUMN(MODEL_ID, INT4OID) \
	COLUMN(MODEL_CREATED_AT, TIMESTAMPTZOID) \
	COLUMN(MODEL_ACTIVE, BOOLOID) \
	COLUMN(MODEL_RATINGS, TEXTOID) \
	COLUMN(MODEL_MOVIES, TEXTOID) \
	COLUMN(MODEL_USERS, TEXTOID) \
	COLUMN(MODEL_TRAIN_RATINGS, INT8OID) \
	COLUMN(MODEL_TEST_RATINGS, INT8OID) \
	COLUMN(MODEL_SEED, INT8OID) \
	COLUMN(MODEL_OPTIONS, JSONBOID) \
	COLUMN(MODEL_METRICS, JSONBOID) \
	COLUMN(MODEL_BOUNDARY_TIME, INT8OID) \
	COLUMN(MODEL_BOUNDARY_USER, INT8OID) \
	COLUMN(MODEL_BOUNDARY_MOVIE, INT8OID) \
	COLUMN(MODEL_SIZE_BYTES, INT8OID) \
	COLUMN(MODEL_CHECKSUM, INT8OID) \
	COLUMN(MODEL_COMMENT, TEXTOID) \
	COLUMN(MODEL_RELEVANCE, JSONBOID) \
	COLUMN(MODEL_EPOCHS, JSONBOID)

#define MODEL_COLUMN_NUMBER(name, type) name,
enum
{
	NO_MODEL_COLUMN,
	FOR_EACH_MODEL_COLUMN(MODEL_COLUMN_NUMBER)
	MODEL_COLUMNS_END
};
#define N_MODEL_COLUMNS (MODEL_COLUMNS_END - 1)

/* The user to go back to after writing. */
typedef struct SavedUserContext
{
	Oid			user;
	int			security;
} SavedUserContext;

/*
 * Goes on as the owner of the model tables.  An error on the way needs no
 * care: the end of the (sub)transaction restores the user.
 */
extern void store_switch_to_owner(SavedUserContext *saved, Oid table);

/* Leaves SPI, and goes on as the user of before. */
extern void store_end_write(const SavedUserContext *saved);

/*
 * Runs a statement with n parameters that changes one of the tables; returns how
 * many rows.  Any other result of SPI than the expected one is an error.  The
 * statement goes by what the tables hold now, as the caches do: under REPEATABLE
 * READ the transaction's snapshot may be older than the model that is active, and
 * only a training's end would tell.
 */
extern uint64 store_execute(const char *statement, int n, Oid *types, Datum *values,
							const char *nulls, int expected);

/* Makes all models but one inactive. */
extern void store_clear_active(int32 but);

#endif							/* MLREC_STORE_STORE_WRITE_H */
