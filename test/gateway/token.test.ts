import test from "ava";
import { tokenCacheMs } from "#gateway/token.ts";
import { faultIn, setStage } from "./stage.ts";

const status = async (response: Promise<Response>): Promise<number> => {
	const { status, body } = await response;
	await body?.cancel();
	return status;
};

test("a good token is asked about once a minute, then again", async (t) => {
	let ahead = 0;
	const stage = await setStage({ now: () => new Date(Date.now() + ahead) });
	t.teardown(stage.close);
	const token = await stage.token();
	const headers = { "x-auth-token": token };
	t.is(await status(stage.call("/workloads", { headers })), 200);
	stage.cloud.expireToken(token);
	t.is(await status(stage.call("/workloads", { headers })), 200, "Keystone is not asked again within the minute");
	ahead += tokenCacheMs;
	t.is(
		await status(stage.call("/workloads", { headers })),
		401,
		"the function would refuse it too; no activation is spent",
	);
	t.is(stage.openwhisk.arrived.length, 2);
});

test("no token is believed past its own end, however fresh the answer", async (t) => {
	let ahead = 0;
	const stage = await setStage({ now: () => new Date(Date.now() + ahead) }, { tokenLifetimeSeconds: 30 });
	t.teardown(stage.close);
	t.is(await status(stage.call("/workloads")), 200);
	ahead += 15_000;
	t.is(await status(stage.call("/workloads")), 200);
	ahead += 15_000;
	// Keystone's clock, which is the real one, would still let it pass.
	t.is(await status(stage.call("/workloads")), 401);
});

test("the cache keeps tokens apart, and many requests share one question", async (t) => {
	const stage = await setStage();
	t.teardown(stage.close);
	t.is(await status(stage.call("/workloads")), 200);
	const wrong = `${await stage.token()}x`;
	t.is(await status(stage.call("/workloads", { headers: { "x-auth-token": wrong } })), 401);
	const headers = { "x-auth-token": await stage.token() };
	const many = await Promise.all(Array.from({ length: 20 }, () => status(stage.call("/workloads", { headers }))));
	t.deepEqual([...new Set(many)], [200]);
});

test("a Keystone that is gone is not the caller's fault: 503 that names it", async (t) => {
	const stage = await setStage({ authUrl: "http://127.0.0.1:9/v3" });
	t.teardown(stage.close);
	const response = await stage.call("/workloads");
	t.is(response.status, 503);
	t.regex((await faultIn(response)).message, /^Keystone does not answer/);
	t.is(stage.openwhisk.arrived.length, 0);
});

test("a wrong service user is the operator's trouble: 503, not 401", async (t) => {
	const environment = { OS_USERNAME: "holdfast", OS_PASSWORD: "wrong", OS_PROJECT_NAME: "service" };
	const stage = await setStage({ environment });
	t.teardown(stage.close);
	t.is(await status(stage.call("/workloads")), 503);
});
