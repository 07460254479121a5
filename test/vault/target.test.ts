import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { Target, TargetCapabilities } from "#vault/target.ts";
import { fileTarget } from "#vault/targets/file.ts";
import { probeTarget } from "#vault/targets/probe.ts";
import { type S3TargetOptions, s3Target } from "#vault/targets/s3.ts";
import { memoryTarget } from "./memory-target.ts";
import { namedS3, startS3 } from "./s3-server.ts";
import { toArray } from "./scene.ts";

/** What every target must do. Each implementation runs it. */
const targets: Record<string, () => Promise<{ target: Target; remove: () => Promise<void> }>> = {
	async folder() {
		const folder = await mkdtemp(join(tmpdir(), "holdfast-target-"));
		const target = fileTarget(join(folder, "deep", "target"), { create: true });
		return { target, remove: () => rm(folder, { recursive: true }) };
	},
	memory: async () => ({ target: memoryTarget(), remove: async () => {} }),
	async s3() {
		const server = await startS3();
		const target = s3Target({ ...server.options, prefix: "some/where" });
		const remove = async () => {
			target.close();
			await server.stop();
		};
		return { target, remove };
	},
	...(namedS3() && {
		async "the store of HOLDFAST_TEST_S3"() {
			const make = (capabilities: Partial<TargetCapabilities>) =>
				s3Target({ ...(namedS3() as S3TargetOptions), prefix: `test-${randomUUID()}`, capabilities });
			const { capabilities } = await probeTarget(make);
			const target = make(capabilities);
			const remove = async () => {
				for await (const { key } of target.list("packs/")) await target.delete(key);
				for (const key of ["roots/one", "keys/one/two", "config"]) await target.delete(key);
				target.close();
			};
			return { target, remove };
		},
	}),
};

for (const [name, make] of Object.entries(targets)) {
	test(`${name}: objects are written whole, read in parts, listed and deleted`, async (t) => {
		const { target, remove } = await make();
		t.teardown(remove);
		await target.put("packs/abcdef", [Buffer.from("hello "), Buffer.from("world")]);
		await target.put("packs/ab", [Buffer.from("short name")]);
		await target.put("keys/one/two", [Buffer.alloc(0)]);
		await target.put("config", [Buffer.from("top")]);
		const text = async (...args: Parameters<Target["get"]>) => Buffer.from(await target.get(...args)).toString();
		t.is(await text("packs/abcdef"), "hello world");
		t.is(await text("packs/abcdef", { range: { offset: 6, length: 3 } }), "wor");
		t.is(await text("packs/abcdef", { range: { offset: 9, length: 30 } }), "ld");
		t.is(await text("packs/abcdef", { range: { offset: 30, length: 3 } }), "");
		t.is(await text("packs/abcdef", { range: { last: 5 } }), "world");
		t.is(await text("packs/abcdef", { range: { last: 500 } }), "hello world");
		t.is(await text("config"), "top");
		t.deepEqual(await target.head("packs/ab"), { sizeBytes: 10 });
		t.deepEqual(await toArray(target.list("packs/")), [
			{ key: "packs/ab", sizeBytes: 10 },
			{ key: "packs/abcdef", sizeBytes: 11 },
		]);
		t.deepEqual(await toArray(target.list("keys/one/")), [{ key: "keys/one/two", sizeBytes: 0 }]);
		t.deepEqual(await toArray(target.list("roots/")), []);
		await target.delete("packs/ab");
		await target.delete("packs/ab");
		await t.throwsAsync(target.get("packs/ab"), { code: "NOT_FOUND" });
		await t.throwsAsync(target.head("packs/ab"), { code: "NOT_FOUND" });
	});

	test(`${name}: of many conditional puts exactly one wins, and stays`, async (t) => {
		const { target, remove } = await make();
		t.teardown(remove);
		if (!target.capabilities.conditionalPut) {
			await target.put("roots/one", [Buffer.from("first")], { ifAbsent: true });
			await t.throwsAsync(target.put("roots/one", [Buffer.from("second")], { ifAbsent: true }), { code: "EXISTS" });
			t.is(Buffer.from(await target.get("roots/one")).toString(), "first");
			return;
		}
		const puts = Array.from({ length: 20 }, (_, i) =>
			target.put("roots/one", [Buffer.from(`${i}`)], { ifAbsent: true }),
		);
		const outcomes = await Promise.allSettled(puts);
		const winners = outcomes.flatMap((outcome, i) => (outcome.status === "fulfilled" ? [i] : []));
		t.is(winners.length, 1);
		for (const outcome of outcomes) if (outcome.status === "rejected") t.is(outcome.reason.code, "EXISTS");
		t.is(Buffer.from(await target.get("roots/one")).toString(), `${winners[0]}`);
	});
}

test("a folder target refuses keys that leave its folder", async (t) => {
	const { target, remove } = await (targets.folder as (typeof targets)[string])();
	t.teardown(remove);
	for (const key of ["../x", "a/../b", "/etc/passwd", "a//b", "", ".part/x", "a/b/c/d", "ü"]) {
		await t.throwsAsync(target.put(key, [Buffer.alloc(1)]), { code: "BAD_ARGUMENT" }, key);
	}
});

test("a folder target that went away says so; nothing looks absent, and no list looks empty", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-target-"));
	t.teardown(() => rm(folder, { recursive: true }));
	const place = join(folder, "target");
	const target = fileTarget(place, { create: true });
	for (const key of ["roots/aa1", "roots/bb1"]) await target.put(key, [Buffer.from(key)]);
	const listing = target.list("roots/")[Symbol.asyncIterator]();
	t.is((await listing.next()).value.key, "roots/aa1");
	await rename(place, join(folder, "away"));
	await mkdir(place);
	await t.throwsAsync(listing.next(), { code: "TARGET_MISSING" });
	await t.throwsAsync(target.get("roots/aa1"), { code: "TARGET_MISSING" });
	await t.throwsAsync(target.head("roots/aa1"), { code: "TARGET_MISSING" });
});

test("an object that cannot be looked at fails a folder's list", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-target-"));
	t.teardown(() => rm(folder, { recursive: true }));
	const target = fileTarget(folder, { create: true });
	await target.put("roots/aa1", [Buffer.from("one")]);
	await symlink("aa2", join(folder, "roots", "aa", "aa2"));
	await t.throwsAsync(toArray(target.list("roots/")), { code: "TARGET_FAILED" });
});

test("a put that missed its deadline never appears: its buffers may be in use again", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "holdfast-target-"));
	// The late put may still be at work on its own file in there.
	t.teardown(() => rm(folder, { recursive: true, maxRetries: 50, retryDelay: 100 }));
	await fileTarget(folder, { create: true }).put("packs/first", [Buffer.alloc(1)]);
	const body = Buffer.alloc(96 * 1024 * 1024, 1);
	await t.throwsAsync(fileTarget(folder, { deadlineMs: 5 }).put("packs/late", [body]), { code: "TARGET_UNREACHABLE" });
	while ((await readdir(join(folder, ".part"))).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
	await t.throwsAsync(fileTarget(folder).head("packs/late"), { code: "NOT_FOUND" });
});
