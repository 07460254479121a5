/** Lets `count` holders in at a time; the others wait in line. */
export type Slots = {
	take(): Promise<void>;
	free(): void;
};

export const newSlots = (count: number): Slots => {
	let left = count;
	const line: (() => void)[] = [];
	return {
		take() {
			if (left > 0) {
				left--;
				return Promise.resolve();
			}
			return new Promise((resolve) => line.push(resolve));
		},
		free() {
			const next = line.shift();
			if (next) next();
			else left++;
		},
	};
};
