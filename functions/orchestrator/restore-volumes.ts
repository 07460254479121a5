import { createVolume, getVolume, listVolumes } from "#openstack/cinder.ts";
import type { Session } from "#openstack/session.ts";
import { orGone, type PlannedRestore, readPlanned, record, restoreKey, volumeKey, waitFor } from "./carry-out.ts";
import { backgroundSession } from "./identity.ts";
import { CannotDo, type Outcome, type Step } from "./step.ts";

/** Blank volumes for all planned ones, and until Cinder has made them. */
export async function volumes(step: Step): Promise<Outcome> {
	const session = backgroundSession(step.context, step.run.project_id);
	const restore = await createMissing(step, session, await readPlanned(step));
	const ids = restore.plan.instances.flatMap(({ disks }) => disks.map((disk) => disk.new_volume_id));
	for (const id of ids) {
		if (id === null) continue;
		const volume = await orGone(() => getVolume(session, id));
		if (volume === null) throw new CannotDo(`The new volume ${id} has been deleted by somebody.`);
		if (volume.status.startsWith("error"))
			throw new CannotDo(`Cinder could not make the new volume ${id}: it is in ${volume.status}.`);
		if (volume.status === "creating") return waitFor(step, `volume ${id}`);
	}
	return { next: "servers" };
}

async function createMissing(step: Step, session: Session, planned: PlannedRestore): Promise<PlannedRestore> {
	let restore = planned;
	const missing = planned.plan.instances.some(({ disks }) =>
		disks.some((disk) => disk.new_volume && !disk.new_volume_id),
	);
	if (!missing) return restore;
	const made = await volumesByKey(session);
	for (const [i, instance] of planned.plan.instances.entries()) {
		for (const [d, disk] of instance.disks.entries()) {
			if (disk.new_volume === null || disk.new_volume_id !== null) continue;
			const key = volumeKey(restore, instance, disk);
			const id = made.get(key) ?? (await create(session, disk.new_volume, key));
			const plan = structuredClone(restore.plan);
			(plan.instances[i]?.disks[d] as typeof disk).new_volume_id = id;
			restore = await record(step, { ...restore, plan, created: [...restore.created, { kind: "volume", id }] });
		}
	}
	return restore;
}

type NewVolume = NonNullable<PlannedRestore["plan"]["instances"][number]["disks"][number]["new_volume"]>;

async function create(session: Session, wanted: NewVolume, key: string): Promise<string> {
	const volume = await createVolume(session, {
		size: wanted.size_gib,
		name: wanted.name,
		metadata: { [restoreKey]: key },
		...(wanted.volume_type !== null && { volume_type: wanted.volume_type }),
		...(wanted.availability_zone !== null && { availability_zone: wanted.availability_zone }),
	});
	return volume.id;
}

/** Volumes in the project that restores made, by their key. */
export async function volumesByKey(session: Session): Promise<Map<string, string>> {
	const found = new Map<string, string>();
	for await (const volume of listVolumes(session)) {
		const key = volume.metadata[restoreKey];
		if (key !== undefined) found.set(key, volume.id);
	}
	return found;
}
