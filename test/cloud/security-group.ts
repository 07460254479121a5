import type { SecurityGroup, SecurityGroupRule } from "#openstack/neutron.ts";
import { second, type World } from "./world.ts";

type StoredGroup = World["state"]["securityGroups"][string];

/** Every project has a group named `default`, made when it is first needed. */
export function defaultGroup(world: World, projectId: string): StoredGroup {
	const groups = Object.values(world.state.securityGroups);
	const found = groups.find((group) => group.project_id === projectId && group.name === "default");
	if (found !== undefined) return found;
	const group = makeGroup(world, projectId, { name: "default", description: "Default security group" });
	for (const ethertype of ["IPv4", "IPv6"] as const) {
		makeRule(world, projectId, {
			security_group_id: group.id,
			ethertype,
			direction: "ingress",
			remote_group_id: group.id,
		});
	}
	return group;
}

/** A new group lets everything out and nothing in. */
export function makeGroup(
	world: World,
	projectId: string,
	fields: { name: string; description?: string },
): StoredGroup {
	const now = second(world.now());
	const group = {
		id: world.newId(),
		name: fields.name,
		description: fields.description ?? "",
		project_id: projectId,
		tenant_id: projectId,
		stateful: true,
		shared: false,
		created_at: now,
		updated_at: now,
	};
	world.state.securityGroups[group.id] = group;
	for (const ethertype of ["IPv4", "IPv6"] as const) {
		makeRule(world, projectId, { security_group_id: group.id, ethertype, direction: "egress" });
	}
	return group;
}

export function makeRule(
	world: World,
	projectId: string,
	fields: Pick<SecurityGroupRule, "security_group_id" | "direction"> & Partial<SecurityGroupRule>,
): SecurityGroupRule {
	const rule: SecurityGroupRule & { tenant_id: string } = {
		ethertype: "IPv4",
		protocol: null,
		port_range_min: null,
		port_range_max: null,
		remote_ip_prefix: null,
		remote_group_id: null,
		description: "",
		...fields,
		id: world.newId(),
		project_id: projectId,
		tenant_id: projectId,
	};
	world.state.securityGroupRules[rule.id] = rule;
	return rule;
}

export function withRules(world: World, group: StoredGroup): SecurityGroup {
	const rules = Object.values(world.state.securityGroupRules);
	return { ...group, security_group_rules: rules.filter((rule) => rule.security_group_id === group.id) };
}
