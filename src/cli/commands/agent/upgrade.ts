/** `wayside agent upgrade`: has the agent of this machine replaced by this version of Wayside, while its application goes on. */
import { defaultStateFolder } from "#agent/identity.ts";
import { askAgent } from "#agent/control-socket.ts";
import { CommandError } from "../../exit.ts";
import { print } from "../../output/print.ts";
import { told, type TellOptions } from "./tell.ts";

const withinMs = 30_000;

export async function run({ state = defaultStateFolder(), output }: TellOptions): Promise<void> {
  const before = await told(state, { command: "status" });
  const { pid } = await told(state, { command: "upgrade", program: [process.execPath, ...process.argv.slice(1, 2)] });
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    const now = await askAgent(state, { command: "status" }).catch(() => undefined);
    if (now && now["pid"] === pid && now["connected"] === true) {
      return print(output, now, () => `process ${JSON.stringify(pid)} has taken over from ${JSON.stringify(before["pid"])}\n`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new CommandError(
    `process ${JSON.stringify(pid)} did not take over within ${withinMs / 1000} s; \`wayside agent status\` tells who runs`,
  );
}
