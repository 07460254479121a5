import { timingSafeEqual } from "node:crypto";
import { Fault } from "./fault.ts";
import type { StoredUser } from "./state.ts";
import { findToken, type IssuedToken, unauthorized } from "./token.ts";
import type { World } from "./world.ts";

type Ref = { id?: string; name?: string; domain?: { id?: string; name?: string } };

/** Who proved to be whom, and what that proof limits. */
export type Identity = {
	userId: string;
	methods: string[];
	/** An application credential's project: no other scope may be asked for. */
	boundProject?: string;
	boundRoles?: string[];
	/** The project of the token that was shown. */
	tokenProject?: string | undefined;
	/** A token made of a token does not live longer than it. */
	expiresAt?: Date;
};

/** Checks `auth.identity`. Throws 400 for a malformed body and 401 for anything that is not proven, without saying why. */
export function provenIdentity(world: World, auth: Record<string, unknown> | undefined): Identity {
	const identity = auth?.identity as Record<string, unknown> | undefined;
	const methods = identity?.methods;
	if (!Array.isArray(methods) || methods.length === 0) {
		throw new Fault(400, "Invalid input for field 'identity': 'methods' is a required property");
	}
	switch (methods[0]) {
		case "password": {
			const given = (identity?.password as { user?: Ref & { password?: string } } | undefined)?.user;
			const user = given && findUser(world, given);
			if (user === undefined || !user.enabled || !same(user.password, given?.password)) throw unauthorized();
			return { userId: user.id, methods: ["password"] };
		}
		case "token": {
			const token = findToken(world, (identity?.token as { id?: string } | undefined)?.id);
			if (token === undefined) throw unauthorized();
			return {
				userId: token.userId,
				methods: ["token", ...token.methods.filter((method) => method !== "token")],
				tokenProject: token.projectId,
				expiresAt: token.expiresAt,
			};
		}
		case "application_credential": {
			const given = identity?.application_credential as { id?: string; name?: string; user?: Ref; secret?: string };
			const owner = given?.user && findUser(world, given.user);
			const credential = Object.values(world.state.credentials).find((one) =>
				given?.id === undefined ? one.name === given?.name && one.user_id === owner?.id : one.id === given.id,
			);
			if (credential === undefined || !same(credential.secret, given.secret)) throw unauthorized();
			const { user_id: userId, project_id: boundProject, roles: boundRoles } = credential;
			return { userId, methods: ["application_credential"], boundProject, boundRoles };
		}
		default:
			throw unauthorized();
	}
}

/** The project and roles that `auth.scope` leads to; none at all for an unscoped token. Throws 401 where there is no role. */
export function projectOf(
	world: World,
	auth: Record<string, unknown> | undefined,
	identity: Identity,
): Pick<IssuedToken, "projectId" | "roleIds"> {
	const scope = auth?.scope as { project?: Ref } | "unscoped" | undefined;
	if (identity.boundProject !== undefined) {
		if (scope !== undefined) throw unauthorized();
		return { projectId: identity.boundProject, roleIds: identity.boundRoles ?? [] };
	}
	if (scope === "unscoped") return { projectId: undefined, roleIds: [] };
	const asked = scope?.project;
	const projectId = asked === undefined ? identity.tokenProject : findProject(world, asked)?.id;
	if (projectId === undefined) {
		if (asked !== undefined) throw unauthorized();
		return { projectId: undefined, roleIds: [] };
	}
	const roleIds = rolesIn(world, identity.userId, projectId);
	if (roleIds.length === 0) throw unauthorized();
	return { projectId, roleIds };
}

/** Keystone's implied roles: an admin is a member, a member is a reader. */
function rolesIn(world: World, userId: string, projectId: string): string[] {
	const { assignments, roles } = world.state;
	const idOf = (name: string) => Object.values(roles).find((role) => role.name === name)?.id;
	const held = new Set(
		assignments.filter((one) => one.user === userId && one.project === projectId).map((one) => one.role),
	);
	for (const [role, implied] of [
		["admin", "member"],
		["member", "reader"],
	] as const) {
		const [from, to] = [idOf(role), idOf(implied)];
		if (from !== undefined && to !== undefined && held.has(from)) held.add(to);
	}
	return [...held];
}

function findUser(world: World, ref: Ref): StoredUser | undefined {
	return Object.values(world.state.users).find((user) => matches(world, ref, user));
}

function findProject(world: World, ref: Ref) {
	return Object.values(world.state.projects).find((project) => project.enabled && matches(world, ref, project));
}

function matches(world: World, ref: Ref, one: { id: string; name: string; domain_id: string }): boolean {
	if (ref.id !== undefined) return ref.id === one.id;
	const domain = world.state.domains[one.domain_id];
	const inDomain =
		ref.domain?.id === domain?.id || (ref.domain?.name !== undefined && ref.domain.name === domain?.name);
	return ref.name === one.name && inDomain;
}

function same(stored: string, given: unknown): boolean {
	const [left, right] = [Buffer.from(stored), Buffer.from(typeof given === "string" ? given : "")];
	return left.length === right.length && timingSafeEqual(left, right);
}
