import test from "ava";
import { faultIn, type Stage, setStage } from "./stage.ts";
import { json } from "./upstream.ts";

let stage: Stage;
test.before(async () => {
	stage = await setStage({ upstreamTimeoutMs: 400 });
});
test.after.always(() => stage.close());

const platform = (status: number, error: string, headers?: Record<string, string>): void => {
	stage.openwhisk.answer = (_arrived, response) => json(response, status, { error, code: "tid" }, headers);
};

test.serial("a slow upstream: 504 after the deadline", async (t) => {
	stage.openwhisk.answer = () => {};
	const since = performance.now();
	const response = await stage.call("/workloads");
	t.is(response.status, 504);
	t.is((await faultIn(response)).name, "gatewayTimeout");
	t.true(performance.now() - since < 5_000);
});

test.serial("an upstream that starts to answer and stops: 504 too", async (t) => {
	stage.openwhisk.answer = (_arrived, response) => {
		response.writeHead(200, { "content-type": "application/json" });
		response.write('{"workloads":');
	};
	t.is((await stage.call("/workloads")).status, 504);
});

test.serial("OpenWhisk's 202 means it has not finished; a function's own 202 passes", async (t) => {
	platform(202, "Response not yet ready.");
	const notReady = await stage.call("/workloads/w1", { method: "POST" });
	t.is(notReady.status, 504);
	t.regex((await faultIn(notReady)).message, /look at the object's state/);
	stage.openwhisk.answer = (_arrived, response) => json(response, 202, { workload: { error: "no", code: "no" } });
	t.is((await stage.call("/workloads/w1", { method: "PUT", body: "{}" })).status, 202);
	stage.openwhisk.answer = (_arrived, response) => response.writeHead(202).end();
	const empty = await stage.call("/workloads/w1", { method: "DELETE" });
	t.deepEqual([empty.status, await empty.text()], [202, ""]);
});

test.serial("a function's own errors pass as they are, whatever their status", async (t) => {
	for (const status of [400, 401, 403, 404, 409, 429, 500, 503]) {
		const body = { conflictingRequest: { code: status, message: "because" } };
		stage.openwhisk.answer = (_arrived, response) => json(response, status, body);
		const response = await stage.call("/workloads");
		t.is(response.status, status);
		t.deepEqual(await response.json(), body);
	}
});

test.serial("OpenWhisk's errors become ours, and are never the caller's by mistake", async (t) => {
	const cases = [
		[400, "There was an error processing your request.", 500, "computeFault"],
		[401, "The supplied authentication is invalid.", 503, "serviceUnavailable"],
		[404, "The requested resource does not exist.", 503, "serviceUnavailable"],
		[413, "Request larger than allowed: 2 > 1 bytes.", 413, "overLimit"],
		[500, "There was an internal server error.", 503, "serviceUnavailable"],
		[503, "No invokers available.", 503, "serviceUnavailable"],
	] as const;
	for (const [status, error, wanted, name] of cases) {
		platform(status, error);
		const response = await stage.call("/workloads");
		const id = response.headers.get("x-openstack-request-id") ?? "?";
		const fault = await faultIn(response);
		t.is(response.status, wanted, error);
		t.is(fault.name, name);
		t.notRegex(fault.message, /supplied|resource|invoker/);
		if (wanted === 500) t.true(fault.message.includes(id));
	}
	const logged = stage.log.filter(({ event }) => event === "platform").map(({ said }) => String(said));
	t.true(logged.some((said) => said.includes("No invokers available")));
});

test.serial("throttled: 429 that says when to come back", async (t) => {
	platform(429, "Too many requests in the last minute (count: 61, allowed: 60).");
	const response = await stage.call("/workloads");
	t.is(response.status, 429);
	t.regex(response.headers.get("retry-after") ?? "", /^\d+$/);
	t.is((await faultIn(response)).name, "overLimit");
});

test.serial("a proxy's HTML in front of OpenWhisk: 503", async (t) => {
	stage.openwhisk.answer = (_arrived, response) =>
		response.writeHead(502, { "content-type": "text/html" }).end("<html>Bad Gateway</html>");
	t.is((await stage.call("/workloads")).status, 503);
	stage.openwhisk.answer = (_arrived, response) => response.writeHead(302, { location: "http://evil.example" }).end();
	t.is((await stage.call("/workloads")).status, 503);
});

test.serial("a connection that breaks: reads are sent again once, changes are not", async (t) => {
	let breaks = 1;
	stage.openwhisk.arrived.length = 0;
	stage.openwhisk.answer = (_arrived, response) => {
		if (breaks-- > 0) response.destroy();
		else json(response, 200, {});
	};
	t.is((await stage.call("/workloads")).status, 200);
	t.is(stage.openwhisk.arrived.length, 2);
	breaks = 1;
	stage.openwhisk.arrived.length = 0;
	const change = await stage.call("/workloads", { method: "POST", body: "{}" });
	t.is(change.status, 504, "it may have been carried out");
	t.is(stage.openwhisk.arrived.length, 1);
});

test.serial("nobody listens: 503, for changes too", async (t) => {
	const alone = await setStage({ openwhisk: "http://127.0.0.1:9" });
	t.teardown(alone.close);
	for (const method of ["GET", "POST"]) {
		const response = await alone.call("/workloads", { method, ...(method === "POST" && { body: "{}" }) });
		t.is(response.status, 503);
		t.is((await faultIn(response)).message, "The function platform does not answer; try again later.");
	}
});
