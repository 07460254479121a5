/** Why work stopped that somebody interrupted, and what the process then exits with (128 and the signal's number). */
export class Interrupted extends Error {
	override readonly name = "Interrupted";
	readonly exitCode: number;
	constructor(signal: keyof typeof exitCodes) {
		super("Interrupted; everything that had been started was stopped.");
		this.exitCode = exitCodes[signal];
	}
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Is aborted, with an `Interrupted` as its reason, by the first Ctrl-C or SIGTERM from now on. A second one ends the
 * process at once: whoever asks twice does not want to wait for an orderly end.
 */
export const watchInterrupts = (): AbortSignal => {
	const controller = new AbortController();
	for (const signal of ["SIGINT", "SIGTERM"] as const) {
		process.once(signal, () => controller.abort(new Interrupted(signal)));
	}
	return controller.signal;
};

/** Rejects with the signal's reason when it is aborted, never otherwise. */
export const interruption = (signal: AbortSignal): Promise<never> => {
	const rejection = new Promise<never>((_, reject) => {
		if (signal.aborted) reject(signal.reason);
		else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
	});
	rejection.catch(() => {}); // nobody may be waiting any more
	return rejection;
};
