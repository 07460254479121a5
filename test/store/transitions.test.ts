import test from "ava";
import { jobStates } from "#schemas/job.ts";
import { restoreStates } from "#schemas/restore.ts";
import { runStates } from "#schemas/run.ts";
import { snapshotStates } from "#schemas/snapshot.ts";
import { workloadStates } from "#schemas/workload.ts";
import { jobMoves } from "#store/jobs.ts";
import { restoreMoves, restoringStates } from "#store/restores.ts";
import { runMoves } from "#store/runs.ts";
import { intactStates, runningStates, snapshotMoves } from "#store/snapshots.ts";
import { checkMove, IllegalMove, type Transitions } from "#store/transition.ts";
import { workloadMoves } from "#store/workloads.ts";

const machines: [string, readonly string[], Transitions<string>, string][] = [
	["workload", workloadStates, workloadMoves, "creating"],
	["snapshot", snapshotStates, snapshotMoves, "creating"],
	["restore", restoreStates, restoreMoves, "creating"],
	["job", jobStates, jobMoves, "ready"],
	["run", runStates, runMoves, "active"],
];

for (const [name, states, table, first] of machines) {
	test(`the ${name}'s table has every state, and every state can be reached`, (t) => {
		t.deepEqual(Object.keys(table).sort(), [...states].sort());
		const reached = new Set([first]);
		for (const state of reached) for (const next of table[state] ?? []) reached.add(next);
		// A restore's record is removed at once, in one step.
		const never = states.filter((state) => !reached.has(state));
		t.deepEqual(never, []);
	});

	test(`a ${name} moves along its table only`, (t) => {
		for (const from of states) {
			for (const to of states) {
				if (table[from]?.includes(to)) t.notThrows(() => checkMove(table, name, [from], to));
				else t.throws(() => checkMove(table, name, [from], to), { instanceOf: IllegalMove });
			}
		}
	});
}

test("a snapshot becomes available only from a run that committed it, or from a restore", (t) => {
	const before = snapshotStates.filter((state) => snapshotMoves[state].includes("available"));
	t.deepEqual(before, ["uploading", "restoring", "cancelling"]);
});

test("an intact snapshot never becomes an error or cancelled without being deleted first", (t) => {
	for (const state of intactStates) {
		t.false((snapshotMoves[state] as readonly string[]).includes("error"));
		t.false((snapshotMoves[state] as readonly string[]).includes("cancelled"));
	}
});

test("every running state has a way to an end", (t) => {
	for (const state of [...runningStates, "cancelling"] as const) {
		t.true(snapshotMoves[state].includes("error") && snapshotMoves[state].includes("cancelled"));
	}
	for (const state of restoringStates) {
		t.true(restoreMoves[state].includes("error") && restoreMoves[state].includes("cancelled"));
	}
});
