import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { DocumentStore, Row, StoredCollection, StoredIndex } from "./store.ts";

const formatVersion = 1;
/** Marks the file as ours ("HFDS"), so that another SQLite database in its place is refused. */
const applicationId = 0x48464453;

const schema = `
CREATE TABLE collections (id INTEGER PRIMARY KEY, db TEXT NOT NULL, name TEXT NOT NULL, uuid BLOB NOT NULL, UNIQUE (db, name));
CREATE TABLE indexes (id INTEGER PRIMARY KEY, collection INTEGER NOT NULL, spec BLOB NOT NULL, multikey INTEGER NOT NULL DEFAULT 0);
CREATE TABLE documents (seq INTEGER PRIMARY KEY, collection INTEGER NOT NULL, document BLOB NOT NULL);
CREATE INDEX documents_of ON documents (collection);
CREATE TABLE entries (idx INTEGER NOT NULL, key BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (idx, key, seq)) WITHOUT ROWID;
PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${formatVersion};
`;

/**
 * Opens the storage in one SQLite file. SQLite's exclusive locking mode is also the lock on the folder: the kernel
 * drops it when the process dies, however it dies, so there is nothing stale to clean up. WAL with synchronous=FULL
 * syncs the log at every commit, so a committed transaction survives a power cut as far as the disk keeps its word.
 * @throws Error with a sentence when the folder is in use, not writable, or holds something else
 */
export function openSqliteStore(dataFolder: string): DocumentStore {
	const file = join(dataFolder, "documents.sqlite");
	const umask = process.umask(0o077); // the file and its log are for this user alone from their first moment
	try {
		mkdirSync(dataFolder, { recursive: true });
		const database = new DatabaseSync(file);
		try {
			prepareDatabase(database);
			return storeOn(database);
		} catch (error) {
			database.close();
			throw error;
		}
	} catch (error) {
		throw new Error(openingSentence(dataFolder, error), { cause: error });
	} finally {
		process.umask(umask);
	}
}

function openingSentence(dataFolder: string, error: unknown): string {
	const { errcode, message } = error as { errcode?: number; message: string };
	const sqliteBusy = 5;
	const sqliteNotADatabase = 26;
	if (errcode === sqliteBusy)
		return `The data folder ${dataFolder} is in use by another document store; stop that one or choose another folder.`;
	if (errcode === sqliteNotADatabase)
		return `The file documents.sqlite in ${dataFolder} is not a database; move it away or choose another folder.`;
	return `The document store cannot use the data folder ${dataFolder}: ${message}`;
}

