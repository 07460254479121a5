import test from "ava";
import { indexesOf } from "#store/indexes.ts";
import { isServedBy, type Sent, watchCommands } from "#test/store/served.ts";
import { openHouse, openStage } from "./stage.ts";
import { hasEnded, isAvailable, makeWorkload, startRestore, takeSnapshot } from "./verbs.ts";

const house = await openHouse();
test.after.always(() => house.close());

/** Everything that a life cycle, the lists and a look at everything ask of the store. */
async function everyQuery(): Promise<Sent[]> {
	const stage = await openStage(house);
	const sent = watchCommands(stage.client);
	const agent = stage.agent();
	const workloadId = await makeWorkload(stage, [await house.server({ volumes: [1] })]);
	for (const query of ["", "?full=1"]) {
		await takeSnapshot(stage, workloadId, query);
		await stage.settle([agent], isAvailable(stage, `/workloads/${workloadId}`));
	}
	const [{ id: snapshotId }] = (await stage.ask("GET", "/snapshots")).body.snapshots;
	const restoreId = await startRestore(stage, snapshotId);
	await stage.settle([agent], hasEnded(stage, `/restores/${restoreId}`));
	const project = house.cloud.projectId("admin");
	for (const path of ["/workloads", "/snapshots", "/restores"]) {
		await stage.ask("GET", `${path}/detail?limit=1`);
		const [row] = (await stage.ask("GET", `${path}?limit=1`)).body[path.slice(1)];
		await stage.ask("GET", `${path}?limit=1&marker=${row.id}`);
	}
	for (const query of [`workload_id=${workloadId}`, "date_from=2026-01-01T00:00:00", "date_to=2030-01-01T00:00:00"]) {
		await stage.ask("GET", `/snapshots?${query}`);
	}
	await stage.ask("GET", `/restores?snapshot_id=${snapshotId}`);
	await stage.ask("GET", "/workloads?all_workloads=1", { as: "admin", project });
	await stage.ask("GET", "/snapshots?all=1", { as: "admin", project });
	const doomedId = await takeSnapshot(stage, workloadId);
	await stage.ask("GET", `/snapshots/${doomedId}/cancel`);
	await stage.settle([agent], isAvailable(stage, `/workloads/${workloadId}`));
	await stage.ask("DELETE", `/snapshots/${snapshotId}`);
	await stage.settle([agent], async () => (await stage.ask("GET", `/snapshots/${snapshotId}`)).status === 404);
	house.clock.advance(61_000);
	await stage.orchestrate();
	return sent;
}

test("every query is served by an index, and only the agreed part of MongoDB is used", async (t) => {
	const sent = await everyQuery();
	t.true(sent.length > 300, `${sent.length} commands were seen`);
	// As many agents as compute hosts, read in the order of their names.
	const whole = (query: Sent) => query.collection === "agents" && Object.keys(query.filter).length === 0;
	const unserved = sent.filter((query) => !whole(query) && !indexes(query).some((index) => isServedBy(index, query)));
	t.deepEqual([...new Set(unserved.map(shapeOf))], []);

	const operators = new Set<string>();
	for (const { filter, update, pipeline } of sent) collectOperators([filter, update, pipeline], operators);
	t.log([...operators].sort().join(" "));
	for (const operator of operators) t.true(agreed.has(operator), operator);
});

const agreed = new Set("$set $inc $unset $push $setOnInsert $in $lt $lte $gt $gte $ne $match $group $sum".split(" "));

function indexes({ collection }: Sent): Readonly<Record<string, unknown>>[] {
	const own = indexesOf[collection];
	if (own === undefined) throw new Error(`The collection ${collection} has no index definitions.`);
	return [{ _id: 1 }, ...own];
}

const shapeOf = ({ command, collection, filter, sort }: Sent): string =>
	`${command} ${collection} by ${Object.keys(filter).join(", ")} sorted by ${Object.keys(sort).join(", ") || "nothing"}`;

function collectOperators(value: unknown, found: Set<string>): void {
	if (Array.isArray(value)) for (const one of value) collectOperators(one, found);
	if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Date) return;
	for (const [key, inner] of Object.entries(value)) {
		if (key.startsWith("$")) found.add(key);
		collectOperators(inner, found);
	}
}
