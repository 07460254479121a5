import { calculateObjectSize, type Document, serialize, setInternalBufferSize } from "bson";
import { readRequest } from "./value.ts";

/**
 * Framing of the MongoDB wire protocol: OP_MSG both ways, and the OP_QUERY a driver may open a connection with.
 * Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
 */
export const maxMessageBytes = 48_000_000;
const headerBytes = 16;
const opcodes = { reply: 1, query: 2004, msg: 2013 } as const;

export type Message = { requestId: number; kind: "msg" | "query"; body: Document };

/** The bytes cannot be understood; the connection that sent them has lost its place and must be closed. */
export class MalformedMessage extends Error {}

/** The length of the message that starts here, or undefined while its header is incomplete. @throws MalformedMessage */
export function messageLength(bytes: Buffer): number | undefined {
	if (bytes.length < 4) return undefined;
	const length = bytes.readInt32LE(0);
	if (length < headerBytes || length > maxMessageBytes) throw new MalformedMessage(`message length ${length}`);
	return length;
}

/** Reads one whole message. @throws MalformedMessage for anything but a well-formed OP_MSG or OP_QUERY */
export function readMessage(bytes: Buffer): Message {
	const requestId = bytes.readInt32LE(4);
	const opcode = bytes.readInt32LE(12);
	try {
		if (opcode === opcodes.msg) return { requestId, kind: "msg", body: readMsg(bytes) };
		if (opcode === opcodes.query) return { requestId, kind: "query", body: readQuery(bytes) };
	} catch (error) {
		throw new MalformedMessage("unreadable body", { cause: error });
	}
	throw new MalformedMessage(`opcode ${opcode}`);
}

/** Flag bit 16 only allows the server more replies; all others ask for what this server does not do. */
const exhaustAllowed = 0x10000;

function readMsg(bytes: Buffer): Document {
	const flags = bytes.readUInt32LE(headerBytes);
	// A checksum or "more to come" (no reply wanted, i.e. an unacknowledged write) is not supported.
	if ((flags & ~exhaustAllowed) !== 0) throw new MalformedMessage(`flags ${flags}`);
	let body: Document | undefined;
	const sequences: [string, Document[]][] = [];
	let at = headerBytes + 4;
	while (at < bytes.length) {
		const kind = bytes[at];
		const size = bytes.readInt32LE(at + 1);
		const section = slice(bytes, at + 1, size);
		if (kind === 0 && body === undefined) body = readRequest(section);
		else if (kind === 1) sequences.push(readSequence(section));
		else throw new MalformedMessage(`section kind ${kind}`);
		at += 1 + size;
	}
	if (body === undefined) throw new MalformedMessage("no body section");
	for (const [name, documents] of sequences) {
		if (Object.hasOwn(body, name) || name === "__proto__") throw new MalformedMessage(`the field ${name} comes twice`);
		body[name] = documents;
	}
	return body;
}

function slice(bytes: Buffer, at: number, size: number): Buffer {
	if (size < 5 || at + size > bytes.length) throw new MalformedMessage(`section of ${size} bytes`);
	return bytes.subarray(at, at + size);
}

function endOfString(bytes: Buffer, from: number): number {
	const end = bytes.indexOf(0, from);
	if (end < 0) throw new MalformedMessage("unterminated string");
	return end;
}

function readSequence(section: Buffer): [string, Document[]] {
	const end = endOfString(section, 4);
	const documents: Document[] = [];
	for (let at = end + 1; at < section.length; ) {
		const document = slice(section, at, section.readInt32LE(at));
		documents.push(readRequest(document));
		at += document.length;
	}
	return [section.toString("utf8", 4, end), documents];
}

function readQuery(bytes: Buffer): Document {
	const end = endOfString(bytes, headerBytes + 4);
	const namespace = bytes.toString("utf8", headerBytes + 4, end);
	if (!namespace.endsWith(".$cmd")) throw new MalformedMessage("OP_QUERY on a collection");
	const at = end + 1 + 8;
	const body = readRequest(slice(bytes, at, bytes.readInt32LE(at)));
	return { ...body, $db: namespace.slice(0, -".$cmd".length) };
}

/** The reply to a message, in the protocol it came in. Replies are small: batches stop at 16 MiB. */
export function writeReply({ requestId, kind }: Message, reply: Document, replyId: number): Buffer {
	const size = calculateObjectSize(reply);
	setInternalBufferSize(size + 1024); // the serializer writes into a buffer that does not grow by itself
	const document = serialize(reply);
	const head = Buffer.alloc(kind === "msg" ? headerBytes + 5 : headerBytes + 20);
	head.writeInt32LE(head.length + document.length, 0);
	head.writeInt32LE(replyId, 4);
	head.writeInt32LE(requestId, 8);
	head.writeInt32LE(kind === "msg" ? opcodes.msg : opcodes.reply, 12);
	if (kind === "query") {
		const awaitCapable = 8;
		const numberReturned = 1;
		head.writeInt32LE(awaitCapable, headerBytes);
		head.writeInt32LE(numberReturned, headerBytes + 16);
	}
	return Buffer.concat([head, document]);
}
