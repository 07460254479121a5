import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type Document, deserialize, serialize } from "bson";
import { openServer } from "./fixture.ts";

const opMsg = 2013;
const opQuery = 2004;

function message(opcode: number, body: Buffer, length?: number): Buffer {
	const head = Buffer.alloc(16);
	head.writeInt32LE(length ?? 16 + body.length, 0);
	head.writeInt32LE(7, 4);
	head.writeInt32LE(opcode, 12);
	return Buffer.concat([head, body]);
}

const flags = (value: number) => {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32LE(value);
	return bytes;
};
const body = (document: Document) => Buffer.concat([Buffer.from([0]), serialize(document)]);
function sequence(name: string, documents: Document[]): Buffer {
	const content = Buffer.concat([Buffer.from(`${name}\0`), ...documents.map((one) => serialize(one))]);
	return Buffer.concat([Buffer.from([1]), flags(content.length + 4), content]);
}
const msg = (...sections: Buffer[]) => message(opMsg, Buffer.concat([flags(0), ...sections]));
const ping = msg(body({ ping: 1, $db: "admin" }));

async function open(t: ExecutionContext, folder: string): Promise<Socket> {
	const socket = dial(join(folder, "s.sock"));
	t.teardown(() => socket.destroy());
	await once(socket, "connect");
	return socket;
}

/** The next replies' documents, in order. */
async function replies(socket: Socket, count: number): Promise<Document[]> {
	let bytes = Buffer.alloc(0);
	const found: Document[] = [];
	for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
		bytes = Buffer.concat([bytes, chunk]);
		while (bytes.length >= 4 && bytes.length >= bytes.readInt32LE(0)) {
			const length = bytes.readInt32LE(0);
			const start = bytes.readInt32LE(12) === opMsg ? 21 : 36;
			found.push(deserialize(bytes.subarray(start, length)));
			bytes = bytes.subarray(length);
		}
		if (found.length >= count) return found;
	}
	return found;
}

test("bytes that make no sense close their connection and no other", async (t) => {
	const { db, folder } = await openServer(t);
	const bad: [string, Buffer][] = [
		["length too small", message(opMsg, Buffer.alloc(8), 5)],
		["length too large", message(opMsg, Buffer.alloc(8), 48_000_001)],
		["negative length", message(opMsg, Buffer.alloc(8), -1)],
		["unknown opcode", message(2001, Buffer.alloc(8))],
		["compressed", message(2012, Buffer.alloc(9))],
		["no sections", msg()],
		["two bodies", msg(body({ ping: 1, $db: "a" }), body({ ping: 1, $db: "a" }))],
		["unknown section kind", msg(Buffer.from([9, 5, 0, 0, 0, 0]))],
		["section beyond the message", msg(Buffer.from([0, 99, 0, 0, 0]))],
		["broken BSON", msg(Buffer.from([0, 6, 0, 0, 0, 99, 0]))],
		[
			"invalid UTF-8",
			msg(Buffer.concat([Buffer.from([0]), serialize({ a: "xx" }).map((b) => (b === 0x78 ? 0xff : b))])),
		],
		["field twice", msg(body({ insert: "c", documents: [], $db: "a" }), sequence("documents", [{}]))],
		["checksum flag", message(opMsg, Buffer.concat([flags(1), body({ ping: 1, $db: "a" }), flags(0)]))],
		["unacknowledged", message(opMsg, Buffer.concat([flags(2), body({ insert: "c", documents: [{}], $db: "test" })]))],
		[
			"query on a collection",
			message(opQuery, Buffer.concat([flags(0), Buffer.from("a.c\0"), Buffer.alloc(8), serialize({})])),
		],
	];
	for (const [what, bytes] of bad) {
		const socket = await open(t, folder);
		const closed = once(socket, "close");
		socket.on("error", () => {});
		socket.resume();
		socket.write(bytes);
		await closed;
		t.pass(what);
	}
	t.is((await db.command({ ping: 1 })).ok, 1);
	t.is(await db.collection("c").countDocuments(), 0);
});

test("the handshake works by OP_QUERY, and nothing else does", async (t) => {
	const { folder } = await openServer(t);
	const socket = await open(t, folder);
	const query = (document: Document) =>
		message(
			opQuery,
			Buffer.concat([flags(0), Buffer.from("admin.$cmd\0"), flags(0), flags(0xffffffff), serialize(document)]),
		);
	socket.write(query({ ismaster: 1, helloOk: true }));
	const [hello] = await replies(socket, 1);
	t.like(hello, { ismaster: true, helloOk: true, ok: 1, maxWireVersion: 21 });
	for (const field of ["setName", "logicalSessionTimeoutMinutes", "topologyVersion"])
		t.false(field in (hello as Document));
	socket.write(query({ find: "c" }));
	t.like((await replies(socket, 1))[0], { ok: 0, code: 352 });
});

test("messages in pieces, several at once, and document sequences", async (t) => {
	const { db, folder } = await openServer(t);
	const socket = await open(t, folder);
	for (const byte of ping) socket.write(Buffer.from([byte]));
	t.like((await replies(socket, 1))[0], { ok: 1 });
	const insert = msg(body({ insert: "c", $db: "test" }), sequence("documents", [{ _id: 1 }, { _id: 2 }]));
	socket.write(Buffer.concat([ping, insert, ping, insert]));
	const answers = await replies(socket, 4);
	t.like(answers[1], { n: 2, ok: 1 });
	t.is(answers[3]?.writeErrors[0].code, 11000);
	t.is(await db.collection("c").countDocuments(), 2);
	socket.write(msg(body({ ping: 1 })));
	t.like((await replies(socket, 1))[0], { ok: 0, code: 9 });
});
