// The action proxy: the process inside every "container". It speaks OpenWhisk's /init and /run contract for one action.
// Plain CommonJS on purpose: it must start on the Node of the action's kind (20 today), which does not run TypeScript.
//
//   node proxy.cjs --port 8080     listens like the image of Apache OpenWhisk does (0 = any free port, printed as JSON)
//   node proxy.cjs --channel 3     serves HTTP on an inherited socket; nobody else can reach it, and when the other end
//                                  closes (the platform ended, however it ended) the process exits
"use strict";
const http = require("node:http");
const net = require("node:net");
const { loadAction } = require("./load.cjs");
const { serializeError } = require("./serialize.cjs");

const sentinel = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX";
const maxBodyBytes = 48 * 1024 * 1024; // the limit of the original runtime

let status = "ready"; // ready → running → ready, or stopped for good
let main; // the action's function, once initialised

const answer = (code, body) => ({ code, body });
const refuse = (code, message) => answer(code, { error: message });

function writeSentinels() {
	process.stdout.write(`${sentinel}\n`);
	process.stderr.write(`${sentinel}\n`);
}

function toEnvironment(value) {
	if (value === null || value === undefined) return "";
	return typeof value === "object" ? JSON.stringify(value) : String(value);
}

async function init(body) {
	if (main !== undefined) return refuse(403, "Cannot initialize the action more than once.");
	if (status !== "ready") return refuse(403, `System not ready, status is ${status}.`);
	const value = body?.value ?? {};
	if (typeof value.main !== "string" || typeof value.code !== "string" || !value.main || !value.code)
		return refuse(403, "Missing main/no code to execute.");
	// Written before the user's code loads: module-level code may read it.
	for (const [name, content] of Object.entries(value.env ?? {})) process.env[name] = toEnvironment(content);
	status = "starting";
	try {
		main = await loadAction(value);
		status = "ready";
		return answer(200, { OK: true });
	} catch (error) {
		status = "stopped";
		const reason = error instanceof Error ? error.stack : String(error);
		console.error(`Error during initialization: ${reason}`);
		writeSentinels();
		return refuse(502, `Initialization has failed due to: ${reason}`);
	}
}

async function run(body) {
	if (status !== "ready" || main === undefined) return refuse(403, `System not ready, status is ${status}.`);
	for (const [name, content] of Object.entries(body ?? {}))
		if (name !== "value" && typeof content === "string") process.env[`__OW_${name.toUpperCase()}`] = content;
	status = "running";
	let pending;
	try {
		pending = main(body?.value ?? {});
	} catch (error) {
		status = "stopped"; // a synchronous throw leaves the module in an unknown state
		console.error(error);
		writeSentinels();
		return refuse(502, `An error has occurred: ${error}`);
	}
	const reply = await settle(pending);
	status = "ready";
	writeSentinels();
	return reply;
}

async function settle(pending) {
	let result;
	try {
		result = await pending;
	} catch (error) {
		return answer(200, { error: serializeError(error) });
	}
	if (result === undefined) return answer(200, {});
	if (typeof result !== "object") {
		console.error(`The result must be an object or an array, but is of type ${typeof result}.`);
		return refuse(502, "The action did not return a dictionary.");
	}
	return answer(200, result);
}

async function readJson(request) {
	const chunks = [];
	let bytes = 0;
	for await (const chunk of request) {
		bytes += chunk.length;
		if (bytes > maxBodyBytes) throw new Error("body too large");
		chunks.push(chunk);
	}
	return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

async function route(request) {
	const handler = request.method === "POST" ? { "/init": init, "/run": run }[request.url] : undefined;
	if (handler === undefined) return refuse(500, "Bad request.");
	let body;
	try {
		body = await readJson(request);
	} catch {
		return refuse(500, "Bad request.");
	}
	return handler(body);
}

function encode(reply) {
	try {
		return { code: reply.code, text: JSON.stringify(reply.body) };
	} catch (error) {
		// A cycle or a BigInt: not something JSON can carry, so not a dictionary.
		console.error(error);
		return { code: 502, text: JSON.stringify({ error: "The action did not return a dictionary." }) };
	}
}

const server = http.createServer(async (request, response) => {
	const { code, text } = encode(await route(request));
	response.writeHead(code, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
	response.end(text);
});
// The caller owns every deadline; the proxy never drops a connection by itself.
server.timeout = server.requestTimeout = server.headersTimeout = server.keepAliveTimeout = 0;

const [option, argument] = process.argv.slice(2);
if (option === "--channel") {
	const channel = new net.Socket({ fd: Number(argument), readable: true, writable: true });
	channel.on("close", () => process.exit(0));
	server.emit("connection", channel);
} else if (option === "--port") {
	server.listen(Number(argument), "127.0.0.1", () => {
		process.stdout.write(`${JSON.stringify({ ready: true, port: server.address().port })}\n`);
	});
	process.stdin.on("end", () => process.exit(0)).resume();
} else {
	console.error("usage: node proxy.cjs --port PORT | --channel FD");
	process.exit(2);
}
