/** Every command with its options. A command's module exports `run(positionals…, options)` and is imported only when it is called. */
import { Command, type CommanderError, InvalidArgumentError, Option } from "commander";
import type { ListenAt } from "./commands/agent/join.ts";
import { exitCodes } from "./exit.ts";

/** The whole command line. Wrong usage ends the process with status 2. */
export function program(): Command {
  const root = new Command("wayside")
    .description("A service mesh for virtual machines: Traffic Director for your VMs, on edge Workers.")
    .version("0.1.0")
    .showHelpAfterError("wayside --help, or wayside COMMAND --help, tells what there is.")
    .exitOverride((failure: CommanderError) => process.exit(failure.exitCode === 0 ? exitCodes.fine : exitCodes.usage));
  addDev(root);
  addFileCommands(root);
  addResourceCommands(root);
  addMeshCommands(root);
  addGroupCommands(root);
  addVmCommands(root);
  addAgentCommands(root);
  addSecretCommands(root);
  return root;
}

/** Options of every command that talks to a control API. */
function withApi(command: Command): Command {
  return withProject(
    command.addOption(
      new Option("--api <url>", "origin of the control API").env("WAYSIDE_API").default("http://127.0.0.1:8787").argParser(origin),
    ),
  )
    .addOption(new Option("--token <token>", "bearer token; wayside dev asks for none").env("WAYSIDE_TOKEN"))
    .addOption(new Option("-o, --output <form>", "what is printed").choices(["table", "json", "yaml"]).default("table"));
}

function withProject(command: Command): Command {
  return command.addOption(new Option("--project <id>", "project").env("WAYSIDE_PROJECT").default("demo"));
}

function withPlace(command: Command): Command {
  return command.option("--zone <zone>", "its zone, where the name alone is ambiguous").option("--region <region>", "its region, likewise");
}

function addDev(root: Command): void {
  withProject(root.command("dev"))
    .description("bring up control plane, proxies and VM groups on this machine")
    .argument("[files...]", "files or folders to apply before it is ready")
    .option("--port <port>", "port of the control API; 0 takes a free one", port, 8787)
    .option("--mesh-port <port>", "port of the mesh entry; 0 takes a free one", port, 8788)
    .option("--state <dir>", "keep resources and secrets in this folder; without it nothing outlives the run")
    .option("--otlp <url>", "send spans to this OTLP/HTTP collector (URL/v1/traces)")
    .addOption(
      new Option("--config-refresh <duration>", "how often proxies look for configuration").argParser(milliseconds).default(1000, "1s"),
    )
    .addOption(new Option("-o, --output <form>", "what is printed").choices(["text", "json"]).default("text"))
    .action(async (files: string[], options) => (await import("./commands/dev.ts")).run(files, options));
}

function addFileCommands(root: Command): void {
  withApi(root.command("apply"))
    .description("make the project's resources what files ask for")
    .requiredOption("-f, --file <path>", "file or folder, - for standard input; may be repeated", collect, [])
    .option("--kind <kind>", "kind of documents that do not tell it")
    .option("--dry-run", "only print what would be done; tests of URL maps are run", false)
    .action(async (options) => (await import("./commands/apply.ts")).run(options));
  withProject(root.command("analyze"))
    .description("tell what of files would be refused, and what would be stored without effect, with no mesh running")
    .argument("[files...]", "files or folders, - for standard input")
    .option("--kind <kind>", "kind of documents that do not tell it")
    .addOption(new Option("-o, --output <form>", "what is printed").choices(["table", "json", "yaml"]).default("table"))
    .action(async (files: string[], options) => (await import("./commands/analyze.ts")).run(files, options));
  withPlace(withApi(root.command("delete")))
    .description("delete a resource, or all that files name")
    .argument("[kind]", "such as url-map or backend-services")
    .argument("[name]")
    .option("-f, --file <path>", "file or folder, - for standard input; may be repeated", collect, [])
    .action(async (kind: string | undefined, name: string | undefined, options) =>
      (await import("./commands/delete.ts")).run({ kind, name }, options),
    );
}

function addResourceCommands(root: Command): void {
  withPlace(withApi(root.command("get")))
    .description("print the resources of a kind, or one of them")
    .argument("<kind>", "such as url-maps, backendService, mig or groups")
    .argument("[name]")
    .action(async (kind: string, name: string | undefined, options) => (await import("./commands/get.ts")).run({ kind, name }, options));
  withPlace(withApi(root.command("describe")))
    .description("print a resource with what it is made of: instances, health, versions")
    .argument("<kind>", "such as group, backend-service or secret")
    .argument("<name>")
    .action(async (kind: string, name: string, options) => (await import("./commands/describe.ts")).run({ kind, name }, options));
}

