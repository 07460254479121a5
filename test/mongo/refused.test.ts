import test from "ava";
import { BSONRegExp, type Db, Decimal128, type Document, Long, MinKey, Timestamp } from "mongodb";
import { failureOf, openServer } from "./fixture.ts";

/** What must never pass: [what, the command, MongoDB's code for it]. */
const find = (filter: Document, more: Document = {}) => ({ find: "c", filter, ...more });
const update = (u: unknown, q: Document = { _id: 1 }, more: Document = {}) => ({
	update: "c",
	updates: [{ q, u, ...more }],
});
const stage = (...pipeline: Document[]) => ({ aggregate: "c", pipeline, cursor: {} });
const index = (spec: Document) => ({ createIndexes: "c", indexes: [{ name: "i", key: { a: 1 }, ...spec }] });
const deep = (levels: number): Document => (levels === 0 ? {} : { d: deep(levels - 1) });

const cases: [string, Document, number][] = [
	["unknown command", { mapReduce: "c" }, 59],
	["another unknown command", { collMod: "c" }, 59],
	["unknown field of a command", find({}, { sortt: { a: 1 } }), 40415],
	["unknown field of an update", update({ $set: { a: 1 } }, {}, { upsrt: true }), 40415],
	["hint", find({}, { hint: { a: 1 } }), 2],
	["collation", find({}, { collation: { locale: "de" } }), 2],
	["let", find({}, { let: { a: 1 } }), 2],
	["tailable", find({}, { tailable: true }), 2],
	["showRecordId", find({}, { showRecordId: true }), 2],
	["negative limit", find({}, { limit: -1 }), 2],
	["transaction", { ...find({}), startTransaction: true, autocommit: false, txnNumber: Long.fromNumber(1) }, 20],
	["retryable write", { insert: "c", documents: [{}], txnNumber: Long.fromNumber(1) }, 20],
	["commit", { commitTransaction: 1 }, 20],
	["API version", { ping: 1, apiVersion: "1" }, 322],
	["linearizable read", find({}, { readConcern: { level: "linearizable" } }), 72],
	["snapshot read", find({}, { readConcern: { level: "snapshot" } }), 72],
	["w: 2", { insert: "c", documents: [{}], writeConcern: { w: 2 } }, 2],
	["unknown operator", find({ a: { $near: 1 } }), 2],
	["unknown top level operator", find({ $nope: 1 }), 2],
	["operator beside a field", find({ a: { $gt: 1, b: 2 } }), 2],
	["$where", find({ $where: "true" }), 2],
	["$expr", find({ $expr: { $eq: ["$a", 1] } }), 2],
	["$jsonSchema", find({ $jsonSchema: {} }), 2],
	["$mod", find({ a: { $mod: [2, 0] } }), 2],
	["$in without an array", find({ a: { $in: 1 } }), 2],
	["regex in $in", find({ a: { $in: [/x/] } }), 2],
	["operator in $in", find({ a: { $in: [{ $gt: 1 }] } }), 2],
	["empty $or", find({ $or: [] }), 2],
	["$not of a value", find({ a: { $not: 1 } }), 2],
	["$size of a string", find({ a: { $size: "1" } }), 2],
	["array range", find({ a: { $gt: [1] } }), 2],
	["$type int", find({ a: { $type: "int" } }), 2],
	["$options alone", find({ a: { $options: "i" } }), 2],
	["regex option x", find({ a: new BSONRegExp("a", "x") }), 2],
	["regex look-ahead", find({ a: { $regex: "a(?=b)" } }), 2],
	["regex \\s", find({ a: { $regex: "\\s" } }), 2],
	["broken regex", find({ a: { $regex: "(" } }), 2],
	["equality with a regex", find({ a: { $eq: /x/ } }), 2],
	["Long in a filter", find({ a: Long.fromString("9007199254740993") }), 2],
	["Decimal128 in a filter", find({ a: Decimal128.fromString("1") }), 2],
	["filter that is no document", find([] as unknown as Document), 14],
	["path with an empty part", find({ "a..b": 1 }), 56],
	["sort by 2", find({}, { sort: { a: 2 } }), 2],
	["sort by text score", find({}, { sort: { a: { $meta: "textScore" } } }), 2],
	["mixed projection", find({}, { projection: { a: 1, b: 0 } }), 31254],
	["mixed projection, other way", find({}, { projection: { a: 0, b: 1 } }), 31253],
	["colliding projection", find({}, { projection: { a: 1, "a.b": 1 } }), 31250],
	["$slice projection", find({}, { projection: { a: { $slice: 1 } } }), 2],
	["positional projection", find({}, { projection: { "a.$": 1 } }), 2],
	["Long in a document", { insert: "c", documents: [{ a: Long.fromNumber(2 ** 40) }] }, 2],
	["Decimal128 in a document", { insert: "c", documents: [{ a: [Decimal128.fromString("1")] }] }, 2],
	["Timestamp", { insert: "c", documents: [{ a: new Timestamp({ t: 1, i: 1 }) }] }, 2],
	["MinKey", { insert: "c", documents: [{ a: new MinKey() }] }, 2],
	["regex in a document", { insert: "c", documents: [{ a: /x/ }] }, 2],
	["$ field in a document", { insert: "c", documents: [{ $a: 1 }] }, 52],
	["array as _id", { insert: "c", documents: [{ _id: [1] }] }, 53],
	["101 levels", { insert: "c", documents: [deep(102)] }, 15],
	["no documents", { insert: "c", documents: [] }, 16],
	["unknown modifier", update({ $foo: { a: 1 } }), 9],
	["$rename", update({ $rename: { a: "b" } }), 9],
	["$bit", update({ $bit: { n: { or: 1 } } }), 9],
	["modifier beside a field", update({ $set: { a: 1 }, b: 2 }), 9],
	["modifier of a value", update({ $set: 1 }), 9],
	["update pipeline", update([{ $set: { a: 1 } }]), 9],
	["multi replacement", update({ a: 1 }, {}, { multi: true }), 9],
	["arrayFilters", update({ $set: { "l.$[x]": 1 } }, {}, { arrayFilters: [{ x: 1 }] }), 2],
	["positional $", update({ $set: { "l.$": 1 } }, { l: 1 }), 2],
	["positional $[]", update({ $inc: { "l.$[]": 1 } }), 2],
	["conflict", update({ $set: { a: 1 }, $inc: { a: 1 } }), 40],
	["conflict with a parent", update({ $set: { a: {} }, $inc: { "a.b": 1 } }), 40],
	["_id change", update({ $set: { _id: 2 } }), 66],
	["_id removal", update({ $unset: { _id: 1 } }), 66],
	["_id replacement", update({ _id: 2 }), 66],
	["$inc by a string", update({ $inc: { n: "1" } }), 14],
	["$inc of a string", update({ $inc: { s: 1 } }), 14],
	["$mul of null", update({ $mul: { z: 2 } }), 14],
	["$inc beyond 2^53", update({ $inc: { n: Number.MAX_SAFE_INTEGER } }), 2],
	["$inc by a Long", update({ $inc: { n: Long.fromNumber(1) } }), 2],
	["$push to a string", update({ $push: { s: 1 } }), 2],
	["$push with $sort", update({ $push: { l: { $each: [1], $sort: 1 } } }), 2],
	["$push with an unknown clause", update({ $push: { l: { $each: [1], $foo: 1 } } }), 2],
	["$push without an array in $each", update({ $push: { l: { $each: 1 } } }), 2],
	["$addToSet to a number", update({ $addToSet: { n: 1 } }), 2],
	["$pull from a number", update({ $pull: { n: 1 } }), 2],
	["path through a number", update({ $set: { "n.a": 1 } }), 28],
	["name in an array", update({ $set: { "l.a": 1 } }), 28],
	["array position past the end", update({ $set: { "l.9": 1 } }), 2],
	["path with an empty part in $set", update({ $set: { "a.": 1 } }), 56],
	["timestamp in $currentDate", update({ $currentDate: { t: { $type: "timestamp" } } }), 2],
	["upsert of one path twice", update({ $set: { x: 1 } }, { a: 1, "a.b": 2 }, { upsert: true }), 54],
	["upsert with a one-branch $or", update({ $set: { x: 1 } }, { $or: [{ q: 77 }] }, { upsert: true }), 2],
	["delete with limit 2", { delete: "c", deletes: [{ q: {}, limit: 2 }] }, 9],
	["delete with collation", { delete: "c", deletes: [{ q: {}, limit: 0, collation: {} }] }, 2],
	["findAndModify without a change", { findAndModify: "c", query: {} }, 9],
	["findAndModify of both", { findAndModify: "c", query: {}, remove: true, update: { $set: { a: 1 } } }, 9],
	["findAndModify with hint", { findAndModify: "c", query: {}, remove: true, hint: "_id_" }, 2],
	["$lookup", stage({ $lookup: { from: "d", localField: "a", foreignField: "b", as: "c" } }), 40324],
	["$facet", stage({ $facet: {} }), 40324],
	["$out", stage({ $out: "d" }), 40324],
	["two stages in one", stage({ $match: {}, $limit: 1 }), 40324],
	["$match in the middle with an unknown operator", stage({ $limit: 1 }, { $match: { a: { $geoWithin: 1 } } }), 2],
	["unknown accumulator", stage({ $group: { _id: null, x: { $stdDevPop: "$n" } } }), 2],
	["group without _id", stage({ $group: { n: { $sum: 1 } } }), 2],
	["unknown expression", stage({ $group: { _id: { $toUpper: "$s" } } }), 168],
	["unknown variable", stage({ $set: { a: "$$NOW" } }), 2],
	["$add of a string", stage({ $set: { a: { $add: ["$s", 1] } } }), 14],
	["$divide by zero", stage({ $set: { a: { $divide: [1, 0] } } }), 2],
	["$limit 0", stage({ $limit: 0 }), 15958],
	["aggregate without cursor", { aggregate: "c", pipeline: [] }, 9],
	["explain", { ...stage(), explain: true }, 2],
	["TTL index", index({ expireAfterSeconds: 1 }), 67],
	["sparse index", index({ sparse: true }), 67],
	["text index", index({ key: { a: "text" } }), 67],
	["hashed index", index({ key: { a: "hashed" } }), 67],
	["collation index", index({ collation: { locale: "de" } }), 67],
	["partial index on $ne", index({ partialFilterExpression: { a: { $ne: 1 } } }), 67],
	["capped collection", { create: "d", capped: true, size: 100 }, 2],
	["view", { create: "d", viewOn: "c" }, 2],
	["bad collection name", { insert: "a$b", documents: [{}] }, 73],
	["listDatabases outside admin", { listDatabases: 1 }, 13],
	["getMore of nothing", { getMore: Long.fromNumber(42), collection: "c" }, 43],
];

