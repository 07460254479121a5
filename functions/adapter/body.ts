import type { Static, TSchema } from "typebox";
import { Fault } from "#schemas/fault.ts";
import { validate } from "#schemas/validate.ts";

/** OpenWhisk's own limit, which the gateway keeps too. */
export const largestBodyBytes = 1_048_576;

/** The JSON body, checked. A missing body is `{}`. Throws `Fault` MALFORMED_JSON or BODY_TOO_LARGE, or `InvalidValue`. */
export async function readBody<S extends TSchema>(request: Request, schema: S): Promise<Static<S>> {
	const text = await request.text();
	if (Buffer.byteLength(text) > largestBodyBytes)
		throw new Fault("BODY_TOO_LARGE", { limit: String(largestBodyBytes) });
	return validate(schema, text.trim() === "" ? {} : parse(text));
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw new Fault("MALFORMED_JSON", {}, { cause });
	}
}
