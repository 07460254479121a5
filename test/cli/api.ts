import { randomUUID } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { RestorePlan } from "#schemas/restore.ts";
import { mustBeInDocument } from "./shape.ts";

type Row = Record<string, unknown> & { id: string };
export type Seen = { method: string; path: string; query: URLSearchParams; body: unknown; token: string };

export type Api = {
	/** Without a path. */
	url: string;
	workloads: Row[];
	snapshots: Row[];
	restores: Row[];
	agents: Record<string, unknown>[];
	/** Every request, oldest first. */
	seen: Seen[];
	/** Statuses of the next answers; 0 breaks the connection. */
	fail: number[];
	/** What a new snapshot or restore becomes, one step each time it is shown; the last stays. */
	story: Partial<Row>[];
	pageRows: number;
	close(): Promise<void>;
};

const moment = "2026-11-24T02:30:00.000000";
export const project = "0123456789abcdef0123456789abcdef";

export const workload = (id: string, name: string, more: object = {}): Row => ({
	...{ id, name, description: "", status: "available", error_msg: null, project_id: project, user_id: "u1" },
	...{ created_at: moment, updated_at: moment, backup_target_types: "default" },
	instances: [{ id: "3c6a1f1e-0000-4000-8000-000000000001", name: "web-1" }],
	storage_usage: {
		usage: 1_288_490_189,
		full: { snap_count: 1, usage: 1_288_490_189 },
		incremental: { snap_count: 0, usage: 0 },
	},
	...more,
});

const underway = {
	...{
		progress_percent: 0,
		progress_msg: null,
		warning_msg: null,
		error_msg: null,
		size: 2_147_483_648,
		done_bytes: 0,
	},
	...{ uploaded_size: 0, time_taken: 0, updated_at: moment, finished_at: null },
};

const network = { id: "3c6a1f1e-0000-4000-8000-00000000000a", name: "prod" };

export const snapshot = (id: string, workload_id: string, name: string, more: object = {}): Row => ({
	...{
		id,
		workload_id,
		name,
		description: "",
		status: "creating",
		snapshot_type: "full",
		project_id: project,
		user_id: "u1",
	},
	...{ host: "compute-1", created_at: moment, ...underway },
	instances: [
		{
			...{ id: "3c6a1f1e-0000-4000-8000-000000000001", name: "web-1", snapshot_type: "full" },
			nics: [{ mac_address: "fa:16:3e:00:00:01", ip_address: "10.20.0.5", network }],
			vdisks: [{ label: "vda", restore_size: 2_147_483_648, uploaded_size: 1_288_490_189 }],
		},
	],
	...more,
});

const done = { status: "available", progress_percent: 100, finished_at: "2026-11-24T02:31:15.000000", time_taken: 75 };
export const available = { ...done, done_bytes: 2_147_483_648, uploaded_size: 1_288_490_189 };

export const restore = (
	id: string,
	snapshot_id: string,
	workload_id: string,
	name: string,
	more: object = {},
): Row => ({
	...{ id, snapshot_id, workload_id, name, description: "", status: "restoring", restore_type: "restore" },
	...{ project_id: project, user_id: "u1", created_at: moment, ...underway, instances: [], plan: null },
	...more,
});

const plan: RestorePlan = {
	instances: [
		{
			...{ original_id: "3c6a1f1e-0000-4000-8000-000000000001", name: "web-1", flavor_id: "2", image_id: null },
			...{ key_name: null, availability_zone: null, security_groups: [], metadata: {}, start: true },
			networks: [{ network_id: network.id, fixed_ip: null }],
			disks: [
				{ disk_id: "vda", device: "vda", size_bytes: 2_147_483_648, new_volume: null, new_volume_id: null },
				{
					...{ disk_id: "3c6a1f1e-0000-4000-8000-00000000000b", device: "vdb", size_bytes: 1_073_741_824 },
					new_volume: { name: "web-1-data", size_gib: 1, volume_type: "ssd", availability_zone: null },
					new_volume_id: null,
				},
			],
			...{ new_id: null, host: null },
		},
	],
	notes: ["The captured key pair is not used."],
};

const fault = (name: string, code: number, message: string) => ({ code, body: { [name]: { code, message } } });
const missing = (kind: string, id: string) =>
	fault("itemNotFound", 404, `No ${kind} with a name or ID of '${id}' exists.`);

type Answer = { code: number; body?: unknown };

/**
 * The API as far as the command line uses it, in memory. Every call and both of its bodies are checked against
 * gateway/openapi.yaml; what does not fit is answered 500 with the reason, which no test expects.
 */
