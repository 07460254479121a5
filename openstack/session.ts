import { type Auth, authBody } from "./auth.ts";
import { type EndpointInterface, endpointOf, serviceTypesOf, versionedBase } from "./catalog.ts";
import { isOpenStackError, OpenStackError } from "./error.ts";
import { readToken, type Token } from "./token.ts";
import { type Answer, type Fetch, send, type Transport } from "./transport.ts";

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export type RequestOptions = {
	body?: unknown;
	query?: Query | undefined;
	headers?: Record<string, string>;
	/** For example `2.79` for compute; sent in the service's own header form. */
	microversion?: string | undefined;
	signal?: AbortSignal | undefined;
};

/** What every function of this room takes last. */
export type CallOptions = { signal?: AbortSignal | undefined };

/** One identity in one project. Cheap to make; it authenticates at its first call. Safe to share between calls. */
export type Session = {
	/** `path` is relative to the service's versioned endpoint: `/servers/…`, `/volumes/…`, `/auth/tokens`. */
	request(serviceType: string, method: string, path: string, options?: RequestOptions): Promise<Answer>;
	/** The current token, renewed a minute before it expires. */
	token(options?: CallOptions): Promise<Token>;
	/** The base URL that `request` uses for a service. */
	endpoint(serviceType: string, options?: CallOptions): Promise<string>;
};

export type SessionOptions = {
	/** Keystone's URL, with or without `/v3`. */
	authUrl: string;
	auth: Auth;
	region?: string | undefined;
	/** Default `public`. */
	interface?: EndpointInterface | undefined;
	/** Service type → URL that is used instead of the catalog's. */
	endpointOverrides?: Record<string, string>;
	/** `req-<uuid>` that is forwarded on every call, so that one id can be found in all services' logs. */
	globalRequestId?: string | undefined;
	fetch?: Fetch;
	now?: () => Date;
	random?: () => number;
	/** All attempts of one call together, milliseconds; default 60 000. */
	timeoutMs?: number;
	/** One attempt, milliseconds; default 20 000. */
	attemptTimeoutMs?: number;
};

/** A token this close to its end is renewed first, so that a long call does not lose it on the way. */
const renewBeforeMs = 60_000;
const defaultTimeoutMs = 60_000;
const defaultAttemptTimeoutMs = 20_000;

/**
 * Makes a session. Nothing is sent until it is used.
 * A 401 from a service makes it authenticate again once and repeat the call; a second 401 is thrown.
 */
export function createSession(options: SessionOptions): Session {
	const transport: Transport = {
		fetch: options.fetch ?? ((url, init) => fetch(url, init)),
		now: options.now ?? (() => new Date()),
		random: options.random ?? Math.random,
		timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
		attemptTimeoutMs: options.attemptTimeoutMs ?? defaultAttemptTimeoutMs,
	};
	const identityUrl = versionedBase("identity", options.authUrl);
	const overrides = options.endpointOverrides ?? {};
	const common: Record<string, string> =
		options.globalRequestId === undefined ? {} : { "x-openstack-request-id": options.globalRequestId };
	let current: Token | undefined;
	let renewal: Promise<Token> | undefined;

	async function authenticate(): Promise<Token> {
		const { auth } = options;
		const service = "identity";
		const url = `${identityUrl}/auth/tokens`;
		if (auth.method === "token" && auth.project === undefined) {
			// A token may always ask about itself, and the answer carries the catalog.
			const headers = { ...common, "x-auth-token": auth.token, "x-subject-token": auth.token };
			const answer = await send(transport, { service, method: "GET", url, headers });
			return { ...readToken(answer.body), id: auth.token };
		}
		const answer = await send(transport, { service, method: "POST", url, headers: common, body: authBody(auth) });
		return { ...readToken(answer.body), id: answer.headers.get("x-subject-token") ?? "" };
	}

	async function token({ signal }: CallOptions = {}): Promise<Token> {
		const usable = current !== undefined && !endsWithin(current, isGiven(options.auth) ? 0 : renewBeforeMs);
		if (current !== undefined && usable) return current;
		// Many calls may find the token old at once; they share one renewal, which no single caller's signal may stop.
		renewal ??= authenticate()
			.then((renewed) => {
				current = renewed;
				return renewed;
			})
			.finally(() => {
				renewal = undefined;
			});
		return signal === undefined ? renewal : unlessAborted(renewal, signal);
	}

	function endsWithin(one: Token, ms: number): boolean {
		return one.expiresAt.getTime() - transport.now().getTime() <= ms;
	}

	async function endpoint(serviceType: string, call: CallOptions = {}): Promise<string> {
		const names = serviceTypesOf(serviceType);
		const override = names.map((name) => overrides[name]).find((url) => url !== undefined);
		const { project, catalog } = await token(call);
		if (override !== undefined) return versionedBase(serviceType, override, project?.id);
		// Whoever could authenticate knows where Keystone is, whatever the catalog says about it from inside.
		if (serviceType === "identity") return identityUrl;
		const wanted = { serviceType, interface: options.interface ?? "public", region: options.region };
		return endpointOf(catalog ?? [], { ...wanted, projectId: project?.id });
	}

	async function request(service: string, method: string, path: string, call: RequestOptions = {}): Promise<Answer> {
		let used: Token | undefined;
		const attempt = async (): Promise<Answer> => {
			const url = `${await endpoint(service, call)}${path}${queryString(call.query)}`;
			used = await token(call);
			const proof = { "x-auth-token": used.id };
			const headers = { ...common, ...versionHeaders(service, call.microversion), ...call.headers, ...proof };
			return send(transport, { service, method, url, headers, body: call.body, signal: call.signal });
		};
		try {
			return await attempt();
		} catch (error) {
			// Without a used token it was authentication itself that was refused.
			const refused = isOpenStackError(error, "unauthorized") && used !== undefined;
			if (!refused || isGiven(options.auth)) throw error;
			// Another call may have met the same 401 and renewed the token already.
			if (current === used) current = undefined;
			return attempt();
		}
	}

	return { request, token, endpoint };
}

/** A token that was handed to us and is used as it is cannot be renewed. */
function isGiven(auth: Auth): boolean {
	return auth.method === "token" && auth.project === undefined;
}

/** Waits for shared work no longer than `signal` allows; the work itself goes on for the others. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
	return new Promise((resolve, reject) => {
		const onAbort = () => {
			const message = "The call to the identity service was cancelled.";
			reject(new OpenStackError({ service: "identity", status: 0, kind: "cancelled", message, cause: signal.reason }));
		};
		if (signal.aborted) onAbort();
		signal.addEventListener("abort", onAbort, { once: true });
		work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
	});
}

/** Cinder calls itself `volume` in this header. */
function versionHeaders(serviceType: string, microversion: string | undefined): Record<string, string> {
	if (microversion === undefined) return {};
	const name = serviceType === "block-storage" ? "volume" : serviceType;
	return { "openstack-api-version": `${name} ${microversion}` };
}

function queryString(query: Query | undefined): string {
	const parameters = new URLSearchParams();
	for (const [name, value] of Object.entries(query ?? {})) {
		if (value === undefined) continue;
		for (const one of Array.isArray(value) ? value : [value]) parameters.append(name, String(one));
	}
	const text = parameters.toString();
	return text === "" ? "" : `?${text}`;
}
