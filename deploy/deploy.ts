import { fileURLToPath } from "node:url";
import openwhisk from "openwhisk";
import { bundleActions } from "./bundle.ts";
import { readCurrent } from "./current.ts";
import { applyStep } from "./deployer.ts";
import { desiredState } from "./desired.ts";
import type { Environment } from "./environment.ts";
import { prepareStore } from "./indexes.ts";
import { readManifest } from "./manifest.ts";
import { describeStep, planDeployment, type Step } from "./plan.ts";
import { tryBundle } from "./tryout.ts";

export type DeployOptions = {
	/** URL of OpenWhisk, for instance `https://openwhisk.example.org`. */
	apihost: string;
	/** `uuid:key` of the namespace. */
	auth: string;
	/** Where the `$NAME`s of the manifest come from. */
	env: Environment;
	/** Prints the difference and changes nothing. */
	plan?: boolean;
	log: (line: string) => void;
	/** Default: the manifest of this folder. */
	manifestPath?: string;
	/** Runs before the first action is changed; default: makes the indexes of the store at `MONGODB_URI`. */
	prepare?: (env: Environment) => Promise<void>;
};

const ownManifest = fileURLToPath(new URL("./manifest.yaml", import.meta.url));

/**
 * Makes the namespace what the manifest says and returns the steps it took (or, with `plan`, would take). Idempotent: what
 * is already right is not sent again, and a deployment that failed half-way is finished by the next one. Throws one
 * sentence for a bad manifest, missing values, a bundle that does not load, or what OpenWhisk refused.
 */
export async function deploy(options: DeployOptions): Promise<Step[]> {
	const { apihost, auth, env, plan = false, log, manifestPath = ownManifest, prepare = prepareStore } = options;
	const manifest = readManifest(manifestPath);
	const desired = await desiredState(manifest, env, bundleActions);
	const client = openwhisk({ apihost, api_key: auth, namespace: "_" });
	const current = await readCurrent(client).catch((error: Error) => {
		throw new Error(`OpenWhisk at ${apihost} could not be read: ${error.message}`);
	});
	const steps = planDeployment(desired, current);
	const sent = new Set(steps.filter(({ verb }) => verb !== "delete").map(({ kind, name }) => `${kind} ${name}`));
	for (const { name, bundle, main } of desired.actions)
		if (sent.has(`action ${name}`)) await tryBundle(name, bundle.code, main);
	if (plan) {
		for (const step of steps) log(describeStep(step));
		log(steps.length === 0 ? "nothing to change" : `${steps.length} steps; nothing has been changed`);
		return steps;
	}
	await prepare(env);
	for (const step of steps) {
		await applyStep(client, desired, step);
		log(describeStep(step));
	}
	if (steps.length === 0) log("nothing to change");
	return steps;
}
