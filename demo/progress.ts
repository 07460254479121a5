/** Where progress goes: one line that is drawn again on a terminal, a plain line each second or so elsewhere. */
export type Progress = {
	/** What is happening now; replaces the line before it. */
	show(line: string): void;
	/** A line that stays. */
	say(line: string): void;
};

/** Plain output is for logs: a line when something changed, but not for every poll. */
const plainIntervalMs = 2000;
/** For a terminal that does not say how wide it is. */
const usualColumns = 80;
const eraseLine = "\r\u001b[2K";

export const createProgress = (output: NodeJS.WriteStream, now: () => number = () => performance.now()): Progress => {
	let drawn = false;
	let last = "";
	let lastAt = Number.NEGATIVE_INFINITY;
	const erase = (): void => {
		if (drawn) output.write(eraseLine);
		drawn = false;
	};
	return {
		show: (line) => {
			if (line === last) return;
			if (output.isTTY) {
				erase();
				output.write(line.slice(0, (output.columns || usualColumns) - 1));
				drawn = true;
			} else if (now() - lastAt >= plainIntervalMs) {
				output.write(`${line}\n`);
				lastAt = now();
			} else return;
			last = line;
		},
		say: (line) => {
			erase();
			output.write(`${line}\n`);
		},
	};
};

const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** 1234567 → "1.18 MiB". */
export const bytes = (count: number): string => {
	let value = count;
	let unit = 0;
	while (value >= 1024 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return `${unit === 0 ? value : value.toPrecision(value >= 1000 ? 4 : 3)} ${units[unit]}`;
};
