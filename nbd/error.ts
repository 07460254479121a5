/**
 * What an NBD call throws. `CONNECT`: no connection was made. `REFUSED`: the server does not serve what was asked for.
 * `CLOSED`: the connection ended with calls in flight. `TIMEOUT`: the server missed a deadline. `PROTOCOL`: it sent
 * something that the protocol does not allow. `IO`: it answered this one call with an error; the connection goes on.
 */
export type NbdErrorCode = "CONNECT" | "REFUSED" | "CLOSED" | "TIMEOUT" | "PROTOCOL" | "IO";

export class NbdError extends Error {
	readonly code: NbdErrorCode;
	/** With `IO`: the server's errno by name, `EIO`, `ENOSPC`, … */
	readonly errno: string | undefined;

	constructor(code: NbdErrorCode, sentence: string, options: { errno?: string | undefined; cause?: unknown } = {}) {
		super(sentence, { cause: options.cause });
		this.name = "NbdError";
		this.code = code;
		this.errno = options.errno;
	}
}

export const isNbdError = (error: unknown, ...codes: NbdErrorCode[]): error is NbdError =>
	error instanceof NbdError && (codes.length === 0 || codes.includes(error.code));
