import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { ActivationRecord } from "#platform/openwhisk/activations/record.ts";
import type { PackageEntity } from "#platform/openwhisk/state/entity.ts";
import { openMemoryRepository } from "#platform/openwhisk/state/memory.ts";
import { openMongoRepository } from "#platform/openwhisk/state/mongo.ts";
import type { Repository } from "#platform/openwhisk/state/repository.ts";
import { type Program, startProgram } from "./process.ts";

const folder = mkdtempSync(join(tmpdir(), "ow-"));
let store: Program | undefined;
test.before(async () => {
	store = await startProgram("platform/mongo/main.ts", [
		"--data",
		join(folder, "data"),
		"--socket",
		join(folder, "m.sock"),
	]);
});
test.after.always(async () => {
	await store?.end("SIGTERM");
	rmSync(folder, { recursive: true, force: true });
});

let databases = 0;
const implementations: [string, () => Promise<Repository>][] = [
	["memory", async () => openMemoryRepository()],
	["MongoDB", () => openMongoRepository(store?.ready.uri, `test${databases++}`)],
];

const entity = (name: string, change: Partial<PackageEntity> = {}): PackageEntity => ({
	kind: "package",
	namespace: "guest",
	name,
	version: "0.0.1",
	publish: false,
	parameters: [{ key: "a.b", value: { $x: null } }],
	annotations: [],
	updated: 1,
	rev: "1",
	...change,
});

const activation = (activationId: string, start: number, name = "a"): ActivationRecord => ({
	namespace: "guest",
	name,
	version: "0.0.1",
	subject: "guest",
	activationId,
	start,
	response: { status: "success", statusCode: 0, success: true, result: { "$k.y": 1 } },
	logs: [],
	annotations: [{ key: "path", value: `guest/p/${name}` }],
	publish: false,
});

for (const [name, open] of implementations) {
	const kept = (title: string, body: (t: ExecutionContext, repository: Repository) => Promise<void>) =>
		test(`${name}: ${title}`, async (t) => {
			const repository = await open();
			try {
				await body(t, repository);
			} finally {
				await repository.close();
			}
		});

	kept("an entity is inserted once, and replaced and deleted only as it was read", async (t, repository) => {
		t.true(await repository.insertEntity(entity("p")));
		t.false(await repository.insertEntity(entity("p", { rev: "other" })));
		t.deepEqual(await repository.findEntity("guest/p"), entity("p"));
		t.false(await repository.replaceEntity(entity("p", { rev: "2" }), "0"));
		t.true(await repository.replaceEntity(entity("p", { rev: "2" }), "1"));
		t.false(await repository.deleteEntity("guest/p", "1"));
		t.true(await repository.deleteEntity("guest/p", "2"));
		t.false(await repository.deleteEntity("guest/p", "2"));
		t.is(await repository.findEntity("guest/p"), undefined);
	});

	kept("of many replacements at once exactly one wins", async (t, repository) => {
		await repository.insertEntity(entity("p"));
		const tries = Array.from({ length: 8 }, (_, at) => repository.replaceEntity(entity("p", { rev: `r${at}` }), "1"));
		t.is((await Promise.all(tries)).filter(Boolean).length, 1);
	});

	kept("entities are listed by kind and namespace, newest change first", async (t, repository) => {
		await repository.insertEntity(entity("old", { updated: 1 }));
		await repository.insertEntity(entity("new", { updated: 3 }));
		await repository.insertEntity(entity("middle", { updated: 2 }));
		await repository.insertEntity(entity("foreign", { namespace: "other" }));
		await repository.insertEntity({ ...entity("trigger"), kind: "trigger", rules: [] });
		const list = await repository.listEntities("package", { namespace: "guest" });
		t.deepEqual(
			list.map((one) => one.name),
			["new", "middle", "old"],
		);
	});

	kept("code of any size comes back as it was, until it is deleted", async (t, repository) => {
		const code = `${"x".repeat(9_000_000)}ü`;
		await repository.putCode("c", code);
		t.is(await repository.getCode("c"), code);
		t.is(await repository.getCode("d"), undefined);
		await repository.deleteCode("c");
		await repository.deleteCode("c");
		t.is(await repository.getCode("c"), undefined);
	});

	kept("activations are found, filtered, paged, counted and trimmed", async (t, repository) => {
		for (let at = 1; at <= 6; at += 1)
			await repository.putActivation(activation(`id${at}`, at * 10, at % 2 ? "a" : "b"));
		await repository.putActivation(activation("id6", 60, "b"));
		t.deepEqual(await repository.findActivation("guest", "id3"), activation("id3", 30));
		t.is(await repository.findActivation("other", "id3"), undefined);
		const ids = async (filter: object, range = { skip: 0, limit: 10 }) =>
			(await repository.listActivations({ namespace: "guest", ...filter }, range)).map((one) => one.activationId);
		t.deepEqual(await ids({}), ["id6", "id5", "id4", "id3", "id2", "id1"]);
		t.deepEqual(await ids({}, { skip: 1, limit: 2 }), ["id5", "id4"]);
		t.deepEqual(await ids({ name: "b" }), ["id6", "id4", "id2"]);
		t.deepEqual(await ids({ name: "p/a" }), ["id5", "id3", "id1"]);
		t.deepEqual(await ids({ sinceMs: 20, uptoMs: 40 }), ["id4", "id3", "id2"]);
		t.is(await repository.countActivations({ namespace: "guest", name: "b" }), 3);
		await repository.trimActivations(4);
		await repository.trimActivations(4);
		t.deepEqual(await ids({}), ["id6", "id5", "id4", "id3"]);
	});
}
