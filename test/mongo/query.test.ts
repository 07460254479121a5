import test from "ava";
import { Binary, type Document, ObjectId } from "mongodb";
import { openServer } from "./fixture.ts";

const early = new Date(0);
const late = new Date("2040-01-01");
const [idA, idB] = [new ObjectId("00000000000000000000000a"), new ObjectId("00000000000000000000000b")];
const bytes = (...values: number[]) => new Binary(Buffer.from(values));

/** [filter, the documents, which of them (by position) match as MongoDB documents or its source say]. */
const filters: [Document, Document[], number[]][] = [
	[{ a: 1 }, [{ a: 1 }, { a: "1" }, { a: [1, 2] }, { a: [[1]] }, {}], [0, 2]],
	[{ a: null }, [{ a: null }, {}, { a: 0 }, { a: [null] }, { a: [] }], [0, 1, 3]],
	[{ a: { x: 1, y: 2 } }, [{ a: { x: 1, y: 2 } }, { a: { y: 2, x: 1 } }, { a: { x: 1 } }], [0]],
	[{ a: [1, 2] }, [{ a: [1, 2] }, { a: [2, 1] }, { a: [[1, 2]] }, { a: 1 }], [0, 2]],
	[{ "a.b": 1 }, [{ a: { b: 1 } }, { a: [{ b: 2 }, { b: 1 }] }, { a: [1] }, { "a.b": 1 }], [0, 1]],
	[{ "a.b": null }, [{ a: {} }, {}, { a: [{ c: 1 }] }, { a: [] }, { a: [1] }, { a: { b: 1 } }], [0, 1, 2]],
	[{ "a.0": 1 }, [{ a: [1, 2] }, { a: [2, 1] }, { a: { 0: 1 } }], [0, 2]],
	[{ a: { $ne: 1 } }, [{ a: 1 }, { a: 2 }, {}, { a: [1, 2] }], [1, 2]],
	[{ a: { $gt: 5 } }, [{ a: 6 }, { a: "6" }, { a: 5 }, { a: Number.NaN }, { a: [1, 9] }, {}], [0, 4]],
	[{ a: { $lt: 5 } }, [{ a: 4 }, { a: Number.NaN }, { a: null }, { a: Number.NEGATIVE_INFINITY }], [0, 3]],
	[{ a: { $gt: 1, $lt: 3 } }, [{ a: 2 }, { a: [0, 9] }, { a: [0] }], [0, 1]],
	[{ a: { $lte: late } }, [{ a: early }, { a: 5 }, { a: null }, {}], [0]],
	[{ a: { $gte: "b" } }, [{ a: "b" }, { a: "a" }, { a: "\u{1f600}" }, { a: 7 }], [0, 2]],
	[{ a: { $gt: "\uffee" } }, [{ a: "\u{1f600}" }, { a: "\uffef" }, { a: "z" }], [0, 1]],
	[{ a: { $lte: null } }, [{ a: null }, {}, { a: 0 }], [0, 1]],
	[{ a: { $gt: null } }, [{ a: null }, { a: 1 }], []],
	[{ a: { $gt: idA } }, [{ a: idA }, { a: idB }, { a: idB.toHexString() }], [1]],
	[{ a: { $gte: bytes(0xfe) } }, [{ a: bytes(0xff) }, { a: bytes(1) }, { a: bytes(0, 0) }], [0, 2]],
	[{ a: bytes(0xff) }, [{ a: bytes(0xfe) }, { a: bytes(0xff) }], [1]],
	[{ a: { $lt: true } }, [{ a: false }, { a: true }, { a: 0 }], [0]],
	[{ a: { $in: [1, null] } }, [{ a: 1 }, {}, { a: 2 }, { a: [3, 1] }], [0, 1, 3]],
	[{ a: { $in: [[1, 2]] } }, [{ a: [1, 2] }, { a: 1 }], [0]],
	[{ a: { $in: [] } }, [{ a: 1 }, {}], []],
	[{ a: { $nin: [1, null] } }, [{ a: 1 }, {}, { a: 2 }], [2]],
	[{ a: { $exists: true } }, [{ a: null }, {}, { a: [] }], [0, 2]],
	[{ "a.b": { $exists: false } }, [{ a: [] }, { a: [{ b: 1 }] }, { a: 1 }], [0, 2]],
	[{ a: { $type: "string" } }, [{ a: "x" }, { a: 1 }, { a: ["x"] }, {}], [0, 2]],
	[{ a: { $type: ["number", 9] } }, [{ a: 1.5 }, { a: late }, { a: "x" }, { a: null }], [0, 1]],
	[{ a: { $type: "array" } }, [{ a: [] }, { a: 1 }], [0]],
	[{ a: { $size: 1 } }, [{ a: [[1, 2]] }, { a: [1, 2] }, { a: 1 }], [0]],
	[{ a: { $all: [1, 2] } }, [{ a: [2, 3, 1] }, { a: [1] }, { a: 1 }], [0]],
	[{ a: { $all: [1] } }, [{ a: 1 }, { a: [2] }], [0]],
	[{ a: { $all: [] } }, [{ a: [] }, { a: 1 }], []],
	[{ a: { $elemMatch: { b: 1, c: 2 } } }, [{ a: [{ b: 1 }, { c: 2 }] }, { a: [{ b: 1, c: 2 }] }], [1]],
	[{ a: { $elemMatch: { $gt: 1, $lt: 3 } } }, [{ a: [0, 9] }, { a: [2] }, { a: 2 }], [1]],
	[{ a: { $elemMatch: { $or: [{ b: 1 }, { b: 2 }] } } }, [{ a: [{ b: 2 }] }, { a: [{ b: 3 }] }], [0]],
	[{ a: { $not: { $gt: 1 } } }, [{ a: 1 }, { a: 2 }, {}, { a: "x" }], [0, 2, 3]],
	[{ a: { $not: /^x/ } }, [{ a: "xy" }, { a: "yx" }, {}], [1, 2]],
	[{ a: /^x.*z$/i }, [{ a: "XYZ" }, { a: "xyz\n" }, { a: "x\nz" }, { a: ["q", "xz"] }], [0, 1, 3]],
	[{ a: { $regex: "b", $options: "i" } }, [{ a: "aBc" }, { a: 1 }], [0]],
	[{ $and: [{ a: 1 }, { b: 1 }] }, [{ a: 1, b: 1 }, { a: 1 }], [0]],
	[{ $or: [{ a: 1 }, { b: 1 }], c: 1 }, [{ a: 1, c: 1 }, { b: 1 }, { b: 1, c: 1 }], [0, 2]],
	[{ $nor: [{ a: 1 }, { b: 1 }] }, [{ a: 1 }, { c: 1 }], [1]],
	[{ $comment: "why", a: 1 }, [{ a: 1 }, { a: 2 }], [0]],
	[{ a: -0 }, [{ a: 0 }], [0]],
	[{ a: Number.NaN }, [{ a: Number.NaN }, { a: 0 }], [0]],
];

for (const indexed of [false, true])
	test(`filters match what MongoDB matches, ${indexed ? "with an index" : "by a scan"}`, async (t) => {
		const { db } = await openServer(t);
		for (const [i, [filter, documents, expected]] of filters.entries()) {
			const collection = db.collection<{ _id: number }>(`c${i}`);
			const paths = Object.keys(filter).filter((name) => !name.startsWith("$") && !/\d/.test(name));
			if (indexed && paths.length > 0) await collection.createIndex({ [paths[0] as string]: i % 2 === 0 ? 1 : -1 });
			await collection.insertMany(documents.map((document, _id) => ({ _id, ...document })));
			const found = await collection.find(filter).toArray();
			t.deepEqual(found.map(({ _id }) => _id).sort(), expected, JSON.stringify(filter));
			t.is(await collection.countDocuments(filter), expected.length);
		}
	});

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
