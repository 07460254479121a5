import { createReadStream } from "node:fs";
import { copyFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { linkOrCopy } from "./disk.ts";
import { glanceFault, notFound } from "./fault.ts";
import { pageOf } from "./page.ts";
import { type DiskFormat, imageInfo } from "./qemu.ts";
import { parameter, queryOf, shapeService, who } from "./service.ts";
import type { StoredImage } from "./state.ts";
import type { Caller } from "./token.ts";
import { mustBeMember } from "./token.ts";
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
		reply.type("application/octet-stream").header("content-length", String(image.size));
		return reply.send(createReadStream(image.file));
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
	const id = world.newId();
	const file = join(imageFolder(world), id);
	await mkdir(imageFolder(world), { recursive: true });
	await { link: linkOrCopy, move: rename, copy: copyFile }[fields.take ?? "link"](fields.file, file);
	const now = second(world.now());
	const image: StoredImage = {
		...fields.properties,
		id,
		name: fields.name,
		status: "active",
		visibility: fields.visibility ?? "private",
		disk_format: fields.format,
		container_format: "bare",
		size: (await stat(file)).size,
		virtual_size: (await imageInfo(file))["virtual-size"],
		// Reading the whole file for a digest nobody checks would only slow the demo down.
		checksum: null,
		os_hash_algo: null,
		os_hash_value: null,
		min_disk: 0,
		min_ram: 0,
		owner: fields.owner,
		created_at: now,
		updated_at: now,
		tags: [],
		protected: false,
		os_hidden: false,
		file,
	};
	world.state.images[id] = image;
	await world.save();
	return image;
}