function addMeshCommands(root: Command): void {
  withApi(root.command("explain"))
    .description("tell what the mesh does to a request, and why; status 1 when no rule takes it")
    .argument("[method]", "such as GET")
    .argument("[url]", "such as http://cart.shop.mesh/items")
    .option("-H, --header <header>", "name=value or name: value; may be repeated", collect, [])
    .option("-f, --file <path>", "explain against files or folders, with no mesh running; may be repeated", collect, [])
    .option("--id <id>", "explain an answer that the mesh gave itself, by the id in it")
    .action(async (method: string | undefined, url: string | undefined, options) =>
      (await import("./commands/explain.ts")).run({ ...(method !== undefined && { method }), ...(url !== undefined && { url }) }, options),
    );
  withApi(root.command("status"))
    .description("print the configuration that every proxy has applied, and its age")
    .action(async (options) => (await import("./commands/status.ts")).run(options));
  withApi(root.command("logs"))
    .description("print what a VM of the emulator has written")
    .argument("<instance>")
    .option("-f, --follow", "go on until interrupted", false)
    .option("--tail <lines>", "only the last lines", count)
    .action(async (instance: string, options) => (await import("./commands/logs.ts")).run(instance, options));
}

function addGroupCommands(root: Command): void {
  const group = root.command("group").description("groups: what Google's verbs do not say");
  withPlace(withApi(group.command("rollback")))
    .description("go back to the last version with which all instances of the group were healthy")
    .argument("<name>", "managed group")
    .action(async (name: string, options) => (await import("./commands/group/rollback.ts")).run(name, options));
  const servings = {
    keepalive: "keep all instances of a group warm, those to come too, with 1 % of their share of the traffic",
    run: "give all instances of a group their whole share again",
  } as const;
  for (const verb of ["keepalive", "run"] as const) {
    withPlace(withApi(group.command(verb)))
      .description(servings[verb])
      .argument("<name>", "group")
      .action(async (name: string, options) => (await import("./commands/group/serve.ts")).run(verb, name, options));
  }
  withApi(group.command("switch"))
    .description("let two groups take each other's place under load; back by itself when requests begin to fail")
    .argument("<from>", "group that is to be kept alive")
    .argument("<to>", "group that is to serve")
    .option(
      "--capacity <number>",
      "so many instances of both run at once, at the most; by default the larger of what runs and what is to run",
      count,
    )
    .option("--step <percent>", "of the larger group, how much changes at a time; 25 by default", count)
    .option("--max-errors <percent>", "so many more of the requests may fail than before; 5 by default", count)
    .option("--timeout <seconds>", "not done by then, it returns; 300 by default", count)
    .option("--detach", "do not wait for the end", false)
    .action(async (from: string, to: string, options) => (await import("./commands/group/switch.ts")).run(from, to, options));
}

function addVmCommands(root: Command): void {
  const vm = root.command("vm").description("VMs: register one, list all");
  withApi(vm.command("register"))
    .description("make a running VM a member of an unmanaged group; again with the same name, to change its address")
    .requiredOption("--group <group>", "instance group")
    .requiredOption("--address <address>", "IP address that the proxies reach it at")
    .requiredOption("--port <port>", "port that it serves on", vmPort)
    .option("--name <name>", "name of the instance; made up when absent")
    .option("--zone <zone>", "zone of the group, where its name alone is ambiguous")
    .action(async (options) => (await import("./commands/vm/register.ts")).run(options));
  withApi(vm.command("token"))
    .description("make a join token for `wayside agent join`, and print it: it is shown this once")
    .requiredOption("--group <group>", "instance group that it lets into")
    .option("--zone <zone>", "zone of the group, where its name alone is ambiguous")
    .option("--ttl <seconds>", "how long it can be used, at most and by default 600", count)
    .option("--uses <number>", "how many VMs may join with it, 1 by default", count)
    .option("--lease-ttl <seconds>", "without a heartbeat for so long a VM leaves routing, 30 by default", count)
    .option("--collect-after <seconds>", "lost for so long a VM is deregistered, 86400 by default", count)
    .action(async (options) => (await import("./commands/vm/token.ts")).run(options));
  const servings = {
    drain: "take an instance of any group out of traffic; it goes on running",
    undrain: "let an instance take traffic again",
    keepalive: "keep an instance warm, with 1 % of its share of the traffic",
    run: "give an instance its whole share again",
  } as const;
  for (const verb of ["drain", "undrain", "keepalive", "run"] as const) {
    withApi(vm.command(verb))
      .description(servings[verb])
      .argument("<name>", "instance")
      .option("--group <group>", "its group, where its name alone is ambiguous")
      .action(async (name: string, options) => (await import("./commands/vm/serve.ts")).run(verb, name, options));
  }
  withApi(vm.command("list"))
    .description("print the instances of all groups")
    .action(async (options) => (await import("./commands/vm/list.ts")).run(options));
}

