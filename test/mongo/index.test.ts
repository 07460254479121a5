import test from "ava";
import fc from "fast-check";
import type { Collection, Document, Sort } from "mongodb";
import { failureOf, openServer } from "./fixture.ts";

type Keyed = Document & { _id: number };

const scalar = fc.oneof(
	{ weight: 4, arbitrary: fc.integer({ min: 0, max: 4 }) },
	{ weight: 2, arbitrary: fc.constantFrom("a", "b", "ab", "") },
	fc.constantFrom(null, true, false, 1.5, -1, new Date(0), new Date(5)),
);
const field = fc.oneof(
	{ weight: 6, arbitrary: scalar },
	fc.array(scalar, { maxLength: 3 }),
	fc.record({ x: scalar }, { requiredKeys: [] }),
	fc.array(fc.record({ x: scalar }, { requiredKeys: [] }), { maxLength: 2 }),
);
const document = fc.record({ a: field, b: scalar, c: scalar }, { requiredKeys: [] });
const condition = fc.oneof(
	scalar,
	scalar.map(($eq) => ({ $eq })),
	fc.array(scalar, { maxLength: 3 }).map(($in) => ({ $in })),
	...(["$gt", "$gte", "$lt", "$lte"] as const).map((name) => scalar.map((value) => ({ [name]: value }))),
	fc.tuple(scalar, scalar).map(([$gte, $lt]) => ({ $gte, $lt })),
	scalar.map(($ne) => ({ $ne })),
	fc.boolean().map(($exists) => ({ $exists })),
);
const path = fc.constantFrom("a", "b", "c", "a.x");
const filter = fc
	.array(fc.tuple(path, condition), { maxLength: 3 })
	.map((entries) => ({ $and: [...entries.map(([name, value]) => ({ [name]: value })), {}] }));
const direction = fc.constantFrom(1 as const, -1 as const);
const keys = fc
	.uniqueArray(fc.tuple(path, direction), { selector: ([name]) => name, minLength: 1, maxLength: 3 })
	.map((entries) => Object.fromEntries(entries));
const partial = fc.constantFrom(
	undefined,
	{ b: { $exists: true } },
	{ b: 1 },
	{ c: { $gte: 2 } },
	{ b: { $in: [1, 2] }, c: { $lt: 4 } },
);
const query = fc.record({ filter, sort: fc.option(keys), limit: fc.constantFrom(0, 1, 3, 100) });
/** With the `_id` at its end an index can give the order that `answer` asks for. */
const indexKeys = fc.tuple(keys, fc.boolean()).map(([key, withId]) => (withId ? { ...key, _id: 1 as const } : key));
const indexes = fc.array(fc.record({ key: indexKeys, partial }), { minLength: 1, maxLength: 3 });

const runs = 50;

/** What a sort promises: the documents, or where a limit cuts between equals, their sort keys. */
async function answer(collection: Collection<Keyed>, one: { filter: Document; sort: Document | null; limit: number }) {
	const found = await collection
		.find(one.filter)
		.sort(one.sort ? { ...one.sort, _id: 1 } : {})
		.limit(one.sort ? one.limit : 0)
		.toArray();
	const ids = found.map(({ _id }) => _id);
	return one.sort ? ids : ids.sort((x, y) => x - y);
}

test("a query gives the same documents in the same order with any indexes as without", async (t) => {
	const { db } = await openServer(t);
	const seed = Date.now() & 0x7fffffff;
	t.log(`seed ${seed}`);
	let n = 0;
	const property = fc.asyncProperty(
		fc.array(document, { minLength: 2, maxLength: 40 }),
		indexes,
		fc.array(query, { minLength: 8, maxLength: 8 }),
		fc.array(fc.tuple(fc.nat(39), field), { maxLength: 10 }),
		async (documents, specs, queries, changes) => {
			const [plain, indexed] = [db.collection<Keyed>(`p${++n}`), db.collection<Keyed>(`i${n}`)];
			const all = documents.map((one, _id) => ({ ...one, _id }));
			await plain.insertMany(all);
			await indexed.insertMany(all.slice(0, Math.floor(all.length / 2)));
			for (const [i, spec] of specs.entries())
				await indexed
					.createIndex(spec.key, { name: `i${i}`, ...(spec.partial && { partialFilterExpression: spec.partial }) })
					.catch((error) => t.true([85, 171].includes(error.code), error.message));
			const rest = all.slice(Math.floor(all.length / 2));
			const refused = await indexed.insertMany(rest, { ordered: false }).catch((error) => error.writeErrors ?? []);
			for (const { index } of Array.isArray(refused) ? refused : [])
				await plain.deleteOne({ _id: rest[index]?._id as number });
			for (const [_id, a] of changes)
				await indexed.updateOne({ _id }, { $set: { a } }).then(
					() => plain.updateOne({ _id }, { $set: { a } }),
					(error) => t.is(error.code, 171),
				);
			for (const one of queries)
				t.deepEqual(await answer(indexed, one), await answer(plain, one), JSON.stringify({ one, specs }));
			t.true((await db.command({ validate: indexed.collectionName })).valid);
		},
	);
	await fc.assert(property, { seed, numRuns: runs });
});

