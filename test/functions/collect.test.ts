import test from "ava";
import { runs } from "#store/runs.ts";
import { openHouse, openStage } from "./stage.ts";
import { isAvailable, makeWorkload, takeSnapshot } from "./verbs.ts";

const house = await openHouse();
test.after.always(() => house.close());

test("the space of deleted snapshots is given back once for many, some time later, and a collection that waits is asked again", async (t) => {
	const stage = await openStage(house);
	const agent = stage.agent();
	const workloadId = await makeWorkload(stage, [await house.server()]);
	const ids: string[] = [];
	for (let i = 0; i < 3; i++) {
		ids.push(await takeSnapshot(stage, workloadId));
		await stage.settle([agent], isAvailable(stage, `/workloads/${workloadId}`));
	}
	for (const id of ids.slice(0, 2)) {
		await stage.ask("DELETE", `/snapshots/${id}`);
		await stage.settle([agent], async () => (await stage.ask("GET", `/snapshots/${id}`)).status === 404);
	}
	const collections = () => runs(stage.db).find({ kind: "collect-vault" }).toArray();
	t.is(stage.vault.collections, 0, "not at once");
	t.true([1, 2].includes((await collections()).length), "one for each stretch of time");

	stage.vault.collectionsWait = 2;
	await stage.settle([agent], async () => (await collections()).every(({ state }) => state === "done"), 1_500);
	t.true(stage.vault.collections >= 3, "two that waited, and one that went through");
});
