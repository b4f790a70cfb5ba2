/** A process of its own that runs an emulator until it is killed; prints `{api}` as one line once it is ready. */
import { startEmulator } from "#dev/emulator.ts";

const emulator = await startEmulator({ project: "demo", port: 0, meshPort: 0 });
process.stdout.write(`${JSON.stringify({ api: emulator.api })}\n`);
