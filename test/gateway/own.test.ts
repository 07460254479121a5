import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { setStage } from "./stage.ts";

test("version discovery, without a token", async (t) => {
	const stage = await setStage();
	t.teardown(stage.close);
	const { workloads, datamover } = stage.gateway;
	const version = (id: string, href: string) => ({ id, status: "CURRENT", links: [{ rel: "self", href }] });
	t.deepEqual(await (await fetch(workloads)).json(), { versions: [version("v1.0", `${workloads}/v1/`)] });
	t.deepEqual(await (await fetch(datamover)).json(), { versions: [version("v2.0", `${datamover}/v2/`)] });
	for (const path of ["/v1", "/v1/"]) {
		t.deepEqual(await (await fetch(workloads + path)).json(), { version: version("v1.0", `${workloads}/v1/`) });
	}
	t.is((await fetch(`${workloads}/v2`)).status, 404);
});

test("links follow a trusted proxy, and nobody else", async (t) => {
	const headers = {
		"x-forwarded-proto": "https",
		"x-forwarded-host": "backup.example",
		"x-forwarded-for": "192.0.2.7",
	};
	for (const trustForwarded of [true, false]) {
		const stage = await setStage({ trustForwarded });
		t.teardown(stage.close);
		const text = await (await fetch(stage.gateway.workloads, { headers })).text();
		t.is(text.includes("https://backup.example/v1/"), trustForwarded);
		await stage.call("/workloads", { headers });
		t.is(stage.openwhisk.arrived[0]?.headers["x-forwarded-for"] === "192.0.2.7", trustForwarded);
	}
});

test("health: OK, or the reasons", async (t) => {
	const disableFile = join(tmpdir(), `gateway-test-${process.pid}-disabled`);
	const stage = await setStage({ disableFile });
	t.teardown(stage.close);
	const check = async (url: string): Promise<[number, string]> => {
		const response = await fetch(`${url}/healthcheck`);
		return [response.status, await response.text()];
	};
	t.deepEqual(await check(stage.gateway.workloads), [200, "OK\n"]);
	t.deepEqual(await check(stage.gateway.datamover), [200, "OK\n"]);
	await writeFile(disableFile, "");
	t.deepEqual(await check(stage.gateway.workloads), [503, "DISABLED BY FILE\n"]);
	await rm(disableFile);

	const lonely = await setStage({ openwhisk: "http://127.0.0.1:9", authUrl: "http://127.0.0.1:9/v3" });
	t.teardown(lonely.close);
	const [status, reasons] = await check(lonely.gateway.workloads);
	t.is(status, 503);
	t.regex(reasons, /^OpenWhisk does not answer \(ECONNREFUSED\)\.\nKeystone does not answer/);
});
