import type { ManifestReference } from "#schemas/manifest.ts";
import type { SnapshotDocument } from "#schemas/snapshot.ts";

/** The same disk in the snapshot before: what an incremental one builds on. null where it has to be read in full. */
export function baseOf(
	previous: SnapshotDocument | null,
	instanceId: string,
	diskId: string,
): ManifestReference | null {
	const instance = previous?.instances.find(({ id }) => id === instanceId);
	return instance?.disks.find(({ disk_id }) => disk_id === diskId)?.manifest ?? null;
}

/** T4O's word for how the instances were taken. */
export function typeOf(
	instances: readonly { snapshot_type: "full" | "incremental" }[],
): SnapshotDocument["snapshot_type"] {
	const types = new Set(instances.map((instance) => instance.snapshot_type));
	return types.size === 1 ? ([...types][0] as "full" | "incremental") : "mixed";
}
