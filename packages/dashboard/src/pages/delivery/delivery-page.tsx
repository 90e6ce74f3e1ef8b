import { Link } from "wouter";
import { Copy } from "../../components/copy.tsx";
import { Page } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { one, printSearch, useTypedSearch } from "../../search.ts";
import { DeliveryDetail } from "./delivery-detail.tsx";

const spec = { id: one() } as const;

/** One delivery on a page of its own, with an address to share. */
export default function DeliveryPage() {
  const [{ id }] = useTypedSearch(spec);
  if (id === undefined) {
    return (
      <Page title="Delivery">
        <Empty title="The address names no delivery">
          <Link href="/deliveries" className="btn">
            See all deliveries
          </Link>
        </Empty>
      </Page>
    );
  }
  return (
    <Page
      title="Delivery"
      about={
        <Link href={`/deliveries${printSearch({ delivery: id })}`} className="link">
          In the list
        </Link>
      }
      actions={
        <Copy text={() => location.href} what="the address of this page" className="btn">
          Copy the address
        </Copy>
      }
    >
      <div className="@container mx-auto max-w-6xl">
        <DeliveryDetail key={id} id={id} />
      </div>
    </Page>
  );
}
