import type { Socket } from "node:net";

type Send = (parts: readonly Uint8Array[]) => Promise<void>;

/** Answers on their way to a client. */
export type Outgoing = {
	/**
	 * Sends the parts together. Resolves when the client has taken enough of what came before; with several callers one
	 * goes after the other, so that memory is bounded by what each of them holds. Sends nothing once the client has gone.
	 */
	send: Send;
	/** Lets nobody else send while `work` does. Where it returns false or throws, the connection ends. */
	whole(work: (send: Send) => Promise<boolean>): Promise<void>;
	readonly gone: boolean;
};

export const outgoingOf = (socket: Socket): Outgoing => {
	let last: Promise<void> = Promise.resolve();
	const sendNow: Send = async (parts) => {
		if (socket.destroyed) return;
		socket.cork();
		let room = true;
		for (const part of parts) room = socket.write(part);
		socket.uncork();
		if (room) return;
		await new Promise<void>((resolve) => {
			const done = (): void => {
				socket.off("drain", done).off("close", done);
				resolve();
			};
			socket.on("drain", done).on("close", done);
		});
	};
	/** None of them rejects: the line goes on. */
	const inLine = (work: () => Promise<void>): Promise<void> => {
		last = last.then(work);
		return last;
	};
	return {
		send: (parts) => inLine(() => sendNow(parts)),
		whole: (work) =>
			inLine(async () => {
				if (!(await work(sendNow).catch(() => false))) socket.destroy();
			}),
		get gone() {
			return socket.destroyed;
		},
	};
};
