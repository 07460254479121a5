import test from "ava";
import { collect } from "#openstack/collect.ts";
import {
	createPort,
	listNetworks,
	listPorts,
	listRouters,
	listSecurityGroups,
	listSubnets,
} from "#openstack/neutron.ts";
import { createServer, getServer, listInterfaces } from "#openstack/nova.ts";
import { createSession, type Session } from "#openstack/session.ts";
import { waitForStatus } from "#openstack/wait.ts";
import { openTarget, passwordOf, type Target } from "#test/openstack/target.ts";
import { defaultPool, firstHost } from "./address.ts";

let target: Target;
let demo: Session;
let other: Session;
test.before(async () => {
	target = await openTarget();
	demo = createSession({ authUrl: target.authUrl, auth: passwordOf("demo") });
	other = createSession({ authUrl: target.authUrl, auth: passwordOf("other", "other") });
});
test.after.always(() => target?.stop());

const make = async (session: Session, kind: string, body: Record<string, unknown>) => {
	const answer = await session.request("network", "POST", `/${kind}s`, { body: { [kind]: body } });
	return (answer.body as Record<string, { id: string }>)[kind]?.id ?? "";
};

test("pools leave the gateway out, wherever it is", (t) => {
	t.is(firstHost("10.0.0.0/24"), "10.0.0.1");
	t.deepEqual(defaultPool("10.0.0.0/24", "10.0.0.1"), [{ start: "10.0.0.2", end: "10.0.0.254" }]);
	t.deepEqual(defaultPool("192.168.0.0/29", "192.168.0.3"), [
		{ start: "192.168.0.1", end: "192.168.0.2" },
		{ start: "192.168.0.4", end: "192.168.0.6" },
	]);
	t.deepEqual(defaultPool("10.0.0.0/30", null), [{ start: "10.0.0.1", end: "10.0.0.2" }]);
});

test("ports get free addresses, the asked one, or Neutron's refusal", async (t) => {
	const network_id = await make(demo, "network", { name: "small" });
	const subnet_id = await make(demo, "subnet", { network_id, cidr: "10.9.0.0/29", ip_version: 4 });
	const asked = await createPort(demo, {
		network_id,
		fixed_ips: [{ ip_address: "10.9.0.4" }],
		mac_address: "fa:16:3e:00:00:01",
	});
	t.deepEqual(asked.fixed_ips, [{ subnet_id, ip_address: "10.9.0.4" }]);
	t.is(asked.mac_address, "fa:16:3e:00:00:01");
	const again = createPort(demo, { network_id, fixed_ips: [{ ip_address: "10.9.0.4" }] });
	t.like(await t.throwsAsync(again), { kind: "conflict", code: "IpAddressAlreadyAllocated" });
	const sameMac = createPort(demo, { network_id, mac_address: "fa:16:3e:00:00:01" });
	t.like(await t.throwsAsync(sameMac), { kind: "conflict", code: "MacAddressInUse" });
	const outside = createPort(demo, { network_id, fixed_ips: [{ ip_address: "10.8.0.4" }] });
	t.like(await t.throwsAsync(outside), { kind: "bad-request", code: "InvalidIpForNetwork" });
	const free = [];
	for (let count = 0; count < 4; count++) free.push((await createPort(demo, { network_id })).fixed_ips[0]?.ip_address);
	t.deepEqual(free, ["10.9.0.2", "10.9.0.3", "10.9.0.5", "10.9.0.6"]);
	t.like(await t.throwsAsync(createPort(demo, { network_id })), {
		kind: "conflict",
		code: "IpAddressGenerationFailure",
	});
});

test("a server takes a port as it is, and does not take it with it", async (t) => {
	const [network] = await collect(listNetworks(demo, { name: "demo-net" }));
	const port = await createPort(demo, { network_id: network?.id ?? "", name: "kept" });
	const wish = { name: "p", imageRef: target.imageId, flavorRef: "1", networks: [{ port: port.id }] };
	const { id } = await createServer(demo, wish);
	await waitForStatus(() => getServer(demo, id), ["ACTIVE"], { what: "server p", timeoutMs: 20_000, pollMs: 50 });
	t.like((await listInterfaces(demo, id))[0], { port_id: port.id, mac_addr: port.mac_address });
	t.like(await t.throwsAsync(createServer(demo, wish)), { kind: "conflict" });
	const [bound] = await collect(listPorts(demo, { device_id: id }));
	t.like(bound, { id: port.id, device_owner: "compute:nova" });
	const ports = async () => (await collect(listPorts(demo, { network_id: network?.id }))).length;
	const before = await ports();
	const wrong = { ...wish, networks: [{ uuid: network?.id ?? "" }, { uuid: "none" }] };
	await t.throwsAsync(createServer(demo, wrong), { message: /Network none could not be found/ });
	t.is(await ports(), before, "a refused server leaves no port behind");
});

test("a project has a default group, a seeded router, and sees nobody else's", async (t) => {
	const groups = await collect(listSecurityGroups(demo));
	t.deepEqual(groups.map((group) => group.name).sort(), ["default", "demo-ssh"]);
	const own = groups.find((group) => group.name === "default");
	t.true(own?.security_group_rules.some((rule) => rule.remote_group_id === own.id));
	const [router] = await collect(listRouters(demo));
	const [leg] = await collect(listPorts(demo, { device_id: router?.id ?? "" }));
	t.like(leg, { device_owner: "network:router_interface" });
	t.is(leg?.fixed_ips[0]?.ip_address, (await collect(listSubnets(demo, { name: "demo-subnet" })))[0]?.gateway_ip ?? "");

	t.deepEqual(
		(await collect(listSecurityGroups(other))).map((group) => group.name),
		["default"],
	);
	t.deepEqual(await collect(listRouters(other)), []);
	t.deepEqual(
		(await collect(listNetworks(other))).map((network) => network.name),
		["public"],
		"the outside network is everybody's",
	);
	const [foreign] = await collect(listNetworks(demo, { name: "demo-net" }));
	t.like(await t.throwsAsync(createPort(other, { network_id: foreign?.id ?? "" })), { kind: "not-found" });
});
