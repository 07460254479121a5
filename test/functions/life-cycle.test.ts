import test from "ava";
import { getVolume } from "#openstack/cinder.ts";
import { deleteServer, getServer, listVolumeAttachments } from "#openstack/nova.ts";
import { waitForGone } from "#openstack/wait.ts";
import type { BackupInstance } from "#schemas/job.ts";
import { openHouse, openStage, type Stage } from "./stage.ts";
import { isAvailable, makeWorkload, read, takeSnapshot } from "./verbs.ts";

const house = await openHouse();
test.after.always(() => house.close());

const statusOf = async (stage: Stage, path: string): Promise<string> => (await read(stage, path)).status;

const settled = (stage: Stage, workloadId: string) => isAvailable(stage, `/workloads/${workloadId}`);

test.serial("a workload is protected, incrementally too, and comes back as new instances", async (t) => {
	const stage = await openStage(house);
	const agent = stage.agent();
	const [first, second] = [await house.server({ volumes: [1] }), await house.server()];
	const workloadId = await makeWorkload(stage, [first, second]);

	// Full, because there is nothing to build on; the body's `full` decides nothing.
	const fullId = await takeSnapshot(stage, workloadId);
	t.is(await statusOf(stage, `/workloads/${workloadId}`), "locked");
	await stage.settle([agent], settled(stage, workloadId));
	const full = (await stage.ask("GET", `/snapshots/${fullId}`)).body.snapshot;
	t.like(full, { status: "available", snapshot_type: "full", progress_percent: 100, error_msg: null });
	t.is(full.size, 3 * 1024 ** 3);
	t.is(full.uploaded_size, 3 * 512);
	t.regex(full.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000$/);
	const volumeIds = full.instances.map((one: { vdisks: { volume_id?: string }[] }) =>
		one.vdisks.map((disk) => disk.volume_id),
	);
	t.deepEqual(
		volumeIds.map((ids: string[]) => ids.filter(Boolean).length),
		[1, 0],
	);
	t.like(full.instances[0].flavor, { vcpus: 1, ram: 128, disk: 1 });
	t.is(full.instances[0].nics[0].network.name, "demo-net");
	t.is(full.instances[0].nics[0].network.subnet.cidr, "10.20.0.0/24");
	const root = stage.vault.roots.get(fullId) as {
		captured: { routers: { name: string }[]; security_groups: unknown[] };
	};
	t.is(root.captured.routers[0]?.name, "demo-router");
	t.true(root.captured.security_groups.length > 0);
	t.true(stage.vault.backups.every(({ disks }) => disks.every(({ base }) => base === null)));

	const nextId = await takeSnapshot(stage, workloadId);
	stage.vault.backups.length = 0;
	await stage.settle([agent], settled(stage, workloadId));
	t.is(
		(await stage.ask("GET", `/workloads/${workloadId}/snapshots/${nextId}`)).body.snapshot.snapshot_type,
		"incremental",
	);
	for (const { instance_id, disks } of stage.vault.backups as BackupInstance[]) {
		for (const { disk_id, base } of disks) t.is(base?.page, `${fullId}/${instance_id}/${disk_id}`);
	}

	const forcedId = await takeSnapshot(stage, workloadId, "?full=1");
	await stage.settle([agent], settled(stage, workloadId));
	t.is((await stage.ask("GET", `/snapshots/${forcedId}`)).body.snapshot.snapshot_type, "full");

	// Restore the second one, selectively.
	const path = `/workloads/${workloadId}/snapshots/${nextId}/restores`;
	const options = {
		restore_type: "selective",
		oneclickrestore: false,
		openstack: { instances: [{ id: first, include: true, name: "back" }] },
	};
	const dry = await stage.ask("POST", `${path}?dry_run=true`, { body: { restore: { name: "r", options } } });
	t.is(dry.status, 200);
	t.is(dry.body.restore.plan.instances[0].name, "back");
	t.is(await statusOf(stage, `/snapshots/${nextId}`), "available", "a dry run changes nothing");
	const { status, body } = await stage.ask("POST", path, { body: { restore: { name: "r", options } } });
	t.is(status, 202);
	t.is(body.restore.status, "restoring");
	t.is(await statusOf(stage, `/snapshots/${nextId}`), "restoring");
	const restoreId = body.restore.id;
	await stage.settle([agent], async () => (await statusOf(stage, `/snapshots/${nextId}`)) === "available");
	const restore = (await stage.ask("GET", `${path}/${restoreId}`)).body.restore;
	t.like(restore, { status: "available", progress_msg: "Restore from snapshot is complete", progress_percent: 100 });
	t.is(restore.instances.length, 1);
	const newId = restore.instances[0].id;
	t.not(newId, first);
	const session = house.session("demo");
	const made = await getServer(session, newId);
	t.like(made, { name: "back", status: "SHUTOFF" });
	t.is(made.metadata.holdfast_restore, `${restoreId}/${first}`);
	const attachments = await listVolumeAttachments(session, newId);
	t.is(attachments.length, 1);
	t.is((await getVolume(session, attachments[0]?.volumeId ?? "")).status, "in-use");
	const job = stage.vault.restored.get(newId);
	t.deepEqual(
		job?.disks.map(({ locator, manifest }) => [locator.kind, manifest.page?.split("/").slice(0, 2).join("/")]),
		[
			["nova", `${nextId}/${first}`],
			["cinder-nfs", `${nextId}/${first}`],
		],
	);

	// The record goes, what it made stays; then the snapshots, then the workload.
	t.is((await stage.ask("DELETE", `/restores/${restoreId}`)).status, 202);
	t.is((await getServer(session, newId)).status, "SHUTOFF");
	t.is((await stage.ask("DELETE", `/workloads/${workloadId}`)).status, 409);
	for (const id of [fullId, nextId, forcedId]) t.is((await stage.ask("DELETE", `/snapshots/${id}`)).status, 202);
	await stage.settle([agent], async () => (await stage.ask("GET", "/snapshots")).body.snapshots.length === 0);
	t.is(stage.vault.roots.size, 0);
	t.is(stage.vault.sessions.size, 0);
	t.is((await stage.ask("DELETE", `/workloads/${workloadId}`)).status, 202);
	t.is((await stage.ask("GET", `/workloads/${workloadId}`)).status, 404);
	const again = await makeWorkload(stage, [first]);
	t.truthy(again);
});

