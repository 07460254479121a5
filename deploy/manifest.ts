import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";

/** A value as the manifest writes it, with its `$NAME`s still in it. */
export type Input = { value: unknown; required: boolean };

export type ManifestAction = {
	name: string;
	/** Absolute path of the TypeScript or JavaScript entry. */
	entry: string;
	kind: string;
	main?: string;
	inputs: Record<string, Input>;
	annotations: Record<string, unknown>;
	limits: { timeout?: number; memory?: number; logs?: number };
};

export type ManifestPackage = {
	name: string;
	inputs: Record<string, Input>;
	annotations: Record<string, unknown>;
	actions: ManifestAction[];
	triggers: { name: string; inputs: Record<string, Input>; annotations: Record<string, unknown> }[];
	/** `action` as `package/name`. */
	rules: { name: string; trigger: string; action: string }[];
};

export type Manifest = { packages: ManifestPackage[] };

/** Names of wskdeploy's limits and ours, which are the API's. */
const limitNames = { timeout: "timeout", memorySize: "memory", logSize: "logs" } as const;

/** Reads a manifest in wskdeploy's grammar, as far as it is listed here. Throws a sentence for anything else in it. */
export function readManifest(path: string): Manifest {
	const document = parse(readFileSync(path, "utf8"), { merge: true });
	const folder = dirname(resolve(path));
	const root = fields(document, "the manifest", ["packages"]);
	const packages = Object.entries(fields(root.packages, "packages"));
	if (packages.length === 0) throw new Error(`The manifest ${path} names no package.`);
	return { packages: packages.map(([name, body]) => readPackage(name, body, folder)) };
}

function readPackage(name: string, body: unknown, folder: string): ManifestPackage {
	const at = `package ${name}`;
	const known = ["inputs", "annotations", "actions", "triggers", "rules"];
	const { inputs, annotations, actions, triggers, rules } = fields(body, at, known);
	const read = {
		name,
		inputs: readInputs(inputs, at),
		annotations: fields(annotations, `${at}, annotations`),
		actions: entries(actions, at).map(([action, value]) => readAction(action, value, folder)),
		triggers: entries(triggers, at).map(([trigger, value]) => {
			const settings = fields(value, `trigger ${trigger}`, ["inputs", "annotations"]);
			return {
				name: trigger,
				inputs: readInputs(settings.inputs, `trigger ${trigger}`),
				annotations: fields(settings.annotations, `trigger ${trigger}, annotations`),
			};
		}),
		rules: entries(rules, at).map(([rule, value]) => readRule(rule, value, name)),
	};
	checkRules(read);
	return read;
}

function readAction(name: string, body: unknown, folder: string): ManifestAction {
	const at = `action ${name}`;
	const settings = fields(body, at, ["function", "runtime", "main", "inputs", "annotations", "limits"]);
	if (typeof settings.function !== "string") throw new Error(`In the manifest, ${at} needs a 'function' (a path).`);
	const limits = fields(settings.limits, `${at}, limits`, Object.keys(limitNames));
	return {
		name,
		entry: resolve(folder, settings.function),
		kind: String(settings.runtime ?? "nodejs:default"),
		...(typeof settings.main === "string" ? { main: settings.main } : {}),
		inputs: readInputs(settings.inputs, at),
		annotations: fields(settings.annotations, `${at}, annotations`),
		limits: Object.fromEntries(
			Object.entries(limits).map(([limit, value]) => {
				if (!Number.isInteger(value)) throw new Error(`In the manifest, ${at}: limit ${limit} must be a whole number.`);
				return [limitNames[limit as keyof typeof limitNames], value];
			}),
		),
	};
}

function readRule(name: string, body: unknown, inPackage: string) {
	const { trigger, action } = fields(body, `rule ${name}`, ["trigger", "action"]);
	if (typeof trigger !== "string" || typeof action !== "string")
		throw new Error(`In the manifest, rule ${name} needs a 'trigger' and an 'action'.`);
	return { name, trigger, action: action.includes("/") ? action : `${inPackage}/${action}` };
}

function checkRules({ name, rules, triggers, actions }: ManifestPackage) {
	for (const rule of rules) {
		if (!triggers.some((trigger) => trigger.name === rule.trigger))
			throw new Error(`In the manifest, rule ${rule.name} names the trigger '${rule.trigger}', which is not in it.`);
		if (!actions.some((action) => `${name}/${action.name}` === rule.action))
			throw new Error(`In the manifest, rule ${rule.name} names the action '${rule.action}', which is not in it.`);
	}
}

/** `NAME: value`, or the long form `NAME: { value, required, type, description, default }`. */
function readInputs(body: unknown, at: string): Record<string, Input> {
	return Object.fromEntries(
		Object.entries(fields(body, `${at}, inputs`)).map(([name, given]) => {
			if (typeof given !== "object" || given === null || !("value" in given))
				return [name, { value: given, required: false }];
			const input = given as { value: unknown; required?: unknown };
			return [name, { value: input.value, required: input.required === true }];
		}),
	);
}

function entries(value: unknown, at: string): [string, unknown][] {
	return Object.entries(fields(value, at));
}

function fields(value: unknown, at: string, known?: readonly string[]): Record<string, unknown> {
	if (value === undefined || value === null) return {};
	if (typeof value !== "object" || Array.isArray(value)) throw new Error(`In the manifest, ${at} must be a map.`);
	const unknown = Object.keys(value).find((name) => known !== undefined && !known.includes(name));
	if (unknown !== undefined)
		throw new Error(`In the manifest, ${at} has '${unknown}', which this deployer does not know.`);
	return value as Record<string, unknown>;
}