function addAgentCommands(root: Command): void {
  const agent = root.command("agent").description("the agent of a VM: join a group, and leave it");
  const withState = (command: Command): Command =>
    command.option("--state <dir>", "folder of identity and socket; XDG's state home by default");
  const telling = (command: Command): Command =>
    withState(command).addOption(new Option("-o, --output <form>", "what is printed").choices(["table", "json", "yaml"]).default("table"));
  withState(withProject(agent.command("join")))
    .description("make this VM a member of a group, run its application, and heartbeat until told to leave")
    .addOption(new Option("--mesh <url>", "origin of the control API").env("WAYSIDE_API").makeOptionMandatory().argParser(origin))
    .option("--token <token>", "join token; a VM that comes back needs none")
    .option("--group <group>", "group that it expects to join; the token names one anyway")
    .option("--name <name>", "name of the instance; made up when absent")
    .option("--address <address>", "ADDRESS or ADDRESS,network=NAME; may be repeated, the first is where it is reached", collect, [])
    .option("--port <port>", "port that the application serves on", vmPort)
    .option("--named-port <name:port>", "such as http:8080; may be repeated", collect, [])
    .option("--label <name=value>", "label of the instance; may be repeated", collect, [])
    .option("--health-path <path>", "path that answers 200 when the application is well; by default accepting a connection is enough")
    .option("--stay-registered", "when stopped, only leave traffic: for machines that are started again", false)
    .option("--tunnel", "be reached through a connection that the agent opens: for machines that nobody can connect to", false)
    .option("--inbound <[address:]port>", "listen there for requests of the mesh only, and hand them to --port of 127.0.0.1", listenAt)
    .option("--inbound-key-file <path>", "key that proxies sign requests with; may be repeated, the newest first", collect, [])
    .option(
      "--outbound [port]",
      "HTTP proxy on loopback by which programs reach services by name; 15001 when no port is given",
      outboundPort,
    )
    .addOption(new Option("--mesh-entry <url>", "origin of the mesh entry, for --outbound").env("WAYSIDE_MESH_ENTRY").argParser(origin))
    .option("--resolver <port>", "DNS on that port of loopback: names of the mesh lead to the outbound listener", vmPort)
    .option("--otlp <url>", "send the listeners' spans to this OTLP/HTTP collector (URL/v1/traces)")
    .argument("[command...]", "program and arguments of the application, after --; without it the application is only watched")
    .action(async (command: string[], options) => (await import("./commands/agent/join.ts")).run(command, options));
  withState(agent.command("resume"))
    .description("go on as the last agent of the folder did, taking its place if it still runs")
    .action(async (options) => (await import("./commands/agent/resume.ts")).run(options));
  telling(agent.command("upgrade"))
    .description("replace the agent that runs by this version; its application goes on")
    .action(async (options) => (await import("./commands/agent/upgrade.ts")).run(options));
  const tellings = {
    status: "print what the agent of this machine does",
    drain: "take this VM out of traffic",
    undrain: "let this VM take traffic again",
    leave: "drain, deregister, stop the application, and end",
  } as const;
  for (const command of ["status", "drain", "undrain", "leave"] as const) {
    telling(agent.command(command))
      .description(tellings[command])
      .action(async (options) => (await import("./commands/agent/tell.ts")).run(command, options));
  }
}

function addSecretCommands(root: Command): void {
  const secret = root.command("secret").description("secrets: sealed values that headers may hold as {secret.NAME}");
  const fromFile = ["--from-file <path>", "file that holds the value, - for standard input"] as const;
  withApi(secret.command("create"))
    .description("create a secret, with a first version where a value is given")
    .argument("<name>")
    .option(...fromFile)
    .action(async (name: string, options) => (await import("./commands/secret/create.ts")).run(name, options));
  withApi(secret.command("add"))
    .description("add a version to a secret, from standard input or a file; proxies use it within seconds")
    .argument("<name>")
    .option(...fromFile, "-")
    .action(async (name: string, options) => (await import("./commands/secret/add.ts")).run(name, options));
  withApi(secret.command("list"))
    .description("print all secrets, or the versions of one; never a value")
    .argument("[name]")
    .action(async (name: string | undefined, options) => (await import("./commands/secret/list.ts")).run(name, options));
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function origin(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError("an origin is a URL such as http://127.0.0.1:8787.");
  return url.origin;
}

function port(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65_535) throw new InvalidArgumentError("a port is a number from 0 to 65535; 0 takes a free one.");
  return number;
}

function vmPort(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 65_535) throw new InvalidArgumentError("a port is a number from 1 to 65535.");
  return number;
}

/** `9000`, `10.0.0.5:9000` or `[fd00::5]:9000` */
function listenAt(text: string): ListenAt {
  const match = /^(?:(\[[0-9a-f:.]+\]|[\d.]+):)?(\d{1,5})$/i.exec(text);
  if (match === null) throw new InvalidArgumentError("it is a port, or ADDRESS:PORT.");
  const [, address, number = ""] = match;
  return { ...(address === undefined ? {} : { address: address.replace(/^\[|\]$/g, "") }), port: vmPort(number) };
}

/** Of an option whose value may be left out, commander gives true. */
function outboundPort(text: string | true): number {
  return text === true ? 15_001 : port(text);
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("it is a whole number.");
  return Number(text);
}

function milliseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text);
  if (match === null) throw new InvalidArgumentError("a duration is a number with s or ms, such as 1s or 500ms.");
  return Number(match[1]) * (match[2] === "ms" ? 1 : 1000);
}
