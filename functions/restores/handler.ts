import { serve } from "#functions/adapter/routes.ts";
import { cancel } from "./cancel.ts";
import { create } from "./create.ts";
import { list, listDetail, show } from "./list.ts";
import { remove } from "./remove.ts";

const all = "/v1/:project/restores";
const one = `${all}/:restore`;
/** T4O's clients use both forms. */
const ofSnapshot = "/v1/:project/workloads/:workload/snapshots/:snapshot/restores";
const inSnapshot = `${ofSnapshot}/:restore`;

/** T4O API, section "Restores". */
export const restores = serve([
	{ method: "POST", path: ofSnapshot, access: "write", rule: "snapshot:snapshot_restore", answer: create },
	{
		method: "POST",
		path: "/v1/:project/snapshots/:snapshot",
		access: "write",
		rule: "snapshot:snapshot_restore",
		answer: create,
	},
	{ method: "GET", path: all, access: "read", rule: "restore:restore_get_all", answer: list },
	{ method: "GET", path: ofSnapshot, access: "read", rule: "restore:restore_get_all", answer: list },
	{ method: "GET", path: `${all}/detail`, access: "read", rule: "restore:restore_get_all", answer: listDetail },
	{ method: "GET", path: one, access: "read", rule: "restore:restore_get", answer: show },
	{ method: "GET", path: inSnapshot, access: "read", rule: "restore:restore_get", answer: show },
	{ method: "DELETE", path: one, access: "write", rule: "restore:restore_delete", answer: remove },
	{ method: "DELETE", path: inSnapshot, access: "write", rule: "restore:restore_delete", answer: remove },
	// T4O's verb for it; it changes something, so a reader may not.
	{ method: "GET", path: `${one}/cancel`, access: "write", rule: "restore:restore_cancel", answer: cancel },
]);
