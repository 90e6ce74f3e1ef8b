import { Postrider } from "@postrider/sdk";

/** Opens the client that every example works with, on the service that the environment names. */
export function openPostrider(): Postrider {
  const { POSTRIDER_URL: url = "http://127.0.0.1:8080", POSTRIDER_API_KEY: apiKey } = process.env;
  if (!apiKey) throw new Error("Set POSTRIDER_API_KEY; npm start prints one.");
  return new Postrider({ url, apiKey });
}
