import type { Auth } from "#openstack/auth.ts";
import { createSession, type Session } from "#openstack/session.ts";

type Environment = Record<string, string | undefined>;

/** One call to Keystone with its retries; a caller is waiting. */
const timeoutMs = 9_000;
const attemptTimeoutMs = 4_000;

/**
 * The service user that asks Keystone about tokens, from the usual `OS_*` variables: an application credential, or name
 * and password. Throws a sentence that names what is missing.
 */
export const serviceSession = (authUrl: string, environment: Environment, now: () => Date): Session =>
	createSession({ authUrl, auth: authOf(environment), now, timeoutMs, attemptTimeoutMs });

const authOf = (environment: Environment): Auth => {
	const id = environment.OS_APPLICATION_CREDENTIAL_ID;
	if (id) {
		return { method: "application_credential", id, secret: need(environment, "OS_APPLICATION_CREDENTIAL_SECRET") };
	}
	return {
		method: "password",
		user: { name: need(environment, "OS_USERNAME"), domain: domain(environment.OS_USER_DOMAIN_NAME) },
		password: need(environment, "OS_PASSWORD"),
		project: { name: need(environment, "OS_PROJECT_NAME"), domain: domain(environment.OS_PROJECT_DOMAIN_NAME) },
	};
};

const domain = (name: string | undefined) => ({ name: name || "Default" });

const need = (environment: Environment, name: string): string => {
	const value = environment[name];
	if (value) return value;
	throw new Error(`The gateway asks Keystone about tokens as a service user: set ${name} in its environment.`);
};
