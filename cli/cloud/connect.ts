import { readFileSync } from "node:fs";
import tls from "node:tls";
import type { Auth, DomainRef, ProjectRef, UserRef } from "#openstack/auth.ts";
import type { EndpointInterface } from "#openstack/catalog.ts";
import { createSession } from "#openstack/session.ts";
import { type Client, createClient } from "../client.ts";
import { usage } from "../failure.ts";
import type { Settings } from "./settings.ts";

/** A function answers within 25 s; one call may be tried again within the whole. */
const attemptTimeoutMs = 30_000;
const timeoutMs = 60_000;

/** The API for the identity that `settings` describe. Nothing is sent yet. Throws a sentence for what is missing. */
export const connect = (settings: Settings): Client => {
	const { auth_url: authUrl, region_name: region, interface: side, cacert } = settings;
	if (authUrl === undefined) throw usage("Keystone's address is missing: set OS_AUTH_URL or --os-auth-url.");
	if (!/^https?:\/\//.test(authUrl))
		throw usage(`Keystone's address must begin with http:// or https://, not ${authUrl}.`);
	if (cacert !== undefined) trust(cacert);
	const overrides = {
		workloads: settings.workloads_endpoint_override,
		datamover: settings.datamover_endpoint_override,
	};
	for (const [service, url] of Object.entries(overrides)) {
		if (url !== undefined && !/^https?:\/\//.test(url)) {
			throw usage(`The address of the ${service} service must begin with http:// or https://, not ${url}.`);
		}
	}
	const endpointOverrides = Object.fromEntries(
		Object.entries(overrides).filter((pair): pair is [string, string] => pair[1] !== undefined),
	);
	const session = createSession({
		...{ authUrl, auth: authOf(settings), region, interface: interfaceOf(side) },
		...{ endpointOverrides, timeoutMs, attemptTimeoutMs },
	});
	return createClient(session, overrides);
};

/** For every connection of this process, which talks to nobody but this cloud. */
const trust = (path: string): void => {
	try {
		tls.setDefaultCACertificates([...tls.getCACertificates("default"), readFileSync(path, "utf8")]);
	} catch (error) {
		throw usage(`The CA certificates in ${path} cannot be read: ${(error as Error).message}`);
	}
};

const interfaceOf = (name: string | undefined): EndpointInterface | undefined => {
	const plain = name?.replace(/URL$/, "");
	if (plain === undefined || plain === "public" || plain === "internal" || plain === "admin") return plain;
	throw usage(`The interface must be public, internal or admin, not ${name}.`);
};

const authOf = (settings: Settings): Auth => {
	const type = settings.auth_type?.replace(/^v3/, "") ?? guessType(settings);
	switch (type) {
		case "password":
			return { method: "password", user: userOf(settings), password: need(settings, "password"), ...scopeOf(settings) };
		case "token":
			return { method: "token", token: need(settings, "token"), ...scopeOf(settings) };
		case "applicationcredential": {
			const secret = need(settings, "application_credential_secret");
			const { application_credential_id: id } = settings;
			if (id !== undefined) return { method: "application_credential", id, secret };
			const name = need(settings, "application_credential_name");
			return { method: "application_credential", name, user: userOf(settings), secret };
		}
		default:
			throw usage(`The auth type ${settings.auth_type} is not known; use password, token or v3applicationcredential.`);
	}
};

const guessType = (settings: Settings): string => {
	if (settings.application_credential_secret !== undefined) return "applicationcredential";
	return settings.token !== undefined && settings.password === undefined ? "token" : "password";
};

const userOf = (settings: Settings): UserRef =>
	settings.user_id !== undefined
		? { id: settings.user_id }
		: { name: need(settings, "username"), domain: domainOf(settings.user_domain_id, settings.user_domain_name) };

const scopeOf = (settings: Settings): { project?: ProjectRef } => {
	const { project_id: id, project_name: name, project_domain_id, project_domain_name } = settings;
	if (id !== undefined) return { project: { id } };
	if (name !== undefined) return { project: { name, domain: domainOf(project_domain_id, project_domain_name) } };
	// A token knows its own project.
	if (settings.token !== undefined) return {};
	throw usage("A project is missing: set OS_PROJECT_NAME or OS_PROJECT_ID.");
};

const domainOf = (id: string | undefined, name: string | undefined): DomainRef => {
	if (id !== undefined) return { id };
	return name === undefined ? { id: "default" } : { name };
};

const need = (settings: Settings, name: keyof Settings): string => {
	const value = settings[name];
	if (value !== undefined) return value;
	throw usage(`${name.replaceAll("_", " ")} is missing: set OS_${name.toUpperCase()}, or ${name} in clouds.yaml.`);
};
