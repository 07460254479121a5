import { deleteOne, getOne, pages, segment, under } from "./answer.ts";
import type { CallOptions, Session } from "./session.ts";

const service = "block-storage";

/** Queens: attachments with their connection (3.27), whose listing can be filtered by server and volume. */
export const cinderMicroversion = "3.50";

export type Volume = {
	id: string;
	name: string | null;
	description: string | null;
	/** creating, available, in-use, error, deleting, … */
	status: string;
	/** GiB */
	size: number;
	volume_type: string | null;
	/** "true" or "false", as text. */
	bootable: string;
	encrypted: boolean;
	multiattach: boolean;
	availability_zone: string;
	metadata: Record<string, string>;
	volume_image_metadata?: Record<string, string>;
	attachments: {
		server_id: string;
		volume_id: string;
		attachment_id: string;
		device: string;
		host_name?: string | null;
	}[];
	created_at: string;
	/** Shown to administrators only, like the one that follows. */
	"os-vol-host-attr:host"?: string;
	"os-vol-tenant-attr:tenant_id"?: string;
};

export type NewVolume = {
	/** GiB */
	size: number;
	name?: string;
	description?: string;
	volume_type?: string;
	availability_zone?: string;
	imageRef?: string;
	snapshot_id?: string;
	source_volid?: string;
	metadata?: Record<string, string>;
};

export type VolumeType = { id: string; name: string; is_public?: boolean; extra_specs?: Record<string, string> };

export type AttachmentSummary = { id: string; status: string; instance: string | null; volume_id: string };

/** How a host reaches a volume; what is in it depends on the driver. */
export type ConnectionInfo = {
	driver_volume_type?: string;
	/** NFS driver: the export (`host:/path`) that the volume's file is in. */
	export?: string;
	/** NFS driver: the file's name inside the export. */
	name?: string;
	/** NFS driver: `raw` or `qcow2`. */
	format?: string;
	options?: string | null;
	mount_point_base?: string;
	access_mode?: string;
	encrypted?: boolean;
	[field: string]: unknown;
};

export type Attachment = AttachmentSummary & {
	attach_mode: string;
	attached_at: string;
	detached_at: string;
	connection_info: ConnectionInfo;
};

const versioned = (options: CallOptions | undefined) => ({ ...options, microversion: cinderMicroversion });

/** Volumes in full, newest first. */
export function listVolumes(
	session: Session,
	filter: { all_tenants?: boolean; project_id?: string; name?: string; status?: string; limit?: number } = {},
	options?: CallOptions,
): AsyncIterable<Volume> {
	const query = { ...filter, all_tenants: filter.all_tenants ? 1 : undefined };
	return pages(session, service, "/volumes/detail", "volumes", { ...versioned(options), query });
}

export async function getVolume(session: Session, id: string, options?: CallOptions): Promise<Volume> {
	return getOne(session, service, `/volumes/${segment(id)}`, "volume", versioned(options));
}

/** Answers while the volume is still `creating`; wait for `available`. Called twice, it makes two volumes. */
export async function createVolume(session: Session, volume: NewVolume, options?: CallOptions): Promise<Volume> {
	const answer = await session.request(service, "POST", "/volumes", { ...versioned(options), body: { volume } });
	return under(service, answer, "volume");
}

/** Throws `bad-request` while the volume is attached. */
export async function deleteVolume(session: Session, id: string, options?: CallOptions): Promise<"accepted" | "gone"> {
	return deleteOne(session, service, `/volumes/${segment(id)}`, versioned(options));
}

export function listAttachments(
	session: Session,
	filter: { instance_id?: string; volume_id?: string; all_tenants?: boolean; limit?: number } = {},
	options?: CallOptions,
): AsyncIterable<AttachmentSummary> {
	const query = { ...filter, all_tenants: filter.all_tenants ? 1 : undefined };
	return pages(session, service, "/attachments", "attachments", { ...versioned(options), query });
}

/** With `connection_info`, which Cinder keeps for the project's own members and administrators. */
export async function getAttachment(session: Session, id: string, options?: CallOptions): Promise<Attachment> {
	return getOne(session, service, `/attachments/${segment(id)}`, "attachment", versioned(options));
}

export function listVolumeTypes(session: Session, options?: CallOptions): AsyncIterable<VolumeType> {
	return pages(session, service, "/types", "volume_types", versioned(options));
}
