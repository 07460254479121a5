import type { FastifyInstance } from "fastify";
import { defaultKind, kinds } from "../actions/body.ts";

/** The version documents: `GET /` (wskdeploy reads the runtimes of it), `/api/v1`, `/ping`. */
export function infoRoutes(app: FastifyInstance) {
	app.get("/", async () => ({
		description: "OpenWhisk (embedded in Holdfast)",
		support: { github: "https://github.com/apache/openwhisk/issues", slack: "http://slack.openwhisk.org" },
		api_paths: ["/api/v1"],
		limits: {
			max_action_duration: 300_000,
			min_action_duration: 100,
			max_action_memory: 536_870_912,
			sequence_length: 50,
		},
		runtimes: {
			nodejs: kinds.map((kind) => ({ kind, default: kind === defaultKind, deprecated: false, attached: true })),
		},
	}));
	app.get("/api/v1", async () => ({
		description: "OpenWhisk API",
		api_version: "1.0.0",
		api_version_path: "v1",
		build: "embedded",
		buildno: "0",
		swagger_paths: {},
	}));
	app.get("/ping", async (_request, reply) => reply.type("text/plain; charset=utf-8").send("pong"));
}
