import { refuse } from "../api/errors.ts";

export const extensions = [".http", ".json", ".html", ".svg", ".text"] as const;
export type Extension = (typeof extensions)[number];

export type WebTarget = {
	namespace: string;
	action: { package?: string; name: string };
	extension: Extension;
	/** What follows the action: `""` or a path with a leading slash, as it was written (not percent-decoded). */
	rest: string;
};

/** Splits the path of a web request; undefined when it names no action. A name without a known extension means `.http`. */
export function splitPath(url: string): WebTarget | undefined {
	const path = url.split("?")[0]?.replace(/^\/api\/v1\/web\//, "") ?? "";
	const [namespace, inPackage, last, ...rest] = path.split("/");
	if (!namespace || !inPackage || !last) return undefined;
	const extension = extensions.find((candidate) => last.endsWith(candidate) && last.length > candidate.length);
	const name = decode(extension === undefined ? last : last.slice(0, -extension.length));
	const packageName = decode(inPackage);
	// No name holds a slash, and `default/package%2Faction` must not reach an action without its package.
	if (`${packageName}${name}`.includes("/")) return undefined;
	return {
		namespace: decode(namespace),
		action: packageName === "default" ? { name } : { package: packageName, name },
		extension: extension ?? ".http",
		rest: rest.length === 0 ? "" : `/${rest.join("/")}`,
	};
}

function decode(segment: string): string {
	try {
		return decodeURIComponent(segment);
	} catch {
		throw refuse("malformedContent", `The path segment '${segment}' is not valid percent-encoding.`);
	}
}
