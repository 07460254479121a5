import test from "ava";
import { type Document, ObjectId } from "mongodb";
import { failureOf, openServer } from "./fixture.ts";

type Keyed = Document & { _id: number | string | ObjectId };

/** [before, update, after]; `_id` is left out on both sides. */
const updates: [Document, Document, Document][] = [
	[{ a: 1 }, { $set: { a: 2, b: 3 } }, { a: 2, b: 3 }],
	[{}, { $set: { "a.b.c": 1 } }, { a: { b: { c: 1 } } }],
	[{ a: [1, { b: 2 }] }, { $set: { "a.0": 9, "a.1.b": 8 } }, { a: [9, { b: 8 }] }],
	[{}, { $set: { z: 1, b: 1, "a.c": 1 } }, { a: { c: 1 }, b: 1, z: 1 }],
	[{ a: 1 }, { $set: {} }, { a: 1 }],
	[{ a: 1, b: { c: 1, d: 2 } }, { $unset: { a: "", "b.c": "", "x.y": "" } }, { b: { d: 2 } }],
	[{ a: [1, 2] }, { $unset: { "a.0": 1 } }, { a: [null, 2] }],
	[{ a: 1 }, { $inc: { a: 2, b: 5 } }, { a: 3, b: 5 }],
	[{ a: 1.5 }, { $inc: { a: -0.5 } }, { a: 1 }],
	[{ a: 2 ** 53 - 2 }, { $inc: { a: 1 } }, { a: 2 ** 53 - 1 }],
	[{ a: 3 }, { $mul: { a: 2, b: 2 } }, { a: 6, b: 0 }],
	[{ a: 3, b: 3, c: "x" }, { $min: { a: 2, b: 4, c: 9, d: 1 } }, { a: 2, b: 3, c: 9, d: 1 }],
	[{ a: 3, b: 3, c: null }, { $max: { a: 2, b: 4, c: 0 } }, { a: 3, b: 4, c: 0 }],
	[{ a: [1] }, { $push: { a: 2, b: 3 } }, { a: [1, 2], b: [3] }],
	[{ a: [1] }, { $push: { a: [2, 3] } }, { a: [1, [2, 3]] }],
	[{ a: [1] }, { $push: { a: { $each: [2, 3], $slice: -2 } } }, { a: [2, 3] }],
	[{ a: [1] }, { $push: { a: { $each: [2, 3], $position: 0, $slice: 2 } } }, { a: [2, 3] }],
	[{ a: [1] }, { $push: { a: { $each: [], $slice: 0 } } }, { a: [] }],
	[{ a: [1, { b: 1 }] }, { $addToSet: { a: { $each: [1, { b: 1 }, 2] } } }, { a: [1, { b: 1 }, 2] }],
	[
		{ a: [{ x: 1, y: 2 }] },
		{ $addToSet: { a: { y: 2, x: 1 } } },
		{
			a: [
				{ x: 1, y: 2 },
				{ y: 2, x: 1 },
			],
		},
	],
	[{ a: [1, 2, 1, 3] }, { $pull: { a: 1 } }, { a: [2, 3] }],
	[{ a: [1, 5, 9] }, { $pull: { a: { $gte: 5 } } }, { a: [1] }],
	[{ a: [{ b: 1, c: 1 }, { b: 2 }, 3] }, { $pull: { a: { b: 1 } } }, { a: [{ b: 2 }, 3] }],
	[{ a: ["x", "y"] }, { $pull: { a: { $in: ["x"] }, nope: 1 } }, { a: ["y"] }],
	[{ a: 1 }, { $setOnInsert: { b: 1 }, $set: { c: 1 } }, { a: 1, c: 1 }],
	[{ a: { $x: 1 } }, { $set: { "a.y": { $z: 1 } } }, { a: { $x: 1, y: { $z: 1 } } }],
];

test("modifiers do what MongoDB's do", async (t) => {
	const { db } = await openServer(t);
	for (const [i, [before, update, after]] of updates.entries()) {
		const collection = db.collection<Keyed>(`c${i}`);
		await collection.insertOne({ _id: 1, ...before });
		const { matchedCount } = await collection.updateOne({ _id: 1 }, update);
		t.is(matchedCount, 1);
		t.is(JSON.stringify(await collection.findOne()), JSON.stringify({ _id: 1, ...after }), JSON.stringify(update));
	}
});

test("$currentDate sets the time, and a no-op modifies nothing", async (t) => {
	const { db } = await openServer(t);
	const collection = db.collection<Keyed>("c");
	await collection.insertMany([
		{ _id: 1, a: 1 },
		{ _id: 2, a: 1 },
	]);
	const started = Date.now();
	const stamp: Document = { $currentDate: { at: true, on: { $type: "date" } } };
	await collection.updateOne({ _id: 1 }, stamp);
	const { at } = (await collection.findOne({ _id: 1 })) as Document;
	t.true(at instanceof Date && at.getTime() >= started && at.getTime() <= Date.now());
	const result = await collection.updateMany({}, { $set: { a: 1 } });
	t.like(result, { matchedCount: 2, modifiedCount: 0 });
	t.like(await collection.replaceOne({ _id: 2 }, { b: 1 }), { matchedCount: 1, modifiedCount: 1 });
	t.deepEqual(await collection.findOne({ _id: 2 }), { _id: 2, b: 1 });
});