test.serial(
	"a one-click restore refuses while the originals are there, and brings them back with name and address after",
	async (t) => {
		const stage = await openStage(house);
		const agent = stage.agent();
		const id = await house.server({ name: "original" });
		const workloadId = await makeWorkload(stage, [id]);
		const snapshotId = await takeSnapshot(stage, workloadId);
		await stage.settle([agent], settled(stage, workloadId));
		const options = { oneclickrestore: "True", restore_type: "oneclick", openstack: {} };
		const restore = async () => {
			const { body } = await stage.ask("POST", `/snapshots/${snapshotId}`, { body: { restore: { options } } });
			await stage.settle([agent], async () => (await statusOf(stage, `/snapshots/${snapshotId}`)) === "available");
			return (await stage.ask("GET", `/restores/${body.restore.id}`)).body.restore;
		};
		const refused = await restore();
		t.is(refused.status, "error");
		t.regex(refused.error_msg, /Instance original still exists/);
		t.deepEqual(refused.instances, []);

		const session = house.session("demo");
		const address = (await getServer(session, id)).addresses["demo-net"]?.[0]?.addr;
		await deleteServer(session, id);
		await waitForGone(() => getServer(session, id), { what: id, timeoutMs: 20_000, pollMs: 50 });
		const done = await restore();
		t.is(done.status, "available", String(done.error_msg));
		const back = await getServer(session, done.instances[0].id);
		t.is(back.name, "original");
		t.is(back.addresses["demo-net"]?.[0]?.addr, address);
		const inSnapshot = `/workloads/${workloadId}/snapshots/${snapshotId}/restores`;
		for (const path of [`/restores?snapshot_id=${snapshotId}`, inSnapshot]) {
			t.is((await stage.ask("GET", path)).body.restores.length, 2, path);
		}
		t.is((await stage.ask("GET", `/workloads/${snapshotId}/snapshots/${snapshotId}/restores`)).status, 404);
	},
);
