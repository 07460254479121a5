import type { Auth } from "#openstack/auth.ts";
import type { EndpointInterface } from "#openstack/catalog.ts";
import { createSession } from "#openstack/session.ts";
import { validate } from "#schemas/validate.ts";
import { type Api, SyncAnswer } from "./loop.ts";

export type ApiOptions = {
	host: string;
	authUrl: string;
	auth: Auth;
	region: string | undefined;
	interface: EndpointInterface | undefined;
	/** Instead of the catalog's `datamover` endpoint, version included: `http://controller:8784/v2`. */
	url: string | undefined;
};

/** Shorter than any sensible lease, so that a hung call leaves time for another. */
const syncDeadlineMs = 10_000;

/**
 * The datamover API as this host's agent sees it. Finds it in Keystone's catalog; a token that expired or was revoked
 * is replaced and the call repeated by the session.
 */
export const connectApi = ({ host, authUrl, auth, region, interface: side, url }: ApiOptions): Api => {
	const session = createSession({
		...{ authUrl, auth, region, interface: side, timeoutMs: syncDeadlineMs, attemptTimeoutMs: syncDeadlineMs },
		endpointOverrides: url === undefined ? {} : { datamover: url },
	});
	const path = `/agents/${encodeURIComponent(host)}/sync`;
	return {
		async sync(body, signal) {
			const answer = await session.request("datamover", "POST", path, { body, signal });
			return validate(SyncAnswer, answer.body, "answer");
		},
	};
};
