import type { Document } from "mongodb";

export const documents = [
	{ _id: 1, k: "a", n: 1, l: ["x", "y"], at: new Date(1000) },
	{ _id: 2, k: "b", n: 2, l: [], at: new Date(3000) },
	{ _id: 3, k: "a", n: 3, o: { p: 5 } },
	{ _id: 4, n: null, l: "z" },
];

/** [pipeline over `documents`, what comes, in this order of fields]. */
export const pipelines: [Document[], unknown[]][] = [
	[[{ $match: { k: "a" } }, { $count: "n" }], [{ n: 2 }]],
	[[{ $match: { k: "none" } }, { $count: "n" }], []],
	[
		[{ $sort: { n: -1 } }, { $limit: 2 }, { $project: { n: 1 } }],
		[
			{ _id: 3, n: 3 },
			{ _id: 2, n: 2 },
		],
	],
	[[{ $sort: { _id: 1 } }, { $skip: 3 }, { $project: { _id: 1 } }], [{ _id: 4 }]],
	[
		[{ $group: { _id: "$k", n: { $sum: "$n" }, c: { $sum: 1 }, all: { $push: "$n" } } }, { $sort: { _id: 1 } }],
		[
			{ _id: null, n: 0, c: 1, all: [null] },
			{ _id: "a", n: 4, c: 2, all: [1, 3] },
			{ _id: "b", n: 2, c: 1, all: [2] },
		],
	],
	[
		[
			{
				$group: {
					_id: null,
					low: { $min: "$n" },
					high: { $max: "$n" },
					avg: { $avg: "$n" },
					first: { $first: "$k" },
					last: { $last: "$k" },
					set: { $addToSet: "$k" },
					c: { $count: {} },
					pushed: { $push: "$o.p" },
				},
			},
		],
		[{ _id: null, low: 1, high: 3, avg: 2, first: "a", last: null, set: ["a", "b"], c: 4, pushed: [5] }],
	],
	[[{ $group: { _id: { k: "$k", big: { $gt: ["$n", 1] } } } }, { $count: "groups" }], [{ groups: 4 }]],
	[
		[{ $unwind: "$l" }, { $project: { l: 1 } }],
		[
			{ _id: 1, l: "x" },
			{ _id: 1, l: "y" },
			{ _id: 4, l: "z" },
		],
	],
	[
		[{ $unwind: { path: "$l", preserveNullAndEmptyArrays: true } }, { $project: { l: 1 } }],
		[{ _id: 1, l: "x" }, { _id: 1, l: "y" }, { _id: 2 }, { _id: 3 }, { _id: 4, l: "z" }],
	],
	[
		[
			{ $match: { _id: 1 } },
			{ $set: { n: { $add: ["$n", 1] }, m: { $cond: [{ $eq: ["$k", "a"] }, "yes", "no"] } } },
			{ $project: { n: 1, m: 1 } },
		],
		[{ _id: 1, n: 2, m: "yes" }],
	],
	[
		[
			{ $match: { _id: 3 } },
			{ $project: { _id: 0, p: "$o.p", q: { $ifNull: ["$nope", "$k", 0] }, s: { $concat: ["<", "$k", ">"] } } },
		],
		[{ p: 5, q: "a", s: "<a>" }],
	],
	[
		[
			{ $match: { _id: 1 } },
			{ $project: { _id: "$k", size: { $size: "$l" }, has: { $in: ["y", "$l"] }, later: { $add: ["$at", 500] } } },
		],
		[{ _id: "a", size: 2, has: true, later: new Date(1500) }],
	],
	[
		[{ $match: { _id: { $lte: 2 } } }, { $group: { _id: null, span: { $max: { $subtract: ["$at", new Date(0)] } } } }],
		[{ _id: null, span: 3000 }],
	],
	[
		[
			{ $match: { _id: 1 } },
			{ $addFields: { k: "$$REMOVE", l: { $literal: "$k" }, d: { $divide: [{ $multiply: ["$n", 6] }, 4] } } },
			{ $project: { at: 0 } },
		],
		[{ _id: 1, n: 1, l: "$k", d: 1.5 }],
	],
	[
		[{ $match: { _id: 4 } }, { $project: { x: { $eq: ["$nope", null] }, y: { $not: "$n" }, z: { $and: [1, "$l"] } } }],
		[{ _id: 4, x: false, y: true, z: true }],
	],
	[[{ $match: { n: { $gte: 2 } } }, { $match: { k: "a" } }, { $project: { k: 1, _id: 0 } }], [{ k: "a" }]],
];
