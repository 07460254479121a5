export type DomainRef = { id: string } | { name: string };
export type ProjectRef = { id: string } | { name: string; domain: DomainRef };
export type UserRef = { id: string } | { name: string; domain: DomainRef };

/** Name and password; without `project` the token is unscoped. */
export type PasswordAuth = { method: "password"; user: UserRef; password: string; project?: ProjectRef };

/** A token somebody already has. Without `project` it is used as it is; with one a new token is asked for that project. */
export type TokenAuth = { method: "token"; token: string; project?: ProjectRef };

/** An application credential is bound to its project: it takes no scope. */
export type ApplicationCredentialAuth = { method: "application_credential"; secret: string } & (
	| { id: string }
	| { name: string; user: UserRef }
);

export type Auth = PasswordAuth | TokenAuth | ApplicationCredentialAuth;

/** The body of `POST /v3/auth/tokens` (Identity API v3, "Authentication and token management"). */
export function authBody(auth: Auth): unknown {
	return { auth: { identity: identityOf(auth), ...scopeOf(auth) } };
}

function identityOf(auth: Auth): unknown {
	switch (auth.method) {
		case "password":
			return { methods: ["password"], password: { user: { ...auth.user, password: auth.password } } };
		case "token":
			return { methods: ["token"], token: { id: auth.token } };
		case "application_credential": {
			const { method, ...credential } = auth;
			return { methods: [method], [method]: credential };
		}
	}
}

function scopeOf(auth: Auth): { scope?: unknown } {
	if (auth.method === "application_credential" || auth.project === undefined) return {};
	return { scope: { project: auth.project } };
}
