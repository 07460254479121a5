/** A configuration that cannot be used. The message is one sentence that names the option and what it should be. */
export class BadOption extends Error {
	override readonly name = "BadOption";
}

type Bounds = { least: number; most: number; otherwise: number };

/** Reads options out of parsed YAML one by one, each with its own sentence; `rest` finds those nobody asked for. */
export const readOptions = (source: unknown, where: string) => {
	if (typeof source !== "object" || source === null || Array.isArray(source)) {
		throw new BadOption(`${where || "The configuration"} must be a list of "name: value" lines.`);
	}
	const values = source as Record<string, unknown>;
	const asked = new Set<string>();
	const take = (name: string): unknown => {
		asked.add(name);
		return values[name] ?? undefined;
	};
	const name = (option: string) => (where === "" ? option : `${where}.${option}`);
	return {
		take,
		name,
		text(option: string): string | undefined {
			const value = take(option);
			if (value === undefined || (typeof value === "string" && value !== "")) return value;
			throw new BadOption(`${name(option)} must be a text that is not empty, not ${JSON.stringify(value)}.`);
		},
		path(option: string): string | undefined {
			const value = take(option);
			if (value === undefined) return undefined;
			if (typeof value === "string" && value.startsWith("/")) return value.replace(/(.)\/+$/, "$1");
			throw new BadOption(`${name(option)} must be a path that starts with /, not ${JSON.stringify(value)}.`);
		},
		integer(option: string, { least, most, otherwise }: Bounds): number {
			const value = take(option) ?? otherwise;
			if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
			throw new BadOption(
				`${name(option)} must be a whole number from ${least} to ${most}, not ${JSON.stringify(value)}.`,
			);
		},
		flag(option: string, otherwise: boolean): boolean {
			const value = take(option) ?? otherwise;
			if (typeof value === "boolean") return value;
			throw new BadOption(`${name(option)} must be true or false, not ${JSON.stringify(value)}.`);
		},
		/** Throws when there are options that were not read. */
		rest(): void {
			const unknown = Object.keys(values).find((option) => !asked.has(option));
			if (unknown === undefined) return;
			throw new BadOption(`${name(unknown)} is not an option; there are: ${[...asked].sort().join(", ")}.`);
		},
	};
};

export type OptionReader = ReturnType<typeof readOptions>;
