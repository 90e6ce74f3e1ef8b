import path from "node:path";
import { documents } from "./navigation.ts";

/** A screenshot that a browser test takes, and the picture of the documentation that it becomes. */
export type Screenshot = {
  /** The name of a page in `test/browser/accessible.test.ts` of the dashboard. */
  page: string;
  /** Its file in `docs/images`. */
  image: string;
};

/** Every picture in `docs/images` that comes from the browser tests. */
export const screenshots: readonly Screenshot[] = [{ page: "delivery", image: "delivery.png" }];

/** Where the browser tests of the dashboard write a page's screenshot: wide and light. */
export const takenFile = ({ page }: Screenshot): string =>
  path.resolve(import.meta.dirname, "../../dashboard/screenshots", `${page}-1280-light.png`);

/** Where the documentation has the picture. */
export const imageFile = ({ image }: Screenshot): string => path.join(documents, "images", image);
