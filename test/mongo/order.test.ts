import test from "ava";
import fc from "fast-check";
import { compareValues, descending, encodeValue, equalValues, successor } from "#platform/mongo/order.ts";
import type { Value } from "#platform/mongo/value.ts";

const scalar = fc.oneof(
	fc.constant(null),
	fc.boolean(),
	fc.double(),
	fc.integer(),
	fc.string({ unit: "binary" }),
	fc.string({ unit: fc.constantFrom("\0", "\x01", "\x02", "a", "\uffef", "\u{1f600}") }),
	fc.date({ noInvalidDate: true }),
);
const value = fc.letrec<{ value: unknown }>((tie) => ({
	value: fc.oneof(
		{ depthSize: "small", withCrossShrink: true },
		scalar,
		fc.array(tie("value"), { maxLength: 4 }),
		fc.dictionary(
			fc.string({ maxLength: 3 }).filter((name) => name !== "__proto__"),
			tie("value"),
			{ maxKeys: 3 },
		),
	),
})).value as fc.Arbitrary<Value>;

/** MongoDB's order of two values of one simple type, said another way than the encoding says it. */
function reference(a: Value, b: Value): number | undefined {
	if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
	if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
	if (a instanceof Date && b instanceof Date) return a.getTime() - b.getTime();
	if (typeof a !== "number" || typeof b !== "number") return undefined;
	if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
	return a < b ? -1 : a > b ? 1 : 0;
}

const check = (t: { log: (text: string) => void }, property: fc.IProperty<unknown[]>) => {
	const seed = Date.now() & 0x7fffffff;
	t.log(`seed ${seed}`);
	fc.assert(property as fc.IProperty<[unknown]>, { seed, numRuns: 2000 });
};

test("encoded scalars have the order of their values", (t) => {
	const property = fc.property(scalar, scalar, (a, b) => {
		const expected = reference(a, b);
		if (expected !== undefined) t.is(Math.sign(compareValues(a, b)), Math.sign(expected));
	});
	check(t, property as never);
});

test("no encoding begins another, whatever follows it, and flipping turns the order around", (t) => {
	const property = fc.property(value, value, fc.uint8Array({ maxLength: 3 }), (a, b, tail) => {
		const [x, y] = [encodeValue(a), encodeValue(b)];
		const order = Math.sign(Buffer.compare(x, y));
		t.is(order === 0, equalValues(a, b));
		if (order === 0) return;
		t.false(x.subarray(0, y.length).equals(y) || y.subarray(0, x.length).equals(x));
		t.is(Math.sign(Buffer.compare(Buffer.concat([x, tail]), y)), order);
		t.is(Math.sign(Buffer.compare(descending(x), descending(y))), -order);
		if (order < 0) t.true(Buffer.compare(successor(x) as Buffer, y) <= 0);
	});
	check(t, property as never);
});
