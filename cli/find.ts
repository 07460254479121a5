import type { Client } from "./client.ts";
import { exitCodes, Failure } from "./failure.ts";

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export const isUuid = (text: string): boolean => uuid.test(text);

export type Named = { id: string; name: string };

/** The one of `rows` that `wanted` names. Throws a sentence when there is none, or more than one of that name. */
export const pickOne = <T extends Named>(rows: readonly T[], kind: string, wanted: string): T => {
	const byId = rows.find(({ id }) => id === wanted);
	if (byId) return byId;
	const named = rows.filter(({ name }) => name === wanted);
	const [only] = named;
	if (only === undefined) throw new Failure(`No ${kind} with a name or ID of '${wanted}' exists.`, exitCodes.notFound);
	if (named.length === 1) return only;
	throw new Failure(
		`${named.length} ${kind}s are named '${wanted}': ${named.map(({ id }) => id).join(", ")}. Use an id.`,
	);
};

/** The id of the workload, snapshot or restore that a user named. An id is believed; a name is looked up. */
export const findId = async (
	client: Client,
	kind: "workload" | "snapshot" | "restore",
	wanted: string,
): Promise<string> => {
	if (isUuid(wanted)) return wanted;
	return pickOne(await client.list<Named>(`/${kind}s`, `${kind}s`), kind, wanted).id;
};
