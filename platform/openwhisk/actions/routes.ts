import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ActivationRecord } from "../activations/record.ts";
import { refuse } from "../api/errors.ts";
import { type EntityPath, entityId } from "../api/names.ts";
import { integer, readPage } from "../api/paging.ts";
import { callerOf, isObject, jsonOf, objectOf, queryOf } from "../api/request.ts";
import type { Platform } from "../platform.ts";
import { findOwn } from "../state/find.ts";
import { readActionBody } from "./body.ts";
import { startActivation, within } from "./invoke.ts";
import { putAction } from "./put.ts";
import { checkOverrides, resolveAction } from "./resolve.ts";
import { actionSummary, actionView } from "./view.ts";

/** 48 MiB of code in base64, and room for the rest of the body. */
const maxActionBytes = 66 * 1024 * 1024;

type Names = { Params: { package?: string; name: string } };

function pathOfRequest(request: FastifyRequest<Names>): EntityPath {
	const { package: inPackage, name } = request.params;
	const { namespace } = callerOf(request);
	return inPackage === undefined ? { namespace, name } : { namespace, package: inPackage, name };
}

export function actionRoutes(app: FastifyInstance, platform: Platform) {
	app.get("/actions", (request) => list(platform, request));
	app.get<Names>("/actions/:name/", (request) => list(platform, request, request.params.name));
	for (const url of ["/actions/:name", "/actions/:package/:name"]) {
		app.get<Names>(url, async (request) => {
			const { entity, parameters } = await resolveAction(platform, pathOfRequest(request));
			const withCode = queryOf(request).code !== "false";
			return actionView(entity, parameters, withCode ? await platform.repository.getCode(entity.codeId) : undefined);
		});
		app.put<Names>(url, { bodyLimit: maxActionBytes }, async (request) => {
			const overwrite = queryOf(request).overwrite === "true";
			const body = readActionBody(objectOf(request));
			const entity = await putAction(platform, pathOfRequest(request), body, overwrite);
			return actionView(entity, entity.parameters, await platform.repository.getCode(entity.codeId));
		});
		app.delete<Names>(url, async (request) => {
			const path = pathOfRequest(request);
			const entity = await findOwn(platform, "action", path);
			const code = await platform.repository.getCode(entity.codeId);
			if (!(await platform.repository.deleteEntity(entityId(path), entity.rev))) throw refuse("conflict");
			await platform.repository.deleteCode(entity.codeId);
			return actionView(entity, entity.parameters, code);
		});
		app.post<Names>(url, (request, reply) => invoke(platform, request, reply));
	}
}

async function list(platform: Platform, request: FastifyRequest, inPackage?: string) {
	const page = readPage(queryOf(request));
	const { namespace } = callerOf(request);
	if (inPackage !== undefined) await findOwn(platform, "package", { namespace, name: inPackage });
	const filter = inPackage === undefined ? { namespace } : { namespace, package: inPackage };
	const entities = await platform.repository.listEntities("action", filter);
	if (page.count) return { actions: entities.length };
	return entities.slice(page.skip, page.skip + page.limit).map(actionSummary);
}

async function invoke(platform: Platform, request: FastifyRequest<Names>, reply: FastifyReply) {
	const query = queryOf(request);
	const payload = jsonOf(request) ?? {};
	if (!isObject(payload) && !Array.isArray(payload))
		throw refuse("malformedContent", "A JSON object or array is expected.");
	const action = await resolveAction(platform, pathOfRequest(request));
	if (isObject(payload)) checkOverrides(action, Object.keys(payload), new Set());
	const identity = callerOf(request);
	const { activationId, finished } = startActivation(platform, {
		action,
		payload,
		identity,
		transactionId: request.id,
	});
	reply.header("x-openwhisk-activation-id", activationId);
	if (query.blocking !== "true") return reply.code(202).send({ activationId });
	const waitMs = Math.min(integer(query, "timeout", platform.blockingWaitMs), platform.blockingWaitMs);
	const record = await within(finished, waitMs);
	if (record === undefined) return reply.code(202).send({ activationId });
	return reply.code(statusOf(record)).send(shownOf(record, query.result === "true"));
}

function statusOf({ response: { status } }: ActivationRecord): number {
	if (status === "success") return 200;
	return status === "whisk internal error" ? 500 : 502;
}

function shownOf(record: ActivationRecord, resultOnly: boolean): unknown {
	const { result } = record.response;
	return resultOnly || Array.isArray(result) ? result : record;
}
