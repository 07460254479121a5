import { pathOf } from "../api/names.ts";
import type { KeyValue } from "../api/parameters.ts";
import type { ActionEntity } from "../state/entity.ts";

/** The full action as clients see it; `code` is left out when not asked for. */
export function actionView(entity: ActionEntity, parameters: KeyValue[], code?: string) {
	const { kind, main, binary } = entity.exec;
	return {
		namespace: pathOf(entity),
		name: entity.name,
		version: entity.version,
		publish: entity.publish,
		annotations: entity.annotations,
		parameters,
		limits: entity.limits,
		exec: { kind, ...(code === undefined ? {} : { code }), ...(main === undefined ? {} : { main }), binary },
		updated: entity.updated,
	};
}

export function actionSummary(entity: ActionEntity) {
	const { namespace, name, version, publish, annotations, limits, updated } = actionView(entity, []);
	return { namespace, name, version, publish, annotations, limits, exec: { binary: entity.exec.binary }, updated };
}
