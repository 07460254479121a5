import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "ava";
import { available, snapshot } from "./api.ts";
import { bin, run, setStage } from "./stage.ts";

const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");

/** Blocks of the page: their info string (`console`, `yaml restore.yaml`) and text. */
const blocks = [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
	([, kind = "", name = "", text = ""]) => ({
		...{ kind, name, text },
	}),
);

type Example = { command: string; shown: string };

const examples: Example[] = blocks
	.filter(({ kind }) => kind === "console")
	.flatMap(({ text }) => text.split(/^\$ /m).slice(1))
	.map((text) => {
		const end = text.indexOf("\n");
		return { command: text.slice(0, end), shown: text.slice(end + 1) };
	});

/** Ids are new in every run: the n-th different one becomes `<n>`, so that the same stays the same. */
const createNamer = () => {
	const seen: string[] = [];
	return (text: string): string =>
		text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
			if (!seen.includes(id)) seen.push(id);
			return `<${String(seen.indexOf(id)).padStart(34, "0")}>`;
		});
};

test("the examples of docs/cli.md do what the page shows", async (t) => {
	t.true(examples.length >= 18);
	const stage = await setStage({ instances: true });
	t.teardown(stage.close);
	for (const { name, text } of blocks) if (name !== "") writeFileSync(join(stage.folder, name), text);
	stage.api.story = [{ ...available, instances: snapshot("", "", "").instances }];
	const asShown = createNamer();
	const asRun = createNamer();
	for (const { command, shown } of examples) {
		// The page shows what a terminal shows: both outputs, and the exit code if it is not 0.
		const script = `PATH='${dirname(bin)}':"$PATH"; ${command} 2>&1; code=$?; [ $code = 0 ] || echo "[exit $code]"`;
		const { stdout } = await run("sh", ["-c", script], stage.folder, stage.environment);
		t.is(asRun(stdout), asShown(shown), command);
	}
});

test("the page names every object and verb there is", async (t) => {
	const { stdout } = await run(bin, ["--help"], "/", {});
	for (const object of ["workload", "snapshot", "restore", "agent"]) {
		t.regex(stdout, new RegExp(`^ {2}${object} `, "m"));
		const help = (await run(bin, [object, "--help"], "/", {})).stdout;
		const verbs = [...help.slice(help.indexOf("Commands:")).matchAll(/^ {2}([a-z]+) /gm)].map(([, verb]) => verb);
		const row = page.split("\n").find((line) => line.startsWith(`| \`${object}\``)) ?? "";
		for (const verb of verbs.filter((name) => name !== "help"))
			t.true(row.includes(`\`${verb}\``), `${object} ${verb}`);
	}
});
