import test from "ava";
import { type Document, Long } from "mongodb";
import { startDocumentStore } from "#platform/mongo/server.ts";
import { connect, failureOf, folderFor, openServer } from "./fixture.ts";

const rows = (n: number) => Array.from({ length: n }, (_, _id) => ({ _id: _id as never, pad: "x".repeat(100) }));

test("large results come in batches, by find and by aggregate", async (t) => {
	const { db } = await openServer(t);
	const c = db.collection("c");
	await c.insertMany(rows(1500));
	t.is((await c.find().batchSize(7).toArray()).length, 1500);
	t.is((await c.find().toArray()).length, 1500);
	t.is((await c.aggregate([{ $match: {} }], { batchSize: 10 }).toArray()).length, 1500);
	const reply = await db.command({ find: "c", batchSize: 0 });
	t.deepEqual(reply.cursor.firstBatch, []);
	t.true(reply.cursor.id > 0);
	t.is((await db.command({ find: "c", batchSize: 2, singleBatch: true })).cursor.id.toString(), "0");
	t.is((await db.command({ find: "c", limit: 2 })).cursor.id.toString(), "0");
});

test("a batch stops at 16 MiB whatever its size", async (t) => {
	const { db } = await openServer(t);
	const c = db.collection<Document>("c");
	for (let i = 0; i < 3; i++) await c.insertOne({ pad: "x".repeat(7 * 1024 * 1024) });
	const { cursor } = await db.command({ find: "c", batchSize: 100 });
	t.is(cursor.firstBatch.length, 2);
	t.is((await c.find().toArray()).length, 3);
});

test("a cursor survives writes, and ends with its collection or index", async (t) => {
	const { db } = await openServer(t);
	const c = db.collection("c");
	await c.createIndex({ pad: 1 });
	await c.insertMany(rows(100));
	const cursor = c.find().sort({ _id: 1 }).batchSize(10);
	await cursor.next();
	await c.deleteMany({ _id: { $gte: 50 } as never });
	t.is((await cursor.toArray()).length, 49);
	const onIndex = c.find({ pad: { $gt: "" } }).batchSize(10);
	await onIndex.next();
	await c.dropIndex("pad_1");
	t.is((await failureOf(onIndex.toArray())).code, 43);
});

test("cursors are killed on demand and belong to their collection", async (t) => {
	const { db } = await openServer(t);
	await db.collection("c").insertMany(rows(10));
	const open = async (): Promise<Long> =>
		Long.fromValue((await db.command({ find: "c", batchSize: 1 }, { promoteLongs: false })).cursor.id);
	const id = await open();
	t.is((await failureOf(db.command({ getMore: id, collection: "other" }))).code, 13);
	const unknown = Long.fromNumber(42);
	const killed = await db.command({ killCursors: "c", cursors: [id, unknown] }, { promoteLongs: false });
	t.deepEqual(killed.cursorsKilled, [id]);
	t.deepEqual(killed.cursorsNotFound, [unknown]);
	t.is((await failureOf(db.command({ getMore: id, collection: "c" }))).code, 43);
});

test("an idle cursor expires, too many are refused, and a time limit is kept", async (t) => {
	const folder = folderFor(t);
	let time = 0;
	let step = 0;
	const now = () => {
		time += step;
		return new Date(time);
	};
	const server = await startDocumentStore({ dataFolder: folder, listen: { port: 0 }, now });
	t.regex(server.uri, /^mongodb:\/\/127\.0\.0\.1:\d+\/\?directConnection=true$/);
	const client = connect(server.uri);
	t.teardown(async () => {
		await client.close();
		await server.close();
	});
	const db = client.db("test");
	await db.collection("c").insertMany(rows(5000));
	const first = await db.command({ find: "c", batchSize: 1 }, { promoteLongs: false });
	for (let i = 1; i < 1000; i++) await db.command({ find: "c", batchSize: 1 });
	t.is((await failureOf(db.command({ find: "c", batchSize: 1 }))).code, 292);
	time += 11 * 60 * 1000;
	await db.command({ find: "c", batchSize: 1 });
	t.is((await failureOf(db.command({ getMore: first.cursor.id, collection: "c" }))).code, 43);
	step = 10;
	t.is((await failureOf(db.command({ find: "c", filter: { pad: "no" }, maxTimeMS: 30 }))).code, 50);
	t.is((await db.command({ ping: 1, maxTimeMS: 1 })).ok, 1);
});

test("collections and databases are made, listed and dropped", async (t) => {
	const { db, client } = await openServer(t);
	await db.createCollection("made");
	t.is((await failureOf(db.createCollection("made"))).code, 48);
	await client.db("other").collection("c").insertOne({});
	t.deepEqual(await db.listCollections({}, { nameOnly: true }).toArray(), [{ name: "made", type: "collection" }]);
	t.is((await db.listCollections({ name: "nope" }).toArray()).length, 0);
	t.deepEqual((await db.admin().listDatabases({ nameOnly: true })).databases, [
		{ name: "other" },
		{ name: "test" },
	] as never);
	await db.dropCollection("made");
	await db.dropCollection("made");
	await client.db("other").dropDatabase();
	t.deepEqual((await db.admin().listDatabases()).databases, []);
	t.is((await db.command({ hello: 1 })).isWritablePrimary, true);
	t.false("setName" in (await db.command({ hello: 1 })));
	t.is((await db.admin().buildInfo()).version, "7.0.0");
});
