import type { HealthCheck } from "./health.ts";
import type { Log } from "./log.ts";
import type { TokenCheck } from "./token.ts";
import type { Upstream } from "./upstream.ts";

/** What serving a request needs of the outside. */
export type Context = {
	upstream: Upstream;
	/** OpenWhisk's namespace with our package. */
	namespace: string;
	/** What shows a function that a request came through here: `X-Require-Whisk-Auth`. */
	secret: string;
	/** For `WWW-Authenticate`: where callers get tokens. */
	authUrl: string;
	checkToken: TokenCheck;
	checkHealth: HealthCheck;
	/** Believe `X-Forwarded-*` of whoever connects: only behind a proxy that sets them itself. */
	trustForwarded: boolean;
	newId: () => string;
	now: () => Date;
	log: Log;
};
