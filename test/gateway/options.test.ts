import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { BadOption, readOptions } from "#gateway/options.ts";
import { secret } from "./stage.ts";

const environment = { HOLDFAST_GATEWAY_SECRET: secret };
const good = ["--openwhisk", "http://127.0.0.1:1", "--auth-url", "http://127.0.0.1:1/v3"];

test("defaults are T4O's ports on loopback and OpenWhisk's namespace guest", (t) => {
	t.like(readOptions(good, environment), {
		...{ listen: { host: "127.0.0.1", port: 8780 }, datamoverListen: { host: "127.0.0.1", port: 8784 } },
		...{ namespace: "guest", secret, trustForwarded: false },
	});
	t.like(readOptions([...good, "--listen", "[::1]:0"], environment), { listen: { host: "::1", port: 0 } });
	t.is(readOptions(["--help"], {}), undefined);
});

test("command line, then file, then environment", (t) => {
	const folder = mkdtempSync(join(tmpdir(), "gateway-test-"));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const file = (name: string, text: string) => {
		writeFileSync(join(folder, name), text);
		return join(folder, name);
	};
	const secretFile = file("secret", `${"s".repeat(20)}\n`);
	const config = file("gateway.yaml", `auth-url: http://file/v3\nnamespace: file\nsecret-file: ${secretFile}\n`);
	const options = readOptions(["--openwhisk", "http://a", "--namespace", "line", "--config", config], {
		...environment,
		OS_AUTH_URL: "http://environment/v3",
	});
	t.like(options, { authUrl: "http://file/v3", namespace: "line", secret: "s".repeat(20) });
	for (const [text, sentence] of [
		["- a list", /is not a YAML mapping/],
		["prot: 8780", /has prot, which is not an option/],
		["a: [", /cannot be read/],
	] as const) {
		const error = t.throws(() => readOptions([...good, "--config", file("bad.yaml", text)], environment));
		t.regex(error?.message ?? "", sentence);
	}
});

test("each wrong option has its own sentence", (t) => {
	const wrong: [string[], RegExp][] = [
		[["--openwhisk", "localhost:3233"], /^--openwhisk must be the http/],
		[["--auth-url", "ftp://keystone"], /^--auth-url must be/],
		[["--listen", "8780"], /^--listen must be an address and a port/],
		[["--datamover-listen", "127.0.0.1:99999"], /^--datamover-listen must be/],
		[["--namespace", "a/b"], /^--namespace must be/],
		[["--secret-file", "/nowhere"], /^--secret-file \/nowhere cannot be read/],
		[["--config", "/nowhere"], /^--config \/nowhere cannot be read/],
		[["--unknown"], /--unknown/],
	];
	for (const [args, sentence] of wrong) {
		const error = t.throws(() => readOptions([...good, ...args], environment), { instanceOf: BadOption });
		t.regex(error?.message ?? "", sentence);
	}
	t.regex(t.throws(() => readOptions(good, {}))?.message ?? "", /set HOLDFAST_GATEWAY_SECRET or --secret-file/);
	t.regex(t.throws(() => readOptions(good, { HOLDFAST_GATEWAY_SECRET: "short" }))?.message ?? "", /at least 16/);
});
