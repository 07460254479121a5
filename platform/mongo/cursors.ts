import { randomBytes } from "node:crypto";
import { calculateObjectSize, type Document, Long } from "bson";
import { Failure } from "./failure.ts";
import { maxDocumentBytes } from "./value.ts";

/** MongoDB's own: a cursor nobody asks for dies after ten minutes. */
const idleMs = 10 * 60 * 1000;
/** A leak in a client must not fill the server's memory. */
const maxOpenCursors = 1000;

type Open = { ns: string; source: Iterator<Document>; pending: Document | undefined; usedAtMs: number };

export type Cursors = {
	/** The reply of find, aggregate and the list commands: a first batch, and an id when there is more. */
	first(ns: string, source: Iterator<Document>, batchSize: number, single?: boolean): Document;
	/** @throws Failure CursorNotFound, Unauthorized for another collection's cursor */
	next(id: bigint, ns: string, batchSize: number): Document;
	kill(ids: readonly bigint[], ns: string): Document;
	/** Ends the cursors of a collection whose plan no longer holds. */
	killAll(ns: string): void;
};

export function openCursors(now: () => Date): Cursors {
	const open = new Map<bigint, Open>();

	/** As many documents as asked for and as fit one reply; fills `pending` with the one after them. */
	function take(cursor: Open, batchSize: number): Document[] {
		const batch: Document[] = [];
		let bytes = 0;
		for (;;) {
			if (cursor.pending === undefined) {
				const next = cursor.source.next();
				if (next.done) return batch;
				cursor.pending = next.value;
			}
			const size = calculateObjectSize(cursor.pending);
			if (batch.length >= batchSize || (batch.length > 0 && bytes + size > maxDocumentBytes)) return batch;
			batch.push(cursor.pending);
			bytes += size;
			cursor.pending = undefined;
		}
	}

	function expire(): void {
		const oldest = now().getTime() - idleMs;
		for (const [id, cursor] of open) if (cursor.usedAtMs < oldest) open.delete(id);
	}

	function newId(): bigint {
		const id = randomBytes(8).readBigUInt64BE() >> 1n; // positive as a signed 64-bit number
		return id === 0n || open.has(id) ? newId() : id;
	}

	return {
		first(ns, source, batchSize, single = false) {
			const cursor: Open = { ns, source, pending: undefined, usedAtMs: now().getTime() };
			const firstBatch = take(cursor, batchSize);
			if (cursor.pending === undefined || single) {
				source.return?.();
				return { cursor: { firstBatch, id: Long.ZERO, ns } };
			}
			expire();
			if (open.size >= maxOpenCursors)
				throw new Failure("QueryExceededMemoryLimit", `${maxOpenCursors} cursors are open; close some`);
			const id = newId();
			open.set(id, cursor);
			return { cursor: { firstBatch, id: Long.fromBigInt(id), ns } };
		},
		next(id, ns, batchSize) {
			expire();
			const cursor = open.get(id);
			if (!cursor) throw new Failure("CursorNotFound", `cursor id ${id} not found`);
			if (cursor.ns !== ns)
				throw new Failure("Unauthorized", `cursor id ${id} belongs to '${cursor.ns}', not to '${ns}'`);
			let nextBatch: Document[];
			try {
				nextBatch = take(cursor, batchSize);
			} catch (error) {
				open.delete(id);
				throw error;
			}
			cursor.usedAtMs = now().getTime();
			const more = cursor.pending !== undefined;
			if (!more) open.delete(id);
			return { cursor: { nextBatch, id: more ? Long.fromBigInt(id) : Long.ZERO, ns } };
		},
		kill(ids, ns) {
			const killed = ids.filter((id) => open.get(id)?.ns === ns && open.delete(id));
			const long = (list: readonly bigint[]) => list.map((id) => Long.fromBigInt(id));
			const cursorsNotFound = ids.filter((id) => !killed.includes(id));
			return {
				cursorsKilled: long(killed),
				cursorsNotFound: long(cursorsNotFound),
				cursorsAlive: [],
				cursorsUnknown: [],
			};
		},
		killAll(ns) {
			for (const [id, cursor] of open) if (cursor.ns === ns) open.delete(id);
		},
	};
}
