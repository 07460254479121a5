import type openwhisk from "openwhisk";
import type { KeyValue } from "./desired.ts";

/** What the namespace holds now, as far as a plan needs it. Names of actions are `package/name`. */
export type Current = {
	packages: Map<string, { parameters: KeyValue[]; annotations: KeyValue[] }>;
	actions: Map<string, { annotations: KeyValue[]; limits: Record<string, number> }>;
	triggers: Map<string, { parameters: KeyValue[]; annotations: KeyValue[] }>;
	rules: Map<string, { trigger: string; action: string; status: string; annotations: KeyValue[] }>;
};

/** Options of needle, which the client hands through: no call waits for ever. */
export const deadline = { open_timeout: 10_000, response_timeout: 60_000, read_timeout: 60_000 };

const pageSize = 200; // the most OpenWhisk lists at once

type Listed = { name?: string; namespace?: string; annotations?: KeyValue[] };

/** Reads packages, actions, triggers and rules of the client's namespace. Lists leave out parameters; those are fetched. */
export async function readCurrent(client: openwhisk.Client): Promise<Current> {
	const packages = await readAll((range) => client.packages.list(range));
	const actions = await readAll((range) => client.actions.list(range));
	const triggers = await readAll((range) => client.triggers.list(range));
	const rules = await readAll((range) => client.rules.list(range));
	const current: Current = { packages: new Map(), actions: new Map(), triggers: new Map(), rules: new Map() };
	for (const { name = "" } of packages) {
		const { parameters = [], annotations = [] } = await client.packages.get({ name, ...deadline });
		current.packages.set(name, { parameters, annotations });
	}
	for (const { name = "", namespace = "", annotations = [], ...rest } of actions) {
		const limits = (rest as { limits?: Record<string, number> }).limits ?? {};
		const [, inPackage] = namespace.split("/");
		current.actions.set(inPackage === undefined ? name : `${inPackage}/${name}`, { annotations, limits });
	}
	for (const { name = "" } of triggers) {
		const { parameters = [], annotations = [] } = await client.triggers.get({ name, ...deadline });
		current.triggers.set(name, { parameters, annotations });
	}
	for (const { name = "" } of rules) {
		const { trigger, action, status, annotations = [] } = await client.rules.get({ name, ...deadline });
		const [, ...inPackage] = action.path.split("/");
		current.rules.set(name, {
			trigger: trigger.name,
			action: [...inPackage, action.name].join("/"),
			status,
			annotations,
		});
	}
	return current;
}

async function readAll(list: (range: { limit: number; skip: number }) => Promise<Listed[]>): Promise<Listed[]> {
	const all: Listed[] = [];
	for (;;) {
		const page = await list({ limit: pageSize, skip: all.length, ...deadline });
		all.push(...page);
		if (page.length < pageSize) return all;
	}
}
