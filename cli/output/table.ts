import CliTable from "cli-table3";

/** The `+---+` frame of OpenStack's clients. */
const chars = {
	...{ top: "-", "top-mid": "+", "top-left": "+", "top-right": "+" },
	...{ bottom: "-", "bottom-mid": "+", "bottom-left": "+", "bottom-right": "+" },
	...{ left: "|", "left-mid": "+", mid: "-", "mid-mid": "+", right: "|", "right-mid": "+", middle: "|" },
};

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
	const drawn = new CliTable({ head: [...head], chars, style: { head: [], border: [], compact: true } });
	drawn.push(...rows.map((row) => [...row]));
	return `${drawn.toString()}\n`;
};
