import { createHash, timingSafeEqual } from "node:crypto";
import { refuse } from "./errors.ts";

/** Who may use a namespace: the `uuid:key` pair of a subject. */
export type Identity = { namespace: string; subject: string; auth: string };

const digest = (text: string) => createHash("sha256").update(text).digest();

/** The identity of a `Basic` header, or undefined. Compares digests, so that time tells nothing about the key. */
export function identify(header: string | undefined, identities: readonly Identity[]): Identity | undefined {
	const encoded = /^Basic\s+(\S+)\s*$/i.exec(header ?? "")?.[1];
	if (encoded === undefined) return undefined;
	const given = digest(Buffer.from(encoded, "base64").toString("utf8"));
	return identities.find(({ auth }) => timingSafeEqual(given, digest(auth)));
}

/** The namespace of a path for this caller: `_` is the caller's own, any other one is 403. */
export function ownNamespace(identity: Identity, namespace: string): string {
	if (namespace === "_" || namespace === identity.namespace) return identity.namespace;
	throw refuse("forbiddenNamespace", namespace);
}
