import { connect, type Socket } from "node:net";
import { incomingOf } from "#nbd/server/incoming.ts";
import { encodeOption, encodeText } from "#nbd/wire.ts";

/** A client that sends whatever it is told to, right or wrong. */
export const rawClient = async (path: string) => {
	const socket: Socket = connect({ path });
	socket.on("error", () => {});
	const incoming = incomingOf(socket);
	const take = async (count: number): Promise<Buffer> => {
		const bytes = await incoming.take(count);
		if (bytes === undefined) throw new Error("the server closed the connection");
		return bytes;
	};
	const u32 = (value: number): Buffer => {
		const bytes = Buffer.alloc(4);
		bytes.writeUInt32BE(value);
		return bytes;
	};
	await take(18);
	return {
		socket,
		take,
		u32,
		send: (...parts: Uint8Array[]) => void socket.write(Buffer.concat(parts)),
		/** Resolves when the server has closed the connection; throws on a byte instead. */
		async closed(): Promise<void> {
			const more = await incoming.take(1);
			if (more !== undefined) throw new Error("the server goes on talking");
		},
		/** Type and data of the next option reply. */
		async optionReply(): Promise<{ type: number; data: Buffer }> {
			const head = await take(20);
			return { type: head.readUInt32BE(12), data: await take(head.readUInt32BE(16)) };
		},
		/** A go or info option. */
		go: (name: string, option = 7) => encodeOption(option, Buffer.concat([encodeText(name), Buffer.alloc(2)])),
		request(command: number, { flags = 0, cookie = 1, offset = 0, length = 0 }): Buffer {
			const bytes = Buffer.alloc(28);
			bytes.writeUInt32BE(0x25609513, 0);
			bytes.writeUInt16BE(flags, 4);
			bytes.writeUInt16BE(command, 6);
			bytes.writeBigUInt64BE(BigInt(cookie), 8);
			bytes.writeBigUInt64BE(BigInt(offset), 16);
			bytes.writeUInt32BE(length, 24);
			return bytes;
		},
		/** errno and cookie of a simple reply. */
		async simpleReply(): Promise<{ errno: number; cookie: number }> {
			const head = await take(16);
			if (head.readUInt32BE(0) !== 0x67446698) throw new Error("not a simple reply");
			return { errno: head.readUInt32BE(4), cookie: Number(head.readBigUInt64BE(8)) };
		},
	};
};
