import { serve } from "#functions/adapter/routes.ts";
import { cancel } from "./cancel.ts";
import { list, listDetail, show } from "./list.ts";
import { remove } from "./remove.ts";

const all = "/v1/:project/snapshots";
const one = `${all}/:snapshot`;
/** T4O's clients use both forms. */
const inWorkload = "/v1/:project/workloads/:workload/snapshots/:snapshot";

/** T4O API, section "Snapshots". Creating is `POST /workloads/{id}`. */
export const snapshots = serve([
	{ method: "GET", path: all, access: "read", rule: "snapshot:snapshot_get_all", answer: list },
	{ method: "GET", path: `${all}/detail`, access: "read", rule: "snapshot:snapshot_get_all", answer: listDetail },
	{ method: "GET", path: one, access: "read", rule: "snapshot:snapshot_get", answer: show },
	{ method: "GET", path: inWorkload, access: "read", rule: "snapshot:snapshot_get", answer: show },
	{ method: "DELETE", path: one, access: "write", rule: "snapshot:snapshot_delete", answer: remove },
	{ method: "DELETE", path: inWorkload, access: "write", rule: "snapshot:snapshot_delete", answer: remove },
	// T4O's verb for it; it changes something, so a reader may not.
	{ method: "GET", path: `${one}/cancel`, access: "write", rule: "snapshot:snapshot_cancel", answer: cancel },
]);
