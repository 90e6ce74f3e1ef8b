import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { enter } from "./entry.ts";
import "./styles.css";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no #app");

const entered = enter();
createRoot(root).render(
  <StrictMode>
    <App entered={entered} />
  </StrictMode>,
);
