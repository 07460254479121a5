import {
	handshakeFlags,
	infos,
	magic,
	optionErrorBit,
	optionRefusals,
	optionReplies,
	options,
	transmissionFlags,
} from "../wire.ts";
import type { Exports, ServedDisk } from "./disk.ts";
import type { Incoming } from "./incoming.ts";
import type { Outgoing } from "./outgoing.ts";

/** What was agreed on. */
export type Agreed = {
	disk: ServedDisk;
	structured: boolean;
	/** The client may ask for `base:allocation`. */
	allocation: boolean;
};

export const allocationContext = "base:allocation";
export const allocationContextId = 1;
/** The protocol's own: what a client may assume where sizes were not negotiated. */
export const maxRequestBytes = 32 * 1024 * 1024;
/** No option of a sane client comes near it. */
const maxOptionBytes = 64 * 1024;
/** The protocol's limit for strings. */
const maxNameBytes = 4096;

const served =
	transmissionFlags.hasFlags | transmissionFlags.readOnly | transmissionFlags.canFlush | transmissionFlags.canMultiConn;

/** Numbers one after the other, big-endian: [value, bytes]. */
const numbers = (...fields: [value: number, bytes: 2 | 4 | 8][]): Buffer => {
	const out = Buffer.alloc(fields.reduce((sum, [, bytes]) => sum + bytes, 0));
	let at = 0;
	for (const [value, bytes] of fields) {
		if (bytes === 8) out.writeBigUInt64BE(BigInt(value), at);
		else out.writeUIntBE(value, at, bytes);
		at += bytes;
	}
	return out;
};

/** A string of an option at `at`, length first; undefined where the option is too short for it, or it too long. */
const textAt = (data: Buffer, at: number): { text: string; end: number } | undefined => {
	if (at + 4 > data.length) return undefined;
	const length = data.readUInt32BE(at);
	const end = at + 4 + length;
	return length > maxNameBytes || end > data.length ? undefined : { text: data.toString("utf8", at + 4, end), end };
};

/** What an info or go option asks for; undefined where it is malformed. */
const readInfoOption = (data: Buffer): { name: string; wanted: number[] } | undefined => {
	const name = textAt(data, 0);
	if (name === undefined || name.end + 2 > data.length) return undefined;
	const count = data.readUInt16BE(name.end);
	if (data.length !== name.end + 2 + 2 * count) return undefined;
	const wanted = Array.from({ length: count }, (_, i) => data.readUInt16BE(name.end + 2 + 2 * i));
	return { name: name.text, wanted };
};

const readContextOption = (data: Buffer): { name: string; queries: string[] } | undefined => {
	const name = textAt(data, 0);
	if (name === undefined || name.end + 4 > data.length) return undefined;
	const queries: string[] = [];
	let at = name.end + 4;
	for (let left = data.readUInt32BE(name.end); left > 0; left--) {
		const query = textAt(data, at);
		if (query === undefined) return undefined;
		queries.push(query.text);
		at = query.end;
	}
	return at === data.length ? { name: name.text, queries } : undefined;
};

/** Does the client mean the one context that we have? A list may ask for all, or for all of a namespace. */
const meansAllocation = (option: number, queries: readonly string[]): boolean =>
	queries.includes(allocationContext) ||
	(option === options.listMetaContext && (queries.length === 0 || queries.includes("base:")));

/**
 * Fixed newstyle negotiation as the server. Undefined when the client went away, said good-bye, or broke the protocol in
 * a way that cannot be answered. Throws what `exports` throws.
 */
