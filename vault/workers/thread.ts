import { parentPort, workerData } from "node:worker_threads";
import { newSealer, type SealerOptions, type SealJob } from "./sealer.ts";

/** A sealing thread: takes batches of jobs, answers with batches of results. Sync calls: libuv's async ones are slower. */
const sealer = newSealer(workerData as SealerOptions);

parentPort?.on("message", (message: { table: SharedArrayBuffer } | { jobs: SealJob[] }) => {
	if ("table" in message) sealer.useTable(message.table);
	else parentPort?.postMessage(message.jobs.map(sealer.seal));
});
