import type { Constraint, Filter } from "./filter.ts";
import type { Index } from "./indexing.ts";
import { descending, encodeValue, equalValues, successor, typeByte, typeName } from "./order.ts";
import type { SortField } from "./sort.ts";
import type { KeyRange } from "./store.ts";

/**
 * How to read: the ranges of one index, or the whole collection when there is none. The ranges share no key, and
 * within each the keys after `prefixLength` bytes are in the order asked for when `sorted` is true.
 */
export type Plan = {
	index: Index | undefined;
	ranges: { range: KeyRange; prefixLength: number }[];
	reverse: boolean;
	sorted: boolean;
};

/** A product of `$in` lists beyond this reads ranges instead of points. */
const maxRanges = 200;

/** Whether a query demand makes sure of a partial index's demand on the same path. */
function implies(query: Constraint, demand: Constraint): boolean {
	if (query.path !== demand.path) return false;
	if (demand.kind === "exists" && query.kind !== "points") return true;
	if (query.kind === "points")
		return query.values.every(
			(value) => !(demand.kind === "exists" && value === null) && demand.test([{ value, element: false }]),
		);
	return (
		query.kind === "range" &&
		demand.kind === "range" &&
		query.operator === demand.operator &&
		equalValues(query.value, demand.value)
	);
}

const covers = (index: Index, { constraints }: Filter) =>
	index.partial?.constraints.every((demand) => constraints.some((query) => implies(query, demand))) ?? true;

/** The ascending key range of the range constraints on one field: within one type, from `from` up to without `to`. */
function fieldRange(constraints: readonly Constraint[], multikey: boolean): { from: Buffer; to: Buffer } | undefined {
	const ranges = constraints.filter((constraint) => constraint.kind === "range");
	const first = ranges[0];
	if (!first) return undefined;
	const type = Buffer.from([typeByte[typeName(first.value)]]);
	let from: Buffer = type;
	let to: Buffer = successor(type) as Buffer;
	// Different members of an array may meet each bound, so of several bounds only one can limit a multikey index.
	for (const { operator, value } of multikey ? [first] : ranges) {
		const key = encodeValue(value);
		const behind = successor(key) ?? key;
		if (operator === "$gt" && Buffer.compare(behind, from) > 0) from = behind;
		if (operator === "$gte" && Buffer.compare(key, from) > 0) from = key;
		if (operator === "$lt" && Buffer.compare(key, to) < 0) to = key;
		if (operator === "$lte" && Buffer.compare(behind, to) < 0) to = behind;
	}
	return { from, to };
}

/** Turns `[from, to)` around for a descending field, whose keys are the flipped bytes; no key is another's prefix. */
function flip({ from, to }: { from: Buffer; to: Buffer }): { from: Buffer; to: Buffer } {
	return { from: successor(descending(to)) as Buffer, to: successor(descending(from)) as Buffer };
}

type Bounds = {
	prefixes: Buffer[];
	last: { from: Buffer; to: Buffer } | undefined;
	equalities: number;
	points: boolean;
};

function boundsOf(index: Index, constraints: readonly Constraint[]): Bounds {
	let prefixes = [Buffer.alloc(0)];
	let equalities = 0;
	for (const { path, direction } of index.fields) {
		const here = constraints.filter((constraint) => constraint.path === path);
		const points = here.find((constraint) => constraint.kind === "points");
		if (!points) {
			const last = fieldRange(here, index.multikey);
			return { prefixes, last: last && (direction === -1 ? flip(last) : last), equalities, points: false };
		}
		const keys = new Map(points.values.map((value) => [encodeValue(value).toString("latin1"), encodeValue(value)]));
		if (prefixes.length * keys.size > maxRanges) return { prefixes, last: undefined, equalities, points: false };
		const encoded = [...keys.values()].map((key) => (direction === -1 ? descending(key) : key));
		prefixes = prefixes.flatMap((prefix) => encoded.map((key) => Buffer.concat([prefix, key])));
		equalities++;
	}
	return { prefixes, last: undefined, equalities, points: true };
}

/** Whether the index gives the order: 1 as it lies, -1 backwards, 0 not. Fields fixed to one value do not matter. */
function givesOrder(
	index: Index,
	bounds: Bounds,
	constraints: readonly Constraint[],
	sort: readonly SortField[],
): -1 | 0 | 1 {
	if (index.multikey) return 0;
	const fixed = new Set(
		constraints.flatMap((one) => (one.kind === "points" && one.values.length === 1 ? [one.path] : [])),
	);
	const wanted = sort.filter(({ path }) => !fixed.has(path));
	const rest = index.fields.slice(bounds.equalities).filter(({ path }) => !fixed.has(path));
	if (wanted.length === 0) return 1;
	if (wanted.length > rest.length) return 0;
	const turn = wanted[0]?.direction === rest[0]?.direction ? 1 : -1;
	return wanted.every(({ path, direction }, i) => rest[i]?.path === path && rest[i]?.direction === direction * turn)
		? turn
		: 0;
}

/** What an index is worth: equalities most, then a range, then the order, which matters most when few are wanted. */
const worth = { equality: 4, range: 3, orderForFew: 3.5, order: 1, point: 0.5 };

/**
 * Chooses how to read a filter in an order. Always correct whatever it chooses: the reader tests the whole filter on
 * every document again and sorts when the plan is not `sorted`.
 */
export function makePlan(indexes: readonly Index[], filter: Filter, sort: readonly SortField[], few: boolean): Plan {
	let best: Plan = { index: undefined, ranges: [], reverse: false, sorted: sort.length === 0 };
	let bestWorth = 0;
	for (const index of indexes) {
		if (!covers(index, filter)) continue;
		const bounds = boundsOf(index, filter.constraints);
		const order = sort.length > 0 ? givesOrder(index, bounds, filter.constraints, sort) : 0;
		const value =
			bounds.equalities * worth.equality +
			(bounds.last ? worth.range : 0) +
			(bounds.points ? worth.point : 0) +
			(order === 0 ? 0 : few ? worth.orderForFew : worth.order);
		if (value <= bestWorth) continue;
		bestWorth = value;
		const ranges = bounds.prefixes.map((prefix) => ({
			range: rangeUnder(prefix, bounds.last),
			prefixLength: prefix.length,
		}));
		best = { index, ranges, reverse: order === -1, sorted: sort.length === 0 || order !== 0 };
	}
	return best;
}

function rangeUnder(prefix: Buffer, last: { from: Buffer; to: Buffer } | undefined): KeyRange {
	if (last) return { from: Buffer.concat([prefix, last.from]), to: Buffer.concat([prefix, last.to]) };
	return prefix.length === 0 ? {} : { from: prefix, to: successor(prefix) };
}
