/**
 * Where a vault's objects live. Keys are `folder/name` or a bare name, of letters, digits, dot, dash and underscore.
 * All errors are `VaultError`: NOT_FOUND, EXISTS, TARGET_FULL, TARGET_READ_ONLY, TARGET_DENIED, TARGET_MISSING,
 * TARGET_UNREACHABLE, TARGET_FAILED, ABORTED. Every call ends within the target's deadline.
 */
export type Target = {
	/** For sentences: "folder /mnt/backup". Never holds a secret. */
	readonly description: string;
	readonly capabilities: TargetCapabilities;
	/**
	 * Resolves when the whole object is durable under its key. Readers see all of it or nothing. With `ifAbsent` an
	 * existing object stays as it is and EXISTS is thrown. Buffers must not change until it settles. Safe to repeat.
	 */
	put(key: string, body: readonly Uint8Array[], options?: PutOptions): Promise<void>;
	/** Bytes of an object or of a range of it; shorter where the object ends. At most `maxObjectBytes` without a range. */
	get(key: string, options?: GetOptions): Promise<Uint8Array>;
	head(key: string): Promise<{ sizeBytes: number }>;
	/** Objects whose key starts with `folder` (which ends with "/"), in the order of their keys. */
	list(folder: string): AsyncIterable<{ key: string; sizeBytes: number }>;
	/** Durable when it resolves. An absent object is success. */
	delete(key: string): Promise<void>;
};

export type PutOptions = { ifAbsent?: boolean; signal?: AbortSignal };
export type ByteRange = { offset: number; length: number } | { last: number };
export type GetOptions = { range?: ByteRange; signal?: AbortSignal };

/** What a target can do, as data: code asks these, never the brand. */
export type TargetCapabilities = {
	/** `ifAbsent` is atomic against other writers. Where false, it is a look before the write. */
	conditionalPut: boolean;
	/** An object appears under its key in one step. */
	atomicPut: boolean;
	/** A list started after a put or delete was acknowledged shows it. Collection demands it (docs/format.md). */
	listAfterWrite: boolean;
	/** Can keep objects from being deleted for a time. */
	objectLock: boolean;
};

/** No object that is read whole may be larger: a forged size must not fill the memory. */
export const maxObjectBytes = 96 * 1024 * 1024;

const keyShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,2}$/;

export function isTargetKey(key: string): boolean {
	return keyShape.test(key);
}
