import test from "ava";
import { workload } from "./api.ts";
import { ids, type Stage, setStage } from "./stage.ts";

let stage: Stage;
test.before(async () => {
	stage = await setStage();
	stage.api.workloads = [
		workload(ids.web, 'web "front", 1', { description: null }),
		workload(ids.twin1, "\u001b[31mred\u0007", { status: "locked" }),
	];
});
test.after.always(() => stage.close());

const list = async (...args: string[]) => (await stage.holdfast("workload", "list", ...args)).stdout;

test("a table as OpenStack's clients draw it, with nothing in it that a terminal would obey", async (t) => {
	t.is(
		await list("-c", "name", "-c", "Status"),
		`+-----------------+-----------+
| Name            | Status    |
+-----------------+-----------+
| web "front", 1  | available |
| \\x1b[31mred\\x07 | locked    |
+-----------------+-----------+
`,
	);
});

test("json has column names as keys, and what was really said", async (t) => {
	t.deepEqual(JSON.parse(await list("-f", "json", "-c", "ID", "-c", "Name")), [
		{ ID: ids.web, Name: 'web "front", 1' },
		{ ID: ids.twin1, Name: "\u001b[31mred\u0007" },
	]);
});

test("yaml, csv and value", async (t) => {
	const columns = ["-c", "Name", "-c", "Snapshots", "-c", "Description", "--long"];
	const [yaml, csv, value] = await Promise.all(
		["yaml", "csv", "value"].map((format) => list("-f", format, ...columns)),
	);
	t.regex(yaml ?? "", /^- Name: web "front", 1\n {2}Description: null\n {2}Snapshots: 1\n- Name: "/);
	t.is(csv?.split("\n")[0], '"Name","Description","Snapshots"');
	t.is(csv?.split("\n")[1], '"web ""front"", 1","",1');
	t.is(value?.split("\n")[0], 'web "front", 1 None 1');
	t.is(value?.split("\n")[1], "\\x1b[31mred\\x07  1");
});

test("show: fields a line for people, raw values for programs", async (t) => {
	const show = async (...args: string[]) => (await stage.holdfast("workload", "show", ids.web, ...args)).stdout;
	const [table, json, value, csv] = await Promise.all([
		show("-c", "storage_usage", "-c", "instances"),
		show("-f", "json"),
		show("-f", "value", "-c", "status", "-c", "id"),
		show("-f", "csv", "-c", "status", "-c", "id"),
	]);
	t.regex(table, /\| Field +\| Value +\|/);
	t.regex(table, /\| storage_usage \| 1\.20 GiB \(1 full, 0 incremental\) +\|/);
	t.regex(table, /\| instances +\| web-1 \(3c6a1f1e-0000-4000-8000-000000000001\) \|/);
	t.is(JSON.parse(json).storage_usage.usage, 1_288_490_189);
	t.is(JSON.parse(json).description, null);
	t.is(value, `${ids.web}\navailable\n`);
	t.is(csv, `"id","status"\n"${ids.web}","available"\n`);
});

test("an unknown column or format is refused before anything is sent, and the known ones are named", async (t) => {
	const column = await stage.holdfast("workload", "list", "-c", "Nmae");
	t.is(column.code, 2);
	t.is(column.stderr, 'holdfast: There is no column "Nmae"; there are ID, Name, Status, Created At.\n');
	const format = await stage.holdfast("workload", "create", "x", "--instance", ids.gone, "-f", "xml");
	t.is(format.code, 2);
	t.regex(format.stderr, /no format "xml"; there are table, json, yaml, value, csv/);
	t.false(stage.api.seen.some(({ method }) => method === "POST"));
});

test("pages are followed by themselves, up to --limit", async (t) => {
	const own = await setStage();
	t.teardown(own.close);
	own.api.pageRows = 2;
	own.api.workloads = Array.from({ length: 5 }, (_, at) =>
		workload(`5a3e0c4e-0000-4000-8000-00000000001${at}`, `w${at}`),
	);
	const rows = async (...args: string[]) =>
		(await own.holdfast("workload", "list", "-f", "value", "-c", "Name", ...args)).stdout;
	t.is(await rows(), "w0\nw1\nw2\nw3\nw4\n");
	t.is(own.api.seen.length, 3);
	t.is(await rows("--limit", "3"), "w0\nw1\nw2\n");
	t.is(own.api.seen.length, 5);
	t.is((await own.holdfast("workload", "list", "--limit", "none")).code, 2);
});

test("output that nobody reads to its end is not an error", async (t) => {
	const { run, bin } = await import("./stage.ts");
	const ended = await run("sh", ["-c", `'${bin}' workload list | head -1; echo`], stage.folder, stage.environment);
	t.is(ended.stderr, "");
	t.regex(ended.stdout, /^\+-/);
});
