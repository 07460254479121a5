import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";

const root = fileURLToPath(new URL("../../", import.meta.url));

const roomOf = (path: string): string => {
	const [first = "", second = ""] = path.split(sep);
	return first === "platform" ? `${first}/${second}` : first;
};

const inBackticks = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);

/** Rooms and what each may import from, as the table of docs/architecture.md says; "everything" is no limit. */
const table = readFileSync(join(root, "docs/architecture.md"), "utf8")
	.split("\n")
	.filter((line) => /^\| `[\w<>/]+\/`/.test(line))
	.map((line) => line.split("|"))
	.flatMap(([, rooms, , may = ""]) => inBackticks(rooms).map((room) => ({ room: roomOf(normalize(room)), may })));

const allowed: Record<string, readonly string[]> = Object.fromEntries(
	table.filter(({ may }) => !/\beverything\b/.test(may)).map(({ room, may }) => [room, inBackticks(may)]),
);

const specifiers = (source: string): string[] =>
	[...source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g)].map((match) => match[1] as string);

/** Room that an import leads to; undefined for packages and built-ins. */
const target = (file: string, specifier: string): string | undefined => {
	if (specifier.startsWith("#")) return roomOf(normalize(specifier.slice(1)));
	if (specifier.startsWith(".")) return roomOf(relative(root, join(root, dirname(file), specifier)));
	return undefined;
};

const files = Object.keys(allowed).flatMap((room) => globSync(`${room}/**/*.ts`, { cwd: root }));

test("rooms import only what the architecture allows", (t) => {
	const wrong = files.flatMap((file) => {
		const room = roomOf(file);
		return specifiers(readFileSync(join(root, file), "utf8"))
			.map((specifier) => target(file, specifier))
			.filter((to) => to !== undefined && to !== room && !allowed[room]?.includes(to))
			.map((to) => `${file} imports from ${to}`);
	});
	t.true(files.length > 50, "the rooms were found");
	t.deepEqual(wrong, []);
});

test("the architecture's table names every room that has code", (t) => {
	const known = table.map(({ room }) => room);
	const rooms = globSync("*/**/*.ts", { cwd: root, exclude: ["node_modules", ".*"] }).map(roomOf);
	t.deepEqual(
		[...new Set(rooms)].filter((room) => !known.includes(room)),
		[],
	);
	t.deepEqual(allowed.store, ["schemas"]);
	t.deepEqual(allowed.vault, []);
});

test("no file has grown beyond what can be read in one go", (t) => {
	const maxLines = 500;
	const long = files.filter((file) => readFileSync(join(root, file), "utf8").split("\n").length > maxLines);
	t.deepEqual(long, []);
});
