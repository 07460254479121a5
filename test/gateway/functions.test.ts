import test from "ava";
import type { Context, Handler } from "#functions/adapter/context.ts";
import { datamover } from "#functions/datamover/handler.ts";
import { restores } from "#functions/restores/handler.ts";
import { snapshots } from "#functions/snapshots/handler.ts";
import { workloads } from "#functions/workloads/handler.ts";
import { readDocument } from "#gateway/document.ts";
import { compileRoutes } from "#gateway/route.ts";
import { Fault } from "#schemas/fault.ts";

const handlers: Record<string, Handler> = { workloads, snapshots, restores, datamover };
const project = "p1";

/** Keystone knows the caller, who has no role at all: a route that exists is 403, any other 404 or 405. */
const token = {
	...{ user: { id: "u1", name: "nobody", domain: { id: "d", name: "D" } }, roles: [] },
	...{ project: { id: project, name: "p", domain: { id: "d", name: "D" } } },
	...{ expires_at: "2099-01-01T00:00:00.000000Z", issued_at: "2026-01-01T00:00:00.000000Z" },
};
const context = {
	settings: { OS_AUTH_URL: "http://keystone" },
	signal: new AbortController().signal,
	now: () => new Date(),
	service: () => ({ request: async () => ({ status: 200, body: { token } }) }),
} as unknown as Context;

const codeOf = async (action: string, method: string, path: string): Promise<string> => {
	const url = `http://api${path.replace("{project_id}", project).replaceAll(/\{\w+\}/g, "x")}`;
	const request = new Request(url, { method, headers: { "x-auth-token": "t" } });
	const answer = handlers[action]?.(request, context);
	const error = await Promise.resolve(answer).then(
		() => undefined,
		(thrown: unknown) => thrown,
	);
	return error instanceof Fault ? error.code : String(error);
};

for (const { routes } of compileRoutes(readDocument())) {
	for (const { method, path, action } of routes.values()) {
		if (action === undefined) continue;
		test(`${action.action} answers ${method} ${path}`, async (t) => {
			t.is(await codeOf(action.action, method, path), "FORBIDDEN");
		});
	}
}

test("a route that no function has is noticed", async (t) => {
	t.is(await codeOf("workloads", "GET", "/v1/{project_id}/nothing"), "NO_ROUTE");
	t.is(await codeOf("workloads", "DELETE", "/v1/{project_id}/workloads"), "METHOD_NOT_ALLOWED");
});
