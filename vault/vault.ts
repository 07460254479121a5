/**
 * What a vault can do, as its users see it. A vault is the set of objects of one dedupe domain on one backup
 * target: one project and one key. Many writers use it at once; readers never wait; no database is needed.
 * Byte-level tables, write order and threat model: docs/format.md.
 */
import type { CollectOptions, CollectReport } from "./collect/collect.ts";
import type { Session } from "./collect/survey.ts";
import type { VerifyReport } from "./verify/report.ts";
import type { VerifyOptions } from "./verify/verify.ts";

/** A vault that is open for reading and writing. Made by `openVault` or `createVault` (vault/open.ts). */
export type Vault = {
	/** UUID of the vault, from its config object. */
	readonly id: string;
	/** Size of every chunk but a disk's last one, in bytes. A power of two. */
	readonly chunkBytes: number;

	/**
	 * Starts or continues writing under a session. A session is what tells garbage collection that a run is alive:
	 * it is durable on the target before the first pack is, and it stays until `endSession` or the commit of its root.
	 * Calling it again with the same `sessionId` (another instance of the run, or the same agent after a crash) is fine.
	 */
	writer(options: WriterOptions): Promise<VaultWriter>;

	/** Root of one snapshot. Throws `VaultError` with code `NOT_FOUND` where there is none. */
	readRoot(snapshotId: string): Promise<SnapshotRoot>;
	/** Every committed snapshot of the vault, in no particular order. */
	listRoots(): AsyncIterable<{ snapshotId: string; committedAt: string }>;
	/**
	 * Makes a snapshot exist: checks that the top page of each manifest it names is readable, writes the root, then ends
	 * the session of that name. Safe to repeat: an equal root is a no-op; a different one under the same id throws
	 * `CONFLICT`.
	 */
	commitRoot(root: SnapshotRoot): Promise<void>;
	/** Removes a snapshot's root. Its chunks become garbage for collection. Safe to repeat; absent is success. */
	deleteRoot(snapshotId: string): Promise<void>;
	/** Ends a session without a root (the run failed or was cancelled). Safe to repeat; absent is success. */
	endSession(sessionId: string): Promise<void>;

	/**
	 * Keeps collections from taking away what is read from now on, until `end`: for reads that may outlive their
	 * snapshot. Look whether the root is there after it resolves. Whoever dies with it open leaves a session behind.
	 */
	reading(): Promise<{ end(): Promise<void> }>;
	/** Everybody who is at work in the vault, or died at it, in no particular order. */
	sessions(): Promise<Session[]>;
	/** Gives back the space of what no snapshot needs. See `collect` in vault/collect/collect.ts. */
	collect(options?: CollectOptions): Promise<CollectReport>;

	/** Says what cannot be read, and which disks and ranges of which snapshots that means. See vault/verify/verify.ts. */
	verify(options?: VerifyOptions): Promise<VerifyReport>;

	/** Opens a disk for reading, from the reference its writer returned or the root carries. */
	disk(manifest: ManifestRef): Promise<DiskReader>;

	/** Releases memory and handles. Writers must have been closed before. */
	close(): Promise<void>;
};

export type WriterOptions = {
	/** One per snapshot; equal to the snapshot's id, so that the commit can end it. */
	sessionId: string;
	/** Packs that an earlier attempt made durable (from the journal). They are read back and their chunks reused. */
	adoptPacks?: readonly string[];
	/** Called after each pack is durable on the target, before any chunk in it is used as durable. Awaited. */
	onPackDurable?: (packName: string) => Promise<void> | void;
	signal?: AbortSignal;
};

/** Writes the disks of one instance. One writer may have several disks open; its methods may be called concurrently. */
export type VaultWriter = {
	/** `base` is the same disk in an earlier snapshot of this vault: unchanged pages and kept chunks come from it. */
	disk(options: { sizeBytes: number; base?: ManifestRef }): Promise<DiskWriter>;
	readonly stats: WriterStats;
	/** Everything handed over so far becomes durable: packs, then their index. Called by `DiskWriter.finish` too. */
	flush(): Promise<void>;
	/** Drops what is not yet durable. Safe to repeat. Does not end the session. */
	close(): Promise<void>;
};

export type WriterStats = {
	/** Bytes of chunks given to `write` (zero chunks included). */
	givenBytes: number;
	/** Bytes, before compression, of chunks that the vault did not have and that were sent to it. */
	newBytes: number;
	/** Bytes that this writer added to the target: packs, index, manifest pages. */
	storedBytes: number;
	/** Bytes of chunks that were found in the vault already. */
	reusedBytes: number;
	/** Bytes of chunks that were all zero. */
	zeroBytes: number;
};

/** Fills one disk. Chunks that are never mentioned are zero (without a base) or the base's (with one). */
export type DiskWriter = {
	/**
	 * Hands over the chunk at `index` (offset / chunkBytes). `data` has `chunkBytes` bytes, the last chunk of a disk
	 * maybe fewer. The buffer may be reused once the promise resolves. Resolving means accepted, not durable; the
	 * promise is held back while more than the writer's memory budget is in flight. Any order, each index at most once.
	 */
	write(index: number, data: Uint8Array): Promise<void>;
	/** Chunks `index … index + count − 1` are all zero. */
	zero(index: number, count: number): Promise<void>;
	/** Makes the disk's chunks, index and manifest durable, in that order, and returns its reference. */
	finish(): Promise<ManifestRef>;
};

/** Names the manifest tree of one disk. Plain JSON: it travels in job results and in the root. */
export type ManifestRef = {
	sizeBytes: number;
	chunkBytes: number;
	/** Name (keyed hash, hex) of the tree's top page; null for a disk that is all zero. */
	page: string | null;
};

export type DiskReader = {
	readonly sizeBytes: number;
	readonly chunkBytes: number;
	/**
	 * Runs of chunks in disk order, data and zero, that cover the disk, or `count` chunks from `index` on. Memory is
	 * bounded by one leaf page, and time by the range.
	 */
	extents(range?: { index: number; count: number }): AsyncIterable<{ index: number; count: number; zero: boolean }>;
	/** The verified bytes of one chunk. Throws `VaultError` with code `DAMAGED` (object and reason) before a wrong byte is seen. */
	read(index: number): Promise<Uint8Array>;
};

/**
 * One small object that makes a snapshot findable and carries everything that a restore in another cloud needs.
 * `captured` is opaque to the vault (JSON, at most 16 MiB).
 */
export type SnapshotRoot = {
	snapshotId: string;
	workloadId: string;
	/** ISO 8601 UTC: when the run started, set by the caller. Part of the root's identity. */
	createdAt: string;
	instances: readonly {
		instanceId: string;
		disks: readonly { diskId: string; device: string; manifest: ManifestRef }[];
	}[];
	captured: unknown;
};
