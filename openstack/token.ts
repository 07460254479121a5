import type { Catalog } from "./catalog.ts";
import { OpenStackError } from "./error.ts";

export type Named = { id: string; name: string };
export type NamedInDomain = Named & { domain: Named };

/** What Keystone vouches for. */
export type ValidToken = {
	user: NamedInDomain;
	/** Undefined for a token without project scope. */
	project: NamedInDomain | undefined;
	roles: Named[];
	expiresAt: Date;
	issuedAt: Date;
	catalog: Catalog | undefined;
};

/** A valid token together with the secret that proves it. */
export type Token = ValidToken & { id: string };

/** Reads the `{token:{…}}` body that authentication and validation both answer. Throws `bad-answer` on anything else. */
export function readToken(body: unknown): ValidToken {
	const token = (body as { token?: Record<string, unknown> } | undefined)?.token;
	const user = token?.user as NamedInDomain | undefined;
	const expiresAt = new Date(String(token?.expires_at));
	if (token === undefined || typeof user?.id !== "string" || Number.isNaN(expiresAt.getTime())) {
		throw new OpenStackError({
			service: "identity",
			status: 200,
			kind: "bad-answer",
			message:
				"The identity service answered something that is not a token; check that the auth URL points at Keystone v3.",
		});
	}
	return {
		user,
		project: token.project as NamedInDomain | undefined,
		roles: (token.roles as Named[] | undefined) ?? [],
		expiresAt,
		issuedAt: new Date(String(token.issued_at)),
		catalog: token.catalog as Catalog | undefined,
	};
}
