/** How long each part of an attempt took, in milliseconds; null for what did not happen. */
export type Timing = {
  /** Looking up the receiver's name. */
  dns: number | null;
  /** Opening a TCP connection, through the proxy where there is one. */
  connect: number | null;
  /** The TLS handshake. */
  tls: number | null;
  /** From the request to the complete head of the answer, or until it was given up. */
  wait: number | null;
  /** Reading the body of the answer. */
  read: number | null;
};

export const timingParts = ["dns", "connect", "tls", "wait", "read"] as const;

/** A timing as it is kept: whole milliseconds, at most 32,767. */
export function roundedTiming(timing: Timing): Timing {
  const rounded = timingParts.map((part) => {
    const ms = timing[part];
    return [part, ms === null ? null : Math.min(32_767, Math.round(ms))];
  });
  return Object.fromEntries(rounded) as Timing;
}
