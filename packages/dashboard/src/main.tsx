import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { enter, loginTokenOf } from "./entry.ts";
import "./styles.css";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no #app");

const entered = enter();
// A sign-in link that is opened in an open tab changes only the fragment.
addEventListener("hashchange", () => {
  if (loginTokenOf(location.hash) !== undefined) location.reload();
});
createRoot(root).render(
  <StrictMode>
    <App entered={entered} />
  </StrictMode>,
);
