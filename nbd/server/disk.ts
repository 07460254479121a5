/** One part of an answer to a read, in whole bytes of the disk. */
export type Piece = { offset: number; length: number } & (
	| { kind: "data"; data: Uint8Array }
	| { kind: "hole" }
	/** These bytes cannot be read; the others of the same request can. `why` is a sentence. */
	| { kind: "damaged"; why: string }
);

/** A stretch of `base:allocation`. */
export type Stretch = { length: number; hole: boolean };

/** A disk that is served, for reading only. Its methods may be called concurrently. */
export type ServedDisk = {
	readonly sizeBytes: number;
	/** What reads are best aligned to and as long as. A power of two from 512. */
	readonly preferredBytes: number;
	/** Pieces that cover the range in order, without gaps. Bytes of a piece must not change. */
	read(offset: number, length: number): AsyncIterable<Piece>;
	/** Stretches from `offset` on, in order, that cover the range or the beginning of it. At least one. */
	status(offset: number, length: number): AsyncIterable<Stretch>;
};

/** What a server offers, asked anew by each client. */
export type Exports = {
	names(): AsyncIterable<string>;
	/** Undefined where there is no such export. Each connection gets its own. */
	open(name: string): Promise<ServedDisk | undefined>;
};
