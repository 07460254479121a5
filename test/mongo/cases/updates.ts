import type { Document } from "mongodb";

/** [before, update, after]; `_id` is left out on both sides. */
export const updates: [Document, Document, Document][] = [
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
