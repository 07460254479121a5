import { type Document, Long } from "bson";
import { Failure, refuse } from "./failure.ts";
import { isFields, numberOf } from "./value.ts";

/** What a command, or one statement in it, may carry. Anything else is an error: nothing is ignored in silence. */
export type Shape = {
	name: string;
	fields: readonly string[];
	/** Options with the only values that change nothing here. */
	neutral?: Readonly<Record<string, readonly unknown[]>>;
	/** Options MongoDB knows and this store does not. */
	refused?: readonly string[];
};

/** @throws Failure 40415 for a field MongoDB would not know either, 2 for one outside the subset */
export function checkShape(document: Document, { name, fields, neutral = {}, refused = [] }: Shape): void {
	for (const [field, value] of Object.entries(document)) {
		if (fields.includes(field)) continue;
		if (refused.includes(field)) refuse(`The option '${field}' of ${name}`);
		if (!Object.hasOwn(neutral, field))
			throw new Failure("UnknownCommandField", `BSON field '${name}.${field}' is an unknown field.`);
		if (!neutral[field]?.includes(numberOf(value) ?? value))
			refuse(`The value given for the option '${field}' of ${name}`);
	}
}

/** Rejects whatever asks for sessions, transactions, other API versions, or guarantees a standalone cannot give. */
export function checkGeneric(body: Document): void {
	if (body.startTransaction !== undefined || body.autocommit !== undefined || body.txnNumber !== undefined)
		throw new Failure("IllegalOperation", "Transaction numbers are only allowed on a replica set member or mongos");
	if (body.apiVersion !== undefined || body.apiStrict !== undefined || body.apiDeprecationErrors !== undefined)
		throw new Failure("APIVersionError", "The embedded document store has no versioned API; connect without serverApi");
	if (body.readConcern !== undefined) checkReadConcern(body.readConcern);
	if (body.writeConcern !== undefined) checkWriteConcern(body.writeConcern);
}

/** Fields any command may carry; checked by `checkGeneric` or meaningless for a single server. */
export const genericFields: readonly string[] = [
	"$db",
	"$readPreference",
	"lsid",
	"comment",
	"maxTimeMS",
	"readConcern",
	"writeConcern",
];

function checkReadConcern(concern: unknown): void {
	if (!isFields(concern)) throw new Failure("TypeMismatch", "readConcern must be a document");
	const { level = "local", ...rest } = concern;
	if (Object.keys(rest).length > 0 || !["local", "available", "majority"].includes(level as string))
		refuse(`The readConcern ${JSON.stringify(concern)}`, "InvalidOptions");
}

/** Every acknowledged write is on disk, so w: 1, w: "majority" and j all ask for what happens anyway. */
function checkWriteConcern(concern: unknown): void {
	if (!isFields(concern)) throw new Failure("TypeMismatch", "writeConcern must be a document");
	checkShape(concern, { name: "writeConcern", fields: ["w", "j", "wtimeout", "wtimeoutMS", "fsync"] });
	const w = numberOf(concern.w) ?? concern.w ?? 1;
	if (w === 0) refuse("An unacknowledged write (w: 0)", "InvalidOptions");
	if (w !== 1 && w !== "majority")
		throw new Failure("BadValue", `cannot use the write concern w: ${JSON.stringify(w)} when a host is not replicated`);
}

export function flag(document: Document, name: string): boolean {
	const value = document[name];
	const number = numberOf(value);
	if (value !== undefined && typeof value !== "boolean" && number === undefined)
		throw new Failure("TypeMismatch", `The field '${name}' must be true or false`);
	return number === undefined ? value === true : number !== 0;
}

/** A non-negative integer, or undefined when not given. */
export function count(document: Document, name: string): number | undefined {
	const value = document[name];
	if (value === undefined) return undefined;
	const number = numberOf(value);
	if (number === undefined) throw new Failure("TypeMismatch", `The field '${name}' must be a number`);
	if (!Number.isSafeInteger(number) || number < 0)
		throw new Failure("BadValue", `The field '${name}' must be a non-negative integer, not ${number}`);
	return number;
}

export function list(document: Document, name: string): unknown[] {
	const value: unknown = document[name];
	if (!Array.isArray(value)) throw new Failure("TypeMismatch", `The field '${name}' must be an array`);
	return value;
}

/** The statements of a write command. @throws Failure InvalidLength unless there are 1 to 100000 */
export function statements(body: Document, name: string): Document[] {
	const all = list(body, name);
	if (all.length === 0 || all.length > maxWriteBatchSize)
		throw new Failure(
			"InvalidLength",
			`Write batch sizes must be between 1 and ${maxWriteBatchSize}. Got ${all.length}`,
		);
	if (!all.every(isFields)) throw new Failure("TypeMismatch", `Each of '${name}' must be a document`);
	return all;
}
export const maxWriteBatchSize = 100_000;

export function cursorId(value: unknown): bigint {
	if (value instanceof Long) return value.toBigInt();
	const number = numberOf(value);
	if (number === undefined || !Number.isSafeInteger(number))
		throw new Failure("TypeMismatch", "A cursor id must be a long");
	return BigInt(number);
}
