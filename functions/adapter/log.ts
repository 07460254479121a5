/** Writes one event. `fields` are plain values; errors go in as `error`. */
export type Log = (event: string, fields?: Record<string, unknown>) => void;

/** One JSON object a line, every line with `common`. */
export function jsonLog(write: (line: string) => void, now: () => Date, common: Record<string, unknown>): Log {
	return (event, fields = {}) => {
		const { error, ...rest } = fields;
		const row = { time: now().toISOString(), event, ...common, ...rest, ...(error !== undefined && describe(error)) };
		write(JSON.stringify(row));
	};
}

function describe(error: unknown): Record<string, unknown> {
	if (!(error instanceof Error)) return { error: String(error) };
	const cause = error.cause === undefined ? {} : { cause: String(error.cause) };
	return { error: error.message, stack: error.stack, ...cause };
}
