import { readFileSync } from "node:fs";
import { parse, type ScalarTag } from "yaml";
import { usage } from "../failure.ts";

/** T4O's own tools write options as Python literals; their `True` is YAML already, their `None` is not. */
const none: ScalarTag = {
	tag: "tag:yaml.org,2002:null",
	default: true,
	test: /^None$/,
	resolve: () => null,
};

/**
 * The options object of a restore from a file in JSON, YAML or Python's literal form. A whole request body
 * (`{restore:{options:…}}`) is understood too. Throws a sentence.
 */
export const readOptionsFile = (path: string): Record<string, unknown> => {
	let read: unknown;
	try {
		read = parse(readFileSync(path, "utf8"), { customTags: (tags) => [none, ...tags] });
	} catch (error) {
		throw usage(`${path} cannot be read: ${(error as Error).message.split("\n")[0]}`);
	}
	const body = isMapping(read) && isMapping(read.restore) ? (read.restore.options ?? {}) : read;
	if (isMapping(body)) return body;
	throw usage(`${path} must have restore options: a mapping with "openstack", "restore_type" and so on.`);
};

const isMapping = (value: unknown): value is Record<string, unknown> =>
	typeof value === "object" && value !== null && !Array.isArray(value);
