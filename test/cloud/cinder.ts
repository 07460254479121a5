import type { FastifyInstance, FastifyRequest } from "fastify";
import type { NewVolume } from "#openstack/cinder.ts";
import { badRequest, forbidden, notFound, novaFault } from "./fault.ts";
import { cinderRange, minorOf, versionHeaders } from "./microversion.ts";
import { nextLinks, pageOf } from "./page.ts";
import { bodyOf, isYes, parameter, queryOf, shapeService, who } from "./service.ts";
import type { StoredAttachment, StoredVolume } from "./state.ts";
import { type Caller, mustBeMember } from "./token.ts";
import { buildVolume, startVolume, startVolumeDelete } from "./volume.ts";
import { run, type World } from "./world.ts";

const largestPage = 1_000;
/** Attachments came with 3.27. */
const attachmentsSince = 27;

/** Cinder v3 under `/volume`. */
export function cinder(app: FastifyInstance, world: World): void {
	shapeService(app, world, {
		fault: novaFault,
		headers: (request) => ({ "x-compute-request-id": request.requestId, ...versionHeaders(request, cinderRange, 0) }),
	});
	const { volumes, attachments, volumeTypes } = world.state;
	const links = [{ rel: "self", href: `${world.url}/volume/v3/` }];
	const version = {
		id: "v3.0",
		status: "CURRENT",
		version: "3.50",
		min_version: "3.0",
		updated: "2018-07-17T00:00:00Z",
		links,
	};
	app.get("/", async (_request, reply) => reply.code(300).send({ versions: [version] }));
	app.get("/v3", async () => ({ versions: [version] }));

	/** The project in the URL has to be the token's, even for administrators. */
	const called = (request: FastifyRequest): Caller => {
		const caller = who(world, request);
		if (parameter(request, "project") !== caller.projectId) throw badRequest("Malformed request url");
		minorOf(request, cinderRange, 0);
		return caller;
	};
	const findVolume = (request: FastifyRequest, caller: Caller): StoredVolume => {
		const id = parameter(request, "id");
		const volume = volumes[id];
		if (volume === undefined || !(caller.isAdmin || volume.project_id === caller.projectId)) {
			throw notFound(`Volume ${id} could not be found.`);
		}
		return volume;
	};
	const inScope = (caller: Caller, query: URLSearchParams) => {
		const everyone = caller.isAdmin && isYes(query.get("all_tenants"));
		const project = query.get("project_id");
		return (one: { project_id: string }) =>
			everyone ? project === null || one.project_id === project : one.project_id === caller.projectId;
	};
	const newestFirst = (a: StoredVolume, b: StoredVolume) =>
		b.created_at.localeCompare(a.created_at) || b.id.localeCompare(a.id);

	const list =
		(show: (caller: Caller, volume: StoredVolume) => unknown, path: string) => async (request: FastifyRequest) => {
			const caller = called(request);
			const query = queryOf(request);
			const fits = (volume: StoredVolume) =>
				(["name", "status"] as const).every((field) => !query.has(field) || String(volume[field]) === query.get(field));
			const found = Object.values(volumes).filter(inScope(caller, query)).filter(fits).sort(newestFirst);
			const { items, next } = pageOf(found, query, largestPage);
			const base = `${world.url}/volume/v3/${caller.projectId}/${path}`;
			return { volumes: items.map((volume) => show(caller, volume)), ...nextLinks("volumes", base, next) };
		};
	app.get(
		"/v3/:project/volumes",
		list((_caller, { id, name }) => ({ id, name, links: selfLinks(world, id) }), "volumes"),
	);
	app.get(
		"/v3/:project/volumes/detail",
		list((caller, volume) => volumeView(world, caller, volume), "volumes/detail"),
	);
	app.get("/v3/:project/volumes/:id", async (request) => {
		const caller = called(request);
		return { volume: volumeView(world, caller, findVolume(request, caller)) };
	});
	app.post("/v3/:project/volumes", async (request, reply) => {
		const caller = called(request);
		mustBeMember(caller, "volume:create");
		const volume = startVolume(world, caller, bodyOf(request, "volume") as NewVolume);
		await world.save();
		const body = { volume: volumeView(world, caller, volume) };
		run(world, buildVolume(world, volume));
		return reply.code(202).send(body);
	});
	app.delete("/v3/:project/volumes/:id", async (request, reply) => {
		const caller = called(request);
		mustBeMember(caller, "volume:delete");
		startVolumeDelete(world, findVolume(request, caller));
		await world.save();
		return reply.code(202).send();
	});
	app.post("/v3/:project/volumes/:id/metadata", async (request) => {
		const caller = called(request);
		mustBeMember(caller, "volume:create_volume_metadata");
		const volume = findVolume(request, caller);
		Object.assign(volume.metadata, bodyOf(request, "metadata"));
		await world.save();
		return { metadata: volume.metadata };
	});

	app.get("/v3/:project/types", async (request) => {
		const caller = called(request);
		const found = Object.values(volumeTypes).filter((type) => type.is_public || caller.isAdmin);
		const { items, next } = pageOf(found, queryOf(request), largestPage);
		const base = `${world.url}/volume/v3/${caller.projectId}/types`;
		return { volume_types: items, ...nextLinks("volume_types", base, next) };
	});
	app.get("/v3/:project/types/:id", async (request) => {
		called(request);
		const type = volumeTypes[parameter(request, "id")];
		if (type === undefined) throw notFound(`Volume type ${parameter(request, "id")} could not be found.`);
		return { volume_type: type };
	});

	const attachmentCaller = (request: FastifyRequest): Caller => {
		const caller = called(request);
		if (minorOf(request, cinderRange, 0) < attachmentsSince) throw notFound("The resource could not be found.");
		return caller;
	};
	const listAttachments =
		(show: (one: StoredAttachment) => unknown, path: string) => async (request: FastifyRequest) => {
			const caller = attachmentCaller(request);
			const query = queryOf(request);
			if (isYes(query.get("all_tenants")) && !caller.isAdmin) throw forbidden("volume:get_all_attachments");
			const [instance, volume] = [query.get("instance_id"), query.get("volume_id")];
			const found = Object.values(attachments)
				.filter(inScope(caller, query))
				.filter(
					(one) => (instance === null || one.instance === instance) && (volume === null || one.volume_id === volume),
				);
			const { items, next } = pageOf(found, query, largestPage);
			const base = `${world.url}/volume/v3/${caller.projectId}/${path}`;
			return { attachments: items.map(show), ...nextLinks("attachments", base, next) };
		};
	app.get("/v3/:project/attachments", listAttachments(attachmentSummary, "attachments"));
	app.get("/v3/:project/attachments/detail", listAttachments(attachmentView, "attachments/detail"));
	app.get("/v3/:project/attachments/:id", async (request) => {
		const caller = attachmentCaller(request);
		const id = parameter(request, "id");
		const attachment = attachments[id];
		if (attachment === undefined || !(caller.isAdmin || attachment.project_id === caller.projectId)) {
			throw notFound(`Volume attachment could not be found with filter: attachment_id = ${id}.`);
		}
		return { attachment: attachmentView(attachment) };
	});
}

