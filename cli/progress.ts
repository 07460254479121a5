import { durationText, sizeText } from "./output/size.ts";

/** Where progress goes: one line drawn again and again on a terminal, plain lines elsewhere. Always standard error. */
export type Progress = {
	show(line: string): void;
	/** Takes the drawn line away; what was said plainly stays. */
	end(): void;
};

/** Plain output is for logs: a line when something changed, not more often than this. */
const plainIntervalMs = 1_000;
const eraseLine = "\r\u001b[2K";

export const createProgress = (output: NodeJS.WriteStream, monotonicMs: () => number): Progress => {
	let drawn = false;
	let last = "";
	let lastAt = Number.NEGATIVE_INFINITY;
	const end = (): void => {
		if (drawn) output.write(eraseLine);
		drawn = false;
	};
	const show = (line: string): void => {
		if (line === last) return;
		if (output.isTTY) {
			end();
			// A line that wraps could not be taken back.
			output.write(line.slice(0, Math.max(20, (output.columns || 80) - 1)));
			drawn = true;
		} else {
			if (monotonicMs() - lastAt < plainIntervalMs) return;
			output.write(`${line}\n`);
			lastAt = monotonicMs();
		}
		last = line;
	};
	return { show, end };
};

/** What the API shows of a snapshot or restore under way. */
export type Underway = {
	id: string;
	status: string;
	progress_percent: number;
	progress_msg: string | null;
	error_msg: string | null;
	size: number;
	done_bytes?: number;
	uploaded_size: number;
};

/** The rate is that of this last stretch: what is past says little about what is left. */
const windowMs = 20_000;

/** Makes progress lines of states: `42 %, 1.20 GiB of 2.86 GiB, 85.3 MiB/s, 0:20 left, 312 MiB stored`. */
export const createMeter = (what: string, monotonicMs: () => number): ((state: Underway) => string) => {
	const samples: { at: number; bytes: number }[] = [];
	return (state) => {
		const { status, progress_percent: percent, size } = state;
		const bytes = state.done_bytes ?? (size * percent) / 100;
		const at = monotonicMs();
		samples.push({ at, bytes });
		while (samples.length > 2 && at - (samples[0]?.at ?? at) > windowMs) samples.shift();
		const parts = [`${what}: ${status} ${percent} %`];
		if (size > 0 && bytes < size) parts.push(`${sizeText(bytes)} of ${sizeText(size)}`);
		const first = samples[0] as (typeof samples)[number];
		const perSecond = (1000 * (bytes - first.bytes)) / (at - first.at);
		if (perSecond > 0 && bytes < size) {
			parts.push(`${sizeText(Math.round(perSecond))}/s`, `${durationText((size - bytes) / perSecond)} left`);
		}
		return parts.join(", ");
	};
};
