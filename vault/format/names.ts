import { badArgument } from "../errors.ts";

/** Where each object type lives on the target. */
export const folders = {
	keys: "keys/",
	packs: "packs/",
	index: "index/",
	roots: "roots/",
	sessions: "sessions/",
	condemned: "condemned/",
	deleted: "deleted/",
} as const;

export const configKey = "config";

export const packKey = (id: string) => folders.packs + id;
export const rootKey = (snapshotId: string) => folders.roots + checkedId(snapshotId, "snapshot");
export const sessionKey = (sessionId: string) => folders.sessions + checkedId(sessionId, "session");
export const deletedKey = (snapshotId: string) => folders.deleted + checkedId(snapshotId, "snapshot");

const idShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

function checkedId(id: string, what: string): string {
	if (typeof id === "string" && idShape.test(id)) return id;
	throw badArgument(
		`The ${what} id ${JSON.stringify(id)} is not usable: 1 to 128 letters, digits, ".", "_" or "-", starting with a letter or digit.`,
	);
}

export const isPackId = (id: string) => /^[0-9a-f]{32}$/.test(id);

/** `UUID` text to its 16 bytes and back. */
export const uuidToBytes = (uuid: string) => Buffer.from(uuid.replaceAll("-", ""), "hex");

export function bytesToUuid(bytes: Uint8Array): string {
	const hex = Buffer.from(bytes).toString("hex");
	return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
