import { Component, type ReactNode } from "react";
import { sentenceOf } from "../api/problem.ts";

/** Keeps the shell usable when a page fails, for example because an update has removed its files. */
export class PageBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return (
      <div role="alert" className="grid justify-items-start gap-3 p-6">
        <h1>This page broke</h1>
        <p className="text-ink-2">
          {sentenceOf(this.state.error)} Loading it again helps when the service was updated
          meanwhile.
        </p>
        <button type="button" className="btn" onClick={() => location.reload()}>
          Load again
        </button>
      </div>
    );
  }
}
