import { readFile } from "node:fs/promises";
import test from "ava";

test("the documentation lists every function that the client exports, and no other", async (t) => {
	const page = await readFile(new URL("../../docs/openstack-client.md", import.meta.url), "utf8");
	const rows = [...page.matchAll(/^\| `(\w+\.ts)` \| (.*) \|$/gm)].filter(([, file]) => file !== "auth.ts");
	t.true(rows.length >= 8);
	for (const [, file = "", text = ""] of rows) {
		const listed = [...text.matchAll(/`([a-z]\w+)[(`]/g)].map(([, name = ""]) => name);
		const module = Object.entries(await import(`#openstack/${file}`));
		const exported = module.filter(([name, value]) => typeof value === "function" && /^[a-z]/.test(name));
		t.deepEqual(listed.sort(), exported.map(([name]) => name).sort(), file);
	}
});
