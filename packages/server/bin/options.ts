import { decodeSecret } from "@postrider/sdk/sign";
import { InvalidArgumentError } from "commander";
import { ConfigError } from "../src/config.ts";

/** Reads a port. */
export function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535) {
    throw new InvalidArgumentError("a port is a whole number from 0 to 65535.");
  }
  return value;
}

/** Reads a status that a server may answer with. */
export function statusCode(text: string): number {
  const value = Number(text);
  if (!/^[2-5]\d\d$/.test(text)) throw new InvalidArgumentError("a status is 200 to 599.");
  return value;
}

/** Reads an http(s) URL. */
export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return text;
  throw new InvalidArgumentError("a URL begins with http:// or https://.");
}

/** Reads how many begin each second. */
export function rate(text: string): number {
  const [, number = ""] = /^(\d{1,3}(?:\.\d{1,3})?)(?:\/s)?$/.exec(text) ?? [];
  const value = Number(number);
  if (value > 0 && value <= 100) return value;
  throw new InvalidArgumentError("a rate is more than 0/s and at most 100/s.");
}

/** Reads how many rows go into one transaction. */
export function batch(text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value >= 1 && value <= 10_000) return value;
  throw new InvalidArgumentError("a batch is a whole number from 1 to 10000.");
}

/** Reads how many are played. */
export function count(text: string): number {
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= 1 && value <= 100_000) return value;
  throw new InvalidArgumentError("a count is a whole number from 1 to 100000.");
}

/** Reads a time-out in seconds. */
export function seconds(text: string): number {
  const value = Number(text);
  if (/^\d{1,2}$/.test(text) && value >= 1 && value <= 60) return value;
  throw new InvalidArgumentError("a time-out is a whole number of seconds from 1 to 60.");
}

/** Reads a whole number from 0 to a most. */
export const wholeTo =
  (max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d{1,6}$/.test(text) && value <= max) return value;
    throw new InvalidArgumentError(`it is a whole number from 0 to ${max}.`);
  };

/** Reads how many deliveries a replay makes due each second. */
export function perSecond(text: string): number {
  const value = Number(text);
  if (/^\d{1,4}$/.test(text) && value >= 1 && value <= 1_000) return value;
  throw new InvalidArgumentError("a rate is a whole number from 1 to 1000.");
}

/** Reads how many rows of a list are wanted. */
export function rows(text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value >= 1 && value <= 10_000) return value;
  throw new InvalidArgumentError("a limit is a whole number from 1 to 10000.");
}

/**
 * Requires a signing secret.
 *
 * It is no parser of an option: commander prints what a parser refuses, and this may be a secret with a blank behind it.
 */
export function requireSigningSecret(text: string): void {
  try {
    decodeSecret(text);
  } catch (error) {
    throw new ConfigError(`--secret: ${(error as TypeError).message}`);
  }
}

/**
 * Requires the URL of a receiver; whether it may be delivered to is for the service's own rules to say.
 *
 * No parser of an option either: a URL may hold a password.
 */
export function requireReceiverUrl(text: string): void {
  if (!/^https?:\/\//i.test(text)) {
    throw new ConfigError("--url: a URL begins with http:// or https://.");
  }
}
