import type { InstanceConfig, TemplateSpec, UpdateAction } from "../group/spec.ts";
import type { Draft, GroupState, Instance } from "../group/state.ts";
import { neededAction } from "./actions.ts";

/** Per-instance configs: what single instances have beyond their template, and keep. */

/** The config that is wanted for the instance of a name; the one that it has is `Instance.config`. */
function wantedConfig({ spec }: Pick<GroupState, "spec">, name: string): InstanceConfig | undefined {
  const configs = spec.managed?.configs;
  return configs && Object.hasOwn(configs, name) ? configs[name] : undefined;
}

/** Whether an instance has something to keep: it is made again under its name where another would be substituted. */
export function isStateful(state: Pick<GroupState, "spec">, instance: Instance): boolean {
  return state.spec.managed?.stateful === true || instance.config !== undefined || wantedConfig(state, instance.name) !== undefined;
}

/** An instance with the config that is wanted for it now, as it is made or has taken it on. */
export function configured(draft: Draft, instance: Instance): Instance {
  const { config: _former, ...rest } = instance;
  const config = wantedConfig(draft, instance.name);
  return { ...rest, ...(config && { config }) };
}

/** Google: what a config says of metadata stands before what templates and `allInstancesConfig` say. */
export function withConfig(template: TemplateSpec, config: InstanceConfig | undefined): TemplateSpec {
  return config ? { ...template, metadata: { ...template.metadata, ...config.metadata } } : template;
}

/** Whether it has another config than is wanted, and would go on with it: what is about to be made again takes the wanted one on by itself. */
export function isConfigPending(draft: Draft, { name, config, phase }: Instance): boolean {
  const isTakenOn = phase.is === "draining" || phase.is === "replacing" || (phase.is === "creating" && !phase.started);
  return !isTakenOn && config?.revision !== wantedConfig(draft, name)?.revision;
}

/** How far an instance must be disturbed to come to a template with the wanted config. */
export function actionToConfigure(draft: Draft, instance: Instance, to: TemplateSpec): UpdateAction {
  const from = draft.templates.get(instance.templateRevision ?? 0);
  const needed = neededAction(from && withConfig(from, instance.config), withConfig(to, wantedConfig(draft, instance.name)));
  return needed === "NONE" && isConfigPending(draft, instance) ? "REFRESH" : needed;
}
