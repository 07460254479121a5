/** Every error of the vault in one place: code, whose move it is, and the words that end its sentence. */
export const vaultErrors = {
	NOT_FOUND: { blame: "user", advice: "Check the id." },
	EXISTS: { blame: "system", advice: "Objects of a vault are never overwritten." },
	CONFLICT: { blame: "user", advice: "Use another id; what is stored was left as it is." },
	SESSION_ENDED: { blame: "system", advice: "Start a new snapshot." },
	BAD_ARGUMENT: { blame: "user", advice: "" },
	CLOSED: { blame: "system", advice: "" },
	ABORTED: { blame: "user", advice: "" },
	DAMAGED: { blame: "system", advice: "Verify the vault, and take a new full snapshot." },
	UNSUPPORTED_FORMAT: { blame: "user", advice: "Use a newer version of this program." },
	WRONG_KEY: { blame: "user", advice: "Give the key that the vault was made with, or one that was added since." },
	KEY_FILE: { blame: "user", advice: "" },
	TARGET_MISSING: { blame: "user", advice: "Mount it, or prepare it once with `create`." },
	TARGET_FULL: { blame: "user", advice: "Free some space or enlarge it; nothing already stored was lost." },
	TARGET_DENIED: { blame: "user", advice: "Give this user the right to read and write there." },
	TARGET_READ_ONLY: { blame: "user", advice: "Mount it for writing." },
	TARGET_UNREACHABLE: { blame: "system", advice: "Check the mount or the network, then try again." },
	TARGET_FAILED: { blame: "system", advice: "See the system's log of that host." },
} as const;

export type VaultErrorCode = keyof typeof vaultErrors;

/** What the vault throws. `code` is stable; the message is one or two sentences for a person. */
export class VaultError extends Error {
	readonly code: VaultErrorCode;
	/** The object on the target that it is about, where there is one. */
	readonly object: string | undefined;

	constructor(code: VaultErrorCode, sentence: string, options: { object?: string; cause?: unknown } = {}) {
		const { advice } = vaultErrors[code];
		super(advice === "" ? sentence : `${sentence} ${advice}`, { cause: options.cause });
		this.name = "VaultError";
		this.code = code;
		this.object = options.object;
	}
}

export function isVaultError(error: unknown, ...codes: VaultErrorCode[]): error is VaultError {
	return error instanceof VaultError && (codes.length === 0 || codes.includes(error.code));
}

export function damaged(object: string, reason: string, cause?: unknown): VaultError {
	return new VaultError("DAMAGED", `The object ${object} is damaged: it ${reason}.`, { object, cause });
}

export function badArgument(sentence: string): VaultError {
	return new VaultError("BAD_ARGUMENT", sentence);
}
