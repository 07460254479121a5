/** One line for the operator. Fields hold ids and numbers, never secrets. */
export type Log = (message: string, fields?: Record<string, unknown>) => void;

export const logFormats = ["plain", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

/** `plain`: time, message, `name=value` pairs. `json`: one object a line. */
export const newLog =
	(format: LogFormat, { write, now }: { write: (line: string) => void; now: () => Date }): Log =>
	(message, fields = {}) => {
		const time = now().toISOString();
		if (format === "json") return write(`${JSON.stringify({ time, message, ...fields })}\n`);
		const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
		write(`${time} ${message}${pairs.join("")}\n`);
	};
