import type { FastifyInstance } from "fastify";
import { refuse } from "../api/errors.ts";
import { checkName, entityId } from "../api/names.ts";
import { readPage } from "../api/paging.ts";
import { annotation, readKeyValues } from "../api/parameters.ts";
import { callerOf, isObject, objectOf, queryOf } from "../api/request.ts";
import { nextVersion } from "../api/version.ts";
import type { Platform } from "../platform.ts";
import type { ActionEntity, PackageEntity } from "../state/entity.ts";
import { findAny, findOwn } from "../state/find.ts";

type Name = { Params: { name: string } };

/** Packages hold parameters that every action of them gets. Bindings are refused: this platform has none yet. */
export function packageRoutes(app: FastifyInstance, platform: Platform) {
	const { repository } = platform;

	app.get("/packages", async (request) => {
		const query = queryOf(request);
		const page = readPage(query);
		const all = await repository.listEntities("package", { namespace: callerOf(request).namespace });
		const entities = query.public === "true" ? all.filter(({ publish }) => publish) : all;
		if (page.count) return { packages: entities.length };
		return entities.slice(page.skip, page.skip + page.limit).map(packageSummary);
	});

	app.get<Name>("/packages/:name", async (request) => {
		const { namespace } = callerOf(request);
		const { name } = request.params;
		const entity = await findOwn(platform, "package", { namespace, name });
		const contents = await repository.listEntities("action", { namespace, package: name });
		const isFeed = (action: ActionEntity) => annotation(action.annotations, "feed") !== undefined;
		const brief = ({ name, version, annotations }: ActionEntity) => ({ name, version, annotations });
		return {
			...packageView(entity),
			actions: contents.filter((action) => !isFeed(action)).map(brief),
			feeds: contents.filter(isFeed).map(brief),
		};
	});

	app.put<Name>("/packages/:name", async (request) => {
		const { namespace } = callerOf(request);
		const name = checkName(request.params.name);
		if (name === "default") throw refuse("badRequest", "Package name 'default' is reserved.");
		const body = objectOf(request);
		if (isObject(body.binding) && Object.keys(body.binding).length > 0)
			throw refuse("badRequest", "Package bindings are not supported by this platform.");
		const old = await findAny(platform, "package", { namespace, name });
		if (old && queryOf(request).overwrite !== "true") throw refuse("exists");
		const entity: PackageEntity = {
			kind: "package",
			namespace,
			name,
			version: nextVersion(body.version, old?.version),
			publish: typeof body.publish === "boolean" ? body.publish : (old?.publish ?? false),
			parameters: readKeyValues(body, "parameters") ?? old?.parameters ?? [],
			annotations: readKeyValues(body, "annotations") ?? old?.annotations ?? [],
			updated: platform.now().getTime(),
			rev: platform.newId(),
		};
		const written = old ? await repository.replaceEntity(entity, old.rev) : await repository.insertEntity(entity);
		if (!written) throw refuse("conflict");
		return packageView(entity);
	});

	app.delete<Name>("/packages/:name", async (request) => {
		const { namespace } = callerOf(request);
		const path = { namespace, name: request.params.name };
		const entity = await findOwn(platform, "package", path);
		const contents = await repository.listEntities("action", { namespace, package: path.name });
		if (contents.length > 0 && queryOf(request).force !== "true") throw refuse("packageNotEmpty", contents.length);
		for (const action of contents) {
			if (!(await repository.deleteEntity(entityId(action), action.rev))) throw refuse("conflict");
			await repository.deleteCode(action.codeId);
		}
		if (!(await repository.deleteEntity(entityId(path), entity.rev))) throw refuse("conflict");
		return packageView(entity);
	});
}

function packageView(entity: PackageEntity) {
	const { namespace, name, version, publish, parameters, annotations, updated } = entity;
	return { namespace, name, version, publish, binding: {}, parameters, annotations, updated };
}

function packageSummary(entity: PackageEntity) {
	const { namespace, name, version, publish, annotations, updated } = entity;
	return { namespace, name, version, publish, binding: false, annotations, updated };
}
