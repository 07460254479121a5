import { createHash } from "node:crypto";
import type { Bundle } from "./bundle.ts";
import { createResolver, type Environment } from "./environment.ts";
import type { Manifest, ManifestAction } from "./manifest.ts";

export type KeyValue = { key: string; value: unknown };

/** What a package, an action, a trigger or a rule shall be, ready to be sent. */
export type Desired = {
	packages: { name: string; parameters: KeyValue[]; annotations: KeyValue[] }[];
	actions: DesiredAction[];
	triggers: { name: string; parameters: KeyValue[]; annotations: KeyValue[] }[];
	rules: { name: string; trigger: string; action: string; annotations: KeyValue[] }[];
};

export type DesiredAction = {
	/** `package/name` */
	name: string;
	main?: string;
	kind: string;
	bundle: Bundle;
	parameters: KeyValue[];
	annotations: KeyValue[];
	limits: Record<string, number>;
};

/** Marks what this deployer made, and may therefore remove. */
export const managedBy: KeyValue = { key: "managed-by", value: "holdfast-deploy" };
/** The annotation by which an unchanged action is recognised without fetching its code. */
export const shaKey = "sha";

/** Resolves every `$NAME` of the manifest. Throws one sentence naming all that are missing. */
export async function desiredState(
	manifest: Manifest,
	env: Environment,
	bundle: (actions: ManifestAction[]) => Promise<Bundle[]>,
): Promise<Desired> {
	const resolver = createResolver(env);
	const annotationsOf = (given: Record<string, unknown>) => [
		...Object.entries(given).map(([key, value]) => ({ key, value: resolver.required(value) })),
		managedBy,
	];
	const desired: Desired = { packages: [], actions: [], triggers: [], rules: [] };
	const actions: { source: ManifestAction; action: Omit<DesiredAction, "bundle"> }[] = [];
	for (const { name, inputs, annotations, actions: sources, triggers, rules } of manifest.packages) {
		desired.packages.push({ name, parameters: list(resolver.inputs(inputs)), annotations: annotationsOf(annotations) });
		for (const source of sources) {
			const action = {
				name: `${name}/${source.name}`,
				...(source.main === undefined ? {} : { main: source.main }),
				kind: source.kind,
				parameters: list(resolver.inputs(source.inputs)),
				// OpenWhisk would add a missing provide-api-key by itself, which would look like a difference ever after.
				annotations: annotationsOf({ "provide-api-key": false, ...source.annotations }),
				limits: source.limits as Record<string, number>,
			};
			actions.push({ source, action });
		}
		for (const trigger of triggers)
			desired.triggers.push({
				name: trigger.name,
				parameters: list(resolver.inputs(trigger.inputs)),
				annotations: annotationsOf(trigger.annotations),
			});
		for (const rule of rules) desired.rules.push({ ...rule, annotations: [managedBy] });
	}
	resolver.check();
	const bundles = await bundle(actions.map(({ source }) => source));
	for (const [at, { action }] of actions.entries()) {
		const withBundle = { ...action, bundle: bundles[at] as Bundle };
		desired.actions.push({
			...withBundle,
			annotations: [...action.annotations, { key: shaKey, value: shaOf(withBundle) }],
		});
	}
	return desired;
}

/** Covers all that is sent for an action, so that any change of it is seen in one annotation. */
function shaOf({ bundle, ...rest }: DesiredAction): string {
	return createHash("sha256")
		.update(JSON.stringify([bundle.sha, rest]))
		.digest("hex");
}

function list(values: Record<string, unknown>): KeyValue[] {
	return Object.entries(values).map(([key, value]) => ({ key, value }));
}
