import { isDeepStrictEqual } from "node:util";
import { badArgument, isVaultError, VaultError } from "../errors.ts";
import { maxCapturedBytes, recordTypes } from "../format/constants.ts";
import { type RootDocument, sealDocument } from "../format/documents.ts";
import { rootKey, sessionKey } from "../format/names.ts";
import { maxPageBytes } from "../format/page.ts";
import { checkManifest } from "../read/disk.ts";
import type { Records } from "../read/records.ts";
import type { ManifestRef, SnapshotRoot } from "../vault.ts";
import { hasSession, type Place, readRootOrEnd, wasDeleted } from "./session.ts";

export type CommitOptions = Place & {
	records: Records;
	chunkBytes: number;
	/** The pack of a top page, where this process knows it. */
	hint: (page: string) => string | undefined;
};

/** See `Vault.commitRoot`. */
export async function commitRoot(options: CommitOptions, root: SnapshotRoot): Promise<void> {
	const { target, keyring, now } = options;
	const key = rootKey(root.snapshotId);
	const plain = toPlainRoot(root);
	const manifests = manifestsOf(plain);
	for (const manifest of manifests) checkManifest(manifest, options.chunkBytes);

	const before = await readRootOrEnd(options, root.snapshotId);
	if (before === undefined) {
		const needsSession = manifests.some(({ page }) => page !== null);
		if (needsSession && !(await hasSession(options, root.snapshotId))) throw ended(root.snapshotId);
		if (await wasDeleted(options, root.snapshotId)) throw ended(root.snapshotId);
		const packs = await findTopPages(options, manifests);
		const document: RootDocument = { kind: "root", committedAt: now().toISOString(), packs, root: plain };
		try {
			await target.put(key, [sealDocument(keyring, key, document)], { ifAbsent: true });
		} catch (error) {
			if (!isVaultError(error, "EXISTS")) throw error;
			agree(await readRootOrEnd(options, root.snapshotId), plain);
		}
	} else {
		agree(before, plain);
	}
	await target.delete(sessionKey(root.snapshotId));
}

/** Passes when the root that is there is the one we want there. */
function agree(there: RootDocument | "ended" | undefined, wanted: SnapshotRoot): void {
	if (there === "ended" || there === undefined) throw ended(wanted.snapshotId);
	if (isDeepStrictEqual(there.root, wanted)) return;
	throw new VaultError("CONFLICT", `The snapshot ${wanted.snapshotId} exists already, with another content.`);
}

function ended(snapshotId: string): VaultError {
	return new VaultError(
		"SESSION_ENDED",
		`The session ${snapshotId} is over: its snapshot cannot be committed any more.`,
	);
}

/** Reads every top page, and says where each was found. */
async function findTopPages(options: CommitOptions, manifests: ManifestRef[]): Promise<Record<string, string>> {
	const packs: Record<string, string> = {};
	for (const { page } of manifests) {
		if (page === null) continue;
		const child = { name: Buffer.from(page, "hex"), pack: options.hint(page) };
		await options.records.read({ type: recordTypes.page, child, maxPlainBytes: maxPageBytes });
		packs[page] = (await options.records.locate(child)).packId;
	}
	return packs;
}

export function manifestsOf(root: SnapshotRoot): ManifestRef[] {
	return root.instances.flatMap((instance) => instance.disks.map((disk) => disk.manifest));
}

/** The root as it will be read back: JSON, and nothing that the type does not name. */
function toPlainRoot(root: SnapshotRoot): SnapshotRoot {
	if (Number.isNaN(Date.parse(root.createdAt))) throw badArgument(`"${root.createdAt}" is no ISO 8601 time.`);
	const captured = JSON.stringify(root.captured ?? null);
	if (Buffer.byteLength(captured) > maxCapturedBytes) {
		throw badArgument(`The captured metadata has more than ${maxCapturedBytes} bytes.`);
	}
	const instances = root.instances.map(({ instanceId, disks }) => ({
		instanceId,
		disks: disks.map(({ diskId, device, manifest: { sizeBytes, chunkBytes, page } }) => {
			return { diskId, device, manifest: { sizeBytes, chunkBytes, page } };
		}),
	}));
	const { snapshotId, workloadId, createdAt } = root;
	return { snapshotId, workloadId, createdAt, instances, captured: JSON.parse(captured) };
}
