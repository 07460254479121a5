import { connect, type Socket } from "node:net";
import { NbdError } from "./error.ts";

/** Where an NBD server listens. */
export type NbdAddress = { path: string } | { host: string; port: number };

/** A parser of incoming bytes: it yields a buffer, and goes on when that buffer has been filled. */
export type Parser = Generator<Uint8Array, void, void>;

export type ByteStream = {
	send(parts: readonly Uint8Array[]): void;
	/** Ends the connection; `ended` has been called when it returns. `flush`: what was sent goes out first. Safe to repeat. */
	end(error: NbdError, options?: { flush?: boolean }): void;
};

/**
 * One read of the socket takes up to this much: below 64 KiB the system calls cost more than the copying
 * (measured against qemu-nbd: 660–710 MiB/s from 64 KiB up, half of that with Node's default buffers).
 */
const receiveBytes = 256 * 1024;

/**
 * Connects and feeds `parser`. Everything that arrives is copied once, from one reused receive buffer to where the
 * parser wants it. `ended` is called once, with the reason, when the connection is over for whatever reason; an error
 * that the parser throws ends it too. Throws `CONNECT` when no connection comes about within `deadlineMs`.
 */
export const openStream = (
	address: NbdAddress,
	{ parser, ended, deadlineMs }: { parser: Parser; ended: (error: NbdError) => void; deadlineMs: number },
): Promise<ByteStream> =>
	new Promise((resolve, reject) => {
		const name = "path" in address ? address.path : `${address.host}:${address.port}`;
		let over = false;
		let connected = false;
		let wanted: Uint8Array | undefined;
		let filled = 0;
		let socket: Socket;

		const end = (error: NbdError, { flush = false } = {}): void => {
			if (over) return;
			over = true;
			clearTimeout(timer);
			if (flush) socket.destroySoon();
			else socket.destroy();
			if (connected) ended(error);
			else reject(new NbdError("CONNECT", error.message, { cause: error }));
		};
		const want = (): void => {
			const next = parser.next();
			wanted = next.done ? undefined : next.value;
			filled = 0;
		};
		const take = (count: number, bytes: Uint8Array): boolean => {
			try {
				for (let at = 0; at < count && !over; ) {
					if (wanted === undefined) throw new NbdError("PROTOCOL", `The NBD server at ${name} sends unasked bytes.`);
					const step = Math.min(wanted.length - filled, count - at);
					wanted.set(bytes.subarray(at, at + step), filled);
					filled += step;
					at += step;
					// An empty buffer is full already.
					while (wanted !== undefined && filled === wanted.length) want();
				}
			} catch (error) {
				end(error instanceof NbdError ? error : new NbdError("PROTOCOL", String(error), { cause: error }));
			}
			return true;
		};

		const timer = setTimeout(
			() => end(new NbdError("TIMEOUT", `No connection to the NBD server at ${name} within ${deadlineMs} ms.`)),
			deadlineMs,
		);
		const receive = Buffer.allocUnsafeSlow(receiveBytes);
		socket = connect({ ...address, onread: { buffer: receive, callback: take } });
		socket.setNoDelay(true);
		socket.once("connect", () => {
			clearTimeout(timer);
			connected = true;
			want();
			resolve({
				send(parts) {
					if (over) return;
					socket.cork();
					for (const part of parts) socket.write(part);
					socket.uncork();
				},
				end,
			});
		});
		socket.on("error", (cause) => {
			const what = connected ? "was lost" : "could not be made";
			end(new NbdError("CLOSED", `The connection to the NBD server at ${name} ${what}: ${cause.message}.`, { cause }));
		});
		socket.on("close", () => end(new NbdError("CLOSED", `The NBD server at ${name} closed the connection.`)));
	});
