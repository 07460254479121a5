/** Counts things there are only so many of: sealing slots, pack buffers. First come, first served. */
export type Slots = { take(): Promise<number>; free(slot: number): void };

export function newSlots(count: number): Slots {
	const free = Array.from({ length: count }, (_, i) => count - 1 - i);
	const waiting: ((slot: number) => void)[] = [];
	return {
		take() {
			const slot = free.pop();
			return slot === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(slot);
		},
		free(slot) {
			const next = waiting.shift();
			if (next === undefined) free.push(slot);
			else next(slot);
		},
	};
}
