import { VaultError } from "../errors.ts";
import type { Target } from "../target.ts";

export type TargetCall = {
	verb: "put" | "get" | "head" | "list" | "delete";
	key: string;
	/** How many calls came before this one. */
	number: number;
};

/**
 * What goes wrong with a call: thrown instead of it (`before`), thrown although it was done (`after`: a lost reply),
 * or done to the bytes of a get (`spoil`). Undefined lets it pass.
 */
export type Fault = { before: Error } | { after: Error } | { spoil: (bytes: Uint8Array) => Uint8Array } | undefined;

/** A target whose calls fail as told. For tests and for drills on a real target. */
export function faultyTarget(inner: Target, fault: (call: TargetCall) => Fault | Promise<Fault>): Target {
	let calls = 0;

	async function pass<T>(verb: TargetCall["verb"], key: string, work: () => Promise<T>): Promise<T> {
		const wrong = await fault({ verb, key, number: calls++ });
		if (wrong === undefined) return work();
		if ("before" in wrong) throw wrong.before;
		const result = await work();
		if ("after" in wrong) throw wrong.after;
		return result instanceof Uint8Array ? (wrong.spoil(result) as T) : result;
	}

	return {
		description: inner.description,
		capabilities: inner.capabilities,
		put: (key, body, options) => pass("put", key, () => inner.put(key, body, options)),
		get: (key, options) => pass("get", key, () => inner.get(key, options)),
		head: (key) => pass("head", key, () => inner.head(key)),
		delete: (key) => pass("delete", key, () => inner.delete(key)),
		async *list(folder) {
			await pass("list", folder, async () => {});
			yield* inner.list(folder);
		},
	};
}

export function targetDown(): VaultError {
	return new VaultError("TARGET_UNREACHABLE", "The target went away (a fault that was asked for).");
}
