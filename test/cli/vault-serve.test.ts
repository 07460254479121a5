import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { findProgram } from "#deploy/debian/find.ts";
import { connectNbd } from "#nbd/client.ts";
import { bootSector, farLba, overlayLba } from "./boot-sector.ts";

const bin = fileURLToPath(new URL("../../bin/holdfast", import.meta.url));
const mib = 1024 * 1024;
const commandTimeoutMs = 120_000;

type Said = { code: number | string; stdout: string; stderr: string };

/** A folder with a vault in it, the command line, and other people's programs. */
async function bench(t: ExecutionContext) {
	const folder = mkdtempSync(join(tmpdir(), "holdfast-serve-"));
	const servers: ChildProcess[] = [];
	t.teardown(async () => {
		for (const server of servers) {
			if (server.exitCode === null && server.signalCode === null) {
				server.kill("SIGKILL");
				await new Promise((resolve) => server.once("close", resolve));
			}
		}
		rmSync(folder, { recursive: true, force: true });
	});
	const at = (name: string): string => join(folder, name);
	const env = { ...process.env, HOLDFAST_TARGET: at("target"), HOLDFAST_KEY_FILE: at("key") };
	const run = (file: string, ...args: string[]) =>
		new Promise<Said>((resolve) => {
			execFile(file, args, { cwd: folder, env, timeout: commandTimeoutMs }, (error, stdout, stderr) =>
				resolve({ code: error === null ? 0 : (error.code ?? "killed"), stdout, stderr }),
			);
		});
	const vault = (...args: string[]) => run(bin, "vault", ...args);
	const backUp = async (...args: string[]): Promise<string> => {
		const said = await vault("backup", ...args, "-f", "value", "-c", "Snapshot");
		t.is(said.code, 0, said.stderr);
		return said.stdout.trim();
	};
	/** Starts `holdfast vault serve` and returns the addresses that it prints. */
	const serve = async (disks: number, ...args: string[]) => {
		// The shell of bin/holdfast replaces itself by Node, so the pid is the server's.
		const child = spawn(bin, ["vault", "serve", ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
		servers.push(child);
		const uris: string[] = [];
		let said = "";
		child.stderr.on("data", (text) => {
			said += text;
		});
		for await (const line of createInterface({ input: child.stdout })) {
			if (uris.push(line) === disks) break;
		}
		t.is(uris.length, disks, said);
		const stop = async (): Promise<number | null> => {
			child.kill("SIGTERM");
			return new Promise((resolve) => child.once("close", resolve));
		};
		return { uris, stop };
	};
	t.is((await vault("init", "--chunk-size", "64")).code, 0);
	return { at, run, vault, backUp, serve };
}

/** A sparse image with pieces of data in it. */
async function image(path: string, sizeBytes: number, pieces: [offset: number, data: Buffer][]): Promise<void> {
	const file = await open(path, "w");
	await file.truncate(sizeBytes);
	for (const [offset, data] of pieces) await file.write(data, 0, data.length, offset);
	await file.close();
}

test("qemu-img, nbdcopy and nbdinfo read every disk of every snapshot, several at once", async (t) => {
	const { at, run, backUp, serve, vault } = await bench(t);
	const noise = randomBytes(6 * mib);
	await image(at("a.raw"), 64 * mib + 512, [
		[mib, noise],
		[40 * mib + 100, noise.subarray(0, 300_000)],
		[64 * mib, Buffer.alloc(512, 9)],
	]);
	await image(at("b.raw"), 8 * mib, [[0, noise.subarray(0, mib)]]);
	const first = await backUp("a.raw", "b.raw", "--name", "web");
	const { uris, stop } = await serve(2, "--socket", "nbd.sock");
	t.deepEqual(
		uris,
		["disk0", "disk1"].map((disk) => `nbd+unix:///${first}/web/${disk}?socket=${at("nbd.sock")}`),
	);
	const [a = "", b = ""] = uris;

	const info = JSON.parse((await run("nbdinfo", "--json", a)).stdout).exports[0];
	t.like(info, {
		"export-size": 64 * mib + 512,
		is_read_only: true,
		can_multi_conn: true,
		contexts: ["base:allocation"],
	});
	const map = JSON.parse((await run("qemu-img", "map", "--output=json", "-f", "raw", a)).stdout);
	t.deepEqual(
		map.map(({ start, length, data }: { start: number; length: number; data: boolean }) => [start, length, data]),
		[
			[0, mib, false],
			[mib, 6 * mib, true],
			[7 * mib, 33 * mib, false],
			[40 * mib, 5 * 65536, true],
			[40 * mib + 5 * 65536, 24 * mib - 5 * 65536, false],
			[64 * mib, 512, true],
		],
	);
	const said = await Promise.all([
		run("qemu-img", "compare", "-f", "raw", "-F", "raw", a, "a.raw"),
		run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", a, "a.qcow2"),
		run("nbdcopy", "--connections=4", a, "copied.raw"),
		run("qemu-img", "compare", "-f", "raw", "-F", "raw", b, "b.raw"),
	]);
	t.deepEqual(
		said.map(({ code }) => code),
		[0, 0, 0, 0],
		JSON.stringify(said),
	);
	t.is((await run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", "a.qcow2", "a.raw")).code, 0);
	t.true((await readFile(at("copied.raw"))).equals(await readFile(at("a.raw"))));

	const second = await backUp("b.raw", "--name", "later");
	const list = JSON.parse((await run("nbdinfo", "--json", "--list", `nbd+unix:///?socket=${at("nbd.sock")}`)).stdout);
	t.deepEqual(
		list.exports.map((one: { "export-name": string }) => one["export-name"]).sort(),
		[`${first}/web/disk0`, `${first}/web/disk1`, `${second}/later/disk0`].sort(),
		"a snapshot that came while it was served is there",
	);
	for (const wrong of ["nothing", `${first}/web/disk7`, "", "../x", `${first}`]) {
		const refused = await run("nbdinfo", `nbd+unix:///${wrong}?socket=${at("nbd.sock")}`);
		t.not(refused.code, 0, wrong);
	}
	t.is(JSON.parse((await vault("stats", "-f", "json")).stdout).Sessions, 1, "collections wait for readers");
	t.is(await stop(), 0);
	t.false(existsSync(at("nbd.sock")));
	t.is(JSON.parse((await vault("stats", "-f", "json")).stdout).Sessions, 0);
});

test("a deleted and collected snapshot can be read to its end by who serves it, and damage hits its range only", async (t) => {
	const { at, run, backUp, serve, vault } = await bench(t);
	await image(at("d.raw"), 4 * mib, [[0, randomBytes(4 * mib)]]);
	const id = await backUp("d.raw");
	const { uris } = await serve(1, id, "--port", "0");
	const [uri = ""] = uris;
	t.regex(uri, /^nbd:\/\/127\.0\.0\.1:\d+\//);
	t.is((await run("qemu-img", "info", new URL("/", uri).href)).code, 0, "one disk is the one without a name, too");
	const { hostname, port } = new URL(uri);
	const client = await connectNbd({ host: hostname, port: Number(port) });
	t.is((await vault("delete", id)).code, 0);
	t.is((await vault("gc", "-f", "value", "-c", "Deleted Packs")).stdout, "0\n", "it leaves what may be read");
	const read = Buffer.alloc(4 * mib);
	await client.read(0, read);
	t.true(read.equals(await readFile(at("d.raw"))));
	client.close();
	t.not((await run("nbdinfo", uri)).code, 0, "nobody new comes to it");

	const again = await backUp("d.raw");
	const second = await serve(1, again, "--port", "0");
	const packs = await readdir(at("target/packs"), { recursive: true, withFileTypes: true });
	for (const entry of packs.filter((one) => one.isFile())) {
		const path = join(entry.parentPath, entry.name);
		const bytes = await readFile(path);
		if (bytes.length < mib) continue;
		bytes[2 * mib] = (bytes[2 * mib] as number) ^ 1;
		writeFileSync(path, bytes);
	}
	let bad = 0;
	const whole = readFileSync(at("d.raw"));
	for (let mebibyte = 0; mebibyte < 4; mebibyte++) {
		for (let chunk = 0; chunk < 16; chunk++) {
			const offset = mebibyte * mib + chunk * 65536;
			const pattern = `read -P ${whole[offset]} ${offset} 1`;
			const { stdout, stderr } = await run("qemu-io", "-r", "-f", "raw", "-c", pattern, second.uris[0] as string);
			if (/Input\/output error/.test(stdout + stderr)) bad++;
			else t.regex(stdout, /^read 1\/1 bytes/m);
		}
	}
	t.true(bad >= 1 && bad <= 2, `${bad} of 64 chunks cannot be read`);
});

test("an image is made of a disk, raw or qcow2, and nothing is left where it cannot be", async (t) => {
	const { at, run, backUp, vault } = await bench(t);
	await image(at("d.raw"), 16 * mib, [
		[mib, Buffer.alloc(2 * mib, "compressible ")],
		[9 * mib, randomBytes(mib)],
	]);
	const id = await backUp("d.raw");
	for (const [file, ...args] of [["plain.qcow2"], ["small.qcow2", "--compress"], ["out.raw", "--format", "raw"]]) {
		const said = await vault("export", id, file as string, ...args);
		t.is(said.code, 0, said.stderr);
		t.is((await run("qemu-img", "compare", "-F", "raw", file as string, "d.raw")).code, 0, file);
	}
	t.true(readFileSync(at("small.qcow2")).length < 2 * mib);
	const cases: [string[], number, RegExp][] = [
		[[id, "plain.qcow2"], 1, /plain\.qcow2 is there already; --force replaces it/],
		[[id, "x", "--format", "vmdk"], 2, /no format "vmdk"; there are qcow2, raw/],
		[[id, "x", "--format", "raw", "--compress"], 2, /cannot be compressed/],
		[["no-such", "x"], 3, /no snapshot no-such/],
		[[id, "no/such/folder/x"], 1, /qemu-img could not make the image/],
	];
	for (const [args, code, sentence] of cases) {
		const said = await vault("export", ...args);
		t.is(said.code, code, said.stderr);
		t.regex(said.stderr, sentence);
	}
	t.is((await vault("export", id, "plain.qcow2", "--force")).code, 0);
	t.deepEqual((await readdir(at("."))).sort(), ["d.raw", "key", "out.raw", "plain.qcow2", "small.qcow2", "target"]);
});

test("serve says what is wrong with where it should listen", async (t) => {
	const { backUp, at, vault } = await bench(t);
	await image(at("d.raw"), mib, []);
	await backUp("d.raw");
	const cases: [string[], number, RegExp][] = [
		[[], 2, /Say where to listen/],
		[["--socket", "s", "--port", "1"], 2, /Say where to listen/],
		[["--port", "70000"], 2, /--port must be a number from 0 to 65535/],
		[["--socket", "x".repeat(200)], 2, /at most 107 bytes/],
		[["--socket", "no/such/folder/s"], 1, /cannot listen on/],
		[["--port", "0", "--clients", "0"], 2, /--clients must be/],
		[["--port", "0", "no-such"], 3, /no snapshot no-such/],
	];
	for (const [args, code, sentence] of cases) {
		const said = await vault("serve", ...args);
		t.is(said.code, code, said.stderr);
		t.regex(said.stderr, sentence);
	}
});

const qemu = findProgram("qemu-system-x86_64");
const boots = qemu === undefined ? test.skip : test;
const without = qemu === undefined ? " (skipped: there is no qemu-system-x86_64; Debian: qemu-system-x86)" : "";

boots(`a machine boots from a disk of a snapshot and writes to an overlay of its own${without}`, async (t) => {
	const { at, run, backUp, serve } = await bench(t);
	const words = `read from the vault: ${randomBytes(8).toString("hex")}`;
	await image(at("d.raw"), 3 * 1024 * mib, [
		[0, bootSector()],
		[farLba * 512, Buffer.from(`${words}\0`)],
	]);
	const id = await backUp("d.raw");
	const { uris } = await serve(1, id, "--socket", "nbd.sock");
	const [uri = ""] = uris;
	t.is((await run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", uri, "overlay.qcow2")).code, 0);
	const machine = ["-M", "pc", "-accel", "tcg", "-m", "32", "-nodefaults", "-display", "none", "-no-reboot"];
	const said = await run(
		qemu as string,
		...machine,
		...["-drive", "file=overlay.qcow2,format=qcow2,if=ide,cache=writethrough", "-serial", "file:serial.txt"],
		...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
	);
	t.is(said.code, 33, said.stderr);
	t.is(readFileSync(at("serial.txt"), "latin1"), words);
	const io = ["-f", "qcow2", "-c", `read -v ${overlayLba * 512} 16`, "overlay.qcow2"];
	t.regex((await run("qemu-io", "-r", ...io)).stdout, /read\.from\.the\.va/, "what the guest wrote is in its overlay");
	t.is((await run("qemu-img", "compare", "-f", "raw", "-F", "raw", uri, "d.raw")).code, 0, "and not in the snapshot");
});
