/**
 * Shows the description of the API, and lets its operations be tried on this service.
 *
 * A request carries the session of the dashboard where there is one, or the key that the reader pastes under "Authorize".
 * Nothing is sent to anybody else: no validator, no telemetry, no fonts.
 */
window.SwaggerUIBundle({
  domNode: document.getElementById("reference"),
  url: "./openapi.json",
  validatorUrl: "none",
  queryConfigEnabled: false,
  persistAuthorization: false,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  displayRequestDuration: true,
  syntaxHighlight: { activated: true, theme: "idea" },
  requestInterceptor: (request) => {
    // With a session's cookie the API takes changes only with this header (docs/http-api.md).
    request.headers["x-postrider-request"] = "1";
    request.credentials = "same-origin";
    return request;
  },
});

/** Says as whom the reader's requests count. */
async function tellAsker() {
  const place = document.getElementById("asker");
  try {
    const answer = await fetch("/accounts/v1/users/me", {
      headers: { "x-postrider-request": "1" },
    });
    const json = answer.headers.get("content-type")?.includes("json");
    if (answer.ok && json) {
      place.textContent = "Signed in: requests count as yours.";
    } else if (answer.status === 401) {
      place.textContent = "Not signed in: paste an API key under Authorize to try requests.";
    }
  } catch {
    // A host that has no service behind it: the page is there to be read.
  }
}
await tellAsker();
