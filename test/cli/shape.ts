import { Ajv, type ValidateFunction } from "ajv";
import { type ApiDocument, readDocument } from "#gateway/document.ts";
import { compileRoutes, findRoute } from "#gateway/route.ts";

type Content = { content?: { "application/json"?: { schema: object } }; $ref?: string };
type Documented = { requestBody?: Content; responses: Record<string, Content> };

const document: ApiDocument = readDocument();
const routes = compileRoutes(document);
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema({ $id: "api", ...document } as object, undefined, undefined, false);
const compiled = new Map<string, ValidateFunction>();

const pointer = (...parts: string[]): string =>
	parts
		.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1"))
		.map(encodeURIComponent)
		.join("/");

const check = (at: string, value: unknown, what: string): void => {
	const validate = compiled.get(at) ?? ajv.compile({ $ref: `api#/${at}` });
	compiled.set(at, validate);
	if (!validate(value))
		throw new Error(`${what} is not as gateway/openapi.yaml says: ${ajv.errorsText(validate.errors)}`);
};

/** Throws unless the API document has this call, and both bodies fit it. */
export const mustBeInDocument = (
	method: string,
	path: string,
	body: unknown,
	status: number,
	answer: unknown,
): void => {
	const { route } = findRoute(routes, method, path);
	const verb = method.toLowerCase();
	const operation = (document.paths[route.path] as Record<string, unknown>)[verb] as Documented;
	const at = ["paths", route.path, verb];
	const call = `${method} ${path}`;
	if (body !== undefined) {
		if (!operation.requestBody) throw new Error(`${call} takes no body.`);
		check(pointer(...at, "requestBody", "content", "application/json", "schema"), body, `The body of ${call}`);
	}
	const name = operation.responses[status] ? String(status) : "default";
	const response = operation.responses[name];
	if (!response) throw new Error(`${call} never answers ${status}.`);
	const shared = response.$ref?.replace("#/", "");
	const resolved = shared
		? shared.split("/").reduce<unknown>((found, part) => (found as never)[part], document)
		: response;
	const schema = (resolved as Content).content?.["application/json"]?.schema;
	if (!schema) {
		if (answer !== undefined) throw new Error(`${call} answers ${status} without a body.`);
		return;
	}
	const base = shared ?? pointer(...at, "responses", name);
	check(`${base}/${pointer("content", "application/json", "schema")}`, answer, `The answer ${status} of ${call}`);
};
