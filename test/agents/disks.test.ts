import { randomUUID } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile, rename, truncate } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { checkUnchanged, resolveChain } from "#agents/compute/disks/chain.ts";
import { locateDisk } from "#agents/compute/disks/locate.ts";
import { AgentError, type AgentErrorCode } from "#agents/compute/errors.ts";
import { openImageSource } from "#agents/compute/sources/qemu-nbd.ts";
import type { DiskLocator } from "#schemas/locator.ts";
import { type Lab, mib, noise, openLab, run } from "./lab.ts";

const failsWith = async (t: ExecutionContext, code: AgentErrorCode, work: Promise<unknown>, words = /./) => {
	const error = await t.throwsAsync(work, { instanceOf: AgentError });
	t.is(error?.code, code, error?.message);
	t.regex(error?.message ?? "", words);
};

const open = async (lab: Lab, locator: DiskLocator) => resolveChain(await locateDisk(locator, lab.folders));

test("locators become files below the operator's folders", async (t) => {
	const lab = await openLab(t);
	const id = lab.newInstance({ disk: "raw" });
	const nova = await lab.rawFile(lab.at("instances", id, "disk"), mib);
	const volume = await lab.rawFile(join(lab.shareFolder, "volume-1"), mib);
	t.like(await locateDisk(lab.nova(id), lab.folders), { path: nova, format: "raw" });
	t.like(await locateDisk(lab.cinder("volume-1"), lab.folders), { path: volume, format: "raw" });
	await failsWith(t, "DISK_MISSING", locateDisk(lab.nova(id, "disk.local"), lab.folders));
	await failsWith(t, "DISK_MISSING", locateDisk(lab.nova(randomUUID()), lab.folders));
});

test("nothing outside of them is opened: links, dots, devices", async (t) => {
	const lab = await openLab(t);
	const secret = await lab.rawFile(lab.at("secret"), mib);
	const linked = lab.newInstance({ disk: "raw" });
	symlinkSync(secret, lab.at("instances", linked, "disk"));
	await failsWith(t, "DISK_REFUSED", locateDisk(lab.nova(linked), lab.folders), /secret/);

	const other = lab.newInstance({ disk: "raw" });
	await lab.rawFile(lab.at("instances", other, "disk"), mib);
	const neighbour = lab.newInstance({ disk: "raw" });
	symlinkSync(lab.at("instances", other, "disk"), lab.at("instances", neighbour, "disk"));
	await failsWith(t, "DISK_REFUSED", locateDisk(lab.nova(neighbour), lab.folders));

	symlinkSync(secret, join(lab.shareFolder, "volume-link"));
	await failsWith(t, "DISK_REFUSED", locateDisk(lab.cinder("volume-link"), lab.folders));
	await failsWith(t, "DISK_REFUSED", locateDisk(lab.cinder(".."), lab.folders));
	symlinkSync("/dev/null", join(lab.shareFolder, "device"));
	await failsWith(t, "DISK_REFUSED", locateDisk(lab.cinder("device"), lab.folders));
	mkdirSync(join(lab.shareFolder, "folder"));
	await failsWith(t, "DISK_REFUSED", locateDisk(lab.cinder("folder"), lab.folders), /regular file/);
});

/** A guest's disk whose first bytes are a qcow2 header that names a file of the guest's choice. */
const forge = async (lab: Lab, disk: string, backing: string, format = "raw"): Promise<void> => {
	await run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", backing, "-F", format, lab.at("forged"), "1M");
	await rename(lab.at("forged"), disk);
};

test("a raw disk whose guest wrote a qcow2 header stays raw", async (t) => {
	const lab = await openLab(t);
	const secret = await lab.rawFile(lab.at("secret"), mib, [{ offset: 0, data: noise(mib, 1) }]);
	const id = lab.newInstance({ disk: "raw" });
	const disk = lab.at("instances", id, "disk");
	await forge(lab, disk, secret);
	const content = await readFile(disk);
	const source = await openImageSource(lab.nova(id), await lab.host());
	t.teardown(() => source.close());
	const bytes = Buffer.alloc(source.sizeBytes);
	await source.read(0, bytes);
	t.true(bytes.subarray(0, content.length).equals(content), "the header itself, not what it names");

	await forge(lab, join(lab.shareFolder, "volume-forged"), secret);
	const [layer, ...more] = await open(lab, lab.cinder("volume-forged", "raw"));
	t.is(layer?.format, "raw");
	t.is(more.length, 0);
});

