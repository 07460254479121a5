import { VaultError, type VaultErrorCode } from "../errors.ts";

type Sentence = { code: VaultErrorCode; says: (where: string) => string };

const table: Record<string, Sentence> = {
	ENOENT: { code: "NOT_FOUND", says: (where) => `There is no such object in the ${where}.` },
	EEXIST: { code: "EXISTS", says: (where) => `The ${where} already has this object.` },
	ENOSPC: { code: "TARGET_FULL", says: (where) => `The ${where} is full.` },
	EDQUOT: { code: "TARGET_FULL", says: (where) => `The quota of the ${where} is used up.` },
	EFBIG: { code: "TARGET_FULL", says: (where) => `The ${where} takes no file of that size.` },
	EACCES: { code: "TARGET_DENIED", says: (where) => `The ${where} does not let this user in.` },
	EPERM: { code: "TARGET_DENIED", says: (where) => `The ${where} does not allow this.` },
	EROFS: { code: "TARGET_READ_ONLY", says: (where) => `The ${where} is read-only.` },
	ESTALE: { code: "TARGET_UNREACHABLE", says: (where) => `The mount that holds the ${where} is stale.` },
	ETIMEDOUT: { code: "TARGET_UNREACHABLE", says: (where) => `The ${where} does not answer.` },
	EHOSTDOWN: { code: "TARGET_UNREACHABLE", says: (where) => `The server of the ${where} is down.` },
	ENOTCONN: { code: "TARGET_UNREACHABLE", says: (where) => `The mount that holds the ${where} is broken.` },
};

/** Turns an errno into the vault's code and sentence. `where` describes the target, `key` the object. */
export function fileError(cause: unknown, where: string, key?: string): VaultError {
	const errno = (cause as NodeJS.ErrnoException).code ?? "";
	const known = table[errno];
	const object = key === undefined ? {} : { object: key };
	const prefix = key === undefined ? "" : `${key}: `;
	if (known === undefined) {
		const message = cause instanceof Error ? cause.message : String(cause);
		return new VaultError("TARGET_FAILED", `${prefix}the ${where} failed: ${message}.`, { cause, ...object });
	}
	return new VaultError(known.code, prefix + known.says(where), { cause, ...object });
}
