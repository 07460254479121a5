import type { FastifyInstance } from "fastify";
import { refuse } from "../api/errors.ts";
import { checkName, entityId } from "../api/names.ts";
import { readPage } from "../api/paging.ts";
import { readKeyValues } from "../api/parameters.ts";
import { callerOf, objectOf, queryOf } from "../api/request.ts";
import { nextVersion } from "../api/version.ts";
import { inBackground, type Platform } from "../platform.ts";
import type { TriggerEntity } from "../state/entity.ts";
import { findAny, findOwn } from "../state/find.ts";
import { fireTrigger } from "./fire.ts";

type Name = { Params: { name: string } };

export function triggerRoutes(app: FastifyInstance, platform: Platform) {
	const { repository } = platform;

	app.get("/triggers", async (request) => {
		const page = readPage(queryOf(request));
		const entities = await repository.listEntities("trigger", { namespace: callerOf(request).namespace });
		if (page.count) return { triggers: entities.length };
		return entities.slice(page.skip, page.skip + page.limit).map(triggerSummary);
	});

	app.get<Name>("/triggers/:name", async (request) =>
		triggerView(
			await findOwn(platform, "trigger", { namespace: callerOf(request).namespace, name: request.params.name }),
		),
	);

	app.put<Name>("/triggers/:name", async (request) => {
		const { namespace } = callerOf(request);
		const name = checkName(request.params.name);
		const body = objectOf(request);
		const old = await findAny(platform, "trigger", { namespace, name });
		if (old && queryOf(request).overwrite !== "true") throw refuse("exists");
		const entity: TriggerEntity = {
			kind: "trigger",
			namespace,
			name,
			version: nextVersion(body.version, old?.version),
			publish: typeof body.publish === "boolean" ? body.publish : (old?.publish ?? false),
			parameters: readKeyValues(body, "parameters") ?? old?.parameters ?? [],
			annotations: readKeyValues(body, "annotations") ?? old?.annotations ?? [],
			rules: old?.rules ?? [],
			updated: platform.now().getTime(),
			rev: platform.newId(),
		};
		const written = old ? await repository.replaceEntity(entity, old.rev) : await repository.insertEntity(entity);
		if (!written) throw refuse("conflict");
		return triggerView(entity);
	});

	app.delete<Name>("/triggers/:name", async (request) => {
		const path = { namespace: callerOf(request).namespace, name: request.params.name };
		const entity = await findOwn(platform, "trigger", path);
		if (!(await repository.deleteEntity(entityId(path), entity.rev))) throw refuse("conflict");
		return triggerView(entity);
	});

	app.post<Name>("/triggers/:name", async (request, reply) => {
		const identity = callerOf(request);
		const payload = objectOf(request);
		const trigger = await findOwn(platform, "trigger", { namespace: identity.namespace, name: request.params.name });
		if (!trigger.rules.some(({ status }) => status === "active")) return reply.code(204).send();
		const activationId = platform.newId();
		// The answer leaves first: whoever fires learns only that the event was taken, never what the rules made of it.
		reply.code(202).header("x-openwhisk-activation-id", activationId).send({ activationId });
		const headers = { ...request.headers };
		delete headers.authorization;
		const event = { trigger, identity, transactionId: request.id, activationId, payload, headers };
		inBackground(platform, `firing of ${trigger.name}`, fireTrigger(platform, event));
		return reply;
	});
}

function triggerSummary(entity: TriggerEntity) {
	const { namespace, name, version, publish, annotations, updated } = entity;
	return { namespace, name, version, publish, annotations, updated };
}

function triggerView(entity: TriggerEntity) {
	const { namespace, name, version, publish, parameters, annotations, updated } = entity;
	const rules = Object.fromEntries(entity.rules.map(({ rule, action, status }) => [rule, { action, status }]));
	return { namespace, name, version, publish, parameters, annotations, limits: {}, rules, updated };
}