test("without Nova's record, a header names nothing but the image cache and the instance's own folder", async (t) => {
	const lab = await openLab(t);
	const secret = await lab.rawFile(lab.at("secret"), mib);
	const other = lab.newInstance({ disk: "raw" });
	const theirs = await lab.rawFile(lab.at("instances", other, "disk"), mib);
	const id = lab.newInstance();
	const disk = lab.at("instances", id, "disk");
	for (const backing of [secret, theirs, "/etc/hostname", `../${other}/disk`]) {
		await forge(lab, disk, backing);
		await failsWith(t, "DISK_REFUSED", open(lab, lab.nova(id)), /leads to|regular/);
	}
	for (const backing of ["json:{}", "nbd:unix:/run/x", "http://127.0.0.1/"]) {
		const start = Buffer.from(await readFile(disk));
		start.write(backing, 1024, "latin1");
		start.writeBigUInt64BE(1024n, 8);
		start.writeUInt32BE(backing.length, 16);
		writeFileSync(disk, start);
		await failsWith(t, "DISK_REFUSED", open(lab, lab.nova(id)), /backing file is/);
	}
	const base = await lab.rawFile(lab.at("instances", "_base", "abc"), mib);
	await forge(lab, disk, base);
	t.deepEqual(
		(await open(lab, lab.nova(id))).map(({ path }) => path),
		[disk, base],
	);
});

test("images that lead elsewhere or cannot be read are refused with the reason", async (t) => {
	const lab = await openLab(t);
	const id = lab.newInstance({ disk: "qcow2" });
	const disk = lab.at("instances", id, "disk");
	const create = (...args: string[]) => run("qemu-img", "create", "-q", "-f", "qcow2", ...args);
	const refused = (words: RegExp) => failsWith(t, "DISK_UNSUPPORTED", open(lab, lab.nova(id)), words);

	await create("-o", `data_file=${lab.at("instances", id, "data")}`, disk, "1M");
	await refused(/data is in another file/);
	await create(disk, "1M");
	const start = await readFile(disk);
	// crypt_method 2: LUKS.
	start.writeUInt32BE(2, 32);
	writeFileSync(disk, start);
	await refused(/encrypted/);
	await lab.rawFile(disk, mib);
	await refused(/should be qcow2/);
	writeFileSync(disk, "QFI\xfb\0\0\0\x03", "latin1");
	await refused(/ends within its header/);
	await forge(lab, disk, disk, "qcow2");
	await refused(/more than 64 layers/);
	const base = await lab.rawFile(lab.at("instances", "_base", "b"), mib);
	await create("-u", "-b", base, "-F", "vmdk", disk, "1M");
	await refused(/vmdk/);
	const ploop = lab.newInstance({ disk: "ploop" });
	await lab.rawFile(lab.at("instances", ploop, "disk"), mib);
	await failsWith(t, "DISK_UNSUPPORTED", open(lab, lab.nova(ploop)), /ploop/);
});

test("a disk in use is refused, and left alone", async (t) => {
	const lab = await openLab(t);
	const id = lab.newInstance({ disk: "qcow2" });
	const disk = lab.at("instances", id, "disk");
	await run("qemu-img", "create", "-q", "-f", "qcow2", disk, "4M");
	const host = await lab.host();
	const locator = lab.nova(id);
	const source = await openImageSource(locator, host);
	const { openImageSink } = await import("#agents/compute/sinks/qemu-nbd.ts");
	await failsWith(t, "DISK_IN_USE", openImageSink(locator, { ...host, neededBytes: 1 }), /stop the instance/);
	await source.close();
	const sink = await openImageSink(locator, { ...host, neededBytes: 1 });
	await failsWith(t, "DISK_IN_USE", openImageSource(locator, host));
	await sink.close();
	await (await openImageSource(locator, host)).close();
});

test("a file that shrank, vanished, was replaced or written is noticed in any layer", async (t) => {
	const lab = await openLab(t);
	const id = lab.newInstance({ disk: "qcow2" });
	const disk = lab.at("instances", id, "disk");
	const base = await lab.rawFile(lab.at("instances", "_base", "b"), 2 * mib);
	await run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", disk, "4M");
	const layers = await open(lab, lab.nova(id));
	await checkUnchanged(layers);
	await truncate(base, mib);
	await failsWith(t, "DISK_SHRUNK", checkUnchanged(layers), /2097152 to 1048576/);
	await rename(base, `${base}.old`);
	await failsWith(t, "DISK_VANISHED", checkUnchanged(layers));
	await lab.rawFile(base, 2 * mib);
	await failsWith(t, "DISK_VANISHED", checkUnchanged(layers), /replaced/);
	const again = await open(lab, lab.nova(id));
	await run("qemu-io", "-f", "qcow2", "-c", "write -q 0 64k", disk);
	await failsWith(t, "DISK_CHANGED", checkUnchanged(again));
});
