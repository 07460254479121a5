import { BlockList, isIPv4 } from "node:net";
import type { FixedIp, Subnet } from "#openstack/neutron.ts";
import { badRequest, conflict } from "./fault.ts";
import type { World } from "./world.ts";

/** Every address in use in a subnet. */
function taken(world: World, subnet: Subnet): Set<string> {
	const used = new Set<string>();
	for (const port of Object.values(world.state.ports)) {
		for (const ip of port.fixed_ips) if (ip.subnet_id === subnet.id) used.add(ip.ip_address);
	}
	return used;
}

function toNumber(address: string): number {
	return address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

function toAddress(value: number): string {
	return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** The pool Neutron makes when none is asked for: every host address but the gateway's. IPv4. */
export function defaultPool(cidr: string, gateway: string | null): { start: string; end: string }[] {
	const [network = "", bits = "24"] = cidr.split("/");
	const first = toNumber(network) + 1;
	const last = toNumber(network) + 2 ** (32 - Number(bits)) - 2;
	const gate = gateway === null ? 0 : toNumber(gateway);
	const ranges: [number, number][] =
		gate < first || gate > last
			? [[first, last]]
			: [
					[first, gate - 1],
					[gate + 1, last],
				];
	return ranges
		.filter(([from, to]) => from <= to)
		.map(([from, to]) => ({ start: toAddress(from), end: toAddress(to) }));
}

export function firstHost(cidr: string): string {
	return toAddress(toNumber(cidr.split("/")[0] ?? "") + 1);
}

function contains(subnet: Subnet, address: string): boolean {
	const [network = "", bits = "24"] = subnet.cidr.split("/");
	const block = new BlockList();
	block.addSubnet(network, Number(bits), "ipv4");
	return isIPv4(address) && block.check(address, "ipv4");
}

/**
 * The addresses of a new port: those asked for, checked, or one free address of the network's first IPv4 subnet.
 * Throws Neutron's 400 for an address outside its subnet and 409 for one in use or a pool that is used up.
 */
export function allocate(
	world: World,
	networkId: string,
	asked: { subnet_id?: string; ip_address?: string }[] | undefined,
): FixedIp[] {
	const subnets = Object.values(world.state.subnets).filter((one) => one.network_id === networkId);
	const wanted = asked ?? (subnets.length === 0 ? [] : [{}]);
	return wanted.map(({ subnet_id, ip_address }) => {
		const subnet =
			subnet_id === undefined
				? subnets.find((one) => (ip_address === undefined ? one.ip_version === 4 : contains(one, ip_address)))
				: subnets.find((one) => one.id === subnet_id);
		if (subnet === undefined) {
			if (ip_address === undefined)
				throw badRequest(`Invalid input: no such subnet in network ${networkId}.`, "InvalidInput");
			throw badRequest(
				`IP address ${ip_address} is not a valid IP for any of the subnets on the specified network.`,
				"InvalidIpForNetwork",
			);
		}
		return {
			subnet_id: subnet.id,
			ip_address: ip_address === undefined ? freeIn(world, subnet) : free(world, subnet, ip_address),
		};
	});
}

function free(world: World, subnet: Subnet, address: string): string {
	if (!contains(subnet, address)) {
		throw badRequest(`IP address ${address} is not a valid IP for the specified subnet.`, "InvalidIpForSubnet");
	}
	if (taken(world, subnet).has(address) || address === subnet.gateway_ip) {
		throw conflict(`IP address ${address} already allocated in subnet ${subnet.id}`, "IpAddressAlreadyAllocated");
	}
	return address;
}

function freeIn(world: World, subnet: Subnet): string {
	const used = taken(world, subnet);
	for (const { start, end } of subnet.allocation_pools) {
		for (let value = toNumber(start); value <= toNumber(end); value++) {
			if (!used.has(toAddress(value))) return toAddress(value);
		}
	}
	throw conflict(`No more IP addresses available on network ${subnet.network_id}.`, "IpAddressGenerationFailure");
}
