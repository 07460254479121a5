import { isDeepStrictEqual } from "node:util";
import type { Current } from "./current.ts";
import { type Desired, type DesiredAction, type KeyValue, managedBy, shaKey } from "./desired.ts";

export type EntityKind = "package" | "action" | "trigger" | "rule";

export type Step = {
	verb: "create" | "update" | "enable" | "delete";
	kind: EntityKind;
	name: string;
	/** What differs, by name; values are never in it, because some of them are secrets. */
	why: string[];
	/** Annotations of an action that OpenWhisk would otherwise keep. */
	obsolete?: string[];
};

/** OpenWhisk writes this one itself. */
const platformAnnotations = new Set(["exec"]);

/**
 * The steps from what is there to what shall be, in the order in which they are safe: packages, actions, triggers, rules, and
 * then what the manifest no longer names, the other way round. Only entities marked as ours are ever deleted.
 */
export function planDeployment(desired: Desired, current: Current): Step[] {
	return [
		...desired.packages.flatMap((wanted) => planBound("package", wanted, current.packages.get(wanted.name))),
		...desired.actions.flatMap((wanted) => planAction(wanted, current.actions.get(wanted.name))),
		...desired.triggers.flatMap((wanted) => planBound("trigger", wanted, current.triggers.get(wanted.name))),
		...desired.rules.flatMap((wanted) => planRule(wanted, current.rules.get(wanted.name))),
		...removals("rule", current.rules, desired.rules),
		...removals("trigger", current.triggers, desired.triggers),
		...removals("action", current.actions, desired.actions),
		...removals("package", current.packages, desired.packages),
	];
}

type Bound = { parameters: KeyValue[]; annotations: KeyValue[] };

function planBound(kind: EntityKind, wanted: Bound & { name: string }, found: Bound | undefined): Step[] {
	if (found === undefined) return [{ verb: "create", kind, name: wanted.name, why: [] }];
	const why = [
		...differences("parameter", wanted.parameters, found.parameters),
		...differences("annotation", wanted.annotations, found.annotations),
	];
	return why.length === 0 ? [] : [{ verb: "update", kind, name: wanted.name, why }];
}

function planAction(
	wanted: DesiredAction,
	found: Current["actions"] extends Map<string, infer T> ? T | undefined : never,
): Step[] {
	const { name } = wanted;
	if (found === undefined) return [{ verb: "create", kind: "action", name, why: [] }];
	const ofManifest = found.annotations.filter(({ key }) => !platformAnnotations.has(key));
	const why = differences("annotation", wanted.annotations, ofManifest).map((text) =>
		text.includes(`annotation ${shaKey} `) ? "code, inputs or settings changed" : text,
	);
	for (const [limit, value] of Object.entries(wanted.limits))
		if (found.limits[limit] !== value) why.push(`limit ${limit} ${found.limits[limit]} → ${value}`);
	const obsolete = ofManifest.map(({ key }) => key).filter((key) => !wanted.annotations.some((one) => one.key === key));
	return why.length === 0 ? [] : [{ verb: "update", kind: "action", name, why, obsolete }];
}

function planRule(wanted: Desired["rules"][number], found: Parameters<Current["rules"]["set"]>[1] | undefined): Step[] {
	const step = { kind: "rule", name: wanted.name } as const;
	if (found === undefined) return [{ ...step, verb: "create", why: [] }];
	const why = differences("annotation", wanted.annotations, found.annotations);
	if (found.trigger !== wanted.trigger) why.push(`trigger ${found.trigger} → ${wanted.trigger}`);
	if (found.action !== wanted.action) why.push(`action ${found.action} → ${wanted.action}`);
	const steps: Step[] = why.length === 0 ? [] : [{ ...step, verb: "update", why }];
	// A rule that nobody runs is the quietest of faults: events are taken and nothing happens.
	if (found.status !== "active") steps.push({ ...step, verb: "enable", why: [`it is ${found.status}`] });
	return steps;
}

function differences(what: string, wanted: KeyValue[], found: KeyValue[]): string[] {
	const before = new Map(found.map(({ key, value }) => [key, value]));
	const after = new Set(wanted.map(({ key }) => key));
	const changed = wanted.flatMap(({ key, value }) => {
		if (!before.has(key)) return [`${what} ${key} added`];
		return isDeepStrictEqual(before.get(key), value) ? [] : [`${what} ${key} changed`];
	});
	const removed = [...before.keys()].filter((key) => !after.has(key)).map((key) => `${what} ${key} removed`);
	return [...changed, ...removed];
}

function removals(
	kind: EntityKind,
	found: Map<string, { annotations: KeyValue[] }>,
	wanted: { name: string }[],
): Step[] {
	const kept = new Set(wanted.map(({ name }) => name));
	return [...found]
		.filter(
			([name, { annotations }]) => !kept.has(name) && annotations.some((one) => isDeepStrictEqual(one, managedBy)),
		)
		.map(([name]) => ({ verb: "delete", kind, name, why: ["not in the manifest"] }));
}

/** `+ action holdfast/workloads`: one line for each step. */
export function describeStep({ verb, kind, name, why }: Step): string {
	const sign = { create: "+", update: "~", enable: "~", delete: "-" }[verb];
	return `${sign} ${verb} ${kind} ${name}${why.length === 0 ? "" : ` (${why.join(", ")})`}`;
}
