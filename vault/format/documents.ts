import { damaged } from "../errors.ts";
import type { Keyring } from "../keyring.ts";
import type { SnapshotRoot } from "../vault.ts";
import type { ObjectType } from "./constants.ts";
import { objectTypes } from "./constants.ts";
import { openObject, sealObject } from "./envelope.ts";

/** Objects whose body is JSON: small, few, and read by people when things go wrong. Fields in docs/format.md. */
export type RootDocument = {
	kind: "root";
	committedAt: string;
	/** Packs that hold the top pages, by page name: hints, like a page's own. */
	packs: Record<string, string>;
	root: SnapshotRoot;
};
export type EndedDocument = { kind: "ended"; endedAt: string };
export type SessionDocument = { kind: "session"; startedAt: string; purpose: "write" | "read" };
export type CondemnedDocument = {
	kind: "condemned";
	condemnedAt: string;
	packs: string[];
	/** What the collection that condemned them needs to be gone on with; readers of packs ignore it. */
	collection?: { deletedSeen?: string[]; endedSeen?: string[]; after?: string[]; waits?: string[] };
};
export type DeletedDocument = { kind: "deleted"; deletedAt: string; pages: string[] };
export type ConfigDocument = {
	kind: "config";
	createdAt: string;
	chunkBytes: number;
	compressionLevel: number;
	encrypt: boolean;
};
export type AnyDocument =
	| RootDocument
	| EndedDocument
	| SessionDocument
	| CondemnedDocument
	| DeletedDocument
	| ConfigDocument;

export function sealDocument(keyring: Keyring, key: string, document: AnyDocument): Buffer {
	return sealObject(keyring, objectTypes[document.kind], key, Buffer.from(JSON.stringify(document)));
}

export function openDocument<K extends AnyDocument["kind"]>(
	keyring: Keyring,
	kind: K,
	key: string,
	bytes: Uint8Array,
): Extract<AnyDocument, { kind: K }> {
	return parseDocument(kind, key, openObject(keyring, objectTypes[kind], key, bytes));
}

/** Parses a body that was authenticated already, so its shape is what this program or a later one wrote. */
export function parseDocument<K extends AnyDocument["kind"]>(kind: K, key: string, body: Buffer) {
	let document: { kind?: unknown };
	try {
		document = JSON.parse(body.toString("utf8"));
	} catch (error) {
		throw damaged(key, "does not hold JSON", error);
	}
	if (document.kind !== kind) throw damaged(key, `does not hold a document of kind ${kind}`);
	return document as Extract<AnyDocument, { kind: K }>;
}

/** The type byte of an object, before anything is checked: `roots/` holds two types. */
export const peekType = (bytes: Uint8Array) => bytes[8] as ObjectType | undefined;