test("several ranges of an index are merged into its order, forwards and backwards", async (t) => {
	const { db } = await openServer(t);
	const seed = Date.now() & 0x7fffffff;
	t.log(`seed ${seed}`);
	const flat = fc.record({ b: scalar, c: scalar }, { requiredKeys: [] });
	const lists = fc.array(fc.array(scalar, { minLength: 2, maxLength: 4 }), { minLength: 4, maxLength: 4 });
	let n = 0;
	const property = fc.asyncProperty(
		fc.array(flat, { minLength: 10, maxLength: 60 }),
		fc.tuple(direction, direction, direction),
		lists,
		async (documents, [b, c, _id], wanted) => {
			const [plain, indexed] = [db.collection<Keyed>(`mp${++n}`), db.collection<Keyed>(`mi${n}`)];
			await indexed.createIndex({ b, c, _id });
			for (const to of [plain, indexed]) await to.insertMany(documents.map((one, i) => ({ ...one, _id: i })));
			for (const $in of wanted)
				for (const sort of [
					{ c, _id },
					{ c: -c, _id: -_id },
				] as Sort[]) {
					const ids = async (from: Collection<Keyed>) =>
						(await from.find({ b: { $in } }).sort(sort).limit(7).toArray()).map((one) => one._id);
					t.deepEqual(await ids(indexed), await ids(plain), JSON.stringify({ $in, sort }));
				}
		},
	);
	await fc.assert(property, { seed, numRuns: 15 });
});

test("a claim and a keyset page read a few rows of many", async (t) => {
	const { db } = await openServer(t);
	const jobs = db.collection("jobs");
	await jobs.createIndex({ state: 1, host: 1, priority: -1, available_at: 1 });
	await jobs.createIndex({ project_id: 1, created_at: -1, _id: -1 });
	const many = Array.from({ length: 20_000 }, (_, i) => ({
		state: i % 50 === 0 ? "ready" : "done",
		host: i % 3 === 0 ? "h" : null,
		priority: i % 7,
		available_at: new Date(i),
		project_id: `p${i % 4}`,
		created_at: new Date(i % 1000),
	}));
	await jobs.insertMany(many);
	const claim = (i: number) =>
		jobs.findOneAndUpdate(
			{ state: "ready", host: { $in: ["h", null] }, available_at: { $lte: new Date(1e6) } },
			{ $set: { state: "leased", token: i } },
			{ sort: { priority: -1, available_at: 1 } },
		);
	const cpuMs = async (work: () => Promise<unknown>) => {
		const before = process.cpuUsage();
		await work();
		const { user, system } = process.cpuUsage(before);
		return (user + system) / 1000;
	};
	const rounds = 20;
	const claimed: Document[] = [];
	const claimMs = await cpuMs(async () => {
		for (let i = 0; i < rounds; i++) claimed.push((await claim(i)) as Document);
	});
	const urgent = many
		.filter(({ state }) => state === "ready")
		.sort((a, b) => b.priority - a.priority || a.available_at.getTime() - b.available_at.getTime());
	t.deepEqual(
		claimed.map(({ available_at }) => available_at),
		urgent.slice(0, rounds).map(({ available_at }) => available_at),
	);
	const page = { project_id: "p1", created_at: { $lt: new Date(500) } };
	const pageMs = await cpuMs(async () => {
		for (let i = 0; i < rounds; i++) await jobs.find(page).sort({ created_at: -1, _id: -1 }).limit(10).toArray();
	});
	const scanMs = await cpuMs(() => jobs.countDocuments({ $or: [{ state: "none" }] }));
	t.log(`${rounds} claims ${claimMs} ms, ${rounds} pages ${pageMs} ms, one scan ${scanMs} ms of processor time`);
	t.true(claimMs / rounds < scanMs / 4, "a claim does not scan");
	t.true(pageMs / rounds < scanMs / 4, "a page does not scan");
});

