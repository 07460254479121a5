import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import type { MongoClient } from "mongodb";
import { connect, folderFor, spawnServer } from "./fixture.ts";

type Entry = { _id: string; n: number; kind: string };
type Acknowledged = { inserted: Set<string>; deleted: Set<string>; counts: Map<string, number> };

const rounds = 5;
const writers = 6;

/** A small generator that a seed repeats (mulberry32). */
function randomFrom(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let bits = Math.imul(state ^ (state >>> 15), 1 | state);
		bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
		return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** Writes until the server is gone, and remembers what was acknowledged. */
async function write(client: MongoClient, writer: string, known: Acknowledged): Promise<void> {
	const entries = client.db("test").collection<Entry>("entries");
	const counters = client.db("test").collection<{ _id: string; n: number }>("counters");
	for (let n = 0; ; n++) {
		try {
			const _id = `${writer}-${n}`;
			await entries.insertOne({ _id, n, kind: `k${n % 5}` });
			known.inserted.add(_id);
			await counters.updateOne({ _id: writer }, { $inc: { n: 1 } }, { upsert: true });
			known.counts.set(writer, (known.counts.get(writer) ?? 0) + 1);
			if (n % 4 === 3) {
				const gone = `${writer}-${n - 2}`;
				known.inserted.delete(gone); // from here on it may be there or not
				await entries.deleteOne({ _id: gone });
				known.deleted.add(gone);
			}
		} catch {
			return; // the reply never came: this write may have happened or not
		}
	}
}

test("kill -9 at random moments loses no acknowledged write and leaves indexes that agree", async (t) => {
	const folder = folderFor(t);
	const seed = Date.now() & 0x7fffffff;
	t.log(`seed ${seed}`);
	const random = randomFrom(seed);
	const known: Acknowledged = { inserted: new Set(), deleted: new Set(), counts: new Map() };
	for (let round = 0; round < rounds; round++) {
		const { child, uri } = await spawnServer(t, folder);
		const client = connect(uri, { retryWrites: false, retryReads: false, serverSelectionTimeoutMS: 1000 });
		const db = client.db("test");
		if (round === 0) {
			await db.collection("entries").createIndex({ kind: 1, n: -1 });
			await db.collection("entries").createIndex({ n: 1, _id: 1 }, { unique: true });
		}
		const writing = Array.from({ length: writers }, (_, i) => write(client, `r${round}w${i}`, known));
		const before = known.inserted.size;
		while (known.inserted.size === before) await sleep(5); // connected and writing
		await sleep(random() * 500);
		child.kill("SIGKILL");
		await once(child, "exit");
		await client.close(true);
		await Promise.all(writing);

		const after = await spawnServer(t, folder);
		const reader = connect(after.uri);
		const entries = reader.db("test").collection<Entry>("entries");
		const found = new Set((await entries.find().toArray()).map(({ _id }) => _id));
		t.deepEqual(
			[...known.inserted].filter((id) => !found.has(id)),
			[],
			"every acknowledged insert is there",
		);
		t.deepEqual(
			[...known.deleted].filter((id) => found.has(id)),
			[],
			"every acknowledged delete is done",
		);
		for (const { _id, n } of await reader.db("test").collection("counters").find().toArray()) {
			const acknowledged = known.counts.get(String(_id)) ?? 0;
			t.true(n === acknowledged || n === acknowledged + 1, `${_id}: ${n} of ${acknowledged}`);
		}
		const byIndex = await entries.find({ kind: "k1" }).sort({ n: -1 }).toArray();
		const byScan = await entries.find({ $or: [{ kind: "k1" }] }).toArray();
		t.is(byIndex.length, byScan.length);
		for (const name of ["entries", "counters"])
			t.like(await reader.db("test").command({ validate: name }), { valid: true, errors: [] });
		await reader.close();
		after.child.kill("SIGKILL");
		await once(after.child, "exit");
	}
	t.log(`${known.inserted.size} inserts acknowledged in ${rounds} rounds`);
	t.true(known.inserted.size > rounds * writers);
});
