import { Failure, refuse } from "./failure.ts";
import { descending, encodeValue, typeByte } from "./order.ts";
import { leavesAt, splitPath } from "./path.ts";
import { type Fields, plainFields } from "./value.ts";

export type SortField = { path: string; parts: string[]; direction: 1 | -1 };

const maxSortFields = 32;

/** @throws Failure BadValue unless every direction is 1 or -1 */
export function parseSort(argument: unknown): SortField[] {
	const entries = Object.entries(plainFields(argument ?? {}, "the sort"));
	if (entries.length > maxSortFields) throw new Failure("BadValue", `A sort may name ${maxSortFields} fields`);
	return entries.map(([path, direction]) => {
		if (typeof direction === "object") refuse(`A sort on '${path}' by $meta or an expression`);
		if (direction !== 1 && direction !== -1)
			throw new Failure("BadValue", `The sort direction of '${path}' must be 1 or -1`);
		return { path, parts: splitPath(path), direction };
	});
}

/** The keys a document has on one path; of an array, one per member. Never empty: each document has a place. */
export function keysAt(document: Fields, parts: readonly string[]): { keys: Buffer[]; fromArray: boolean } {
	const leaves = leavesAt(document, parts);
	const scalars = leaves.filter(({ value, element }) => element || !Array.isArray(value));
	const fromArray = leaves.length !== 1 || leaves.some(({ value }) => Array.isArray(value));
	if (scalars.length === 0) return { keys: [Buffer.from([typeByte.emptyArray])], fromArray: true };
	return { keys: scalars.map(({ value }) => encodeValue(value)), fromArray };
}

/** Bytes whose order is the requested one. An array sorts by its least member ascending, its greatest descending. */
export function sortKey(document: Fields, sort: readonly SortField[]): Buffer {
	return Buffer.concat(
		sort.map(({ parts, direction }) => {
			const keys = keysAt(document, parts).keys.sort(Buffer.compare);
			return direction === 1 ? (keys[0] as Buffer) : descending(keys.at(-1) as Buffer);
		}),
	);
}
