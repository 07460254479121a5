import type { Context } from "#functions/adapter/context.ts";
import type { Session } from "#openstack/session.ts";

/**
 * Who background work acts as in a tenant's project: for now the service user, to whom the operator gives a role in
 * each protected project (admin, where hosts and connection details are for admins only). Keystone trusts of the
 * tenant's users take its place here, and nowhere else.
 */
export function backgroundSession(context: Context, projectId: string): Session {
	return context.service(projectId);
}