export const startApi = async (): Promise<Api> => {
	const server = http.createServer(async (request, response) => {
		let text = "";
		for await (const chunk of request) text += chunk;
		const url = new URL(request.url ?? "/", "http://api");
		const { method = "" } = request;
		const body = text === "" ? undefined : JSON.parse(text);
		api.seen.push({
			method,
			path: url.pathname,
			query: url.searchParams,
			body,
			token: String(request.headers["x-auth-token"]),
		});
		const failing = api.fail.shift();
		if (failing === 0) return void request.socket.destroy();
		let answer: Answer;
		try {
			answer = failing ? fault("serviceUnavailable", failing, "Try again later.") : answerTo(method, url, body);
			mustBeInDocument(method, url.pathname, body, answer.code, answer.body);
		} catch (error) {
			answer = fault("computeFault", 500, (error as Error).message);
		}
		const id = "req-00000000-0000-4000-8000-000000000001";
		response.writeHead(answer.code, { "content-type": "application/json", "x-openstack-request-id": id });
		response.end(answer.body === undefined ? "" : JSON.stringify(answer.body));
	});

	const page = (key: string, rows: readonly Row[], url: URL): Answer => {
		const marker = url.searchParams.get("marker");
		const start = marker === null ? 0 : rows.findIndex(({ id }) => id === marker) + 1;
		const limit = Math.min(Number(url.searchParams.get("limit") ?? api.pageRows), api.pageRows);
		const shown = rows.slice(start, start + limit);
		const next = new URL(url);
		next.searchParams.set("marker", shown.at(-1)?.id ?? "");
		const links = { [`${key}_links`]: [{ rel: "next", href: next.href }] };
		return { code: 200, body: { [key]: shown, ...(start + limit < rows.length && links) } };
	};

	const show = (key: string, rows: readonly Row[], id: string): Answer => {
		const row = rows.find((one) => one.id === id);
		if (!row) return missing(key, id);
		if (row.storied) Object.assign(row, api.story.length > 1 ? api.story.shift() : api.story[0]);
		const { storied: _, ...shown } = row;
		return { code: 200, body: { [key]: shown } };
	};

	const takeAway = (kind: string, rows: Row[], id: string): Answer => {
		const at = rows.findIndex((one) => one.id === id);
		if (at < 0) return missing(kind, id);
		const [row] = rows.splice(at, 1);
		if (row?.status === "locked")
			return fault("conflictingRequest", 409, `Workload ${id} is locked; wait until it is available.`);
		return { code: 202 };
	};

	const answerTo = (method: string, url: URL, body: unknown): Answer => {
		const parts = url.pathname.split("/").slice(1);
		if (parts[0] === "v2") return { code: 200, body: { agents: api.agents } };
		const [, , kind = "", id = "", verb] = parts;
		const rows = (api as unknown as Record<string, Row[]>)[kind] ?? [];
		const one = kind.slice(0, -1);
		const what = `${method} ${kind}${id === "" ? "" : id === "detail" ? "/detail" : "/id"}${verb ? `/${verb}` : ""}`;
		switch (what) {
			case "GET workloads":
			case "GET snapshots":
			case "GET restores":
			case "GET workloads/detail":
			case "GET snapshots/detail":
			case "GET restores/detail": {
				const of = ["workload_id", "snapshot_id"].filter((name) => url.searchParams.has(name));
				return page(
					kind,
					rows.filter((row) => of.every((name) => row[name] === url.searchParams.get(name))),
					url,
				);
			}
			case "GET workloads/id":
			case "GET snapshots/id":
			case "GET restores/id":
				return show(one, rows, id);
			case "DELETE workloads/id":
			case "DELETE snapshots/id":
			case "DELETE restores/id":
				return takeAway(one, rows, id);
			case "GET snapshots/id/cancel":
			case "GET restores/id/cancel":
			case "POST workloads/id/unlock":
				return rows.some((row) => row.id === id) ? { code: method === "GET" ? 200 : 202 } : missing(one, id);
			case "POST workloads": {
				const asked = (
					body as { workload: { name: string; description?: string; instances: { "instance-id": string }[] } }
				).workload;
				const instances = asked.instances.map((one, at) => ({ id: one["instance-id"], name: `web-${at + 1}` }));
				const made = workload(randomUUID(), asked.name, { description: asked.description ?? "", instances });
				api.workloads.unshift(made);
				return { code: 202, body: { workload: made } };
			}
			case "POST workloads/id": {
				const asked = (body as { snapshot: { name?: string } }).snapshot;
				const snapshot_type = url.searchParams.get("full") === "1" ? "full" : "incremental";
				const made = snapshot(randomUUID(), id, asked.name ?? "", { snapshot_type, instances: [] });
				api.snapshots.unshift({ ...made, storied: true });
				return { code: 202, body: { snapshot: made } };
			}
			case "POST snapshots/id": {
				const source = api.snapshots.find((row) => row.id === id);
				if (!source) return missing("snapshot", id);
				const asked = (body as { restore: { name?: string } }).restore;
				const made = restore(randomUUID(), id, String(source.workload_id), asked.name ?? "");
				if (url.searchParams.get("dry_run") === "true")
					return { code: 200, body: { restore: { ...made, plan, dry_run: true } } };
				api.restores.unshift({ ...made, storied: true });
				return { code: 202, body: { restore: made } };
			}
			default:
				return fault("itemNotFound", 404, `There is no ${what} here.`);
		}
	};

	await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
	const api: Api = {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		...{ workloads: [], snapshots: [], restores: [], agents: [], seen: [], fail: [], story: [], pageRows: 100 },
		close: () =>
			new Promise((closed) => {
				server.close(() => closed());
				server.closeAllConnections();
			}),
	};
	return api;
};
