import { randomUUID } from "node:crypto";
import test from "ava";
import { isVaultError } from "#vault/errors.ts";
import { createVault, openVault } from "#vault/open.ts";
import { openTarget } from "#vault/targets/open.ts";
import { probeTarget } from "#vault/targets/probe.ts";
import { type S3TargetOptions, s3Target } from "#vault/targets/s3.ts";
import { namedS3, type S3Server, startRain, startS3, type Weather } from "./s3-server.ts";
import { chunkBytes, content, newSeed, randomFrom, readSnapshot, same, scene, snapshot, toArray } from "./scene.ts";

let server: S3Server;
let store: S3TargetOptions;
test.before(async () => {
	server = await startS3();
	store = namedS3() ?? server.options;
});
test.after.always(() => server.stop());

const small = { memoryBudgetBytes: 16 * 1024 * 1024, packBytes: 512 * 1024, threads: 0 };

test("a vault on S3: backups, dedupe, incrementals, deletion, collection, verification", async (t) => {
	const s = await scene(t);
	const target = s3Target({ ...store, prefix: `vaults/${randomUUID()}` });
	const vault = await createVault({ ...small, target, keys: s.keys, chunkBytes });
	const image = content("s3", 30 * chunkBytes);
	await snapshot(vault, "one", image);
	await snapshot(vault, "two", Buffer.concat([image.subarray(0, 15 * chunkBytes), content("new", 5 * chunkBytes)]));
	const fresh = await openVault({ ...small, target, keys: s.keys });
	same(t, await readSnapshot(fresh, "one"), image);
	await fresh.deleteRoot("one");
	const report = await fresh.collect({ repackAbove: 0.3, packBytes: 512 * 1024 });
	t.true(report.deleted.packs > 0);
	t.deepEqual((await fresh.verify({ level: "everything" })).damage, []);
	const wanted = Buffer.concat([image.subarray(0, 15 * chunkBytes), content("new", 5 * chunkBytes)]);
	same(t, await readSnapshot(await openVault({ ...small, target, keys: s.keys }), "two"), wanted);
	target.close();
});

for (const percent of [1, 10, 30])
	test(`with ${percent} % of all requests going wrong, what is said to be stored is stored`, async (t) => {
		const draw = randomFrom(newSeed(t));
		const kinds: Weather[] = ["refuse", "busy", "reset", "cut", "lost"];
		const fallen = new Map<Weather, number>();
		const rain = await startRain(store.endpoint as string, () => {
			const what = draw(100) < percent ? (kinds[draw(kinds.length)] as Weather) : "pass";
			fallen.set(what, (fallen.get(what) ?? 0) + 1);
			return what;
		});
		t.teardown(() => rain.stop());
		const s = await scene(t);
		const prefix = `rain/${randomUUID()}`;
		const dry = s3Target({ ...store, prefix });
		await (await createVault({ ...small, target: dry, keys: s.keys, chunkBytes })).close();
		const committed = new Map<string, Buffer>();
		let failed = 0;
		for (let i = 0; i < 6; i++) {
			const target = openTarget({ type: "s3", ...store, prefix, endpoint: rain.endpoint });
			const image = content(`${percent} ${i}`, 12 * chunkBytes);
			try {
				const vault = await openVault({ ...small, target, keys: s.keys });
				await snapshot(vault, `s${i}`, image);
				committed.set(`s${i}`, image);
				await vault.close();
			} catch (error) {
				if (!isVaultError(error)) throw error;
				failed++;
			} finally {
				target.close();
			}
		}
		const vault = await openVault({ ...small, target: dry, keys: s.keys });
		for (const [id, image] of committed) same(t, await readSnapshot(vault, id), image);
		t.deepEqual((await vault.verify({ level: "everything" })).damage, []);
		for (const { id } of await vault.sessions()) await vault.endSession(id);
		await vault.collect();
		for (const [id, image] of committed) same(t, await readSnapshot(vault, id), image);
		t.log(`${committed.size} stored, ${failed} failed; ${JSON.stringify([...fallen])}`);
		t.true(percent > 10 || committed.size > 0);
		dry.close();
	});

test("every refusal of a store is a sentence that says what to do", async (t) => {
	const refusals: [Partial<S3TargetOptions>, string, RegExp][] = [
		[{ bucket: "not-there" }, "TARGET_MISSING", /There is no bucket not-there.*make it, or correct its name/],
		[
			{ credentials: { accessKeyId: "nobody", secretAccessKey: "x" } },
			"TARGET_DENIED",
			/does not know this access key/,
		],
		[{ endpoint: "http://127.0.0.1:9" }, "TARGET_UNREACHABLE", /cannot be reached/],
	];
	if (namedS3() !== undefined) {
		// s3rver looks at no signature.
		const accessKeyId = store.credentials?.accessKeyId as string;
		const wrong = { credentials: { accessKeyId, secretAccessKey: "wrong" } };
		refusals.push([wrong, "TARGET_DENIED", /secret key is not the one/]);
	}
	for (const [change, code, message] of refusals) {
		const target = s3Target({ ...store, ...change });
		const error = await t.throwsAsync(target.put("packs/ab", [Buffer.from("x")]), { code }, JSON.stringify(change));
		t.regex(error?.message ?? "", message);
		t.false(/S3RVER|wrong/.test(error?.message ?? ""), "no secret in the sentence");
		target.close();
	}
	for (const bad of [
		{ bucket: "a/b" },
		{ prefix: "/x/" },
		{ prefix: "a b" },
		{ endpoint: "ftp://x" },
		{ connections: 0 },
	]) {
		t.throws(() => s3Target({ ...store, ...bad }), { code: "BAD_ARGUMENT" });
	}
});

test("a store that does not answer is given up on, and a stop is a stop", async (t) => {
	const rain = await startRain(store.endpoint as string, () => "busy");
	t.teardown(() => rain.stop());
	const target = s3Target({ ...store, endpoint: rain.endpoint, deadlineMs: 300 });
	await t.throwsAsync(target.get("packs/ab"), { code: "TARGET_UNREACHABLE" });
	const signal = AbortSignal.abort(new Error("stop"));
	await t.throwsAsync(target.get("packs/ab", { signal }), { code: "ABORTED" });
	target.close();
});

test("a probe finds out what a store does, and leaves nothing behind", async (t) => {
	const prefix = `probed/${randomUUID()}`;
	const make = (capabilities: object) => s3Target({ ...store, prefix, capabilities });
	const probe = await probeTarget(make);
	t.log(JSON.stringify(probe));
	t.like(probe.capabilities, { atomicPut: true, listAfterWrite: true });
	t.is(probe.warnings.length, probe.capabilities.conditionalPut ? 0 : 1);
	if (namedS3() === undefined) t.regex(probe.warnings[0] ?? "", /no conditional put/);
	const whole = s3Target({ ...store, prefix: "probed" });
	for (const folder of ["probe-", "packs/"]) t.deepEqual(await toArray(whole.list(folder)), []);
	whole.close();
});
