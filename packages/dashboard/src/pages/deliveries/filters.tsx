import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { endpointsQuery } from "../../api/endpoints.ts";
import { ClearChip, MultiFilter } from "../../components/multi-filter.tsx";
import { useEndpointNames } from "../../components/names.ts";
import type { ChangeSearch, Searched } from "../../search.ts";
import { eventTypes } from "../../words/event-types.ts";
import { shortId } from "../../words/names.ts";
import { outcomes } from "../../words/outcomes.ts";
import { type deliveriesSpec, idTyped } from "./sought.ts";
import { TimeFilter } from "./time-filter.tsx";

type Props = {
  address: Searched<typeof deliveriesSpec>;
  change: ChangeSearch<typeof deliveriesSpec>;
};

const statusOptions = Object.entries(outcomes).map(([value, { word }]) => ({ value, label: word }));
const typeOptions = Object.values(eventTypes)
  .flat()
  .map((value) => ({ value, label: value }));

/** The filters of the list; all of them are in the address. */
export function Filters({ address, change }: Props) {
  const { data } = useQuery(endpointsQuery());
  const nameOf = useEndpointNames(address.endpoint);
  // With those that were chosen elsewhere and are not among the newest.
  const ids = new Set([...(data?.endpoints ?? []).map(({ id }) => id), ...address.endpoint]);
  const endpoints = [...ids].map((id) => ({ value: id, label: nameOf(id) ?? shortId(id) }));
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line bg-surface px-4 py-2">
      <MultiFilter
        label="Status"
        options={statusOptions}
        chosen={address.status}
        onChange={(status) => change({ status: status as typeof address.status })}
      />
      <MultiFilter
        label="Endpoint"
        options={endpoints}
        chosen={address.endpoint}
        onChange={(endpoint) => change({ endpoint })}
      />
      <MultiFilter
        label="Event type"
        options={typeOptions}
        chosen={address.type}
        onChange={(type) => change({ type })}
      />
      <TimeFilter from={address.from} to={address.to} onChange={(span) => change(span)} />
      {address.error.length > 0 && (
        <MultiFilter
          label="Error"
          options={[]}
          chosen={address.error}
          onChange={(error) => change({ error })}
        />
      )}
      <IdFilter key={address.about ?? address.event} address={address} change={change} />
      <span className="ml-auto hidden gap-1 text-xs text-ink-3 xl:flex" aria-hidden="true">
        <kbd className="kbd">j</kbd> <kbd className="kbd">k</kbd> move <kbd className="kbd">↵</kbd>{" "}
        open <kbd className="kbd">r</kbd> retry
      </span>
    </div>
  );
}

function IdFilter({ address, change }: Props) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const id = address.about ?? address.event;
  if (id !== undefined) {
    return (
      <span className="chip max-w-60" data-on="true">
        {address.event === undefined ? "About" : "Event"}
        <b className="mono truncate" title={id}>
          {id}
        </b>
        <ClearChip what="the id" onClear={() => change({ about: undefined, event: undefined })} />
      </span>
    );
  }
  return (
    <form
      className="flex items-center gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        const found = idTyped(text);
        setWrong(found === undefined && text.trim() !== "");
        if (found) change(found);
      }}
    >
      <input
        className="h-7 w-40 rounded-full border border-line-strong bg-surface px-3 text-[13px] placeholder:text-ink-3"
        placeholder="Run, call or id"
        aria-label="Id of a workflow, run, call, assistant or event"
        aria-invalid={wrong}
        aria-describedby={wrong ? "id-filter-wrong" : undefined}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {wrong && (
        <span id="id-filter-wrong" role="alert" className="text-xs text-bad">
          This is no id. Paste a whole one.
        </span>
      )}
    </form>
  );
}
