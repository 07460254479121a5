import type { FastifyInstance } from "fastify";
import { refuse } from "../api/errors.ts";
import { integer, readPage } from "../api/paging.ts";
import { callerOf, queryOf } from "../api/request.ts";
import type { Platform } from "../platform.ts";
import type { ActivationFilter } from "../state/repository.ts";
import { type ActivationRecord, summary } from "./record.ts";

type Params = { Params: { id: string } };

/** `GET /activations`, `/activations/{id}`, `/{id}/logs`, `/{id}/result`; an unfinished activation is 404. */
export function activationRoutes(app: FastifyInstance, platform: Platform) {
	app.get("/activations", async (request) => {
		const query = queryOf(request);
		const page = readPage(query);
		const filter: ActivationFilter = {
			namespace: callerOf(request).namespace,
			...(query.name ? { name: query.name } : {}),
			...(query.since ? { sinceMs: integer(query, "since", 0) } : {}),
			...(query.upto ? { uptoMs: integer(query, "upto", 0) } : {}),
		};
		if (page.count) return { activations: await platform.activations.countActivations(filter) };
		const records = await platform.activations.listActivations(filter, page);
		return query.docs === "true" ? records : records.map(summary);
	});

	async function find(namespace: string, id: string): Promise<ActivationRecord> {
		const record = await platform.activations.findActivation(namespace, id);
		if (record === undefined) throw refuse("notFound");
		return record;
	}

	app.get<Params>("/activations/:id", (request) => find(callerOf(request).namespace, request.params.id));

	app.get<Params>("/activations/:id/logs", async (request) => {
		const { logs } = await find(callerOf(request).namespace, request.params.id);
		return { logs };
	});

	app.get<Params>("/activations/:id/result", async (request) => {
		const { response } = await find(callerOf(request).namespace, request.params.id);
		return { result: response.result, success: response.success, status: response.status };
	});
}
