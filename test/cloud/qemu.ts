import { execFile } from "node:child_process";
import { promisify } from "node:util";

const runFile = promisify(execFile);

/** Converting a whole image on a busy machine takes minutes; more than this means it hangs. */
const imageTimeoutMs = 10 * 60_000;

export type DiskFormat = "raw" | "qcow2";

export async function qemuImg(...args: string[]): Promise<string> {
	const { stdout } = await runFile("qemu-img", args, { timeout: imageTimeoutMs, killSignal: "SIGKILL" });
	return stdout;
}

export type ImageInfo = {
	format: string;
	"virtual-size": number;
	"actual-size": number;
	"backing-filename"?: string;
	"backing-filename-format"?: string;
};

/** With the format said, as it must be for a file that somebody else has written. */
export async function imageInfo(path: string, format?: DiskFormat): Promise<ImageInfo> {
	const known = format === undefined ? [] : ["-f", format];
	return JSON.parse(await qemuImg("info", "--output=json", ...known, path));
}
