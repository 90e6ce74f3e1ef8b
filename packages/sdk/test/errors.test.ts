import { expect, test } from "vitest";
import {
  ApiError,
  ConnectionError,
  FactsRefused,
  Postrider,
  WebhookVerificationError,
} from "../src/index.ts";
import { json, problem, scripted } from "./answers.ts";

/** What a client makes of an answer when it does not try again. */
async function errorOf(answer: () => Response): Promise<unknown> {
  const client = new Postrider({ ...scripted(answer).options, retriesMax: 0 });
  return await client.me.get().then(
    () => "accepted",
    (thrown: unknown) => thrown,
  );
}

test.each([
  ["ApiError", new ApiError({ status: 500 })],
  ["ConnectionError", new ConnectionError("lost")],
  ["FactsRefused", new FactsRefused([])],
  ["WebhookVerificationError", new WebhookVerificationError("invalid_header", "It is malformed.")],
])("an error is called %s, as its class is", (name, error) => {
  expect(error.name).toBe(name);
  expect(String(error)).toMatch(new RegExp(`^${name}: `));
});

test("an answer that is no problem of ours is told by its status, under a code that says so", async () => {
  for (const body of ["<h1>Bad gateway</h1>", "", "null", '"text"', "[]", "{}", '{"code":502}']) {
    const error = await errorOf(() => new Response(body, { status: 502 }));
    expect(error).toMatchObject({
      message: "unexpected_answer: The service answered 502.",
      ...{ code: "unexpected_answer", status: 502, errors: [], requestId: undefined },
    });
  }
});

test("a problem gives its code, its sentence, its fields and its request", async () => {
  const errors = [{ loc: ["body", "name"], msg: "too long" }];
  const error = await errorOf(() =>
    json({ code: "invalid_request", detail: "It is.", errors, request_id: "req_1" }, 422),
  );
  expect(error).toMatchObject({
    message: "invalid_request: It is.",
    ...{ code: "invalid_request", status: 422, detail: "It is.", errors, requestId: "req_1" },
  });
});

test("an error names the request by the problem, or else by the header that each answer has", async () => {
  const header = { "x-request-id": "req_2" };
  expect(await errorOf(() => problem(422, "invalid_request", header))).toMatchObject({
    requestId: "req_1",
  });
  expect(await errorOf(() => json({}, 502, header))).toMatchObject({ requestId: "req_2" });
});

test("a success whose body is no JSON, as a proxy's page, is no answer of the service", async () => {
  expect(await errorOf(() => new Response("<h1>Welcome</h1>"))).toMatchObject({
    code: "unexpected_answer",
    status: 200,
  });
  expect(await errorOf(() => new Response(null, { status: 204 }))).toBe("accepted");
  expect(await errorOf(() => json({}))).toBe("accepted");
});

/** As browsers show a redirect that they do not follow. */
const opaque = () =>
  Object.defineProperty(Response.error(), "type", { value: "opaqueredirect" }) as Response;

test.each<[string, () => Response, boolean]>([
  ["of 299", () => new Response("text", { status: 299 }), false],
  ["of 300", () => new Response("", { status: 300 }), true],
  ["of 399", () => new Response("", { status: 399 }), true],
  ["of 400", () => new Response("", { status: 400 }), false],
  ["of 401", () => new Response("", { status: 401 }), false],
  ["that a browser hides", opaque, true],
  ["that a browser calls an error", () => Response.error(), false],
])("an answer %s is named a redirect only if it is one", async (_, answer, isRedirect) => {
  const { detail } = (await errorOf(answer)) as ApiError;
  expect(detail.includes("redirect")).toBe(isRedirect);
});
