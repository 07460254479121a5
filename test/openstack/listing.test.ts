import { randomUUID } from "node:crypto";
import test from "ava";
import { listVolumes } from "#openstack/cinder.ts";
import { collect } from "#openstack/collect.ts";
import { listImages } from "#openstack/glance.ts";
import { createPort, deletePort, listNetworks, listPorts } from "#openstack/neutron.ts";
import { listFlavors, listServers } from "#openstack/nova.ts";
import type { SessionOptions } from "#openstack/session.ts";
import { startProxy } from "./proxy.ts";
import { openTarget, type Target } from "./target.ts";

let target: Target;
test.before(async () => {
	target = await openTarget();
});
test.after.always(() => target?.stop());

test("flavors, page by page, are the flavors of one page", async (t) => {
	const session = target.session();
	const whole = await collect(listFlavors(session));
	t.true(whole.length >= 2);
	t.deepEqual(await collect(listFlavors(session, { limit: 1 })), whole);
});

test("ports, page by page: none twice, none missing, filters kept", async (t) => {
	const session = target.session();
	const [network] = await collect(listNetworks(session, { "router:external": false }));
	t.truthy(network);
	if (!network) return;
	const name = `page-${randomUUID()}`;
	const made = [];
	for (let count = 0; count < 5; count++) made.push((await createPort(session, { network_id: network.id, name })).id);
	const paged = await collect(listPorts(session, { name, limit: "2" }));
	t.deepEqual(paged.map((port) => port.id).sort(), made.sort());
	for (const id of made) t.is(await deletePort(session, id), "accepted");
	t.is(await deletePort(session, made[0] ?? ""), "gone");
	t.deepEqual(await collect(listPorts(session, { name })), []);
});

test("servers, volumes and images are followed over all their pages", async (t) => {
	const { cloud, imageId, folder } = target;
	if (!cloud) return t.pass("Not on a cloud that is not ours.");
	for (const name of ["a", "b", "c"]) {
		await cloud.seedServer({ name, project: "demo", flavor: "m1.nano", imageId });
		await cloud.seedVolume({ name, project: "demo", size: 1 });
		await cloud.seedImage({ name, project: "demo", file: `${folder}/image.raw`, format: "raw" });
	}
	const session = target.session();
	const names = (items: { name: string | null }[]) => items.map((item) => item.name).sort();
	t.deepEqual(names(await collect(listServers(session, { limit: 1 }))), ["a", "b", "c"]);
	t.deepEqual(names(await collect(listVolumes(session, { limit: 2 }))), ["a", "b", "c"]);
	t.deepEqual(names(await collect(listImages(session, { limit: 1 }))), ["a", "b", "c", "tiny"]);
	t.deepEqual(await collect(listServers(session, { name: "^b$" })).then(names), ["b"]);
});

test("next links that lead through another host, or in a circle, do no harm", async (t) => {
	const endpoint = new URL(await target.session().endpoint("network"));
	const proxy = await startProxy(endpoint.origin);
	const options: Partial<SessionOptions> = { endpointOverrides: { network: proxy.url + endpoint.pathname } };
	const session = target.session(options);
	const links = [{ rel: "next", href: "http://evil.example:1/v2.0/networks?limit=1&marker=x" }];
	const page = { status: 200, body: JSON.stringify({ networks: [{ id: "x" }], networks_links: links }) };
	proxy.trouble(page, page, page);
	const ids = (await collect(listNetworks(session))).map((network) => network.id);
	t.deepEqual(ids, ["x", "x"], "the same link a second time ends the listing");
	t.true(proxy.seen[1]?.path.endsWith("/v2.0/networks?limit=1&marker=x"));
	await proxy.close();
});

test("an answer without the listing is 'bad-answer', not an empty listing", async (t) => {
	const endpoint = new URL(await target.session().endpoint("compute"));
	const proxy = await startProxy(endpoint.origin);
	const session = target.session({ endpointOverrides: { compute: proxy.url + endpoint.pathname } });
	proxy.trouble({ status: 200, body: "{}" });
	await t.throwsAsync(collect(listServers(session)), { message: /answered 200 without "servers"/ });
	await proxy.close();
});
