import { NbdError } from "./error.ts";
import { type ExportInfo, handshake } from "./handshake.ts";
import { type Extent, type Pending, replies } from "./replies.ts";
import { newSlots } from "./slots.ts";
import { type ByteStream, type NbdAddress, openStream, type Parser } from "./stream.ts";
import { type Command, commandFlags, commands, encodeRequest, transmissionFlags } from "./wire.ts";

export type ConnectOptions = {
	/** Default: the export without a name, qemu-nbd's. */
	exportName?: string;
	/** Metadata contexts to agree on: `base:allocation`, `qemu:dirty-bitmap:NAME`. */
	contexts?: readonly string[];
	/** Requests in flight; more wait. Default 16. */
	maxInFlight?: number;
	/** For the connection and for each request; a server that misses one is given up. Default 60 s. */
	deadlineMs?: number;
};

/**
 * A connection to one export. Requests may be made concurrently and are answered in any order. A request that the
 * server answers with an error throws `IO` and leaves the connection usable; anything else ends the connection, and
 * every request in flight and afterwards throws that reason. A buffer belongs to the client until its promise settles.
 */
export type NbdClient = {
	readonly sizeBytes: number;
	/** Names of the contexts that the server agreed to. */
	readonly contexts: readonly string[];
	readonly can: { write: boolean; flush: boolean; trim: boolean; writeZeroes: boolean; fastZero: boolean };
	/** Largest read or write in bytes. */
	readonly maxRequestBytes: number;
	/** Fills all of `target` with the bytes at `offset`. */
	read(offset: number, target: Uint8Array): Promise<void>;
	write(offset: number, data: Uint8Array): Promise<void>;
	/** With `fast` the server answers ENOTSUP rather than writing zeroes out; with `allocate` it makes no hole. */
	writeZeroes(offset: number, length: number, options?: { fast?: boolean; allocate?: boolean }): Promise<void>;
	trim(offset: number, length: number): Promise<void>;
	/** What was written before is durable when it resolves. */
	flush(): Promise<void>;
	/**
	 * Extents of one context from `offset` on. The server may answer for less than `length`, and for more (its last
	 * extent may go beyond); at least one extent comes back. See `extents.ts` for a whole disk.
	 */
	blockStatus(context: string, offset: number, length: number): Promise<Extent[]>;
	/** Says good-bye and closes. Safe to repeat. Requests in flight fail. */
	close(): void;
};

const defaultMaxInFlight = 16;
const defaultDeadlineMs = 60_000;
/** Lengths travel in 32 bits. */
const maxLength = 2 ** 32 - 1;

/** Connects and negotiates. Throws `NbdError` `CONNECT`, `REFUSED`, `TIMEOUT` or `PROTOCOL`. */
export const connectNbd = async (address: NbdAddress, options: ConnectOptions = {}): Promise<NbdClient> => {
	const { exportName = "", contexts = [], maxInFlight = defaultMaxInFlight } = options;
	const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
	const pendings = new Map<bigint, Pending>();
	const slots = newSlots(maxInFlight);
	const negotiated = Promise.withResolvers<ExportInfo>();
	let lost: NbdError | undefined;
	let cookie = 0n;
	let stream: ByteStream;

	function* parser(): Parser {
		negotiated.resolve(yield* handshake((parts) => stream.send(parts), exportName, contexts));
		yield* replies(pendings);
	}
	stream = await openStream(address, {
		parser: parser(),
		deadlineMs,
		ended(error) {
			lost = error;
			negotiated.reject(error);
			for (const pending of [...pendings.values()]) pending.settle(error);
		},
	});
	const silent = (what: string): void =>
		stream.end(new NbdError("TIMEOUT", `The NBD server did not answer ${what} within ${deadlineMs} ms.`));
	const timer = setTimeout(() => silent("the handshake"), deadlineMs);
	const info = await negotiated.promise.finally(() => clearTimeout(timer));

	const check = (offset: number, length: number, limit: number): void => {
		if (Number.isSafeInteger(offset) && offset >= 0 && length <= limit && offset + length <= info.sizeBytes) return;
		throw new RangeError(
			`${length} bytes at ${offset} do not fit: the export has ${info.sizeBytes} bytes, one request at most ${limit}.`,
		);
	};

	type Call = { flags?: number; offset: number; length: number; data?: Uint8Array; target?: Uint8Array };
	const call = async (command: Command, name: string, about: Call): Promise<Pending> => {
		await slots.take();
		try {
			if (lost) throw lost;
			return await new Promise<Pending>((resolve, reject) => {
				const id = cookie++;
				const deadline = setTimeout(() => silent(`a ${name}`), deadlineMs);
				const { offset, length, target } = about;
				const pending: Pending = {
					...{ offset, length, target, covered: 0, error: undefined },
					extents: command === commands.blockStatus ? new Map() : undefined,
					settle(error) {
						clearTimeout(deadline);
						pendings.delete(id);
						if (error) reject(error);
						else resolve(pending);
					},
				};
				pendings.set(id, pending);
				const request = encodeRequest({ command, flags: about.flags ?? 0, cookie: id, offset, length });
				stream.send(about.data ? [request, about.data] : [request]);
			});
		} finally {
			slots.free();
		}
	};

	const has = (flag: number): boolean => (info.flags & flag) !== 0;
	return {
		sizeBytes: info.sizeBytes,
		contexts: [...info.contexts.values()],
		maxRequestBytes: info.maxRequestBytes,
		can: {
			write: !has(transmissionFlags.readOnly),
			flush: has(transmissionFlags.canFlush),
			trim: has(transmissionFlags.canTrim),
			writeZeroes: has(transmissionFlags.canWriteZeroes),
			fastZero: has(transmissionFlags.canFastZero),
		},
		async read(offset, target) {
			if (target.length === 0) return;
			check(offset, target.length, info.maxRequestBytes);
			await call(commands.read, "read", { offset, length: target.length, target });
		},
		async write(offset, data) {
			if (data.length === 0) return;
			check(offset, data.length, info.maxRequestBytes);
			await call(commands.write, "write", { offset, length: data.length, data });
		},
		async writeZeroes(offset, length, { fast = false, allocate = false } = {}) {
			if (length === 0) return;
			check(offset, length, maxLength);
			const flags = (fast ? commandFlags.fastZero : 0) | (allocate ? commandFlags.noHole : 0);
			await call(commands.writeZeroes, "zeroing", { offset, length, flags });
		},
		async trim(offset, length) {
			if (length === 0) return;
			check(offset, length, maxLength);
			await call(commands.trim, "trim", { offset, length });
		},
		async flush() {
			await call(commands.flush, "flush", { offset: 0, length: 0 });
		},
		async blockStatus(context, offset, length) {
			check(offset, length, maxLength);
			const id = [...info.contexts].find(([, name]) => name === context)?.[0];
			if (id === undefined) throw new NbdError("REFUSED", `The NBD server does not offer the context ${context}.`);
			const { extents } = await call(commands.blockStatus, "block status", { offset, length });
			const found = extents?.get(id) ?? [];
			if (found.length === 0 || found.some((extent) => extent.length === 0)) {
				throw new NbdError("PROTOCOL", `The NBD server answered a block status of ${context} without extents.`);
			}
			return found;
		},
		close() {
			if (lost) return;
			stream.send([encodeRequest({ command: commands.disconnect, cookie: cookie++, offset: 0, length: 0 })]);
			stream.end(new NbdError("CLOSED", "The NBD connection was closed on our side."), { flush: true });
		},
	};
};
