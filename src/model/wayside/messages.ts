import type { Messages } from "../messages.ts";

/** Messages of Wayside's own resources. */
export const waysideMessages: Messages = {
  MeshSettings: { kind: "string", name: "string", tracing: "MeshSettings.Tracing" },
  "MeshSettings.Tracing": { samplingRatio: "double" },
};
