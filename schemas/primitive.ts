import { Type } from "typebox";

/** UUID in its canonical text form, lower or upper case. */
export const uuidPattern = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
export const Uuid = Type.String({ pattern: uuidPattern, description: "a UUID" });

/** Keystone project and user ids: 32 hex digits, or a UUID, or what an identity driver makes (LDAP: 64 hex). */
export const KeystoneId = Type.String({ minLength: 1, maxLength: 64, pattern: "^[\\w-]+$" });

/** A moment as MongoDB keeps it: a BSON date, a `Date` in memory, milliseconds, UTC. */
export const Moment = Type.Unsafe<Date>({ bsonType: "date" });

export const Bytes = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** Names and descriptions: blank is allowed (T4O clients send " "), control characters are not. */
export const Name = Type.String({ maxLength: 255, pattern: "^[^\\u0000-\\u001f\\u007f]*$" });
export const Text = Type.String({ maxLength: 4096 });

/** T4O clients send booleans as JSON booleans, as 0 and 1, and as strings of any case (spec section 3.1). */
export const LenientBoolean = Type.Union([
	Type.Boolean(),
	Type.Literal(0),
	Type.Literal(1),
	Type.String({ pattern: "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|0|1)$" }),
]);

/** Reads what `LenientBoolean` or a query parameter allows; `undefined` stays undefined. */
export const toBoolean = (value: unknown): boolean | undefined =>
	value === undefined ? undefined : value === true || value === 1 || /^(true|1)$/i.test(String(value));

export const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
	Type.Union([schema, Type.Null()]);
