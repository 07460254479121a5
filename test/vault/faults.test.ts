import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { isVaultError, VaultError } from "#vault/errors.ts";
import type { KeyProvider } from "#vault/keys.ts";
import { createVault } from "#vault/open.ts";
import type { Target } from "#vault/target.ts";
import { type Fault, faultyTarget, type TargetCall, targetDown } from "#vault/targets/faults.ts";
import { fileTarget } from "#vault/targets/file.ts";
import { fileError } from "#vault/targets/file-error.ts";
import { chunkBytes, content, readSnapshot, rootOf, type Scene, same, scene, snapshot } from "./scene.ts";

const full = () => fileError(Object.assign(new Error("no space"), { code: "ENOSPC" }), "folder /backup");

/** A whole backup on a target with faults; every error must be the vault's own. Returns it, or undefined. */
async function tryBackup(s: Scene, id: string, image: Buffer, fault: (call: TargetCall) => Fault): Promise<unknown> {
	let vault: Awaited<ReturnType<Scene["open"]>> | undefined;
	try {
		vault = await s.open({ target: faultyTarget(s.target, fault) });
		await snapshot(vault, id, image);
		return undefined;
	} catch (error) {
		return error;
	} finally {
		await vault?.close();
	}
}

test("whatever call fails, the error is clean, no root appears, and earlier snapshots stay readable", async (t) => {
	const s = await scene(t);
	const first = content("first", 20 * chunkBytes);
	const vault = await s.create();
	await snapshot(vault, "first", first);
	await vault.close();

	let calls: TargetCall[] = [];
	const image = Buffer.concat([first.subarray(0, 5 * chunkBytes), content("second", 15 * chunkBytes)]);
	t.is(await tryBackup(s, "counted", image, (call) => void calls.push(call)), undefined);
	const total = calls.length;
	t.true(total > 12, `${total} calls`);
	for (let broken = 0; broken < total; broken++) {
		calls = [];
		const fresh = content(`attempt ${broken}`, 12 * chunkBytes);
		const error = await tryBackup(s, `attempt-${broken}`, fresh, (call) => {
			calls.push(call);
			return call.number === broken ? { before: broken % 2 === 0 ? targetDown() : full() } : undefined;
		});
		const call = calls[broken];
		if (call === undefined) continue;
		const reader = await s.open();
		const visible = await reader.readRoot(`attempt-${broken}`).catch((e: unknown) => e);
		if (error === undefined) {
			// A delete of the session may fail after the root is there: the snapshot counts.
			same(t, await readSnapshot(reader, `attempt-${broken}`), fresh);
		} else {
			t.true(isVaultError(error, "TARGET_UNREACHABLE", "TARGET_FULL"), `${call.verb} ${call.key}: ${error}`);
			if (call.verb !== "delete") t.true(isVaultError(visible, "NOT_FOUND"), `${call.verb} ${call.key}`);
		}
		same(t, await readSnapshot(reader, "first"), first);
		await reader.close();
	}
});

test("a lost reply to any put is made good by doing it again", async (t) => {
	const s = await scene(t);
	await (await s.create()).close();
	const image = content("lost replies", 20 * chunkBytes);
	let lost = 0;
	const again = (target: Target): Target => ({
		...target,
		async put(key, body, options) {
			try {
				await target.put(key, body, options);
			} catch {
				await target.put(key, body, options);
			}
		},
	});
	const fault = (call: TargetCall): Fault => {
		if (call.verb !== "put" || call.number % 2 === 0) return undefined;
		lost++;
		return { after: targetDown() };
	};
	const vault = await s.open({ target: again(faultyTarget(s.target, fault)) });
	await snapshot(vault, "lost", image);
	t.true(lost > 2);
	await vault.close();
	const reader = await s.open();
	same(t, await readSnapshot(reader, "lost"), image);
	await reader.close();
});

test("a pack that cannot be written fails every later call of its writer, and the vault goes on", async (t) => {
	const s = await scene(t);
	await (await s.create()).close();
	let broken = true;
	const fault = (call: TargetCall): Fault =>
		broken && call.verb === "put" && call.key.startsWith("packs/") ? { before: full() } : undefined;
	const vault = await s.open({ target: faultyTarget(s.target, fault) });
	const writer = await vault.writer({ sessionId: "full" });
	const disk = await writer.disk({ sizeBytes: 200 * chunkBytes });
	const error = await t.throwsAsync(async () => {
		for (let i = 0; i < 200; i++) await disk.write(i, content(`full ${i}`, chunkBytes));
	});
	t.true(isVaultError(error, "TARGET_FULL"));
	t.regex((error as Error).message, /is full\. Free some space/);
	await t.throwsAsync(disk.finish(), { is: error as VaultError });
	await t.throwsAsync(writer.flush(), { is: error as VaultError });
	await writer.close();
	broken = false;
	await snapshot(vault, "after", content("full 0", chunkBytes));
	same(t, await readSnapshot(vault, "after"), content("full 0", chunkBytes));
	await vault.close();
});

