import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { writeNoticesOf } from "../../release/notices-plugin.ts";

/** Where the service is, and a key for it, while one works on the pages (`npm run dev -w packages/dashboard`). */
const service = process.env.POSTRIDER_URL ?? "http://127.0.0.1:8080";
const key = process.env.POSTRIDER_API_KEY;

export default defineConfig(({ command }) => ({
  // Built once and served under /dashboard and /portal: what it loads stands beside it.
  base: command === "serve" ? "/dashboard/" : "./",
  plugins: [react(), tailwindcss(), writeNoticesOf("the dashboard and the portal")],
  build: {
    // Old enough for everybody, new enough for light-dark(), which the themes are made of.
    target: ["chrome123", "firefox121", "safari17.5"],
    // The CSP allows no data: for scripts and fonts.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: {
      "^/(v1|webhooks|workflows|assistants|calls|accounts|docs|openapi.json)(/|$|\\?)": {
        target: service,
        ...(key ? { headers: { authorization: `Bearer ${key}` } } : {}),
      },
    },
  },
}));