/** [filter, update, what is inserted without `_id`]. */
const upserts: [Document, Document, Document][] = [
	[{ a: 1, "b.c": { $eq: 2 }, d: { $gt: 3 } }, { $set: { e: 4 } }, { a: 1, b: { c: 2 }, e: 4 }],
	[{ $and: [{ a: 1 }, { b: 2 }], c: { $in: [1, 2] } }, { $inc: { n: 1 } }, { a: 1, b: 2, n: 1 }],
	[{ a: 1 }, { $setOnInsert: { b: 2 }, $push: { l: 1 } }, { a: 1, b: 2, l: [1] }],
	[{ a: 1 }, { $set: { a: 2 } }, { a: 2 }],
	[{ a: 1, x: 9 }, { b: 2 }, { b: 2 }],
	[{ a: /x/ }, { $min: { b: 2 } }, { b: 2 }],
	[{ a: { x: 1 } }, { $set: { "a.y": 2 } }, { a: { x: 1, y: 2 } }],
];

test("an upsert starts from the filter's equalities", async (t) => {
	const { db } = await openServer(t);
	for (const [i, [filter, update, inserted]] of upserts.entries()) {
		const collection = db.collection<Keyed>(`c${i}`);
		const operators = Object.keys(update)[0]?.startsWith("$");
		const result = operators
			? await collection.updateOne(filter, update, { upsert: true })
			: await collection.replaceOne(filter, update, { upsert: true });
		t.like(result, { matchedCount: 0, modifiedCount: 0, upsertedCount: 1 });
		const { _id, ...rest } = (await collection.findOne()) as Document;
		t.true(_id instanceof ObjectId && _id.equals(result.upsertedId as ObjectId));
		t.deepEqual(rest, inserted);
	}
	const byId = db.collection<Keyed>("byId");
	await byId.updateOne({ _id: "k" }, { $set: { a: 1 } }, { upsert: true });
	await byId.updateOne({ _id: "k" }, { $inc: { a: 1 } }, { upsert: true });
	t.deepEqual(await byId.find().toArray(), [{ _id: "k", a: 2 }]);
	t.is((await failureOf(byId.updateOne({ _id: "q" }, { $set: { _id: "r" } }, { upsert: true }))).code, 66);
});

test("findAndModify replies as MongoDB does", async (t) => {
	const { db } = await openServer(t);
	const collection = db.collection<Keyed>("c");
	await collection.insertMany([1, 2, 3].map((n) => ({ _id: n, n, s: n % 2 })));
	const run = (command: Document) => db.command({ findAndModify: "c", ...command });
	const oldest = { query: { s: 1 }, sort: { n: -1 }, update: { $inc: { n: 10 } } };
	t.deepEqual(await run({ ...oldest, fields: { n: 1, _id: 0 } }), {
		lastErrorObject: { n: 1, updatedExisting: true },
		value: { n: 3 },
		ok: 1,
	});
	t.deepEqual((await run({ ...oldest, new: true })).value, { _id: 3, n: 23, s: 1 });
	t.deepEqual(await run({ ...oldest, query: { s: 9 } }), {
		lastErrorObject: { n: 0, updatedExisting: false },
		value: null,
		ok: 1,
	});
	t.deepEqual(await run({ query: { _id: 7 }, update: { $set: { s: 1 } }, upsert: true }), {
		lastErrorObject: { n: 1, updatedExisting: false, upserted: 7 },
		value: null,
		ok: 1,
	});
	t.deepEqual((await run({ query: { _id: 8 }, update: { s: 5 }, upsert: true, new: true })).value, { _id: 8, s: 5 });
	t.deepEqual(await run({ query: { s: 0 }, remove: true }), {
		lastErrorObject: { n: 1 },
		value: { _id: 2, n: 2, s: 0 },
		ok: 1,
	});
	t.is(await collection.findOneAndDelete({ s: 0 }), null);
	t.deepEqual(await collection.findOneAndReplace({ _id: 8 }, { x: 1 }, { returnDocument: "after" }), { _id: 8, x: 1 });
});

test("ordered writes stop at the first error, unordered ones go on", async (t) => {
	const { db } = await openServer(t);
	const collection = db.collection<Keyed>("c");
	const documents = [{ _id: 1 }, { _id: 1 }, { _id: 2 }];
	const ordered = await failureOf(collection.insertMany(documents));
	t.like(ordered, { code: 11000, insertedCount: 1 });
	t.is(await collection.countDocuments(), 1);
	const unordered = await failureOf(collection.insertMany([{ _id: 3 }, { _id: 1 }, { _id: 4 }], { ordered: false }));
	t.like(unordered, { code: 11000, insertedCount: 2 });
	const result = await collection.bulkWrite([
		{ insertOne: { document: { _id: 5 } } },
		{ updateOne: { filter: { _id: 6 }, update: { $set: { a: 1 } }, upsert: true } },
		{ deleteMany: { filter: { _id: { $lte: 3 } } } },
	]);
	t.like(result, { insertedCount: 1, upsertedCount: 1, deletedCount: 2 });
	t.deepEqual(await collection.distinct("_id"), [4, 5, 6]);
	t.is((await collection.deleteOne({})).deletedCount, 1);
});

test("a document over 16 MiB is refused, one just under is kept", async (t) => {
	const { db } = await openServer(t);
	const collection = db.collection<Keyed>("c");
	const pad = "x".repeat(16 * 1024 * 1024 - 100);
	await collection.insertOne({ _id: 1, pad });
	t.is((await failureOf(collection.updateOne({ _id: 1 }, { $set: { more: "y".repeat(200) } }))).code, 10334);
	t.is(((await collection.findOne({ _id: 1 })) as Document).pad.length, pad.length);
});
