import { createHash, timingSafeEqual } from "node:crypto";
import { refuse } from "./errors.ts";

/** Who may use a namespace: the `uuid:key` pair of a subject. */
export type Identity = { namespace: string; subject: string; auth: string };

const digest = (text: string) => createHash("sha256").update(text).digest();

/** Compares digests, so that the time it takes tells nothing about the secret. */
export const equalSecrets = (given: string, secret: string): boolean => timingSafeEqual(digest(given), digest(secret));

/** The identity of a `Basic` header, or undefined. */
export function identify(header: string | undefined, identities: readonly Identity[]): Identity | undefined {
	const encoded = /^Basic\s+(\S+)\s*$/i.exec(header ?? "")?.[1];
	if (encoded === undefined) return undefined;
	const given = Buffer.from(encoded, "base64").toString("utf8");
	return identities.find(({ auth }) => equalSecrets(given, auth));
}

/** The namespace of a path for this caller: `_` is the caller's own, any other one is 403. */
export function ownNamespace(identity: Identity, namespace: string): string {
	if (namespace === "_" || namespace === identity.namespace) return identity.namespace;
	throw refuse("forbiddenNamespace", namespace);
}
