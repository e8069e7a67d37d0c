/*
 * store.h: trained models in the extension's own tables.
 */
#ifndef MLREC_STORE_STORE_H
#define MLREC_STORE_STORE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

#include "pg/util/compat.h"

/* What is known of a model besides its model file. */
typedef struct StoreEntry
{
	int32		model_id;		/* store_save may set another */
	TimestampTz created_at;		/* set by store_save */
	bool		active;			/* set by store_save */

	char	   *ratings;		/* relations by qualified, quoted name */
	char	   *movies;			/* NULL: there is none */
	char	   *users;			/* likewise */

	int64		train_ratings;
	int64		test_ratings;
	int64		seed;
	char	   *options;		/* JSON object: the options of the training */
	char	   *metrics;		/* JSON object, may be NULL */
	char	   *comment;		/* may be NULL */
	char	   *relevance;		/* JSON object: the weights of the order by
								 * relevance and what it reached on the
								 * validation rows; may be NULL */
	char	   *epochs;			/* JSON array: the epochs of the training; not
								 * read back */

	/*
	 * the last training row in the order of the split; all 0 if it is random; user
	 * and movie are the largest there can be if it must not tell who it was
	 */
	int64		boundary_time;
	int64		boundary_user;
	int64		boundary_movie;

	uint64		size;			/* of the model file, set by store_save */
	uint64		checksum;		/* of the model file, set by store_save */
} StoreEntry;

/* The relations of a model, found now. */
typedef struct StoreRelations
{
	Oid			ratings;
	Oid			movies;			/* InvalidOid: there is none */
	Oid			users;			/* likewise */
	bool		ratings_may_hide;	/* the current user may see a part of the rows only */
	bool		movies_may_hide;
	bool		is_restricted;	/* ratings or movies are, for the current user; never
								 * without movies */
} StoreRelations;

/* Takes a piece of a model file; false: no more, please. */
typedef bool (*StoreSink) (void *arg, const char *data, Size length);

/*
 * A number for a new model.  Like every sequence, this one has gaps where a
 * training did not end well.  Models also come by replication, which leaves the
 * sequence as it is: numbers that are there are passed over.
 */
extern int32 store_next_id(void);

/*
 * Stores the finalized file of a model and what is known of it, under
 * entry->model_id (from store_next_id) or, if that was taken since, the next
 * number, and completes the entry.  With `activate` it is the active model from the
 * caller's COMMIT on.  Not in parallel mode; the caller has checked
 * PreventCommandIfReadOnly.
 */
extern void store_save(StoreEntry *entry, const void *file, Size size, bool activate);

/*
 * Lets the boundary of the split tell a time and no user.  Ratings of exactly that
 * time that were for testing are not tested on any more.
 */
extern void store_hide_boundary(StoreEntry *entry);

/*
 * Puts another finalized model file in the place of a model's, and what is known of
 * it by now.  Options, metrics and the like stay.  As of store_save, the caller has
 * checked that it may write; the new size and checksum are filled in.
 */
extern void store_replace(const StoreEntry *before, StoreEntry *entry, const void *file);

/* The numbers of the models that there are, ascending. */
extern List *store_model_ids(Snapshot snapshot);

/*
 * What is known of a model, in the current memory context; false if the snapshot
 * has no such model.
 */
extern bool store_read(int32 model_id, Snapshot snapshot, StoreEntry *entry);

/* store_read() of the active model; false if none is. */
extern bool store_read_active(Snapshot snapshot, StoreEntry *entry);

/*
 * Whether a model file is gone, or deleted or replaced by a transaction that has not
 * ended, perhaps a prepared one, and will be gone if that commits.
 */
extern bool store_is_leaving(int32 model_id, uint64 checksum);

/*
 * Hands the file of a model to `sink`, piece by piece, at most entry->size bytes.
 * Returns how many bytes there are in the tables, which differs from entry->size if
 * these were tampered with, or how many were taken when the sink refused one by
 * returning false.
 */
extern Size store_load(const StoreEntry *entry, Snapshot snapshot, StoreSink sink, void *arg);

/*
 * A value of a JSON object; false if it is not there, or if that is no object, as
 * when somebody has changed the tables.
 */
extern bool store_json_value(const char *json, const char *key, JsonbValue *value);
extern bool store_json_number(const char *json, const char *key, double *number);

/* The tables, by their names in the extension's schema */
#define STORE_MODELS "mlrec_model"
#define STORE_CHUNKS "mlrec_model_chunk"

/* The OID of one of the extension's own relations. */
extern Oid	store_relation(const char *name);

/* The OID of mlrec_model. */
extern Oid	store_table(void);

/*
 * The number of a model that argument argno gives, 0 for NULL, which stands for the
 * active model.  A 0 that is given is no number of a model, and an error.
 */
extern int32 store_model_argument(FunctionCallInfo fcinfo, int argno);

/* Raises that a model does not exist, and tells what there is. */
pg_noreturn extern void store_no_model(int32 model_id);

/* Raises that no model is active, and tells what there is. */
pg_noreturn extern void store_none_active(void);

/* Whether one of a model's relations is temporary, by their names. */
extern bool store_is_temporary(const StoreEntry *entry);

/*
 * The OIDs of the relations on which the model was trained.  Raises
 * ERRCODE_UNDEFINED_TABLE if one of them is gone.
 */
extern void store_find_relations(const StoreEntry *entry, StoreRelations *relations);

/* Whether store_find_relations would find them all. */
extern bool store_relations_exist(const StoreEntry *entry);

/* store_find_relations() of the active model; false if none is. */
extern bool store_active_relations(StoreRelations *relations);

#endif							/* MLREC_STORE_STORE_H */
