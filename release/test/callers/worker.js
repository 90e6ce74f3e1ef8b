// An edge worker: receives webhooks, and asks the API who it is.
import { Postrider } from "@postrider/sdk";
import { receiveWebhooks } from "@postrider/sdk/fetch";

const received = [];

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/received") return Response.json(received);
    if (pathname === "/me") {
      const postrider = new Postrider({ url: env.URL, apiKey: env.API_KEY });
      return Response.json(await postrider.me.get());
    }
    const onEvent = (event) => void received.push(`${event.contract} ${event.type}`);
    return await receiveWebhooks({ secret: env.SECRET, onEvent })(request);
  },
};
