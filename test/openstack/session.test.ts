import { randomUUID } from "node:crypto";
import test from "ava";
import { isOpenStackError, type OpenStackError } from "#openstack/error.ts";
import { getServer } from "#openstack/nova.ts";
import { createSession } from "#openstack/session.ts";
import { startProxy } from "./proxy.ts";
import { openTarget, passwordOf, type Target } from "./target.ts";

let target: Target;
test.before(async () => {
	target = await openTarget();
});
test.after.always(() => target?.stop());

test("a password gives a token of the project, with its roles and its end", async (t) => {
	const before = Date.now();
	const token = await target.session().token();
	t.truthy(token.id);
	t.is(token.project?.name, (target.auth.project as { name: string }).name);
	t.true(token.roles.some((role) => role.name === "admin"));
	t.true(token.expiresAt.getTime() > before);
	t.true((token.catalog?.length ?? 0) >= 5);
});

test("a wrong password is 'unauthorized', with Keystone's sentence and request id", async (t) => {
	const session = target.session({ auth: { ...target.auth, password: "wrong" } });
	const error = (await t.throwsAsync(session.token())) as OpenStackError;
	t.like(error, { kind: "unauthorized", status: 401, service: "identity", code: "Unauthorized" });
	t.regex(error.message, /requires authentication/);
	t.regex(error.requestId ?? "", /^req-/);
});

test("an auth URL that is not Keystone is 'bad-answer' or 'not-found', and says so", async (t) => {
	const proxy = await startProxy(target.authUrl);
	proxy.trouble({ status: 200, body: "<html>hello</html>" });
	const session = target.session({ authUrl: `${proxy.url}/v3` });
	await t.throwsAsync(session.token(), { message: /not a token; check that the auth URL points at Keystone/ });
	await proxy.close();
});

test("callers that come together share one authentication", async (t) => {
	const proxy = await startProxy(new URL(target.authUrl).origin);
	const session = target.session({ authUrl: proxy.url + new URL(target.authUrl).pathname });
	const tokens = await Promise.all(Array.from({ length: 8 }, () => session.token()));
	t.is(new Set(tokens.map((token) => token.id)).size, 1);
	t.is(proxy.seen.length, 1);
	await proxy.close();
});

test("a token can be used as it is, and asked for another scope", async (t) => {
	const first = await target.session().token();
	const given = target.session({ auth: { method: "token", token: first.id } });
	t.is((await given.token()).id, first.id);
	t.is((await given.token()).project?.id, first.project?.id);
	t.truthy(await given.endpoint("compute"));

	const project = { id: first.project?.id ?? "" };
	const scoped = await target.session({ auth: { method: "token", token: first.id, project } }).token();
	t.not(scoped.id, first.id);
	t.true(scoped.expiresAt.getTime() <= first.expiresAt.getTime());
});

test("an application credential gives its own project", async (t) => {
	const session = target.session();
	const { user, project } = await session.token();
	const made = await session.request("identity", "POST", `/users/${user.id}/application_credentials`, {
		body: { application_credential: { name: `test-${randomUUID()}` } },
	});
	const { id, secret } = (made.body as { application_credential: { id: string; secret: string } })
		.application_credential;
	const token = await target.session({ auth: { method: "application_credential", id, secret } }).token();
	t.is(token.project?.id, project?.id);
	const refused = target.session({ auth: { method: "application_credential", id, secret: "wrong" } });
	await t.throwsAsync(refused.token(), { message: /requires authentication/ });
});

test("a token that has ended under a session is renewed once, and the call succeeds", async (t) => {
	if (!target.cloud) return t.pass("Only the demo cloud can end tokens early.");
	const session = target.session();
	const first = await session.token();
	target.cloud.expireToken(first.id);
	t.is((await session.request("compute", "GET", "/servers")).status, 200);
	t.not((await session.token()).id, first.id);
});

test("calls that meet the end of their token together all succeed, on one new token", async (t) => {
	if (!target.cloud) return t.pass("Only the demo cloud can end tokens early.");
	const proxy = await startProxy(new URL(target.authUrl).origin);
	const session = target.session({ authUrl: proxy.url + new URL(target.authUrl).pathname });
	target.cloud.expireToken((await session.token()).id);
	const calls = Array.from({ length: 6 }, () => session.request("compute", "GET", "/servers"));
	for (const answer of await Promise.all(calls)) t.is(answer.status, 200);
	t.is(proxy.seen.length, 2);
	await proxy.close();
});

