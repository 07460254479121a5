/**
 * Runs `work` in `count` copies at once until all have returned. When one throws, `stopped` turns true for the others,
 * and the first error is thrown once all have ended: nobody uses a buffer or a connection after this has settled.
 */
export const crew = async (
	count: number,
	signal: AbortSignal,
	work: (member: { stopped: () => boolean }) => Promise<void>,
): Promise<void> => {
	let failed = false;
	let first: unknown;
	const member = { stopped: () => failed || signal.aborted };
	await Promise.all(
		Array.from({ length: count }, () =>
			work(member).catch((error) => {
				if (!failed) first = error;
				failed = true;
			}),
		),
	);
	signal.throwIfAborted();
	if (failed) throw first;
};
