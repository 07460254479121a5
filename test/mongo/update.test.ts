import test from "ava";
import type { Document, ObjectId } from "mongodb";
import { failureOf, openServer } from "./fixture.ts";

type Keyed = Document & { _id: number | string | ObjectId };

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

test("an upsert by _id makes the document once, and cannot change it", async (t) => {
	const { db } = await openServer(t);
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
