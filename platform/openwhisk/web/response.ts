import { refuse } from "../api/errors.ts";
import { isObject } from "../api/request.ts";
import { isBinary, isJson, mediaType } from "./media.ts";
import type { Extension } from "./path.ts";

export type WebResponse = { code: number; headers: [string, string | string[]][]; body: string | Buffer };

const json = "application/json";

/** The HTTP answer made of an action's result (or of its `error` value). Throws 400 when the result has not the right form. */
export function transcode(extension: Extension, result: unknown): WebResponse {
	if (extension === ".http") return httpMessage(result);
	if (extension === ".json") {
		if (typeof result !== "object" || result === null) throw refuse("notMedia", json);
		return withType(200, [], json, JSON.stringify(result));
	}
	const value = projected(result, extension.slice(1));
	if (extension === ".text") return withType(200, [], "text/plain; charset=utf-8", asText(value));
	const media = extension === ".html" ? "text/html" : "image/svg+xml";
	if (typeof value !== "string") throw refuse("notMedia", media);
	return withType(200, [], extension === ".html" ? `${media}; charset=utf-8` : media, value);
}

/** `.html`, `.svg` and `.text` show the field `body`, or the one named like the extension. */
function projected(result: unknown, field: string): unknown {
	if (!isObject(result)) return result;
	const value = result.body ?? result[field];
	if (value === undefined) throw refuse("propertyMissing");
	return value;
}

function asText(value: unknown): string {
	return typeof value === "object" ? JSON.stringify(value, null, 2) : String(value);
}

function httpMessage(result: unknown): WebResponse {
	if (!isObject(result)) throw refuse("notHttpMessage");
	const headers = readHeaders(result.headers);
	const { body } = result;
	if (body === undefined || body === null || body === "") {
		const rest = headers.filter(([name]) => name !== "content-type");
		return { code: readStatus(result.statusCode, 204), headers: rest, body: "" };
	}
	const code = readStatus(result.statusCode, 200);
	const given = headers.find(([name]) => name === "content-type")?.[1];
	const type = Array.isArray(given) ? given.at(-1) : given;
	return typeof body === "string" ? textBody(code, headers, type, body) : jsonBody(code, headers, type, body);
}

function jsonBody(code: number, headers: WebResponse["headers"], type = json, body: unknown): WebResponse {
	const media = mediaType(type);
	if (!isJson(media)) throw refuse("mediaMismatch");
	return withType(code, headers, type, media === json ? JSON.stringify(body) : JSON.stringify(body, null, 2));
}

function textBody(
	code: number,
	headers: WebResponse["headers"],
	type = "text/html; charset=utf-8",
	body: string,
): WebResponse {
	const media = mediaType(type);
	if (isBinary(type)) {
		if (!isBase64(body)) throw refuse("notHttpMessage");
		return withType(code, headers, type, Buffer.from(body, "base64"));
	}
	// An old promise of OpenWhisk: JSON may come as base64, so text that happens to look like it is decoded.
	if (isJson(media) && isBase64(body)) return withType(code, headers, type, Buffer.from(body, "base64"));
	return withType(code, headers, type, body);
}

function isBase64(text: string): boolean {
	return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function withType(code: number, headers: WebResponse["headers"], type: string, body: string | Buffer): WebResponse {
	return { code, headers: [...headers.filter(([name]) => name !== "content-type"), ["content-type", type]], body };
}

function readStatus(given: unknown, fallback: number): number {
	if (given === undefined || given === null) return fallback;
	const code = typeof given === "string" && /^\d+$/.test(given) ? Number(given) : given;
	if (typeof code !== "number" || !Number.isInteger(code) || code < 200 || code > 599) throw refuse("notHttpMessage");
	return code;
}

/** The server sets these itself, from the body it really sends. */
const ofConnection = new Set(["content-length", "transfer-encoding", "connection", "keep-alive"]);

const headerName = /^[!#$%&'*+\-.^_`|~\w]+$/;

function readHeaders(given: unknown): WebResponse["headers"] {
	if (given === undefined) return [];
	if (!isObject(given)) throw refuse("notHttpMessage");
	return Object.entries(given).flatMap(([name, value]) => {
		if (!headerName.test(name)) throw refuse("notHttpMessage");
		if (ofConnection.has(name.toLowerCase())) return [];
		return [[name.toLowerCase(), Array.isArray(value) ? value.map(headerValue) : headerValue(value)]];
	});
}

function headerValue(value: unknown): string {
	const text = ["string", "number", "boolean"].includes(typeof value) ? String(value) : "\n";
	if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) throw refuse("notHttpMessage");
	return text;
}
