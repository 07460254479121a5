import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { Static, TSchema } from "typebox";

const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, verbose: true });
ajv.addKeyword({
	keyword: "bsonType",
	schemaType: "string",
	validate: (wanted: string, value: unknown) =>
		wanted === "date" && value instanceof Date && !Number.isNaN(value.getTime()),
});

const compiled = new WeakMap<TSchema, ValidateFunction>();

/** A value that does not fit its schema. `problems` has one line each: where, and what was expected there. */
export class InvalidValue extends Error {
	override readonly name = "InvalidValue";
	readonly problems: readonly string[];
	constructor(problems: readonly string[]) {
		super(problems.join("; "));
		this.problems = problems;
	}
}

/** Problems shown to the caller; more only hide the first. */
const maxProblems = 5;

const describe = (root: string, error: ErrorObject): string => {
	const path = `${root}${error.instancePath}`;
	if (error.keyword === "required") return `${path}/${error.params.missingProperty} is required`;
	if (error.keyword === "additionalProperties") return `${path}/${error.params.additionalProperty} is not known here`;
	if (error.keyword === "enum") return `${path} must be one of ${(error.params.allowedValues as unknown[]).join(", ")}`;
	if (error.keyword === "const") return `${path} must be ${JSON.stringify(error.params.allowedValue)}`;
	const meant = (error.parentSchema as { description?: string } | undefined)?.description;
	if (error.keyword === "pattern" && meant) return `${path} must be ${meant}`;
	return `${path} ${error.message}`;
};

/**
 * Returns `value`, typed, when it fits `schema`. Throws `InvalidValue` with the path of each misfit, under the name
 * `root` (`body` for request bodies).
 */
export const validate = <S extends TSchema>(schema: S, value: unknown, root = "body"): Static<S> => {
	let check = compiled.get(schema);
	if (!check) {
		check = ajv.compile(schema);
		compiled.set(schema, check);
	}
	if (check(value)) return value as Static<S>;
	const errors = check.errors ?? [];
	// The branches of a union each say what they wanted; the union's own line adds nothing when there are such lines.
	const lines = errors.filter((error) => errors.length === 1 || error.keyword !== "anyOf");
	throw new InvalidValue([...new Set(lines.map((error) => describe(root, error)))].slice(0, maxProblems));
};