function selfLinks(world: World, id: string) {
	return [{ rel: "self", href: `${world.url}/volume/v3/volumes/${id}` }];
}

function attachmentSummary({ id, status, instance, volume_id }: StoredAttachment) {
	return { id, status, instance, volume_id };
}

function attachmentView(attachment: StoredAttachment) {
	const { attached_at, detached_at, attach_mode, connection_info } = attachment;
	return { ...attachmentSummary(attachment), attached_at, detached_at, attach_mode, connection_info };
}

function volumeView(world: World, caller: Caller, volume: StoredVolume): unknown {
	const { project_id, user_id, reason: _, ...shown } = volume;
	const attached = Object.values(world.state.attachments).filter(
		(one) => one.volume_id === volume.id && one.status === "attached",
	);
	return {
		...shown,
		user_id,
		snapshot_id: null,
		source_volid: null,
		consistencygroup_id: null,
		replication_status: null,
		migration_status: null,
		updated_at: volume.created_at,
		attachments: attached.map((one) => ({
			id: volume.id,
			attachment_id: one.id,
			volume_id: volume.id,
			server_id: one.instance,
			host_name: caller.isAdmin ? one.host : null,
			device: one.mountpoint,
			attached_at: one.attached_at,
		})),
		links: selfLinks(world, volume.id),
		"os-vol-tenant-attr:tenant_id": project_id,
		...(caller.isAdmin && {
			"os-vol-host-attr:host": `${world.hosts[0]}@nfs#nfs`,
			"os-vol-mig-status-attr:migstat": null,
			"os-vol-mig-status-attr:name_id": null,
		}),
	};
}
