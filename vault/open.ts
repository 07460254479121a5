import { availableParallelism } from "node:os";
import { type Budget, defaultMemoryBudgetBytes, divideBudget } from "./budget.ts";
import { collect } from "./collect/collect.ts";
import { listSessions } from "./collect/survey.ts";
import { type Identity, readIdentity, writeIdentity } from "./config.ts";
import { badArgument, VaultError } from "./errors.ts";
import { defaultChunkBytes, maxChunkBytes, minChunkBytes } from "./format/constants.ts";
import type { KeyProvider } from "./keys.ts";
import { checkManifest, newDiskReader } from "./read/disk.ts";
import { newPages } from "./read/pages.ts";
import { newRecords } from "./read/records.ts";
import { commitRoot, manifestsOf } from "./snapshots/commit.ts";
import { deleteRoot } from "./snapshots/delete.ts";
import { listRoots } from "./snapshots/list.ts";
import { beginReading, beginSession, endSession, readRootOrEnd } from "./snapshots/session.ts";
import type { Target } from "./target.ts";
import type { ManifestRef, Vault, VaultWriter, WriterOptions } from "./vault.ts";
import { verify } from "./verify/verify.ts";
import { newAccount } from "./write/account.ts";
import { readAdopted } from "./write/adopt.ts";
import { newStore } from "./write/store.ts";
import { newWriter } from "./write/writer.ts";

export type OpenOptions = {
	target: Target;
	keys: KeyProvider;
	/** What the vault's own buffers and tables may take. Default 128 MiB. Less means: dedupe less, never fail. */
	memoryBudgetBytes?: number;
	/** Size of a full pack. Default 32 MiB. */
	packBytes?: number;
	/** Threads that compress and encrypt; 0 does it inline. Default: one per core, at most 4. */
	threads?: number;
	now?: () => Date;
	/** Stops everything that this vault does. */
	signal?: AbortSignal;
};

export type CreateOptions = OpenOptions & {
	/** 64 KiB to 1 MiB, a power of two. Default 256 KiB. Fixed for the vault's life. */
	chunkBytes?: number;
	/** zstd level, 1 to 19. Default 1. */
	compressionLevel?: number;
	/** Default true. */
	encrypt?: boolean;
};

const mostThreads = 4;

/**
 * Opens the vault on the target, making it first if there is none. Safe to repeat and to call from several processes
 * at once: one wins, all open the same vault. An existing vault keeps its own settings.
 */
export async function createVault(options: CreateOptions): Promise<Vault> {
	const { chunkBytes = defaultChunkBytes, compressionLevel = 1, encrypt = true, ...rest } = options;
	if (!isPowerOfTwo(chunkBytes) || chunkBytes < minChunkBytes || chunkBytes > maxChunkBytes) {
		throw badArgument(`A chunk size of ${chunkBytes} bytes is not possible: use a power of two from 65536 to 1048576.`);
	}
	if (!Number.isInteger(compressionLevel) || compressionLevel < 1 || compressionLevel > 19) {
		throw badArgument(`A compression level of ${compressionLevel} is not possible: use 1 to 19.`);
	}
	const { target, keys, now = () => new Date() } = options;
	if ((await readIdentity(target, keys)) === undefined) {
		const createdAt = now().toISOString();
		await writeIdentity(target, keys, { kind: "config", createdAt, chunkBytes, compressionLevel, encrypt });
	}
	return openVault(rest);
}

/** Throws NOT_FOUND where there is no vault, WRONG_KEY, KEY_FILE, DAMAGED, and the target's errors. */
export async function openVault(options: OpenOptions): Promise<Vault> {
	const identity = await readIdentity(options.target, options.keys);
	if (identity === undefined) {
		throw new VaultError("NOT_FOUND", `There is no vault in the ${options.target.description}.`);
	}
	const { memoryBudgetBytes = defaultMemoryBudgetBytes, packBytes } = options;
	return assemble(options, identity, divideBudget(memoryBudgetBytes, identity.config.chunkBytes, packBytes));
}

