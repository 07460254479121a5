import { pages, segment, under } from "#openstack/answer.ts";
import { collect } from "#openstack/collect.ts";
import type { Query, Session } from "#openstack/session.ts";

/** The workloads API as the commands use it. Calls have a deadline; reads are tried again, changes only if never sent. */
export type Client = {
	/** For Nova, Neutron and the datamover service. */
	session: Session;
	/** All pages together, at most `limit` rows. `key` is also the name of the list in the answer. */
	list<T>(path: string, key: string, options?: { query?: Query; limit?: number | undefined }): Promise<T[]>;
	get<T>(path: string, key: string): Promise<T>;
	post<T>(path: string, key: string, body: unknown, query?: Query): Promise<T>;
	/** All rows of the datamover service. */
	listOfDatamover<T>(path: string, key: string): Promise<T[]>;
	/** For calls that answer nothing. */
	call(method: "GET" | "POST" | "DELETE", path: string): Promise<void>;
};

const service = "workloads";

/** The API's largest page. */
const largestPage = 500;

/** Addresses that stand in for the catalog's: `http://host:8780`, or with version (and project) already in them. */
export type Overrides = { workloads?: string | undefined; datamover?: string | undefined };

/** The session must have been made with the same overrides. */
export const createClient = (session: Session, overrides: Overrides): Client => {
	const bare = (override: string | undefined): boolean => override !== undefined && !/\/v\d+(\/|$)/.test(override);
	const prefix = async (): Promise<string> => {
		if (!bare(overrides.workloads)) return "";
		const { project } = await session.token();
		return `/v1/${segment(project?.id ?? "")}`;
	};
	return {
		session,
		list: async <T>(path: string, key: string, options: { query?: Query; limit?: number | undefined } = {}) => {
			const { limit = Number.POSITIVE_INFINITY } = options;
			const query = { ...options.query, ...(limit <= largestPage && { limit }) };
			const rows: T[] = [];
			for await (const row of pages<T>(session, service, `${await prefix()}${path}`, key, { query })) {
				if (rows.length >= limit) break;
				rows.push(row);
			}
			return rows;
		},
		get: async <T>(path: string, key: string) =>
			under<T>(service, await session.request(service, "GET", `${await prefix()}${path}`), key),
		post: async <T>(path: string, key: string, body: unknown, query?: Query) =>
			under<T>(service, await session.request(service, "POST", `${await prefix()}${path}`, { body, query }), key),
		listOfDatamover: (path, key) =>
			collect(pages(session, "datamover", `${bare(overrides.datamover) ? "/v2" : ""}${path}`, key)),
		call: async (method, path) => {
			await session.request(service, method, `${await prefix()}${path}`);
		},
	};
};
