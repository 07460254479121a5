import type { CommandStartedEvent, MongoClient } from "mongodb";

/** One command as the driver sent it. */
export type Sent = {
	command: string;
	collection: string;
	filter: Record<string, unknown>;
	sort: Record<string, number>;
	update?: unknown;
	pipeline?: unknown[];
};

/** Writes down what the driver sends from now on. The client must have been made with `monitorCommands`. */
export function watchCommands(client: MongoClient): Sent[] {
	const sent: Sent[] = [];
	client.on("commandStarted", ({ commandName, command }: CommandStartedEvent) => {
		const add = (filter: unknown, more: Partial<Sent> = {}) =>
			sent.push({
				command: commandName,
				collection: command[commandName] as string,
				filter: (filter ?? {}) as Record<string, unknown>,
				sort: {},
				...more,
			});
		if (commandName === "find") add(command.filter, { sort: plain(command.sort) });
		if (commandName === "findAndModify") add(command.query, { sort: plain(command.sort), update: command.update });
		if (commandName === "update") for (const { q, u } of command.updates) add(q, { update: u });
		if (commandName === "delete") for (const { q } of command.deletes) add(q);
		if (commandName === "aggregate") add(command.pipeline[0]?.$match, { pipeline: command.pipeline });
	});
	return sent;
}

const plain = (sort: unknown): Record<string, number> =>
	sort instanceof Map ? Object.fromEntries(sort) : { ...((sort as Record<string, number>) ?? {}) };

const isEquality = (condition: unknown): boolean =>
	typeof condition !== "object" ||
	condition === null ||
	condition instanceof Date ||
	!Object.keys(condition).some((key) => key.startsWith("$")) ||
	"$in" in condition;

/**
 * Whether an index finds the rows without reading the others, in the order that is asked for: equalities on its first
 * keys, then the sort (all the same way or all reversed), or a range. `$in` counts as equality: MongoDB merges.
 */
export function isServedBy(
	index: Readonly<Record<string, unknown>>,
	{ filter, sort }: Pick<Sent, "filter" | "sort">,
): boolean {
	const keys = Object.keys(index);
	let at = 0;
	while (at < keys.length && isEquality(filter[keys[at] as string]) && (keys[at] as string) in filter) at++;
	const wanted = Object.entries(sort).filter(([key]) => !(key in filter && isEquality(filter[key])));
	const directions = wanted.map(([key, direction], i) => (keys[at + i] === key ? direction * Number(index[key]) : 0));
	if (wanted.length > 0) return directions.every((one) => one === directions[0] && one !== 0);
	const next = keys[at];
	return at > 0 || (next !== undefined && next in filter);
}
