/** Numbers of format version 1. docs/format.md gives the reason of each; changing one is a new format version. */

export const formatVersion = 1;
export const magic = Buffer.from("HOLDFAST", "latin1");
export const packFootMagic = Buffer.from("HFPK", "latin1");

export const objectTypes = {
	config: 1,
	key: 2,
	pack: 3,
	index: 4,
	root: 5,
	session: 6,
	condemned: 7,
	ended: 8,
	deleted: 9,
} as const;
export type ObjectType = (typeof objectTypes)[keyof typeof objectTypes];

export const recordTypes = { chunk: 1, page: 2 } as const;
export type RecordType = (typeof recordTypes)[keyof typeof recordTypes];

export const flagBits = { encrypted: 1, compressed: 2, untagged: 4 } as const;

export const vaultIdBytes = 16;
export const packIdBytes = 16;
/** 160 bits: an accidental collision among 10^9 chunks has a probability of about 2^-101. */
export const nameBytes = 20;
export const saltBytes = 16;
export const nonceBytes = 12;
export const tagBytes = 16;
export const checksumBytes = 4;

export const headerBytes = 64;
export const recordHeaderBytes = 32;
/** What sealing adds to a payload at most. */
export const recordOverheadBytes = recordHeaderBytes + tagBytes;
export const packFootBytes = 64;
/** Name 20, stored length 4, type and plain length 4. */
export const packEntryBytes = 28;

/** Children of a page, at every level. 64 TiB of 64 KiB chunks is then exactly three levels. */
export const fanOutBits = 10;
export const fanOut = 1 << fanOutBits;

export const minChunkBytes = 64 * 1024;
export const maxChunkBytes = 1024 * 1024;
export const defaultChunkBytes = 256 * 1024;

/** Bounds that a reader enforces before it allocates. */
export const maxBodyBytes = 64 * 1024 * 1024;
export const maxCapturedBytes = 16 * 1024 * 1024;
export const maxPackEntries = 1 << 20;
