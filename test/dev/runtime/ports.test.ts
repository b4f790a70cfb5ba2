import { createServer } from "node:net";
import { expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { checkPort, portHolder } from "#dev/runtime/ports.ts";

it("names the option, the port and who has it", async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
  expect(await portHolder(port)).toBe(process.pid);
  const refused = checkPort("--port", port);
  await expect(refused).rejects.toThrow(UserError);
  await expect(refused).rejects.toThrow(`--port ${port}: port ${port} of 127.0.0.1 is taken by process ${process.pid}.`);
  await new Promise((resolve) => server.close(resolve));
  await checkPort("--port", port);
  await checkPort("--port", 0);
  expect(await portHolder(port)).toBeUndefined();
});
