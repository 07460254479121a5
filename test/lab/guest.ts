import { setTimeout as sleep } from "node:timers/promises";
import { newVirsh } from "#agents/compute/libvirt/virsh.ts";

const virsh = newVirsh("qemu:///system");
const pollMs = 500;
const bootTries = 360;

/** Runs a shell command in a guest of the lab, through its agent, and answers what it printed. */
export async function inGuest(instanceId: string, command: string): Promise<string> {
	const agent = async (request: object) =>
		JSON.parse(await virsh(["qemu-agent-command", instanceId, JSON.stringify(request), "--timeout", "20"])).return;
	const how = { path: "/bin/sh", arg: ["-c", command], "capture-output": true };
	const { pid } = await agent({ execute: "guest-exec", arguments: how });
	for (;;) {
		const status = await agent({ execute: "guest-exec-status", arguments: { pid } });
		if (status.exited)
			return Buffer.from(status["out-data"] ?? "", "base64")
				.toString()
				.trim();
		await sleep(100);
	}
}

/** Waits until the guest has booted so far that its agent answers. */
export async function guestAnswers(instanceId: string): Promise<void> {
	for (let i = 0; i < bootTries; i++) {
		const answers = await inGuest(instanceId, "true").then(
			() => true,
			() => false,
		);
		if (answers) return;
		await sleep(pollMs);
	}
	throw new Error(`The agent in the guest of ${instanceId} does not answer.`);
}