export const negotiate = async (
	incoming: Incoming,
	outgoing: Outgoing,
	exports: Exports,
): Promise<Agreed | undefined> => {
	const greeting = Buffer.alloc(18);
	greeting.writeBigUInt64BE(magic.server, 0);
	greeting.writeBigUInt64BE(magic.option, 8);
	greeting.writeUInt16BE(handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes, 16);
	await outgoing.send([greeting]);
	const flags = (await incoming.take(4))?.readUInt32BE(0);
	if (flags === undefined || (flags & ~(handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes)) !== 0)
		return undefined;

	let structured = false;
	/** Name of the export for which the context was agreed on: it holds for no other. */
	let allocationOf: string | undefined;

	const reply = (option: number, type: number, data: Uint8Array = Buffer.alloc(0)): Promise<void> => {
		const head = Buffer.alloc(20);
		head.writeBigUInt64BE(magic.optionReply, 0);
		head.writeUInt32BE(option, 8);
		head.writeUInt32BE(type, 12);
		head.writeUInt32BE(data.length, 16);
		return outgoing.send([head, data]);
	};
	const refuse = (option: number, why: keyof typeof optionRefusals, sentence = ""): Promise<void> =>
		reply(option, (optionErrorBit | optionRefusals[why]) >>> 0, Buffer.from(sentence));

	const list = async (data: Buffer): Promise<void> => {
		if (data.length > 0) return refuse(options.list, "invalid");
		for await (const name of exports.names()) {
			const bytes = Buffer.from(name);
			if (bytes.length > maxNameBytes) continue;
			await reply(options.list, optionReplies.server, Buffer.concat([numbers([bytes.length, 4]), bytes]));
		}
		await reply(options.list, optionReplies.ack);
	};

	const contexts = async (option: number, data: Buffer): Promise<void> => {
		if (option === options.setMetaContext) allocationOf = undefined;
		const asked = structured ? readContextOption(data) : undefined;
		if (asked === undefined) return refuse(option, "invalid");
		if ((await exports.open(asked.name)) === undefined) return refuse(option, "unknown");
		if (meansAllocation(option, asked.queries)) {
			if (option === options.setMetaContext) allocationOf = asked.name;
			const context = Buffer.concat([numbers([allocationContextId, 4]), Buffer.from(allocationContext)]);
			await reply(option, optionReplies.metaContext, context);
		}
		await reply(option, optionReplies.ack);
	};

	const describe = async (option: number, data: Buffer): Promise<Agreed | undefined> => {
		const asked = readInfoOption(data);
		if (asked === undefined) return void (await refuse(option, "invalid"));
		const disk = await exports.open(asked.name);
		if (disk === undefined) return void (await refuse(option, "unknown", `There is no export "${asked.name}".`));
		await reply(option, optionReplies.info, numbers([infos.export, 2], [disk.sizeBytes, 8], [served, 2]));
		const sizes = numbers([infos.blockSize, 2], [1, 4], [disk.preferredBytes, 4], [maxRequestBytes, 4]);
		await reply(option, optionReplies.info, sizes);
		if (asked.wanted.includes(infos.name)) {
			await reply(option, optionReplies.info, Buffer.concat([numbers([infos.name, 2]), Buffer.from(asked.name)]));
		}
		await reply(option, optionReplies.ack);
		return option === options.go ? { disk, structured, allocation: allocationOf === asked.name } : undefined;
	};

	for (;;) {
		const head = await incoming.take(16);
		if (head === undefined || head.readBigUInt64BE(0) !== magic.option) return undefined;
		const option = head.readUInt32BE(8);
		const length = head.readUInt32BE(12);
		if (length > maxOptionBytes) {
			if (option === options.exportName || !(await incoming.skip(length))) return undefined;
			await refuse(option, "tooBig");
			continue;
		}
		const data = await incoming.take(length);
		if (data === undefined) return undefined;
		if (option === options.exportName) {
			const name = data.toString("utf8");
			const disk = await exports.open(name);
			// The old option has no answer for an error.
			if (disk === undefined) return undefined;
			const zeroes = Buffer.alloc((flags & handshakeFlags.noZeroes) === 0 ? 124 : 0);
			await outgoing.send([numbers([disk.sizeBytes, 8], [served, 2]), zeroes]);
			return { disk, structured, allocation: allocationOf === name };
		}
		if (option === options.abort) return void (await reply(option, optionReplies.ack));
		if (option === options.list) await list(data);
		else if (option === options.listMetaContext || option === options.setMetaContext) await contexts(option, data);
		else if (option === options.info || option === options.go) {
			const agreed = await describe(option, data);
			if (agreed !== undefined) return agreed;
		} else if (option === options.structuredReply) {
			if (data.length > 0) await refuse(option, "invalid");
			else {
				structured = true;
				await reply(option, optionReplies.ack);
			}
		} else await refuse(option, "unsupported");
	}
};
