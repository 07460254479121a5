import { Failure } from "./failure.ts";
import type { Filter } from "./filter.ts";
import type { Index } from "./indexing.ts";
import { makePlan, type Plan } from "./plan.ts";
import { type SortField, sortKey } from "./sort.ts";
import type { DocumentStore, KeyRange, Position, Row } from "./store.ts";
import { type Fields, readDocument } from "./value.ts";

export type Found = { seq: number; document: Fields; storedBytes: number };
export type Query = { filter: Filter; sort: readonly SortField[]; skip: number; limit: number };
/** Called now and then while reading; throws when the request has run out of time. */
export type CheckTime = () => void;

/** Read in growing pages, so that a claim of one job reads a few rows and a long scan few pages. */
const firstPageRows = 8;
const maxPageRows = 512;
/** MongoDB's own bound for a sort in memory. */
const maxSortBytes = 100 * 1024 * 1024;
/** A query that wants at most so many documents prefers an index that has them in order. */
const fewDocuments = 1000;

/** Pages are read one by one and hold no cursor open, so writes in between are harmless and a reader may pause. */
function* pages(next: (after: Position | undefined, limit: number) => Row[], checkTime: CheckTime): Generator<Row> {
	let after: Position | undefined;
	for (let limit = firstPageRows; ; limit = Math.min(limit * 4, maxPageRows)) {
		checkTime();
		const rows = next(after, limit);
		yield* rows;
		if (rows.length < limit) return;
		after = rows.at(-1);
	}
}

/** Merges readers whose rows are each in order of the key behind their prefix. */
function* merge(readers: { rows: Generator<Row>; prefixLength: number }[], reverse: boolean): Generator<Row> {
	const heads = readers.flatMap(({ rows, prefixLength }) => {
		const first = rows.next();
		return first.done ? [] : [{ rows, prefixLength, row: first.value }];
	});
	const rest = (head: { prefixLength: number; row: Row }) => head.row.key.subarray(head.prefixLength);
	while (heads.length > 0) {
		let best = 0;
		for (let i = 1; i < heads.length; i++) {
			const order = Buffer.compare(rest(heads[i] as (typeof heads)[0]), rest(heads[best] as (typeof heads)[0]));
			if (reverse ? order > 0 : order < 0) best = i;
		}
		const head = heads[best] as (typeof heads)[0];
		yield head.row;
		const next = head.rows.next();
		if (next.done) heads.splice(best, 1);
		else head.row = next.value;
	}
}

function* rowsOf(
	store: DocumentStore,
	collectionId: number,
	plan: Plan,
	inOrder: boolean,
	checkTime: CheckTime,
): Generator<Row> {
	const { index, reverse } = plan;
	if (!index) return yield* pages((after, limit) => store.scan(collectionId, after?.seq ?? 0, limit), checkTime);
	const read = (range: KeyRange) =>
		pages((after, limit) => store.rows(index.id, range, after, reverse, limit), checkTime);
	if (inOrder && plan.ranges.length > 1)
		return yield* merge(
			plan.ranges.map(({ range, prefixLength }) => ({ rows: read(range), prefixLength })),
			reverse,
		);
	for (const { range } of plan.ranges) yield* read(range);
}

function* matches(rows: Iterable<Row>, filter: Filter, seen: Set<number> | undefined): Generator<Found> {
	for (const { seq, document: bytes } of rows) {
		if (seen?.has(seq)) continue;
		seen?.add(seq);
		const document = readDocument(bytes);
		if (filter.test(document)) yield { seq, document, storedBytes: bytes.length };
	}
}

function inMemoryOrder(found: Iterable<Found>, sort: readonly SortField[]): Found[] {
	let bytes = 0;
	const keyed = [...found].map((one) => {
		const key = sortKey(one.document, sort);
		bytes += key.length + one.storedBytes;
		if (bytes > maxSortBytes)
			throw new Failure(
				"QueryExceededMemoryLimit",
				"The sort needs over 100 MiB of memory; add an index with its order",
			);
		return { key, one };
	});
	return keyed.sort((a, b) => Buffer.compare(a.key, b.key) || a.one.seq - b.one.seq).map(({ one }) => one);
}

/** The documents alone, each changed on its way if asked for. */
export function* documentsOf(found: Iterable<Found>, change?: (document: Fields) => Fields): Generator<Fields> {
	for (const { document } of found) yield change ? change(document) : document;
}

/**
 * The matching documents in the order asked for. Lazily: what is not consumed is not read, and the caller may stop
 * for any time between two documents.
 */
export function* findDocuments(
	store: DocumentStore,
	collection: { id: number; indexes: readonly Index[] },
	{ filter, sort, skip, limit }: Query,
	checkTime: CheckTime,
): Generator<Found> {
	const few = limit > 0 && limit + skip <= fewDocuments;
	const plan = makePlan(collection.indexes, filter, sort, few);
	const rows = rowsOf(store, collection.id, plan, plan.sorted && sort.length > 0, checkTime);
	const found = matches(rows, filter, plan.index?.multikey ? new Set() : undefined);
	let toSkip = skip;
	let left = limit > 0 ? limit : Number.POSITIVE_INFINITY;
	for (const one of plan.sorted ? found : inMemoryOrder(found, sort)) {
		if (toSkip-- > 0) continue;
		yield one;
		if (--left === 0) return;
	}
}
