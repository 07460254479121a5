import { refuse } from "./errors.ts";

const namePattern = /^(\w|\w[\w@ .-]*[\w@.-]+)$/;
const maxNameLength = 256;

/** Entity names: letters, digits, `_`, and inside also `@`, space, `.`, `-`. Throws 400 with the name. */
export function checkName(name: string): string {
	if (name.length > maxNameLength || !namePattern.test(name))
		throw refuse("badRequest", `The name '${name.slice(0, maxNameLength)}' is not valid for an entity.`);
	return name;
}

export type EntityPath = { namespace: string; package?: string; name: string };

/** `/ns/pkg/name`, `/ns/name`, `pkg/name` or `name`; `_` stands for the caller's namespace. Throws 400. */
export function parseEntityPath(text: unknown, caller: string): EntityPath {
	if (typeof text !== "string")
		throw refuse("badRequest", "An entity name must be a string such as '/_/package/name'.");
	const parts = text.startsWith("/") ? text.slice(1).split("/") : [caller, ...text.split("/")];
	const [first = "", ...names] = parts;
	if (names.length < 1 || names.length > 2)
		throw refuse("badRequest", `The name '${text}' is not of the form '/namespace/[package/]name'.`);
	for (const name of names) checkName(name);
	const namespace = first === "_" ? caller : first;
	const name = names.at(-1) as string;
	return names.length === 2 ? { namespace, package: names[0] as string, name } : { namespace, name };
}

/** The namespace an entity is shown in: `guest` or `guest/package`. */
export function pathOf(entity: { namespace: string; package?: string | undefined }): string {
	return entity.package === undefined ? entity.namespace : `${entity.namespace}/${entity.package}`;
}

/** `guest/package/name`: unique over actions, packages, triggers and rules alike, as in OpenWhisk. */
export function entityId(path: EntityPath): string {
	return `${pathOf(path)}/${path.name}`;
}
