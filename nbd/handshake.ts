import { NbdError } from "./error.ts";
import {
	encodeCount,
	encodeOption,
	encodeText,
	handshakeFlags,
	infos,
	magic,
	optionErrorBit,
	optionErrors,
	optionReplies,
	options,
} from "./wire.ts";

/** What the server told about its export. */
export type ExportInfo = {
	sizeBytes: number;
	/** Transmission flags as sent. */
	flags: number;
	structured: boolean;
	/** Metadata contexts that were agreed on, by the id that replies carry. */
	contexts: Map<number, string>;
	/** Largest read or write. */
	maxRequestBytes: number;
};

/** No option reply of a sane server comes near it; a forged length must not fill the memory. */
const maxReplyBytes = 64 * 1024;
/** What the protocol lets a client assume where the server does not say. */
const defaultMaxRequestBytes = 32 * 1024 * 1024;

type Reply = { type: number; data: Buffer };
type Reading<T> = Generator<Uint8Array, T, void>;

function* readReply(option: number): Reading<Reply> {
	const head = Buffer.alloc(20);
	yield head;
	if (head.readBigUInt64BE(0) !== magic.optionReply || head.readUInt32BE(8) !== option) {
		throw new NbdError("PROTOCOL", "The NBD server answered another option than the one it was sent.");
	}
	const length = head.readUInt32BE(16);
	if (length > maxReplyBytes) throw new NbdError("PROTOCOL", `The NBD server sent an option reply of ${length} bytes.`);
	const data = Buffer.alloc(length);
	yield data;
	return { type: head.readUInt32BE(12), data };
}

const isError = ({ type }: Reply): boolean => (type & optionErrorBit) !== 0;

const refusal = (what: string, { type, data }: Reply): NbdError => {
	const reason = optionErrors[(type & ~optionErrorBit) >>> 0] ?? `error ${type >>> 0}`;
	const said = data.length > 0 ? ` ("${data.toString("utf8")}")` : "";
	return new NbdError("REFUSED", `The NBD server refused ${what}: ${reason}${said}.`);
};

function* agreeOnContexts(send: Send, exportName: string, wanted: readonly string[]): Reading<Map<number, string>> {
	const query = [encodeText(exportName), encodeCount(wanted.length), ...wanted.map(encodeText)];
	send([encodeOption(options.setMetaContext, Buffer.concat(query))]);
	const contexts = new Map<number, string>();
	for (;;) {
		const reply = yield* readReply(options.setMetaContext);
		if (reply.type === optionReplies.ack) return contexts;
		if (isError(reply)) throw refusal(`the metadata contexts ${wanted.join(", ")}`, reply);
		contexts.set(reply.data.readUInt32BE(0), reply.data.toString("utf8", 4));
	}
}

type Send = (parts: readonly Uint8Array[]) => void;

/**
 * Fixed newstyle negotiation: structured replies, metadata contexts, then `NBD_OPT_GO`. A server without structured
 * replies can be read, but has no contexts. Throws `REFUSED` when the export is unknown or the server too old.
 */
export function* handshake(send: Send, exportName: string, wanted: readonly string[]): Reading<ExportInfo> {
	const greeting = Buffer.alloc(18);
	yield greeting;
	if (greeting.readBigUInt64BE(0) !== magic.server || greeting.readBigUInt64BE(8) !== magic.option) {
		throw new NbdError("REFUSED", "What listens there is not an NBD server of the newstyle protocol.");
	}
	const offered = greeting.readUInt16BE(16);
	if ((offered & handshakeFlags.fixedNewstyle) === 0) {
		throw new NbdError("REFUSED", "The NBD server is too old: it does not negotiate options.");
	}
	send([encodeCount(handshakeFlags.fixedNewstyle | (offered & handshakeFlags.noZeroes))]);

	send([encodeOption(options.structuredReply)]);
	const structured = !isError(yield* readReply(options.structuredReply));
	const contexts =
		structured && wanted.length > 0 ? yield* agreeOnContexts(send, exportName, wanted) : new Map<number, string>();

	const asked = Buffer.from([0, 1, 0, infos.blockSize]);
	send([encodeOption(options.go, Buffer.concat([encodeText(exportName), asked]))]);
	let size: bigint | undefined;
	let flags = 0;
	let maxRequestBytes = defaultMaxRequestBytes;
	for (;;) {
		const reply = yield* readReply(options.go);
		if (isError(reply)) throw refusal(`the export "${exportName}"`, reply);
		if (reply.type === optionReplies.ack) break;
		if (reply.type !== optionReplies.info) continue;
		const info = reply.data.readUInt16BE(0);
		if (info === infos.export) {
			size = reply.data.readBigUInt64BE(2);
			flags = reply.data.readUInt16BE(10);
		}
		if (info === infos.blockSize) maxRequestBytes = Math.min(maxRequestBytes, reply.data.readUInt32BE(10));
	}
	if (size === undefined || size > BigInt(Number.MAX_SAFE_INTEGER)) {
		throw new NbdError("PROTOCOL", `The NBD server gave the export the impossible size ${size}.`);
	}
	return { sizeBytes: Number(size), flags, structured, contexts, maxRequestBytes };
}
