import type { Endpoint } from "@postrider/sdk";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { endpointQuery, switchEndpoint } from "../../api/endpoints.ts";
import { deleteWebhook, type OwnContract, ownContractOf } from "../../api/webhooks.ts";
import { Confirm } from "../../components/dialogs.tsx";
import { say, sayFailure } from "../../components/toasts.tsx";
import { printSearch } from "../../search.ts";
import { counted } from "../../words/numbers.ts";
import { TestDialog } from "./test-dialog.tsx";

/** Returns the function that enables or disables an endpoint; its toast can undo it. */
export function useSwitch() {
  const client = useQueryClient();
  const switching = useMutation({
    mutationFn: ({ endpoint, to }: { endpoint: Endpoint; to: "enable" | "disable" }) =>
      switchEndpoint(endpoint.id, to),
    onSuccess: (told, { endpoint, to }) => {
      client.setQueryData(endpointQuery(endpoint.id).queryKey, told);
      void client.invalidateQueries({ queryKey: ["endpoints"] });
      const back = to === "enable" ? "disable" : "enable";
      say(`${endpoint.name} is ${to}d`, {
        label: "Undo",
        run: () => switching.mutate({ endpoint: told, to: back }),
      });
    },
    onError: sayFailure,
  });
  return switching;
}

/** The actions of an endpoint. */
export function EndpointActions({ endpoint }: { endpoint: Endpoint }) {
  const [open, setOpen] = useState<"test" | "delete">();
  const switching = useSwitch();
  const own = ownContractOf(endpoint.contract);
  return (
    <>
      {own && (
        <button type="button" className="btn" onClick={() => setOpen("test")}>
          Send a test event…
        </button>
      )}
      {own && (
        <Link
          href={`/endpoints${printSearch({ endpoint: endpoint.id, edit: "yes" })}`}
          className="btn"
        >
          Edit
        </Link>
      )}
      <button
        type="button"
        className="btn"
        disabled={switching.isPending}
        onClick={() => switching.mutate({ endpoint, to: endpoint.enabled ? "disable" : "enable" })}
      >
        {endpoint.enabled ? "Disable" : "Enable"}
      </button>
      {own && (
        <button type="button" className="btn btn-danger" onClick={() => setOpen("delete")}>
          Delete…
        </button>
      )}
      {own && open === "test" && (
        <TestDialog endpoint={endpoint} contract={own} onClose={() => setOpen(undefined)} />
      )}
      {own && (
        <Delete
          endpoint={endpoint}
          contract={own}
          open={open === "delete"}
          onClose={() => setOpen(undefined)}
        />
      )}
    </>
  );
}

function Delete({
  endpoint,
  contract,
  open,
  onClose,
}: {
  endpoint: Endpoint;
  contract: OwnContract;
  open: boolean;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const deleting = useMutation({
    mutationFn: () => deleteWebhook(contract, endpoint.id),
    onSuccess: () => {
      navigate("/endpoints");
      void client.invalidateQueries({ queryKey: ["endpoints"] });
      say(`${endpoint.name} is deleted`);
    },
    onError: sayFailure,
  });
  const { pending } = endpoint.health;
  return (
    <Confirm
      open={open}
      onClose={onClose}
      title={`Delete ${endpoint.name}?`}
      action={`Delete ${endpoint.name}`}
      busy={deleting.isPending}
      onConfirm={() => deleting.mutate()}
    >
      <p className="mono break-all">{endpoint.url}</p>
      <p>
        Its configuration and its signing secret go, and cannot be brought back.
        {pending > 0 &&
          ` ${counted(pending, "delivery that waits ends", "deliveries that wait end")} as failed.`}{" "}
        What was delivered stays in the list of deliveries.
      </p>
    </Confirm>
  );
}
