// A whole receiver: subscribes, reports, and prints the event that came of it. Arguments: URL and API key of a service.
import { once } from "node:events";
import { createServer } from "node:http";
import { Postrider } from "@postrider/sdk";
import { receiveWebhooks } from "@postrider/sdk/express";

const [url, apiKey] = process.argv.slice(2);
const postrider = new Postrider({ url, apiKey });
const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const webhook = await postrider.workflowWebhooks.create({
  name: "Environment",
  url: `http://127.0.0.1:${server.address().port}/`,
  actions: ["workflow_created"],
});
const { secret } = await postrider.workflowWebhooks.getSecret(webhook.id);
const event = await new Promise((resolve, reject) => {
  const receive = receiveWebhooks({ secret, onEvent: resolve });
  server.on("request", (request, response) => receive(request, response, reject));
  postrider.workflows.create({ name: "Made here" }).catch(reject);
});
await postrider.workflowWebhooks.delete(webhook.id);
server.close();
console.log(`${process.version} ${event.type} ${event.payload.workflow_name}`);