test("unique and partial unique indexes hold, and name the key", async (t) => {
	const { db } = await openServer(t);
	const c = db.collection<Keyed>("c");
	await c.insertMany([
		{ _id: 1, k: "x" },
		{ _id: 2, k: "x" },
	]);
	t.is((await failureOf(c.createIndex({ k: 1 }, { unique: true }))).code, 11000);
	t.is((await c.indexes()).length, 1);
	await c.deleteOne({ _id: 2 });
	await c.createIndex({ k: 1 }, { unique: true });
	const error = await failureOf(c.insertOne({ _id: 3, k: "x" }));
	t.like(error, { code: 11000, keyPattern: { k: 1 }, keyValue: { k: "x" } });
	t.regex(error.message, /E11000.*test\.c index: k_1/);
	await c.insertOne({ _id: 4 });
	t.is((await failureOf(c.insertOne({ _id: 5 }))).code, 11000); // missing is a value
	t.is((await failureOf(c.updateOne({ _id: 4 }, { $set: { k: "x" } }))).code, 11000);
	t.like(await failureOf(c.findOneAndUpdate({ _id: 4 }, { $set: { k: "x" } })), { code: 11000, keyValue: { k: "x" } });

	const p = db.collection<Keyed>("p");
	await p.createIndex({ w: 1 }, { unique: true, partialFilterExpression: { open: true } });
	await p.insertMany([
		{ _id: 1, w: 1, open: false },
		{ _id: 2, w: 1, open: false },
		{ _id: 3, w: 1, open: true },
	]);
	t.is((await failureOf(p.updateOne({ _id: 1 }, { $set: { open: true } }))).code, 11000);
	await p.updateOne({ _id: 3 }, { $set: { open: false } });
	t.is((await p.updateOne({ _id: 1 }, { $set: { open: true } })).modifiedCount, 1);
	const arrays = db.collection<Keyed>("a");
	await arrays.createIndex({ l: 1 }, { unique: true });
	await arrays.insertOne({ _id: 1, l: [1, 1, 2] });
	t.is((await failureOf(arrays.insertOne({ _id: 2, l: [3, 2] }))).code, 11000);
	t.is((await failureOf(arrays.createIndex({ "l.x": 1, l: 1 }))).code, 171);
});

test("index definitions: idempotent, listed, dropped, and never silently another", async (t) => {
	const { db } = await openServer(t);
	const c = db.collection("c");
	t.is(await c.createIndex({ a: 1, b: -1 }), "a_1_b_-1");
	t.is(await c.createIndex({ a: 1, b: -1 }), "a_1_b_-1");
	t.is((await failureOf(c.createIndex({ z: 1 }, { name: "a_1_b_-1" }))).code, 86);
	t.is((await failureOf(c.createIndex({ a: 1, b: -1 }, { unique: true }))).code, 86);
	t.is((await failureOf(c.createIndex({ a: 1, b: -1 }, { name: "other" }))).code, 85);
	t.is((await failureOf(c.createIndexes([{ key: { y: 1 } }, { key: { a: 1 }, name: "a_1_b_-1" }]))).code, 86);
	const partial = { name: "open", partialFilterExpression: { open: true } };
	await c.createIndex({ a: 1, b: -1 }, partial);
	t.deepEqual(await c.indexes(), [
		{ v: 2, key: { _id: 1 }, name: "_id_" },
		{ v: 2, key: { a: 1, b: -1 }, name: "a_1_b_-1" },
		{ v: 2, key: { a: 1, b: -1 }, ...partial },
	]);
	await c.dropIndex("open");
	t.is((await failureOf(c.dropIndex("open"))).code, 27);
	t.is((await failureOf(c.dropIndex("_id_"))).code, 72);
	await c.dropIndexes();
	t.is((await c.indexes()).length, 1);
	t.is((await failureOf(db.collection("none").indexes())).code, 26);
});

test("upserts that race on one key make one document", async (t) => {
	const { db } = await openServer(t);
	const c = db.collection("c");
	await c.createIndex({ k: 1 }, { unique: true });
	await Promise.all(
		Array.from({ length: 60 }, (_, i) => c.updateOne({ k: i % 3 }, { $inc: { n: 1 } }, { upsert: true })),
	);
	const counts = await c.find({}, { projection: { _id: 0 }, sort: { k: 1 } }).toArray();
	t.deepEqual(
		counts,
		[0, 1, 2].map((k) => ({ k, n: 20 })),
	);
});
