import type { Socket } from "node:net";

/** What a client sends, taken in exact amounts. One taker at a time. */
export type Incoming = {
	/** Exactly `count` bytes; undefined when the client has gone before they were all there. */
	take(count: number): Promise<Buffer | undefined>;
	/** Throws `count` bytes away without keeping them. False when the client has gone. */
	skip(count: number): Promise<boolean>;
};

const skipBytes = 64 * 1024;

/** Reads only what is asked for, so a client that sends more than we take is held back by its own socket. */
export const incomingOf = (socket: Socket): Incoming => {
	let wake: (() => void) | undefined;
	let over = false;
	const stir = (): void => wake?.();
	socket.on("readable", stir);
	for (const event of ["end", "close", "error"] as const) {
		socket.on(event, () => {
			over = true;
			stir();
		});
	}
	const take = async (count: number): Promise<Buffer | undefined> => {
		if (count === 0) return Buffer.alloc(0);
		for (;;) {
			const bytes = socket.read(count) as Buffer | null;
			// At its end a stream gives what is left, however little that is.
			if (bytes !== null) return bytes.length === count ? bytes : undefined;
			if (over) return undefined;
			await new Promise<void>((resolve) => {
				wake = resolve;
			});
			wake = undefined;
		}
	};
	return {
		take,
		async skip(count) {
			for (let left = count; left > 0; left -= skipBytes) {
				if ((await take(Math.min(left, skipBytes))) === undefined) return false;
			}
			return true;
		},
	};
};
