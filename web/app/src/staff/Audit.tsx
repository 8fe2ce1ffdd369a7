import type { Event } from "@gatehouse/client";
import { useGatehouse } from "@gatehouse/client/react";
import { Button } from "../ui/Button";
import { Log } from "../ui/icons";
import { Problem } from "../ui/Note";
import { Empty, Page, Skeleton } from "../ui/Page";
import { useAct } from "../ui/useAct";
import { actions } from "../words/event";
import { EventTable } from "./EventTable";
import { Choice, PauseButton, SearchBox, Toolbar } from "./parts";
import { useFeed } from "./useFeed";
import { useUrlChoice, useUrlQuery } from "./useUrlQuery";

const isId = (text: string) => /^[a-z]{3}_\w+$/i.test(text);

export function Audit() {
  const gh = useGatehouse();
  const { typed, value, set } = useUrlQuery();
  const [action, setAction] = useUrlChoice("action");
  const [by, setBy] = useUrlChoice("by");
  const side = by ? "actor" : "target";
  // The trail is searched by id. An address is looked up first.
  async function idOf(text: string): Promise<string | undefined> {
    if (!text || isId(text)) return text || undefined;
    return (await gh.admin.users.list({ q: text, limit: 1 })).users[0]?.id ?? "usr_nobody";
  }
  let wanted: string | undefined;
  const feed = useFeed<Event>(
    {
      async list(cursor) {
        wanted = await idOf(value);
        const page = await gh.admin.audit.list({
          cursor,
          action: action || undefined,
          ...(wanted && { [side]: wanted }),
        });
        return { items: page.events, next: page.next_cursor };
      },
      watch: (cb, onGap, onError) => gh.admin.audit.watch(cb, onGap, onError),
      fits: (e) => (!action || e.action === action) && (!value || e[side].id === (wanted ?? value)),
    },
    JSON.stringify([value, action, by]),
  );
  const { items, error } = feed;
  const more = useAct(async () => feed.more?.());
  return (
    <Page
      wide
      title="Audit"
      lead="What happened, newest first, live. Rows are never changed."
      actions={<PauseButton {...feed} />}
    >
      <Toolbar>
        <SearchBox label="Search audit" value={typed} onChange={set} placeholder="A user's e-mail, or an id" />
        <Choice
          label="Side"
          value={by}
          onChange={setBy}
          options={[
            ["", "Done to them"],
            ["1", "Done by them"],
          ]}
        />
        <Choice
          label="Action"
          value={action}
          onChange={setAction}
          options={[["", "Every action"], ...actions.map((a): [string, string] => [a, a])]}
        />
      </Toolbar>
      {Boolean(error) && (
        <div className="mb-4">
          <Problem error={error} what={items ? "This may be old." : "The audit can't be shown."} retry={feed.reload} />
        </div>
      )}
      <div className={`card overflow-clip ${error && items ? "opacity-60" : ""}`}>
        {!items && feed.isLoading && <Skeleton rows={8} />}
        {items && items.length > 0 && <EventTable events={items} />}
        {items?.length === 0 && (
          <Empty icon={<Log size={22} />} title="Nothing found">
            Try another person or action.
          </Empty>
        )}
      </div>
      {feed.more && (
        <div className="mt-4 space-y-2 text-center">
          <Problem error={more.error} />
          <Button busy={more.pending} onClick={() => more.run()}>
            Show older
          </Button>
        </div>
      )}
    </Page>
  );
}
