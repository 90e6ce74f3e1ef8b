const whole = new Intl.NumberFormat("en");

/** A count as people read it: `184,206`. */
export const count = (value: number): string => whole.format(value);

/** A count and its noun, which gets an s for any number but one: `1 delivery` needs its plural given. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** A share of 0 to 1 as a percentage; a share below 1 is never rounded up to 100 %. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 99.9 && value < 100) return "> 99.9 %";
  if (value > 0 && value < 0.01) return "< 0.01 %";
  return `${value.toFixed(value < 1 ? 2 : 1).replace(/\.?0+$/, "")} %`;
}

/** A size in bytes: `475 bytes`, `12.4 KiB`, `1.0 MiB`. */
export function bytes(size: number): string {
  if (size < 1024) return `${size} bytes`;
  if (size < 1024 * 1024) return `${(size / 1024).toFixed(1)} KiB`;
  return `${(size / 1024 / 1024).toFixed(1)} MiB`;
}
