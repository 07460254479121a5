import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";

const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = join(root, "bin/holdfast");
const mib = 1024 * 1024;

type Said = { code: number; stdout: string; stderr: string };

/** A folder with a vault, and the command line in it. */
function bench(t: ExecutionContext) {
	const folder = mkdtempSync(join(tmpdir(), "holdfast-vault-cli-"));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const env = { ...process.env, HOLDFAST_TARGET: join(folder, "target"), HOLDFAST_KEY_FILE: join(folder, "key") };
	const run = (file: string, args: string[], extra: Record<string, string> = {}) =>
		new Promise<Said>((resolve) => {
			execFile(file, args, { cwd: folder, env: { ...env, ...extra } }, (error, stdout, stderr) => {
				resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
			});
		});
	const vault = (...args: string[]) => run(bin, ["vault", ...args]);
	const json = async (...args: string[]) => JSON.parse((await vault(...args, "-f", "json")).stdout);
	return { folder, run, vault, json, at: (name: string) => join(folder, name) };
}

/** A sparse image with some noise in it. */
async function image(path: string, sizeBytes: number, pieces: [number, Buffer][]): Promise<void> {
	const file = await open(path, "w");
	await file.truncate(sizeBytes);
	for (const [offset, data] of pieces) await file.write(data, 0, data.length, offset);
	await file.close();
}

test("images are stored, changed, stored again, and come back byte for byte from any snapshot", async (t) => {
	const { vault, json, at } = bench(t);
	t.is((await vault("init", "--chunk-size", "64")).code, 0);
	const noise = randomBytes(3 * mib);
	await image(at("a.raw"), 40 * mib + 512, [[mib, noise]]);
	await image(at("b.raw"), 5 * mib, [[0, noise.subarray(0, mib)]]);
	const full = await json("backup", "a.raw", "b.raw", "--name", "web");
	t.like(full, { Disks: 2, Size: 45 * mib + 512, New: 3 * mib, Reused: mib });
	const first = await readFile(at("a.raw"));

	await image(at("a.raw"), 40 * mib + 512, [
		[mib, noise.subarray(0, 2 * mib)],
		[40 * mib, Buffer.alloc(512, 7)],
	]);
	const next = await json("backup", "a.raw", "b.raw", "--name", "web");
	t.is(next.New, 512, "the data that went is a hole now, and the last chunk is new");
	const second = await readFile(at("a.raw"));

	const rows = await json("snapshots");
	t.deepEqual(
		rows.map((row: { ID: string }) => row.ID),
		[next.Snapshot, full.Snapshot],
	);
	for (const [id, wanted] of [
		[full.Snapshot, first],
		[next.Snapshot, second],
	] as const) {
		t.is((await vault("restore", id, `${id}.raw`, "--disk", "disk0")).code, 0);
		t.true((await readFile(at(`${id}.raw`))).equals(wanted));
	}
	const again = await vault("restore", next.Snapshot, `${next.Snapshot}.raw`, "--disk", "disk0");
	t.is(again.code, 1);
	t.regex(again.stderr, /is there already; --force writes over it/);
	const which = await vault("restore", next.Snapshot, "x.raw");
	t.is(which.code, 2);
	t.regex(which.stderr, /there are: web\/disk0, web\/disk1/);
});

test("a list of changed ranges is all that is read, and the rest comes from the base", async (t) => {
	const { vault, json, at } = bench(t);
	await vault("init");
	await image(at("d.raw"), 8 * mib, [[0, randomBytes(8 * mib)]]);
	writeFileSync(at("changed.json"), JSON.stringify([{ offset: 5 * mib + 100, length: 10 }]));
	const early = await vault("backup", "d.raw", "--changed", "changed.json");
	t.is(early.code, 2);
	t.regex(early.stderr, /there is none\. Leave it out the first time/);
	await json("backup", "d.raw");
	const file = await open(at("d.raw"), "r+");
	await file.write(Buffer.alloc(10, 1), 0, 10, 5 * mib + 100);
	await file.close();
	const done = await json("backup", "d.raw", "--changed", "changed.json");
	t.like(done, { Given: 256 * 1024, New: 256 * 1024 });
	await vault("restore", done.Snapshot, "back.raw");
	t.true((await readFile(at("back.raw"))).equals(await readFile(at("d.raw"))));
	for (const bad of ["{}", "[1]", '[{"offset":-1,"length":1}]', "no"]) {
		writeFileSync(at("bad.json"), bad);
		t.is((await vault("backup", "d.raw", "--changed", "bad.json")).code, 2, bad);
	}
});

