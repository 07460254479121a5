import { toBoolean } from "#schemas/primitive.ts";
import { RestoreCreateBody } from "#schemas/restore.ts";
import { validate } from "#schemas/validate.ts";
import { CannotDo } from "./step.ts";

type Options = NonNullable<RestoreCreateBody["restore"]["options"]>;
type Openstack = NonNullable<Options["openstack"]>;
export type AskedInstance = NonNullable<Openstack["instances"]>[number];

/** What a restore is asked to do, after T4O's loose options were made strict. */
export type Selection = {
	type: "oneclick" | "selective";
	/** Ids of the snapshot's instances to restore. */
	instanceIds: string[];
	asked: ReadonlyMap<string, AskedInstance>;
	/** Network of the snapshot → network to use instead. */
	networks: ReadonlyMap<string, string>;
};

/**
 * Reads restore options against the ids that the snapshot has. Throws `CannotDo` for what is not there or not
 * supported. Without a list, or with an empty one, all instances are meant; one that is listed is meant unless
 * `include` says no.
 */
export function selectionOf(options: Record<string, unknown>, snapshotIds: readonly string[]): Selection {
	const { restore } = validate(RestoreCreateBody, { restore: { options } });
	const { oneclickrestore, restore_type, openstack = {} } = restore.options ?? {};
	const type = toBoolean(oneclickrestore) || restore_type === "oneclick" ? "oneclick" : (restore_type ?? "selective");
	if (type !== "oneclick" && type !== "selective")
		throw new CannotDo(`A restore of type ${type} is not supported yet.`);
	if (toBoolean(openstack.restore_topology)) throw new CannotDo("Restoring the network topology is not supported yet.");
	const listed = openstack.instances ?? [];
	const stranger = listed.find(({ id }) => !snapshotIds.includes(id));
	if (stranger) throw new CannotDo(`The snapshot has no instance ${stranger.id}.`);
	const chosen = listed.filter(({ include }) => toBoolean(include) !== false).map(({ id }) => id);
	const instanceIds = listed.length === 0 ? [...snapshotIds] : [...new Set(chosen)];
	if (instanceIds.length === 0) throw new CannotDo("No instance is chosen; include at least one.");
	const networks = new Map<string, string>();
	for (const { snapshot_network, target_network } of openstack.networks_mapping?.networks ?? []) {
		if (snapshot_network.id && target_network.id) networks.set(snapshot_network.id, target_network.id);
	}
	return { type, instanceIds, asked: new Map(listed.map((one) => [one.id, one])), networks };
}
