import { serve } from "#functions/adapter/routes.ts";
import { change } from "./change.ts";
import { create } from "./create.ts";
import { list, listDetail, show } from "./list.ts";
import { remove } from "./remove.ts";
import { snapshot } from "./snapshot.ts";
import { unlock } from "./unlock.ts";

const all = "/v1/:project/workloads";
const one = `${all}/:id`;

/** T4O API, section "Workloads". */
export const workloads = serve([
	{ method: "GET", path: all, access: "read", rule: "workload:workload_get_all", answer: list },
	{ method: "GET", path: `${all}/detail`, access: "read", rule: "workload:workload_get_all", answer: listDetail },
	{ method: "POST", path: all, access: "write", rule: "workload:workload_create", answer: create },
	{ method: "GET", path: one, access: "read", rule: "workload:workload_get", answer: show },
	{ method: "PUT", path: one, access: "write", rule: "workload:workload_modify", answer: change },
	{ method: "DELETE", path: one, access: "write", rule: "workload:workload_delete", answer: remove },
	{ method: "POST", path: one, access: "write", rule: "workload:workload_snapshot", answer: snapshot },
	{ method: "POST", path: `${one}/unlock`, access: "write", rule: "workload:workload_unlock", answer: unlock },
]);