/** The code of a refusal, which stands in the reply or in its first write error. */
async function codeOf(db: Db, command: Document): Promise<number> {
	const reply = await db.command(command).catch((error) => error);
	return reply.code ?? reply.writeErrors?.[0]?.code;
}

test("what is outside the subset is refused with MongoDB's code, and changes nothing", async (t) => {
	const { db } = await openServer(t);
	const before = { _id: 1 as never, n: 1, s: "text", z: null, l: [1, 2], a: { b: 1 } };
	await db.collection("c").insertOne(before);
	for (const [what, command, code] of cases) t.is(await codeOf(db, command), code, what);
	t.true(cases.length >= 60);
	t.deepEqual(await db.collection("c").find().toArray(), [before]);
	t.deepEqual(
		(await db.collection("c").indexes()).map(({ name }) => name),
		["_id_"],
	);
	t.deepEqual(
		await db
			.listCollections()
			.toArray()
			.then((all) => all.map(({ name }) => name)),
		["c"],
	);
});

test("a refusal names what was refused", async (t) => {
	const { db } = await openServer(t);
	await db.collection("c").insertOne({ a: 1 });
	const { message, codeName } = await failureOf(
		db
			.collection("c")
			.find({ a: { $where: "1" } })
			.toArray(),
	);
	t.is(codeName, "BadValue");
	t.regex(message, /\$where/);
	const session = await failureOf(
		db.client.withSession((one) => one.withTransaction(() => db.collection("c").insertOne({}, { session: one }))),
	);
	t.regex(session.message, /session|ransaction/);
});
