import type { Socket } from "node:net";
import { failureReply } from "./commands.ts";
import type { Commits } from "./commits.ts";
import { Failure } from "./failure.ts";
import { MalformedMessage, type Message, maxMessageBytes, messageLength, readMessage, writeReply } from "./wire.ts";

const handshakes = ["hello", "isMaster", "ismaster"];

/**
 * Serves one client: one request at a time, so a client that sends faster than it reads waits in its own socket.
 * Bytes that make no sense close this connection and touch no other.
 */
export function serveConnection(socket: Socket, connectionId: number, commits: Commits): void {
	let chunks: Buffer[] = [];
	let received = 0;
	let busy = false;
	let replies = 0;

	/** The next whole message, taken off the front; undefined while it is incomplete. */
	function takeMessage(): Message | undefined {
		if (received < 4) return undefined;
		if ((chunks[0]?.length ?? 0) < 4) chunks = [Buffer.concat(chunks)];
		const length = messageLength(chunks[0] as Buffer);
		if (length === undefined || received < length) return undefined;
		const all = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
		chunks = all.length === length ? [] : [all.subarray(length)];
		received -= length;
		return readMessage(all.subarray(0, length));
	}

	function answer(message: Message, reply: object): void {
		busy = false;
		if (socket.destroyed) return;
		let bytes = writeReply(message, reply, ++replies);
		if (bytes.length > maxMessageBytes) {
			const tooLarge = new Failure(
				"BSONObjectTooLarge",
				`The reply of ${bytes.length} bytes is over the message limit`,
			);
			bytes = writeReply(message, failureReply(tooLarge), replies);
		}
		if (socket.write(bytes)) step();
		else socket.once("drain", step);
	}

	function step(): void {
		if (busy || socket.destroyed) return;
		let message: Message | undefined;
		try {
			message = takeMessage();
		} catch (error) {
			if (!(error instanceof MalformedMessage)) throw error;
			socket.destroy();
			return;
		}
		if (!message) return void socket.resume();
		busy = true;
		socket.pause();
		const one = message;
		if (one.kind === "query" && !handshakes.includes(Object.keys(one.body)[0] ?? "")) {
			const unsupported = new Failure("UnsupportedOpQueryCommand", "OP_QUERY is only for the handshake; use OP_MSG");
			answer(one, failureReply(unsupported));
			return;
		}
		commits.submit({ body: one.body, connectionId, reply: (reply) => answer(one, reply) });
	}

	socket.on("data", (chunk: Buffer) => {
		chunks.push(chunk);
		received += chunk.length;
		step();
	});
	socket.on("error", () => socket.destroy()); // the client went away
}
