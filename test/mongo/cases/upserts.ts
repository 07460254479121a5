import type { Document } from "mongodb";

/** [filter, update, what is inserted without `_id`]. */
export const upserts: [Document, Document, Document][] = [
	[{ a: 1, "b.c": { $eq: 2 }, d: { $gt: 3 } }, { $set: { e: 4 } }, { a: 1, b: { c: 2 }, e: 4 }],
	[{ $and: [{ a: 1 }, { b: 2 }], c: { $in: [1, 2] } }, { $inc: { n: 1 } }, { a: 1, b: 2, n: 1 }],
	[{ a: 1 }, { $setOnInsert: { b: 2 }, $push: { l: 1 } }, { a: 1, b: 2, l: [1] }],
	[{ a: 1 }, { $set: { a: 2 } }, { a: 2 }],
	[{ a: 1, x: 9 }, { b: 2 }, { b: 2 }],
	[{ a: /x/ }, { $min: { b: 2 } }, { b: 2 }],
	[{ a: { x: 1 } }, { $set: { "a.y": 2 } }, { a: { x: 1, y: 2 } }],
];