function pragma(database: DatabaseSync, name: string): unknown {
	return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

function prepareDatabase(database: DatabaseSync): void {
	database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
	database.exec("BEGIN EXCLUSIVE; COMMIT"); // takes the lock now rather than at the first request
	if (pragma(database, "journal_mode") !== "wal") throw new Error("it does not allow SQLite's write-ahead log");
	const version = pragma(database, "user_version");
	const tables = database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n;
	if (tables === 0) database.exec(`BEGIN; ${schema} COMMIT`);
	else if (pragma(database, "application_id") !== applicationId) throw new Error("documents.sqlite is not ours");
	else if (version !== formatVersion) throw new Error(`its format is ${version}, this version reads ${formatVersion}`);
}

function storeOn(database: DatabaseSync): DocumentStore {
	const statements = new Map<string, StatementSync>();
	const sql = (text: string) => {
		const known = statements.get(text) ?? database.prepare(text);
		statements.set(text, known);
		return known;
	};
	const run = (text: string, ...values: SQLInputValue[]) => sql(text).run(...values);
	const all = <T>(text: string, ...values: SQLInputValue[]) => sql(text).all(...values) as T[];
	const number = (text: string, ...values: SQLInputValue[]) => sql(text).get(...values)?.n as number | undefined;
	let depth = 0;

	function transaction<T>(work: () => T): T {
		const outermost = depth === 0;
		const savepoint = `level${depth}`;
		database.exec(outermost ? "BEGIN IMMEDIATE" : `SAVEPOINT ${savepoint}`);
		depth++;
		try {
			const result = work();
			database.exec(outermost ? "COMMIT" : `RELEASE ${savepoint}`);
			return result;
		} catch (error) {
			if (database.isTransaction)
				database.exec(outermost ? "ROLLBACK" : `ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`);
			throw error;
		} finally {
			depth--;
		}
	}

	return {
		transaction,
		inTransaction: () => database.isTransaction,
		collections: () => all<StoredCollection>("SELECT id, db, name, uuid FROM collections ORDER BY id"),
		addCollection: (db, name, uuid) =>
			Number(run("INSERT INTO collections (db, name, uuid) VALUES (?, ?, ?)", db, name, uuid).lastInsertRowid),
		dropCollection(id) {
			run("DELETE FROM entries WHERE idx IN (SELECT id FROM indexes WHERE collection = ?)", id);
			run("DELETE FROM indexes WHERE collection = ?", id);
			run("DELETE FROM documents WHERE collection = ?", id);
			run("DELETE FROM collections WHERE id = ?", id);
		},
		indexes: () =>
			all<Omit<StoredIndex, "multikey"> & { multikey: number }>(
				"SELECT id, collection AS collectionId, spec, multikey FROM indexes ORDER BY id",
			).map((row) => ({ ...row, multikey: row.multikey === 1 })),
		addIndex: (collectionId, spec) =>
			Number(run("INSERT INTO indexes (collection, spec) VALUES (?, ?)", collectionId, spec).lastInsertRowid),
		dropIndex(id) {
			run("DELETE FROM entries WHERE idx = ?", id);
			run("DELETE FROM indexes WHERE id = ?", id);
		},
		markMultikey: (id) => void run("UPDATE indexes SET multikey = 1 WHERE id = ?", id),
		insert: (collectionId, document) =>
			Number(run("INSERT INTO documents (collection, document) VALUES (?, ?)", collectionId, document).lastInsertRowid),
		replace: (seq, document) => void run("UPDATE documents SET document = ? WHERE seq = ?", document, seq),
		remove: (seq) => void run("DELETE FROM documents WHERE seq = ?", seq),
		addEntry: ({ indexId, key }, seq) => void run("INSERT INTO entries VALUES (?, ?, ?)", indexId, key, seq),
		removeEntry: ({ indexId, key }, seq) =>
			void run("DELETE FROM entries WHERE idx = ? AND key = ? AND seq = ?", indexId, key, seq),
		holder: ({ indexId, key }) =>
			number("SELECT seq AS n FROM entries WHERE idx = ? AND key = ? LIMIT 1", indexId, key),
		rows(indexId, { from, to }, after, reverse, limit) {
			const [order, behind] = reverse ? ["DESC", "<"] : ["ASC", ">"];
			// Behind a position, its key is the tighter bound: SQLite seeks by plain comparisons, not by the pair.
			const bounds: [string, Uint8Array | undefined][] = [
				["e.key >= ?", after && !reverse ? after.key : from],
				[after && reverse ? "e.key <= ?" : "e.key < ?", after && reverse ? after.key : to],
			];
			const set = bounds.filter(([, key]) => key !== undefined) as [string, Uint8Array][];
			const conditions = [
				"e.idx = ?",
				...set.map(([text]) => text),
				...(after ? [`(e.key, e.seq) ${behind} (?, ?)`] : []),
			];
			return all<Row>(
				`SELECT e.key, e.seq, d.document FROM entries e CROSS JOIN documents d ON d.seq = e.seq
				WHERE ${conditions.join(" AND ")} ORDER BY e.key ${order}, e.seq ${order} LIMIT ?`,
				indexId,
				...set.map(([, key]) => key),
				...(after ? [after.key, after.seq] : []),
				limit,
			);
		},
		scan: (collectionId, afterSeq, limit) =>
			all<Row>(
				"SELECT x'' AS key, seq, document FROM documents WHERE collection = ? AND seq > ? ORDER BY seq LIMIT ?",
				collectionId,
				afterSeq,
				limit,
			),
		count: (collectionId) => number("SELECT count(*) AS n FROM documents WHERE collection = ?", collectionId) ?? 0,
		countEntries: (indexId) => number("SELECT count(*) AS n FROM entries WHERE idx = ?", indexId) ?? 0,
		sizeBytes: () => (pragma(database, "page_count") as number) * (pragma(database, "page_size") as number),
		close: () => database.close(),
	};
}
