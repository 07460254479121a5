import {
	Binary,
	BSONRegExp,
	calculateObjectSize,
	type Document,
	Double,
	deserialize,
	Int32,
	Long,
	ObjectId,
	serialize,
} from "bson";
import { Failure, refuse } from "./failure.ts";

/** A value the store keeps and compares. Numbers are doubles, 32-bit integers or safe integers, never 64-bit ones. */
export type Value = null | boolean | number | string | Date | ObjectId | Binary | BSONRegExp | Value[] | Fields;
export type Fields = { [name: string]: Value };

/** MongoDB's limits: https://www.mongodb.com/docs/manual/reference/limits/ */
export const maxDocumentBytes = 16 * 1024 * 1024;
const maxNestingDepth = 100;

export const isFields = (value: unknown): value is Fields =>
	typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Reads a request body with every BSON type still visible, so that `plain` can refuse what would lose precision. */
export const readRequest = (bytes: Uint8Array): Document =>
	deserialize(bytes, { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true });

/** Reads a document this store wrote. */
export const readDocument = (bytes: Uint8Array): Fields => deserialize(bytes, { promoteBuffers: false }) as Fields;

/**
 * Writes a document for storage.
 * @throws Failure BSONObjectTooLarge above 16 MiB
 */
export function writeDocument(document: Fields): Uint8Array {
	const size = calculateObjectSize(document); // before writing: the serializer's buffer is not meant for more
	if (size > maxDocumentBytes)
		throw new Failure("BSONObjectTooLarge", `The document is ${size} bytes; the limit is ${maxDocumentBytes}`);
	return serialize(document);
}

/**
 * Turns request BSON into plain values.
 * @throws Failure BadValue for a type outside the subset, Overflow when nested deeper than MongoDB allows
 */
export function plain(value: unknown, allow: { regex?: boolean } = {}, depth = 0): Value {
	if (depth > maxNestingDepth) throw new Failure("Overflow", `A document may be nested ${maxNestingDepth} levels deep`);
	if (value === null || typeof value === "boolean" || typeof value === "string") return value;
	if (typeof value === "number") return value;
	if (value instanceof Int32 || value instanceof Double) return value.valueOf();
	if (value instanceof Date || value instanceof ObjectId || value instanceof Binary) return value;
	if (Array.isArray(value)) return value.map((item) => plain(item, allow, depth + 1));
	if (value instanceof BSONRegExp && allow.regex) return value;
	if (isFields(value)) {
		const copy: Fields = {};
		for (const name of Object.keys(value)) {
			if (name === "__proto__") refuse("A field named __proto__");
			copy[name] = plain(value[name], allow, depth + 1);
		}
		return copy;
	}
	const type = (value as { _bsontype?: string } | undefined)?._bsontype ?? typeof value;
	return refuse(`A value of type ${type}`);
}

/** As `plain`, for an argument that must be a document. */
export function plainFields(value: unknown, what: string, allow: { regex?: boolean } = {}): Fields {
	if (!isFields(value)) throw new Failure("TypeMismatch", `${what} must be a document`);
	return plain(value, allow) as Fields;
}

/** The number in a command argument, which drivers send as any of BSON's numeric types; undefined if it is none. */
export function numberOf(value: unknown): number | undefined {
	if (typeof value === "number") return value;
	if (value instanceof Int32 || value instanceof Double) return value.valueOf();
	if (value instanceof Long) return value.toNumber();
	return undefined;
}
