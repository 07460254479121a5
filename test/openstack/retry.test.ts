import test from "ava";
import { isOpenStackError, type OpenStackError } from "#openstack/error.ts";
import type { Session, SessionOptions } from "#openstack/session.ts";
import { type FaultyProxy, startProxy } from "./proxy.ts";
import { openTarget, type Target } from "./target.ts";

let target: Target;
let endpoint: URL;
test.before(async () => {
	target = await openTarget();
	endpoint = new URL(await target.session().endpoint("compute"));
});
test.after.always(() => target?.stop());

/** A session whose compute calls, and only they, go through a proxy. */
async function behindProxy(options: Partial<SessionOptions> = {}): Promise<{ proxy: FaultyProxy; session: Session }> {
	const proxy = await startProxy(endpoint.origin);
	const endpointOverrides = { compute: proxy.url + endpoint.pathname };
	const session = target.session({ endpointOverrides, random: () => 0, ...options });
	await session.token();
	return { proxy, session };
}

const createNothing = { body: { server: { name: "" } } };

test("a GET survives a cut connection, a 502 and a 503", async (t) => {
	const { proxy, session } = await behindProxy();
	proxy.trouble("cut", { status: 502 }, { status: 503, body: "<html><title>503 Service Unavailable</title></html>" });
	t.is((await session.request("compute", "GET", "/servers")).status, 200);
	t.is(proxy.seen.length, 4);
	await proxy.close();
});

test("Retry-After is waited for, in seconds and as a date", async (t) => {
	const { proxy, session } = await behindProxy();
	proxy.trouble({ status: 429, headers: { "retry-after": "1" } });
	await session.request("compute", "GET", "/servers");
	t.true((proxy.seen[1]?.at ?? 0) - (proxy.seen[0]?.at ?? 0) >= 990);
	proxy.trouble({ status: 503, headers: { "retry-after": new Date(Date.now() + 2_000).toUTCString() } });
	await session.request("compute", "GET", "/servers");
	t.true((proxy.seen[3]?.at ?? 0) - (proxy.seen[2]?.at ?? 0) >= 900);
	await proxy.close();
});

test("a POST whose connection was cut is not sent again: the service may have done it", async (t) => {
	const { proxy, session } = await behindProxy();
	proxy.trouble("cut");
	const error = await t.throwsAsync(session.request("compute", "POST", "/servers", createNothing));
	t.true(isOpenStackError(error, "unavailable"));
	t.is(proxy.seen.length, 1);
	await proxy.close();
});

test("a POST is not sent again after a bare 503, and is after 429 or a 503 with Retry-After", async (t) => {
	const { proxy, session } = await behindProxy();
	proxy.trouble({ status: 503 });
	await t.throwsAsync(session.request("compute", "POST", "/servers", createNothing));
	t.is(proxy.seen.length, 1);
	proxy.trouble({ status: 429 }, { status: 503, headers: { "retry-after": "0" } });
	const refused = await t.throwsAsync(session.request("compute", "POST", "/servers", createNothing));
	t.true(isOpenStackError(refused, "bad-request"), "Nova itself refused the empty server in the end");
	t.is(proxy.seen.length, 4);
	await proxy.close();
});

test("other refusals are not tried again", async (t) => {
	const { proxy, session } = await behindProxy();
	for (const status of [400, 403, 404, 409, 413, 500]) {
		proxy.trouble({ status });
		const error = (await t.throwsAsync(session.request("compute", "GET", "/servers"))) as OpenStackError;
		t.is(error.status, status);
	}
	t.is(proxy.seen.length, 6);
	await proxy.close();
});

test("a hung service ends at the deadline, after more than one try", async (t) => {
	const { proxy, session } = await behindProxy({ attemptTimeoutMs: 200, timeoutMs: 900 });
	proxy.trouble("hang", "hang", "hang", "hang", "hang", "hang");
	const start = performance.now();
	const error = (await t.throwsAsync(session.request("compute", "GET", "/servers"))) as OpenStackError;
	t.is(error.kind, "timeout");
	t.regex(error.message, /did not answer GET in time/);
	t.true(performance.now() - start < 2_500);
	t.true(proxy.seen.length >= 2);
	await proxy.close();
});

test("a service that is down is 'unavailable' after the deadline, and the sentence names it", async (t) => {
	const { proxy, session } = await behindProxy({ timeoutMs: 700 });
	await proxy.close();
	const error = (await t.throwsAsync(session.request("compute", "POST", "/servers", createNothing))) as OpenStackError;
	t.like(error, { kind: "unavailable", code: "ECONNREFUSED", status: 0, service: "compute" });
	t.regex(error.message, /compute service at 127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/);
});

test("an abort ends a call at once, while it waits for an answer and while it waits to retry", async (t) => {
	const { proxy, session } = await behindProxy();
	for (const trouble of ["hang", { status: 429, headers: { "retry-after": "30" } }] as const) {
		proxy.trouble(trouble);
		const start = performance.now();
		const signal = AbortSignal.timeout(100);
		const error = await t.throwsAsync(session.request("compute", "GET", "/servers", { signal }));
		t.true(isOpenStackError(error, "cancelled"));
		t.true(performance.now() - start < 1_000);
	}
	await proxy.close();
});
