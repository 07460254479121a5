/** What a handler throws; each service turns it into its own error body. */
export class Fault extends Error {
	readonly status: number;
	/** The service's name of the fault, where it is not the usual one of the status. */
	readonly code: string | undefined;

	constructor(status: number, message: string, code?: string) {
		super(message);
		this.name = "Fault";
		this.status = status;
		this.code = code;
	}
}

export const badRequest = (message: string, code?: string) => new Fault(400, message, code);
export const forbidden = (rule: string) => new Fault(403, `Policy doesn't allow ${rule} to be performed.`);
export const notFound = (message: string, code?: string) => new Fault(404, message, code);
export const conflict = (message: string, code?: string) => new Fault(409, message, code);

const titles: Record<number, string> = {
	400: "Bad Request",
	401: "Unauthorized",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	406: "Not Acceptable",
	409: "Conflict",
	413: "Request Entity Too Large",
	500: "Internal Server Error",
	503: "Service Unavailable",
};

/** Nova's and Cinder's names of a status. Anything else is a `computeFault`. */
const novaNames: Record<number, string> = {
	400: "badRequest",
	401: "unauthorized",
	403: "forbidden",
	404: "itemNotFound",
	405: "badMethod",
	409: "conflictingRequest",
	413: "overLimit",
	503: "serviceUnavailable",
};

export type FaultBody = { contentType: string; text: string };
export type FaultWriter = (fault: Fault, accept: string) => FaultBody;

function json(body: unknown): FaultBody {
	return { contentType: "application/json", text: JSON.stringify(body) };
}

/** Keystone, and keystonemiddleware in front of every other service. */
export const keystoneFault: FaultWriter = ({ status, message }) =>
	json({ error: { code: status, message, title: titles[status] ?? "Error" } });

export const novaFault: FaultWriter = ({ status, message, code }) =>
	json({ [code ?? novaNames[status] ?? "computeFault"]: { code: status, message } });

export const neutronFault: FaultWriter = ({ status, message, code }) =>
	json({ NeutronError: { type: code ?? `HTTP${titles[status]?.replace(/ /g, "") ?? status}`, message, detail: "" } });

/** Glance answers what webob makes: JSON when it is asked for, an HTML page otherwise. */
export const glanceFault: FaultWriter = ({ status, message }, accept) => {
	const title = titles[status] ?? "Error";
	if (accept.includes("application/json")) {
		return json({ message: `${message}<br /><br />\n\n\n`, code: `${status} ${title}`, title });
	}
	const text = `<html>\n <head>\n  <title>${status} ${title}</title>\n </head>\n <body>\n  <h1>${status} ${title}</h1>\n  ${message}<br /><br />\n\n\n </body>\n</html>`;
	return { contentType: "text/html; charset=UTF-8", text };
};
