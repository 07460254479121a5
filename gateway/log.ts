/** Takes one event as plain values. No tokens, bodies or query strings go in: they may be secret. */
export type Log = (event: string, fields: Record<string, unknown>) => void;

/** One JSON object a line. */
export const jsonLog =
	(write: (line: string) => void, now: () => Date): Log =>
	(event, fields) =>
		write(`${JSON.stringify({ time: now().toISOString(), event, ...fields })}\n`);
