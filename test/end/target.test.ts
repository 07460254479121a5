import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { run } from "#demo/run.ts";
import { openStage, smallTarget } from "./stage.ts";

/** Mounting needs root; CI is. The vault's own suite covers the same errors with injected faults for everybody. */
const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot("a target that is full, then read-only, then well again", async (t) => {
	t.timeout(240_000);
	let target = "";
	const stage = await openStage(t, {
		prepare: (folder) => {
			target = join(folder, "target");
			return smallTarget(folder, 160);
		},
	});
	const instance = await stage.createInstance("full");
	const workload = await stage.protect("full", [instance]);
	const before = await stage.hash(instance.disks);
	const good = await stage.snapshot(workload, true);
	t.is((await stage.ended(`/snapshots/${good}`, "snapshot")).status, "available");

	const failsWith = async (reason: RegExp): Promise<void> => {
		const snapshot = await stage.snapshot(workload);
		const ended = await stage.ended(`/snapshots/${snapshot}`, "snapshot");
		t.is(ended.status, "error");
		t.regex(ended.error_msg ?? "", reason);
		t.log(ended.error_msg);
		t.is((await stage.ended(`/workloads/${workload}`, "workload")).status, "available");
		t.deepEqual(await stage.restore(good), [before], "the earlier snapshot is as good as before");
	};
	// 200 MiB of new, incompressible data do not fit.
	const noise = join(stage.folder, "noise");
	writeFileSync(noise, randomBytes(200 << 20));
	const disk = instance.disks[0]?.path as string;
	await run("qemu-io", ["-f", "qcow2", "-c", `write -q -s ${noise} 200M 200M`, disk]);
	await failsWith(/full|no space|room/i);
	await run("mount", ["-o", "remount,ro", target]);
	await failsWith(/read-only|written/i);
	await run("mount", ["-o", "remount,rw,size=600m", target]);

	const after = await stage.hash(instance.disks);
	const snapshot = await stage.snapshot(workload);
	t.is((await stage.ended(`/snapshots/${snapshot}`, "snapshot")).status, "available");
	t.deepEqual(await stage.restore(snapshot), [after]);
});
