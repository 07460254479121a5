/** Every error text of the REST API with its status. The texts are OpenWhisk's own where clients or people know them. */
export const apiErrors = {
	badRequest: { status: 400, text: (why: string) => why },
	unauthorized: {
		status: 401,
		text: () =>
			"The resource requires authentication, which was not supplied with the request. Use the Basic scheme with a valid key.",
	},
	forbiddenNamespace: {
		status: 403,
		text: (namespace: string) => `The supplied authentication is not authorized to access '${namespace}'.`,
	},
	notFound: { status: 404, text: () => "The requested resource does not exist." },
	exists: { status: 409, text: () => "resource already exists" },
	wrongCollection: { status: 409, text: () => "Resource by this name exists but is not in this collection." },
	conflict: { status: 409, text: () => "Concurrent modification to resource detected." },
	packageNotEmpty: {
		status: 409,
		text: (entities: number) =>
			`Package not empty (contains ${entities} ${entities === 1 ? "entity" : "entities"}). Set force param or delete package contents.`,
	},
	tooLarge: {
		status: 413,
		text: (bytes: number | string, limit: number) => `Request larger than allowed: ${bytes} > ${limit} bytes.`,
	},
	parametersNotAllowed: {
		status: 400,
		text: () => "Request defines parameters that are not allowed (e.g., reserved properties).",
	},
	malformedContent: { status: 400, text: (why: string) => `The request content was malformed:\n${why}` },
	webFailure: { status: 400, text: () => "There was an error processing your request." },
	notHttpMessage: { status: 400, text: () => "Response is not valid 'message/http'." },
	notMedia: { status: 400, text: (media: string) => `Response is not valid '${media}'.` },
	mediaMismatch: { status: 400, text: () => "Response type in header did not match generated content type." },
	propertyMissing: { status: 404, text: () => "Response does not include requested property." },
	notReady: { status: 202, text: () => "Response not yet ready." },
	internal: { status: 500, text: () => "There was an internal server error." },
} as const;

type ApiErrors = typeof apiErrors;
export type ApiErrorName = keyof ApiErrors;

/** Thrown anywhere below a route; answered as `{ error, code }` with the transaction id as code. */
export class ApiError extends Error {
	readonly status: number;
	constructor(status: number, message: string) {
		super(message);
		this.name = "ApiError";
		this.status = status;
	}
}

/** `throw refuse("exists")`: an error of the table. */
export function refuse<Name extends ApiErrorName>(
	name: Name,
	...details: Parameters<ApiErrors[Name]["text"]>
): ApiError {
	const { status, text } = apiErrors[name];
	return new ApiError(status, (text as (...values: unknown[]) => string)(...details));
}