function assemble(options: OpenOptions, { config, keyring }: Identity, budget: Budget): Vault {
	const { target, now = () => new Date(), signal } = options;
	const { chunkBytes, compressionLevel } = config;
	const threads = options.threads ?? Math.min(mostThreads, availableParallelism());
	const parts = { target, keyring, now, chunkBytes };
	const sizes = { ...budget, tableBudgetBytes: budget.tableBytes };
	const store = newStore({ ...parts, ...sizes, compressionLevel, threads });
	const records = newRecords({ ...parts, catalog: store.catalog });
	const pages = newPages(records, budget.pageCacheBytes);
	/** Where top pages are, as far as this process wrote them or read their roots. */
	const topPages = new Map<string, string>();
	/** Manifests of roots that were seen committed. */
	const seenRoots = new Map<string, string[]>();
	const writers = new Set<VaultWriter>();
	let open = true;

	function check(): void {
		if (!open) throw new VaultError("CLOSED", "The vault was closed.");
		if (signal?.aborted) throw new VaultError("ABORTED", "The work was stopped.", { cause: signal.reason });
	}

	function diskReader(ref: ManifestRef) {
		checkManifest(ref, chunkBytes);
		const hint = ref.page === null ? undefined : topPages.get(ref.page);
		return newDiskReader(ref, { records, pages, isOpen: () => open, hint });
	}

	/** A base must belong to a root that is there now, after the session was made: else its chunks may be collected. */
	async function openBase(ref: ManifestRef) {
		const disk = diskReader(ref);
		if (ref.page === null) return disk;
		const { page } = ref;
		for (const [snapshotId, known] of seenRoots) {
			if (!known.includes(page)) continue;
			const root = await readRootOrEnd(parts, snapshotId);
			if (root !== undefined && root !== "ended") return disk;
			seenRoots.delete(snapshotId);
		}
		for await (const { root, packs } of listRoots(parts)) {
			noteRoot(root.snapshotId, manifestsOf(root), packs);
			if (manifestsOf(root).some((manifest) => manifest.page === page)) return diskReader(ref);
		}
		throw new VaultError("NOT_FOUND", `No snapshot of this vault holds the base ${page} any more. Take a full backup.`);
	}

	function noteRoot(snapshotId: string, manifests: ManifestRef[], packs: Record<string, string>): void {
		seenRoots.set(
			snapshotId,
			manifests.flatMap(({ page }) => page ?? []),
		);
		for (const [page, pack] of Object.entries(packs)) topPages.set(page, pack);
	}

	async function writer({
		sessionId,
		adoptPacks = [],
		onPackDurable,
		signal: stop,
	}: WriterOptions): Promise<VaultWriter> {
		check();
		await beginSession(parts, sessionId);
		await store.catalog.refresh();
		const signals = [stop, signal].filter((one) => one !== undefined);
		const account = newAccount(onPackDurable, signals.length > 0 ? AbortSignal.any(signals) : undefined);
		store.adopt(account, await readAdopted({ ...parts, catalog: store.catalog }, adoptPacks));
		const made: VaultWriter = newWriter({
			store,
			account,
			pages,
			chunkBytes,
			openBase,
			onFinish: ({ name, pack }) => pack && topPages.set(Buffer.from(name).toString("hex"), pack),
			onClose: () => writers.delete(made),
		});
		writers.add(made);
		return made;
	}

	return {
		id: keyring.vaultId,
		chunkBytes,
		writer,
		async readRoot(snapshotId) {
			check();
			const found = await readRootOrEnd(parts, snapshotId);
			if (found === undefined || found === "ended")
				throw new VaultError("NOT_FOUND", `There is no snapshot ${snapshotId}.`);
			noteRoot(snapshotId, manifestsOf(found.root), found.packs);
			return found.root;
		},
		async *listRoots() {
			check();
			for await (const { root, committedAt } of listRoots(parts)) yield { snapshotId: root.snapshotId, committedAt };
		},
		async commitRoot(root) {
			check();
			await commitRoot({ ...parts, records, hint: (page) => topPages.get(page) }, root);
		},
		async deleteRoot(snapshotId) {
			check();
			await deleteRoot(parts, snapshotId);
		},
		async endSession(sessionId) {
			check();
			await endSession(parts, sessionId);
		},
		async reading() {
			check();
			return beginReading(parts);
		},
		async sessions() {
			check();
			return listSessions(parts);
		},
		async collect(collectOptions = {}) {
			check();
			const signals = [collectOptions.signal, signal].filter((one) => one !== undefined);
			return collect(parts, { ...collectOptions, ...(signals.length > 0 && { signal: AbortSignal.any(signals) }) });
		},
		async verify(verifyOptions = {}) {
			check();
			const signals = [verifyOptions.signal, signal].filter((one) => one !== undefined);
			return verify(parts, { ...verifyOptions, ...(signals.length > 0 && { signal: AbortSignal.any(signals) }) });
		},
		async disk(manifest) {
			check();
			return diskReader(manifest);
		},
		async close() {
			for (const one of writers) await one.close();
			open = false;
			await store.close();
		},
	};
}

const isPowerOfTwo = (n: number) => Number.isInteger(n) && n > 0 && (n & (n - 1)) === 0;
