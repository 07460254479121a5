import { refuse } from "../api/errors.ts";
import { checkName, type EntityPath } from "../api/names.ts";
import { annotation, type KeyValue, mergeKeyValues } from "../api/parameters.ts";
import { nextVersion } from "../api/version.ts";
import type { Platform } from "../platform.ts";
import type { ActionEntity } from "../state/entity.ts";
import { findAny, findOwn } from "../state/find.ts";
import { type ActionBody, standardLimits } from "./body.ts";

/**
 * Creates an action, or with `overwrite` changes it: what the body leaves out keeps its old value, annotations are merged,
 * parameters are replaced as a whole. Throws 409 when it exists and is not to be overwritten, or changed meanwhile.
 */
export async function putAction(
	platform: Platform,
	path: EntityPath,
	body: ActionBody,
	overwrite: boolean,
): Promise<ActionEntity> {
	checkName(path.name);
	if (path.package !== undefined) await findOwn(platform, "package", { namespace: path.namespace, name: path.package });
	const old = await findAny(platform, "action", path);
	if (old && !overwrite) throw refuse("exists");
	if (!old && !body.exec) throw refuse("badRequest", "exec undefined");

	const rev = platform.newId();
	const codeId = body.exec ? rev : (old?.codeId as string);
	const exec = body.exec ? withoutCode(body.exec) : (old as ActionEntity).exec;
	const entity: ActionEntity = {
		kind: "action",
		...path,
		version: nextVersion(body.version, old?.version),
		publish: body.publish ?? old?.publish ?? false,
		parameters: body.parameters ?? old?.parameters ?? [],
		annotations: annotationsOf(body, old, exec.kind),
		exec,
		codeId,
		limits: { ...(old?.limits ?? standardLimits), ...body.limits },
		updated: platform.now().getTime(),
		rev,
	};
	// Code first: an action that can be found can be run.
	if (body.exec) await platform.repository.putCode(codeId, body.exec.code);
	const written = old
		? await platform.repository.replaceEntity(entity, old.rev)
		: await platform.repository.insertEntity(entity);
	const orphan = written ? old?.codeId : codeId;
	if (body.exec && orphan !== undefined) await platform.repository.deleteCode(orphan);
	if (!written) throw refuse("conflict");
	return entity;
}

function withoutCode({ code: _code, ...exec }: ActionBody["exec"] & object): ActionEntity["exec"] {
	return exec;
}

function annotationsOf(body: ActionBody, old: ActionEntity | undefined, kind: string): KeyValue[] {
	const removed = new Set(body.delAnnotations);
	const kept = (old?.annotations ?? []).filter(({ key }) => !removed.has(key));
	const merged = mergeKeyValues(kept, body.annotations ?? [], [{ key: "exec", value: kind }]);
	const unset = !old && annotation(merged, "provide-api-key") === undefined;
	return unset ? [...merged, { key: "provide-api-key", value: false }] : merged;
}
