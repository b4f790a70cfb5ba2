/** Google's own Node clients, unmodified, against the control API: every compute collection, every standard verb. */
import compute from "@google-cloud/compute";
import { compute as restCompute } from "@googleapis/compute";
import { GoogleAuth, PassThroughClient } from "google-auth-library";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMesh, type Mesh } from "./harness/wayside.ts";
import { until } from "./harness/rest.ts";

const project = "clients";
const zone = "us-central1-a";

interface Collection {
  /** `HealthChecks` makes `HealthChecksClient` and, with a small first letter, the name in `@googleapis/compute`. */
  readonly client: string;
  /** Request field that names one resource; `${field}Resource` is the body. */
  readonly field: string;
  readonly zonal?: boolean;
  readonly resource: Record<string, unknown>;
  /** Absent: the collection has no PATCH. */
  readonly patch?: Record<string, unknown>;
  readonly aggregated?: boolean;
}

/** In the order of creation; deleted in reverse, since references protect what is in use. */
const collections: readonly Collection[] = [
  {
    client: "HealthChecks",
    field: "healthCheck",
    resource: { name: "check", type: "HTTP", httpHealthCheck: { port: 8080, requestPath: "/healthz" } },
    patch: { checkIntervalSec: 7 },
    aggregated: true,
  },
  {
    client: "InstanceTemplates",
    field: "instanceTemplate",
    resource: {
      name: "template",
      properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: "exec sleep 600" }] } },
    },
    aggregated: true,
  },
  {
    client: "InstanceGroupManagers",
    field: "instanceGroupManager",
    zonal: true,
    resource: {
      name: "managed",
      baseInstanceName: "managed",
      instanceTemplate: `projects/${project}/global/instanceTemplates/template`,
      targetSize: 1,
      namedPorts: [{ name: "http", port: 8080 }],
    },
    patch: { targetSize: 2 },
    aggregated: true,
  },
  {
    client: "Autoscalers",
    field: "autoscaler",
    zonal: true,
    resource: {
      name: "autoscaler",
      target: `projects/${project}/zones/${zone}/instanceGroupManagers/managed`,
      autoscalingPolicy: {
        minNumReplicas: 1,
        maxNumReplicas: 4,
        mode: "OFF",
        scalingSchedules: {
          office: { schedule: "0 8 * * Mon-Fri", timeZone: "Europe/Paris", durationSec: 36_000, minRequiredReplicas: 3 },
        },
      },
    },
    patch: { autoscalingPolicy: { maxNumReplicas: 5 } },
    aggregated: true,
  },
  {
    client: "InstanceGroups",
    field: "instanceGroup",
    zonal: true,
    resource: { name: "unmanaged", namedPorts: [{ name: "http", port: 8080 }] },
    aggregated: true,
  },
  {
    client: "NetworkEndpointGroups",
    field: "networkEndpointGroup",
    zonal: true,
    resource: { name: "neg", networkEndpointType: "NON_GCP_PRIVATE_IP_PORT", defaultPort: 8080 },
    aggregated: true,
  },
  {
    client: "BackendServices",
    field: "backendService",
    resource: {
      name: "service",
      protocol: "HTTP",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      healthChecks: [`projects/${project}/global/healthChecks/check`],
      backends: [
        {
          group: `https://www.googleapis.com/compute/v1/projects/${project}/zones/${zone}/instanceGroups/managed`,
          balancingMode: "UTILIZATION",
        },
      ],
    },
    patch: { timeoutSec: 12 },
    aggregated: true,
  },
  {
    client: "UrlMaps",
    field: "urlMap",
    resource: { name: "map", defaultService: `projects/${project}/global/backendServices/service` },
    patch: { description: "patched" },
    aggregated: true,
  },
  {
    client: "TargetHttpProxies",
    field: "targetHttpProxy",
    resource: { name: "proxy", urlMap: `projects/${project}/global/urlMaps/map` },
    patch: { proxyBind: true },
    aggregated: true,
  },
  {
    client: "GlobalForwardingRules",
    field: "forwardingRule",
    resource: {
      name: "rule",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      IPAddress: "0.0.0.0",
      portRange: "80",
      target: `projects/${project}/global/targetHttpProxies/proxy`,
    },
    patch: { description: "patched" },
  },
];

let mesh: Mesh;
beforeAll(async () => {
  mesh = await startMesh(["--project", project]);
});
afterAll(() => mesh.stop());

/** What the generated clients have in common. */
type Call = (request: Record<string, unknown>) => Promise<unknown>;
type Caller = Record<string, Call>;

function place(collection: Collection): Record<string, unknown> {
  return collection.zonal === true ? { project, zone } : { project };
}

