import { compileExpression, type Expression, exact } from "./expression.ts";
import { Failure, refuse } from "./failure.ts";
import { compareValues, encodeValue } from "./order.ts";
import { type Fields, isFields, type Value } from "./value.ts";

/** Folds the values of one group; `start` is a fresh state, missing values come as undefined. */
type Accumulator = { add(value: Value | undefined): void; result(): Value };

function extreme(wins: (order: number) => boolean): () => Accumulator {
	return () => {
		let best: Value = null;
		return {
			add: (value) => {
				if (value === undefined || value === null) return;
				if (best === null || wins(compareValues(value, best))) best = value;
			},
			result: () => best,
		};
	};
}

function sum(): Accumulator {
	let total = 0;
	return {
		add: (value) => {
			if (typeof value === "number") total = exact("$sum", total + value);
		},
		result: () => total,
	};
}

function average(): Accumulator {
	const numbers: number[] = [];
	return {
		add: (value) => void (typeof value === "number" && numbers.push(value)),
		result: () => (numbers.length === 0 ? null : numbers.reduce((a, b) => a + b, 0) / numbers.length),
	};
}

function first(): Accumulator {
	let value: { is: Value } | undefined;
	return {
		add: (next) => {
			value ??= { is: next ?? null };
		},
		result: () => value?.is ?? null,
	};
}

function last(): Accumulator {
	let value: Value = null;
	return {
		add: (next) => {
			value = next ?? null;
		},
		result: () => value,
	};
}

function push(): Accumulator {
	const values: Value[] = [];
	return { add: (value) => void (value !== undefined && values.push(value)), result: () => values };
}

function addToSet(): Accumulator {
	const values = new Map<string, Value>();
	return {
		add: (value) => {
			if (value === undefined) return;
			const key = encodeValue(value).toString("latin1");
			if (!values.has(key)) values.set(key, value);
		},
		result: () => [...values.values()],
	};
}

function count(): Accumulator {
	let n = 0;
	return { add: () => void n++, result: () => n };
}

const accumulators: Record<string, () => Accumulator> = {
	$sum: sum,
	$avg: average,
	$min: extreme((order) => order < 0),
	$max: extreme((order) => order > 0),
	$first: first,
	$last: last,
	$push: push,
	$addToSet: addToSet,
	$count: count,
};

type Field = { name: string; start: () => Accumulator; compute: Expression };

function compileField(name: string, argument: Value): Field {
	if (name.includes(".")) throw new Failure("BadValue", `The field name '${name}' in $group cannot contain '.'`);
	const entries = isFields(argument) ? Object.entries(argument) : [];
	const [operator, operand] = entries[0] ?? [];
	if (entries.length !== 1 || operator === undefined || operand === undefined)
		throw new Failure("BadValue", `The field '${name}' in $group must be an accumulator object`);
	const start = Object.hasOwn(accumulators, operator) ? accumulators[operator] : undefined;
	if (!start) refuse(`The group operator '${operator}'`);
	if (operator === "$count" && !(isFields(operand) && Object.keys(operand).length === 0))
		throw new Failure("TypeMismatch", "$count takes no arguments, i.e. {$count: {}}");
	return { name, start, compute: compileExpression(operand) };
}

/** @throws Failure BadValue for a missing `_id` or an accumulator outside the subset */
export function compileGroup(argument: Value): (input: Iterable<Fields>) => Iterable<Fields> {
	if (!isFields(argument)) throw new Failure("BadValue", "a group's fields must be specified in an object");
	const { _id: idArgument, ...rest } = argument;
	if (idArgument === undefined) throw new Failure("BadValue", "a group specification must include an _id");
	const id = compileExpression(idArgument);
	const fields = Object.entries(rest).map(([name, value]) => compileField(name, value));
	return function* group(input) {
		const groups = new Map<string, { id: Value; states: Accumulator[] }>();
		for (const document of input) {
			const value = id(document) ?? null;
			const key = encodeValue(value).toString("latin1");
			const one = groups.get(key) ?? { id: value, states: fields.map(({ start }) => start()) };
			groups.set(key, one);
			fields.forEach(({ compute }, i) => {
				one.states[i]?.add(compute(document));
			});
		}
		for (const { id: _id, states } of groups.values()) {
			const result: Fields = { _id };
			fields.forEach(({ name }, i) => {
				result[name] = states[i]?.result() ?? null;
			});
			yield result;
		}
	};
}
