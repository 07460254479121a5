/** What went wrong, in words a caller can branch on without knowing which service answered. */
export const errorKinds = [
	"bad-request",
	"unauthorized",
	"forbidden",
	"not-found",
	"conflict",
	"over-limit",
	"unavailable",
	"timeout",
	"cancelled",
	"bad-answer",
	"server-error",
] as const;
export type ErrorKind = (typeof errorKinds)[number];

export type OpenStackErrorFields = {
	service: string;
	kind: ErrorKind;
	/** HTTP status; 0 when no answer came. */
	status: number;
	message: string;
	/** The service's own name of the fault: `itemNotFound`, `NetworkNotFound`, `Unauthorized`. */
	code?: string | undefined;
	/** The service's request id: what an operator greps its logs for. */
	requestId?: string | undefined;
	cause?: unknown;
};

/** The one error every call of this room throws. `message` is the service's own sentence where it sent one. */
export class OpenStackError extends Error {
	readonly service: string;
	readonly kind: ErrorKind;
	readonly status: number;
	readonly code: string | undefined;
	readonly requestId: string | undefined;

	constructor(fields: OpenStackErrorFields) {
		super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
		this.name = "OpenStackError";
		this.service = fields.service;
		this.kind = fields.kind;
		this.status = fields.status;
		this.code = fields.code;
		this.requestId = fields.requestId;
	}
}

/** Tells whether `error` is an {@link OpenStackError}, of one of `kinds` if any are named. */
export function isOpenStackError(error: unknown, ...kinds: ErrorKind[]): error is OpenStackError {
	return error instanceof OpenStackError && (kinds.length === 0 || kinds.includes(error.kind));
}
