import { readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import { tables } from "#functions/orchestrator/tables.ts";
import { indexesOf } from "#store/indexes.ts";
import { jobMoves } from "#store/jobs.ts";
import { restoreMoves } from "#store/restores.ts";
import { runMoves } from "#store/runs.ts";
import { snapshotMoves } from "#store/snapshots.ts";
import type { Transitions } from "#store/transition.ts";
import { workloadMoves } from "#store/workloads.ts";

const page = new URL("../../docs/state.md", import.meta.url);

const code = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(", ");
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
	[head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const moves = (transitions: Transitions<string>) =>
	table(
		["From", "To"],
		Object.entries(transitions).map(([from, to]) => [code([from]), code(to) || "(the end)"]),
	);

/** Every part of the page that says what the code says, by the name in its markers. */
const parts: Record<string, string> = {
	workload: moves(workloadMoves),
	snapshot: moves(snapshotMoves),
	restore: moves(restoreMoves),
	job: moves(jobMoves),
	run: moves(runMoves),
	steps: table(
		["Run", "Way there", "A cancel comes too late from", "Way back"],
		Object.entries(tables).map(([kind, { steps, undo, pointOfNoReturn }]) => [
			code([kind]),
			Object.keys(steps).join(" → "),
			code([pointOfNoReturn]),
			Object.keys(undo).join(" → "),
		]),
	),
	indexes: table(
		["Collection", "Indexes beside `_id`"],
		Object.entries(indexesOf).map(([name, indexes]) => [
			code([name]),
			code(
				indexes.map((keys) =>
					Object.entries(keys)
						.map(([key, way]) => (way === -1 ? `-${key}` : key))
						.join(" "),
				),
			) || "none",
		]),
	),
};

const marked = (name: string) => new RegExp(`(<!-- ${name}: made from the code -->\n)([\\s\\S]*?)(\n<!-- end -->)`);

test("docs/state.md says what the code does", (t) => {
	let text = readFileSync(page, "utf8");
	if (process.env.HOLDFAST_WRITE_DOCS) {
		for (const [name, part] of Object.entries(parts)) text = text.replace(marked(name), `$1${part}$3`);
		writeFileSync(page, text);
	}
	for (const [name, part] of Object.entries(parts)) {
		t.is(
			marked(name).exec(text)?.[2],
			part,
			`${name}; HOLDFAST_WRITE_DOCS=1 npx ava test/functions/state-doc.test.ts writes it`,
		);
	}
});
