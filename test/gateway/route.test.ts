import test from "ava";
import { readDocument } from "#gateway/document.ts";
import { compileRoutes, findRoute, MethodNotAllowed } from "#gateway/route.ts";
import { Fault } from "#schemas/fault.ts";

const routes = compileRoutes(readDocument());
const find = (method: string, path: string) => {
	const { route } = findRoute(routes, method, path);
	return `${route.operationId} → ${route.action?.action ?? "gateway"}`;
};

test("each route goes to its function", (t) => {
	t.is(find("GET", "/v1/p/workloads"), "listWorkloads → workloads");
	t.is(find("GET", "/v1/p/workloads/detail"), "listWorkloadsDetail → workloads");
	t.is(find("GET", "/v1/p/workloads/w"), "showWorkload → workloads");
	t.is(find("POST", "/v1/p/workloads/w"), "takeSnapshot → workloads");
	t.is(find("POST", "/v1/p/workloads/w/unlock"), "unlockWorkload → workloads");
	t.is(find("DELETE", "/v1/p/workloads/w/snapshots/s"), "deleteSnapshotOfWorkload → snapshots");
	t.is(find("POST", "/v1/p/workloads/w/snapshots/s/restores"), "restoreSnapshotOfWorkload → restores");
	t.is(find("GET", "/v1/p/workloads/w/snapshots/s/restores/r"), "showRestoreOfSnapshot → restores");
	t.is(find("GET", "/v1/p/snapshots/detail"), "listSnapshotsDetail → snapshots");
	t.is(find("GET", "/v1/p/snapshots/s"), "showSnapshot → snapshots");
	t.is(find("POST", "/v1/p/snapshots/s"), "restoreSnapshot → restores");
	t.is(find("GET", "/v1/p/snapshots/s/cancel"), "cancelSnapshot → snapshots");
	t.is(find("GET", "/v1/p/restores/r/cancel"), "cancelRestore → restores");
	t.is(find("POST", "/v2/agents/compute-1.example.org/sync"), "syncAgent → datamover");
	t.is(find("GET", "/"), "listVersions → gateway");
	t.is(find("GET", "/v1/"), "showVersion1 → gateway");
});

test("one trailing slash means nothing, and is not forwarded", (t) => {
	t.is(findRoute(routes, "GET", "/v1/p/workloads/").path, "/v1/p/workloads");
});

test("nothing but plain segments makes a route", (t) => {
	for (const path of [
		"/v1/p/workloads/..",
		"/v1/p/workloads/.",
		"/v1/p/workloads/%2e%2e",
		"/v1/p/workloads/a%2f..%2f..%2fadmin",
		"/v1/p/workloads/a\\b",
		"/v1/p//workloads",
		"//v1/p/workloads",
		"/v1/p/workloads//",
		"/v1/p/workloads/a;b",
		"/v1/p/workloads/ä",
		"/v1/p/nothing",
		"/api/v1/web/guest/holdfast/orchestrator",
		"*",
	]) {
		const error = t.throws(() => find("GET", path), { instanceOf: Fault }, path);
		t.is(error?.code, "NO_ROUTE", path);
	}
});

test("a known path with a wrong method says which are right", (t) => {
	const error = t.throws(() => find("PATCH", "/v1/p/workloads"), { instanceOf: MethodNotAllowed });
	t.deepEqual(error?.allowed, ["GET", "POST"]);
	t.is(error?.message, "/v1/p/workloads does not take PATCH; it takes GET, POST.");
});
