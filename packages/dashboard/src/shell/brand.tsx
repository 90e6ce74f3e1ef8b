import { useQueryClient } from "@tanstack/react-query";
import type { Viewer } from "../api/session.ts";
import { viewerQuery } from "../api/session.ts";

/** The name of the product, or a portal's own logo. */
export function Brand() {
  const viewer = useQueryClient().getQueryData<Viewer | null>(viewerQuery.queryKey);
  const logo = viewer?.portal?.theme?.logo_url;
  if (logo) return <img src={logo} alt="Webhooks" className="max-h-8 max-w-40" />;
  return (
    <div className="flex items-center gap-2 text-[15px] font-bold tracking-tight">
      <svg viewBox="0 0 20 20" className="size-5" aria-hidden="true">
        <rect
          x="1"
          y="4"
          width="18"
          height="12"
          rx="2.5"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.8"
        />
        <path d="M2 6l8 5.4L18 6" fill="none" stroke="currentColor" strokeWidth="1.8" />
        <circle cx="16.5" cy="4.5" r="3.2" className="fill-accent" />
      </svg>
      Postrider
    </div>
  );
}
