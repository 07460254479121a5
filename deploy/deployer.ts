import type openwhisk from "openwhisk";
import { zipBundle } from "./bundle.ts";
import { deadline } from "./current.ts";
import type { Desired, DesiredAction } from "./desired.ts";
import type { Step } from "./plan.ts";

/** Carries out one step of a plan. Every step may be repeated: it writes what shall be, whatever was there. */
export async function applyStep(client: openwhisk.Client, desired: Desired, step: Step): Promise<void> {
	const { verb, kind, name } = step;
	try {
		if (verb === "delete") await remove(client, step);
		else if (verb === "enable") await client.rules.enable({ name, ...deadline });
		else if (kind === "package") await putPackage(client, pick(desired.packages, name));
		else if (kind === "action") await putAction(client, pick(desired.actions, name), step.obsolete ?? []);
		else if (kind === "trigger") await putTrigger(client, pick(desired.triggers, name));
		else await putRule(client, pick(desired.rules, name));
	} catch (error) {
		throw new Error(`OpenWhisk refused to ${verb} the ${kind} ${name}: ${(error as Error).message}`);
	}
}

function pick<T extends { name: string }>(list: T[], name: string): T {
	const found = list.find((one) => one.name === name);
	if (found === undefined) throw new Error(`${name} is not in the manifest`);
	return found;
}

async function putPackage(client: openwhisk.Client, { name, parameters, annotations }: Desired["packages"][number]) {
	await client.packages.update({ name, package: { parameters, annotations }, ...deadline });
}

async function putAction(client: openwhisk.Client, action: DesiredAction, delAnnotations: string[]) {
	const { kind, main, bundle, parameters, annotations, limits } = action;
	const code = zipBundle(bundle).toString("base64");
	const exec = { kind, code, binary: true, ...(main === undefined ? {} : { main }) };
	// The client's type knows no delAnnotations; OpenWhisk merges annotations and would keep what the manifest dropped.
	const body = { exec, parameters, annotations, limits, delAnnotations };
	await client.actions.update({ name: action.name, action: body as openwhisk.Action, ...deadline });
}

async function putTrigger(client: openwhisk.Client, { name, parameters, annotations }: Desired["triggers"][number]) {
	await client.triggers.update({ name, trigger: { parameters, annotations }, ...deadline });
}

async function putRule(client: openwhisk.Client, { name, trigger, action, annotations }: Desired["rules"][number]) {
	// Here the client wants annotations as an object, which its type does not know either.
	const marks = Object.fromEntries(annotations.map(({ key, value }) => [key, value]));
	const options = { name, trigger, action, annotations: marks, ...deadline };
	await client.rules.update(options);
}

async function remove(client: openwhisk.Client, { kind, name }: Step) {
	const collection = { package: client.packages, action: client.actions, trigger: client.triggers, rule: client.rules }[
		kind
	];
	try {
		await collection.delete({ name, ...deadline });
	} catch (error) {
		if ((error as { statusCode?: number }).statusCode !== 404) throw error; // gone already is as good
	}
}
