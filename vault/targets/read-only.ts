import { VaultError } from "../errors.ts";
import type { Target } from "../target.ts";

/** A target that refuses every change: for exports, verification and drills that must not touch anything. */
export function readOnlyTarget(inner: Target): Target {
	const refuse = async (key: string): Promise<never> => {
		throw new VaultError("TARGET_READ_ONLY", `The ${inner.description} was opened for reading only.`, { object: key });
	};
	return { ...inner, put: refuse, delete: refuse };
}
