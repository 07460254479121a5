import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { strFromU8, unzipSync } from "fflate";
import { type Bundle, bundleActions, zipBundle } from "#deploy/bundle.ts";
import { tryBundle } from "#deploy/tryout.ts";

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}/main.ts`, import.meta.url));

const bundleAction = async (name: string, entry: string) => (await bundleActions([{ name, entry }]))[0] as Bundle;

test("a bundle is one CommonJS file in short lines, and a package.json without dependencies", async (t) => {
	const bundle = await bundleAction("greet", fixture("greet"));
	const { code } = bundle;
	const files = unzipSync(zipBundle(bundle));
	t.deepEqual(Object.keys(files).sort(), ["index.js", "package.json"]);
	t.deepEqual(JSON.parse(strFromU8(files["package.json"] as Uint8Array)), { main: "index.js" });
	t.is(strFromU8(files["index.js"] as Uint8Array), code);
	t.true(code.includes("function main(") && code.includes("greeting="));
});

test("equal sources give equal bytes", async (t) => {
	const [first, second] = [await bundleAction("a", fixture("greet")), await bundleAction("a", fixture("greet"))];
	t.is(first.sha, second.sha);
	t.not(first.sha, (await bundleAction("a", fixture("record"))).sha);
});

test("the driver and the client fit in, and load with nothing around them", async (t) => {
	// Below this folder, so that the packages are found.
	const folder = mkdtempSync(fileURLToPath(new URL("./bundle-", import.meta.url)));
	try {
		const entry = join(folder, "main.ts");
		writeFileSync(
			entry,
			`import { MongoClient } from "mongodb"; import openwhisk from "openwhisk";
			export const main = () => ({ mongo: new MongoClient("mongodb://x").appName, client: typeof openwhisk });`,
		);
		const { code } = await bundleAction("large", entry);
		t.log(`${code.length} bytes`);
		await t.notThrowsAsync(tryBundle("large", code));
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});

test("a bundle over 2 MiB is refused", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "bundle-test-"));
	try {
		const entry = join(folder, "main.ts");
		writeFileSync(entry, `export const main = () => ({ text: "${"x".repeat(2_100_000)}" });`);
		await t.throwsAsync(bundleAction("big", entry), {
			message: /^The bundle of the action big has 2\d+ bytes; at most 2097152/,
		});
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});

test("a bundle without its function is refused", async (t) => {
	await t.throwsAsync(tryBundle("none", "exports.other = () => {}"), {
		message: "The bundle of the action none does not work: it does not export the function 'main'",
	});
	await tryBundle("dotted", "exports.a = { b() {} }", "a.b");
});
