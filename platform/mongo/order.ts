import { type Binary, BSONRegExp, type ObjectId } from "bson";
import { refuse } from "./failure.ts";
import type { Value } from "./value.ts";

/**
 * The one definition of order and equality in this store: BSON values become byte strings whose `memcmp` order is
 * MongoDB's comparison order (null < numbers < string < object < array < binary < ObjectId < bool < date). Filters,
 * sorts, group keys and indexes all compare through it, so an index can never disagree with a scan.
 * Every encoded value ends itself (no value is a prefix of another), so keys of several fields can be concatenated.
 * Source: https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
 */
export const typeByte = {
	emptyArray: 0x08, // only as a sort or index key: an array without elements sorts before null
	null: 0x10,
	number: 0x20,
	string: 0x30,
	object: 0x40,
	array: 0x50,
	binData: 0x60,
	objectId: 0x70,
	bool: 0x80,
	date: 0x90,
} as const;
export type TypeName = Exclude<keyof typeof typeByte, "emptyArray">;

export function typeName(value: Value | undefined): TypeName {
	if (value === null || value === undefined) return "null";
	if (typeof value === "number") return "number";
	if (typeof value === "string") return "string";
	if (typeof value === "boolean") return "bool";
	if (Array.isArray(value)) return "array";
	if (value instanceof Date) return "date";
	if (value instanceof BSONRegExp) return refuse("Comparing regular expressions");
	const bsonType = (value as { _bsontype?: unknown })._bsontype;
	if (bsonType === "ObjectId") return "objectId";
	return bsonType === "Binary" ? "binData" : "object";
}

const end = Buffer.from([0]);
const nanPayload = Buffer.alloc(8);

function numberPayload(value: number): Buffer {
	if (Number.isNaN(value)) return nanPayload; // below -Infinity, as MongoDB orders it
	const bytes = Buffer.alloc(8);
	bytes.writeDoubleBE(value === 0 ? 0 : value); // -0 equals 0
	if (value < 0) for (let i = 0; i < 8; i++) bytes[i] = ~(bytes[i] as number) & 0xff;
	else bytes[0] = (bytes[0] as number) | 0x80;
	return bytes;
}

function datePayload(value: Date): Buffer {
	const bytes = Buffer.alloc(8);
	bytes.writeBigInt64BE(BigInt(value.getTime()));
	bytes[0] = (bytes[0] as number) ^ 0x80;
	return bytes;
}

/** UTF-8 and a closing 00; the characters 0 and 1 become 01 01 and 01 02, so that no string's bytes begin another's. */
function stringPayload(value: string): Buffer {
	const escaped = value.replaceAll("\u0001", "\u0001\u0002").replaceAll("\0", "\u0001\u0001");
	return Buffer.from(`${escaped}\0`, "utf8");
}

/** MongoDB orders binary data by length, then subtype, then bytes. */
function binaryPayload(value: Binary): Buffer {
	const head = Buffer.alloc(5);
	head.writeUInt32BE(value.position);
	head[4] = value.sub_type;
	return Buffer.concat([head, value.buffer.subarray(0, value.position)]);
}

function payload(type: TypeName, value: Value | undefined): Buffer[] {
	switch (type) {
		case "null":
			return [];
		case "number":
			return [numberPayload(value as number)];
		case "string":
			return [stringPayload(value as string)];
		case "binData":
			return [binaryPayload(value as Binary)];
		case "objectId":
			return [Buffer.from((value as ObjectId).id)];
		case "bool":
			return [Buffer.from([value ? 1 : 0])];
		case "date":
			return [datePayload(value as Date)];
		case "array":
			return [...(value as Value[]).flatMap((item) => [encodeValue(item)]), end];
		case "object": // field by field: type, then name, then value, as MongoDB compares documents
			return [
				...Object.entries(value as Record<string, Value>).flatMap(([name, field]) => {
					const fieldType = typeName(field);
					return [Buffer.from([typeByte[fieldType]]), stringPayload(name), ...payload(fieldType, field)];
				}),
				end,
			];
	}
}

/** The order-preserving bytes of a value; a missing one (undefined) counts as null. */
export function encodeValue(value: Value | undefined): Buffer {
	const type = typeName(value);
	return Buffer.concat([Buffer.from([typeByte[type]]), ...payload(type, value)]);
}

/** Negative, zero or positive, in MongoDB's comparison order over all types. */
export function compareValues(a: Value | undefined, b: Value | undefined): number {
	if (typeof a === "number" && typeof b === "number" && !Number.isNaN(a) && !Number.isNaN(b))
		return a < b ? -1 : a > b ? 1 : 0;
	const typeA = typeByte[typeName(a)];
	const typeB = typeByte[typeName(b)];
	return typeA === typeB ? Buffer.compare(encodeValue(a), encodeValue(b)) : typeA - typeB;
}

export function equalValues(a: Value | undefined, b: Value | undefined): boolean {
	if (typeof a === "string" || typeof b === "string") return a === b;
	return compareValues(a, b) === 0;
}

/** Every bit flipped: the same order, descending. */
export function descending(key: Buffer): Buffer {
	const flipped = Buffer.alloc(key.length);
	for (let i = 0; i < key.length; i++) flipped[i] = ~(key[i] as number) & 0xff;
	return flipped;
}

/** The smallest byte string above every string that starts with `prefix`; undefined when there is none. */
export function successor(prefix: Buffer): Buffer | undefined {
	for (let i = prefix.length - 1; i >= 0; i--) {
		if (prefix[i] === 0xff) continue;
		const next = Buffer.from(prefix.subarray(0, i + 1));
		next[i] = (next[i] as number) + 1;
		return next;
	}
	return undefined;
}
