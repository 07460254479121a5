import { deleteVolume, getVolume } from "#openstack/cinder.ts";
import { deleteServer, getServer, listVolumeAttachments } from "#openstack/nova.ts";
import type { Session } from "#openstack/session.ts";
import { waitForGone } from "#openstack/wait.ts";
import { sha256OfVirtualDisk } from "#test/cloud/virtual-disk.ts";
import { findDisks, type Instance } from "./cloud.ts";
import { bytes, type Progress } from "./progress.ts";
import { type Underway, waitUntilAvailable } from "./wait.ts";

const cleanUpTimeoutMs = 60_000;

/** Where the accident of the second snapshot happens, in percent of its transfer. */
const accidentFrom = 15;
const accidentTo = 85;

export type Stage = { user: Session; admin: Session; cloudFolder: string; progress: Progress };

/** What the API tells of a disk in a snapshot; sizes in bytes. */
type SnapshotDisk = {
	label: string;
	/** The virtual disk, and what of it the source host keeps. */
	restore_size: number;
	allocated_size: number;
	read_size: number;
	sent_size: number;
	/** Added to the vault. */
	uploaded_size: number;
};
type Snapshot = Underway & {
	snapshot_type: string;
	instances: { id: string; name: string; vdisks: SnapshotDisk[] }[];
};
type Restore = Underway & { instances: { id: string; name: string; metadata: { instance_id: string } }[] };

/** A snapshot, what it cost, and what its disks had to be. `identical` is known after its restore. */
export type Taken = {
	id: string;
	type: string;
	seconds: number;
	restoreSeconds: number;
	storedBytes: number;
	disks: (SnapshotDisk & { instance: string; instanceId: string; sha256: string; identical: boolean | undefined })[];
};

const hashDisks = async (disks: Instance["disks"]): Promise<string[]> => {
	const hashes: string[] = [];
	for (const { path, format } of disks) hashes.push(await sha256OfVirtualDisk(path, format));
	return hashes;
};

const elapsed = (since: number): number => (performance.now() - since) / 1000;

/**
 * Hashes the source disks, takes a snapshot and waits for it. `accident`, if given, happens once, in the middle of the
 * transfer; a transfer that was over before it could happen is an error, because then nothing was shown.
 */
export const protect = async (
	{ user, progress }: Stage,
	workloadId: string,
	instances: readonly Instance[],
	{ full, accident }: { full: boolean; accident?: () => Promise<void> },
): Promise<Taken> => {
	const kind = full ? "full" : "incremental";
	progress.show(`hashing the source disks before the ${kind} snapshot`);
	const hashes = new Map(
		await Promise.all(instances.map(async ({ id, disks }) => [id, await hashDisks(disks)] as const)),
	);

	const since = performance.now();
	const answer = await user.request("workloads", "POST", `/workloads/${workloadId}`, {
		query: { full: full ? 1 : 0 },
		body: { snapshot: { name: kind } },
	});
	const { id } = (answer.body as { snapshot: { id: string } }).snapshot;
	let accidentAt: number | undefined;
	const snapshot = await waitUntilAvailable<Snapshot>(user, `/snapshots/${id}`, "snapshot", async (state) => {
		const { status, progress_percent: percent, uploaded_size: stored } = state;
		progress.show(`${kind} snapshot: ${status} ${percent} %, ${bytes(stored)} stored, ${elapsed(since).toFixed(0)} s`);
		if (accident && accidentAt === undefined && percent >= accidentFrom && percent <= accidentTo) {
			accidentAt = percent;
			await accident();
		}
	});
	const seconds = elapsed(since);
	if (accident && accidentAt === undefined) throw new Error("The transfer was over before the agent could be killed.");
	const survived = accidentAt === undefined ? "" : ` (its agent was killed at ${accidentAt} %)`;
	progress.say(`${kind} snapshot ${id} is available after ${seconds.toFixed(1)} s${survived}`);
	return {
		id,
		type: snapshot.snapshot_type,
		seconds,
		restoreSeconds: 0,
		storedBytes: snapshot.uploaded_size,
		disks: snapshot.instances.flatMap(({ id: instanceId, name, vdisks }) =>
			vdisks.map((disk, index) => ({
				...disk,
				instance: name,
				instanceId,
				sha256: hashes.get(instanceId)?.[index] ?? "",
				identical: undefined,
			})),
		),
	};
};

/** Removes what a restore made, so that the demo does not need room for two of them. */
const removeInstance = async ({ user }: Stage, id: string): Promise<void> => {
	const volumes = (await listVolumeAttachments(user, id)).map(({ volumeId }) => volumeId);
	await deleteServer(user, id);
	await waitForGone(() => getServer(user, id), { what: `server ${id}`, timeoutMs: cleanUpTimeoutMs });
	for (const volume of volumes) {
		await deleteVolume(user, volume);
		await waitForGone(() => getVolume(user, volume), { what: `volume ${volume}`, timeoutMs: cleanUpTimeoutMs });
	}
};

/** Restores a snapshot as new instances, compares their disks with what the sources were, and removes them again. */
export const restore = async (stage: Stage, taken: Taken): Promise<void> => {
	const { user, admin, cloudFolder, progress } = stage;
	const since = performance.now();
	const ids = [...new Set(taken.disks.map(({ instanceId }) => instanceId))];
	const options = {
		type: "openstack",
		restore_type: "selective",
		openstack: { instances: ids.map((id) => ({ id, include: true })) },
	};
	const answer = await user.request("workloads", "POST", `/snapshots/${taken.id}`, { body: { restore: { options } } });
	const { id } = (answer.body as { restore: { id: string } }).restore;
	const restored = await waitUntilAvailable<Restore>(user, `/restores/${id}`, "restore", (state) =>
		progress.show(
			`restore of ${taken.type}: ${state.status} ${state.progress_percent} %, ${elapsed(since).toFixed(0)} s`,
		),
	);
	taken.restoreSeconds = elapsed(since);
	progress.show("comparing the restored disks with their sources");
	const compare = async ({ id, metadata }: Restore["instances"][number]): Promise<void> => {
		const disks = taken.disks.filter(({ instanceId }) => instanceId === metadata.instance_id);
		const hashes = await hashDisks(await findDisks(admin, cloudFolder, id));
		for (const [index, disk] of disks.entries()) disk.identical = disk.sha256 !== "" && hashes[index] === disk.sha256;
	};
	await Promise.all(restored.instances.map(compare));
	progress.say(`${taken.type} snapshot restored as new instances in ${taken.restoreSeconds.toFixed(1)} s`);
	for (const instance of restored.instances) await removeInstance(stage, instance.id);
};
