/**
 * Every error that a caller of the API can meet: its code, HTTP status, OpenStack fault name, whose it is, and the
 * sentence. Bodies are `{"<faultName>": {"code": <status>, "message": <sentence>}}`, OpenStack's classic shape, which
 * T4O clients read. Sentences that T4O clients match on are kept literally (they are marked).
 */
type Row = {
	status: number;
	name: string;
	blame: "user" | "system";
	sentence: (about: Record<string, string>) => string;
};

const row = (status: number, name: string, blame: Row["blame"], sentence: Row["sentence"]): Row => ({
	status,
	name,
	blame,
	sentence,
});

export const faults = {
	BAD_REQUEST: row(400, "badRequest", "user", (a) => `The request is not valid: ${a.problem}.`),
	MALFORMED_JSON: row(400, "badRequest", "user", () => "The request body is not valid JSON."),
	UNAUTHORIZED: row(
		401,
		"unauthorized",
		"user",
		() => "The request needs a valid X-Auth-Token: get a new one from Keystone.",
	),
	FORBIDDEN: row(403, "forbidden", "user", (a) => `Policy doesn't allow ${a.rule} to be performed.`), // T4O's text
	NOT_FOUND: row(404, "itemNotFound", "user", (a) => `No ${a.kind} with a name or ID of '${a.id}' exists.`), // T4O's text
	NO_ROUTE: row(404, "itemNotFound", "user", (a) => `There is no ${a.method} ${a.path} in this API.`),
	METHOD_NOT_ALLOWED: row(
		405,
		"badMethod",
		"user",
		(a) => `${a.path} does not take ${a.method}; it takes ${a.allowed}.`,
	),
	INSTANCE_NOT_FOUND: row(
		400,
		"badRequest",
		"user",
		(a) => `Unable to find Virtual Machine '${a.id}' in nova inventory`,
	), // T4O's text
	INSTANCE_TAKEN: row(
		400,
		"badRequest",
		"user",
		(a) => `Invalid instance as ${a.id} already attached with other workload`,
	), // T4O's text
	NOT_SUPPORTED: row(400, "badRequest", "user", (a) => `${a.what} is not supported yet.`),
	WORKLOAD_BUSY: row(
		409,
		"conflictingRequest",
		"user",
		(a) => `Workload ${a.id} is ${a.status}; wait until it is available.`,
	),
	WORKLOAD_HAS_SNAPSHOTS: row(
		409,
		"conflictingRequest",
		"user",
		(a) => `Workload ${a.id} still has ${a.count} snapshot(s); delete them first.`,
	),
	SNAPSHOT_NOT_AVAILABLE: row(
		409,
		"conflictingRequest",
		"user",
		(a) => `Snapshot ${a.id} is ${a.status}; only an available snapshot can be ${a.wanted}.`,
	),
	SNAPSHOT_NOT_RUNNING: row(
		409,
		"conflictingRequest",
		"user",
		(a) => `Snapshot ${a.id} is ${a.status}; only a snapshot that is being taken can be cancelled.`,
	),
	SNAPSHOT_BUSY: row(
		409,
		"conflictingRequest",
		"user",
		(a) => `Snapshot ${a.id} is ${a.status}; wait until it has ended, then delete it.`,
	),
	RESTORE_NOT_RUNNING: row(
		409,
		"conflictingRequest",
		"user",
		(a) => `Restore ${a.id} is ${a.status}; only a restore that is under way can be cancelled.`,
	),
	RESTORE_BUSY: row(
		409,
		"conflictingRequest",
		"user",
		(a) => `Restore ${a.id} is ${a.status}; wait until it has ended.`,
	),
	BODY_TOO_LARGE: row(413, "overLimit", "user", (a) => `The request body is larger than ${a.limit} bytes.`),
	TOO_MANY_REQUESTS: row(429, "overLimit", "user", () => "Too many requests; try again in a few seconds."),
	INTERNAL: row(
		500,
		"computeFault",
		"system",
		(a) => `Something went wrong on our side; report request ${a.request_id} to the operator.`,
	),
	CLOUD_UNAVAILABLE: row(
		503,
		"serviceUnavailable",
		"system",
		(a) => `${a.service} does not answer as it should (${a.reason}); try again later.`,
	),
	UPSTREAM_UNAVAILABLE: row(
		503,
		"serviceUnavailable",
		"system",
		() => "The function platform does not answer; try again later.",
	),
	UPSTREAM_TIMEOUT: row(
		504,
		"gatewayTimeout",
		"system",
		() => "The request took too long; look at the object's state before you repeat it.",
	),
} as const satisfies Record<string, Row>;

export type FaultCode = keyof typeof faults;

/** An error that becomes an answer. Thrown anywhere below a handler; the adapter turns it into the body. */
export class Fault extends Error {
	override readonly name = "Fault";
	readonly code: FaultCode;
	readonly status: number;
	constructor(code: FaultCode, about: Record<string, string> = {}, options?: { cause?: unknown }) {
		super(faults[code].sentence(about), options);
		this.code = code;
		this.status = faults[code].status;
	}
	/** The JSON body of the answer. */
	get body(): Record<string, { code: number; message: string }> {
		return { [faults[this.code].name]: { code: this.status, message: this.message } };
	}
}
