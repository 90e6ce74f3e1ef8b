import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { someDeliveriesQuery } from "../../api/deliveries.ts";
import { endpointsQuery } from "../../api/endpoints.ts";
import { ask } from "../../api/request.ts";
import { createWebhook } from "../../api/webhooks.ts";
import { faultOf, TextField } from "../../components/fields.tsx";
import { Page } from "../../components/page.tsx";
import { say, sayFailure } from "../../components/toasts.tsx";
import { useChanges } from "../../live/live.tsx";
import { place } from "../../place.ts";
import { useMay } from "../../shell/viewer.tsx";
import { DeliveryLines } from "../delivery/delivery-lines.tsx";
import { Command } from "./command.tsx";
import { newObjectId, sampleFacts } from "./sample-facts.ts";
import { Step } from "./step.tsx";

const newId = (): string => newObjectId(Date.now(), crypto.getRandomValues(new Uint8Array(8)));

/** Three steps to the first webhook; each turns green by itself when it has happened. */
export default function StartPage() {
  const client = useQueryClient();
  const mayWrite = useMay("write");
  const mayPublish = useMay("publish");
  const [receiver, setReceiver] = useState("http://127.0.0.1:8081/hook");
  const { data: listed } = useQuery(endpointsQuery());
  const { data: newest } = useQuery({
    ...someDeliveriesQuery({}, 3),
    queryKey: ["first-delivery", 3],
  });
  useChanges(() => void client.invalidateQueries({ queryKey: ["first-delivery"] }));

  const subscribing = useMutation({
    mutationFn: () =>
      createWebhook("workflow", {
        name: "My first webhook",
        url: receiver,
        actions: ["workflow_run_started", "workflow_run_completed"],
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["endpoints"] }),
  });
  const reporting = useMutation({
    mutationFn: (facts: ReturnType<typeof sampleFacts>) =>
      ask("POST", "/v1/facts", { body: { facts } }),
    onSuccess: () => say("It is reported; see it arrive below"),
    onError: sayFailure,
  });

  const base = `${location.origin}${place.api}`;
  const subscribed = (listed?.endpoints.length ?? 0) > 0;
  const deliveries = newest?.deliveries ?? [];
  const arrived = deliveries.some(({ status }) => status === "delivered");
  return (
    <Page title="Start here">
      <div className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-4 p-4">
        <p className="text-ink-2">
          Three steps to your first webhook. Each turns green by itself when it has happened. The
          commands take the key from <code className="mono">POSTRIDER_API_KEY</code>. In
          development, <code className="mono">npm start</code> prints the key, and this sets it:{" "}
          <code className="mono">export POSTRIDER_API_KEY=$(cat .postrider/api-key)</code>.
        </p>
        <Step number={1} title="Subscribe a receiver" state={subscribed ? "done" : "next"}>
          <TextField
            label="Receiver's URL"
            mono
            value={receiver}
            onChange={setReceiver}
            fault={faultOf(subscribing.error, "url")}
            hint="npm start runs a small receiver at this address. You can use any URL of your own instead."
          />
          <Command
            text={curl(base, "/workflows/v1/workflow-webhooks", {
              name: "My first webhook",
              url: receiver,
              actions: ["workflow_run_started", "workflow_run_completed"],
            })}
          />
          {mayWrite && listed && !subscribed && (
            <button
              type="button"
              className="btn btn-primary justify-self-start"
              disabled={subscribing.isPending}
              onClick={() => subscribing.mutate()}
            >
              Subscribe it here
            </button>
          )}
        </Step>
        <Step
          number={2}
          title="Report that a run started"
          state={deliveries.length > 0 ? "done" : subscribed ? "next" : "later"}
        >
          <Command
            text={`${curl(base, "/workflows/v1/workflows", { _id: sampleWorkflow, name: "Patient intake" })}\n${curl(base, "/workflows/v1/workflow-runs", { workflow_id: sampleWorkflow, trigger: "manual" })}`}
          />
          {mayPublish && (
            <div className="flex flex-wrap gap-2">
              <button
                type="button"
                className="btn btn-primary"
                disabled={reporting.isPending}
                onClick={() => reporting.mutate(sampleFacts(newId, 1))}
              >
                Report one here
              </button>
              <button
                type="button"
                className="btn"
                disabled={reporting.isPending}
                onClick={() => reporting.mutate(sampleFacts(newId, 20))}
              >
                Play sample traffic
              </button>
            </div>
          )}
        </Step>
        <Step
          number={3}
          title="See it arrive"
          state={arrived ? "done" : deliveries.length > 0 ? "next" : "later"}
        >
          {deliveries.length === 0 ? (
            <p className="text-ink-2">It appears here, with your receiver's answer.</p>
          ) : (
            <div className="-mx-4">
              <DeliveryLines deliveries={deliveries} />
            </div>
          )}
        </Step>
      </div>
    </Page>
  );
}

const sampleWorkflow = "5eb7cf5a86d9755df3a6c593";

const curl = (base: string, path: string, body: unknown): string =>
  `curl -sS ${base}${path} \\\n  -H "Authorization: Bearer $POSTRIDER_API_KEY" -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
