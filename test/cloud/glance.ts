import { createReadStream } from "node:fs";
import { copyFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { linkOrCopy } from "./disk.ts";
import { badRequest, conflict, Fault, forbidden, glanceFault, notFound } from "./fault.ts";
import { pageOf } from "./page.ts";
import { type DiskFormat, imageInfo } from "./qemu.ts";
import { parameter, queryOf, shapeService, who } from "./service.ts";
import type { StoredImage } from "./state.ts";
import type { Caller } from "./token.ts";
import { mustBeMember } from "./token.ts";
import { receiveFile } from "./upload.ts";
import { imageFolder, second, type World } from "./world.ts";

const largestPage = 1_000;

/** Glance v2 under `/image`. */
export function glance(app: FastifyInstance, world: World): void {
	shapeService(app, world, { fault: glanceFault });
	const { images } = world.state;

	app.get("/", async (_request, reply) => reply.code(300).send({ versions: versions(world) }));
	app.get("/versions", async () => ({ versions: versions(world) }));

	app.get("/v2/images", async (request) => {
		const caller = who(world, request);
		const query = queryOf(request);
		const filters = [...query].filter(([name]) => !["limit", "marker", "sort", "sort_key", "sort_dir"].includes(name));
		const found = Object.values(images)
			.filter((image) => mayRead(caller, image))
			.filter((image) => filters.every(([name, value]) => String(image[name]) === value))
			.sort((a, b) => b.created_at.localeCompare(a.created_at) || b.id.localeCompare(a.id));
		const { items, next } = pageOf(found, query, largestPage);
		return {
			images: items.map(view),
			first: "/v2/images",
			schema: "/v2/schemas/images",
			...(next !== undefined && { next: `/v2/images?${next}` }),
		};
	});
	app.get("/v2/images/:id", async (request) => view(readable(world, request)));
	app.get("/v2/images/:id/file", async (request, reply) => {
		const image = readable(world, request);
		if (image.status !== "active") return reply.code(204).send();
		reply.type("application/octet-stream").header("content-length", String(image.size));
		return reply.send(createReadStream(image.file));
	});
	app.post("/v2/images", async (request, reply) => {
		const caller = who(world, request);
		mustBeMember(caller, "add_image");
		const image = queueImage(world, caller, (request.body ?? {}) as Record<string, unknown>);
		await world.save();
		return reply.code(201).header("location", `${world.url}/image/v2/images/${image.id}`).send(view(image));
	});
	// An upload is a stream that the handler writes away itself; nothing holds an image in memory.
	app.addContentTypeParser("application/octet-stream", (_request, payload, done) => done(null, payload));
	app.put("/v2/images/:id/file", { bodyLimit: Number.MAX_SAFE_INTEGER }, async (request, reply) => {
		const image = readable(world, request);
		mustBeMember(who(world, request), "upload_image");
		if (!(request.body instanceof Readable)) throw new Fault(415, "Unsupported Media Type");
		if (image.status !== "queued") {
			throw conflict(`Image status transition from ${image.status} to saving is not allowed`);
		}
		image.status = "saving";
		try {
			await receiveFile(image.file, request.body);
		} catch (error) {
			image.status = "queued";
			throw error;
		}
		await activate(world, image);
		return reply.code(204).send();
	});
	app.delete("/v2/images/:id", async (request, reply) => {
		const image = readable(world, request);
		mustBeMember(who(world, request), "delete_image");
		delete images[image.id];
		await world.save();
		await rm(image.file, { force: true });
		return reply.code(204).send();
	});
}

function versions(world: World): unknown[] {
	const links = [{ rel: "self", href: `${world.url}/image/v2/` }];
	return [{ id: "v2.15", status: "CURRENT", links }];
}

function readable(world: World, request: FastifyRequest): StoredImage {
	const caller = who(world, request);
	const id = parameter(request, "id");
	const image = world.state.images[id];
	if (image === undefined || !mayRead(caller, image)) throw notFound(`No image found with ID ${id}`);
	return image;
}

function mayRead(caller: Caller, image: StoredImage): boolean {
	return (
		caller.isAdmin ||
		image.owner === caller.projectId ||
		image.visibility === "public" ||
		image.visibility === "community"
	);
}

function view({ file: _, ...image }: StoredImage): unknown {
	const self = `/v2/images/${image.id}`;
	return { ...image, self, file: `${self}/file`, schema: "/v2/schemas/image" };
}

export type NewImage = {
	name: string;
	owner: string;
	/** A file that holds the image already. */
	file: string;
	format: DiskFormat;
	/** How the cloud gets the file: a second name of it, the file itself, or its own copy. Default `link`. */
	take?: "link" | "move" | "copy";
	visibility?: "public" | "private";
	/** `hw_qemu_guest_agent` and the like. */
	properties?: Record<string, string>;
};

/** Makes an active image of a file that exists, without an upload. */
export async function addImage(world: World, fields: NewImage): Promise<StoredImage> {
	const { owner, name, format, visibility = "private", properties, take = "link" } = fields;
	const image = newImage(world, {
		...properties,
		owner,
		name,
		disk_format: format,
		container_format: "bare",
		visibility,
	});
	await mkdir(imageFolder(world), { recursive: true });
	await { link: linkOrCopy, move: rename, copy: copyFile }[take](fields.file, image.file);
	world.state.images[image.id] = image;
	await activate(world, image);
	return image;
}

/** Glance's own checks of a new image. Throws 400, and 409 for an id that is taken. */
function queueImage(world: World, caller: Caller, body: Record<string, unknown>): StoredImage {
	for (const field of ["status", "size", "file", "checksum", "created_at", "virtual_size", "schema", "self"]) {
		if (field in body) throw new Fault(403, `Attribute '${field}' is read-only.`);
	}
	if (body.disk_format !== undefined && !/^(raw|qcow2)$/.test(String(body.disk_format))) {
		throw badRequest(`Invalid disk format '${body.disk_format}' for image.`);
	}
	if (typeof body.id === "string" && world.state.images[body.id]) {
		throw conflict(`Image ID ${body.id} already exists!`);
	}
	if (body.visibility === "public" && !caller.isAdmin) throw forbidden("publicize_image");
	const image = newImage(world, { visibility: "shared", ...body, owner: caller.projectId });
	world.state.images[image.id] = image;
	return image;
}

function newImage(world: World, fields: Record<string, unknown> & { owner: string }): StoredImage {
	const id = typeof fields.id === "string" ? fields.id : world.newId();
	const now = second(world.now());
	const own = { id, status: "queued", created_at: now, updated_at: now, file: join(imageFolder(world), id) };
	return {
		name: null,
		visibility: "shared",
		disk_format: null,
		container_format: null,
		size: null,
		virtual_size: null,
		// Reading the whole file for a digest nobody checks would only slow the demo down.
		checksum: null,
		os_hash_algo: null,
		os_hash_value: null,
		min_disk: 0,
		min_ram: 0,
		tags: [],
		protected: false,
		os_hidden: false,
		...fields,
		...own,
	};
}

async function activate(world: World, image: StoredImage): Promise<void> {
	image.size = (await stat(image.file)).size;
	image.virtual_size = (await imageInfo(image.file, image.disk_format as DiskFormat))["virtual-size"];
	image.status = "active";
	image.updated_at = second(world.now());
	await world.save();
}
