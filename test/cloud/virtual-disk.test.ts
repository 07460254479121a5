import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { qemuImg } from "./qemu.ts";
import { sha256OfVirtualDisk } from "./virtual-disk.ts";

let folder: string;
test.before(async () => {
	folder = await mkdtemp(join(tmpdir(), "holdfast-disk-"));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const sha256 = async (path: string) =>
	createHash("sha256")
		.update(await readFile(path))
		.digest("hex");

test("an overlay larger than its base hashes as the guest sees it", async (t) => {
	const [base, overlay, flat] = ["base.raw", "overlay.qcow2", "flat.raw"].map((name) => join(folder, name)) as [
		string,
		string,
		string,
	];
	await writeFile(base, Buffer.alloc(3 * 1024 * 1024 + 512, "holdfast"));
	await qemuImg("create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, overlay, "8M");
	await qemuImg("convert", "-O", "raw", overlay, flat);
	const whole = await sha256(flat);
	t.is(await sha256OfVirtualDisk(overlay, "qcow2"), whole);
	t.is(await sha256OfVirtualDisk(flat, "raw"), whole);
	await truncate(base, 4096);
	t.not(await sha256OfVirtualDisk(overlay, "qcow2"), whole, "a base that shrank shows");
});

test("what cannot be read throws, with the reason", async (t) => {
	await t.throwsAsync(sha256OfVirtualDisk(join(folder, "none.raw"), "raw"), { code: "ENOENT" });
	await t.throwsAsync(sha256OfVirtualDisk(join(folder, "none.qcow2"), "qcow2"), { message: /none\.qcow2 failed: .*/ });
	const garbage = join(folder, "garbage.qcow2");
	await writeFile(garbage, "not a disk");
	await t.throwsAsync(sha256OfVirtualDisk(garbage, "qcow2"), { message: /garbage\.qcow2 failed: .*/ });
});

test("the deadline ends it, and the tools it started", async (t) => {
	const big = join(folder, "big.qcow2");
	await qemuImg("create", "-q", "-f", "qcow2", big, "64G");
	const start = performance.now();
	await t.throwsAsync(sha256OfVirtualDisk(big, "qcow2", 300));
	t.true(performance.now() - start < 5_000);
	// qemu-nbd would still hold its lock on the image if it had survived.
	await t.notThrowsAsync(qemuImg("resize", "-q", "-f", "qcow2", big, "65G"));
});
