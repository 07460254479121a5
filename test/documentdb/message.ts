import { BSON, type Document } from "mongodb";

/**
 * Framing of the MongoDB wire protocol for the test gateway: OP_MSG, and the OP_QUERY that opens a connection. Values
 * keep their BSON types on the way, for the engine to judge. Unlike the embedded store's reader it refuses nothing.
 * Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
 */
export type Request = { id: number; query: boolean; body: Document };

const opcodes = { reply: 1, query: 2004, msg: 2013 } as const;
const typed = { promoteValues: false, promoteLongs: false, bsonRegExp: true } as const;

export function readMessage(bytes: Buffer): Request {
	const id = bytes.readInt32LE(4);
	if (bytes.readInt32LE(12) === opcodes.query) {
		const at = bytes.indexOf(0, 20) + 9;
		return { id, query: true, body: BSON.deserialize(bytes.subarray(at), typed) };
	}
	let body: Document = {};
	const sequences: Document = {};
	for (let at = 20; at < bytes.length; ) {
		const size = bytes.readInt32LE(at + 1);
		const section = bytes.subarray(at + 1, at + 1 + size);
		if (bytes[at] === 0) body = BSON.deserialize(section, typed);
		else Object.assign(sequences, readSequence(section));
		at += 1 + size;
	}
	return { id, query: false, body: { ...body, ...sequences } };
}

function readSequence(section: Buffer): Document {
	const end = section.indexOf(0, 4);
	const documents: Document[] = [];
	for (let at = end + 1; at < section.length; at += section.readInt32LE(at)) {
		documents.push(BSON.deserialize(section.subarray(at, at + section.readInt32LE(at)), typed));
	}
	return { [section.toString("utf8", 4, end)]: documents };
}

/** `reply` is BSON already. */
export function writeMessage({ id, query }: Request, reply: Uint8Array): Buffer {
	const head = Buffer.alloc(query ? 36 : 21);
	head.writeInt32LE(head.length + reply.length, 0);
	head.writeInt32LE(id, 8);
	head.writeInt32LE(query ? opcodes.reply : opcodes.msg, 12);
	if (query) head.writeInt32LE(1, 32);
	return Buffer.concat([head, reply]);
}
