/** A clock that stands still until a test moves it. */
export function ownedClock(start = "2026-11-24T00:00:00.000Z") {
	let ms = Date.parse(start);
	return {
		now: () => new Date(ms),
		advance: (byMs: number) => {
			ms += byMs;
		},
	};
}
