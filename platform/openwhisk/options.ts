import { randomUUID } from "node:crypto";

export type OpenWhiskOptions = {
	/** Loopback port; 0 takes any free one. */
	port: number;
	/** `mongodb://…`, or `memory:` for a platform whose state ends with it. */
	storeUri: string;
	/** The platform's own database in the store, default `openwhisk`; two platforms on one store need two. */
	database?: string;
	/** `uuid:key`, the API key of the namespace. */
	auth: string;
	/** Default `guest`. */
	namespace?: string;
	/** The Node that runs the actions; default: the one that runs the platform. */
	node?: string;
	/** Most action processes at a time, warm ones included; default 16 (about 60 MB each). */
	maxContainers?: number;
	/** How long a container stays warm without work; default 10 minutes, as in OpenWhisk. */
	idleMs?: number;
	/** After this long a blocking request is answered 202; default 60 s, as in OpenWhisk. */
	blockingWaitMs?: number;
	/** How many activation records are kept; default 10,000. */
	activationsKept?: number;
	now?: () => Date;
	newId?: () => string;
	log?: (line: string) => void;
};

export type CheckedOptions = Required<OpenWhiskOptions>;

/** Fills in the defaults; throws one sentence for the first value that cannot be used. */
export function checkOptions(options: OpenWhiskOptions): CheckedOptions {
	const checked: CheckedOptions = {
		database: "openwhisk",
		namespace: "guest",
		node: process.execPath,
		maxContainers: 16,
		idleMs: 10 * 60_000,
		blockingWaitMs: 60_000,
		activationsKept: 10_000,
		now: () => new Date(),
		newId: () => randomUUID().replaceAll("-", ""),
		log: (line) => process.stderr.write(`${line}\n`),
		...options,
	};
	if (!Number.isInteger(checked.port) || checked.port < 0 || checked.port > 65_535)
		throw new Error(`--port must be a number from 0 to 65535, not '${options.port}'.`);
	if (!/^[^\s:]+:[^\s:]+$/.test(checked.auth)) throw new Error("The API key must be of the form UUID:KEY.");
	if (!/^(mongodb(\+srv)?:\/\/|memory:$)/.test(checked.storeUri))
		throw new Error("--store-uri must be a mongodb:// URI, or 'memory:' for a platform that forgets.");
	if (!/^\w{1,38}$/.test(checked.database))
		throw new Error(`--database must be a short word such as 'openwhisk', not '${checked.database}'.`);
	if (!/^\w[\w@.-]*$/.test(checked.namespace))
		throw new Error(`--namespace must be a name such as 'guest', not '${checked.namespace}'.`);
	for (const name of ["maxContainers", "idleMs", "blockingWaitMs", "activationsKept"] as const)
		if (!Number.isInteger(checked[name]) || checked[name] < 1)
			throw new Error(`${name} must be a whole number of at least 1, not '${checked[name]}'.`);
	return checked;
}
