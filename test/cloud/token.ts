import { randomBytes } from "node:crypto";
import { Fault, forbidden } from "./fault.ts";
import { microsecond, type World } from "./world.ts";

/** A token in memory: gone with the process, as with Fernet keys that were rotated away. */
export type IssuedToken = {
	id: string;
	userId: string;
	projectId: string | undefined;
	roleIds: string[];
	methods: string[];
	auditId: string;
	issuedAt: Date;
	expiresAt: Date;
};

/** Who calls: a checked token, with what policies ask about. */
export type Caller = {
	token: IssuedToken;
	userId: string;
	projectId: string;
	roles: ReadonlySet<string>;
	isAdmin: boolean;
};

export const unauthorized = () => new Fault(401, "The request you have made requires authentication.");

export function issueToken(
	world: World,
	grant: Pick<IssuedToken, "userId" | "projectId" | "roleIds" | "methods"> & { expiresAt?: Date },
): IssuedToken {
	const issuedAt = world.now();
	const token: IssuedToken = {
		...grant,
		id: `gAAAAA${randomBytes(96).toString("base64url")}`,
		auditId: randomBytes(16).toString("base64url"),
		issuedAt,
		expiresAt: grant.expiresAt ?? new Date(issuedAt.getTime() + world.tokenLifetimeSeconds * 1000),
	};
	world.tokens.set(token.id, token);
	return token;
}

/** Undefined for a token that is unknown, revoked or past its end. */
export function findToken(world: World, id: string | undefined): IssuedToken | undefined {
	const token = id === undefined ? undefined : world.tokens.get(id);
	if (token === undefined) return undefined;
	if (token.expiresAt.getTime() > world.now().getTime() && world.state.users[token.userId]?.enabled) return token;
	world.tokens.delete(token.id);
	return undefined;
}

/** The caller of a service other than Keystone, which all want a project. */
export function callerOf(world: World, tokenId: string | undefined): Caller {
	const token = findToken(world, tokenId);
	if (token === undefined) throw unauthorized();
	const roles = new Set(token.roleIds.map((id) => world.state.roles[id]?.name ?? ""));
	return { token, userId: token.userId, projectId: token.projectId ?? "", roles, isAdmin: roles.has("admin") };
}

/** A reader may look and not touch. */
export function mustBeMember(caller: Caller, rule: string): void {
	if (!caller.roles.has("member") && !caller.isAdmin) throw forbidden(rule);
}

export function mustBeAdmin(caller: Caller, rule: string): void {
	if (!caller.isAdmin) throw forbidden(rule);
}

/** The `{token:{…}}` body of authentication and validation. */
export function tokenBody(world: World, token: IssuedToken, withCatalog: boolean): unknown {
	const { users, projects, roles, domains } = world.state;
	const inDomain = (one: { id: string; name: string; domain_id: string }) => ({
		id: one.id,
		name: one.name,
		domain: { id: one.domain_id, name: domains[one.domain_id]?.name ?? "" },
	});
	const user = users[token.userId];
	const project = token.projectId === undefined ? undefined : projects[token.projectId];
	if (user === undefined) throw unauthorized();
	return {
		token: {
			methods: token.methods,
			user: { ...inDomain(user), password_expires_at: null },
			audit_ids: [token.auditId],
			expires_at: `${microsecond(token.expiresAt)}Z`,
			issued_at: `${microsecond(token.issuedAt)}Z`,
			...(project && {
				project: inDomain(project),
				is_domain: false,
				roles: token.roleIds.map((id) => ({ id, name: roles[id]?.name ?? "" })),
				...(withCatalog && { catalog: catalogFor(world, project.id) }),
			}),
		},
	};
}

/** Keystone leaves out disabled services, and fills project and user ids into endpoint templates. */
function catalogFor(world: World, projectId: string): unknown[] {
	const endpoints = Object.values(world.state.endpoints).filter((one) => one.enabled);
	return Object.values(world.state.services)
		.filter((service) => service.enabled)
		.map((service) => ({
			id: service.id,
			type: service.type,
			name: service.name ?? "",
			endpoints: endpoints
				.filter((one) => one.service_id === service.id)
				.map((one) => ({
					id: one.id,
					interface: one.interface,
					region: one.region_id,
					region_id: one.region_id,
					url: one.url.replace(/[$%]\((project|tenant)_id\)s/g, projectId),
				})),
		}));
}
