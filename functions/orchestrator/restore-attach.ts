import { getVolume } from "#openstack/cinder.ts";
import { attachVolume, listVolumeAttachments } from "#openstack/nova.ts";
import type { Session } from "#openstack/session.ts";
import type { PlannedDisk } from "#schemas/restore.ts";
import { readPlanned, unlessBusy, waitFor } from "./carry-out.ts";
import { backgroundSession } from "./identity.ts";
import type { Outcome, Step } from "./step.ts";

/** The new volumes on their servers, in the order of the original devices: Nova hands out device names by order. */
export async function attach(step: Step): Promise<Outcome> {
	const session = backgroundSession(step.context, step.run.project_id);
	const { plan } = await readPlanned(step);
	for (const { new_id, name, disks } of plan.instances) {
		if (new_id === null) throw new Error(`The plan has no server for ${name}.`);
		const wanted = disks.filter(({ new_volume_id }) => new_volume_id !== null);
		if (wanted.length > 0 && !(await attachAll(session, new_id, wanted)))
			return waitFor(step, `the volumes of ${name}`);
	}
	return { next: "transfer" };
}

/** False while Nova or Cinder is busy with one of them. */
async function attachAll(session: Session, serverId: string, disks: readonly PlannedDisk[]): Promise<boolean> {
	const attached = new Set((await listVolumeAttachments(session, serverId)).map(({ volumeId }) => volumeId));
	for (const { new_volume_id, device } of disks) {
		const volumeId = new_volume_id as string;
		const { status } = await getVolume(session, volumeId);
		if (attached.has(volumeId) && status === "in-use") continue;
		if (attached.has(volumeId) || status !== "available") return false;
		if (!(await unlessBusy(() => attachVolume(session, serverId, { volumeId, device: `/dev/${device}` }))))
			return false;
		if ((await getVolume(session, volumeId)).status !== "in-use") return false;
	}
	return true;
}
