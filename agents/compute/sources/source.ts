/** Where a disk's bytes come from. All disks of an instance are opened before the first one is read. */
export type DiskSource = {
	/** Virtual size; fixed while it is open. */
	readonly sizeBytes: number;
	/** For sentences. */
	readonly description: string;
	/**
	 * The whole disk in order, without gaps. `zero` reads as zeroes; `allocated` takes space on the host (base image
	 * included). An extent may be both.
	 */
	extents(): AsyncIterable<{ offset: number; length: number; zero: boolean; allocated: boolean }>;
	/** Fills all of `target` or throws; several at once are fine. */
	read(offset: number, target: Uint8Array): Promise<void>;
	/** Throws when what was read so far may not be what the disk was when it was opened. */
	check(): Promise<void>;
	/** Lets go of the disk. Reads in flight fail. Safe to repeat. */
	close(): Promise<void>;
};
