import { expect, test } from "vitest";
import { accepted, type Happening, teamOf } from "../../src/domain/lifecycle/happening.ts";
import { AppError } from "../../src/errors.ts";

test("what happens belongs to the team of its workflow, or of its call", () => {
  const [workflow, call] = [{ teamId: "of the workflow" }, { teamId: "of the call" }];
  expect(teamOf({ kind: "workflow_created", workflow } as Happening)).toBe("of the workflow");
  expect(teamOf({ kind: "call_status", call } as Happening)).toBe("of the call");
});

test("a transition that was not refused is returned, and a refusal is thrown as its error", () => {
  const state = { id: "w" };
  const changed = { kind: "changed" as const, state, happened: [] };
  expect(accepted(changed)).toBe(changed);
  const repeated = { kind: "repeated", state } as const;
  expect(accepted(repeated)).toBe(repeated);
  const detail = "There is none.";
  const refusing = () => accepted({ kind: "refused", code: "not_found", detail });
  expect(refusing).toThrow(AppError);
  expect(refusing).toThrow(expect.objectContaining({ code: "not_found", detail }));
  const members = ["output", "error"];
  expect(() => accepted({ kind: "refused", code: "reported_differently", members })).toThrow(
    expect.objectContaining({
      code: "reported_differently",
      errors: [
        expect.objectContaining({ loc: ["body", "output"] }),
        expect.objectContaining({ loc: ["body", "error"] }),
      ],
    }),
  );
});
