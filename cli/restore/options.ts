import type { Client } from "../client.ts";
import { usage } from "../failure.ts";
import { isUuid, pickOne } from "../find.ts";
import type { Snapshot } from "../snapshot/view.ts";
import { readOptionsFile } from "./file.ts";
import { mapNetworks } from "./network.ts";

export type Asked = { instance?: string[]; network?: string[]; filename?: string; oneclick?: boolean };

/** The `options` of the request (T4O API, one-click and selective) for what was asked. Throws a sentence. */
export const restoreOptions = async (
	client: Client,
	snapshotId: string,
	asked: Asked,
): Promise<Record<string, unknown>> => {
	const { instance = [], network = [], filename, oneclick } = asked;
	const chosen = instance.length > 0 || network.length > 0;
	if (filename !== undefined && (oneclick || chosen)) {
		throw usage("--filename says everything; it does not go with --oneclick, --instance or --network.");
	}
	if (oneclick && chosen)
		throw usage("--oneclick restores everything as it was; it does not go with --instance or --network.");
	if (filename !== undefined) return readOptionsFile(filename);
	if (oneclick) return { type: "openstack", oneclickrestore: true, restore_type: "oneclick", openstack: {} };
	const selective = { type: "openstack", oneclickrestore: false, restore_type: "selective" };
	if (!chosen) return { ...selective, openstack: {} };
	const snapshot = await client.get<Snapshot>(`/snapshots/${snapshotId}`, "snapshot");
	const networks = await mapNetworks(client, snapshot, network);
	const instances = instance.map((one) => readInstance(snapshot, one));
	return { ...selective, openstack: { instances, networks_mapping: { networks } } };
};

/** `ID`, `NAME`, `ID:NEWNAME` or `NAME:NEWNAME`. A name may have a colon itself, so the whole is tried first. */
const readInstance = ({ instances }: Snapshot, text: string): { id: string; include: true; name?: string } => {
	if (isUuid(text) || instances.some(({ name }) => name === text)) {
		return { id: pickOne(instances, "instance of the snapshot", text).id, include: true };
	}
	const colon = text.indexOf(":");
	const [wanted, name] = colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
	if (name === "") throw usage(`--instance ${text} has no name behind the colon.`);
	const { id } = pickOne(instances, "instance of the snapshot", wanted);
	return { id, include: true, ...(name !== undefined && { name }) };
};
