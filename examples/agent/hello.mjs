// An application that knows nothing of the mesh: it serves on PORT.
import { createServer } from "node:http";

const server = createServer((_request, response) => response.end(`hello from ${process.pid}\n`));
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  // Connections that are kept open for a next request end as well.
  setTimeout(() => server.closeAllConnections(), 1000).unref();
});
