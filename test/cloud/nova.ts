import type { FastifyInstance, FastifyRequest } from "fastify";
import { novaFault } from "./fault.ts";
import { flavorRoutes } from "./flavor.ts";
import { minorOf, novaRange, versionHeaders } from "./microversion.ts";
import { serverDeviceRoutes } from "./server-device.ts";
import { serverGroupRoutes } from "./server-group.ts";
import { serverRoutes } from "./server-route.ts";
import { shapeService, who } from "./service.ts";
import type { Caller } from "./token.ts";
import type { World } from "./world.ts";

/** Who calls Nova, and in which minor version (`79` for 2.79). */
export type NovaCall = { caller: Caller; minor: number };
export type NovaCalled = (request: FastifyRequest) => NovaCall;

/** Nova v2.1 under `/compute`. */
export function nova(app: FastifyInstance, world: World): void {
	shapeService(app, world, {
		fault: novaFault,
		headers: (request) => ({ "x-compute-request-id": request.requestId, ...versionHeaders(request, novaRange) }),
	});
	const links = [{ rel: "self", href: `${world.url}/compute/v2.1/` }];
	const version = {
		id: "v2.1",
		status: "CURRENT",
		version: "2.79",
		min_version: "2.1",
		updated: "2013-07-23T11:33:21Z",
		links,
	};
	app.get("/", async () => ({ versions: [version] }));
	app.get("/v2.1", async () => ({ version }));

	const called: NovaCalled = (request) => ({ caller: who(world, request), minor: minorOf(request, novaRange) });
	serverRoutes(app, world, called);
	serverDeviceRoutes(app, world, called);
	flavorRoutes(app, world, called);
	serverGroupRoutes(app, world, called);
	app.get("/v2.1/os-availability-zone", async (request) => {
		called(request);
		return { availabilityZoneInfo: [{ zoneName: "nova", zoneState: { available: true }, hosts: null }] };
	});
}
