import test from "ava";
import { Binary, type Document, ObjectId } from "mongodb";
import { openServer } from "./fixture.ts";

const early = new Date(0);
const late = new Date("2040-01-01");
const [idA, idB] = [new ObjectId("00000000000000000000000a"), new ObjectId("00000000000000000000000b")];
const bytes = (...values: number[]) => new Binary(Buffer.from(values));

test("values of all types sort in BSON order, by index or in memory", async (t) => {
	const { db } = await openServer(t);
	const ordered = [
		[],
		null,
		Number.NaN,
		Number.NEGATIVE_INFINITY,
		-1.5,
		0,
		2,
		2 ** 53,
		"",
		"a",
		"a\0",
		"aa",
		"\uffee",
		"\u{1f600}",
		{},
	];
	const more = [{ a: 1 }, { b: 0 }, { a: "x" }, bytes(9), bytes(0, 1), idA, idB, false, true, early, late];
	const values = [...ordered, ...more];
	for (const indexed of [false, true]) {
		const collection = db.collection<{ _id: number }>(`order${indexed}`);
		const shuffled = values.map((v, _id) => ({ _id, v })).sort((a, b) => ((a._id * 7) % 11) - ((b._id * 7) % 11));
		await collection.insertMany(shuffled as never[]);
		if (indexed) await collection.createIndex({ v: 1 });
		const ids = async (direction: 1 | -1) =>
			(await collection.find().sort({ v: direction }).limit(100).toArray()).map(({ _id }) => _id);
		const expected = values.map((_, i) => i);
		// A document sorts by field type first: {a: "x"} comes after both number fields.
		t.deepEqual(await ids(1), expected);
		t.deepEqual(await ids(-1), expected.toReversed());
	}
});

test("projections keep the document's order and look into arrays", async (t) => {
	const { db } = await openServer(t);
	const collection = db.collection<Document & { _id: number }>("c");
	await collection.insertOne({ _id: 1, a: 1, b: { c: 2, d: 3 }, e: [{ c: 4, d: 5 }, 6] });
	const cases: [Document, string][] = [
		[{ b: 1, a: 1 }, `{"_id":1,"a":1,"b":{"c":2,"d":3}}`],
		[{ "b.c": 1, "e.d": 1, _id: 0 }, `{"b":{"c":2},"e":[{"d":5}]}`],
		[{ "b.c": 0, "e.c": 0 }, `{"_id":1,"a":1,"b":{"d":3},"e":[{"d":5},6]}`],
		[{ _id: 0 }, `{"a":1,"b":{"c":2,"d":3},"e":[{"c":4,"d":5},6]}`],
		[{ _id: 1 }, `{"_id":1}`],
		[{}, `{"_id":1,"a":1,"b":{"c":2,"d":3},"e":[{"c":4,"d":5},6]}`],
	];
	for (const [projection, expected] of cases)
		t.is(JSON.stringify(await collection.findOne({}, { projection })), expected);
});

test("distinct, count, skip and limit", async (t) => {
	const { db } = await openServer(t);
	const collection = db.collection<Document>("c");
	await collection.insertMany([{ a: 1 }, { a: [1, 2] }, { a: { b: 1 } }, {}, { a: null }]);
	t.deepEqual(await collection.distinct("a"), [1, 2, { b: 1 }, null]);
	t.deepEqual(await collection.distinct("a", { a: 2 }), [1, 2]);
	t.is(await collection.countDocuments({ a: 1 }), 2);
	t.is(await collection.countDocuments({}, { skip: 1, limit: 2 }), 2);
	t.is(await collection.estimatedDocumentCount(), 5);
	t.is((await collection.find().skip(3).limit(10).toArray()).length, 2);
	t.is(await db.collection("none").countDocuments({ a: 1 }), 0);
	t.is(await collection.findOne({ a: 99 }), null);
});
