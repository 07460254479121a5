import http from "node:http";
import test from "ava";
import { bodyLimitBytes } from "#gateway/limit.ts";
import { faultIn, type Stage, setStage } from "./stage.ts";

let stage: Stage;
test.before(async () => {
	stage = await setStage();
});
test.after.always(() => stage.close());

/** Every refusal here costs no activation. */
test.serial.afterEach((t) => t.is(stage.openwhisk.arrived.length, 0));

test.serial("no route: 404, wrong method: 405 with Allow", async (t) => {
	const unknown = await stage.call("/nothing");
	t.is(unknown.status, 404);
	t.deepEqual(await faultIn(unknown), {
		name: "itemNotFound",
		code: 404,
		message: `There is no GET /v1/${stage.project}/nothing in this API.`,
	});
	const wrong = await stage.call("/workloads/w1/unlock");
	t.is(wrong.status, 405);
	t.is(wrong.headers.get("allow"), "POST");
	t.is((await faultIn(wrong)).name, "badMethod");
	for (const method of ["PATCH", "OPTIONS", "PROPFIND"])
		t.is((await stage.call("/workloads", { method })).status, 405, method);
	t.is((await stage.call("/workloads", { method: "HEAD" })).status, 405);
});

test.serial("no token, a made-up one, an endless one: 401", async (t) => {
	for (const token of [undefined, "", "gAAAAAmade-up", "x".repeat(9_000), "a b"]) {
		const headers: Record<string, string> = token === undefined ? {} : { "x-auth-token": token };
		const response = await fetch(`${stage.gateway.workloads}/v1/p/workloads`, { headers });
		t.is(response.status, 401, token?.slice(0, 20));
		t.regex(response.headers.get("www-authenticate") ?? "", /^Keystone uri="http/);
		t.is((await faultIn(response)).name, "unauthorized");
	}
});

test.serial("malformed JSON: 400", async (t) => {
	for (const body of ['{"workload":', "name=x", Buffer.from([0x22, 0xff, 0x22]), "{} {}"]) {
		const response = await stage.call("/workloads", { method: "POST", body });
		t.is(response.status, 400);
		t.is((await faultIn(response)).message, "The request body is not valid JSON.");
	}
});

/** A POST that says nothing about its length, and one that promises a length and never sends it. */
const post = async (body: Buffer | undefined, headers: Record<string, string>) => {
	const token = await stage.token();
	return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
		const request = http.request(`${stage.gateway.workloads}/v1/${stage.project}/workloads`, {
			method: "POST",
			headers: { "x-auth-token": token, "content-type": "application/json", ...headers },
		});
		request.on("error", reject);
		request.on("response", async (response) => {
			let text = "";
			for await (const chunk of response) text += chunk;
			resolve({ status: response.statusCode, text });
			request.destroy();
		});
		if (body === undefined) request.flushHeaders();
		else request.end(body);
	});
};

test.serial("a body over the limit: 413 that names the limit, with and without a length", async (t) => {
	const large = Buffer.alloc(bodyLimitBytes + 1, " ");
	const promised = await post(undefined, { "content-length": String(large.length) });
	t.is(promised.status, 413);
	t.regex(promised.text, new RegExp(`overLimit.*larger than ${bodyLimitBytes} bytes`));
	const chunked = await post(large, { "transfer-encoding": "chunked" });
	t.is(chunked.status, 413);
	t.regex(chunked.text, /overLimit/);
});

test("the limit leaves room for base64 and headers in OpenWhisk's 1 MiB", (t) => {
	t.true(Math.ceil(bodyLimitBytes / 3) * 4 + 2 * 16_384 < 1_048_576);
	t.true(bodyLimitBytes > 700_000);
});
