import type { Db } from "mongodb";
import { inParallel } from "#functions/adapter/parallel.ts";
import type { Call } from "#functions/adapter/routes.ts";
import { isOpenStackError } from "#openstack/error.ts";
import { getServer } from "#openstack/nova.ts";
import { Fault } from "#schemas/fault.ts";
import { releaseMember, takeMember } from "#store/members.ts";

/** Nova is asked about this many instances at a time. */
const askedAtOnce = 8;

export type NamedInstance = { id: string; name: string };

/**
 * The instances with their names, as the caller sees them in Nova. Doubles count once. Throws `Fault`
 * INSTANCE_NOT_FOUND for one that Nova does not have in the project.
 */
export async function findInstances(call: Call, ids: readonly string[]): Promise<NamedInstance[]> {
	const session = call.context.caller(call.identity.token);
	const wanted = [...new Set(ids.map((id) => id.toLowerCase()))];
	return inParallel(wanted, askedAtOnce, async (id) => {
		try {
			const server = await getServer(session, id);
			// An admin's token finds every project's servers.
			if (server.tenant_id === call.params.project) return { id: server.id, name: server.name };
		} catch (error) {
			if (!isOpenStackError(error, "not-found", "forbidden")) throw error;
		}
		throw new Fault("INSTANCE_NOT_FOUND", { id });
	});
}

export type Taking = { projectId: string; workloadId: string; now: Date };

/**
 * Makes all instances members of the workload and answers those that were not before. When one belongs to another
 * workload, gives back what it took and throws `Fault` INSTANCE_TAKEN.
 */
export async function takeInstances(db: Db, instances: readonly NamedInstance[], taking: Taking): Promise<string[]> {
	const taken: string[] = [];
	for (const { id } of instances) {
		const answer = await takeMember(db, { instanceId: id, ...taking });
		if (answer === "new") taken.push(id);
		if (answer !== "taken") continue;
		await giveBack(db, taken, taking.workloadId);
		throw new Fault("INSTANCE_TAKEN", { id });
	}
	return taken;
}

export async function giveBack(db: Db, instanceIds: readonly string[], workloadId: string): Promise<void> {
	for (const id of instanceIds) await releaseMember(db, id, workloadId);
}
