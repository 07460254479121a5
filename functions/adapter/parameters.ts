/** A raw web action's arguments as OpenWhisk sends them. */
export type RawParameters = {
	__ow_method?: string;
	__ow_headers?: Record<string, unknown>;
	__ow_path?: string;
	__ow_query?: string;
	__ow_body?: unknown;
};

const methodsWithoutBody = new Set(["GET", "HEAD"]);

/**
 * Rebuilds the HTTP request. Bodies of JSON and binary types arrive as base64, text and forms plain (OpenWhisk,
 * WebActions.scala); other hosts of the same contract send JSON plain, so both are read.
 */
export function requestOf(parameters: RawParameters): Request {
	const headers = new Headers();
	for (const [name, value] of Object.entries(parameters.__ow_headers ?? {})) headers.set(name, String(value));
	const method = (parameters.__ow_method ?? "get").toUpperCase();
	const path = (parameters.__ow_path ?? "").replace(/^\/*/, "/");
	const query = parameters.__ow_query ? `?${parameters.__ow_query}` : "";
	const url = `${publicOrigin(headers)}${path}${query}`;
	// The lengths and encodings of the wire say nothing about the body as it is now.
	for (const name of ["content-length", "transfer-encoding", "connection", "host", "expect"]) headers.delete(name);
	const body = methodsWithoutBody.has(method) ? undefined : bodyOf(parameters.__ow_body, headers.get("content-type"));
	return new Request(url, { method, headers, ...(body !== undefined && { body }) });
}

/** Where the caller sees this API, for links: what the gateway in front says, or the host that was asked. */
function publicOrigin(headers: Headers): string {
	const first = (name: string) => headers.get(name)?.split(",")[0]?.trim();
	const scheme = first("x-forwarded-proto") === "https" ? "https" : "http";
	const host = first("x-forwarded-host") ?? first("host") ?? "localhost";
	return /^[\w.[\]:-]+$/.test(host) ? `${scheme}://${host}` : `${scheme}://localhost`;
}

function bodyOf(raw: unknown, contentType: string | null): string | Uint8Array<ArrayBuffer> | undefined {
	if (raw === undefined || raw === null || raw === "") return undefined;
	if (typeof raw !== "string") return JSON.stringify(raw);
	const type = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
	if (type.startsWith("text/") || type === "application/x-www-form-urlencoded") return raw;
	// No JSON object, array or string is base64 of anything; a plain number or literal is no body of ours.
	const decoded = isBase64(raw) ? new Uint8Array(Buffer.from(raw, "base64")) : raw;
	return decoded;
}

function isBase64(text: string): boolean {
	return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}
