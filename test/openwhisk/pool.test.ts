import test from "ava";
import { alive } from "./alive.ts";
import { testPlatform } from "./platform.ts";
import type { Json } from "./proxy.ts";

const code = `let calls = 0;
const main = ({ ms }) => new Promise((r) => setTimeout(() => r({ pid: process.pid, calls: ++calls }), ms ?? 0));`;
const put = (platform: Json, name: string) =>
	platform.rest("PUT", `actions/${name}?overwrite=true`, { exec: { kind: "nodejs:20", code } });
const call = async (platform: Json, name: string, ms = 0) =>
	(await platform.rest("POST", `actions/${name}?blocking=true&result=true`, { ms })).body;

test("one run at a time per process, more processes for more runs, never more than allowed", async (t) => {
	const platform = await testPlatform({ maxContainers: 2 });
	try {
		await put(platform, "a");
		const results: Json[] = await Promise.all([1, 2, 3, 4, 5].map(() => call(platform, "a", 150)));
		t.is(new Set(results.map(({ pid }) => pid)).size, 2);
		t.is(results.length, 5);
		t.is(platform.containers(), 2);
		// Another action takes the place of an idle one.
		await put(platform, "b");
		await call(platform, "b");
		t.is(platform.containers(), 2);
	} finally {
		await platform.stop();
	}
});

test("a changed action or package runs in a new process, and the old one is let go", async (t) => {
	const platform = await testPlatform();
	try {
		await platform.rest("PUT", "packages/p", {});
		await put(platform, "p/a");
		const first = await call(platform, "p/a");
		t.is((await call(platform, "p/a")).pid, first.pid);
		await put(platform, "p/a");
		const second = await call(platform, "p/a");
		t.not(second.pid, first.pid);
		await platform.rest("PUT", "packages/p?overwrite=true", { parameters: [{ key: "x", value: 1, init: true }] });
		t.not((await call(platform, "p/a")).pid, second.pid);
		t.is(platform.containers(), 1);
	} finally {
		await platform.stop();
	}
});

test("an idle container is removed after its time", async (t) => {
	const platform = await testPlatform({ idleMs: 150 });
	try {
		await put(platform, "a");
		const { pid } = await call(platform, "a");
		t.is(platform.containers(), 1);
		await new Promise((done) => setTimeout(done, 500));
		t.is(platform.containers(), 0);
		t.false(alive(pid));
		t.is((await call(platform, "a")).calls, 1);
	} finally {
		await platform.stop();
	}
});
