/** How an activation can end; the order is that of the numeric codes in the activation record. */
export const statuses = ["success", "application error", "action developer error", "whisk internal error"] as const;
export type Status = (typeof statuses)[number];

export type Outcome = { status: Status; result: unknown; sizeBytes?: number };

/** The longest result an action may give. */
export const maxResultBytes = 1024 * 1024;
/** How much of an over-long result is shown in its error. */
const shownBytes = 1024;

export const applicationError = (message: string): Outcome => failure("application error", message);
export const developerError = (message: string): Outcome => failure("action developer error", message);
export const internalError = (message: string): Outcome => failure("whisk internal error", message);

function failure(status: Status, message: string): Outcome {
	return { status, result: { error: message } };
}

/** What the answer of /run means for the activation (ActivationResponse in Apache OpenWhisk). */
export function readRunAnswer(answer: { status: number; text: string; bytes: number }): Outcome {
	if (answer.bytes > maxResultBytes) {
		const shown = Buffer.from(answer.text).subarray(0, shownBytes).toString("utf8");
		return applicationError(
			`The action produced a response that exceeded the allowed length: ${answer.bytes} > ${maxResultBytes} bytes. The truncated response was: ${shown}`,
		);
	}
	const result = parse(answer.text);
	if (answer.status !== 200) return developerError(errorOf(result) ?? "The action did not produce a valid response.");
	if (typeof result !== "object" || result === null) return developerError("The action did not return a dictionary.");
	const failed = !Array.isArray(result) && "error" in result;
	return { status: failed ? "application error" : "success", result, sizeBytes: answer.bytes };
}

/** What an answer of /init other than 200 means. */
export function readInitFailure(text: string): Outcome {
	return developerError(errorOf(parse(text)) ?? "The action failed to initialize.");
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function errorOf(body: unknown): string | undefined {
	if (typeof body !== "object" || body === null || !("error" in body)) return undefined;
	return typeof body.error === "string" ? body.error : JSON.stringify(body.error);
}
