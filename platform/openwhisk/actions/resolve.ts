import { refuse } from "../api/errors.ts";
import { type EntityPath, entityId } from "../api/names.ts";
import { isAnnotated, type KeyValue, mergeKeyValues } from "../api/parameters.ts";
import type { Platform } from "../platform.ts";
import type { InvokableAction } from "../runtime/action.ts";
import type { ActionEntity } from "../state/entity.ts";
import { findOwn } from "../state/find.ts";

/** An action with the parameters of its package underneath its own. */
export type ResolvedAction = { entity: ActionEntity; parameters: KeyValue[]; invokable: InvokableAction };

const bytesPerMiB = 1024 * 1024;

/** Throws 404 when the action or its package does not exist. */
export async function resolveAction(platform: Platform, path: EntityPath): Promise<ResolvedAction> {
	const [entity, inPackage] = await Promise.all([
		findOwn(platform, "action", path),
		path.package === undefined
			? undefined
			: findOwn(platform, "package", { namespace: path.namespace, name: path.package }),
	]);
	const id = entityId(path);
	return {
		entity,
		parameters: mergeKeyValues(inPackage?.parameters ?? [], entity.parameters),
		invokable: {
			// A changed package may change `init` parameters, so it asks for new processes too.
			key: `${id}@${entity.rev}@${inPackage?.rev ?? ""}`,
			id,
			namespace: entity.namespace,
			fullName: `/${id}`,
			version: entity.version,
			main: entity.exec.main ?? "main",
			binary: entity.exec.binary,
			code: () => readCode(platform, entity),
			timeoutMs: entity.limits.timeout,
			memoryMb: entity.limits.memory,
			logBytes: entity.limits.logs * bytesPerMiB,
		},
	};
}

async function readCode(platform: Platform, entity: ActionEntity): Promise<string> {
	const code = await platform.repository.getCode(entity.codeId);
	if (code !== undefined) return code;
	throw new Error("the action was updated or deleted meanwhile");
}

/** Throws 400 when the caller gives a reserved name or overrides a parameter that `final` protects. */
export function checkOverrides(action: ResolvedAction, given: Iterable<string>, reserved: ReadonlySet<string>) {
	const fixed = new Set(reserved);
	if (isAnnotated(action.entity.annotations, "final"))
		for (const { key, value } of action.parameters) if (value !== null) fixed.add(key);
	for (const key of given) if (fixed.has(key)) throw refuse("parametersNotAllowed");
}
