import type { Socket } from "node:net";
import { newSlots } from "../slots.ts";
import { commands, magic, requestBytes } from "../wire.ts";
import { answer, type ServerRequest } from "./answer.ts";
import type { Exports } from "./disk.ts";
import { type Incoming, incomingOf } from "./incoming.ts";
import { maxRequestBytes, negotiate } from "./negotiate.ts";
import { outgoingOf } from "./outgoing.ts";

/** Requests of one client that are worked on at a time; it waits with more. Each holds one piece in memory. */
const mostRequests = 8;
/** Whoever has not agreed on an export by then is sent away: a silent client must not keep a place. */
const negotiationMs = 30_000;

/** Serves one client until it goes, or breaks the protocol. Never throws; `exports` that throw end the connection. */
export const serveClient = async (
	socket: Socket,
	exports: Exports,
	onError: (error: unknown) => void,
): Promise<void> => {
	socket.setNoDelay(true);
	const incoming = incomingOf(socket);
	const outgoing = outgoingOf(socket);
	const late = setTimeout(() => socket.destroy(), negotiationMs);
	try {
		const agreed = await negotiate(incoming, outgoing, exports).finally(() => clearTimeout(late));
		if (agreed === undefined) return;
		const slots = newSlots(mostRequests);
		for (;;) {
			const request = await nextRequest(incoming);
			if (request === undefined) break;
			await slots.take();
			void answer(request, agreed, outgoing)
				.catch(onError)
				.finally(() => slots.free());
		}
		// What was asked for before the good-bye is still answered.
		for (let n = 0; n < mostRequests; n++) await slots.take();
	} catch (error) {
		onError(error);
	} finally {
		socket.destroySoon();
	}
};

/** Undefined when the client says good-bye, goes, or sends what is no request. */
const nextRequest = async (incoming: Incoming): Promise<ServerRequest | undefined> => {
	const head = await incoming.take(requestBytes);
	if (head === undefined || head.readUInt32BE(0) !== magic.request) return undefined;
	const request: ServerRequest = {
		flags: head.readUInt16BE(4),
		command: head.readUInt16BE(6),
		cookie: head.readBigUInt64BE(8),
		offset: head.readBigUInt64BE(16),
		length: head.readUInt32BE(24),
	};
	if (request.command === commands.disconnect) return undefined;
	// A write is refused, but its data comes all the same.
	if (request.command === commands.write) {
		if (request.length > maxRequestBytes || !(await incoming.skip(request.length))) return undefined;
	}
	return request;
};
