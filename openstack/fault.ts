import { type ErrorKind, OpenStackError } from "./error.ts";

type Fault = { message?: string; code?: string };

const kindOfStatus: Record<number, ErrorKind> = {
	400: "bad-request",
	401: "unauthorized",
	403: "forbidden",
	404: "not-found",
	408: "timeout",
	409: "conflict",
	410: "not-found",
	412: "conflict",
	413: "over-limit",
	429: "over-limit",
	502: "unavailable",
	503: "unavailable",
	504: "unavailable",
};

/** Nova says 403 "Quota exceeded for …" and Neutron 409 `OverQuota`; both are the same thing to a caller. */
function isQuota(status: number, fault: Fault): boolean {
	return (
		(status === 403 || status === 409) && (fault.code === "OverQuota" || /quota exceeded/i.test(fault.message ?? ""))
	);
}

/**
 * Makes one error of the different error bodies the services really send:
 * Keystone and keystonemiddleware `{error:{code,message,title}}`, Nova and Cinder `{itemNotFound:{code,message}}`,
 * Neutron `{NeutronError:{type,message,detail}}`, Glance webob JSON `{message,code,title}`, HTML or plain text, and
 * the API guidelines' `{errors:[{code,title,detail}]}`.
 */
export function faultOf(answer: {
	service: string;
	status: number;
	text: string;
	requestId?: string | undefined;
}): OpenStackError {
	const fault = readFault(answer.text);
	const kind = isQuota(answer.status, fault)
		? "over-limit"
		: (kindOfStatus[answer.status] ?? (answer.status >= 500 ? "server-error" : "bad-request"));
	return new OpenStackError({
		service: answer.service,
		status: answer.status,
		kind,
		code: fault.code,
		message: fault.message || `The ${answer.service} service answered ${answer.status} without saying why.`,
		requestId: answer.requestId,
	});
}

function readFault(text: string): Fault {
	const trimmed = text.trim();
	if (trimmed.startsWith("{")) {
		try {
			return readJsonFault(JSON.parse(trimmed));
		} catch {
			// Not JSON after all: read it as text.
		}
	}
	return readTextFault(trimmed);
}

function readJsonFault(body: Record<string, unknown>): Fault {
	const { error, NeutronError: neutron, errors } = body;
	if (isRecord(error)) return fault(error.message, error.title);
	if (isRecord(neutron)) {
		return fault([neutron.message, neutron.detail].filter(isText).join(" "), neutron.type);
	}
	if (typeof neutron === "string") return { message: neutron };
	if (Array.isArray(errors) && isRecord(errors[0])) {
		return fault(errors[0].detail ?? errors[0].title, errors[0].code);
	}
	if (typeof body.message === "string") return fault(plain(body.message), body.title ?? body.code);
	for (const [name, value] of Object.entries(body)) {
		if (isRecord(value) && typeof value.message === "string") return fault(value.message, name);
	}
	return {};
}

/** Glance and proxies answer a small HTML page; its title repeats the status and its body holds the sentence. */
function readTextFault(text: string): Fault {
	if (!/^<(!doctype|html)/i.test(text)) return text === "" ? {} : { message: text.slice(0, 500) };
	const title = /<title>([^<]*)<\/title>/i.exec(text)?.[1]?.trim();
	const body = plain(text.replace(/<head>[\s\S]*?<\/head>/i, "").replace(/<h1>[\s\S]*?<\/h1>/gi, ""));
	return fault((body || title || "").slice(0, 500), title?.replace(/^\d+\s*/, ""));
}

function plain(html: string): string {
	return html
		.replace(/<[^>]*>/g, " ")
		.replace(/\s+/g, " ")
		.trim();
}

function fault(message: unknown, code: unknown): Fault {
	return { ...(isText(message) && { message }), ...(isText(code) && { code }) };
}

function isText(value: unknown): value is string {
	return typeof value === "string" && value !== "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
