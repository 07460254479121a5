import type { Target } from "../target.ts";

export const targetVerbs = ["put", "get", "head", "list", "delete"] as const;
export type TargetVerb = (typeof targetVerbs)[number];

/** What went on at a target since it was wrapped. Plain numbers: whoever exports metrics reads them. */
export type TargetFigures = Record<TargetVerb, { calls: number; failures: number; bytes: number; ms: number }>;

/** A target that counts its calls, failures, bytes and milliseconds, by verb. `nowMs` is a monotonic clock. */
export function meteredTarget(inner: Target, nowMs: () => number): Target & { readonly figures: TargetFigures } {
	const figures = Object.fromEntries(
		targetVerbs.map((verb) => [verb, { calls: 0, failures: 0, bytes: 0, ms: 0 }]),
	) as TargetFigures;

	async function count<T>(verb: TargetVerb, work: () => Promise<T>, bytesOf: (result: T) => number): Promise<T> {
		const startMs = nowMs();
		const figure = figures[verb];
		figure.calls++;
		try {
			const result = await work();
			figure.bytes += bytesOf(result);
			return result;
		} catch (error) {
			figure.failures++;
			throw error;
		} finally {
			figure.ms += nowMs() - startMs;
		}
	}

	return {
		description: inner.description,
		capabilities: inner.capabilities,
		figures,
		put: (key, body, options) =>
			count(
				"put",
				() => inner.put(key, body, options),
				() => body.reduce((sum, { length }) => sum + length, 0),
			),
		get: (key, options) =>
			count(
				"get",
				() => inner.get(key, options),
				({ length }) => length,
			),
		head: (key) =>
			count(
				"head",
				() => inner.head(key),
				() => 0,
			),
		delete: (key) =>
			count(
				"delete",
				() => inner.delete(key),
				() => 0,
			),
		async *list(folder) {
			const startMs = nowMs();
			figures.list.calls++;
			try {
				yield* inner.list(folder);
			} catch (error) {
				figures.list.failures++;
				throw error;
			} finally {
				figures.list.ms += nowMs() - startMs;
			}
		},
	};
}
