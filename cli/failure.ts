import { isOpenStackError } from "#openstack/error.ts";
import { isVaultError } from "#vault/errors.ts";

/** What scripts can tell apart. 130 comes from the shell's convention for Ctrl-C. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, notFound: 3, interrupted: 130 } as const;

/** A command that cannot go on: one sentence for standard error, and the exit code. */
export class Failure extends Error {
	override readonly name = "Failure";
	readonly exitCode: number;
	constructor(message: string, exitCode: number = exitCodes.failed, options?: { cause?: unknown }) {
		super(message, options);
		this.exitCode = exitCode;
	}
}

/** The command line itself was wrong. */
export const usage = (message: string): Failure => new Failure(message, exitCodes.usage);

/** The sentence of whatever was thrown, with the request id where a service answered, and the exit code. */
export const asFailure = (error: unknown): Failure => {
	if (error instanceof Failure) return error;
	if (isVaultError(error)) {
		const exitCode = { NOT_FOUND: exitCodes.notFound, BAD_ARGUMENT: exitCodes.usage }[error.code as string];
		return new Failure(error.message, exitCode ?? exitCodes.failed, { cause: error });
	}
	if (!isOpenStackError(error)) {
		const said = error instanceof Error ? error.message : String(error);
		return new Failure(`Something went wrong in the command line itself: ${said}`, exitCodes.failed, { cause: error });
	}
	const { service, kind, status, requestId } = error;
	const hint =
		service === "identity" && kind === "unauthorized"
			? " Check the user, the password and the project that you gave."
			: "";
	const request = requestId === undefined ? "" : ` (request ${requestId})`;
	const missing = kind === "not-found" && status === 404;
	return new Failure(`${error.message}${hint}${request}`, missing ? exitCodes.notFound : exitCodes.failed, {
		cause: error,
	});
};
