import { inParallel } from "#functions/adapter/parallel.ts";
import type { Flavor, Server } from "#openstack/nova.ts";
import type { Session } from "#openstack/session.ts";
import type { CapturedMetadata } from "#schemas/capture.ts";
import type { SnapshotDocument, SnapshotInstance } from "#schemas/snapshot.ts";
import type { WorkloadDocument } from "#schemas/workload.ts";
import { saveCapture } from "#store/captures.ts";
import { moveSnapshot, newestIntact, readSnapshot } from "#store/snapshots.ts";
import { readWorkload } from "#store/workloads.ts";
import { baseOf, typeOf } from "./base.ts";
import { describeInstance, describeSurroundings, readFlavors, readServer } from "./describe.ts";
import { backgroundSession } from "./identity.ts";
import { hostOf, locateDisks, rootDiskBytes } from "./locate.ts";
import { CannotDo, type Outcome, type Step } from "./step.ts";

const instancesAtOnce = 4;
const gib = 1024 ** 3;

/** The capture travels to an agent in one answer of at most 1 MiB, other jobs beside it. */
export const largestCaptureBytes = 600_000;

type Captured = { instance: CapturedMetadata["instances"][number]; entry: SnapshotInstance };

/**
 * Reads everything about the instances but their disks' bytes, stores it, and makes the snapshot say what it will
 * hold. May run again: it reads anew and replaces.
 */
export async function capture(step: Step): Promise<Outcome> {
	const { context, db, run } = step;
	const now = context.now();
	const [workload, snapshot] = [await readWorkload(db, run.workload_id), await readSnapshot(db, run.subject_id)];
	if (workload === null || snapshot === null) return { fail: "The workload or the snapshot has been removed." };
	if (snapshot.status === "cancelling") return { cancelled: true };
	const session = backgroundSession(context, run.project_id);
	const previous = snapshot.snapshot_type === "full" ? null : await newestIntact(db, workload._id, snapshot.target_id);
	const flavors = await readFlavors(session);
	const captured = await inParallel(workload.instances, instancesAtOnce, async ({ id }) =>
		captureInstance(session, await readServer(session, id), flavors, previous),
	);
	const instances = captured.map(({ entry }) => entry);
	const snapshot_type = typeOf(instances);
	const metadata = await metadataOf(session, workload, { ...snapshot, snapshot_type }, captured);
	await saveCapture(db, { _id: snapshot._id, project_id: run.project_id, captured: metadata, created_at: now });
	const size = instances.flatMap(({ disks }) => disks).reduce((total, disk) => total + disk.size_bytes, 0);
	const host = instances[0]?.host ?? "";
	const moved = await moveSnapshot(db, snapshot._id, {
		from: ["creating", "executing"],
		to: "executing",
		now,
		set: { instances, snapshot_type, size, host, progress_msg: "Instances are captured" },
	});
	return moved === null ? { cancelled: true } : { next: "transfer" };
}

async function captureInstance(
	session: Session,
	server: Server,
	flavors: readonly Flavor[],
	previous: SnapshotDocument | null,
): Promise<Captured> {
	mustBeReadable(server);
	const instance = await describeInstance(session, server, flavors);
	const located = await locateDisks(session, server);
	if (located.length === 0) throw new CannotDo(`Instance ${server.name} has no disk; take it out of the workload.`);
	const sizeOf = (volumeId: string | null): number => {
		if (volumeId === null) return rootDiskBytes(server);
		const volume = instance.volumes.find(({ volume }) => volume.id === volumeId)?.volume;
		return Number(volume?.size ?? 0) * gib;
	};
	const disks = located.map(({ disk_id, device, volume_id }) => ({
		...{ disk_id, device, volume_id, manifest: null, size_bytes: sizeOf(volume_id) },
		...{ allocated_bytes: 0, read_bytes: 0, sent_bytes: 0, stored_bytes: 0 },
	}));
	const builds = disks.some(({ disk_id }) => baseOf(previous, server.id, disk_id) !== null);
	const { id, name } = server;
	return { instance, entry: { id, name, host: hostOf(server), snapshot_type: builds ? "incremental" : "full", disks } };
}

/** Running instances are read through their hypervisor; in a state between, there is no moment to speak of. */
function mustBeReadable({ name, status }: Server): void {
	if (["SHUTOFF", "ACTIVE", "PAUSED"].includes(status)) return;
	throw new CannotDo(`Instance ${name} is ${status.toLowerCase()}; only running and stopped instances are protected.`);
}

export const isRunning = ({ status }: Server): boolean => status !== "SHUTOFF";

async function metadataOf(
	session: Session,
	workload: WorkloadDocument,
	snapshot: SnapshotDocument,
	captured: readonly Captured[],
): Promise<CapturedMetadata> {
	const instances = captured.map(({ instance }) => instance);
	const { _id, name, description, project_id } = workload;
	const created_at = snapshot.created_at.toISOString();
	const metadata: CapturedMetadata = {
		version: 1,
		workload: { id: _id, name, description, project_id },
		snapshot: { id: snapshot._id, name: snapshot.name, snapshot_type: snapshot.snapshot_type, created_at },
		instances,
		...(await describeSurroundings(session, instances)),
	};
	const bytes = Buffer.byteLength(JSON.stringify(metadata));
	if (bytes <= largestCaptureBytes) return metadata;
	throw new CannotDo(
		`The description of the workload's instances has ${bytes} bytes, more than ${largestCaptureBytes}; split the workload.`,
	);
}
