// A receiver that answers 204 at once and counts; prints its port, answers GET with the count.
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
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("disconnect", () => process.exit(0));
