import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { testPlatform } from "../openwhisk/platform.ts";
import type { Json } from "../openwhisk/proxy.ts";

const run = (args: string[], env: Record<string, string> = {}) =>
	promisify(execFile)(process.execPath, ["deploy/main.ts", ...args], { env: { PATH: process.env.PATH ?? "", ...env } });

test("the command plans with the environment it is given, and shows no value", async (t) => {
	const platform = await testPlatform();
	const folder = mkdtempSync(join(tmpdir(), "deploy-test-"));
	try {
		writeFileSync(join(folder, "auth"), `${platform.auth}\n`);
		const env = {
			MONGODB_URI: "mongodb://user:hidden@127.0.0.1:9/",
			OS_AUTH_URL: "http://hidden",
			OS_USERNAME: "hidden",
			OS_PASSWORD: "hidden",
			OS_PROJECT_NAME: "hidden",
			HOLDFAST_GATEWAY_SECRET: "hidden",
		};
		const { stdout } = await run(["--apihost", platform.apihost, "--auth-file", join(folder, "auth"), "--plan"], env);
		t.deepEqual(stdout.trim().split("\n").slice(0, 2), [
			"+ create package holdfast",
			"+ create action holdfast/workloads",
		]);
		t.false(stdout.includes("hidden"));
		t.deepEqual(await platform.client.packages.list(), []);
	} finally {
		await platform.stop(100);
		rmSync(folder, { recursive: true, force: true });
	}
});

test("the command says in one sentence what is missing", async (t) => {
	const refusals: [string[], RegExp][] = [
		[["--auth", "a:b"], /^Say where OpenWhisk is with --apihost URL\.\n$/],
		[["--apihost", "http://x"], /^Give the API key with --auth-file FILE or --auth KEY\.\n$/],
		[
			["--apihost", "http://x", "--auth", "a:b"],
			/^The deployment needs MONGODB_URI, OS_AUTH_URL, .* in its environment; set them and deploy again\.\n$/,
		],
	];
	for (const [args, reason] of refusals) {
		const error: Json = await t.throwsAsync(run(args));
		t.regex(error.stderr, reason);
		t.is(error.code, 1);
	}
	t.regex((await run(["--help"])).stdout, /--plan/);
});
