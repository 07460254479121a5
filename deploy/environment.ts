import type { Input } from "./manifest.ts";

export type Environment = Record<string, string | undefined>;

const reference = /\$(?:\{(\w+)\}|(\w+))/g;

/**
 * Puts values in place of `$NAME` and `${NAME}`. Missing names are collected, so that one error can name them all; an input
 * that is not required is left out when its value is not there. Values never appear in an error or a log.
 */
export function createResolver(env: Environment) {
	const missing = new Set<string>();

	function resolveText(text: string): { text: string; absent: string[] } {
		const absent: string[] = [];
		const resolved = text.replaceAll(reference, (_match, braced?: string, plain?: string) => {
			const name = (braced ?? plain) as string;
			const value = env[name];
			if (value === undefined || value === "") absent.push(name);
			return value ?? "";
		});
		return { text: resolved, absent };
	}

	return {
		/** The value with every `$NAME` in place; a missing one is remembered. */
		required(value: unknown): unknown {
			if (typeof value !== "string") return value;
			const { text, absent } = resolveText(value);
			for (const name of absent) missing.add(name);
			return text;
		},
		/** Inputs by name; optional ones whose value is missing are left out. */
		inputs(inputs: Record<string, Input>): Record<string, unknown> {
			const resolved: Record<string, unknown> = {};
			for (const [name, { value, required }] of Object.entries(inputs)) {
				const optional = !required && typeof value === "string";
				if (optional && resolveText(value).absent.length > 0) continue;
				resolved[name] = this.required(value);
			}
			return resolved;
		},
		/** Throws one sentence that names everything that is missing. */
		check() {
			if (missing.size === 0) return;
			throw new Error(
				`The deployment needs ${[...missing].join(", ")} in its environment; set ${missing.size === 1 ? "it" : "them"} and deploy again.`,
			);
		},
	};
}
