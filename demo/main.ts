import { readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { installMissingPackages } from "#deploy/debian/install.ts";
import { openDataFolder } from "#deploy/embedded/folder.ts";
import { Interrupted, interruption, watchInterrupts } from "#deploy/embedded/interrupt.ts";
import { lockFolder } from "#deploy/embedded/lock.ts";
import { adminSession, startStack, userSession } from "#deploy/embedded/stack.ts";
import { changeOverlay, changeRawDisk } from "./change.ts";
import { createInstances, type Instance } from "./cloud.ts";
import { buildImages } from "./disks.ts";
import { createProgress } from "./progress.ts";
import { protect, restore, type Taken } from "./protect.ts";
import { table } from "./table.ts";

const help = `Shows the main job on this machine: builds a small cloud of real disks, protects two instances, changes their
disks, protects them again while the agent is killed, restores both snapshots, and compares every disk byte for byte.

  npm run demo                 keeps its data in .holdfast/demo; each run starts from nothing but the disk images
  npm run demo -- --data DIR   keeps it elsewhere, in a folder of its own (needs about 20 GiB)`;

const freePorts = { cloud: 0, openwhisk: 0, workloads: 0, datamover: 0 };

/** Short, so that the killed agent's work goes on within seconds even where its restart finds the lease taken. */
const syncSeconds = 1;
const leaseSeconds = 15;

const changeDisks = async (instances: readonly Instance[]): Promise<void> => {
	const changeInstance = async ({ name, disks }: Instance): Promise<void> => {
		for (const { path, base, format, virtualBytes } of disks) {
			if (format === "qcow2" && base) await changeOverlay(path, base, virtualBytes, name);
			else await changeRawDisk(path, virtualBytes, name);
		}
	};
	await Promise.all(instances.map(changeInstance));
};

const run = async (): Promise<boolean> => {
	const { values } = parseArgs({ options: { data: { type: "string" }, help: { type: "boolean" } } });
	if (values.help) {
		console.log(help);
		return true;
	}
	const interrupted = watchInterrupts();
	const progress = createProgress(process.stdout);
	installMissingPackages(progress.say);
	const dataFolder = resolve(values.data ?? ".holdfast/demo");
	openDataFolder(dataFolder);
	const unlock = await lockFolder(dataFolder);
	for (const name of readdirSync(dataFolder)) {
		if (name !== "images") rmSync(join(dataFolder, name), { recursive: true });
	}
	const images = await Promise.race([buildImages(join(dataFolder, "images"), progress.say), interruption(interrupted)]);
	const stack = await startStack({
		...{ dataFolder, ports: freePorts, syncSeconds, leaseSeconds },
		...{ signal: interrupted, log: progress.say },
	});

	const work = async (): Promise<boolean> => {
		const admin = adminSession(stack.authUrl);
		const user = userSession(stack.authUrl);
		const stage = { user, admin, cloudFolder: join(dataFolder, "cloud"), progress };
		const instances = await createInstances(user, admin, images, stage.cloudFolder, progress.say);
		const body = { workload: { name: "demo", instances: instances.map(({ id }) => ({ "instance-id": id })) } };
		const created = await user.request("workloads", "POST", "/workloads", { body });
		const workload = (created.body as { workload: { id: string } }).workload;
		progress.say(`workload ${workload.id} protects ${instances.map(({ name }) => name).join(" and ")}`);

		const taken: Taken[] = [await protect(stage, workload.id, instances, { full: true })];
		progress.say("changing the disks: files written and deleted, random 4 KiB writes");
		await changeDisks(instances);
		const accident = async (): Promise<void> => {
			progress.say("killing the agent with SIGKILL, in the middle of the transfer, and starting it again");
			await stack.killAgent();
			await stack.startAgent();
		};
		taken.push(await protect(stage, workload.id, instances, { full: false, accident }));
		for (const snapshot of taken) await restore(stage, snapshot);

		progress.say(table(taken));
		return taken.every(({ disks }) => disks.every(({ identical }) => identical));
	};
	try {
		const broken = stack.broken.then((sentence): never => {
			throw new Error(sentence);
		});
		const identical = await Promise.race([work(), broken, interruption(interrupted)]);
		progress.say(
			identical
				? `Every restored disk is identical to its source. Look around: npm start -- --data ${dataFolder}`
				: "Some restored disks are NOT identical to their sources.",
		);
		return identical;
	} finally {
		await stack.stop();
		await unlock();
	}
};

try {
	if (!(await run())) process.exitCode = 1;
} catch (error) {
	console.error((error as Error).message);
	process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}
// A run that broke off may have left a request waiting for its deadline; nobody waits for that.
process.exit();
