import { createHash } from "node:crypto";
import { validateToken } from "#openstack/keystone.ts";
import type { ValidToken } from "#openstack/token.ts";
import { Fault } from "#schemas/fault.ts";
import type { Context } from "./context.ts";

/** Who is calling, as Keystone vouches for it. */
export type Identity = {
	token: string;
	userId: string;
	/** undefined for a token without project scope. */
	projectId: string | undefined;
	roles: ReadonlySet<string>;
	isAdmin: boolean;
};

/** What a route asks of its caller. */
export const accesses = ["read", "write", "agent", "operator"] as const;
export type Access = (typeof accesses)[number];

/** Any of these roles is enough. A reader may look; nobody changes anything without being a member. */
const rolesFor: Record<Access, readonly string[]> = {
	read: ["reader", "member", "admin"],
	write: ["member", "admin"],
	agent: ["service"],
	operator: ["admin", "service"],
};

/** A revoked token works for at most this long here. */
const cacheMs = 60_000;
const mostCached = 1_000;

type Cached = { answer: ValidToken; untilMs: number };

/** Of the warm container. Tokens themselves are not kept in memory, only their hashes. */
const cache = new Map<string, Cached>();

/** Forgets every token; for tests. */
export function forgetTokens(): void {
	cache.clear();
}

/** Asks Keystone (or what it said less than a minute ago) who sent the request. Throws `Fault` UNAUTHORIZED. */
export async function identify(request: Request, context: Context): Promise<Identity> {
	const token = request.headers.get("x-auth-token");
	if (!token) throw new Fault("UNAUTHORIZED");
	const valid = await check(token, context);
	if (valid === undefined) throw new Fault("UNAUTHORIZED");
	const roles = new Set(valid.roles.map((role) => role.name.toLowerCase()));
	return { token, userId: valid.user.id, projectId: valid.project?.id, roles, isAdmin: roles.has("admin") };
}

async function check(token: string, context: Context): Promise<ValidToken | undefined> {
	// Another Keystone, another truth: the hash covers both.
	const key = createHash("sha256").update(`${context.settings.OS_AUTH_URL}\n${token}`).digest("hex");
	const nowMs = context.now().getTime();
	const known = cache.get(key);
	if (known && nowMs < known.untilMs) return known.answer;
	cache.delete(key);
	// Not kept: a token may be made a moment after somebody guessed it.
	const answer = await validateToken(context.service(), token, { signal: context.signal });
	if (answer === undefined || answer.expiresAt.getTime() <= nowMs) return undefined;
	if (cache.size >= mostCached) cache.delete(cache.keys().next().value as string);
	cache.set(key, { answer, untilMs: Math.min(nowMs + cacheMs, answer.expiresAt.getTime()) });
	return answer;
}

/** Throws `Fault` FORBIDDEN, with T4O's text that names the policy rule. */
export function mustHave(identity: Identity, access: Access, rule: string): void {
	if (!rolesFor[access].some((role) => identity.roles.has(role))) throw new Fault("FORBIDDEN", { rule });
}

/** Another project's paths do not exist for anybody but an admin. Throws `Fault` NOT_FOUND. */
export function mustBeIn(identity: Identity, projectId: string): void {
	if (identity.projectId !== projectId && !identity.isAdmin)
		throw new Fault("NOT_FOUND", { kind: "project", id: projectId });
}
