import test from "ava";
import { workload } from "./api.ts";
import { bin, ids, run, type Stage, setStage } from "./stage.ts";

let stage: Stage;
test.before(async () => {
	stage = await setStage();
});
test.after.always(() => stage.close());
test.serial.beforeEach(() => {
	stage.api.workloads = [workload(ids.web, "web"), workload(ids.twin1, "twin"), workload(ids.twin2, "twin")];
	stage.api.seen.length = 0;
});

test.serial("what is not there: 3, one sentence, the request id", async (t) => {
	const byId = await stage.holdfast("workload", "show", ids.gone);
	t.is(byId.code, 3);
	t.is(
		byId.stderr,
		`holdfast: No workload with a name or ID of '${ids.gone}' exists. (request req-00000000-0000-4000-8000-000000000001)\n`,
	);
	t.is(byId.stdout, "");
	const byName = await stage.holdfast("workload", "show", "nothing");
	t.is(byName.code, 3);
	t.is(byName.stderr, "holdfast: No workload with a name or ID of 'nothing' exists.\n");
});

test.serial("a name that several have: the ids to choose from", async (t) => {
	const ended = await stage.holdfast("workload", "delete", "twin");
	t.is(ended.code, 1);
	t.is(ended.stderr, `holdfast: 2 workloads are named 'twin': ${ids.twin1}, ${ids.twin2}. Use an id.\n`);
	t.is(stage.api.workloads.length, 3);
});

test.serial("a name that one has is as good as its id", async (t) => {
	t.is((await stage.holdfast("workload", "unlock", "web")).code, 0);
	t.like(stage.api.seen.at(-1), {
		method: "POST",
		path: `/v1/${stage.cloud.projectId("demo")}/workloads/${ids.web}/unlock`,
	});
});

test.serial("deleting several: each failure is said, the others are deleted", async (t) => {
	const ended = await stage.holdfast("workload", "delete", "web", ids.gone, ids.twin1);
	t.is(ended.code, 3);
	t.regex(
		ended.stderr,
		new RegExp(
			`^No workload with a name or ID of '${ids.gone}'.*\nholdfast: 1 of 3 workloads could not be deleted\\.\n$`,
		),
	);
	t.is(ended.stdout, "");
	t.deepEqual(
		stage.api.workloads.map(({ id }) => id),
		[ids.twin2],
	);
	stage.api.workloads = [workload(ids.web, "web", { status: "locked" })];
	const refused = await stage.holdfast("workload", "delete", "web");
	t.is(refused.code, 1);
	t.regex(refused.stderr, /^holdfast: Workload .* is locked; wait until it is available\. \(request req-/);
});

test.serial("--dry-run says what would be deleted and deletes nothing", async (t) => {
	const ended = await stage.holdfast("workload", "delete", "web", "--dry-run");
	t.is(ended.stdout, `workload ${ids.web} would be deleted\n`);
	t.is(stage.api.workloads.length, 3);
});

test.serial("a wrong command line: 2, and where to look", async (t) => {
	for (const [args, sentence] of [
		[["workload", "lits"], /unknown command 'lits'/],
		[["workload", "create", "x"], /required option '--instance/],
		[["workload", "show"], /missing required argument 'workload'/],
		[["workload", "list", "--lmit", "3"], /unknown option '--lmit'/],
	] as const) {
		const ended = await stage.holdfast(...args);
		t.is(ended.code, 2, args.join(" "));
		t.regex(ended.stderr, sentence);
		t.regex(ended.stderr, /Add --help/);
		t.is(ended.stdout, "");
	}
	t.is((await stage.holdfast()).code, 2);
});

test.serial("every command has help with an example, and exits with 0", async (t) => {
	const help = await stage.holdfast("--help");
	t.is(help.code, 0);
	t.regex(help.stdout, /Exit codes: 0/);
	const verbs = { workload: ["snapshot"], restore: ["create"], snapshot: ["cancel"], agent: ["list"] };
	for (const [object, names] of Object.entries(verbs)) {
		for (const name of names) {
			const { code, stdout } = await stage.holdfast(object, name, "--help");
			t.is(code, 0);
			t.regex(stdout, new RegExp(`Examples?:\\n +holdfast ${object} ${name}`));
		}
	}
});

test.serial("refused identity, no project, no cloud at all", async (t) => {
	const wrong = await run(bin, ["workload", "list"], stage.folder, { ...stage.environment, OS_PASSWORD: "wrong" });
	t.is(wrong.code, 1);
	t.regex(wrong.stderr, /Check the user, the password and the project.*\(request req-/);
	const { OS_PROJECT_NAME: _, ...unscoped } = stage.environment;
	const homeless = await run(bin, ["workload", "list"], stage.folder, unscoped);
	t.is(homeless.code, 2);
	t.is(homeless.stderr, "holdfast: A project is missing: set OS_PROJECT_NAME or OS_PROJECT_ID.\n");
	const nobody = await run(bin, ["workload", "list"], stage.folder, {});
	t.is(nobody.code, 2);
	t.regex(nobody.stderr, /set OS_AUTH_URL/);
	const elsewhere = await run(bin, ["workload", "list"], stage.folder, {
		...stage.environment,
		OS_REGION_NAME: "Nowhere",
	});
	t.is(elsewhere.code, 1);
	t.regex(elsewhere.stderr, /no public endpoint for workloads in region Nowhere/);
});

test.serial("a read is tried again, a change that may have been done is not", async (t) => {
	stage.api.fail = [503, 0];
	t.is((await stage.holdfast("workload", "show", ids.web, "-f", "value", "-c", "name")).stdout, "web\n");
	t.is(stage.api.seen.length, 3);
	stage.api.seen.length = 0;
	stage.api.fail = [0];
	const change = await stage.holdfast("workload", "snapshot", ids.web);
	t.is(change.code, 1);
	t.regex(change.stderr, /^holdfast: The workloads service at .* cannot be reached/);
	t.is(stage.api.seen.length, 1);
});
