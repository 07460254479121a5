import { setTimeout as sleep } from "node:timers/promises";
import type { Target, TargetCapabilities } from "../target.ts";
import { fileTarget } from "./file.ts";
import { meteredTarget, type TargetFigures } from "./metered.ts";
import { retryingTarget } from "./retrying.ts";
import { type S3TargetOptions, s3Target } from "./s3.ts";
import { type Rate, throttledTarget } from "./throttled.ts";

/** Where a vault lies. */
export type TargetPlace =
	| { type: "file"; path: string; create?: boolean }
	| ({ type: "s3" } & Omit<S3TargetOptions, "capabilities">);

export type OpenTargetOptions = {
	/** What a probe found out. */
	capabilities?: Partial<TargetCapabilities>;
	rates?: readonly Rate[];
};

/** A target as it is used in production: throttled, repeated where that may help, and counted. */
export type OpenedTarget = Target & { readonly figures: TargetFigures; close(): void };

const nowMs = () => performance.now();
const minuteOfDay = () => {
	const now = new Date();
	return now.getHours() * 60 + now.getMinutes();
};

/** Puts the wrappers around a target in the one order that is right: a repeated call is paced and counted each time. */
export function openTarget(
	place: TargetPlace,
	{ capabilities = {}, rates = [] }: OpenTargetOptions = {},
): OpenedTarget {
	const { inner, close } = bare(place, capabilities);
	const wait = (ms: number) => sleep(ms);
	const metered = meteredTarget(inner, nowMs);
	const paced = rates.length === 0 ? metered : throttledTarget(metered, { rates, nowMs, minuteOfDay, sleep: wait });
	const target = retryingTarget(paced, { nowMs, random: Math.random, sleep: wait });
	return { ...target, figures: metered.figures, close };
}

function bare(place: TargetPlace, capabilities: Partial<TargetCapabilities>): { inner: Target; close: () => void } {
	if (place.type === "file") {
		return { inner: fileTarget(place.path, { create: place.create ?? false }), close: () => {} };
	}
	const { type: _, ...options } = place;
	const inner = s3Target({ ...options, capabilities });
	return { inner, close: inner.close };
}
