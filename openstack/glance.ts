import { pages, segment } from "./answer.ts";
import { OpenStackError } from "./error.ts";
import type { CallOptions, Session } from "./session.ts";

const service = "image";

/** Glance keeps an image's properties (`hw_qemu_guest_agent`, `os_require_quiesce`, …) beside its own fields. */
export type Image = {
	id: string;
	name: string | null;
	/** queued, saving, active, … */
	status: string;
	visibility: "public" | "private" | "shared" | "community";
	disk_format: string | null;
	container_format: string | null;
	/** Bytes of the file. */
	size: number | null;
	/** Bytes of the disk inside. */
	virtual_size: number | null;
	checksum: string | null;
	os_hash_algo: string | null;
	os_hash_value: string | null;
	/** GiB */
	min_disk: number;
	/** MiB */
	min_ram: number;
	owner: string;
	created_at: string;
	updated_at: string;
	tags: string[];
	[property: string]: unknown;
};

export function listImages(
	session: Session,
	filter: { name?: string; owner?: string; visibility?: string; status?: string; limit?: number } = {},
	options?: CallOptions,
): AsyncIterable<Image> {
	return pages(session, service, "/images", "images", { ...options, query: filter });
}

export async function getImage(session: Session, id: string, options?: CallOptions): Promise<Image> {
	const answer = await session.request(service, "GET", `/images/${segment(id)}`, options);
	const image = answer.body as Image | undefined;
	if (typeof image?.id === "string") return image;
	const message = "The image service answered something that is not an image; check its endpoint.";
	throw new OpenStackError({
		service,
		status: answer.status,
		kind: "bad-answer",
		message,
		requestId: answer.requestId,
	});
}
