import type { Stage } from "./stage.ts";

/** What a user does, in one line each. */

export async function makeWorkload(stage: Stage, ids: readonly string[]): Promise<string> {
	const instances = ids.map((id) => ({ "instance-id": id }));
	const answer = await stage.ask("POST", "/workloads", { body: { workload: { name: "w", instances } } });
	if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
	return answer.body.workload.id;
}

export async function takeSnapshot(stage: Stage, workloadId: string, query = ""): Promise<string> {
	// As every T4O client sends it.
	const body = { snapshot: { name: "s", description: "", full: "True" } };
	const { status, body: answer } = await stage.ask("POST", `/workloads/${workloadId}${query}`, { body });
	if (status !== 202) throw new Error(JSON.stringify(answer));
	return answer.snapshot.id;
}

export async function startRestore(stage: Stage, snapshotId: string, instances: unknown[] = []): Promise<string> {
	const options = { restore_type: "selective", openstack: { instances } };
	const { status, body } = await stage.ask("POST", `/snapshots/${snapshotId}`, { body: { restore: { options } } });
	if (status !== 202) throw new Error(JSON.stringify(body));
	return body.restore.id;
}

/** The one object that a path answers. */
// biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it.
export async function read(stage: Stage, path: string): Promise<any> {
	const { status, body } = await stage.ask("GET", path);
	if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${JSON.stringify(body)}`);
	return Object.values(body)[0];
}

/** Whether the thing at `path` is available (again). */
export const isAvailable = (stage: Stage, path: string) => async () => (await read(stage, path)).status === "available";

export const hasEnded = (stage: Stage, path: string) => async () =>
	["available", "error", "cancelled"].includes((await read(stage, path)).status);
