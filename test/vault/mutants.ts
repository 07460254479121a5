/**
 * One step of the vault that its safety needs, taken out or moved. `from` is the exact text of the file, there once;
 * `suite` is what must notice.
 */
export type Mutant = {
	what: string;
	file: string;
	from: string;
	to: string;
	/** A second place of the same file. */
	also?: { from: string; to: string };
	suite: string;
};

const inFile = (file: string, usual: string, list: (Omit<Mutant, "file" | "suite"> & { suite?: string })[]): Mutant[] =>
	list.map(({ suite = usual, ...mutant }) => ({
		...mutant,
		file: `vault/${file}`,
		suite: `test/vault/${suite}.test.ts`,
	}));

export const mutants: Mutant[] = [
	...inFile("targets/file.ts", "power-loss", [
		{ what: "fsync of a file", from: "\t\tawait file.sync();\n", to: "" },
		{ what: "fsync of any folder", from: "\t\tawait handle.sync();\n", to: "" },
		{ what: "fsync of the marker", from: "\t\tawait marker.sync();\n", to: "" },
		{ what: "fsync of the target's folder", from: "\tawait syncFolder(files, folder);\n", to: "" },
		{ what: "fsync of the folders above it", from: "\t\tawait syncFolder(files, path).catch(", to: "\t\tvoid (" },
		{ what: "fsync after a put", from: "\t\tawait syncFolder(files, dirname(path));\n\t}\n", to: "\t}\n" },
		{
			what: "fsync above a new folder",
			from: "\t\tawait syncFolder(files, dirname(path));\n\t\tknownFolders",
			to: "\t\tknownFolders",
		},
		{ what: "fsync of what is there already", from: '"EEXIST") await syncFolder(files, dirname(path));', to: '"") {}' },
		{
			what: "fsync after a delete",
			from: "\t\t\t\tawait syncFolder(files, dirname(path)).catch(",
			to: "\t\t\t\tvoid (",
		},
		{
			what: "a name only once the file is whole",
			from: "\t\t\tawait writeDurably(files, temporary, body);\n",
			to: "\t\t\tawait writeDurably(files, path, body);\n\t\t\tif (path !== temporary) return await syncFolder(files, dirname(path));\n",
		},
	]),
	...inFile("write/store.ts", "order", [
		{
			what: "packs before index",
			from: "\t\t\tsendOpen();\n\t\t\tawait Promise.all(uploads);\n",
			to: "\t\t\tsendOpen();\n",
		},
		{
			what: "index before page packs",
			from: "\t\t\tawait indexer.write();\n\t\t\tfor (let pack",
			to: "\t\t\tfor (let pack",
		},
		{
			what: "page packs before their index",
			from: "\t\t\t\tawait upload(pack);\n",
			to: "\t\t\t\tvoid upload(pack);\n",
		},
		{
			what: "page index before the root",
			from: "\t\t\t\taccount.check();\n\t\t\t\tawait indexer.write();\n",
			to: "\t\t\t\taccount.check();\n",
		},
		{
			what: "a pack before it counts as durable",
			from: "\t\t\tawait target.put(packKey(pack.id), body, { ifAbsent: true });\n",
			to: "\t\t\tvoid target.put(packKey(pack.id), body, { ifAbsent: true });\n",
		},
	]),
	...inFile("write/indexer.ts", "order", [
		{
			what: "an index object before it counts as written",
			from: "\t\t\tawait target.put(key, [object]",
			to: "\t\t\tvoid target.put(key, [object]",
		},
	]),
	...inFile("snapshots/commit.ts", "collect-order", [
		{
			what: "the root before its session goes",
			from: "\t\tconst document: RootDocument =",
			to: "\t\tawait target.delete(sessionKey(root.snapshotId));\n\t\tconst document: RootDocument =",
		},
		{ what: "a commit needs its session", suite: "session", from: "if (needsSession &&", to: "if (false &&" },
		{
			what: "no commit of what was deleted",
			suite: "session",
			from: "\t\tif (await wasDeleted(options, root.snapshotId)) throw",
			to: "\t\tif (Date.now() < 0) throw",
		},
		{
			what: "the commit reads its top pages",
			suite: "session",
			from: "\t\tawait options.records.read(",
			to: "\t\tawait (async (_: unknown) => {})(",
		},
		{
			what: "the session goes after the commit",
			suite: "session",
			from: "\tawait target.delete(sessionKey(root.snapshotId));\n",
			to: "",
		},
	]),
	...inFile("snapshots/session.ts", "collect-order", [
		{
			what: "the session is durable before anything else",
			from: '\tawait putSession(place, sessionId, "write");\n',
			to: '\tvoid putSession(place, sessionId, "write");\n',
		},
		{
			what: "the end mark before its session goes",
			from: "\t\tawait place.target.put(key, [mark]",
			to: "\t\tawait place.target.delete(sessionKey(sessionId));\n\t\tawait place.target.put(key, [mark]",
		},
		{
			what: "a reading session is durable first",
			suite: "collect",
			from: '\tawait putSession(place, id, "read");\n',
			to: "",
		},
	]),
	...inFile("snapshots/delete.ts", "collect-order", [
		{
			what: "the tombstone before its root goes",
			from: "\t\tawait place.target.put(key, [tombstone]",
			to: "\t\tawait place.target.delete(rootKey(snapshotId));\n\t\tawait place.target.put(key, [tombstone]",
		},
	]),
	...inFile("open.ts", "collect-order", [
		{
			what: "the session before the writer asks what is condemned",
			from: "\t\tawait beginSession(parts, sessionId);\n\t\tawait store.catalog.refresh();\n",
			to: "\t\tawait store.catalog.refresh();\n\t\tawait beginSession(parts, sessionId);\n",
		},
		{
			what: "a base belongs to a root that is there",
			suite: "session",
			from: '\t\t\tif (root !== undefined && root !== "ended") return disk;\n',
			to: "\t\t\treturn disk;\n",
		},
	]),
	...inFile("catalog/catalog.ts", "collect-order", [
		{
			what: "condemned packs before the index",
			from: "\t\t\t\tawait bar();\n\t\t\t\tawait relist();\n",
			to: "\t\t\t\tawait relist();\n\t\t\t\tawait bar();\n",
		},
		{ what: "condemned packs are barred", suite: "session", from: "packs.bar(id);", to: "void id;" },
	]),
	...inFile("collect/collect.ts", "collect-order", [
		{ what: "a collection waits", from: "\tif (alive.length > 0) {", to: "\tif (alive.length < 0) {" },
		{
			what: "what is needed again is rescued",
			from: "liveRecords ?? 0) > 0));\n\tconst left",
			to: "liveRecords ?? 0) < 0));\n\tconst left",
		},
		{
			what: "snapshots deleted meanwhile count",
			suite: "collect",
			from: ".flatMap(([, pages]) => pages);",
			to: ".flatMap(() => []);",
		},
		{
			what: "done comes after the sweep",
			from: "\tconst swept: Swept = await sweep(",
			to: "\tawait finish(place, left);\n\tconst swept: Swept = await sweep(",
		},
	]),
	...inFile("collect/groups.ts", "collect-order", [
		{
			what: "condemned durably before anybody is asked",
			from: "\tawait put(place, keyOf(id), {",
			to: "\tvoid put(place, keyOf(id), {",
		},
		{
			what: "the shorter list before the longer one goes",
			from: '\tawait put(place, keyOf(group.id, "-kept")',
			to: '\tawait place.target.delete(keyOf(group.id));\n\tawait put(place, keyOf(group.id, "-kept")',
		},
	]),
	...inFile("collect/survey.ts", "collect-order", [
		{
			what: "roots before tombstones",
			from: "\tfor await (const { key } of target.list(folders.roots)) {",
			to: "\tconst early = await Array.fromAsync(target.list(folders.deleted));\n\tfor await (const { key } of target.list(folders.roots)) {",
			also: { from: "of target.list(folders.deleted)", to: "of early" },
		},
	]),
	...inFile("collect/repack.ts", "collect-order", [
		{
			what: "copies are indexed before old packs are condemned",
			from: "\tawait copier.finish();\n",
			to: "\tvoid copier.finish();\n",
		},
		{
			what: "copies are durable before their index",
			from: "\t\tawait target.put(packKey(pack.id), pack.finish(), {",
			to: "\t\tvoid target.put(packKey(pack.id), pack.finish(), {",
		},
	]),
	...inFile("collect/sweep.ts", "collect-order", [
		{
			what: "the new index object before old ones go",
			from: "\t\tconst packs = waiting.splice(0);\n",
			to: "\t\tfor (const key of old.splice(0)) await target.delete(key);\n\t\tconst packs = waiting.splice(0);\n",
		},
		{
			what: "the new index object is durable before old ones go",
			from: "\tawait target.put(key, [sealObject(",
			to: "\tvoid target.put(key, [sealObject(",
		},
		{
			what: "index objects go before their packs",
			from: "\tconst { before, after } = await rewriteIndexes(place, dead);\n",
			to: "\tfor (const id of dead.keys()) await place.target.delete(packKey(id));\n\tconst { before, after } = await rewriteIndexes(place, dead);\n",
		},
	]),
];
