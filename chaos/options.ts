/** Reads an option that must be a whole number; ends the program with exit code 2 when it is none. */
export function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  console.error(`${name} must be a whole number from ${least} on`);
  process.exit(2);
}