test("a given token that has ended is 'unauthorized': there is nothing to renew it with", async (t) => {
	if (!target.cloud) return t.pass("Only the demo cloud can end tokens early.");
	const { id } = await target.session().token();
	const session = target.session({ auth: { method: "token", token: id } });
	await session.token();
	target.cloud.expireToken(id);
	const error = await t.throwsAsync(session.request("compute", "GET", "/servers"));
	t.true(isOpenStackError(error, "unauthorized"));
});

test("a token about to end is renewed before it is used", async (t) => {
	let now = Date.now();
	const session = target.session({ now: () => new Date(now) });
	const first = await session.token();
	now = first.expiresAt.getTime() - 61_000;
	t.is((await session.token()).id, first.id);
	now = first.expiresAt.getTime() - 59_000;
	t.not((await session.token()).id, first.id);
});

test("a 401 is answered with one more try, not with a loop", async (t) => {
	const proxy = await startProxy(new URL(await target.session().endpoint("compute")).origin);
	const compute = proxy.url + new URL(await target.session().endpoint("compute")).pathname;
	const session = target.session({ endpointOverrides: { compute } });
	const refusal = { status: 401, body: '{"error":{"code":401,"title":"Unauthorized","message":"no"}}' };
	proxy.trouble(refusal, refusal, refusal);
	await t.throwsAsync(getServer(session, randomUUID()), { message: "no" });
	t.is(proxy.seen.length, 2);
	await proxy.close();
});

test("endpoints are chosen by type, alias, interface and region, or overridden", async (t) => {
	const session = target.session();
	const project = (await session.token()).project?.id ?? "";
	t.regex(await session.endpoint("compute"), /\/v2\.1/);
	t.regex(await session.endpoint("image"), /\/v2$/);
	t.regex(await session.endpoint("network"), /\/v2\.0$/);
	t.true((await session.endpoint("block-storage")).endsWith(`/v3/${project}`));
	t.is(await session.endpoint("volumev3"), await session.endpoint("block-storage"));
	t.truthy(await target.session({ interface: "internal" }).endpoint("network"));

	const elsewhere = await t.throwsAsync(target.session({ region: "Nowhere" }).endpoint("compute"));
	t.true(isOpenStackError(elsewhere, "not-found"));
	t.regex(elsewhere?.message ?? "", /no public endpoint for compute in region Nowhere; it lists .*compute/);
	await t.throwsAsync(session.endpoint("no-such-service"), { message: /no public endpoint for no-such-service/ });

	const overridden = target.session({ endpointOverrides: { volumev3: "http://127.0.0.1:1/volume" } });
	t.is(await overridden.endpoint("block-storage"), `http://127.0.0.1:1/volume/v3/${project}`);
});

test("the global request id travels to the service, whose own id comes back", async (t) => {
	const endpoint = new URL(await target.session().endpoint("compute"));
	const proxy = await startProxy(endpoint.origin);
	const globalRequestId = `req-${randomUUID()}`;
	const session = target.session({ endpointOverrides: { compute: proxy.url + endpoint.pathname }, globalRequestId });
	const answer = await session.request("compute", "GET", "/servers");
	t.is(proxy.seen[0]?.headers["x-openstack-request-id"], globalRequestId);
	t.regex(answer.requestId ?? "", /^req-/);
	t.not(answer.requestId, globalRequestId);
	await proxy.close();
});

test("the token is not sent along a redirect", async (t) => {
	const endpoint = new URL(await target.session().endpoint("compute"));
	const proxy = await startProxy(endpoint.origin);
	const other = await startProxy(endpoint.origin);
	proxy.trouble({ status: 302, headers: { location: `${other.url}/compute/v2.1/servers` } });
	const session = target.session({ endpointOverrides: { compute: proxy.url + endpoint.pathname } });
	await t.throwsAsync(session.request("compute", "GET", "/servers"));
	t.is(other.seen.length, 0);
	await Promise.all([proxy.close(), other.close()]);
});

test("a member of a project cannot have another project's token", async (t) => {
	if (!target.cloud) return t.pass("Only the demo cloud has these users.");
	const { authUrl } = target;
	await t.throwsAsync(createSession({ authUrl, auth: passwordOf("demo", "other") }).token(), {
		message: /requires authentication/,
	});
	const { roles } = await createSession({ authUrl, auth: passwordOf("demo") }).token();
	t.deepEqual(roles.map((role) => role.name).sort(), ["member", "reader"]);
});
