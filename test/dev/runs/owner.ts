/** A stand-in for `wayside dev` in tests: claims a run under argv[2], starts the VMs of argv[3] (scripts as JSON) and waits to be killed. */
import { AddressPool } from "#dev/fleet/addresses.ts";
import { Fleet } from "#dev/fleet/fleet.ts";
import { RunFile } from "#dev/runs/run-file.ts";
import { instance } from "../fleet/instances.ts";

const run = RunFile.claim(process.argv[2] ?? "");
const fleet = new Fleet({
  folder: run.run.folder,
  addresses: new AddressPool(62),
  killAfterMs: 500,
  onStart: () => {},
  onEnd: () => {},
  onChange: (vms) => run.recordVms(vms),
});
const scripts = JSON.parse(process.argv[3] ?? "[]") as string[];
const states = await Promise.all(scripts.map((script, index) => fleet.put(instance(`web-${index}`, script))));
process.stdout.write(`${JSON.stringify({ pids: states.map((state) => state.pid), folder: run.run.folder })}\n`);
setInterval(() => {}, 60_000);
