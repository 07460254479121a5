import { refuse } from "../api/errors.ts";
import type { Platform } from "../platform.ts";
import type { RuleEntity, RuleStatus, TriggerEntity, TriggerRule } from "../state/entity.ts";
import { findAny } from "../state/find.ts";

/** Several rules of one trigger may change at the same time; each write is tried anew this often. */
const maxAttempts = 10;

const ruleName = (rule: RuleEntity) => `${rule.namespace}/${rule.name}`;

function triggerOf(platform: Platform, rule: RuleEntity): Promise<TriggerEntity | undefined> {
	return findAny(platform, "trigger", { namespace: rule.trigger.path, name: rule.trigger.name });
}

/** The state of a rule lives in its trigger; a rule whose trigger does not know it is inactive. */
export async function ruleStatus(platform: Platform, rule: RuleEntity): Promise<RuleStatus> {
	const trigger = await triggerOf(platform, rule);
	return trigger?.rules.find((entry) => entry.rule === ruleName(rule))?.status ?? "inactive";
}

/** Writes the rule into its trigger; false when the trigger is gone. Safe to repeat. */
export function attachRule(platform: Platform, rule: RuleEntity, status: RuleStatus): Promise<boolean> {
	const entry: TriggerRule = { rule: ruleName(rule), action: rule.action, status };
	return changeRules(platform, rule, (others) => [...others, entry]);
}

/** Takes the rule out of its trigger; false when the trigger is gone. Safe to repeat. */
export function detachRule(platform: Platform, rule: RuleEntity): Promise<boolean> {
	return changeRules(platform, rule, (others) => others);
}

async function changeRules(
	platform: Platform,
	rule: RuleEntity,
	change: (others: TriggerRule[]) => TriggerRule[],
): Promise<boolean> {
	for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
		const trigger = await triggerOf(platform, rule);
		if (trigger === undefined) return false;
		const others = trigger.rules.filter((entry) => entry.rule !== ruleName(rule));
		const changed = { ...trigger, rules: change(others), rev: platform.newId() };
		if (await platform.repository.replaceEntity(changed, trigger.rev)) return true;
	}
	throw refuse("conflict");
}
