import type { FastifyInstance } from "fastify";
import { resolveAction } from "../actions/resolve.ts";
import { ApiError, refuse } from "../api/errors.ts";
import { checkName, type EntityPath, entityId, parseEntityPath, pathOf } from "../api/names.ts";
import { readPage } from "../api/paging.ts";
import { readKeyValues } from "../api/parameters.ts";
import { callerOf, objectOf, queryOf } from "../api/request.ts";
import { nextVersion } from "../api/version.ts";
import type { Platform } from "../platform.ts";
import type { RuleEntity, RuleStatus } from "../state/entity.ts";
import { findAny, findOwn } from "../state/find.ts";
import { attachRule, detachRule, ruleStatus } from "./status.ts";

type Name = { Params: { name: string } };

export function ruleRoutes(app: FastifyInstance, platform: Platform) {
	const { repository } = platform;

	app.get("/rules", async (request) => {
		const page = readPage(queryOf(request));
		const entities = await repository.listEntities("rule", { namespace: callerOf(request).namespace });
		if (page.count) return { rules: entities.length };
		return entities.slice(page.skip, page.skip + page.limit).map((entity) => ruleView(entity));
	});

	app.get<Name>("/rules/:name", async (request) => {
		const entity = await findOwn(platform, "rule", {
			namespace: callerOf(request).namespace,
			name: request.params.name,
		});
		return ruleView(entity, await ruleStatus(platform, entity));
	});

	app.put<Name>("/rules/:name", async (request) => {
		const { namespace } = callerOf(request);
		const name = checkName(request.params.name);
		const body = objectOf(request);
		const old = await findAny(platform, "rule", { namespace, name });
		if (old && queryOf(request).overwrite !== "true") throw refuse("exists");
		const trigger = endOf(body.trigger, "trigger", namespace, old?.trigger);
		const action = endOf(body.action, "action", namespace, old?.action);
		await mustExist(`trigger /${entityId(trigger)}`, findOwn(platform, "trigger", trigger));
		await mustExist(`action /${entityId(action)}`, resolveAction(platform, action));
		// An overwrite keeps the status; a new rule is active.
		const status = old ? await ruleStatus(platform, old) : "active";
		const entity: RuleEntity = {
			kind: "rule",
			namespace,
			name,
			version: nextVersion(body.version, old?.version),
			publish: typeof body.publish === "boolean" ? body.publish : (old?.publish ?? false),
			annotations: readKeyValues(body, "annotations") ?? old?.annotations ?? [],
			trigger: { path: pathOf(trigger), name: trigger.name },
			action: { path: pathOf(action), name: action.name },
			updated: platform.now().getTime(),
			rev: platform.newId(),
		};
		const written = old ? await repository.replaceEntity(entity, old.rev) : await repository.insertEntity(entity);
		if (!written) throw refuse("conflict");
		if (old && old.trigger.name !== trigger.name) await detachRule(platform, old);
		await attachRule(platform, entity, status);
		return ruleView(entity, status);
	});

	app.post<Name>("/rules/:name", async (request, reply) => {
		const { status } = objectOf(request);
		if (status !== "active" && status !== "inactive")
			throw refuse("malformedContent", "The status must be 'active' or 'inactive'.");
		const entity = await findOwn(platform, "rule", {
			namespace: callerOf(request).namespace,
			name: request.params.name,
		});
		if (!(await attachRule(platform, entity, status)))
			throw new ApiError(404, "Only rules with existing triggers can be activated");
		return reply.code(200).send();
	});

	app.delete<Name>("/rules/:name", async (request) => {
		const path = { namespace: callerOf(request).namespace, name: request.params.name };
		const entity = await findOwn(platform, "rule", path);
		await detachRule(platform, entity);
		if (!(await repository.deleteEntity(entityId(path), entity.rev))) throw refuse("conflict");
		return ruleView(entity, "inactive");
	});
}

/** A rule body names `"/_/pkg/name"`; what a rule answers, `{ path, name }`, is taken back too. */
function endOf(
	value: unknown,
	what: string,
	namespace: string,
	old: { path: string; name: string } | undefined,
): EntityPath {
	const given = value ?? old;
	if (given === undefined) throw refuse("badRequest", `${what} undefined`);
	const text =
		typeof given === "object"
			? `/${(given as RuleEntity["action"]).path}/${(given as RuleEntity["action"]).name}`
			: given;
	const path = parseEntityPath(text, namespace);
	if (path.namespace !== namespace) throw refuse("forbiddenNamespace", path.namespace);
	return path;
}

async function mustExist(what: string, lookup: Promise<unknown>) {
	try {
		await lookup;
	} catch (error) {
		if (error instanceof ApiError && error.status === 404) throw refuse("badRequest", `${what} does not exist`);
		throw error;
	}
}

function ruleView(entity: RuleEntity, status?: RuleStatus) {
	const { namespace, name, version, publish, annotations, trigger, action, updated } = entity;
	const view = { namespace, name, version, publish, annotations, trigger, action, updated };
	return status === undefined ? view : { ...view, status };
}
