import type { PortalLink } from "@postrider/sdk";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { portalLinksQuery, revokePortalLink } from "../../api/portal-links.ts";
import { Confirm } from "../../components/dialogs.tsx";
import { Listed } from "../../components/listed.tsx";
import { type NameOf, useEndpointNames } from "../../components/names.ts";
import { Page } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { Moment } from "../../components/times.tsx";
import { say, sayFailure } from "../../components/toasts.tsx";
import { useMay } from "../../shell/viewer.tsx";
import { shortId } from "../../words/names.ts";
import { NewPortalLinkDialog } from "./new-portal-link-dialog.tsx";

/** The links that show customers of this team their endpoints. */
export default function PortalLinksPage() {
  const may = useMay("admin");
  const [creates, setCreates] = useState(false);
  const query = useInfiniteQuery({ ...portalLinksQuery, enabled: may });
  const links = query.data?.pages.flatMap((page) => page.portal_links) ?? [];
  const nameOf = useEndpointNames(links.flatMap((link) => link.endpoint_ids ?? []));
  const create = (
    <button type="button" className="btn btn-primary" onClick={() => setCreates(true)}>
      New link…
    </button>
  );
  return (
    <Page title="Portal links" needs="admin" actions={create}>
      <div className="bg-surface">
        <Listed
          query={query}
          items={links}
          label="Portal links"
          skeletonRows={4}
          empty={
            <Empty title="No active portal links">
              <p>
                A link lets a customer see the endpoints of this team, or some of them, without an
                account: for at most a day, and nothing else.
              </p>
            </Empty>
          }
          row={(link) => <Row key={link.id} link={link} nameOf={nameOf} />}
        />
      </div>
      {creates && <NewPortalLinkDialog onClose={() => setCreates(false)} />}
    </Page>
  );
}

function Row({ link, nameOf }: { link: PortalLink; nameOf: NameOf }) {
  const client = useQueryClient();
  const [asks, setAsks] = useState(false);
  const revoking = useMutation({
    mutationFn: () => revokePortalLink(link.id),
    onSuccess: () => {
      setAsks(false);
      void client.invalidateQueries({ queryKey: portalLinksQuery.queryKey });
      say("The link is revoked");
    },
    onError: sayFailure,
  });
  const shown =
    link.endpoint_ids === null
      ? "All endpoints"
      : link.endpoint_ids.map((id) => nameOf(id) ?? shortId(id)).join(", ");
  const { accent, background, logo_url } = link.theme ?? {};
  const dress = [accent, background, logo_url && "a logo"].filter(Boolean).join(", ");
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2.5">
      <div className="min-w-0 flex-1 basis-60">
        <p className="font-[600] [overflow-wrap:anywhere]">{shown}</p>
        <p className="text-[13px] text-ink-3">
          {link.access === "read" ? "to look" : "to look and to change"}
          {dress && `, in ${dress}`}
        </p>
      </div>
      <span className="text-[13px] text-ink-2">
        made <Moment at={link.created_at} />, until <Moment at={link.expires_at} />
      </span>
      <button
        type="button"
        className="btn btn-danger"
        aria-label={`Revoke the link to ${shown}…`}
        onClick={() => setAsks(true)}
      >
        Revoke…
      </button>
      <Confirm
        open={asks}
        onClose={() => setAsks(false)}
        title="Revoke this link?"
        action="Revoke the link"
        busy={revoking.isPending}
        onConfirm={() => revoking.mutate()}
      >
        <p>
          Whoever came in by it is out at once, and it opens nothing any more. It leads to: {shown}.
        </p>
      </Confirm>
    </li>
  );
}
