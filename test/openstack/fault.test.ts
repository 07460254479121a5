import { randomUUID } from "node:crypto";
import test from "ava";
import { getVolume } from "#openstack/cinder.ts";
import type { OpenStackError } from "#openstack/error.ts";
import { faultOf } from "#openstack/fault.ts";
import { getImage } from "#openstack/glance.ts";
import { createPort, getNetwork } from "#openstack/neutron.ts";
import { createServer, getServer } from "#openstack/nova.ts";
import { createSession } from "#openstack/session.ts";
import { openTarget, passwordOf, type Target } from "./target.ts";

let target: Target;
test.before(async () => {
	target = await openTarget();
});
test.after.always(() => target?.stop());

const unknown = randomUUID();

test("each service's own 404 is one kind, with the service's sentence and code", async (t) => {
	const session = target.session();
	const caught = async (call: Promise<unknown>) => (await t.throwsAsync(call)) as OpenStackError;
	const nova = await caught(getServer(session, unknown));
	t.like(nova, { kind: "not-found", status: 404, service: "compute", code: "itemNotFound" });
	const cinder = await caught(getVolume(session, unknown));
	t.like(cinder, { kind: "not-found", status: 404, service: "block-storage", code: "itemNotFound" });
	const neutron = await caught(getNetwork(session, unknown));
	t.like(neutron, { kind: "not-found", status: 404, service: "network", code: "NetworkNotFound" });
	const glance = await caught(getImage(session, unknown));
	t.like(glance, { kind: "not-found", status: 404, service: "image", code: "Not Found" });
	for (const error of [nova, cinder, neutron, glance]) {
		t.true(error.message.includes(unknown), error.message);
		t.regex(error.requestId ?? "", /^req-/);
		t.notRegex(error.message, /[<>]/);
	}
});

test("bad requests and conflicts keep the service's reason", async (t) => {
	const session = target.session();
	const nameless = createServer(session, { name: "", flavorRef: "", networks: "none" });
	t.like(await t.throwsAsync(nameless), { kind: "bad-request", status: 400, code: "badRequest" });
	t.like(await t.throwsAsync(createPort(session, { network_id: unknown })), {
		kind: "not-found",
		code: "NetworkNotFound",
	});
	const tooNew = session.request("compute", "GET", "/servers", { microversion: "2.9999" });
	t.like(await t.throwsAsync(tooNew), { status: 406, kind: "bad-request" });
});

test("a reader may not create, and another project's server is not there", async (t) => {
	if (!target.cloud) return t.pass("Only the demo cloud has these users.");
	const { authUrl, imageId, flavorId } = target;
	const reader = createSession({ authUrl, auth: passwordOf("reader") });
	const wish = { name: "x", imageRef: imageId, flavorRef: flavorId, networks: "none" as const };
	t.like(await t.throwsAsync(createServer(reader, wish)), { kind: "forbidden", status: 403, code: "forbidden" });
	const server = await target.cloud.seedServer({ name: "mine", project: "demo", flavor: "m1.nano", imageId });
	t.is((await getServer(reader, server.id)).name, "mine");
	const other = createSession({ authUrl, auth: passwordOf("other", "other") });
	t.like(await t.throwsAsync(getServer(other, server.id)), { kind: "not-found", status: 404 });
	const everyone = other.request("compute", "GET", "/servers/detail", { query: { all_tenants: 1 } });
	t.like(await t.throwsAsync(everyone), { kind: "forbidden", status: 403 });
});

const read = (status: number, text: string) => faultOf({ service: "x", status, text });

test("bodies as the services and their proxies send them", (t) => {
	const quota = {
		code: 403,
		message: "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances",
	};
	t.like(read(403, JSON.stringify({ forbidden: quota })), {
		kind: "over-limit",
		code: "forbidden",
		message: quota.message,
	});
	const overQuota = { type: "OverQuota", message: "Quota exceeded for resources: ['port'].", detail: "" };
	t.like(read(409, JSON.stringify({ NeutronError: overQuota })), { kind: "over-limit", code: "OverQuota" });
	const cinder = { overLimit: { code: 413, message: "VolumeSizeExceedsAvailableQuota", retryAfter: "0" } };
	t.like(read(413, JSON.stringify(cinder)), { kind: "over-limit", code: "overLimit" });
	const html =
		"<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  No image found with ID x<br /><br />\n\n\n </body>\n</html>";
	t.like(read(404, html), { kind: "not-found", code: "Not Found", message: "No image found with ID x" });
	const haproxy =
		"<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>";
	t.like(read(503, haproxy), { kind: "unavailable", message: "No server is available to handle this request." });
	const guideline = {
		errors: [{ status: 409, code: "placement.undefined_code", title: "Conflict", detail: "There was a conflict." }],
	};
	t.like(read(409, JSON.stringify(guideline)), {
		kind: "conflict",
		code: "placement.undefined_code",
		message: "There was a conflict.",
	});
	t.like(read(500, ""), { kind: "server-error", message: "The x service answered 500 without saying why." });
	t.like(read(500, "{broken"), { kind: "server-error", message: "{broken" });
	t.like(read(418, "null"), { kind: "bad-request", message: "null" });
});
