// Takes the place of undici in the package: the service uses only its client, and not its fetch, caches and web sockets.
import Client from "../node_modules/undici/lib/dispatcher/client.js";

export { Client };
