import { deleteOne, getOne, pages, segment, under } from "./answer.ts";
import { isOpenStackError } from "./error.ts";
import type { CallOptions, Session } from "./session.ts";
import { readToken, type ValidToken } from "./token.ts";

const service = "identity";

export type Project = { id: string; name: string; domain_id: string; enabled: boolean; description?: string };
export type User = { id: string; name: string; domain_id: string; enabled: boolean };
export type Role = { id: string; name: string; domain_id: string | null };
export type Service = { id: string; type: string; name?: string; description?: string; enabled: boolean };
export type Endpoint = {
	id: string;
	service_id: string;
	interface: "public" | "internal" | "admin";
	url: string;
	region_id: string | null;
	enabled: boolean;
};

/**
 * Asks Keystone about somebody else's token. Undefined when Keystone does not know it: expired, revoked or made up.
 * The session's own identity must be allowed to validate tokens (role admin or service).
 */
export async function validateToken(
	session: Session,
	token: string,
	options: CallOptions & { catalog?: boolean } = {},
): Promise<ValidToken | undefined> {
	// Nothing else can stand in a header, so nothing else can be a token.
	if (!/^[\x21-\x7e]+$/.test(token)) return undefined;
	try {
		const answer = await session.request(service, "GET", "/auth/tokens", {
			headers: { "x-subject-token": token },
			query: { nocatalog: options.catalog ? undefined : "1" },
			signal: options.signal,
		});
		return readToken(answer.body);
	} catch (error) {
		if (isOpenStackError(error, "not-found")) return undefined;
		throw error;
	}
}

/** Revokes a token. May be called twice. */
export async function revokeToken(session: Session, token: string, options: CallOptions = {}): Promise<void> {
	await deleteOne(session, service, "/auth/tokens", { ...options, headers: { "x-subject-token": token } });
}

export async function getProject(session: Session, id: string, options?: CallOptions): Promise<Project> {
	return getOne(session, service, `/projects/${segment(id)}`, "project", options);
}

export function listProjects(
	session: Session,
	filter: { name?: string; domain_id?: string } = {},
	options?: CallOptions,
): AsyncIterable<Project> {
	return pages(session, service, "/projects", "projects", { ...options, query: filter });
}

export async function getUser(session: Session, id: string, options?: CallOptions): Promise<User> {
	return getOne(session, service, `/users/${segment(id)}`, "user", options);
}

export function listServices(
	session: Session,
	filter: { type?: string; name?: string } = {},
	options?: CallOptions,
): AsyncIterable<Service> {
	return pages(session, service, "/services", "services", { ...options, query: filter });
}

export async function createService(
	session: Session,
	fields: { type: string; name: string; description?: string; enabled?: boolean },
	options?: CallOptions,
): Promise<Service> {
	const answer = await session.request(service, "POST", "/services", { ...options, body: { service: fields } });
	return under(service, answer, "service");
}

export function listEndpoints(
	session: Session,
	filter: { service_id?: string; interface?: Endpoint["interface"]; region_id?: string } = {},
	options?: CallOptions,
): AsyncIterable<Endpoint> {
	return pages(session, service, "/endpoints", "endpoints", { ...options, query: filter });
}

export async function createEndpoint(
	session: Session,
	fields: Pick<Endpoint, "service_id" | "interface" | "url"> & { region_id?: string; enabled?: boolean },
	options?: CallOptions,
): Promise<Endpoint> {
	const answer = await session.request(service, "POST", "/endpoints", { ...options, body: { endpoint: fields } });
	return under(service, answer, "endpoint");
}

/** Changes an endpoint's address in place, which keeps its id. */
export async function updateEndpoint(
	session: Session,
	id: string,
	fields: Partial<Pick<Endpoint, "url" | "enabled">>,
	options?: CallOptions,
): Promise<Endpoint> {
	const path = `/endpoints/${segment(id)}`;
	const answer = await session.request(service, "PATCH", path, { ...options, body: { endpoint: fields } });
	return under(service, answer, "endpoint");
}
