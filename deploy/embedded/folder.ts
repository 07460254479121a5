import { chmodSync, mkdirSync, readdirSync } from "node:fs";

/** Everything that the stack (stack.ts) and the demo (its `images`) keep in a data folder. */
const ours: ReadonlySet<string> = new Set([
	...["agent", "agent.yaml", "cloud", "images", "log", "secrets", "store", "target"],
]);

/**
 * Makes the data folder, or takes one that holds nothing but what an earlier run kept there, and shuts it to other
 * users: keys are in it. Throws a sentence for a folder with anything else in it, because the demo empties its folder.
 */
export const openDataFolder = (folder: string): void => {
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	const foreign = readdirSync(folder).find((name) => !ours.has(name));
	if (foreign !== undefined) {
		throw new Error(`${folder} holds ${foreign}, which Holdfast did not make: give --data a folder of its own.`);
	}
	chmodSync(folder, 0o700);
};
