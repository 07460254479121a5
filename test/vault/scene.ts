import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { createKeyFile, type KeyProvider, keyFromFile } from "#vault/keys.ts";
import { type CreateOptions, createVault, type OpenOptions, openVault } from "#vault/open.ts";
import type { Target } from "#vault/target.ts";
import { fileTarget } from "#vault/targets/file.ts";
import type { DiskReader, ManifestRef, SnapshotRoot, Vault } from "#vault/vault.ts";

/** A vault in a folder of its own, with small packs, so that a few megabytes make many objects. */
export type Scene = {
	folder: string;
	target: Target;
	keys: KeyProvider;
	keyFile: string;
	create(options?: Partial<CreateOptions>): Promise<Vault>;
	open(options?: Partial<OpenOptions>): Promise<Vault>;
};

export const chunkBytes = 64 * 1024;
const small = { memoryBudgetBytes: 16 * 1024 * 1024, packBytes: 512 * 1024, threads: 0 };

export async function scene(t: ExecutionContext): Promise<Scene> {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-vault-"));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const keyFile = join(folder, "key");
	await createKeyFile(keyFile);
	const keys = keyFromFile(keyFile);
	const target = fileTarget(join(folder, "target"), { create: true });
	return {
		folder,
		target,
		keys,
		keyFile,
		create: (options = {}) => createVault({ target, keys, chunkBytes, ...small, ...options }),
		open: (options = {}) => openVault({ target, keys, ...small, ...options }),
	};
}

/** Bytes that look random but come from a seed: the same in every process. */
export function content(seed: string, length: number): Buffer {
	const key = createHash("sha256").update(seed).digest();
	return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** A small generator for tests that draw: mulberry32. */
export function randomFrom(seed: number): (below: number) => number {
	let state = seed >>> 0;
	return (below) => {
		state = (state + 0x6d2b79f5) >>> 0;
		let z = Math.imul(state ^ (state >>> 15), 1 | state);
		z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
		return ((z ^ (z >>> 14)) >>> 0) % below;
	};
}

export function newSeed(t: ExecutionContext): number {
	const seed = Number(process.env.SEED ?? randomBytes(4).readUInt32LE());
	t.log(`seed ${seed} (repeat with SEED=${seed})`);
	return seed;
}

/** Fails with the first place where two images differ (ava's own comparison takes seconds for a megabyte). */
export function same(t: ExecutionContext, actual: Uint8Array | Uint8Array[], wanted: Uint8Array | Uint8Array[]) {
	const one = Buffer.concat([actual].flat());
	const other = Buffer.concat([wanted].flat());
	if (one.equals(other)) {
		t.pass();
		return;
	}
	const at = one.findIndex((byte, i) => byte !== other[i]);
	t.fail(`${one.length} bytes against ${other.length}, different at ${at} (chunk ${Math.floor(at / chunkBytes)})`);
}

export async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
	const all: T[] = [];
	for await (const item of items) all.push(item);
	return all;
}

/** Writes a whole image as one disk and returns its reference. */
export async function backUp(vault: Vault, sessionId: string, image: Uint8Array): Promise<ManifestRef> {
	const writer = await vault.writer({ sessionId });
	const disk = await writer.disk({ sizeBytes: image.length });
	const size = vault.chunkBytes;
	for (let i = 0; i * size < image.length; i++) await disk.write(i, image.subarray(i * size, (i + 1) * size));
	const ref = await disk.finish();
	await writer.close();
	return ref;
}

export function rootOf(snapshotId: string, manifests: ManifestRef[], captured: unknown = {}): SnapshotRoot {
	const disks = manifests.map((manifest, i) => ({ diskId: `disk-${i}`, device: `vd${"abcdefgh"[i]}`, manifest }));
	const instances = [{ instanceId: "instance", disks }];
	return { snapshotId, workloadId: "workload", createdAt: "2026-01-02T03:04:05.000Z", instances, captured };
}

export async function snapshot(vault: Vault, id: string, image: Uint8Array): Promise<ManifestRef> {
	const ref = await backUp(vault, id, image);
	await vault.commitRoot(rootOf(id, [ref]));
	return ref;
}

export async function readAll(disk: DiskReader): Promise<Buffer> {
	const parts: Uint8Array[] = [];
	for (let i = 0; i * disk.chunkBytes < disk.sizeBytes; i++) parts.push(await disk.read(i));
	return Buffer.concat(parts);
}

export async function readSnapshot(vault: Vault, id: string): Promise<Buffer[]> {
	const root = await vault.readRoot(id);
	const disks = root.instances.flatMap((instance) => instance.disks);
	return Promise.all(disks.map(async ({ manifest }) => readAll(await vault.disk(manifest))));
}

/** Every object of the target as a file, with its size. */
export async function objectFiles(
	scene: Pick<Scene, "folder">,
	name = "target",
): Promise<{ path: string; key: string; sizeBytes: number }[]> {
	const top = join(scene.folder, name);
	const entries = await readdir(top, { recursive: true, withFileTypes: true });
	const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
	const found = files
		.filter((file) => !file.parentPath.includes(".part"))
		.map(async (file) => {
			const path = join(file.parentPath, file.name);
			return { path, key: path.slice(top.length + 1), sizeBytes: (await stat(path)).size };
		});
	return (await Promise.all(found)).sort((a, b) => (a.key < b.key ? -1 : 1));
}
