import { randomBytes } from "node:crypto";
import { isVaultError } from "../errors.ts";
import { type CondemnedDocument, openDocument, sealDocument } from "../format/documents.ts";
import { folders } from "../format/names.ts";
import type { CollectPlace } from "./place.ts";

/**
 * One collection as it stands on the target, in up to four objects of `condemned/`, put in this order, so that any
 * process can go on with it after any crash:
 * `<id>` what is condemned, and what was there when it was marked; `<id>-waits` the sessions to wait for, listed after
 * `<id>` was durable; `<id>-kept` the same packs without the rescued ones, where there are any (then `<id>` goes);
 * `<id>-done` when nothing of the packs is left.
 */
export type Group = {
	id: string;
	/** Ids of packs that no new snapshot may rely on. */
	packs: string[];
	startedAt: Date;
	/** Tombstones and end marks that were there when it was marked. */
	deletedSeen: string[];
	endedSeen: string[];
	/** Collections that were done when it started. */
	after: string[];
	/** Undefined until they have been listed. */
	waits: string[] | undefined;
	done: boolean;
	/** The objects that make it up. */
	keys: string[];
};

const parts = ["-waits", "-kept", "-done"] as const;
const keyOf = (id: string, part: "" | (typeof parts)[number] = "") => `${folders.condemned}${id}${part}`;

/** Collections in the order of their ids. Objects of an unknown shape (older programs) are groups that are done. */
export async function readGroups({ target, keyring }: CollectPlace): Promise<Group[]> {
	const documents = new Map<string, Map<string, CondemnedDocument>>();
	for await (const { key } of target.list(folders.condemned)) {
		let bytes: Uint8Array;
		try {
			bytes = await target.get(key);
		} catch (error) {
			if (isVaultError(error, "NOT_FOUND")) continue; // Expired or replaced by another collection meanwhile.
			throw error;
		}
		const name = key.slice(folders.condemned.length);
		const part = parts.find((one) => name.endsWith(one)) ?? "";
		const id = name.slice(0, name.length - part.length);
		const group = documents.get(id) ?? new Map();
		documents.set(id, group.set(part, openDocument(keyring, "condemned", key, bytes)));
	}
	return [...documents].map(([id, group]) => groupOf(id, group));
}

function groupOf(id: string, documents: Map<string, CondemnedDocument>): Group {
	const main = documents.get("-kept") ?? documents.get("");
	const about = main?.collection;
	return {
		id,
		packs: [...new Set([...documents.values()].flatMap(({ packs }) => packs))],
		startedAt: new Date(main?.condemnedAt ?? documents.values().next().value?.condemnedAt ?? 0),
		deletedSeen: about?.deletedSeen ?? [],
		endedSeen: about?.endedSeen ?? [],
		after: about?.after ?? [],
		waits: documents.get("-waits")?.collection?.waits,
		// Without the main object there is nothing left to sweep; one of an older program says nothing to go on with.
		done: documents.has("-done") || about === undefined,
		keys: [...documents.keys()].map((part) => keyOf(id, part as "")),
	};
}

type Start = Pick<Group, "packs" | "deletedSeen" | "endedSeen" | "after">;

/** Durably condemns packs: from now on no writer that starts relies on them. */
export async function condemn(place: CollectPlace, start: Start): Promise<Group> {
	const id = randomBytes(8).toString("hex");
	const { packs, ...about } = start;
	const at = place.now();
	await put(place, keyOf(id), { packs, collection: about }, at);
	return { id, ...start, startedAt: at, waits: undefined, done: false, keys: [keyOf(id)] };
}

/** Writes down whom to wait for. `alive` must have been listed after `condemn` resolved. */
export async function keepWaits(place: CollectPlace, group: Group, alive: string[]): Promise<Group> {
	await put(place, keyOf(group.id, "-waits"), { packs: [], collection: { waits: alive } }, place.now());
	return { ...group, waits: alive, keys: [...group.keys, keyOf(group.id, "-waits")] };
}

/** Takes rescued packs off the list: new snapshots may rely on them again. */
export async function rescue(place: CollectPlace, group: Group, rescued: ReadonlySet<string>): Promise<Group> {
	const packs = group.packs.filter((id) => !rescued.has(id));
	const { deletedSeen, endedSeen, after } = group;
	await put(place, keyOf(group.id, "-kept"), { packs, collection: { deletedSeen, endedSeen, after } }, group.startedAt);
	await place.target.delete(keyOf(group.id));
	const keys = [...group.keys.filter((key) => key !== keyOf(group.id)), keyOf(group.id, "-kept")];
	return { ...group, packs, keys };
}

export async function finish(place: CollectPlace, group: Group): Promise<void> {
	await put(place, keyOf(group.id, "-done"), { packs: [], collection: {} }, place.now());
}

async function put(
	{ target, keyring }: CollectPlace,
	key: string,
	content: Pick<CondemnedDocument, "packs" | "collection">,
	at: Date,
): Promise<void> {
	const document: CondemnedDocument = { kind: "condemned", condemnedAt: at.toISOString(), ...content };
	try {
		await target.put(key, [sealDocument(keyring, key, document)], { ifAbsent: true });
	} catch (error) {
		// Another process goes on with the same collection, or the reply of an earlier try was lost.
		if (!isVaultError(error, "EXISTS")) throw error;
	}
}