test("a qcow2 image is read with what it is based on, and its holes are known", async (t) => {
	const { vault, json, run, at, folder } = bench(t);
	await vault("init", "--chunk-size", "64");
	await image(at("base.raw"), 20 * mib, [[mib, randomBytes(mib)]]);
	t.is((await run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", "base.raw", "top.qcow2"])).code, 0);
	const write = ["-f", "qcow2", "-c", "write -q -P 7 5M 128k", "-c", "write -q -z 1M 64k", "top.qcow2"];
	t.is((await run("qemu-io", write)).code, 0);
	const done = await json("backup", "top.qcow2", "--image-format", "qcow2");
	t.like(done, { Size: 20 * mib, Given: mib - 64 * 1024 + 128 * 1024 });
	t.is((await vault("restore", done.Snapshot, "back.raw")).code, 0);
	t.is((await run("qemu-img", ["compare", "-f", "qcow2", "-F", "raw", "top.qcow2", "back.raw"])).code, 0);
	t.is((await json("backup", "top.qcow2", "--image-format", "qcow2")).New, 0);
	t.deepEqual((await readdir(folder)).sort(), ["back.raw", "base.raw", "key", "target", "top.qcow2"]);
});

test("damage is listed with what it means, and ends with exit code 1", async (t) => {
	const { vault, json, at, folder } = bench(t);
	await vault("init");
	await image(at("d.raw"), 2 * mib, [[mib, randomBytes(mib)]]);
	const { Snapshot } = await json("backup", "d.raw");
	t.is((await vault("verify", "--level", "everything")).code, 0);
	const packs = await readdir(at("target/packs"), { recursive: true, withFileTypes: true });
	for (const entry of packs.filter((one) => one.isFile())) {
		const path = join(entry.parentPath, entry.name);
		const bytes = await readFile(path);
		if (bytes.length < mib) continue;
		bytes[1000] = (bytes[1000] as number) ^ 1;
		writeFileSync(path, bytes);
	}
	const said = await vault("verify", "--level", "everything", "-f", "json");
	t.is(said.code, 1);
	const [row] = JSON.parse(said.stdout);
	t.like(row, { Snapshot, Disk: "disk0", Ranges: [{ offset: mib, length: 256 * 1024 }] });
	const refused = await vault("restore", Snapshot, "x.raw");
	t.is(refused.code, 1);
	t.regex(refused.stderr, /is damaged/);
	t.deepEqual((await readdir(folder)).sort(), ["d.raw", "key", "target"], "no half disk is left");
});

test("what is wrong is said in one sentence, with an exit code that scripts can tell", async (t) => {
	const { vault, run, at } = bench(t);
	await vault("init");
	await image(at("d.raw"), mib, []);
	const cases: [string[], number, RegExp][] = [
		[["snapshots", "--target", "nowhere"], 1, /folder nowhere is missing/],
		[["restore", "no-such", "x"], 3, /no snapshot no-such/],
		[["delete", "no-such"], 3, /no snapshot no-such/],
		[["backup", "nothing.raw"], 1, /nothing\.raw cannot be opened/],
		[["verify", "--level", "some"], 2, /no level "some"; there are metadata, sample, everything/],
		[["gc", "--repack-above", "200"], 2, /no percentage/],
		[["init", "--chunk-size", "100"], 2, /use a power of two/],
		[["snapshots", "--key-file", "other"], 1, /key file other cannot be read/],
	];
	for (const [args, code, sentence] of cases) {
		const said = await vault(...args);
		t.is(said.code, code, `${args.join(" ")}: ${said.stderr}`);
		t.regex(said.stderr.trim(), sentence);
	}
	const without = await run(bin, ["vault", "snapshots"], { HOLDFAST_TARGET: "" });
	t.is(without.code, 2);
	t.regex(without.stderr, /Say where the vault is/);
	writeFileSync(at("q.qcow2"), Buffer.from("QFI\u00fb", "latin1"));
	t.regex((await vault("backup", "q.qcow2")).stderr, /looks like a qcow2 image.*say --image-format qcow2/);
	const broken = await vault("backup", "q.qcow2", "--image-format", "qcow2");
	t.is(broken.code, 1);
	t.regex(broken.stderr, /The image q\.qcow2 cannot be opened: /);
	t.is((await vault("backup", "q.qcow2", "--image-format", "raw")).code, 0);
	t.is((await vault("backup", "q.qcow2", "--image-format", "vmdk")).code, 2);
});

test("the guide's commands work as they stand", async (t) => {
	const { folder, run, at } = bench(t);
	const guide = readFileSync(join(root, "docs/vault.md"), "utf8");
	const script = (/```sh\n([\s\S]*?)```/.exec(guide)?.[1] ?? "")
		.replaceAll("/mnt/backup", at("target"))
		.replaceAll("/root/", `${folder}/`);
	t.true(script.split("\n").filter((line) => line.startsWith("holdfast vault")).length > 10);
	await image(at("disk.raw"), 3 * mib, [[0, randomBytes(mib)]]);
	writeFileSync(at("changed.json"), "[]");
	const said = await run("bash", ["-euo", "pipefail", "-c", script], { PATH: `${dirname(bin)}:${process.env.PATH}` });
	t.is(said.code, 0, said.stderr);
	t.true((await readFile(at("back.raw"))).equals(await readFile(at("disk.raw"))));
});
