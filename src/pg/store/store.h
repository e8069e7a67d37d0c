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
	char	   *movies;
	char	   *users;			/* NULL: there is none */

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
	Oid			movies;
	Oid			users;			/* InvalidOid: there is none */
	bool		ratings_may_hide;	/* the current user may see a part of the rows only */
	bool		movies_may_hide;
	bool		is_restricted;	/* ratings or movies are, for the current user */
} StoreRelations;

/* Takes a piece of a model file; false: no more, please. */
typedef bool (*StoreSink) (void *arg, const char *data, Size length);

extern int32 store_next_id(void);
extern void store_save(StoreEntry *entry, const void *file, Size size, bool activate);

extern void store_hide_boundary(StoreEntry *entry);
extern void store_replace(const StoreEntry *before, StoreEntry *entry, const void *file);

extern List *store_model_ids(Snapshot snapshot);
extern bool store_read(int32 model_id, Snapshot snapshot, StoreEntry *entry);
extern bool store_read_active(Snapshot snapshot, StoreEntry *entry);
extern bool store_is_leaving(int32 model_id);
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

extern Oid	store_relation(const char *name);
extern Oid	store_table(void);
extern int32 store_model_argument(FunctionCallInfo fcinfo, int argno);
pg_noreturn extern void store_no_model(int32 model_id);
pg_noreturn extern void store_none_active(void);

/* Whether one of a model's relations is temporary, by their names. */
extern bool store_is_temporary(const StoreEntry *entry);

extern void store_find_relations(const StoreEntry *entry, StoreRelations *relations);
extern bool store_relations_exist(const StoreEntry *entry);
extern bool store_active_relations(StoreRelations *relations);

#endif							/* MLREC_STORE_STORE_H */