/** The items of a list call of a generated client. */
async function listOf<T>(client: Caller, verb: string, request: Record<string, unknown>): Promise<T[]> {
  const answer = (await client[verb]?.(request)) as [T[]] | undefined;
  return answer?.[0] ?? [];
}

async function rejectionOf(call: Promise<unknown>): Promise<{ code: unknown; message: string }> {
  return call.then(
    () => ({ code: "none", message: "it succeeded" }),
    (failure: { code?: unknown; status?: unknown; message: string }) => ({
      code: Number(failure.code ?? failure.status),
      message: failure.message,
    }),
  );
}

describe("@google-cloud/compute", () => {
  const options = (): object => {
    const { hostname, port } = new URL(mesh.api);
    return { apiEndpoint: hostname, port: Number(port), protocol: "http", auth: new GoogleAuth({ authClient: new PassThroughClient() }) };
  };
  const clientOf = (name: string): Caller => {
    const classes = compute.v1 as unknown as Record<string, new (options: object) => Caller>;
    const Client = classes[`${name}Client`];
    if (Client === undefined) throw new Error(`no client ${name}`);
    return new Client(options());
  };
  const invoke = async (client: Caller, verb: string, request: Record<string, unknown>): Promise<Record<string, unknown>> => {
    const answer = (await client[verb]?.(request)) as unknown[];
    return answer[0] as Record<string, unknown>;
  };
  /** Waits for a mutation as Google's samples do. */
  const wait = async (collection: Collection, mutation: Record<string, unknown>): Promise<void> => {
    let operation = mutation["latestResponse"] as Record<string, unknown>;
    const operations = clientOf(collection.zonal === true ? "ZoneOperations" : "GlobalOperations");
    while (operation["status"] !== "DONE")
      operation = await invoke(operations, "wait", { ...place(collection), operation: operation["name"] });
    operation = await invoke(operations, "wait", { ...place(collection), operation: operation["name"] });
    expect(operation["status"]).toBe("DONE");
    expect(operation["error"] ?? null).toBeNull();
  };

  it.each(collections.map((collection) => [collection.client, collection] as const))(
    "creates, reads, lists and patches %s",
    async (_, collection) => {
      const client = clientOf(collection.client);
      const named = { ...place(collection), [collection.field]: collection.resource["name"] };
      const body = `${collection.field}Resource`;
      await wait(collection, await invoke(client, "insert", { ...place(collection), [body]: collection.resource }));
      const got = await invoke(client, "get", named);
      expect(got["name"]).toBe(collection.resource["name"]);
      expect(String(got["selfLink"])).toMatch(/^https:\/\/www\.googleapis\.com\/compute\/v1\/projects\/clients\//);
      const listed = (await (client["list"] as Call)(place(collection))) as [Record<string, unknown>[]];
      expect(listed[0].map((item) => item["name"])).toContain(collection.resource["name"]);
      if (collection.patch !== undefined) {
        await wait(collection, await invoke(client, "patch", { ...named, [body]: collection.patch }));
        expect(await invoke(client, "get", named)).toMatchObject(collection.patch);
      }
      if (collection.aggregated === true) {
        const scopes: string[] = [];
        const pages = client["aggregatedListAsync"] as unknown as (request: object) => AsyncIterable<[string, Record<string, unknown[]>]>;
        for await (const [scope, content] of pages.call(client, { project })) {
          if (Object.values(content).some((value) => Array.isArray(value) && value.length > 0)) scopes.push(scope);
        }
        expect(scopes).toContain(collection.zonal === true ? `zones/${zone}` : "global");
      }
      const twice = await rejectionOf(client["insert"]?.({ ...place(collection), [body]: collection.resource }) ?? Promise.resolve());
      expect(twice.code).toBe(409);
      const missing = await rejectionOf(client["get"]?.({ ...named, [collection.field]: "missing" }) ?? Promise.resolve());
      expect([missing.code, missing.message.includes("was not found")]).toEqual([404, true]);
    },
  );

  it("uses the verbs of groups", async () => {
    const managers = clientOf("InstanceGroupManagers");
    const manager = { project, zone, instanceGroupManager: "managed" };
    const managed = collections.find((collection) => collection.field === "instanceGroupManager") as Collection;
    await wait(managed, await invoke(managers, "resize", { ...manager, size: 1 }));
    const group = await invoke(managers, "get", manager);
    expect(group).toMatchObject({ targetSize: 1, baseInstanceName: "managed" });
    expect(group["status"]).toHaveProperty("isStable");
    const instances = await listOf<Record<string, unknown>>(managers, "listManagedInstances", manager);
    expect(instances.length).toBeGreaterThan(0);
    expect(String(instances[0]?.["instance"])).toContain(`/zones/${zone}/instances/managed-`);

    const groups = clientOf("InstanceGroups");
    const unmanaged = { project, zone, instanceGroup: "unmanaged" };
    const got = await invoke(groups, "get", unmanaged);
    const request = { fingerprint: got["fingerprint"], namedPorts: [{ name: "http", port: 9090 }] };
    await wait(managed, await invoke(groups, "setNamedPorts", { ...unmanaged, instanceGroupsSetNamedPortsRequestResource: request }));
    const stale = await rejectionOf(
      groups["setNamedPorts"]?.({
        ...unmanaged,
        instanceGroupsSetNamedPortsRequestResource: { ...request, fingerprint: "AAAAAAAAAAA=" },
      }) ?? Promise.resolve(),
    );
    expect(stale.code).toBe(412);

    const negs = clientOf("NetworkEndpointGroups");
    const neg = { project, zone, networkEndpointGroup: "neg" };
    const endpoints = { networkEndpoints: [{ ipAddress: "127.20.0.1", port: 8080 }] };
    await wait(
      managed,
      await invoke(negs, "attachNetworkEndpoints", { ...neg, networkEndpointGroupsAttachEndpointsRequestResource: endpoints }),
    );
    const attached = await listOf<{ networkEndpoint: Record<string, unknown> }>(negs, "listNetworkEndpoints", neg);
    expect(attached.map((one) => one.networkEndpoint["ipAddress"])).toEqual(["127.20.0.1"]);
    await wait(
      managed,
      await invoke(negs, "detachNetworkEndpoints", { ...neg, networkEndpointGroupsDetachEndpointsRequestResource: endpoints }),
    );
    expect(await listOf(negs, "listNetworkEndpoints", neg)).toEqual([]);
  });

  it("uses the verbs of a manager about single instances", async () => {
    const managers = clientOf("InstanceGroupManagers");
    const manager = { project, zone, instanceGroupManager: "managed" };
    const managed = collections.find((collection) => collection.field === "instanceGroupManager") as Collection;
    const act = async (verb: string, field: string, request: unknown): Promise<void> =>
      wait(managed, await invoke(managers, verb, { ...manager, [`instanceGroupManagers${field}RequestResource`]: request }));
    await act("createInstances", "CreateInstances", { instances: [{ name: "managed-named" }] });
    const instances = [`zones/${zone}/instances/managed-named`];
    await until("the named instance", 20_000, async () => {
      const all = await listOf<Record<string, unknown>>(managers, "listManagedInstances", manager);
      return all.some((one) => one["name"] === "managed-named" && one["currentAction"] === "NONE");
    });
    await act("applyUpdatesToInstances", "ApplyUpdates", { instances, minimalAction: "NONE", mostDisruptiveAllowedAction: "RESTART" });
    await act("recreateInstances", "RecreateInstances", { instances });
    await act("deleteInstances", "DeleteInstances", { instances });
    expect(await invoke(managers, "get", manager)).toMatchObject({ targetSize: 1 });
    expect(Array.isArray(await listOf(managers, "listErrors", manager))).toBe(true);
  });

  it("keeps what single instances are to have", async () => {
    const managers = clientOf("InstanceGroupManagers");
    const manager = { project, zone, instanceGroupManager: "managed" };
    const managed = collections.find((collection) => collection.field === "instanceGroupManager") as Collection;
    const act = async (verb: string, request: unknown): Promise<void> => {
      const body = `instanceGroupManagers${verb.charAt(0).toUpperCase()}${verb.slice(1)}ReqResource`;
      return wait(managed, await invoke(managers, verb, { ...manager, [body]: request }));
    };
    const configs = () => listOf<Record<string, unknown>>(managers, "listPerInstanceConfigs", manager);
    const [{ name } = {}] = await until("an instance", 20_000, async () => {
      const all = await listOf<Record<string, unknown>>(managers, "listManagedInstances", manager);
      return all.length === 1 && all[0]?.["currentAction"] === "NONE" && all;
    });
    const disks = { data: { autoDelete: "NEVER", mode: "READ_WRITE", source: `zones/${zone}/disks/data` } };
    await act("updatePerInstanceConfigs", { perInstanceConfigs: [{ name, preservedState: { metadata: { color: "blue" }, disks } }] });
    const [config] = await configs();
    expect(config).toMatchObject({ name, status: "UNAPPLIED", preservedState: { metadata: { color: "blue" }, disks } });
    const patch = { name, fingerprint: config?.["fingerprint"], preservedState: { metadata: { color: "green" } } };
    await act("patchPerInstanceConfigs", { perInstanceConfigs: [patch] });
    const request = { instanceGroupManagersPatchPerInstanceConfigsReqResource: { perInstanceConfigs: [patch] } };
    const stale = await rejectionOf(managers["patchPerInstanceConfigs"]?.({ ...manager, ...request }) ?? Promise.resolve());
    expect([stale.code, stale.message.includes("conditionNotMet")]).toEqual([412, true]);
    expect(await invoke(managers, "get", manager)).toMatchObject({
      status: { stateful: { hasStatefulConfig: true, perInstanceConfigs: { allEffective: false } } },
    });
    await act("deletePerInstanceConfigs", { names: [name] });
    expect(await configs()).toEqual([]);
  });

  it("validates a URL map, asks for health, reads zones and regions", async () => {
    const maps = clientOf("UrlMaps");
    const resource = {
      name: "tested",
      defaultService: `projects/${project}/global/backendServices/service`,
      tests: [{ host: "a.test", path: "/", service: `projects/${project}/global/backendServices/other` }],
    };
    const { result } = (await invoke(maps, "validate", { project, urlMap: "map", urlMapsValidateRequestResource: { resource } })) as {
      result: Record<string, unknown>;
    };
    expect(result).toMatchObject({ loadSucceeded: true, testPassed: false });
    const services = clientOf("BackendServices");
    const group = `projects/${project}/zones/${zone}/instanceGroups/managed`;
    const health = await invoke(services, "getHealth", { project, backendService: "service", resourceGroupReferenceResource: { group } });
    expect(health).toHaveProperty("healthStatus");
    expect(await invoke(clientOf("Zones"), "get", { project, zone })).toMatchObject({ name: zone, status: "UP" });
    const regions = await listOf<{ name: string }>(clientOf("Regions"), "list", { project });
    expect(regions.map((region) => region.name)).toContain("us-central1");
  });

  it("refuses to delete what is in use, and deletes in the reverse order", async () => {
    const checks = clientOf("HealthChecks");
    const inUse = await rejectionOf(checks["delete"]?.({ project, healthCheck: "check" }) ?? Promise.resolve());
    expect([inUse.code, inUse.message.includes("resourceInUseByAnotherResource")]).toEqual([400, true]);
    for (const collection of collections.toReversed()) {
      const client = clientOf(collection.client);
      const named = { ...place(collection), [collection.field]: collection.resource["name"] };
      await wait(collection, await invoke(client, "delete", named));
      expect((await rejectionOf(client["get"]?.(named) ?? Promise.resolve())).code).toBe(404);
    }
  });
});

describe("@googleapis/compute", () => {
  const resourceOf = (collection: Collection): Caller => {
    const name = collection.client.charAt(0).toLowerCase() + collection.client.slice(1);
    const api = restCompute({ version: "v1", rootUrl: mesh.api }) as unknown as Record<string, Caller>;
    const found = api[name];
    if (found === undefined) throw new Error(`no resource ${name}`);
    return found;
  };
  const data = async (call: Promise<unknown> | undefined): Promise<Record<string, unknown>> =>
    ((await call) as { data: Record<string, unknown> }).data;
  const wait = async (collection: Collection, call: Promise<unknown> | undefined): Promise<void> => {
    const operation = await data(call);
    const api = restCompute({ version: "v1", rootUrl: mesh.api }) as unknown as Record<string, Caller>;
    const operations = api[collection.zonal === true ? "zoneOperations" : "globalOperations"];
    const waited = await data(operations?.["wait"]?.({ ...place(collection), operation: operation["name"] }));
    expect([waited["status"], waited["error"]]).toEqual(["DONE", undefined]);
  };

  it.each(collections.map((collection) => [collection.client, collection] as const))(
    "creates, reads, lists and patches %s",
    async (_, collection) => {
      const resource = resourceOf(collection);
      const named = { ...place(collection), [collection.field]: collection.resource["name"] };
      await wait(collection, resource["insert"]?.({ ...place(collection), requestBody: collection.resource }));
      expect(await data(resource["get"]?.(named))).toMatchObject({ name: collection.resource["name"] });
      const { items } = await data(resource["list"]?.(place(collection)));
      expect((items as { name: string }[]).map((item) => item.name)).toContain(collection.resource["name"]);
      if (collection.patch !== undefined) {
        await wait(collection, resource["patch"]?.({ ...named, requestBody: collection.patch }));
        expect(await data(resource["get"]?.(named))).toMatchObject(collection.patch);
      }
    },
  );

  it("deletes in the reverse order", async () => {
    for (const collection of collections.toReversed()) {
      const resource = resourceOf(collection);
      const named = { ...place(collection), [collection.field]: collection.resource["name"] };
      await wait(collection, resource["delete"]?.(named));
      expect((await rejectionOf(resource["get"]?.(named) ?? Promise.resolve())).code).toBe(404);
    }
  });
});
