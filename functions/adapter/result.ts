/** What a web action returns to OpenWhisk. */
export type WebResult = { statusCode: number; headers: Record<string, string>; body: unknown };

/** OpenWhisk carries 1 MiB with everything around it; an answer that is larger would be lost without a word. */
export const largestAnswerBytes = 1_000_000;

/**
 * An answer as OpenWhisk takes it: always a status and a body. JSON travels as a value, because a string that happens
 * to look like base64 would be decoded on the way.
 */
export async function resultOf(response: Response): Promise<WebResult> {
	const text = await response.text();
	if (Buffer.byteLength(text) > largestAnswerBytes) {
		throw new Error(`The answer has ${Buffer.byteLength(text)} bytes; OpenWhisk carries ${largestAnswerBytes}.`);
	}
	const headers = Object.fromEntries(response.headers);
	const json = text !== "" && /^application\/(.+\+)?json/.test(headers["content-type"] ?? "");
	return { statusCode: response.status, headers, body: json ? JSON.parse(text) : text };
}
