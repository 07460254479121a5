import test from "ava";
import { bodyLimitBytes } from "#gateway/limit.ts";
import { setStage } from "./stage.ts";

test("a body of exactly the limit passes", async (t) => {
	const stage = await setStage();
	t.teardown(stage.close);
	const body = `"${"x".repeat(bodyLimitBytes - 2)}"`;
	const response = await stage.call("/workloads", { method: "POST", body });
	t.is(response.status, 200);
	t.is(stage.openwhisk.arrived[0]?.body.length, bodyLimitBytes);
});

test("more headers than anybody needs: 431 in our shape", async (t) => {
	const stage = await setStage();
	t.teardown(stage.close);
	const response = await stage.call("/workloads", { headers: { "x-large": "x".repeat(20_000) } });
	t.is(response.status, 431);
	t.true("badRequest" in ((await response.json()) as object));
});
