import { refuse } from "../api/errors.ts";
import { type EntityPath, entityId } from "../api/names.ts";
import type { Platform } from "../platform.ts";
import type { EntityKind, EntityOf } from "./entity.ts";

/** The entity of this kind; 404 when there is none, 409 when the name belongs to another kind. */
export async function findOwn<Kind extends EntityKind>(
	platform: Platform,
	kind: Kind,
	path: EntityPath,
): Promise<EntityOf<Kind>> {
	const entity = await findAny(platform, kind, path);
	if (entity === undefined) throw refuse("notFound");
	return entity;
}

/** As `findOwn`, but undefined when there is none. */
export async function findAny<Kind extends EntityKind>(
	platform: Platform,
	kind: Kind,
	path: EntityPath,
): Promise<EntityOf<Kind> | undefined> {
	const entity = await platform.repository.findEntity(entityId(path));
	if (entity === undefined) return undefined;
	if (entity.kind !== kind) throw refuse("wrongCollection");
	return entity as EntityOf<Kind>;
}
