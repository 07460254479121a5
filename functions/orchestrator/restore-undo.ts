import { deleteVolume, getVolume } from "#openstack/cinder.ts";
import { isOpenStackError } from "#openstack/error.ts";
import { deleteServer, getServer } from "#openstack/nova.ts";
import type { Session } from "#openstack/session.ts";
import type { RestoreDocument } from "#schemas/restore.ts";
import { readRestore } from "#store/restores.ts";
import { orGone, pollMs } from "./carry-out.ts";
import { backgroundSession } from "./identity.ts";
import { serversByKey } from "./restore-servers.ts";
import { volumesByKey } from "./restore-volumes.ts";
import type { Outcome, Step } from "./step.ts";

/** After this time the clean-up names what is left and ends. */
const undoLimitMs = 5 * 60_000;

/**
 * Takes away what the restore made, last first: servers, and when they are gone, volumes. Also what a crash kept from
 * being recorded: it carries the restore's key. Nothing else is touched.
 */
export async function undoCreated({ context, db, run }: Step): Promise<Outcome> {
	const restore = await readRestore(db, run.subject_id);
	if (restore === null) return { next: "undo-finish" };
	const session = backgroundSession(context, run.project_id);
	const serversLeft = await removeServers(session, restore);
	const left = serversLeft.length > 0 ? serversLeft : await removeVolumes(session, restore);
	if (left.length === 0) return { next: "undo-finish" };
	if (context.now().getTime() - run.step_at.getTime() < undoLimitMs) return { waitMs: pollMs };
	return { fail: `These could not be removed; remove them by hand: ${left.join(", ")}.` };
}

async function removeServers(session: Session, restore: RestoreDocument): Promise<string[]> {
	const left: string[] = [];
	for (const id of idsOf("server", restore, await serversByKey(session))) {
		const server = await orGone(() => getServer(session, id));
		if (server === null || /^(soft_)?deleted$/i.test(server.status)) continue;
		if (server["OS-EXT-STS:task_state"] !== "deleting") await tryTo(() => deleteServer(session, id));
		left.push(`server ${id}`);
	}
	return left;
}

async function removeVolumes(session: Session, restore: RestoreDocument): Promise<string[]> {
	const left: string[] = [];
	for (const id of idsOf("volume", restore, await volumesByKey(session))) {
		const volume = await orGone(() => getVolume(session, id));
		if (volume === null) continue;
		if (volume.status !== "deleting") await tryTo(() => deleteVolume(session, id));
		left.push(`volume ${id}`);
	}
	return left;
}

function idsOf(kind: "server" | "volume", restore: RestoreDocument, byKey: ReadonlyMap<string, string>): string[] {
	const recorded = restore.created.filter((one) => one.kind === kind).map(({ id }) => id);
	const keyed = [...byKey].filter(([key]) => key.startsWith(`${restore._id}/`)).map(([, id]) => id);
	return [...new Set([...recorded, ...keyed])].reverse();
}

/** A thing that is busy is asked again at the next look. */
async function tryTo(remove: () => Promise<unknown>): Promise<void> {
	try {
		await remove();
	} catch (error) {
		if (!isOpenStackError(error, "conflict", "bad-request")) throw error;
	}
}
