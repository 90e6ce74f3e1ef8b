// A receiver for machines without nginx: it prints its port, answers 204 at once, and GET with how many POSTs came.
import { createServer } from "node:http";

let count = 0;
const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.end(String(count));
    return;
  }
  request.resume();
  request.on("end", () => {
    count++;
    response.statusCode = 204;
    response.end();
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("disconnect", () => process.exit(0));
