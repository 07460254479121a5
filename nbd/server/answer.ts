import { allocationFlags, chunkFlagDone, chunkTypes, commandFlags, commands, magic } from "../wire.ts";
import type { Stretch } from "./disk.ts";
import { type Agreed, allocationContextId, maxRequestBytes } from "./negotiate.ts";
import type { Outgoing } from "./outgoing.ts";

export type ServerRequest = { command: number; flags: number; cookie: bigint; offset: bigint; length: number };

const errno = { none: 0, notPermitted: 1, io: 5, invalid: 22 } as const;
/** More stretches than this are left to the next question. */
const mostStretches = 4096;
const mostErrorBytes = 1024;

/** Answers one request; never throws for what the disk or the client did wrong. */
export const answer = async (request: ServerRequest, agreed: Agreed, outgoing: Outgoing): Promise<void> => {
	const refused = refusalOf(request, agreed);
	if (refused !== undefined) return fail(request, agreed, outgoing, refused);
	if (request.command === commands.flush) return succeed(request, agreed, outgoing);
	try {
		if (request.command === commands.blockStatus) await answerStatus(request, agreed, outgoing);
		else if (agreed.structured) await answerInPieces(request, agreed, outgoing);
		else await answerWhole(request, agreed, outgoing);
	} catch (error) {
		await fail(request, agreed, outgoing, errno.io, error instanceof Error ? error.message : String(error));
	}
};

/** The errno that a request earns before anything is read for it. */
const refusalOf = ({ command, flags, offset, length }: ServerRequest, { disk, allocation }: Agreed) => {
	const writing: readonly number[] = [commands.write, commands.trim, commands.writeZeroes];
	if (writing.includes(command)) return errno.notPermitted;
	if (command === commands.flush) return flags === 0 && offset === 0n && length === 0 ? undefined : errno.invalid;
	const isStatus = command === commands.blockStatus && allocation;
	if (command !== commands.read && !isStatus) return errno.invalid;
	if ((flags & ~(isStatus ? commandFlags.oneExtent : 0)) !== 0) return errno.invalid;
	if (length === 0 || offset + BigInt(length) > BigInt(disk.sizeBytes)) return errno.invalid;
	return command === commands.read && length > maxRequestBytes ? errno.invalid : undefined;
};

const zeroBlock = Buffer.alloc(256 * 1024);

function* zeroes(length: number): Generator<Uint8Array> {
	for (let left = length; left > 0; left -= zeroBlock.length) yield zeroBlock.subarray(0, left);
}

/** A part of a structured reply. */
const chunk = (cookie: bigint, type: number, done: boolean, ...parts: Uint8Array[]): Uint8Array[] => {
	const head = Buffer.allocUnsafe(20);
	head.writeUInt32BE(magic.structuredReply, 0);
	head.writeUInt16BE(done ? chunkFlagDone : 0, 4);
	head.writeUInt16BE(type, 6);
	head.writeBigUInt64BE(cookie, 8);
	head.writeUInt32BE(
		parts.reduce((sum, part) => sum + part.length, 0),
		16,
	);
	return [head, ...parts];
};

const simple = (cookie: bigint, code: number): Buffer => {
	const head = Buffer.allocUnsafe(16);
	head.writeUInt32BE(magic.simpleReply, 0);
	head.writeUInt32BE(code, 4);
	head.writeBigUInt64BE(cookie, 8);
	return head;
};

const errorHead = (code: number, why: string): Buffer => {
	const text = Buffer.from(why).subarray(0, mostErrorBytes);
	const head = Buffer.allocUnsafe(6);
	head.writeUInt32BE(code, 0);
	head.writeUInt16BE(text.length, 4);
	return Buffer.concat([head, text]);
};

const bigOffset = (offset: number): Buffer => {
	const bytes = Buffer.allocUnsafe(8);
	bytes.writeBigUInt64BE(BigInt(offset));
	return bytes;
};

const fail = ({ cookie }: ServerRequest, { structured }: Agreed, outgoing: Outgoing, code: number, why = "") =>
	outgoing.send(structured ? chunk(cookie, chunkTypes.error, true, errorHead(code, why)) : [simple(cookie, code)]);

const succeed = ({ cookie }: ServerRequest, { structured }: Agreed, outgoing: Outgoing) =>
	outgoing.send(structured ? chunk(cookie, chunkTypes.none, true) : [simple(cookie, errno.none)]);

const answerStatus = async ({ cookie, flags, offset, length }: ServerRequest, { disk }: Agreed, outgoing: Outgoing) => {
	const most = (flags & commandFlags.oneExtent) === 0 ? mostStretches : 1;
	const stretches: Stretch[] = [];
	for await (const stretch of disk.status(Number(offset), length)) {
		stretches.push(stretch);
		if (stretches.length === most) break;
	}
	const body = Buffer.allocUnsafe(4 + 8 * stretches.length);
	body.writeUInt32BE(allocationContextId, 0);
	for (const [i, { length: bytes, hole }] of stretches.entries()) {
		body.writeUInt32BE(bytes, 4 + 8 * i);
		body.writeUInt32BE(hole ? allocationFlags.hole | allocationFlags.zero : 0, 8 + 8 * i);
	}
	await outgoing.send(chunk(cookie, chunkTypes.blockStatus, true, body));
};

/** What is damaged is said of its own range only; the rest is sent. */
const answerInPieces = async ({ cookie, offset, length }: ServerRequest, { disk }: Agreed, outgoing: Outgoing) => {
	for await (const piece of disk.read(Number(offset), length)) {
		if (outgoing.gone) return;
		const at = bigOffset(piece.offset);
		if (piece.kind === "data") await outgoing.send(chunk(cookie, chunkTypes.data, false, at, piece.data));
		else if (piece.kind === "hole") {
			const size = Buffer.allocUnsafe(4);
			size.writeUInt32BE(piece.length);
			await outgoing.send(chunk(cookie, chunkTypes.hole, false, at, size));
		} else {
			await outgoing.send(chunk(cookie, chunkTypes.errorOffset, false, errorHead(errno.io, piece.why), at));
		}
	}
	await outgoing.send(chunk(cookie, chunkTypes.none, true));
};

/**
 * A simple reply says that all went well before its first byte, so everything is read once before: twice the work for old
 * clients, rather than memory for whole requests. What breaks in between ends the connection.
 */
const answerWhole = async ({ cookie, offset, length }: ServerRequest, { disk }: Agreed, outgoing: Outgoing) => {
	for await (const piece of disk.read(Number(offset), length)) {
		if (piece.kind === "damaged") return outgoing.send([simple(cookie, errno.io)]);
	}
	await outgoing.whole(async (send) => {
		await send([simple(cookie, errno.none)]);
		for await (const piece of disk.read(Number(offset), length)) {
			if (piece.kind === "damaged") return false;
			if (piece.kind === "data") await send([piece.data]);
			else for (const part of zeroes(piece.length)) await send([part]);
		}
		return true;
	});
};
