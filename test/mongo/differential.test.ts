import test, { type ExecutionContext } from "ava";
import type { Db, Document } from "mongodb";
import { deviations } from "#test/documentdb/deviations.ts";
import { before, errors, indexBefore } from "./cases/errors.ts";
import { filters } from "./cases/filters.ts";
import { documents, pipelines } from "./cases/pipelines.ts";
import { updates } from "./cases/updates.ts";
import { upserts } from "./cases/upserts.ts";
import { openServer } from "./fixture.ts";

/**
 * What MongoDB documents, case by case, over the wire through the official driver: on the embedded store, and with
 * MONGODB_URI on any other server (`npm run test:mongo -- --uri URI`).
 */
type Keyed = Document & { _id: number };
type Check = (t: ExecutionContext, db: Db) => Promise<void>;

const cases = new Map<string, Check>();

function add(title: string, check: Check): void {
	if (cases.has(title)) throw new Error(`There are two cases ${title}.`);
	cases.set(title, check);
}

for (const indexed of [false, true])
	for (const [i, [filter, rows, expected]] of filters.entries())
		add(`filter ${i} ${indexed ? "by index" : "by scan"}: ${JSON.stringify(filter)}`, async (t, db) => {
			const collection = db.collection<Keyed>("c");
			const paths = Object.keys(filter).filter((name) => !name.startsWith("$") && !/\d/.test(name));
			if (indexed && paths.length > 0) await collection.createIndex({ [paths[0] as string]: i % 2 === 0 ? 1 : -1 });
			await collection.insertMany(rows.map((row, _id) => ({ ...row, _id })));
			const found = await collection.find(filter).toArray();
			t.deepEqual(found.map(({ _id }) => _id).sort(), expected);
			t.is(await collection.countDocuments(filter), expected.length);
		});

for (const [i, [was, update, after]] of updates.entries())
	add(`update ${i}: ${JSON.stringify(update)}`, async (t, db) => {
		const collection = db.collection<Keyed>("c");
		await collection.insertOne({ _id: 1, ...was });
		t.is((await collection.updateOne({ _id: 1 }, update)).matchedCount, 1);
		t.is(JSON.stringify(await collection.findOne()), JSON.stringify({ _id: 1, ...after }));
	});

for (const [i, [filter, update, inserted]] of upserts.entries())
	add(`upsert ${i}: ${JSON.stringify(update)}`, async (t, db) => {
		const collection = db.collection("c");
		const result = Object.keys(update)[0]?.startsWith("$")
			? await collection.updateOne(filter, update, { upsert: true })
			: await collection.replaceOne(filter, update, { upsert: true });
		t.like(result, { matchedCount: 0, modifiedCount: 0, upsertedCount: 1 });
		const { _id, ...rest } = (await collection.findOne()) as Document;
		t.deepEqual(String(_id), String(result.upsertedId));
		t.deepEqual(rest, inserted);
	});

for (const [i, [pipeline, expected]] of pipelines.entries())
	add(`pipeline ${i}: ${JSON.stringify(pipeline)}`, async (t, db) => {
		const collection = db.collection<Keyed>("c");
		await collection.insertMany(documents as Keyed[]);
		const found = await collection.aggregate(pipeline).toArray();
		t.deepEqual(found, expected as Document[]);
		t.is(JSON.stringify(found), JSON.stringify(expected), "in this order of fields");
	});

for (const [what, command, code] of errors)
	add(`refused: ${what}`, async (t, db) => {
		await db.collection("c").insertOne(before);
		const { key, ...options } = indexBefore;
		await db.collection("c").createIndex(key, options);
		const reply: Document = await db.command(command).catch((error) => error);
		t.is(reply.code ?? reply.writeErrors?.[0]?.code, code, JSON.stringify(reply.message ?? reply));
		t.deepEqual(await db.collection("c").find().toArray(), [before], "nothing has changed");
	});

for (const [title, check] of cases)
	test.serial(title, async (t) => {
		const { db } = await openServer(t);
		const { documentdb } = await db.admin().buildInfo();
		const deviation = documentdb ? deviations[title] : undefined;
		if (deviation === undefined) return check(t, db);
		t.log(deviation);
		const { passed } = await t
			.try((attempt) => check(attempt, db))
			.then((one) => {
				one.discard();
				return one;
			});
		t.false(passed, "it does what MongoDB does by now: remove it from deviations.ts");
	});

test("there are enough of them, and every deviation is of one", (t) => {
	t.true(cases.size >= 100);
	t.deepEqual(
		Object.keys(deviations).filter((title) => !cases.has(title)),
		[],
	);
});
