import { createHash } from "node:crypto";
import { isOpenStackError } from "#openstack/error.ts";
import { validateToken } from "#openstack/keystone.ts";
import type { Session } from "#openstack/session.ts";
import type { ValidToken } from "#openstack/token.ts";
import { Fault } from "#schemas/fault.ts";

/** A revoked token passes for at most this long; the function asks again anyway. */
export const tokenCacheMs = 60_000;
const mostCached = 10_000;
/** A caller waits for this check before anything else happens. */
const checkTimeoutMs = 10_000;
/** Keystone's own limit; a longer header is no token. */
const longestToken = 8_192;

export type TokenCheck = (token: string | undefined) => Promise<ValidToken>;

/**
 * Asks Keystone who somebody is, and remembers a good answer by the token's hash for up to 60 s and never past the
 * token's end. Many requests with one token share one question. Throws `Fault` UNAUTHORIZED or CLOUD_UNAVAILABLE.
 */
export const createTokenCheck = (session: Session, now: () => Date): TokenCheck => {
	const known = new Map<string, { valid: ValidToken; untilMs: number }>();
	const asking = new Map<string, Promise<ValidToken>>();

	const ask = async (hash: string, token: string): Promise<ValidToken> => {
		const valid = await askKeystone(session, token);
		const nowMs = now().getTime();
		const endsMs = valid?.expiresAt.getTime() ?? 0;
		if (valid === undefined || endsMs <= nowMs) throw new Fault("UNAUTHORIZED");
		if (known.size >= mostCached) known.delete(known.keys().next().value as string);
		known.set(hash, { valid, untilMs: Math.min(nowMs + tokenCacheMs, endsMs) });
		return valid;
	};

	return async (token) => {
		if (token === undefined || token === "" || token.length > longestToken) throw new Fault("UNAUTHORIZED");
		const hash = createHash("sha256").update(token).digest("base64");
		const remembered = known.get(hash);
		if (remembered !== undefined && now().getTime() < remembered.untilMs) return remembered.valid;
		known.delete(hash);
		let answer = asking.get(hash);
		if (answer === undefined) {
			answer = ask(hash, token).finally(() => asking.delete(hash));
			asking.set(hash, answer);
		}
		return answer;
	};
};

const askKeystone = async (session: Session, token: string): Promise<ValidToken | undefined> => {
	try {
		return await validateToken(session, token, { signal: AbortSignal.timeout(checkTimeoutMs) });
	} catch (error) {
		if (!isOpenStackError(error)) throw error;
		// Our own identity was refused, or there is no answer: not the caller's fault.
		throw new Fault("CLOUD_UNAVAILABLE", { service: "Keystone", reason: error.kind }, { cause: error });
	}
};
