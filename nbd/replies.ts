import { NbdError } from "./error.ts";
import type { Parser } from "./stream.ts";
import { chunkErrorBit, chunkFlagDone, chunkTypes, errnos, magic } from "./wire.ts";

export type Extent = { offset: number; length: number; flags: number };

/** A request whose answer has not arrived in full. */
export type Pending = {
	readonly offset: number;
	readonly length: number;
	/** Where a read's bytes go. */
	readonly target: Uint8Array | undefined;
	/** What a block status answered so far, by context id. */
	readonly extents: Map<number, Extent[]> | undefined;
	/** Bytes of the target that data and hole chunks have covered. */
	covered: number;
	/** The first error chunk; the request goes on until its last chunk. */
	error: NbdError | undefined;
	settle(error?: NbdError): void;
};

/** Block status answers and error texts only; data goes where the caller said. */
const maxPayloadBytes = 16 * 1024 * 1024;
const scratch = Buffer.alloc(64 * 1024);

const broken = (what: string): NbdError => new NbdError("PROTOCOL", `The NBD server broke the protocol: ${what}.`);

const ioError = (errno: number, text = ""): NbdError => {
	const name = errnos[errno] ?? `errno ${errno}`;
	const said = text === "" ? "" : ` (${text})`;
	return new NbdError("IO", `The NBD server answered with ${name}${said}.`, { errno: name });
};

/** The part of a read's target that a chunk fills. */
const regionOf = (pending: Pending, chunkOffset: bigint, length: number): Uint8Array => {
	const from = Number(chunkOffset) - pending.offset;
	if (pending.target === undefined) throw broken("data for a request that reads nothing");
	if (from < 0 || from + length > pending.target.length) throw broken("data outside of what was asked for");
	pending.covered += length;
	return pending.target.subarray(from, from + length);
};

const finish = (pending: Pending): void => {
	if (!pending.error && pending.target && pending.covered !== pending.target.length) {
		throw broken(`${pending.covered} bytes where ${pending.target.length} were asked for`);
	}
	pending.settle(pending.error);
};

function* chunk(type: number, length: number, pending: Pending): Parser {
	if (type === chunkTypes.none) return;
	if (type === chunkTypes.data) {
		if (length < 8) throw broken("a data chunk that is too short");
		const head = scratch.subarray(0, 8);
		yield head;
		yield regionOf(pending, head.readBigUInt64BE(0), length - 8);
		return;
	}
	if (type === chunkTypes.hole) {
		const hole = scratch.subarray(0, 12);
		yield hole;
		regionOf(pending, hole.readBigUInt64BE(0), hole.readUInt32BE(8)).fill(0);
		return;
	}
	if (length > maxPayloadBytes) throw broken(`a chunk of ${length} bytes`);
	const payload = length <= scratch.length ? scratch.subarray(0, length) : Buffer.allocUnsafe(length);
	yield payload;
	if (type === chunkTypes.blockStatus) {
		const extents: Extent[] = [];
		let offset = pending.offset;
		for (let at = 4; at + 8 <= length; at += 8) {
			const extent = { offset, length: payload.readUInt32BE(at), flags: payload.readUInt32BE(at + 4) };
			extents.push(extent);
			offset += extent.length;
		}
		pending.extents?.set(payload.readUInt32BE(0), extents);
	} else if ((type & chunkErrorBit) !== 0) {
		const textBytes = payload.readUInt16BE(4);
		pending.error ??= ioError(payload.readUInt32BE(0), payload.toString("utf8", 6, 6 + textBytes));
	} else {
		throw broken(`a chunk of the unknown type ${type}`);
	}
}

/** Reads replies for ever, simple and structured, in whatever order they come, and settles what they answer. */
export function* replies(pendings: Map<bigint, Pending>): Parser {
	const head = Buffer.alloc(16);
	const rest = Buffer.alloc(4);
	for (;;) {
		yield head;
		const pending = pendings.get(head.readBigUInt64BE(8));
		if (pending === undefined) throw broken("an answer to a request that was never made");
		const kind = head.readUInt32BE(0);
		if (kind === magic.simpleReply) {
			const errno = head.readUInt32BE(4);
			if (errno !== 0) pending.error = ioError(errno);
			else if (pending.target) yield regionOf(pending, BigInt(pending.offset), pending.target.length);
			finish(pending);
		} else if (kind === magic.structuredReply) {
			const flags = head.readUInt16BE(4);
			const type = head.readUInt16BE(6);
			yield rest;
			const length = rest.readUInt32BE(0);
			if (type === chunkTypes.hole && length !== 12) throw broken("a hole chunk of the wrong length");
			if (type === chunkTypes.none && length !== 0) throw broken("an empty chunk with content");
			yield* chunk(type, length, pending);
			if ((flags & chunkFlagDone) !== 0) finish(pending);
		} else {
			throw broken(`a reply that starts with 0x${kind.toString(16)}`);
		}
	}
}
