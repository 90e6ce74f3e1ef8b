/**
 * Locates a file of this package by its path from package.json.
 *
 * The sources are in `src/`, the bundles of the built package in `bin/`: both are one folder below package.json, and this
 * file must stay directly in `src/`.
 */
export const packageFile = (name: string): URL => new URL(`../${name}`, import.meta.url);
