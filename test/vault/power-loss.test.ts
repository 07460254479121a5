import test from "ava";
import { isVaultError } from "#vault/errors.ts";
import { fileTarget } from "#vault/targets/file.ts";
import { type CrashDisk, newCrashDisk } from "./crash-disk.ts";
import { newSeed, randomFrom } from "./scene.ts";

const folder = "/deep/in/target";
const targetOn = (disk: CrashDisk) => fileTarget(folder, { create: true, files: disk.files });
/** Does not make the folder: what was prepared must still be prepared. */
const reopened = (disk: CrashDisk, survives = () => false) =>
	fileTarget(folder, { files: disk.afterCrash(survives).files });
const body = (text: string) => [Buffer.from(text), Buffer.from(" and more")];
const whole = (text: string) => `${text} and more`;

async function read(target: ReturnType<typeof fileTarget>, key: string): Promise<string | undefined> {
	try {
		return Buffer.from(await target.get(key)).toString();
	} catch (error) {
		if (isVaultError(error, "NOT_FOUND", "TARGET_MISSING")) return undefined;
		throw error;
	}
}

test("a folder that was prepared is still a target after power is lost", async (t) => {
	const disk = newCrashDisk();
	await t.throwsAsync(targetOn(disk).head("config"), { code: "NOT_FOUND" });
	await t.throwsAsync(reopened(disk).head("config"), { code: "NOT_FOUND" });
});

for (const ifAbsent of [true, false]) {
	test(`a folder target keeps what it acknowledged when power is lost (ifAbsent ${ifAbsent})`, async (t) => {
		const disk = newCrashDisk();
		const target = targetOn(disk);
		for (const key of ["config", "packs/aa1", "packs/aa2", "packs/bb1", "keys/vault/one"]) {
			await target.put(key, body(key), { ifAbsent });
			t.is(await read(reopened(disk), key), whole(key));
		}
		await t.notThrowsAsync(reopened(disk).put("config-2", body("it is still a target")));
		await target.delete("packs/aa1");
		t.is(await read(reopened(disk), "packs/aa1"), undefined);
		t.is(await read(reopened(disk), "packs/aa2"), whole("packs/aa2"));
	});

	test(`whenever power is lost, an object is whole or not there (ifAbsent ${ifAbsent})`, async (t) => {
		const draw = randomFrom(newSeed(t));
		const disk = newCrashDisk();
		const target = targetOn(disk);
		let instants = 0;
		disk.before = async () => {
			for (const survives of [() => false, () => true, () => draw(2) === 0]) {
				const there = await read(reopened(disk, survives), "packs/aa1");
				t.true(there === undefined || there === whole("first"), `${there}`);
				instants++;
			}
		};
		await target.put("packs/aa1", body("first"), { ifAbsent });
		await target.delete("packs/aa1");
		t.true(instants > 20);
	});
}

test("of puts at once into a folder that is not there yet, each is durable when it is acknowledged", async (t) => {
	const disk = newCrashDisk();
	const [one, other] = [targetOn(disk), targetOn(disk)];
	await one.put("config", body("config"));
	disk.before = () => new Promise((resolve) => setImmediate(resolve));
	const puts = [one, one, other, other].map(async (target, i) => {
		const key = `packs/aa${i}`;
		await target.put(key, body(key), { ifAbsent: true });
		t.is(await read(reopened(disk), key), whole(key));
	});
	await Promise.all(puts);
});

/** A process that dies before its last fsync, whose successor does the same again. */
async function dieAtLastSync(disk: CrashDisk, work: () => Promise<unknown>): Promise<void> {
	let done = false;
	disk.before = (call) => {
		if (call === "link" || call === "unlink") done = true;
		if (done && call === "sync") throw Object.assign(new Error("killed"), { code: "EIO" });
	};
	await work().catch(() => {});
	disk.before = () => {};
}

test("what another process put or removed, and died before its fsync, is durable once it is met", async (t) => {
	const disk = newCrashDisk();
	const first = targetOn(disk);
	await first.put("sessions/aa1", body("first"));
	await dieAtLastSync(disk, () => first.put("sessions/aa2", body("second"), { ifAbsent: true }));
	t.is(await read(reopened(disk), "sessions/aa2"), undefined);
	await t.throwsAsync(targetOn(disk).put("sessions/aa2", body("again"), { ifAbsent: true }), { code: "EXISTS" });
	t.is(await read(reopened(disk), "sessions/aa2"), whole("second"));

	await dieAtLastSync(disk, () => first.delete("sessions/aa1"));
	t.is(await read(reopened(disk), "sessions/aa1"), whole("first"));
	await targetOn(disk).delete("sessions/aa1");
	t.is(await read(reopened(disk), "sessions/aa1"), undefined);
});
