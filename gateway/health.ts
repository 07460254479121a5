import { existsSync } from "node:fs";
import http from "node:http";
import https from "node:https";

/** Why requests cannot be served now, a sentence each; empty when they can. */
export type HealthCheck = () => Promise<string[]>;

const probeTimeoutMs = 3_000;
/** Anybody may ask, so asking often costs the others nothing. */
const freshMs = 2_000;

export type HealthOptions = {
	openwhisk: string;
	authUrl: string;
	/** While this file exists the gateway says that it is out of service, so that a balancer drains it. */
	disableFile: string | undefined;
	monotonicMs: () => number;
};

export const createHealthCheck = ({ openwhisk, authUrl, disableFile, monotonicMs }: HealthOptions): HealthCheck => {
	let last: { at: number; reasons: Promise<string[]> } | undefined;
	const probeAll = async (): Promise<string[]> => {
		const found = await Promise.all([
			probe("OpenWhisk", `${openwhisk.replace(/\/$/, "")}/api/v1`),
			probe("Keystone", authUrl),
		]);
		return found.filter((reason) => reason !== undefined);
	};
	return async () => {
		if (disableFile !== undefined && existsSync(disableFile)) return ["DISABLED BY FILE"];
		if (last === undefined || monotonicMs() - last.at > freshMs) last = { at: monotonicMs(), reasons: probeAll() };
		return last.reasons;
	};
};

/** Any answer below 500 shows that somebody is there. */
const probe = (name: string, url: string): Promise<string | undefined> =>
	new Promise((resolve) => {
		const client = url.startsWith("https:") ? https : http;
		const request = client.get(url, { signal: AbortSignal.timeout(probeTimeoutMs), agent: false }, (response) => {
			response.resume();
			const status = response.statusCode ?? 0;
			resolve(status < 500 ? undefined : `${name} answers ${status}.`);
		});
		request.on("error", (error: NodeJS.ErrnoException) => {
			resolve(`${name} does not answer (${error.name === "AbortError" ? "timeout" : (error.code ?? error.message)}).`);
		});
	});