test("a backup that is stopped ends with ABORTED and leaves the vault usable", async (t) => {
	const s = await scene(t);
	const vault = await s.create();
	const stop = new AbortController();
	const writer = await vault.writer({ sessionId: "stopped", signal: stop.signal });
	const disk = await writer.disk({ sizeBytes: 50 * chunkBytes });
	await disk.write(0, content("stopped", chunkBytes));
	stop.abort();
	await t.throwsAsync(disk.write(1, content("more", chunkBytes)), { code: "ABORTED" });
	await t.throwsAsync(disk.finish(), { code: "ABORTED" });
	await writer.close();
	await vault.endSession("stopped");
	await t.throwsAsync(vault.writer({ sessionId: "stopped" }), { code: "SESSION_ENDED" });
	await snapshot(vault, "next", content("next", chunkBytes));
	await vault.close();
});

test("a folder that is missing, lost, read-only or closed is refused in a sentence", async (t) => {
	const s = await scene(t);
	const folder = join(s.folder, "target");
	const open = (target: Target, keys: KeyProvider = s.keys) => createVault({ target, keys });
	const missing = await t.throwsAsync(open(fileTarget(join(s.folder, "nowhere"))));
	t.true(isVaultError(missing, "TARGET_MISSING"), String(missing));
	t.regex((missing as Error).message, /may not be mounted\. Mount it/);

	const vault = await s.create();
	await snapshot(vault, "kept", content("kept", 3 * chunkBytes));
	// The export goes away while a writer is at work: an empty mount point is there instead.
	const writer = await vault.writer({ sessionId: "unmounted" });
	await rename(folder, `${folder}-away`);
	await mkdir(folder);
	const disk = await writer.disk({ sizeBytes: chunkBytes });
	await disk.write(0, content("unmounted", chunkBytes));
	const lost = await t.throwsAsync(disk.finish());
	t.true(isVaultError(lost, "TARGET_MISSING"), String(lost));
	await rm(folder, { recursive: true });
	await rename(`${folder}-away`, folder);
	await writer.close();

	if (process.getuid?.() !== 0) {
		await chmod(join(folder, "packs"), 0o500);
		const denied = await t.throwsAsync(snapshot(vault, "denied", content("denied", chunkBytes)));
		t.true(isVaultError(denied, "TARGET_DENIED"), String(denied));
		await chmod(join(folder, "packs"), 0o700);
	}
	const readOnly = fileError(Object.assign(new Error(), { code: "EROFS" }), "folder /backup", "packs/1");
	t.is(readOnly.message, "packs/1: The folder /backup is read-only. Mount it for writing.");
	same(t, await readSnapshot(vault, "kept"), content("kept", 3 * chunkBytes));
	await vault.close();
});

test("a call that hangs ends with TARGET_UNREACHABLE", async (t) => {
	const s = await scene(t);
	const slow = fileTarget(join(s.folder, "target"), { create: true, deadlineMs: 1 });
	const error = await t.throwsAsync(slow.put("packs/a", [content("slow", 64 * 1024 * 1024)]));
	t.true(isVaultError(error, "TARGET_UNREACHABLE"));
	t.true(error instanceof VaultError);
	await new Promise((resolve) => setTimeout(resolve, 300)); // The late write must not meet the teardown.
});

test("a failed index is written by the next flush", async (t) => {
	const s = await scene(t);
	await (await s.create()).close();
	let failures = 1;
	const fault = (call: TargetCall): Fault =>
		call.verb === "put" && call.key.startsWith("index/") && failures-- > 0 ? { before: targetDown() } : undefined;
	const vault = await s.open({ target: faultyTarget(s.target, fault) });
	const writer = await vault.writer({ sessionId: "index" });
	const disk = await writer.disk({ sizeBytes: 3 * chunkBytes });
	for (let i = 0; i < 3; i++) await disk.write(i, content(`index ${i}`, chunkBytes));
	await t.throwsAsync(writer.flush(), { code: "TARGET_UNREACHABLE" });
	await writer.flush();
	const ref = await disk.finish();
	await vault.commitRoot(rootOf("index", [ref]));
	await vault.close();
	const reader = await s.open();
	t.is((await readSnapshot(reader, "index"))[0]?.length, 3 * chunkBytes);
	await reader.close();
});

test("a pack that fails takes every writer with it that relied on a chunk in it, and no other", async (t) => {
	const s = await scene(t);
	await (await s.create()).close();
	let broken = true;
	const fault = (call: TargetCall): Fault =>
		broken && call.verb === "put" && call.key.startsWith("packs/") ? { before: targetDown() } : undefined;
	const vault = await s.open({ target: faultyTarget(s.target, fault) });
	const disks = [];
	for (const id of ["first", "relying", "apart"]) {
		const writer = await vault.writer({ sessionId: id });
		disks.push(await writer.disk({ sizeBytes: chunkBytes }));
	}
	const [first, relying, apart] = disks;
	await first?.write(0, content("in flight", chunkBytes));
	await relying?.write(0, content("in flight", chunkBytes));
	await t.throwsAsync(first?.finish() as Promise<unknown>, { code: "TARGET_UNREACHABLE" });
	broken = false;
	await t.throwsAsync(relying?.finish() as Promise<unknown>, { code: "TARGET_UNREACHABLE" });
	// The chunk that was lost with the pack is sent again by whoever has it next.
	await apart?.write(0, content("in flight", chunkBytes));
	const ref = await apart?.finish();
	await vault.commitRoot(rootOf("apart", [ref as never]));
	same(t, await readSnapshot(vault, "apart"), content("in flight", chunkBytes));
	await vault.close();
});
