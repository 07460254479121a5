import type { FastifyRequest } from "fastify";
import { Fault } from "./fault.ts";
import { header } from "./service.ts";

/** What a service calls itself in `OpenStack-API-Version`, and the range it speaks. */
export type VersionRange = { type: string; major: number; newest: number };

/** Zed speaks up to 2.93 and 3.70; these are the newest whose differences the demo cloud knows. */
export const novaRange: VersionRange = { type: "compute", major: 2, newest: 79 };
export const cinderRange: VersionRange = { type: "volume", major: 3, newest: 50 };

/** The minor version asked for; the oldest when none is. Throws 406 outside the range, 400 for no version at all. */
export function minorOf(request: FastifyRequest, range: VersionRange, oldest = 1): number {
	const asked = (header(request, "openstack-api-version") ?? "").split(",").map((one) => one.trim().split(/\s+/));
	const legacy = range.type === "compute" ? header(request, "x-openstack-nova-api-version") : undefined;
	const text = asked.find(([type]) => type === range.type)?.[1] ?? legacy;
	if (text === undefined) return oldest;
	if (text === "latest") return range.newest;
	const [, major, minor] = /^(\d+)\.(\d+)$/.exec(text) ?? [];
	if (minor === undefined)
		throw new Fault(400, `API Version String ${text} is of invalid format. Must be of format MajorNum.MinorNum.`);
	if (Number(major) !== range.major || Number(minor) < oldest || Number(minor) > range.newest) {
		const [least, most] = [`${range.major}.${oldest}`, `${range.major}.${range.newest}`];
		throw new Fault(406, `Version ${text} is not supported by the API. Minimum is ${least} and maximum is ${most}.`);
	}
	return Number(minor);
}

/** The answer's own version headers; nothing for a version that was refused. */
export function versionHeaders(request: FastifyRequest, range: VersionRange, oldest = 1): Record<string, string> {
	try {
		const version = `${range.major}.${minorOf(request, range, oldest)}`;
		return {
			"openstack-api-version": `${range.type} ${version}`,
			vary: "OpenStack-API-Version",
			...(range.type === "compute" && { "x-openstack-nova-api-version": version }),
		};
	} catch {
		return {};
	}
}
