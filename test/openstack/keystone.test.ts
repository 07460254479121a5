import test from "ava";
import { collect } from "#openstack/collect.ts";
import { isOpenStackError } from "#openstack/error.ts";
import {
	createEndpoint,
	createService,
	getProject,
	listEndpoints,
	listServices,
	revokeToken,
	updateEndpoint,
	validateToken,
} from "#openstack/keystone.ts";
import { createSession } from "#openstack/session.ts";
import { openTarget, passwordOf, type Target } from "./target.ts";

let target: Target;
test.before(async () => {
	target = await openTarget();
});
test.after.always(() => target?.stop());

test("a valid token is read: user, project, roles, end; the catalog on request", async (t) => {
	const session = target.session();
	const other = await target.session().token();
	const valid = await validateToken(session, other.id);
	t.is(valid?.user.id, other.user.id);
	t.deepEqual(valid?.project, other.project);
	t.deepEqual(valid?.roles, other.roles);
	t.deepEqual(valid?.expiresAt, other.expiresAt);
	t.is(valid?.catalog, undefined);
	const withCatalog = await validateToken(session, other.id, { catalog: true });
	t.deepEqual(withCatalog?.catalog, other.catalog);
});

test("made-up, revoked and malformed tokens are simply not valid", async (t) => {
	const session = target.session();
	t.is(await validateToken(session, "gAAAAA-made-up"), undefined);
	t.is(await validateToken(session, "two words"), undefined);
	t.is(await validateToken(session, "smuggled\r\nx-auth-token: x"), undefined);
	t.is(await validateToken(session, ""), undefined);
	const { id } = await target.session().token();
	await revokeToken(session, id);
	t.is(await validateToken(session, id), undefined);
	await t.notThrowsAsync(revokeToken(session, id));
});

test("an expired token is not valid, also when the validator's own has expired with it", async (t) => {
	if (!target.cloud) return t.pass("Only the demo cloud can end tokens early.");
	const session = target.session();
	const { id } = await target.session().token();
	t.truthy(await validateToken(session, id));
	target.cloud.expireToken(id);
	target.cloud.expireToken((await session.token()).id);
	t.is(await validateToken(session, id), undefined);
});

test("a service user may validate; a member may not ask about others", async (t) => {
	if (!target.cloud) return t.pass("Only the demo cloud has these users.");
	const { authUrl } = target;
	const { id } = await createSession({ authUrl, auth: passwordOf("demo") }).token();
	const agent = createSession({ authUrl, auth: passwordOf("agent", "service") });
	t.is((await validateToken(agent, id))?.user.name, "demo");
	const nosy = createSession({ authUrl, auth: passwordOf("other", "other") });
	const error = await t.throwsAsync(validateToken(nosy, id));
	t.true(isOpenStackError(error, "forbidden"));
});

// Alone, because it changes the catalog that the other tests compare.
test.serial("a service registers itself in the catalog, and is found there", async (t) => {
	if (!target.cloud) return t.pass("Not on a cloud that is not ours.");
	const session = target.session();
	const service = await createService(session, { type: "workloads", name: "holdfast" });
	const url = "http://127.0.0.1:8780/v1/$(project_id)s";
	const endpoint = await createEndpoint(session, {
		service_id: service.id,
		interface: "public",
		url,
		region_id: "RegionOne",
	});
	t.deepEqual(
		(await collect(listServices(session, { type: "workloads" }))).map((one) => one.id),
		[service.id],
	);
	t.deepEqual(
		(await collect(listEndpoints(session, { service_id: service.id }))).map((one) => one.id),
		[endpoint.id],
	);

	const demo = createSession({ authUrl: target.authUrl, auth: passwordOf("demo") });
	const project = (await demo.token()).project?.id;
	t.is(await demo.endpoint("workloads"), `http://127.0.0.1:8780/v1/${project}`);
	await updateEndpoint(session, endpoint.id, { url: "http://127.0.0.1:9999/v1/%(tenant_id)s" });
	const later = createSession({ authUrl: target.authUrl, auth: passwordOf("demo") });
	t.is(await later.endpoint("workloads"), `http://127.0.0.1:9999/v1/${project}`);
	const refused = await t.throwsAsync(createService(demo, { type: "x", name: "x" }));
	t.true(isOpenStackError(refused, "forbidden"));
});

test("a project is read by its id", async (t) => {
	const session = target.session();
	const { project } = await session.token();
	t.is((await getProject(session, project?.id ?? "")).name, project?.name ?? "");
	const error = await t.throwsAsync(getProject(session, "0".repeat(32)));
	t.true(isOpenStackError(error, "not-found"));
});
