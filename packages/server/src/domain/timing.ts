/** How long each part of an attempt took, in milliseconds; null for a part that did not happen. */
export type Timing = {
  /** Resolving the receiver's name. */
  dns: number | null;
  /** Opening a TCP connection, through the proxy where there is one. */
  connect: number | null;
  /** The TLS handshake. */
  tls: number | null;
  /** From the request to the end of the answer's headers, or to the end of the attempt. */
  wait: number | null;
  /** Reading the body of the answer. */
  read: number | null;
};

const keptMsMax = 32_767;

const kept = (ms: number | null): number | null =>
  ms === null ? null : Math.min(keptMsMax, Math.round(ms));

/** A timing as it is stored: whole milliseconds, at most 32,767. */
export const roundedTiming = ({ dns, connect, tls, wait, read }: Timing): Timing => ({
  dns: kept(dns),
  connect: kept(connect),
  tls: kept(tls),
  wait: kept(wait),
  read: kept(read),
});
