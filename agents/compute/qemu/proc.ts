import { readFileSync } from "node:fs";

/**
 * When a process started, in clock ticks since boot: with the pid it names one process for the life of the host (see
 * proc_pid_stat(5), field 22). Undefined when there is no such process, or only its zombie.
 */
export const startTicks = (pid: number): string | undefined => {
	let stat: string;
	try {
		stat = readFileSync(`/proc/${pid}/stat`, "latin1");
	} catch {
		return undefined;
	}
	// The command's name, in parentheses, may hold anything.
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return fields[0] === "Z" ? undefined : fields[19];
};
