import { Failure, refuse } from "./failure.ts";
import { splitPath } from "./path.ts";
import { type Fields, isFields, plainFields, type Value } from "./value.ts";

export type Projection = (document: Fields) => Fields;
type Tree = Map<string, Tree | true>;

function plant(tree: Tree, path: string): void {
	const parts = splitPath(path);
	let node = tree;
	parts.forEach((part, i) => {
		const child = node.get(part);
		const last = i === parts.length - 1;
		if (child === true || (child && last)) throw new Failure("PathCollision", `Path collision at ${path}`);
		if (last) node.set(part, true);
		else {
			const next: Tree = child ?? new Map();
			node.set(part, next);
			node = next;
		}
	});
}

function keep(value: Value, tree: Tree): Value | undefined {
	if (Array.isArray(value)) return value.map((item) => keep(item, tree)).filter((item) => item !== undefined);
	if (!isFields(value)) return undefined;
	const kept: Fields = {};
	for (const [name, field] of Object.entries(value)) {
		const child = tree.get(name);
		const result = child === true ? field : child && keep(field, child);
		if (result !== undefined) kept[name] = result;
	}
	return kept;
}

function drop(value: Value, tree: Tree): Value {
	if (Array.isArray(value)) return value.map((item) => drop(item, tree));
	if (!isFields(value)) return value;
	const rest: Fields = {};
	for (const [name, field] of Object.entries(value)) {
		const child = tree.get(name);
		if (child !== true) rest[name] = child ? drop(field, child) : field;
	}
	return rest;
}

/** Whether a projection's value says "include" (true) or "exclude" (false); undefined if it is an expression. */
export function projectionFlag(value: Value | undefined): boolean | undefined {
	if (typeof value === "number" || typeof value === "boolean") return Boolean(value);
	return undefined;
}

/**
 * Compiles an include-only or exclude-only projection; `_id` alone may differ. Fields keep the document's order.
 * @throws Failure 31253/31254 for a mixture, 31250 for colliding paths, 2 for operators and expressions
 */
export function compileProjection(argument: unknown): Projection | undefined {
	const entries = Object.entries(plainFields(argument ?? {}, "the projection"));
	if (entries.length === 0) return undefined;
	const flags = entries.map(([path, value]) => {
		const flag = projectionFlag(value);
		return { path, flag: flag ?? refuse(`The projection of '${path}' with an operator or expression`) };
	});
	const decisive = flags.find(({ path }) => path !== "_id") ?? { path: "_id", flag: flags[0]?.flag ?? true };
	const tree: Tree = new Map();
	for (const { path, flag } of flags) {
		if (flag !== decisive.flag && path !== "_id") {
			if (flag)
				throw new Failure("InclusionInExclusion", `Cannot do inclusion on field ${path} in exclusion projection`);
			throw new Failure("ExclusionInInclusion", `Cannot do exclusion on field ${path} in inclusion projection`);
		}
		if (flag === decisive.flag) plant(tree, path);
	}
	const idFlag = flags.find(({ path }) => path === "_id")?.flag;
	if (!decisive.flag) return (document) => drop(document, tree) as Fields;
	if (idFlag !== false && !tree.has("_id")) tree.set("_id", true);
	return (document) => keep(document, tree) as Fields;
}
