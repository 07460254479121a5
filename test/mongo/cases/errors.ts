import { type Document, Long } from "mongodb";

const find = (filter: Document, more: Document = {}) => ({ find: "c", filter, ...more });
const update = (u: unknown, q: Document = { _id: 1 }, more: Document = {}) => ({
	update: "c",
	updates: [{ q, u, ...more }],
});
const stage = (...pipeline: Document[]) => ({ aggregate: "c", pipeline, cursor: {} });
const index = (key: Document, name: string, more: Document = {}) => ({
	createIndexes: "c",
	indexes: [{ key, name, ...more }],
});

/** What every command below meets: one document, and an index of two fields. */
export const before = { _id: 1 as never, n: 1, s: "text", z: null, l: [1, 2], a: { b: 1 } };
export const indexBefore = { key: { n: 1, s: -1 }, name: "n_s" } as const;

/** [what is wrong, the command, MongoDB's code for it]: mistakes that any MongoDB refuses, not limits of the subset. */
export const errors: [string, Document, number][] = [
	["an unknown command", { nonsense: "c" }, 59],
	["a second document with an _id", { insert: "c", documents: [{ _id: 1 }] }, 11000],
	["an array as _id", { insert: "c", documents: [{ _id: [1] }] }, 53],
	["an unknown operator", find({ a: { $foo: 1 } }), 2],
	["an unknown operator at the top", find({ $nope: 1 }), 2],
	["$in without an array", find({ a: { $in: 1 } }), 2],
	["an empty $or", find({ $or: [] }), 2],
	["$size of a string", find({ a: { $size: "1" } }), 2],
	["a negative $size", find({ a: { $size: -1 } }), 2],
	["$options alone", find({ a: { $options: "i" } }), 2],
	["a projection that includes and excludes", find({}, { projection: { a: 1, b: 0 } }), 31254],
	["a projection that excludes and includes", find({}, { projection: { a: 0, b: 1 } }), 31253],
	["an unknown modifier", update({ $foo: { a: 1 } }), 9],
	["a modifier beside a field", update({ $set: { a: 1 }, b: 2 }), 9],
	["a modifier of a value", update({ $set: 1 }), 9],
	["a replacement of many", update({ a: 1 }, {}, { multi: true }), 9],
	["two changes of one field", update({ $set: { a: 1 }, $inc: { a: 1 } }), 40],
	["a change of a field and of what is in it", update({ $set: { a: {} }, $inc: { "a.b": 1 } }), 40],
	["a changed _id", update({ $set: { _id: 2 } }), 66],
	["a removed _id", update({ $unset: { _id: 1 } }), 66],
	["a replaced _id", update({ _id: 2 }), 66],
	["$inc by a string", update({ $inc: { n: "1" } }), 14],
	["$inc of a string", update({ $inc: { s: 1 } }), 14],
	["$mul of null", update({ $mul: { z: 2 } }), 14],
	["$push to a string", update({ $push: { s: 1 } }), 2],
	["$push of $each without an array", update({ $push: { l: { $each: 1 } } }), 2],
	["$addToSet to a number", update({ $addToSet: { n: 1 } }), 2],
	["$pull from a number", update({ $pull: { n: 1 } }), 2],
	["a path through a number", update({ $set: { "n.a": 1 } }), 28],
	["a name in an array", update({ $set: { "l.a": 1 } }), 28],
	["an upsert of one path twice", update({ $set: { x: 1 } }, { q: 1, "q.b": 2 }, { upsert: true }), 54],
	["findAndModify without a change", { findAndModify: "c", query: {} }, 9],
	["findAndModify of both", { findAndModify: "c", query: {}, remove: true, update: { $set: { a: 1 } } }, 9],
	["a delete with limit 2", { delete: "c", deletes: [{ q: {}, limit: 2 }] }, 9],
	["an unknown stage", stage({ $nonsense: {} }), 40324],
	["$limit 0", stage({ $limit: 0 }), 15958],
	["$add of a string", stage({ $set: { a: { $add: ["$s", 1] } } }), 14],
	["a cursor that is not there", { getMore: Long.fromNumber(42), collection: "c" }, 43],
	["another index under a name", index({ z: 1 }, "n_s"), 86],
	["an index under another name", index({ n: 1, s: -1 }, "other"), 85],
	["an index over two arrays", index({ "l.x": 1, l: 1 }, "two"), 171],
	["removing the index of _id", { dropIndexes: "c", index: "_id_" }, 72],
	["removing an index that is not there", { dropIndexes: "c", index: "none" }, 27],
	["a bad collection name", { insert: "a$b", documents: [{}] }, 73],
];
