import type { EndpointInterface } from "#openstack/catalog.ts";
import { createSession, type Session } from "#openstack/session.ts";
import type { Context } from "./context.ts";
import type { Settings } from "./settings.ts";

type Call = { settings: Settings; requestId: string; signal: AbortSignal };

/** One call to the cloud with all its retries; a handler has 25 s. */
const callTimeoutMs = 15_000;
const attemptTimeoutMs = 8_000;

/** Sessions of warm containers, by who and where: authenticating costs Keystone a password hash each time. */
const warm = new Map<string, Session>();
const mostWarmSessions = 200;

/** The identities that functions act as. */
export function cloudOf(call: Call): Pick<Context, "service" | "caller"> {
	const { settings } = call;
	return {
		service: (projectId) => forCall(call, serviceSession(settings, projectId)),
		caller: (token) => forCall(call, createSession({ ...common(settings), auth: { method: "token", token } })),
	};
}

function serviceSession(settings: Settings, projectId: string | undefined): Session {
	const userDomain = { name: settings.OS_USER_DOMAIN_NAME ?? "Default" };
	const projectDomain = { name: settings.OS_PROJECT_DOMAIN_NAME ?? "Default" };
	const key = JSON.stringify([settings.OS_AUTH_URL, settings.OS_USERNAME, settings.OS_PASSWORD, projectId ?? null]);
	const known = warm.get(key);
	if (known) return known;
	if (warm.size >= mostWarmSessions) warm.clear();
	const session = createSession({
		...common(settings),
		auth: {
			method: "password",
			user: { name: settings.OS_USERNAME ?? "", domain: userDomain },
			password: settings.OS_PASSWORD ?? "",
			project:
				projectId === undefined ? { name: settings.OS_PROJECT_NAME ?? "", domain: projectDomain } : { id: projectId },
		},
	});
	warm.set(key, session);
	return session;
}

function common(settings: Settings) {
	return {
		authUrl: settings.OS_AUTH_URL ?? "",
		region: settings.OS_REGION_NAME || undefined,
		interface: (settings.OS_INTERFACE || undefined) as EndpointInterface | undefined,
		timeoutMs: callTimeoutMs,
		attemptTimeoutMs,
	};
}

/** The same session for one request: its id goes along, and its deadline ends every call. */
function forCall({ requestId, signal }: Call, session: Session): Session {
	return {
		...session,
		token: (options) => session.token({ signal, ...options }),
		endpoint: (service, options) => session.endpoint(service, { signal, ...options }),
		request: (service, method, path, options) =>
			session.request(service, method, path, {
				...options,
				signal: options?.signal ?? signal,
				headers: { "x-openstack-request-id": requestId, ...options?.headers },
			}),
	};
}
