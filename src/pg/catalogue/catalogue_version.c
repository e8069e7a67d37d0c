/*
 * catalogue_version.c: as of what a catalogue holds.
 *
 * The key must change whenever the rows that we would read might:
 *
 *	- The snapshot: xmin, xmax, the transactions in progress, the command id.
 *	  Whether a snapshot sees a row version depends on these and on the final
 *	  state of transactions which, by the snapshot, have ended; that state does
 *	  not change.  So equal snapshots see the same rows of a table ...
 *	- ... but for the current transaction's own: a later transaction may have
 *	  the same snapshot and not the same self.  So its id, if it has one, is
 *	  part of the key.
 *	- Rolling back to a savepoint takes rows away while under REPEATABLE READ
 *	  the snapshot stays: such rollbacks are counted.
 *	- DDL is not bound to snapshots (TRUNCATE, a policy, a relation that takes
 *	  the name of another): any relcache invalidation changes the key.
 *	- Who asks.
 *
 * All that holds for a plain table whose rows are filtered by nothing.  A view
 * or a policy may depend on the time of day or on a setting, a foreign table on
 * the rest of the world, and an extension may keep the rows of what looks like an
 * empty table on other servers.  To tell all those by what the catalogs say of
 * them was tried, and missed the last.  The plan of the query cannot miss any:
 * what it does not read itself, row by row, is read anew in every call.
 *
 * Where ratings are written all the time snapshots are never the same, but movies
 * hardly change.  The table's visibility map tells.  If all pages are marked as
 * visible to all, every snapshot sees every row.  Who changes a row takes the mark
 * from its page before the writer can commit, thus before a snapshot is taken that sees
 * the change, as index-only scans rely on, too.  And when vacuum sets a mark again
 * it logs that, and leaves the record's position in the map's page.  So if all
 * pages are marked, there are as many as before, and the map was last written
 * where it was before, then nothing has happened to the table in between.
 *
 * (To tell which pages lost their mark, and read only these again, would take
 * more memory than the movies themselves: of each, where it is.)
 */
#include "postgres.h"

#include "access/table.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/catalogue/catalogue_version.h"
#include "pg/store/cache.h"

/* Pages of a table that have theirs in the map side by side, whatever a page's size */
#define MAPPED_TOGETHER 1024

/* What the visibility map says of a table whose rows everybody sees */
typedef struct AllVisible
{
	bool		all_visible;	/* or else the rest is 0 */
	BlockNumber pages;
	XLogRecPtr	map_written;	/* by the latest record */
} AllVisible;

struct CatalogueVersion
{
	AllVisible	all_visible;
	Oid			movies;
	Oid			role;
	uint64		relations;		/* cache_relations_generation() */
	uint64		rollbacks;
	TransactionId self;
	CommandId	command;
	TransactionId xmin;
	TransactionId xmax;
	bool		in_recovery;
	bool		overflowed;
	uint32		n_running;		/* top transactions and subtransactions together */
	TransactionId running[FLEXIBLE_ARRAY_MEMBER];
};

static uint64 rollbacks = 0;

static void
count_rollback(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		rollbacks++;
}

/*
 * When the map of n pages was last written.
 */
static XLogRecPtr
map_written(Relation relation, BlockNumber pages)
{
	XLogRecPtr	latest = 0;
	Buffer		buffer = InvalidBuffer;

	for (BlockNumber page = 0; page < pages; page += MAPPED_TOGETHER)
	{
		XLogRecPtr	written = 0;

		(void) visibilitymap_get_status(relation, page, &buffer);
		if (BufferIsValid(buffer))
		{
			LockBuffer(buffer, BUFFER_LOCK_SHARE);
			written = PageGetLSN(BufferGetPage(buffer));
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
		latest = Max(latest, written);
	}
	if (BufferIsValid(buffer))
		ReleaseBuffer(buffer);
	return latest;
}

static void
ask_visibility_map(Oid movies, AllVisible *all_visible)
{
	Relation	relation = table_open(movies, AccessShareLock);
	BlockNumber visible;

	/* what is not logged leaves no position */
	if ((relation->rd_rel->relkind == RELKIND_RELATION ||
		 relation->rd_rel->relkind == RELKIND_MATVIEW) &&
		relation->rd_rel->relam == HEAP_TABLE_AM_OID && RelationNeedsWAL(relation))
	{
		all_visible->pages = RelationGetNumberOfBlocks(relation);
		visibilitymap_count(relation, &visible, NULL);
		all_visible->all_visible = visible == all_visible->pages;
		if (all_visible->all_visible)
			all_visible->map_written = map_written(relation, all_visible->pages);
	}
	table_close(relation, AccessShareLock);
}

static void
register_callback(void)
{
	static bool registered = false;

	if (!registered)
		RegisterSubXactCallback(count_rollback, NULL);
	registered = true;
}

CatalogueVersion *
catalogue_version_now(Oid movies)
{
	Snapshot	snapshot = GetActiveSnapshot();
	Size		n = snapshot->xcnt + snapshot->subxcnt;
	CatalogueVersion *key = palloc0(offsetof(CatalogueVersion, running) + sizeof(TransactionId) *
									n);

	register_callback();
	key->all_visible.all_visible = !OidIsValid(movies);
	if (OidIsValid(movies))
		ask_visibility_map(movies, &key->all_visible);
	key->movies = movies;
	key->role = GetUserId();
	key->relations = cache_relations_generation();
	key->rollbacks = rollbacks;
	key->self = GetTopTransactionIdIfAny();
	key->command = snapshot->curcid;
	key->xmin = snapshot->xmin;
	key->xmax = snapshot->xmax;
	key->in_recovery = snapshot->takenDuringRecovery;
	key->overflowed = snapshot->suboverflowed;
	key->n_running = n;
	if (snapshot->xcnt > 0)
		memcpy(key->running, snapshot->xip, sizeof(TransactionId) * snapshot->xcnt);
	if (snapshot->subxcnt > 0)
		memcpy(key->running + snapshot->xcnt, snapshot->subxip,
			   sizeof(TransactionId) * snapshot->subxcnt);
	return key;
}

static Size
length_of(const CatalogueVersion *key)
{
	return offsetof(CatalogueVersion, running) + sizeof(TransactionId) * key->n_running;
}

CatalogueVersion *
catalogue_version_copy(const CatalogueVersion *key, MemoryContext context)
{
	CatalogueVersion *copy = MemoryContextAlloc(context, length_of(key));

	memcpy(copy, key, length_of(key));
	return copy;
}

static bool
same_snapshot(const CatalogueVersion *a, const CatalogueVersion *b)
{
	Size		from = offsetof(CatalogueVersion, rollbacks);

	return a->n_running == b->n_running &&
		memcmp((const char *) a + from, (const char *) b + from, length_of(a) - from) == 0;
}

bool
catalogue_version_holds(const CatalogueVersion *key, const CatalogueVersion *now)
{
	const AllVisible *before = &key->all_visible;
	const AllVisible *after = &now->all_visible;

	if (key->movies != now->movies || key->role != now->role || key->relations != now->relations)
		return false;
	return same_snapshot(key, now) ||
		(before->all_visible && after->all_visible && before->pages == after->pages &&
		 before->map_written == after->map_written);
}
