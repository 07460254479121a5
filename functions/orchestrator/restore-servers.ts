import { createServer, getServer, listServers, stopServer } from "#openstack/nova.ts";
import type { Session } from "#openstack/session.ts";
import type { PlannedInstance } from "#schemas/restore.ts";
import {
	orGone,
	type PlannedRestore,
	readPlanned,
	record,
	restoreKey,
	serverKey,
	unlessBusy,
	waitFor,
} from "./carry-out.ts";
import { backgroundSession } from "./identity.ts";
import { hostOf } from "./locate.ts";
import { CannotDo, type Outcome, type Step } from "./step.ts";

/** The new servers, each made by Nova from the original image, then stopped, so that its disks may be written. */
export async function servers(step: Step): Promise<Outcome> {
	const session = backgroundSession(step.context, step.run.project_id);
	let restore = await createMissing(step, session, await readPlanned(step));
	for (const [i, { new_id, host, name }] of restore.plan.instances.entries()) {
		if (new_id === null || host !== null) continue;
		const server = await orGone(() => getServer(session, new_id));
		if (server === null) throw new CannotDo(`The new instance ${name} (${new_id}) has been deleted by somebody.`);
		if (server.status === "ERROR") {
			throw new CannotDo(`Nova could not make the new instance ${name}: ${server.fault?.message ?? "no reason given"}`);
		}
		if (server.status === "ACTIVE" && !server["OS-EXT-STS:task_state"])
			await unlessBusy(() => stopServer(session, new_id));
		if (server.status !== "SHUTOFF") return waitFor(step, `instance ${name}`);
		const plan = structuredClone(restore.plan);
		(plan.instances[i] as PlannedInstance).host = hostOf(server);
		restore = await record(step, { ...restore, plan });
	}
	return { next: "attach" };
}

async function createMissing(step: Step, session: Session, planned: PlannedRestore): Promise<PlannedRestore> {
	let restore = planned;
	if (planned.plan.instances.every(({ new_id }) => new_id !== null)) return restore;
	const made = await serversByKey(session);
	for (const [i, instance] of planned.plan.instances.entries()) {
		if (instance.new_id !== null) continue;
		const key = serverKey(restore, instance);
		const id = made.get(key) ?? (await create(session, instance, key));
		const plan = structuredClone(restore.plan);
		(plan.instances[i] as PlannedInstance).new_id = id;
		restore = await record(step, { ...restore, plan, created: [...restore.created, { kind: "server", id }] });
	}
	return restore;
}

async function create(session: Session, instance: PlannedInstance, key: string): Promise<string> {
	const { name, flavor_id, image_id, key_name, availability_zone, security_groups, networks } = instance;
	const { id } = await createServer(session, {
		name,
		flavorRef: flavor_id,
		...(image_id !== null && { imageRef: image_id }),
		...(key_name !== null && { key_name }),
		...(availability_zone !== null && { availability_zone }),
		...(security_groups.length > 0 && { security_groups: security_groups.map((group) => ({ name: group })) }),
		metadata: { ...instance.metadata, [restoreKey]: key },
		networks:
			networks.length === 0
				? "none"
				: networks.map(({ network_id, fixed_ip }) => ({ uuid: network_id, ...(fixed_ip !== null && { fixed_ip }) })),
	});
	return id;
}

/** Servers in the project that restores made, by their key. */
export async function serversByKey(session: Session): Promise<Map<string, string>> {
	const found = new Map<string, string>();
	for await (const server of listServers(session)) {
		const key = server.metadata[restoreKey];
		if (key !== undefined) found.set(key, server.id);
	}
	return found;
}
