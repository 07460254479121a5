/** Where a restored disk's bytes go. */
export type DiskSink = {
	readonly sizeBytes: number;
	readonly description: string;
	/** Several at once are fine. The buffer must not change until the promise settles. */
	write(offset: number, data: Uint8Array): Promise<void>;
	/** Makes a range read as zeroes, without writing them where the storage can do that. Any length. */
	zero(offset: number, length: number): Promise<void>;
	/** What was written before is durable when it resolves. */
	flush(): Promise<void>;
	/** Lets go of the disk. Safe to repeat. */
	close(): Promise<void>;
};
