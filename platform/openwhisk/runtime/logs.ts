import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** The proxy prints this line on both streams when the output of one activation is complete. */
export const sentinel = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX";

/** As much as any limit allows (10 MB, and what its line break and time add): an action that floods does not fill us. */
const heldBytes = 11 * 1024 * 1024;
/** A longer line is cut into several. */
const lineChars = 1024 * 1024;

type StreamName = "stdout" | "stderr";

export type LogCollector = {
	/**
	 * The lines printed since the last call, once both streams have shown the sentinel, or after `graceMs` with a line
	 * that says so (a process that died prints none). Lines beyond `limitBytes` are dropped, also with a line.
	 */
	take(limitBytes: number, graceMs: number): Promise<string[]>;
};

/** Splits the two streams of a container into log lines of the form `2026-01-01T00:00:00.000Z       stdout: text`. */
export function collectLogs(streams: Record<StreamName, Readable>, now: () => Date): LogCollector {
	let lines: string[] = [];
	const ended: Record<StreamName, boolean> = { stdout: false, stderr: false };
	const closed: Record<StreamName, boolean> = { stdout: false, stderr: false };
	let held = 0;
	let wake = () => {};

	const add = (name: StreamName, text: string) => {
		if (held > heldBytes) return;
		const entry = `${now().toISOString().padEnd(30)} ${name}: ${text}`;
		lines.push(entry);
		held += Buffer.byteLength(entry);
	};
	const line = (name: StreamName, text: string) => {
		if (!text.endsWith(sentinel)) return void add(name, text);
		// Output without a final newline shares its line with the sentinel.
		if (text.length > sentinel.length) add(name, text.slice(0, -sentinel.length));
		ended[name] = true;
		wake();
	};

	for (const name of ["stdout", "stderr"] as const) {
		const decoder = new StringDecoder("utf8");
		let rest = "";
		streams[name].on("data", (chunk: Buffer) => {
			const parts = (rest + decoder.write(chunk)).split("\n");
			rest = parts.pop() ?? "";
			for (const part of parts) line(name, part);
			if (rest.length > lineChars) {
				// The end of it may be the beginning of a sentinel.
				add(name, rest.slice(0, -sentinel.length));
				rest = rest.slice(-sentinel.length);
			}
		});
		streams[name].on("close", () => {
			if (rest !== "") line(name, rest);
			rest = "";
			closed[name] = true;
			wake();
		});
	}

	const complete = () => (ended.stdout || closed.stdout) && (ended.stderr || closed.stderr);

	return {
		async take(limitBytes, graceMs) {
			if (!complete())
				await new Promise<void>((resolve) => {
					const timer = setTimeout(resolve, graceMs);
					wake = () => {
						if (!complete()) return;
						clearTimeout(timer);
						resolve();
					};
				});
			wake = () => {};
			const whole = ended.stdout && ended.stderr;
			const taken = truncate(lines, limitBytes);
			if (!whole)
				taken.push(
					`${now().toISOString().padEnd(30)} stderr: There was an issue while collecting your logs. Data might be missing.`,
				);
			lines = [];
			held = 0;
			ended.stdout = ended.stderr = false;
			return taken;
		},
	};
}

function truncate(lines: string[], limitBytes: number): string[] {
	let bytes = 0;
	const end = lines.findIndex((text) => {
		bytes += Buffer.byteLength(text);
		return bytes > limitBytes;
	});
	if (end === -1) return lines;
	return [
		...lines.slice(0, end),
		`Logs were truncated because the total bytes size exceeds the limit of ${limitBytes} bytes.`,
	];
}
