const secondsMax = 86_400;

/**
 * Gives the seconds to wait before retry `retryNumber` (from 1): drawn evenly from the upper half
 * of base × 2^(n−1), which grows to at most 24 hours.
 *
 * Half is fixed, so that a retry never comes at once. Half is random, so that deliveries that failed
 * together do not come back together.
 */
export function retryDelaySeconds(
  baseSeconds: number,
  retryNumber: number,
  random: () => number,
): number {
  const ceiling = Math.min(secondsMax, baseSeconds * 2 ** (retryNumber - 1));
  return ceiling / 2 + (ceiling / 2) * random();
}
