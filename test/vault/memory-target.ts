import { VaultError } from "#vault/errors.ts";
import type { Target } from "#vault/target.ts";

/** Objects in memory, for tests that need thousands of vaults. What was put stays, as if each put were durable. */
export function memoryTarget(): Target & { objects: Map<string, Buffer> } {
	const objects = new Map<string, Buffer>();
	const there = (key: string) => {
		const bytes = objects.get(key);
		if (bytes === undefined) throw new VaultError("NOT_FOUND", `There is no ${key} in memory.`, { object: key });
		return bytes;
	};
	return {
		objects,
		description: "memory",
		capabilities: { conditionalPut: true, atomicPut: true, listAfterWrite: true, objectLock: false },
		async put(key, body, options) {
			if (options?.ifAbsent === true && objects.has(key)) throw new VaultError("EXISTS", `${key} exists.`);
			objects.set(key, Buffer.concat(body));
		},
		async get(key, { range } = {}) {
			const bytes = there(key);
			if (range === undefined) return Buffer.from(bytes);
			if ("last" in range) return Buffer.from(bytes.subarray(Math.max(0, bytes.length - range.last)));
			return Buffer.from(bytes.subarray(range.offset, range.offset + range.length));
		},
		head: async (key) => ({ sizeBytes: there(key).length }),
		async *list(folder) {
			for (const key of [...objects.keys()].sort()) {
				const bytes = objects.get(key);
				if (key.startsWith(folder) && bytes !== undefined) yield { key, sizeBytes: bytes.length };
			}
		},
		async delete(key) {
			objects.delete(key);
		},
	};
}
